// Every way in which a run can go wrong, by name. The words for each are in content/, in every language.

export const pageFailureCodes = [
  'page_incomplete',
  'wasm_unsupported',
  'contract_unreachable',
  'contract_invalid',
  'file_unlisted',
  'download_refused',
  'download_cut',
  'download_stalled',
  'download_altered',
  'download_too_long',
  'simd_missing',
  'session_failed',
  'sample_unreachable',
  'empty_file',
  'heic_image',
  'unsupported_format',
  'corrupt_image',
  'image_too_large',
  'out_of_memory',
  'unexpected',
  'stopped',
] as const
export type PageFailureCode = (typeof pageFailureCodes)[number]

export const serverFailureCodes = [
  'absent',
  'address_invalid',
  'mixed_content',
  'blocked',
  'declined',
  'timeout',
  'contract_mismatch',
  'key_needed',
  'not_ready',
  'overloaded',
  'refused_image',
  'cut_answer',
  'broken',
  'nonsense',
] as const
export type ServerFailureCode = (typeof serverFailureCodes)[number]

export type FailureFacts = Partial<{
  file: string
  expected: number
  received: number
  origin: string
  seconds: number
  status: number
  field: string
  ours: string
  theirs: string
  detail: string
}>

export interface Failure<Code extends string> {
  code: Code
  facts: FailureFacts
}
export type PageFailure = Failure<PageFailureCode>
export type ServerFailure = Failure<ServerFailureCode>

/** Ends a run; what cannot be shown without it is not shown. */
export class RunError extends Error {
  constructor(
    readonly code: PageFailureCode,
    readonly facts: FailureFacts = {},
  ) {
    super(`${code} ${facts.detail ?? facts.file ?? ''}`.trim())
  }
}
