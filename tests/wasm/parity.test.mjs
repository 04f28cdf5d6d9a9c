// Native and WebAssembly, with SIMD and without, compute the same: every file of the shared test data, the same hashes or
// the same error.
// Environment: BERALIH_SHARED (a directory with data/images and data/photos), BERALIH_REQUIRE_SHARED=1 (its absence
// fails instead of skipping), BERALIH_BIN (the native command).
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
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

async function compare(t, args, files) {
  const rest = [...args, '--json', ...files];
  const [theirs, simd, scalar] = await Promise.all([
    lines(native, ['preprocess', ...rest]),
    lines(process.execPath, [twin, ...rest]),
    lines(process.execPath, [twin, '--no-simd', ...rest]),
  ]);
  assert.equal(theirs.length, files.length, 'lines of the native command');
  compareLines(t, 'with SIMD', simd, theirs, files);
  compareLines(t, 'without SIMD', scalar, theirs, files);
}

function compareLines(t, module, ours, theirs, files) {
  assert.equal(ours.length, files.length, `lines of the WASM command, ${module}`);
  const same = ours.filter((line, i) => line === theirs[i]);
  const errors = same.filter((line) => 'error' in JSON.parse(line));
  const different = files.length - same.length;
  t.diagnostic(`${module}, ${files.length} files: ${same.length - errors.length} equal tensors, ${errors.length} equal errors, ` +
    `${different} different`);
  const first = ours.findIndex((line, i) => line !== theirs[i]);
  assert.equal(different, 0, `${module}: ${different} files differ, first\n  wasm   ${ours[first]}\n  native ${theirs[first]}`);
  assert.ok(same.length > errors.length, 'no file became a tensor');
}

function sharedFiles() {
  assert.ok(shared, 'BERALIH_REQUIRE_SHARED=1, but BERALIH_SHARED is not set');
  const files = ['images', 'photos'].flatMap((directory) => filesBelow(path.join(shared, 'data', directory)));
  assert.ok(files.length >= LEAST_FILES, `only ${files.length} files in ${shared}/data`);
  return files;
}

for (const {name, args} of CASES) {
  test(`native == WASM: ${name}`, {skip}, (t) => compare(t, args, sharedFiles()));
}

/** The JPEG with 1 and 255 in its quantisation tables: the inverse DCT then overflows. undefined: it has none. */
function overflowing(file) {
  const bytes = readFileSync(file);
  const tables = bytes.readUInt16BE(0) === 0xffd8 ? bytes.indexOf(Buffer.of(0xff, 0xdb)) : -1;
  if (tables < 0) return undefined;
  const end = Math.min(tables + 2 + bytes.readUInt16BE(tables + 2), bytes.length);
  for (let i = tables + 5; i < end; ++i) if ((i - tables - 4) % 65 !== 0) bytes[i] = i % 3 === 0 ? 1 : 255;
  return bytes;
}

test('native == WASM: JPEGs whose coefficients overflow', {skip}, async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'beralih-parity-'));
  try {
    const files = sharedFiles().flatMap((file, i) => {
      const bytes = overflowing(file);
      if (!bytes) return [];
      const copy = path.join(directory, `${i}-${path.basename(file)}`);
      writeFileSync(copy, bytes);
      return [copy];
    });
    await compare(t, ['--preset', 'hf-vit'], files);
  } finally {
    rmSync(directory, {recursive: true});
  }
});
