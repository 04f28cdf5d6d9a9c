declare module '@beralih/core.wasm?url' {
  const url: string
  export default url
}
declare module '@beralih/core_scalar.wasm?url' {
  const url: string
  export default url

declare module 'virtual:excerpts' {
  interface CodeLine {
    number: number
    html: string
    steps: string
  }
  export const excerpts: { id: string; tab: string; path: string; lines: CodeLine[] }[]
}
