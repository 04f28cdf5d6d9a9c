// What the experiments ask of the worker, beside the flow's own calls.
import type { TensorDifference } from '../lab/tensor-difference'

export const filters = ['nearest', 'box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const
export type Filter = (typeof filters)[number]

/** One thing done otherwise than the contract says. */
export type Swap = { kind: 'filter'; filter: Filter } | { kind: 'rounding' } | { kind: 'canvas' } | { kind: 'bgr' }

export interface Crop {
  width: number
  height: number
  rgb: Uint8Array
}

export interface Seen {
  tensorSha256: string
  logitsSha256: string
  crop: Crop
  top: { index: number; probability: number }[]
}

export interface Skewed {
  contract: Seen
  swapped: Seen
  difference: TensorDifference
  /** The contract with this one field changed; null where no field can say what was done. */
  otherContract: { preprocessingText: string; preprocessingHash: string } | null
}

export type CellNumber = 1 | 2 | 3 | 4
export type CellOutput =
  | { kind: 'image'; name: string; bytes: number }
  | { kind: 'tensor'; sha256: string; least: number; most: number; mean: number }
  | { kind: 'prediction'; tensorSha256: string; index: number; probability: number }
  /** What a notebook answers to a name that no cell has made yet. */
  | { kind: 'undefined'; variable: 'img' | 'x' }

export interface ServiceAnswer {
  tensorSha256: string
  logitsSha256: string
  index: number
  probability: number
}

export interface LabCalls {
  skew: { arguments: [name: string, bytes: Uint8Array<ArrayBuffer>, swap: Swap, classes: number]; result: Skewed }
  restartKernel: { arguments: []; result: void }
  runCell: { arguments: [cell: CellNumber, name: string, bytes: Uint8Array<ArrayBuffer>, classes: number]; result: CellOutput }
  serve: { arguments: [bytes: Uint8Array<ArrayBuffer>, classes: number]; result: ServiceAnswer }
  dropSession: { arguments: []; result: void }
}
