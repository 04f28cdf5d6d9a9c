// Everything that a run tells. What the page shows of a run is computed from these and from nothing else.
import type { Answer } from '../api/answer'
import type { ContractSummary } from '../api/contract'
import type { LoadRecord } from '../api/load-record'
import type { ArtifactReady, ContractOpened, CoreReady, PagePrediction, Preprocessed, SessionReady } from '../worker/protocol'
import type { PageFailure, ServerFailure } from './failures'

export const steps = ['preflight', 'artifacts', 'load', 'input', 'forward'] as const
export type Step = (typeof steps)[number]

export type FlowEvent = { /** ms since the press */ at: number } & (
  | { kind: 'step-started'; step: Step }
  | { kind: 'step-ended'; step: Step; ms: number }
  | { kind: 'browser-checked'; threads: number; memoryGiB: number | null; isolated: boolean; storage: boolean }
  | ({ kind: 'core-ready' } & CoreReady)
  | ({ kind: 'contract-read'; origin: 'server' | 'bundle' | 'kept'; url: string; bytes: number; announcedHash: string | null; contract: ContractSummary } & ContractOpened)
  | { kind: 'artifact-announced'; path: string; bytes: number }
  /** Another tab downloads it; this one waits for what it keeps. */
  | { kind: 'artifact-awaited'; path: string; bytes: number }
  | { kind: 'artifact-progress'; path: string; bytes: number; received: number }
  | ({ kind: 'artifact-ready'; role: string; path: string; bytes: number } & ArtifactReady)
  | ({ kind: 'session-ready' } & SessionReady)
  /** The page's own half ends here; the run goes on with the server. */
  | { kind: 'page-unable'; failure: PageFailure }
  | { kind: 'server-loaded'; record: LoadRecord }
  | { kind: 'server-load-unknown'; failure: ServerFailure }
  | { kind: 'input-read'; name: string; bytes: number }
  | ({ kind: 'preprocessed'; name: string; inputBytes: number } & Preprocessed)
  | { kind: 'request-sent'; url: string; bytes: number }
  | { kind: 'page-predicted'; labels: string[]; prediction: PagePrediction }
  | { kind: 'server-told'; text: string }
  | { kind: 'server-answered'; answer: Answer; wallMs: number }
  | { kind: 'server-failed'; failure: ServerFailure; /** The server's own, of a 412. */ preprocessingText?: string }
  | { kind: 'failed'; failure: PageFailure }
  | { kind: 'ended' }
  /** After the end: the browser measures in its own time. */
  | { kind: 'memory-measured'; bytes: number }
)

type WithoutTime<Event> = Event extends { at: number } ? Omit<Event, 'at'> : never
export type UntimedEvent = WithoutTime<FlowEvent>
export type Emit = (event: UntimedEvent) => void
