// The C++ core, compiled to WebAssembly. Only workers import this file.
import { loadCore, supportsSimd, type Core } from '@beralih/core'
import coreUrl from '@beralih/core.wasm?url'
import scalarCoreUrl from '@beralih/core_scalar.wasm?url'
import { RunError, pageFailureCodes, type PageFailureCode } from '../lesson/failures'

export type { Core, Contract, PreprocessResult } from '@beralih/core'

export async function startCore(): Promise<{ core: Core; bytes: number }> {
  if (typeof WebAssembly !== 'object') throw new RunError('wasm_unsupported')
  let wasmBinary: ArrayBuffer
  try {
    const response = await fetch(supportsSimd() ? coreUrl : scalarCoreUrl)
    if (!response.ok) throw new Error(`HTTP ${response.status}`)
    wasmBinary = await response.arrayBuffer()
  } catch (error) {
    throw new RunError('page_incomplete', { detail: String(error) })
  }
  const bytes = wasmBinary.byteLength
  try {
    return { core: await loadCore({ wasmBinary }), bytes }
  } catch (error) {
    throw new RunError('wasm_unsupported', { detail: String(error) })
  }
}

const isPageFailure = (code: string): code is PageFailureCode => (pageFailureCodes as readonly string[]).includes(code)

/** The core's own codes (corrupt_image, …) are the page's; what it has no words for stays "unexpected". */
export function asRunError(error: unknown, file?: string): RunError {
  if (error instanceof RunError) return error
  const facts = { detail: error instanceof Error ? error.message : String(error), ...(file ? { file } : {}) }
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  if (error instanceof RangeError || /out of memory|memory access/i.test(facts.detail)) return new RunError('out_of_memory', facts)
  return new RunError(typeof code === 'string' && isPageFailure(code) ? code : 'unexpected', facts)
}
