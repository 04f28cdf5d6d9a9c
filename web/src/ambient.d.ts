declare module '@beralih/core.wasm?url' {
  const url: string
  export default url
}
