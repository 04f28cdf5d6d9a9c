// The same as wasm_bench.mjs in a worker of a headless Chromium.
// Usage: node tests/bench/chromium_bench.mjs ROUNDS FILE.jpg
//
// A page cannot ask for CPU time: the kernel's count is read from outside, of the worker's thread and of the pool that
// compiles and collects garbage for it, around runs that are long enough for a message more not to count.
import {readFileSync, readdirSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {inChromium, missingBrowser} from '../wasm/browser/chromium.mjs';
import {median} from './wasm_rows.mjs';

const LEAST_MS = 20;
const LEAST_SAMPLES = 15;

const WORKER = `
  import {loadCore} from '/wasm/index.mjs';
  import {rowsOf, warm} from '/tests/bench/wasm_rows.mjs';
  const bytes = new Uint8Array(await (await fetch('/image.jpg')).arrayBuffer());
  const rows = [];
  for (const [label, module] of [['SIMD', 'beralih_core'], ['scalar', 'beralih_core_scalar']]) {
    const core = await loadCore({wasmUrl: '/build/wasm/wasm/' + module + '.wasm'});
    rows.push(...rowsOf(core, 'WASM ' + label + ' (Chromium)', bytes));
  }
  rows.forEach(warm);
  onmessage = ({data: {row, times}}) => {
    for (let i = 0; i < times; ++i) rows[row].run();
    postMessage(null);
  };
  postMessage(rows.map(({name}) => name));`;

/** In the page. */
function start() {
  globalThis.worker = new Worker('/worker.mjs', {type: 'module'});
  return new Promise((resolve, reject) => {
    worker.onmessage = ({data}) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message ?? 'the worker did not start'));
  });
}
function runRow(request) {
  return new Promise((resolve) => {
    worker.onmessage = resolve;
    worker.postMessage(request);
  }).then(() => undefined);
}

/** The folders of the threads whose name begins so. */
function threads(pid, ...names) {
  return readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`).filter((task) => {
    const found = readFileSync(`${task}/comm`, 'utf8');
    return names.some((name) => found.startsWith(name));
  });
}

/** The process that holds the worker. */
async function rendererOf(browser) {
  const session = await browser.newBrowserCDPSession();
  const {processInfo} = await session.send('SystemInfo.getProcessInfo');
  const found = processInfo.find(({type, id}) => type === 'renderer' && threads(id, 'DedicatedWorker').length > 0);
  if (!found) throw new Error('no process of Chromium holds the worker');
  return found.id;
}

/** schedstat's first number: nanoseconds on a processor. */
function cpuMs(pid) {
  const counts = threads(pid, 'DedicatedWorker', 'ThreadPool').map((task) => readFileSync(`${task}/schedstat`, 'utf8'));
  return counts.reduce((sum, count) => sum + Number(count.split(' ')[0]), 0) / 1e6;
}

async function measure(page, browser, rounds) {
  const names = await page.evaluate(start);
  const pid = await rendererOf(browser);
  const spent = async (row, times) => {
    const before = cpuMs(pid);
    await page.evaluate(runRow, {row, times});
    return (cpuMs(pid) - before) / times;
  };
  const times = Math.max(1, Math.ceil(LEAST_MS / (await spent(0, 5))));
  const found = names.map(() => []);
  for (let round = 0; round < Math.max(LEAST_SAMPLES, Math.ceil(rounds / times)); ++round) {
    for (const row of names.keys()) found[row].push(await spent(row, times));
  }
  return Object.fromEntries(names.map((name, row) => [name, median(found[row])]));
}

const [rounds, file] = [Number(process.argv[2]), process.argv[3]];
if (!(rounds >= 1) || !file) {
  console.error('usage: node tests/bench/chromium_bench.mjs ROUNDS FILE.jpg');
  process.exit(2);
}
if (missingBrowser()) {
  console.error(`chromium_bench: ${missingBrowser()}`);
  process.exit(1);
}
const folder = fileURLToPath(new URL('../..', import.meta.url));
const pages = {'/worker.mjs': WORKER, '/image.jpg': readFileSync(file)};
const rows = await inChromium({folder, pages}, (page, browser) => measure(page, browser, rounds));
console.log(JSON.stringify(rows));
