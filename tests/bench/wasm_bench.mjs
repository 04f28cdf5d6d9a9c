// CPU milliseconds of the core's WebAssembly modules in Node: one JSON object on standard output.
// Usage: node tests/bench/wasm_bench.mjs ROUNDS FILE.jpg
import {readFileSync} from 'node:fs';
import {loadCore} from '../../wasm/index.mjs';
import {median, rowsOf, warm} from './wasm_rows.mjs';

const MODULES = {'WASM SIMD': 'beralih_core.wasm', 'WASM scalar': 'beralih_core_scalar.wasm'};

const [rounds, file] = [Number(process.argv[2]), process.argv[3]];
if (!(rounds >= 1) || !file) {
  console.error('usage: node tests/bench/wasm_bench.mjs ROUNDS FILE.jpg');
  process.exit(2);
}
const bytes = readFileSync(file);
const rows = (await Promise.all(Object.entries(MODULES).map(async ([label, module]) => {
  const wasmBinary = readFileSync(new URL(`../../build/wasm/wasm/${module}`, import.meta.url));
  return rowsOf(await loadCore({wasmBinary}), label, bytes);
}))).flat();
const cpuMs = () => {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1e3;
};
const times = rows.map(() => []);
rows.forEach(warm);
// In turns, as in preprocess_bench.cpp.
for (let round = 0; round < rounds; ++round) {
  rows.forEach(({run}, i) => {
    const start = cpuMs();
    run();
    times[i].push(cpuMs() - start);
  });
}
console.log(JSON.stringify(Object.fromEntries(rows.map(({name}, i) => [name, median(times[i])]))));
