// Native and WebAssembly compute the same: every file of the shared test data, the same hashes or the same error.
// Environment: BERALIH_SHARED (a directory with data/images and data/photos), BERALIH_REQUIRE_SHARED=1 (its absence
// fails instead of skipping), BERALIH_BIN (the native command).
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {readdirSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const native = process.env.BERALIH_BIN ?? path.join(root, 'build/release/native_server/beralih');
const twin = path.join(root, 'wasm/preprocess.mjs');
const shared = process.env.BERALIH_SHARED;
const skip = !shared && process.env.BERALIH_REQUIRE_SHARED !== '1' && 'BERALIH_SHARED is not set';

const LEAST_FILES = 200;
const OUTPUT_LIMIT = 64 << 20;

/** Each names what it covers that the others do not. */
const CASES = [
  {name: 'dlib: raw values, orientation applied', args: ['--preset', 'dlib:resnet34']},
  {name: 'ViT V1: bilinear, orientation ignored', args: ['--preset', 'torchvision:ViT_L_16_Weights.IMAGENET1K_V1']},
  {name: 'SWAG: bicubic', args: ['--preset', 'torchvision:ViT_L_16_Weights.IMAGENET1K_SWAG_E2E_V1']},
  {name: 'Hugging Face: exact size, multiplied', args: ['--preset', 'hf-vit']},
  {
    name: 'lanczos, longest side, padding, BGR, NHWC, uint8, 16-bit gray as Pillow',
    args: [
      '--preset', 'dlib:resnet34', '--set', 'resize_longest_side=160', '--set', 'resize_filter=lanczos',
      '--set', 'pad_value=1,2,3', '--set', 'channel_order=BGR', '--set', 'layout=NHWC', '--set', 'dtype=uint8',
      '--set', 'gray16=pillow',
    ],
  },
  {
    name: 'hamming, no crop',
    args: ['--preset', 'hf-vit', '--set', 'resize_exact=96,120', '--set', 'resize_filter=hamming'],
  },
  {
    name: 'box, no crop',
    args: ['--preset', 'hf-vit', '--set', 'resize_exact=111,77', '--set', 'resize_filter=box'],
  },
  {
    name: 'nearest, a limit of 100,000 pixels',
    args: ['--preset', 'dlib:resnet34', '--set', 'resize_filter=nearest', '--max-pixels', '100000'],
  },
];

function filesBelow(directory) {
  return readdirSync(directory, {withFileTypes: true})
    .flatMap((entry) => {
      const entryPath = path.join(directory, entry.name);
      return entry.isDirectory() ? filesBelow(entryPath) : [entryPath];
    })
    .sort();
}

/** The command's lines, without what may differ: the times. Their presence and the keys' order count. */
function lines(command, args) {
  return new Promise((resolve, reject) => {
    execFile(command, args, {maxBuffer: OUTPUT_LIMIT}, (error, stdout, stderr) => {
      if (error && error.code !== 1) return reject(error); // 1: some file could not be preprocessed
      if (stderr) return reject(new Error(`${command}: ${stderr}`));
      const untimed = stdout.trimEnd().split('\n').map((line) =>
        JSON.stringify(JSON.parse(line, (key, value) => (key === 'timings_ms' ? Object.keys(value) : value))));
      return resolve(untimed);
    });
  });
}

for (const {name, args} of CASES) {
  test(`native == WASM: ${name}`, {skip}, async (t) => {
    assert.ok(shared, 'BERALIH_REQUIRE_SHARED=1, but BERALIH_SHARED is not set');
    const files = ['images', 'photos'].flatMap((directory) => filesBelow(path.join(shared, 'data', directory)));
    assert.ok(files.length >= LEAST_FILES, `only ${files.length} files in ${shared}/data`);
    const [ours, theirs] = await Promise.all([
      lines(process.execPath, [twin, '--json', ...args, ...files]),
      lines(native, ['preprocess', '--json', ...args, ...files]),
    ]);
    assert.equal(ours.length, files.length, 'lines of the WASM command');
    assert.equal(theirs.length, files.length, 'lines of the native command');

    const different = files.filter((_, i) => ours[i] !== theirs[i]);
    const same = files.map((_, i) => i).filter((i) => ours[i] === theirs[i]);
    const errors = same.filter((i) => 'error' in JSON.parse(ours[i]));
    t.diagnostic(`${files.length} files: ${same.length - errors.length} equal tensors, ${errors.length} equal errors, ` +
      `${different.length} different`);
    assert.ok(same.length > errors.length, 'no file became a tensor');
    const first = files.indexOf(different[0]);
    assert.equal(different.length, 0,
      `${different.length} files differ, first\n  wasm   ${ours[first]}\n  native ${theirs[first]}`);
  });
}
