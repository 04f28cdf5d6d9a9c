declare module '@beralih/core.wasm?url' {
  const url: string
  export default url
}
declare module '@beralih/core_scalar.wasm?url' {
  const url: string
  export default url
}

declare module 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url' {
  const url: string
  export default url
}
declare module 'virtual:onnx-runtime' {
  export const bytes: number
  export const sha256: string
}

declare module 'virtual:excerpts' {
  interface CodeLine {
    number: number
    html: string
    steps: string
  }
  export const excerpts: { id: string; tab: string; path: string; lines: CodeLine[] }[]
}

/** From the newest recording, put in by vite.config.ts. */
declare const MEASURED_LOADING: import('./lib/lesson/measured').MeasuredLoading | null
