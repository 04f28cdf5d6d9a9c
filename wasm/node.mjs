// The package's entry in Node, which cannot fetch() a file: the module lies beside it.
import {readFile} from 'node:fs/promises';
import * as core from './index.mjs';

export {supportsSimd} from './index.mjs';

export async function loadCore(options = {}) {
  if (options.wasmBinary || options.wasmUrl) return core.loadCore(options);
  const name = core.supportsSimd() ? 'beralih_core.wasm' : 'beralih_core_scalar.wasm';
  const wasmBinary = await readFile(new URL(`../build/wasm/wasm/${name}`, import.meta.url));
  return core.loadCore({wasmBinary});
}
