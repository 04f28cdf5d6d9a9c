// The words of the experiments that a server in lab mode runs, fetched where there is one.
import type { FaultMoment } from '../src/lib/lab/fault-moments'
import type { PolicyName } from './experiments-schema'

export interface LiveContent {
  /** Why a run did not begin, or did not end. */
  refused: Record<'busy' | 'refused' | 'failed' | 'lost', (detail: string) => string>
  starting: string
  live: string
  policies: {
    button: string
    /** `processes`: their numbers. */
    caption: (requests: string, processes: string) => string
    waiting: (policy: string) => string
    request: (policy: string, number: string) => string
    started: string
    reading: (start: string, perRequest: string, firstOne: string, ready: string) => string
  }
  failure: {
    legend: string
    faults: Record<'kill' | 'stall', string>
    button: string
    steady: (rate: string) => string
    killed: (pid: string) => string
    stalled: (pid: string) => string
    recovered: string
    chart: string
    seconds: string
    /** What is marked in the chart. */
    moments: Record<FaultMoment, string>
    caption: string
    event: string
    value: string
    rows: Record<'requests' | 'served' | 'lost' | 'turnedAway' | 'late' | 'gone' | 'listening' | 'ready' | 'answered' | 'longest', string>
    readingKill: (lost: string, turnedAway: string, recovery: string, ready: string) => string
    readingStall: (seconds: string, late: string, longest: string, lost: string) => string
  }
  challenge: {
    limits: string
    legend: string
    target: Record<'server' | 'plan', string>
    plan: (loading: string, batching: string, replicas: string) => string
    loading: Record<PolicyName, string>
    starting: (number: string, threads: string) => string
    claim: string
    noClaim: string
    late: (ms: string) => string
  }
  python: {
    button: string
    measuring: (service: string) => string
    services: Record<'beralih' | 'python', string>
    caption: (rate: string) => string
    service: string
    alone: string
    reading: (best: string, bestP99: string, other: string, otherP99: string, rate: string) => string
  }
}
