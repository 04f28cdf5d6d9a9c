// The npm package as a page gets it: unpacked on a server, loaded by a module worker of a real browser.
// Environment: BERALIH_CHROMIUM (/usr/bin/chromium); without it, or without web/node_modules, skipped.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {after} from 'node:test';
import {fileURLToPath} from 'node:url';
import {loadCore} from '../../../wasm/index.mjs';
import {inChromium, missingBrowser} from './chromium.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const scratch = mkdtempSync(path.join(tmpdir(), 'beralih-browser-'));
after(() => rmSync(scratch, {recursive: true, force: true}));

const WORKER = `
  import {loadCore, supportsSimd} from './index.mjs';
  const loading = loadCore();
  onmessage = async ({data}) => {
    const core = await loading;
    const preprocessor = core.openPreset('dlib:resnet34');
    try {
      const {shape, tensor, tensorSha256} = preprocessor.preprocess(data);
      postMessage({shape, tensor, tensorSha256, simd: core.simd, supported: supportsSimd()}, [tensor.buffer]);
    } catch (error) {
      postMessage({error: error.code + ': ' + error.message});
    } finally {
      preprocessor.close();
    }
  };`;

/** In the page: each image through one worker, one after the other. */
async function askWorker(images) {
  const worker = new Worker('/worker.mjs', {type: 'module'});
  const answers = [];
  for (const image of images) {
    answers.push(await new Promise((resolve, reject) => {
      worker.onmessage = ({data}) => resolve({...data, tensor: data.tensor?.length});
      worker.onerror = (event) => reject(new Error(event.message ?? 'the worker did not start'));
      worker.postMessage(Uint8Array.from(image));
    }));
  }
  worker.terminate();
  return answers;
}

test('a worker of a browser loads the packed module and computes Node\'s tensor', {skip: missingBrowser()}, async () => {
  execFileSync(process.execPath, [path.join(root, 'wasm/pack.mjs'), scratch]);
  const image = readFileSync(path.join(root, 'tests/fuzz/corpus/decode/jpeg_420'));
  const core = await loadCore({wasmBinary: readFileSync(path.join(root, 'build/wasm/wasm/beralih_core.wasm'))});
  const preprocessor = core.openPreset('dlib:resnet34');
  const expected = preprocessor.preprocess(image);
  preprocessor.close();

  const images = [image, image.subarray(0, 200), image].map((bytes) => [...bytes]);
  const answers = await inChromium({folder: scratch, pages: {'/worker.mjs': WORKER}},
    (page) => page.evaluate(askWorker, images));
  const {shape, tensorSha256} = expected;
  const whole = {shape, tensor: 3 * 227 * 227, tensorSha256, simd: true, supported: true};
  assert.deepEqual(answers[0], whole);
  assert.match(answers[1].error, /^corrupt_image: JPEG: .* at byte \d+\)$/);
  assert.deepEqual(answers[2], whole);
});
