// CPU milliseconds of the core's WebAssembly modules in Node: one JSON object on standard output.
// Usage: node tests/bench/wasm_bench.mjs ROUNDS FILE.jpg
import {readFileSync} from 'node:fs';
import {loadCore} from '../../wasm/index.mjs';

const MODULES = {'WASM SIMD': 'beralih_core.wasm', 'WASM scalar': 'beralih_core_scalar.wasm'};

function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

async function rowsOf(label, file) {
  const wasmBinary = readFileSync(new URL(`../../build/wasm/wasm/${file}`, import.meta.url));
  const core = await loadCore({wasmBinary});
  return ['bilinear', 'bicubic'].map((filter) => {
    const preprocessor = core.openPreset('torchvision:ViT_L_16_Weights.IMAGENET1K_V1');
    preprocessor.setKnob('resize_shorter_side', '256');
    preprocessor.setKnob('resize_filter', filter);
    return {name: `${label} ${filter}`, preprocessor, ms: []};
  });
}

const [rounds, file] = [Number(process.argv[2]), process.argv[3]];
if (!(rounds >= 1) || !file) {
  console.error('usage: node tests/bench/wasm_bench.mjs ROUNDS FILE.jpg');
  process.exit(2);
}
const bytes = readFileSync(file);
const rows = (await Promise.all(Object.entries(MODULES).map(([label, module]) => rowsOf(label, module)))).flat();
const cpuMs = () => {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1e3;
};
// V8 compiles each function anew, with its optimising compiler, once it has run for a while: the first second is not counted.
for (const {preprocessor} of rows) {
  const start = performance.now();
  while (performance.now() - start < 1000) preprocessor.tensor(bytes);
}
// In turns, as in preprocess_bench.cpp.
for (let round = 0; round < rounds; ++round) {
  for (const {preprocessor, ms} of rows) {
    const start = cpuMs();
    preprocessor.tensor(bytes);
    ms.push(cpuMs() - start);
  }
}
console.log(JSON.stringify(Object.fromEntries(rows.map(({name, ms}) => [name, median(ms)]))));
