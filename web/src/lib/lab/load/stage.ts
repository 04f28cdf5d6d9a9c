// One rate, held for a while: its requests and what became of them. Latency counts from when a request was due.
import { budgetMs } from '../../lesson/figures'
import { percentile, upperShare } from '../statistics'

export interface Sent {
  index: number
  /** All three in ms from the start of the stage. */
  due: number
  sent: number
  done: number
  outcome: 'ok' | 'refused' | 'failed'
  /** What a 429 or 503 told to wait. */
  waitSeconds: number | null
}

export interface Stage {
  rate: number
  seconds: number
  requests: readonly Sent[]
}

export interface StageFigures {
  sent: number
  answered: number
  refused: number
  failed: number
  /** Over the budget, or without a prediction. */
  missed: number
  p50: number
  p99: number
  /** With 99 % confidence, the share that misses is at most this. */
  missedAtMost: number
  /** How late the page itself sent 99 of 100. */
  lateP99: number
  mostInFlight: number
  waitSeconds: number
  holds: boolean
}

export const latencyOf = ({ due, done }: Sent) => done - due

function mostInFlight(requests: readonly Sent[]): number {
  const changes = requests.flatMap(({ sent, done }) => [
    { at: sent, by: 1 },
    { at: done, by: -1 },
  ])
  changes.sort((a, b) => a.at - b.at || a.by - b.by)
  let now = 0
  let most = 0
  for (const { by } of changes) most = Math.max(most, (now += by))
  return most
}

export function figuresOf({ requests }: Pick<Stage, 'requests'>): StageFigures {
  const answered = requests.filter(({ outcome }) => outcome === 'ok')
  const latencies = answered.map(latencyOf)
  const missed = requests.length - latencies.filter((ms) => ms <= budgetMs).length
  const refused = requests.filter(({ outcome }) => outcome === 'refused').length
  return {
    sent: requests.length,
    answered: answered.length,
    refused,
    failed: requests.length - answered.length - refused,
    missed,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    missedAtMost: upperShare(missed, requests.length),
    lateP99: percentile(requests.map(({ due, sent }) => sent - due), 0.99),
    mostInFlight: mostInFlight(requests),
    waitSeconds: Math.max(0, ...requests.map(({ waitSeconds }) => waitSeconds ?? 0)),
    // Short steps have few requests: one straggler is not a rate that cannot be held.
    holds: requests.length > 0 && refused === 0 && missed <= Math.ceil(requests.length / 100),
  }
}

/** What the budget says of a run: 99 of 100 requests with a prediction in time, those without one counted as late. */
export const meetsBudget = ({ p99, missed, sent }: Pick<StageFigures, 'p99' | 'missed' | 'sent'>) => p99 <= budgetMs && missed <= sent / 100

export interface SecondRow {
  second: number
  sent: number
  answered: number
  refused: number
  failed: number
  p50: number
  most: number
}

export function secondsOf({ requests, seconds }: Pick<Stage, 'requests' | 'seconds'>): SecondRow[] {
  const within = Array.from({ length: Math.ceil(seconds) }, (): Sent[] => [])
  // A load may end with a request that is due a moment after its last second: each one is in the table.
  const last = within.length - 1
  for (const request of requests) within[Math.min(last, Math.max(0, Math.floor(request.due / 1000)))]?.push(request)
  return within.map((inIt, second) => {
    const latencies = inIt.filter(({ outcome }) => outcome === 'ok').map(latencyOf)
    const count = (outcome: Sent['outcome']) => inIt.filter((request) => request.outcome === outcome).length
    return {
      second: second + 1,
      sent: inIt.length,
      answered: latencies.length,
      refused: count('refused'),
      failed: count('failed'),
      p50: percentile(latencies, 0.5),
      most: percentile(latencies, 1),
    }
  })
}

const ladder = [1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 65, 80, 100, 130, 160, 200, 250, 300]

export interface Tried {
  rate: number
  holds: boolean
}

/** From a rate that should hold, up the ladder to the first that does not, else down to one that does; null: found. */
export function nextRate(tried: readonly Tried[], singleMs: number): number | null {
  const last = tried.at(-1)
  if (!last) {
    const careful = (0.3 * 1000) / singleMs
    return ladder.findLast((rate) => rate <= careful) ?? 1
  }
  const place = ladder.indexOf(last.rate)
  if (last.holds) {
    const above = ladder[place + 1]
    return above === undefined || tried.some(({ rate }) => rate === above) ? null : above
  }
  if (tried.some(({ holds }) => holds)) return null
  return ladder[place - 1] ?? null
}

/** The highest rate that held; null: none. */
export const sustained = (tried: readonly Tried[]): number | null => {
  const held = tried.filter(({ holds }) => holds).map(({ rate }) => rate)
  return held.length ? Math.max(...held) : null
}

/** Long enough for 20 requests, short enough to wait for. */
export const searchSeconds = (rate: number) => Math.min(8, Math.max(2, 20 / rate))
