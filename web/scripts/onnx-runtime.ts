// What the page says of ONNX Runtime's WebAssembly before it is downloaded: size and SHA-256 of the very file that is built in.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Plugin } from 'vite'

const id = 'virtual:onnx-runtime'
// Its chunk is called by this; with the usual null byte its name would begin with "_", and such files are left out by some static hosts.
const resolved = '/virtual/onnx-runtime.js'

/** `import { bytes, sha256 } from 'virtual:onnx-runtime'` */
export function onnxRuntime(): Plugin {
  return {
    name: 'onnx-runtime',
    resolveId: (source) => (source === id ? resolved : null),
    load(source) {
      if (source !== resolved) return null
      const file = readFileSync(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'))
      const sha256 = createHash('sha256').update(file).digest('hex')
      return `export const bytes = ${file.length}\nexport const sha256 = '${sha256}'`
    },
  }
}
