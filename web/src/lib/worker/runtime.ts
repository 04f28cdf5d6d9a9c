// ONNX Runtime's own WebAssembly as a file like those of the bundle: announced, checked, resumed and kept like them. Its size and hash are
// the build's (vite.config.ts).
import url from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import { bytes, sha256 } from 'virtual:onnx-runtime'
import type { BundleFile } from '../api/contract'

export const runtimeFile: BundleFile = { role: 'runtime', path: 'ort-wasm-simd-threaded.wasm', bytes, sha256 }
export const runtimeUrl = () => new URL(url, import.meta.url).href
