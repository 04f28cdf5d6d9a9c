// The contract's rules in the WebAssembly build, as tests/contract checks them natively.
// Environment: BERALIH_BUNDLE (a prepared bundle; skipped where it is absent).
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import {loadCore} from '../../wasm/index.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = path.resolve(process.env.BERALIH_BUNDLE ?? path.join(root, 'models/bundles/resnet34'));
const file = path.join(bundle, 'contract.json');
const skip = !existsSync(file) && `there is no bundle at ${bundle}`;
const core = await loadCore({wasmBinary: readFileSync(path.join(root, 'build/wasm/wasm/beralih_core.wasm'))});

const read = () => JSON.parse(readFileSync(file, 'utf8'));
const open = (contract) => core.openContract(JSON.stringify(contract));
const refused = (contract, message) =>
  assert.throws(() => open(contract), (error) => error.code === 'invalid_contract' && message.test(error.message));

test('a newer minor version loads, a newer major is refused with the reason', {skip}, () => {
  const newer = {...read(), schema: 'beralih.contract/1.7', novelty: {a: 1}};
  const contract = open(newer);
  const plain = open(read());
  assert.equal(contract.preprocessingHash, plain.preprocessingHash);
  contract.close();
  plain.close();
  refused({...read(), novelty: 1}, /^\$\.novelty: unknown field/);
  refused({...newer, preprocessing: {...newer.preprocessing, gamma: 2.2}}, /^\$\.preprocessing\.gamma: unknown field/);
  refused({...read(), schema: 'beralih.contract/2'},
    /^\$\.schema: this program reads "beralih\.contract\/1", found "beralih\.contract\/2"/);
});

test('two contracts are compared by the first knob that differs, with both values', {skip}, () => {
  const other = read();
  other.preprocessing.resize_filter = 'bicubic';
  other.preprocessing.pad_value = [1, 2, 3];
  const [ours, theirs] = [open(read()), open(other)];
  assert.notEqual(ours.preprocessingHash, theirs.preprocessingHash);
  assert.deepEqual(core.comparePreprocessing(ours.preprocessingText, theirs.preprocessingText),
    {field: 'resize_filter', ours: 'bilinear', theirs: 'bicubic'});
  ours.close();
  theirs.close();
});

test('a preset has the knobs that the native command lists, and a wrong name the nearest', () => {
  const program = process.env.BERALIH_BIN ?? path.join(root, 'build/release/native_server/beralih');
  const listed = spawnSync(program, ['presets'], {encoding: 'utf8'});
  assert.equal(listed.status, 0, listed.stderr);
  const names = listed.stdout.trimEnd().split('\n').map((line) => line.split(' ')[0]);
  assert.ok(names.length >= 150);
  for (const name of names) core.openPreset(name).close();
  assert.throws(() => core.openPreset('timm:resnet50.a1'), /the nearest is "timm:resnet50\.a1_in1k"/);
});
