// The npm package: put together, packed, installed offline into a folder of its own, and used there.
// Environment: BERALIH_NPM_BIN, the folder of an npm (else the PATH's); without one these tests are skipped.
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {after} from 'node:test';
import {fileURLToPath} from 'node:url';
import {loadCore} from '../../wasm/index.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(path.join(tmpdir(), 'beralih-package-'));
after(() => rmSync(scratch, {recursive: true, force: true}));

function run(cwd, command, ...args) {
  const env = {...process.env, PATH: [process.env.BERALIH_NPM_BIN, process.env.PATH].filter(Boolean).join(path.delimiter)};
  // The tests' own node runs the examples, npm brings whichever it has.
  const program = command === 'node' ? process.execPath : command;
  return spawnSync(program, args, {cwd, env, encoding: 'utf8', timeout: 120_000});
}

function succeed(...command) {
  const {status, stdout, stderr, error} = run(...command);
  assert.equal(status, 0, `${command.slice(1).join(' ')}: ${error ?? ''}${stderr}`);
  return stdout;
}

const noNpm = run(root, 'npm', '--version').status !== 0 && 'there is no npm here';
const image = path.join(root, 'tests/fuzz/corpus/decode/png_rgb');
const broken = path.join(scratch, 'broken.png');
let installed;

test('npm pack makes a tarball of the listed files', {skip: noNpm}, () => {
  succeed(root, 'node', 'wasm/pack.mjs', path.join(scratch, 'package'));
  const [packed] = JSON.parse(succeed(scratch, 'npm', 'pack', '--json', '--offline', './package'));
  const names = packed.files.map((file) => file.path).sort();
  assert.deepEqual(names, [
    'LICENSE', 'README.md', 'THIRD_PARTY_NOTICES.md', 'beralih_core.mjs', 'beralih_core.wasm', 'beralih_core_scalar.wasm',
    'index.d.ts', 'index.mjs', 'node.mjs', 'package.json',
  ]);
  installed = path.join(scratch, 'project');
  succeed(scratch, 'mkdir', 'project');
  writeFileSync(path.join(installed, 'package.json'), '{"name": "project", "private": true, "type": "module"}');
  succeed(installed, 'npm', 'install', '--offline', '--no-audit', '--no-fund', path.join(scratch, packed.filename));
  for (const name of ['node.mjs', 'worker.mjs']) copyFileSync(path.join(root, 'wasm/examples', name), path.join(installed, name));
});

test('the examples compute the tensor of the module that was packed', {skip: noNpm}, async () => {
  const wasmBinary = readFileSync(path.join(root, 'build/wasm/wasm/beralih_core.wasm'));
  const core = await loadCore({wasmBinary});
  const preprocessor = core.openPreset('dlib:resnet34');
  const expected = preprocessor.preprocess(readFileSync(image));
  preprocessor.close();
  const line = `1 3 227 227 ${expected.tensorSha256}`;
  assert.equal(succeed(installed, 'node', 'node.mjs', image, image), `${line}\n${line}\n`);
  writeFileSync(broken, readFileSync(image).subarray(0, 60));
  const [first, second, third] = succeed(installed, 'node', 'worker.mjs', image, broken, image).trim().split('\n');
  assert.equal(first, `${line} ${3 * 227 * 227}`);
  assert.match(second, /^corrupt_image: PNG: /);
  assert.equal(third, first);
});

test('the version is the core\'s, and the module can be asked for by name', {skip: noNpm}, () => {
  writeFileSync(
    path.join(installed, 'check.mjs'),
    `import {createRequire} from 'node:module';
     import {loadCore} from '@beralih/core';
     const require = createRequire(import.meta.url);
     const {version} = require('@beralih/core/package.json');
     console.log((await loadCore()).version === version, require.resolve('@beralih/core/beralih_core.wasm').endsWith('.wasm'));`,
  );
  assert.equal(succeed(installed, 'node', 'check.mjs'), 'true true\n');
});

const compiler = path.join(root, 'web/node_modules/typescript/bin/tsc');
test('the types fit their use', {skip: noNpm || (!existsSync(compiler) && 'there is no TypeScript here')}, () => {
  writeFileSync(
    path.join(installed, 'typed.ts'),
    `import {loadCore, type Core, type PreprocessResult} from '@beralih/core';
     const core: Core = await loadCore();
     const result: PreprocessResult = core.openPreset('dlib:resnet34').preprocess(new Uint8Array());
     // @ts-expect-error: a tensor is no string
     export const wrong: string = result.tensor;
     export const shape: number[] = result.shape;`,
  );
  const flags = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--lib', 'es2022,dom'];
  const done = run(installed, 'node', compiler, ...flags, 'typed.ts');
  assert.equal(done.status, 0, done.stdout);
});
