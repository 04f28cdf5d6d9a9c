// The typed interface of wasm/index.mjs and its command, in Node.
// Environment: BERALIH_BUNDLE (a prepared bundle; its golden cases are skipped where it is absent).
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import {fileURLToPath} from 'node:url';
import {brotliCompressSync, deflateSync} from 'node:zlib';
import {loadCore, supportsSimd} from '../../wasm/index.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundle = path.resolve(process.env.BERALIH_BUNDLE ?? path.join(root, 'models/bundles/resnet34'));
const noBundle = !existsSync(path.join(bundle, 'contract.json')) && `there is no bundle at ${bundle}`;

// The module's memory, to see that it does not grow without need.
let memory;
const {instantiate} = WebAssembly;
WebAssembly.instantiate = async (...args) => {
  const result = await instantiate(...args);
  memory = Object.values(result.instance.exports).find((value) => value instanceof WebAssembly.Memory);
  return result;
};
const core = await loadCore({wasmBinary: readFileSync(path.join(root, 'build/wasm/wasm/beralih_core.wasm'))});
WebAssembly.instantiate = instantiate;
const scalarFile = path.join(root, 'build/wasm/wasm/beralih_core_scalar.wasm');
const scalarCore = await loadCore({wasmBinary: readFileSync(scalarFile)});

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; ++bit) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function pngChunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  const number = (value) => Buffer.from(Uint32Array.of(value).buffer).reverse();
  return Buffer.concat([number(data.length), body, number(crc32(body))]);
}

/** An RGB picture of one colour. */
function png(width, height, color = [10, 20, 30]) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const row = Buffer.concat([Buffer.of(0), Buffer.from(Array(width).fill(color).flat())]);
  const data = deflateSync(Buffer.concat(Array(height).fill(row)));
  const signature = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', data), pngChunk('IEND', Buffer.alloc(0))]);
}

const fails = (call, code, message) =>
  assert.throws(call, (error) => {
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return error instanceof Error;
  });

test('the build says what it is', () => {
  assert.match(core.version, /^\d+\.\d+\.\d+$/);
  assert.equal(core.simd, true);
  assert.equal(scalarCore.simd, false);
  assert.equal(supportsSimd(), true); // of this Node
});

test('the module for browsers without SIMD has no vector instruction, the other has', () => {
  const vectors = (file) => {
    const {stdout, error} = spawnSync('wasm-dis', [file], {encoding: 'utf8', maxBuffer: 1 << 30});
    assert.ifError(error);
    return stdout.match(/\bv128\b/g)?.length ?? 0;
  };
  assert.equal(vectors(scalarFile), 0);
  assert.ok(vectors(scalarFile.replace('_scalar', '')) > 100);
});

test('both modules stay within 150 KB of Brotli', (t) => {
  for (const file of [scalarFile, scalarFile.replace('_scalar', '')]) {
    const size = brotliCompressSync(readFileSync(file)).length;
    t.diagnostic(`${path.basename(file)}: ${size} bytes`);
    assert.ok(size <= 150_000, `${file}: ${size} bytes`);
  }
});

test('a module that is none is refused in words', async () => {
  await assert.rejects(loadCore({wasmBinary: Uint8Array.of(1, 2, 3)}), {code: 'unavailable', message: /could not be started/});
});

test('SHA-256 equals the platform\'s for every length around its blocks', () => {
  const bytes = Uint8Array.from({length: 300}, (_, i) => (i * 7 + 3) & 255);
  for (let length = 0; length <= bytes.length; ++length) {
    assert.equal(core.sha256(bytes.subarray(0, length)), sha256(bytes.subarray(0, length)));
  }
  const large = new Uint8Array((5 << 20) + 1).fill(0x61);
  assert.equal(core.sha256(large), sha256(large));
});

test('topK: the core\'s softmax, most probable first, ties to the lower index', () => {
  const answer = core.topK(Float32Array.of(1, 3, 2, 3), 3);
  assert.deepEqual(answer.map(({index}) => index), [1, 3, 2]);
  const sum = Math.exp(-2) + 1 + Math.exp(-1) + 1;
  assert.ok(Math.abs(answer[0].probability - 1 / sum) < 1e-15);
  assert.equal(core.topK(Float32Array.of(5), 10).length, 1);
  assert.deepEqual(core.topK(new Float32Array(0), 5), []);
  assert.deepEqual(core.topK(Float32Array.of(9, 1, 2).subarray(1), 1).map(({index}) => index), [1]);
  fails(() => core.topK([1, 2], 1), 'invalid_argument', /Float32Array/);
  fails(() => core.topK(Float32Array.of(1), -1), 'invalid_argument', /whole number/);
});

test('a picture becomes the tensor that its knobs say', () => {
  const preprocessor = core.openPreset('dlib:resnet34');
  const result = preprocessor.preprocess(png(300, 400));
  assert.deepEqual([result.format, result.width, result.height, result.dtype], ['png', 300, 400, 'float32']);
  assert.deepEqual(result.shape, [1, 3, 227, 227]);
  assert.ok(result.tensor instanceof Float32Array);
  assert.equal(result.tensor.length, 3 * 227 * 227);
  const expected = [122.782, 117.001, 104.298].map((mean, c) =>
    Math.fround(Math.fround([10, 20, 30][c] - Math.fround(mean)) / 256));
  for (let c = 0; c < 3; ++c) {
    assert.ok(result.tensor.subarray(c * 227 * 227, (c + 1) * 227 * 227).every((value) => value === expected[c]));
  }
  assert.deepEqual([result.crop.width, result.crop.height, result.crop.rgb.length], [227, 227, 227 * 227 * 3]);
  assert.equal(result.tensorSha256, sha256(result.tensor));
  assert.equal(result.cropSha256, sha256(result.crop.rgb));
  assert.equal(result.pixelsSha256, sha256(Buffer.from(Array(300 * 400).fill([10, 20, 30]).flat())));
  for (const stage of ['decode', 'resize', 'normalize']) assert.ok(result.timings[stage] >= 0);
  preprocessor.close();
});

test('the tensor alone is the same tensor', () => {
  for (const each of [core, scalarCore]) {
    const preprocessor = each.openPreset('hf-vit');
    const whole = preprocessor.preprocess(png(300, 400));
    for (const again of [1, 2]) {
      const {tensor, timings, ...rest} = preprocessor.tensor(png(300, 400));
      assert.deepEqual(rest, {format: 'png', width: 300, height: 400, shape: [1, 3, 224, 224], dtype: 'float32'}, `call ${again}`);
      assert.equal(sha256(tensor), whole.tensorSha256);
      assert.deepEqual(Object.keys(timings), Object.keys(whole.timings));
    }
    fails(() => preprocessor.tensor(png(9, 9).subarray(0, 50)), 'corrupt_image', /PNG/);
    preprocessor.close();
  }
});

test('results stay what they were, whatever the module does next', () => {
  const preprocessor = core.openPreset('dlib:resnet34');
  const first = preprocessor.preprocess(png(40, 30));
  preprocessor.preprocess(png(3000, 2000, [200, 100, 50])); // the module's memory grows
  preprocessor.close();
  assert.equal(sha256(first.tensor), first.tensorSha256);
  assert.equal(sha256(first.crop.rgb), first.cropSha256);
});

test('memory is given back', () => {
  const logits = new Float32Array(100_000);
  const image = png(40, 30);
  const everything = () => {
    const preprocessor = core.openPreset('dlib:resnet34');
    preprocessor.preprocess(image);
    fails(() => preprocessor.preprocess(image, {maxPixels: 10}), 'image_too_large', /limit is 10/);
    fails(() => preprocessor.preprocess(image.subarray(0, 60)), 'corrupt_image', /PNG/);
    preprocessor.close();
    core.topK(logits, 100_000);
    core.sha256(image);
    core.comparePreprocessing('a='.padEnd(10_000), 'b='.padEnd(10_000));
  };
  everything();
  const before = memory.buffer.byteLength;
  for (let i = 0; i < 100; ++i) everything(); // one result alone holds 0.8 MB
  assert.equal(memory.buffer.byteLength, before);
});

test('knobs: set, refused by name, checked together', () => {
  const preprocessor = core.openPreset('hf-vit');
  preprocessor.setKnob('resize_exact', '30,40');
  preprocessor.setKnob('dtype', 'uint8');
  preprocessor.setKnob('layout', 'NHWC');
  const result = preprocessor.preprocess(png(8, 8));
  assert.deepEqual([result.shape, result.dtype], [[1, 30, 40, 3], 'uint8']);
  assert.ok(result.tensor instanceof Uint8Array);
  fails(() => preprocessor.setKnob('rotate', '90'), 'invalid_argument', /no knob is called "rotate"/);
  fails(() => preprocessor.setKnob('layout', 'CHWN'), 'invalid_argument', /layout: expected one of/);
  preprocessor.close();
  fails(() => core.openPreset('nothing'), 'invalid_argument', /there are dlib:resnet34/);
  fails(() => core.openSpec('{"exif": 1}'), 'invalid_contract', /exif/);
});

test('bad input names what is wrong', () => {
  const preprocessor = core.openPreset('dlib:resnet34');
  fails(() => preprocessor.preprocess(new Uint8Array(0)), 'invalid_argument', /empty/);
  fails(() => preprocessor.preprocess(Buffer.from('hello')), 'unsupported_format', /send JPEG, PNG/);
  fails(() => preprocessor.preprocess(png(9, 9).subarray(0, 50)), 'corrupt_image', /PNG/);
  fails(() => preprocessor.preprocess('text'), 'invalid_argument', /Uint8Array/);
  fails(() => preprocessor.preprocess(png(2, 2), {maxPixels: 0.5}), 'invalid_argument', /maxPixels/);
  preprocessor.close();
  preprocessor.close();
  fails(() => preprocessor.preprocess(png(2, 2)), 'invalid_argument', /closed/);
});

test('a contract that breaks its schema names the JSON path', () => {
  fails(() => core.openContract('{'), 'invalid_contract', /not valid JSON/);
  fails(() => core.openContract('{"schema": "beralih.contract/1"}'), 'invalid_contract', /^\$\.name: missing/);
  fails(() => core.openContract(7), 'invalid_argument', /string/);
});

test('comparePreprocessing names the first field that differs', () => {
  assert.equal(core.comparePreprocessing('a=1\nb=2\n', 'a=1\nb=2\n'), null);
  assert.deepEqual(core.comparePreprocessing('a=1\nb=2\n', 'a=1\nb=é\n'), {field: 'b', ours: '2', theirs: 'é'});
});

test('the bundle: every golden tensor from every module, with and without the trace', {skip: noBundle}, () => {
  const json = readFileSync(path.join(bundle, 'contract.json'));
  for (const each of [core, scalarCore]) {
    const contract = each.openContract(json);
    for (const {image, tensor_sha256: expected} of JSON.parse(json).golden) {
      const bytes = readFileSync(path.join(bundle, image));
      assert.equal(contract.preprocess(bytes).tensorSha256, expected, image);
      assert.equal(sha256(contract.tensor(bytes).tensor), expected, image);
    }
    contract.close();
  }
});

test('the bundle: hash, and every golden tensor', {skip: noBundle}, () => {
  const json = readFileSync(path.join(bundle, 'contract.json'));
  const contract = core.openContract(json);
  const {name, golden} = JSON.parse(json);
  assert.equal(contract.name, name);
  assert.equal(contract.preprocessingHash, sha256(contract.preprocessingText));
  assert.ok(golden.length > 0);
  for (const {image, tensor_sha256: expected} of golden) {
    assert.equal(contract.preprocess(readFileSync(path.join(bundle, image))).tensorSha256, expected, image);
  }
  const copy = contract.toPreprocessor();
  copy.setKnob('channel_order', 'BGR');
  const image = readFileSync(path.join(bundle, golden[0].image));
  contract.close();
  assert.notEqual(copy.preprocess(image).tensorSha256, golden[0].tensor_sha256);
  copy.close();
});

function command(...args) {
  const twin = path.join(root, 'wasm/preprocess.mjs');
  const {status, stdout, stderr} = spawnSync(process.execPath, [twin, ...args], {encoding: 'utf8', cwd: root});
  return {status, stdout, stderr};
}

test('the command: one sentence for wrong use', () => {
  const cases = [
    [['--preset', 'nothing', 'x'], 1, /^beralih: no preset is called "nothing"/],
    [['--preset', 'hf-vit', '--set', 'layout', 'x'], 1, /^beralih: --set wants knob=value/],
    [['--spec', 'absent.json', 'x'], 1, /^beralih: absent\.json: cannot open: No such file or directory/],
    [['--preset', 'hf-vit'], 2, /^beralih: IMAGE is required/],
    [['--nonsense', 'x'], 2, /^beralih: .*--nonsense/],
    [['--preset', 'hf-vit', '--spec', 'x', 'x'], 2, /^beralih: --preset excludes --spec/],
    [['--preset', 'hf-vit', '--max-pixels', '0', 'x'], 2, /^beralih: --max-pixels: expected a whole number/],
  ];
  for (const [args, status, message] of cases) {
    const result = command(...args);
    assert.equal(result.status, status, args.join(' '));
    assert.match(result.stderr, message);
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
  }
  assert.equal(command('--help').status, 0);
});

test('the command: a file that cannot be read is one line, and the exit status says so', () => {
  const {status, stdout} = command('--preset', 'hf-vit', '--json', 'absent.png');
  assert.equal(status, 1);
  assert.deepEqual(JSON.parse(stdout),
    {file: 'absent.png', error: {code: 'io', message: 'absent.png: cannot open: No such file or directory'}});
});
