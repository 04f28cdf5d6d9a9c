// Results that were measured elsewhere and travel with this build: tests/bench/results/*.json. Whatever is shown of
// them is labelled "recorded", with its date and machine. A build without them shows none.
import { number, parseRecord, record, text, timestamp, type Json } from '../api/json.ts'

export const recordedSchema = 'beralih.recorded/1'
/** What tests/bench/service_bench.py writes. */
export const servicesSchema = 'beralih.services/1'
/** `challenge-gpu` is what tests/bench/gpu_bench.py publishes; `challenge` was recorded without a card. */
export const recordedExperiments = ['python-or-cpp', 'when-to-load', 'failure', 'challenge', 'challenge-gpu'] as const
export type RecordedExperiment = (typeof recordedExperiments)[number]

/** Latencies, and of how many answers. */
export interface Measured {
  answers: number
  ms: { p99: number; max: number }
}

/** What was measured of a service beside the one common rate. */
export interface ServiceFigures {
  /** The common rate, requests per second. */
  rate: number
  imagesPerSecond: number
  /** At 0.7 times what it can serve; null where that was not measured. */
  loaded: Measured | null
  readyMs: number
  residentBytes: number
  privateBytes: number
}

export interface RecordedSeries {
  id: string
  /** What the program that measured calls it; shown where the page has no words for the id. */
  name: string
  requests: number
  /** How many of them were answered with a prediction: what the percentiles are of. */
  answers: number
  refused: number
  lost: number
  /** From a kill to the next answer, where one was done. */
  recoveryMs: number | null
  ms: { p50: number; p90: number; p99: number; max: number }
  service: ServiceFigures | null
}

export interface Recorded {
  experiment: RecordedExperiment
  recordedAt: string
  machine: string
  /** How many of its cores the server had, where it had not all of them. */
  cores: { server: number; all: number } | null
  versions: Record<string, string>
  series: RecordedSeries[]
}

const optional = (json: Json, key: string, name: string) => (json[key] === undefined ? 0 : number(json[key], name))

function seriesOf(value: unknown, position: number): RecordedSeries {
  const at = `series[${position}]`
  const json = record(value, at)
  const latency = record(json.latency_ms, `${at}.latency_ms`)
  const ms = (key: string) => number(latency[key], `${at}.latency_ms.${key}`)
  const found = { p50: ms('p50'), p90: ms('p90'), p99: ms('p99'), max: ms('max') }
  if (found.p50 > found.p90 || found.p90 > found.p99 || found.p99 > found.max) throw new Error(`${at}.latency_ms does not ascend`)
  const requests = number(json.requests, `${at}.requests`)
  const refused = optional(json, 'refused', `${at}.refused`)
  const lost = optional(json, 'lost', `${at}.lost`)
  return {
    id: text(json.id, `${at}.id`),
    name: text(json.name, `${at}.name`),
    requests,
    answers: requests - refused - lost,
    refused,
    lost,
    recoveryMs: json.recovery_ms === undefined ? null : number(json.recovery_ms, `${at}.recovery_ms`),
    ms: found,
    service: null,
  }
}

const ownLoad = '0.7 x capacity'
/** It has one client, which waits for each answer. */
const naive = 'uvicorn naive'

function serviceOf(name: string, value: unknown, seconds: number, position: number): RecordedSeries {
  const at = `peers.${name}`
  const peer = record(value, at)
  const loads = Array.isArray(peer.loads) ? peer.loads.map((load, number) => record(load, `${at}.loads[${number}]`)) : []
  const load = record(loads[0], `${at}.loads[0]`)
  const refused = number(load.refused, `${at}.refused`)
  const failed = number(load.failed, `${at}.failed`)
  const served = answersOf(load, seconds, at)
  const recovery = 1000 * number(peer.killed_to_ready_s, `${at}.killed_to_ready_s`)
  const own = loads.find((other) => other.at === ownLoad)
  const memory = record(peer.memory_mb, `${at}.memory_mb`)
  const bytes = (key: string) => 1e6 * number(memory[key], `${at}.memory_mb.${key}`)
  const series = { id: name, name, requests: served + refused + failed, refused, lost: failed, recovery_ms: recovery, latency_ms: load.latency_ms }
  return {
    ...seriesOf(series, position),
    service: {
      rate: number(load.rate, `${at}.rate`),
      imagesPerSecond: number(peer.capacity_per_s, `${at}.capacity_per_s`),
      loaded: own ? measuredOf(own, seconds, at) : null,
      readyMs: 1000 * number(peer.ready_s, `${at}.ready_s`),
      residentBytes: bytes('resident'),
      privateBytes: bytes('private'),
    },
  }
}

/** How many answers a load's percentiles are of; files say it since their second revision. */
const answersOf = (load: Json, seconds: number, name: string) =>
  load.samples === undefined ? Math.round(number(load.served_per_s, `${name}.served_per_s`) * (load.seconds === undefined ? seconds : number(load.seconds, `${name}.seconds`))) : number(load.samples, `${name}.samples`)

function measuredOf(load: Json, seconds: number, name: string): Measured {
  const latency = record(load.latency_ms, `${name}.latency_ms`)
  return { answers: answersOf(load, seconds, name), ms: { p99: number(latency.p99, `${name}.p99`), max: number(latency.max, `${name}.max`) } }
}

/** Every service at the one rate that all of them were given, and what else was measured of it. */
function parseServices(json: Json): Recorded | null {
  if (json.quick === true) return null // short rounds show that it works and nothing more
  const machine = record(json.machine, 'machine')
  const seconds = number(json.seconds_per_load, 'seconds_per_load')
  return {
    experiment: 'python-or-cpp',
    recordedAt: timestamp(json.date, 'date'),
    machine: text(machine.cpu, 'machine.cpu'),
    cores: { server: number(json.server_cores, 'server_cores'), all: number(machine.cores, 'machine.cores') },
    versions: Object.fromEntries(Object.entries(record(machine.versions, 'machine.versions')).map(([name, version]) => [name, text(version, name)])),
    series: Object.entries(record(json.peers, 'peers'))
      .filter(([name]) => name !== naive) // too slow for the rate of the others
      .map(([name, peer], position) => serviceOf(name, peer, seconds, position)),
  }
}

/** Throws an Error that says what is wrong with it; null: another schema's file, which is not for the page. */
export function parseRecorded(body: string): Recorded | null {
  const json = parseRecord(body, 'the recorded result')
  if (typeof json.schema !== 'string') throw new Error('schema is missing')
  if (json.schema === servicesSchema) return parseServices(json)
  if (json.schema !== recordedSchema) return null
  const experiment = recordedExperiments.find((name) => name === json.experiment)
  if (!experiment) throw new Error(`experiment is not one of ${recordedExperiments.join(', ')}`)
  if (!Array.isArray(json.series) || json.series.length === 0) throw new Error('series is missing')
  const versions = record(json.versions ?? {}, 'versions')
  return {
    experiment,
    recordedAt: timestamp(json.recorded_at, 'recorded_at'),
    machine: text(json.machine, 'machine'),
    cores: null,
    versions: Object.fromEntries(Object.entries(versions).map(([name, version]) => [name, text(version, `versions.${name}`)])),
    series: json.series.map(seriesOf),
  }
}

export interface RecordedResults {
  found: Recorded[]
  /** What a file of the build had wrong with it. */
  unreadable: string[]
}

export function readRecorded(files: readonly string[], experiment: RecordedExperiment): RecordedResults {
  const results: RecordedResults = { found: [], unreadable: [] }
  for (const file of files) {
    try {
      const parsed = parseRecorded(file)
      if (parsed?.experiment === experiment) results.found.push(parsed)
    } catch (error) {
      results.unreadable.push(error instanceof Error ? error.message : String(error))
    }
  }
  results.found.sort((a, b) => Date.parse(b.recordedAt) - Date.parse(a.recordedAt)) // the newest first
  return results
}

/** The newest of an experiment; of a card's runs the newest of each model. */
export function newestOf({ found }: RecordedResults): Recorded[] {
  const ids = ({ series }: Recorded) => series.map(({ id }) => id).join()
  return found.filter((result, position) =>
    found.slice(0, position).every((newer) => result.experiment === 'challenge-gpu' && ids(newer) !== ids(result)),
  )
}

/** The services that compute the same with the same weights, each native one beside a Python one; only these are compared. */
const pairs = [
  ['native', 'uvicorn'],
  ['native', 'uvicorn tuned'],
  ['native', 'uvicorn optimized'],
] as const

export function comparedServices({ series }: Recorded): { native: RecordedSeries; other: RecordedSeries }[] {
  const called = (id: string) => series.find((one) => one.id === id)
  return pairs.flatMap(([ours, theirs]) => {
    const [native, other] = [called(ours), called(theirs)]
    return native && other ? [{ native, other }] : []
  })
}
