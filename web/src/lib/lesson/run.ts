// What is known of a run so far: a pure function of its events.
import type { FlowEvent, Step } from './events'
import type { PageFailure, ServerFailure } from './failures'
import { appendLine, lineFor, type Line } from './terminal'

type Known<Kind extends FlowEvent['kind']> = Extract<FlowEvent, { kind: Kind }>

export interface Run {
  phase: 'idle' | 'running' | 'done' | 'failed'
  /** ms from the press to the last event. */
  elapsed: number
  step: Step | null
  stepMs: Partial<Record<Step, number>>
  lines: readonly Line[]
  download: { path: string; received: number; bytes: number } | null
  core: Known<'core-ready'> | null
  contract: Known<'contract-read'> | null
  artifacts: Readonly<Record<string, Known<'artifact-ready'>>>
  session: Known<'session-ready'> | null
  serverLoad: Known<'server-loaded'>['record'] | null
  input: Known<'preprocessed'> | null
  page: Known<'page-predicted'> | null
  server: Known<'server-answered'> | null
  /** The preprocessing text that the server named where it differs from the page's. */
  serverPreprocessing: string | null
  serverFailure: ServerFailure | null
  failure: PageFailure | null
  /** Why the page itself predicts nothing, while the run goes on. */
  pageFailure: PageFailure | null
  /** Bytes of memory of the page and its worker, where the browser tells. */
  pageMemory: number | null
}

export const idleRun: Run = {
  phase: 'idle',
  elapsed: 0,
  step: null,
  stepMs: {},
  lines: [],
  download: null,
  core: null,
  contract: null,
  artifacts: {},
  session: null,
  serverLoad: null,
  input: null,
  page: null,
  server: null,
  serverPreprocessing: null,
  serverFailure: null,
  failure: null,
  pageFailure: null,
  pageMemory: null,
}

export const startedRun: Run = { ...idleRun, phase: 'running' }

export function advance(run: Run, event: FlowEvent): Run {
  // Not a part of the run's time.
  if (event.kind === 'memory-measured') return { ...run, pageMemory: event.bytes }
  const next: Run = { ...run, elapsed: event.at, lines: appendLine(run.lines, lineFor(event)) }
  switch (event.kind) {
    case 'step-started':
      return { ...next, step: event.step }
    case 'step-ended':
      return { ...next, step: null, stepMs: { ...run.stepMs, [event.step]: event.ms } }
    case 'core-ready':
      return { ...next, core: event }
    case 'contract-read':
      return { ...next, contract: event }
    case 'artifact-announced':
      return { ...next, download: { path: event.path, received: 0, bytes: event.bytes } }
    case 'artifact-progress':
      return { ...next, download: { path: event.path, received: event.received, bytes: event.bytes } }
    case 'artifact-ready':
      return { ...next, download: null, artifacts: { ...run.artifacts, [event.role]: event } }
    case 'session-ready':
      return { ...next, session: event }
    case 'page-unable':
      return { ...next, pageFailure: event.failure }
    case 'server-loaded':
      return { ...next, serverLoad: event.record }
    case 'preprocessed':
      return { ...next, input: event }
    case 'page-predicted':
      return { ...next, page: event }
    case 'server-answered':
      return { ...next, server: event }
    case 'server-failed':
      return { ...next, serverFailure: event.failure, serverPreprocessing: event.preprocessingText ?? null }
    case 'failed':
      return { ...next, failure: event.failure }
    case 'ended':
      return { ...next, step: null, download: null, phase: run.failure ? 'failed' : 'done' }
    default:
      return next
  }
}
