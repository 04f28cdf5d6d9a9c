// node node.mjs FILE…: the tensor of every file.
import {readFileSync} from 'node:fs';
import {loadCore} from '@beralih/core';

const core = await loadCore();
const preprocessor = core.openPreset('dlib:resnet34');
for (const file of process.argv.slice(2)) {
  const {shape, tensorSha256} = preprocessor.preprocess(readFileSync(file));
  console.log(`${shape.join(' ')} ${tensorSha256}`);
}
preprocessor.close();
