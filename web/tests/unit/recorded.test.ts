// Recorded results: read with care, called by name, put into words; and what the page's own sentences quote from them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { languages, loadContent } from '../../content'
import { loadLabContent } from '../../content/experiments'
import { loadingWhys as english } from '../../content/en/loading'
import { loadingWhys as indonesian } from '../../content/id/loading'
import { comparedServices, newestOf, parseRecorded, readRecorded, type Recorded } from '../../src/lib/lab/recorded'
import { fewestForP99, readingOf, tailOf, translatedName } from '../../src/lib/lab/recorded-words'
import { formatFor } from '../../src/lib/lesson/format'
import { measuredLoading } from '../../src/lib/lesson/measured'

const results = fileURLToPath(new URL('../../../tests/bench/results', import.meta.url))
const series = (id: string, p50: number, more: object = {}) => ({ id, name: id, requests: 20, latency_ms: { p50, p90: 2 * p50, p99: 3 * p50, max: 4 * p50 }, ...more })
const file = (change: object = {}) =>
  JSON.stringify({
    schema: 'beralih.recorded/1',
    experiment: 'failure',
    recorded_at: '2026-03-01T08:00:00Z',
    machine: 'a machine',
    versions: { libtorch: '1.13.1' },
    series: [series('kill', 10)],
    ...change,
  })
const load = (at: string, rate: number, p99: number) => ({ at, rate, served_per_s: rate, refused: 1, failed: 2, latency_ms: { p50: 10, p75: 15, p90: 20, p95: 25, p99, max: p99 } })
const peer = (p99: number, loads = [load('10/s', 10, p99), load('0.5 x capacity', 20, p99 + 1), load('0.7 x capacity', 30, p99 + 2)]) => ({
  killed_to_ready_s: 0.5, ready_s: 0.7, capacity_per_s: 43.21, memory_mb: { resident: 300.5, private: 200.25 }, loads,
})
const services = (peers: object, more: object = {}) =>
  JSON.stringify({
    schema: 'beralih.services/1', quick: false, date: '2026-03-01T08:00:00+00:00',
    machine: { cpu: 'a processor', cores: 2, versions: { torch: '1.13' } }, server_cores: 1, seconds_per_load: 6, peers, ...more,
  })
const read = (text: string): Recorded => {
  const found = parseRecorded(text)
  if (!found) throw new Error('nothing was read')
  return found
}

describe('recorded results', () => {
  test('are read, newest first, each for its experiment', () => {
    expect(read(file()).series[0]).toMatchObject({ refused: 0, lost: 0, recoveryMs: null, service: null, ms: { p50: 10, p90: 20, p99: 30, max: 40 } })
    const newer = file({ recorded_at: '2026-04-01T08:00:00Z' })
    const { found, unreadable } = readRecorded([file(), newer, file({ schema: 'something/2' })], 'failure')
    expect(found.map(({ recordedAt }) => recordedAt)).toEqual(['2026-04-01T08:00:00Z', '2026-03-01T08:00:00Z'])
    expect(unreadable).toEqual([])
    expect(readRecorded([file()], 'challenge').found).toEqual([])
  })
  test('a card’s run never stands for a processor’s, and each model keeps its newest', () => {
    const card = (model: string, month: string) => file({ experiment: 'challenge-gpu', recorded_at: `2026-${month}-01T08:00:00Z`, series: [series(`native-${model}`, 2)] })
    const processor = file({ experiment: 'challenge', series: [series('fifty', 900, { name: '50/s', refused: 7 })] })
    const files = [card('resnet34-1gb', '05'), card('resnet34-1gb', '06'), card('resnet34', '04'), processor, file({ experiment: 'challenge', recorded_at: '2026-02-01T08:00:00Z', series: [series('found', 9)] })]
    const ids = (experiment: 'challenge' | 'challenge-gpu') => newestOf(readRecorded(files, experiment)).map(({ recordedAt, series: [one] }) => `${one?.id} ${recordedAt.slice(5, 7)}`)
    expect(ids('challenge')).toEqual(['fifty 03'])
    expect(ids('challenge-gpu')).toEqual(['native-resnet34-1gb 06', 'native-resnet34 04'])
  })
  test('the benchmark of the services is one, at the rate that all were given, with what else was measured', () => {
    const { found, unreadable } = readRecorded([services({ native: peer(30) }), services({ native: peer(30) }, { quick: true })], 'python-or-cpp')
    expect(unreadable).toEqual([])
    expect(found).toHaveLength(1)
    expect(found[0]).toMatchObject({
      machine: 'a processor',
      cores: { server: 1, all: 2 },
      series: [{ name: 'native', requests: 63, answers: 60, refused: 1, lost: 2, recoveryMs: 500, ms: { p50: 10, p99: 30 }, service: { rate: 10, imagesPerSecond: 43.21, loaded: { answers: 180, ms: { p99: 32, max: 32 } }, readyMs: 700, residentBytes: 300.5e6, privateBytes: 200.25e6 } }],
    })
    expect(read(services({ native: peer(30, [load('10/s', 10, 30)]) })).series[0]?.service?.loaded).toBe(null)
    const counted = { ...load('10/s', 10, 30), samples: 53 }
    expect(read(services({ native: peer(30, [counted]) })).series[0]).toMatchObject({ answers: 53, requests: 56 })
    expect(readRecorded([services({ native: { ...peer(30), loads: [] } })], 'python-or-cpp').unreadable[0]).toContain('loads[0]')
  })
  test.each([
    ['{}', 'schema is missing'],
    [file({ experiment: 'other' }), 'experiment is not one of'],
    [file({ machine: 3 }), 'machine is missing'],
    [file({ recorded_at: 'yesterday' }), 'recorded_at is not a time'],
    [file({ series: [series('a', 9, { latency_ms: { p50: 9, p90: 2, p99: 3, max: 4 } })] }), 'does not ascend'],
  ])('%s is refused', (text, reason) => expect(readRecorded([text], 'failure').unreadable[0]).toContain(reason))
  test('a 99th percentile is of 299 answers or more; of fewer it is the longest', () => {
    const ms = { p99: 30, max: 40 }
    expect(0.99 ** fewestForP99).toBeLessThan(0.05)
    expect(0.99 ** (fewestForP99 - 1)).toBeGreaterThan(0.05)
    expect(tailOf({ answers: fewestForP99, ms })).toEqual({ kind: 'p99', ms: 30, answers: fewestForP99 })
    expect(tailOf({ answers: fewestForP99 - 1, ms })).toEqual({ kind: 'longest', ms: 40, answers: fewestForP99 - 1 })
  })
  test('those of this build are readable', () => {
    for (const name of readdirSync(results).filter((name) => name.endsWith('.json'))) expect(() => parseRecorded(readFileSync(join(results, name), 'utf8')), name).not.toThrow()
  })
})

describe.each(languages)('in $long', async ({ language }) => {
  const { recorded: words } = await loadLabContent(language)
  const format = formatFor(language)
  const ms = format.ms

  test('the services are compared in pairs of the same precision, never by the extremes', () => {
    // The quickest and the slowest of all are of no pair.
    const result = read(services({ 'native packed': peer(21), native: peer(30), uvicorn: peer(60), 'uvicorn tuned': peer(50), 'uvicorn optimized': peer(40), 'uvicorn naive': peer(9000), unheard: peer(70) }))
    expect(comparedServices(result).map(({ native, other }) => [native.id, other.id])).toEqual([['native', 'uvicorn'], ['native', 'uvicorn tuned'], ['native', 'uvicorn optimized']])
    expect(result.series.map(({ id }) => id)).not.toContain('uvicorn naive')
    const reading = readingOf(words, result, format)
    for (const value of [30, 60, 50, 40]) expect(reading).toContain(`${ms(value)} ms`)
    for (const value of [21, 9000, 70]) expect(reading).not.toContain(` ${ms(value)} ms`)
    expect(reading).toContain(words.names['uvicorn tuned'])
    expect(readingOf(words, read(services({ 'native packed': peer(21), uvicorn: peer(60) })), format)).toBe('')
  })
  test('a single series has a reading too, with what was refused', () => {
    const run = read(file({ experiment: 'challenge', series: [series('fifty', 600, { name: '50/s', requests: 988, refused: 586, lost: 3 })] }))
    const reading = readingOf(words, run, format)
    expect(reading).toBe(words.readings.load({ name: words.atRate('50'), requests: '988', refused: '586', lost: '3', tail: words.tail.p99(ms(1800), '399') }, false))
    for (const value of ['988', '586', '3', ms(1800), words.atRate('50')]) expect(reading).toContain(value)
    const quick = read(file({ experiment: 'challenge', series: [series('fifty', 10, { name: '50/s' })] }))
    // Of twenty answers nobody knows the 99th percentile: the longest is said.
    const tail = words.tail.longest(ms(40), '20')
    const over = words.readings.load({ name: words.atRate('50'), requests: '20', refused: '0', lost: '0', tail }, false)
    const within = words.readings.load({ name: words.atRate('50'), requests: '20', refused: '0', lost: '0', tail }, true)
    expect(over).not.toBe(within)
    expect(readingOf(words, quick, format)).toBe(within)
    const failed = read(file({ series: [series('kill', 10, { refused: 4, lost: 2, recovery_ms: 777 }), series('stall', 11)] }))
    for (const value of ['4', '2', ms(777), ms(44)]) expect(readingOf(words, failed, format)).toContain(value)
    const loaded = read(file({ experiment: 'when-to-load', series: [series('at-start', 50), series('per-request', 230), series('first-request', 60)] }))
    for (const value of [50, 230, 240]) expect(readingOf(words, loaded, format)).toContain(`${ms(value)} ms`)
  })
  test('series are called by the page’s words, and by their own name where it has none', () => {
    const called = (experiment: Parameters<typeof translatedName>[1], id: string, name = id) => translatedName(words, experiment, { id, name }, format)
    expect(called('python-or-cpp', 'native')).toBe(words.names.native)
    expect(called('python-or-cpp', 'toString')).toBe(null)
    expect(called('challenge', 'found', '19.5/s')).toBe(words.foundRate(format.short(19.5)))
    expect(called('challenge', 'fifty', 'something')).toBe(null)
    expect(called('challenge-gpu', 'native-resnet34-1gb', 'beralih serve, resnet34-1gb')).toBe(words.model('resnet34-1gb'))
  })
})

describe('what the reasons of question 3 quote', () => {
  const recording = file({ experiment: 'when-to-load', machine: 'a slow machine', series: [series('at-start', 51), series('per-request', 1234), series('first-request', 62)] })

  test.each([['en', english, '1,234'], ['id', indonesian, '1.234']] as const)('%s: comes from the newest recording, and changes with it', (language, whys, each) => {
    const loading = measuredLoading([recording, file({ experiment: 'when-to-load', recorded_at: '2025-01-01T00:00:00Z', series: [series('at-start', 9), series('per-request', 9), series('first-request', 9)] })])
    const { start, every, first } = whys(loading)
    expect(start).toContain('51 ms')
    expect(start).toContain('a slow machine')
    expect(start).toContain(new Intl.DateTimeFormat(language, { dateStyle: 'long' }).format(new Date('2026-03-01T08:00:00Z')))
    expect(every).toContain(`${each} ms`)
    expect(first).toContain('248 ms') // the longest: 4 x 62
    expect(first).toContain('62 ms')
    const without = whys(measuredLoading([file({ experiment: 'when-to-load', series: [series('at-start', 51)] })]))
    for (const why of Object.values(without)) expect(why).not.toMatch(/\d/)
  })
  test('the page’s are those of this build’s recording', async () => {
    const files = readdirSync(results).filter((name) => name.endsWith('.json')).map((name) => readFileSync(join(results, name), 'utf8'))
    const loading = measuredLoading(files)
    for (const [language, whys] of [['en', english], ['id', indonesian]] as const) {
      const { options } = (await loadContent(language)).quizzes.list.loading
      const { start, every, first } = options
      expect({ start: start.why, every: every.why, first: first.why }).toEqual(whys(loading))
    }
  })
})
