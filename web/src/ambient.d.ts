declare module '@beralih/core.wasm?url' {
  const url: string
  export default url
}
declare module '@beralih/core_scalar.wasm?url' {
  const url: string
  export default url
}
