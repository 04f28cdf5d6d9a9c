// What the lab's events say, checked before it is shown.
import type { PolicyName } from '../../../content/experiments-schema'
import { number, text, type Json } from '../api/json'
import type { Sent } from './load/stage'
import { policies } from './policies'

function numbers(value: unknown, name: string): number[] {
  if (!Array.isArray(value)) throw new Error(`${name} is missing`)
  return value.map((each, position) => number(each, `${name}[${position}]`))
}

const outcomeOf = (status: number): Sent['outcome'] => (status === 200 ? 'ok' : status === 429 ? 'refused' : 'failed')

/** The requests of an event of type "samples", numbered on from `from`. */
export function samplesOf(json: Json, from: number): { phase: string; requests: Sent[] } {
  const due = numbers(json.due, 'due')
  const sent = numbers(json.sent, 'sent')
  const done = numbers(json.done, 'done')
  const status = numbers(json.status, 'status')
  if (new Set([due.length, sent.length, done.length, status.length]).size !== 1) throw new Error('the samples’ lists differ in length')
  const requests = due.map((at, position) => ({
    index: from + position,
    due: at,
    sent: sent[position] ?? at,
    done: done[position] ?? at,
    outcome: outcomeOf(status[position] ?? 0),
    waitSeconds: null,
  }))
  return { phase: text(json.phase, 'phase'), requests }
}

export function policyOf(json: Json): PolicyName {
  const found = policies.find((policy) => policy === json.policy)
  if (!found) throw new Error('policy is unknown')
  return found
}

export const valueOf = (json: Json, key: string) => number(json[key], key)
/** NaN where the server had nothing to measure. */
export const measuredOf = (json: Json, key: string) => (json[key] === null ? NaN : number(json[key], key))
export const phaseOf = (json: Json) => ({ phase: text(json.phase, 'phase'), rate: number(json.rate, 'rate'), seconds: number(json.seconds, 'seconds') })
