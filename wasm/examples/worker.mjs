// node worker.mjs FILE…: the same with the core in a worker, where a page keeps it. The tensors' memory moves over.
import {readFileSync} from 'node:fs';
import {Worker, isMainThread, parentPort} from 'node:worker_threads';
import {loadCore} from '@beralih/core';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  for (const file of process.argv.slice(2)) {
    worker.postMessage(readFileSync(file));
    const answer = await new Promise((resolve) => worker.once('message', resolve));
    console.log(answer.error ?? `${answer.shape.join(' ')} ${answer.tensorSha256} ${answer.tensor.length}`);
  }
  await worker.terminate();
} else {
  const loading = loadCore();
  parentPort.on('message', async (bytes) => {
    const preprocessor = (await loading).openPreset('dlib:resnet34');
    try {
      const {shape, tensor, tensorSha256} = preprocessor.preprocess(bytes);
      parentPort.postMessage({shape, tensor, tensorSha256}, [tensor.buffer]);
    } catch (error) {
      parentPort.postMessage({error: `${error.code}: ${error.message}`});
    } finally {
      preprocessor.close();
    }
  });
}
