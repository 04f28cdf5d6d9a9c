// What a sentence of the page itself quotes from the recordings: cut out of them at build time (scripts/measured.ts), since the
// recordings do not travel with what is loaded before the first press. A build without a recording quotes nothing.
import { readRecorded } from '../lab/recorded.ts'

export interface MeasuredLoading {
  recordedAt: string
  machine: string
  requests: number
  /** Medians, and the longest where the first request loads. */
  startMs: number
  everyMs: number
  firstMs: number
  firstLongestMs: number
}

/** Of the newest recording of the experiment when-to-load among these files' contents. */
export function measuredLoading(files: readonly string[]): MeasuredLoading | null {
  const [newest] = readRecorded(files, 'when-to-load').found
  const [start, every, first] = ['at-start', 'per-request', 'first-request'].map((policy) => newest?.series.find(({ id }) => id === policy))
  if (!newest || !start || !every || !first) return null
  const { recordedAt, machine } = newest
  return { recordedAt, machine, requests: first.requests, startMs: start.ms.p50, everyMs: every.ms.p50, firstMs: first.ms.p50, firstLongestMs: first.ms.max }
}
