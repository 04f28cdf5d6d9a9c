// What the page asks of its worker, and what the worker answers. Types only: both sides are checked against them.
import type { BundleFile, Port } from '../api/contract'
import type { FailureFacts, PageFailureCode } from '../lesson/failures'
import type { Network } from '../lesson/network'
import type { LabCalls } from './lab-protocol'

export interface CoreReady {
  version: string
  simd: boolean
  bytes: number
  ms: number
}

export interface ContractOpened {
  sha256: string
  preprocessingText: string
  preprocessingHash: string
}

export interface ArtifactReady {
  sha256: string
  source: 'network' | 'kept'
  /** Bytes that came over the network for it: 0 when it was kept. */
  received: number
  /** Bytes that an earlier, broken download had left. */
  resumedFrom: number
  /** Bytes on the way where the host compressed it; null where it came as it is. */
  compressed: number | null
  ms: number
  /** Whether the next visit will find it. */
  stored: boolean
}

export interface SessionReady {
  createMs: number
  warmUpMs: number
  threads: number
  /** Of ONNX Runtime Web. */
  version: string
  /** Made by an earlier run of this visit. */
  reused: boolean
  /** Read from the model's own graph; null where that is spelled in a way that the page cannot follow. */
  network: Network | null
  /** What goes in and what comes out, as the runtime names it. */
  input: Port
  output: Port
}

export interface Preprocessed {
  format: string
  width: number
  height: number
  shape: number[]
  dtype: string
  inputSha256: string
  pixelsSha256: string
  cropSha256: string
  tensorSha256: string
  crop: { width: number; height: number; rgb: Uint8Array }
  timings: { decode: number; resize: number; normalize: number }
  /** How many the file holds; the first is what is used. */
  frames: number
}

export interface PagePrediction {
  predictions: { index: number; probability: number }[]
  logitsSha256: string
  inferenceMs: number
  postprocessMs: number
}

export interface PipelineCalls extends LabCalls {
  start: { arguments: []; result: CoreReady }
  openContract: { arguments: [text: string]; result: ContractOpened }
  keepContract: { arguments: [key: string, text: string]; result: void }
  keptContract: { arguments: [key: string]; result: string | null }
  fetchArtifact: { arguments: [file: BundleFile, url: string]; result: ArtifactReady }
  readSample: { arguments: [file: BundleFile, url: string]; result: Uint8Array<ArrayBuffer> }
  readLabels: { arguments: [file: BundleFile]; result: string[] }
  createSession: { arguments: [file: BundleFile, inputName: string]; result: SessionReady }
  preprocess: { arguments: [name: string, bytes: Uint8Array<ArrayBuffer>]; result: Preprocessed }
  predict: { arguments: [classes: number]; result: PagePrediction }
  compare: { arguments: [ours: string, theirs: string]; result: { field: string; ours: string; theirs: string } | null }
}
export type CallName = keyof PipelineCalls
export type Arguments<Name extends CallName> = PipelineCalls[Name]['arguments']
export type ResultOf<Name extends CallName> = PipelineCalls[Name]['result']

export interface Request {
  id: number
  name: CallName
  arguments: unknown[]
}

export type Reply =
  | { id: number; kind: 'progress'; received: number }
  | { id: number; kind: 'waiting' }
  | { id: number; kind: 'result'; result: unknown }
  | { id: number; kind: 'failure'; code: PageFailureCode; facts: FailureFacts }
