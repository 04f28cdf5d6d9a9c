// The generated corpus (tests/parity/corpus.py) in the WebAssembly build: Pillow's verdicts, pixels and tensors.
// Environment: BERALIH_CORPUS (a folder that corpus.py has written; made anew where it is not given).
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import {loadCore} from '../../wasm/index.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const core = await loadCore({wasmBinary: readFileSync(path.join(root, 'build/wasm/wasm/beralih_core.wasm'))});

function makeCorpus(context) {
  const folder = mkdtempSync(path.join(tmpdir(), 'beralih-corpus-'));
  context.after(() => rmSync(folder, {recursive: true}));
  const made = spawnSync('/usr/bin/python3', [path.join(root, 'tests/parity/corpus.py'), folder], {encoding: 'utf8'});
  assert.equal(made.status, 0, made.stderr);
  return folder;
}

/** What the module makes of a file, in the words of expected.json. */
function outcome(preprocessor, file) {
  try {
    const {pixelsSha256, cropSha256, tensorSha256} = preprocessor.preprocess(readFileSync(file));
    return {pixels_sha256: pixelsSha256, crop_sha256: cropSha256, tensor_sha256: tensorSha256};
  } catch (error) {
    if (error.code === undefined) throw error;
    return {error: error.message};
  }
}

test('every generated file: the same verdict, pixels and tensor as Pillow', (context) => {
  const folder = process.env.BERALIH_CORPUS ?? makeCorpus(context);
  const {spec, files} = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8'));
  const preprocessor = core.openSpec(JSON.stringify(spec));
  const different = [];
  let compared = 0;
  for (const [name, expected] of Object.entries(files)) {
    const found = outcome(preprocessor, path.join(folder, name));
    compared += 1;
    const same = 'error' in expected ? 'error' in found : JSON.stringify(found) === JSON.stringify(expected);
    if (!same) different.push({name, expected, found});
  }
  preprocessor.close();
  context.diagnostic(`${compared} files compared`);
  assert.deepEqual(different.slice(0, 5), []);
  assert.ok(compared > 7000);
});
