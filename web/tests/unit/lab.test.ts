import { describe, expect, test } from 'vitest'
import { languages } from '../../content'
import { loadLabContent } from '../../content/experiments'
import { loadLiveContent } from '../../content/live'
import { bmpOf, withoutAlpha } from '../../src/lib/lab/bmp'
import { unansweredIn } from '../../src/lib/lab/columns'
import { faultMoments } from '../../src/lib/lab/fault-moments'
import { cropped, cutOf, halfToEven } from '../../src/lib/lab/geometry'
import { poissonSchedule, randomOf } from '../../src/lib/lab/load/schedule'
import { figuresOf, meetsBudget, nextRate, searchSeconds, secondsOf, sustained, type Sent, type Tried } from '../../src/lib/lab/load/stage'
import { decadesAround, Plotted } from '../../src/lib/lab/plotted'
import { logScale } from '../../src/lib/lab/scale'
import type { LabEvent } from '../../src/lib/lab/server-lab'
import { median, percentile, upperShare } from '../../src/lib/lab/statistics'
import { differenceOf } from '../../src/lib/lab/tensor-difference'

describe('words', async () => {
  const all = await Promise.all(languages.map(async ({ language }) => ({ language, lab: await loadLabContent(language), live: await loadLiveContent(language) })))
  const paths = (value: unknown, path = ''): string[] =>
    typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, inner]) => paths(inner, `${path}.${key}`)) : [path]
  const texts = (value: unknown): string[] =>
    typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : typeof value === 'string' ? [value] : []
  test.each(all)('$language has every key of the experiments, and no empty text', ({ lab, live }) => {
    expect(paths(lab)).toEqual(paths(all[0]?.lab))
    expect(paths(live)).toEqual(paths(all[0]?.live))
    expect(texts(live).filter((text) => text.trim() === '')).toEqual([])
  })
  test('the languages differ in what a server in lab mode runs', () => {
    const [first, second] = all.map(({ live }) => texts(live).filter((text) => text.length > 20))
    expect(first?.filter((text) => second?.includes(text))).toEqual([])
  })
})

describe('pixels', () => {
  test('a BMP of 1 x 2 pixels, rows from below, padded to four bytes', () => {
    const bmp = bmpOf(1, 2, Uint8Array.of(1, 2, 3, 4, 5, 6))
    expect([...bmp.subarray(54)]).toEqual([6, 5, 4, 0, 3, 2, 1, 0])
    expect(new DataView(bmp.buffer).getUint32(2, true)).toBe(62)
    expect(() => bmpOf(2, 2, new Uint8Array(3))).toThrow('need 12 bytes')
    expect([...withoutAlpha(Uint8ClampedArray.of(1, 2, 3, 255))]).toEqual([1, 2, 3])
  })
  test('half goes to even by the contract, away from zero in C', () => {
    expect([0.5, 1.5, 2.5, 2.4, 80.5].map(halfToEven)).toEqual([0, 2, 2, 2, 80])
    const crop = { width: 227, height: 227 }
    expect(cutOf({ width: 600, height: 400 }, 259, crop, 'contract')).toEqual({ resized: { width: 388, height: 259 }, x: 80, y: 16 })
    expect(cutOf({ width: 600, height: 400 }, 259, crop, 'away')).toEqual({ resized: { width: 389, height: 259 }, x: 81, y: 16 })
    expect([...cropped(Uint8Array.from({ length: 27 }, (_, i) => i), { width: 3, height: 3 }, 1, 2, { width: 2, height: 1 })]).toEqual([21, 22, 23, 24, 25, 26])
  })
  test('tensors are compared in the picture’s order, in both layouts', () => {
    const planes = differenceOf(Float32Array.of(0, 0, 0, 0, 0, 0), Float32Array.of(0, 2, 0, 0, 1, 0), [1, 3, 1, 2])
    expect(planes).toMatchObject({ values: 6, differing: 2, largest: 2, first: { channel: 2, x: 0, y: 0, ours: 0, theirs: 1 } })
    expect([...planes.picture.gray]).toEqual([128, 255])
    const pixels = differenceOf(Uint8Array.of(0, 0, 0, 0, 0, 0), Uint8Array.of(0, 0, 0, 0, 9, 0), [1, 1, 2, 3])
    expect(pixels.first).toEqual({ channel: 1, x: 1, y: 0, ours: 0, theirs: 9 })
    expect(differenceOf(new Float32Array(6), new Float32Array(6), [1, 3, 1, 2])).toMatchObject({ differing: 0, first: null })
    expect(() => differenceOf(new Float32Array(5), new Float32Array(6), [1, 3, 1, 2])).toThrow('another size')
  })
})

describe('load', () => {
  test('a schedule is the same for a seed, and has the rate that it is asked for', () => {
    expect(poissonSchedule(50, 10, 1)).toEqual(poissonSchedule(50, 10, 1))
    expect(poissonSchedule(50, 10, 1)).not.toEqual(poissonSchedule(50, 10, 2))
    const due = poissonSchedule(50, 400, 7)
    expect(Math.abs(due.length - 20_000)).toBeLessThan(4 * Math.sqrt(20_000))
    const gaps = due.slice(1).map((at, i) => at - (due[i] ?? 0))
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length)
    expect(deviation / mean).toBeCloseTo(1, 1) // exponential: as wide as it is long
    expect(() => poissonSchedule(0, 1, 1)).toThrow('above 0')
    expect(randomOf(1)()).toBe(randomOf(1)())
  })
  test('percentiles are the values themselves; the bound is Clopper and Pearson’s', () => {
    expect(percentile([3, 1, 2, 4], 0.5)).toBe(2)
    expect(percentile(Array.from({ length: 100 }, (_, i) => i + 1), 0.99)).toBe(99)
    expect(median([])).toBeNaN()
    expect(upperShare(0, 458)).toBeCloseTo(0.01, 3) // ln(0.01) / n
    expect(upperShare(5, 2955)).toBeCloseTo(0.00443, 4)
    expect(upperShare(3, 3)).toBe(1)
  })
  const request = (index: number, due: number, ms: number, outcome: Sent['outcome'] = 'ok'): Sent => ({
    index, due, sent: due + 1, done: due + ms, outcome, waitSeconds: outcome === 'refused' ? 7 : null,
  })
  test('a stage is judged from the scheduled time; refusals and lost ones miss', () => {
    const requests = [request(0, 0, 40), request(1, 500, 60), request(2, 510, 2, 'refused'), request(3, 1500, 30, 'failed')]
    expect(figuresOf({ requests })).toMatchObject({ sent: 4, answered: 2, refused: 1, failed: 1, missed: 3, p50: 40, p99: 60, waitSeconds: 7, mostInFlight: 2, lateP99: 1, holds: false })
    expect(secondsOf({ seconds: 2, requests }).map(({ sent, answered, most }) => [sent, answered, most])).toEqual([[3, 2, 60], [1, 0, NaN]])
    expect(secondsOf({ seconds: 2, requests: [request(0, -0.5, 40), request(1, 2000.4, 50)] }).map(({ sent }) => sent)).toEqual([1, 1])
    expect(figuresOf({ requests: Array.from({ length: 40 }, (_, i) => request(i, i * 10, i === 0 ? 90 : 9)) }).holds).toBe(true)
    expect(figuresOf({ requests: [] }).holds).toBe(false)
  })
  test('a run meets the budget, or misses it, by its own requests', () => {
    const run = (late: number, of: number) => figuresOf({ requests: Array.from({ length: of }, (_, i) => request(i, i * 20, i < late ? 90 : 40)) })
    expect(meetsBudget(run(0, 200))).toBe(true)
    expect(meetsBudget(run(2, 200))).toBe(true) // one in a hundred may be late
    expect(meetsBudget(run(3, 200))).toBe(false)
    // Whoever is refused was not served in time, however quickly the others were.
    const refusing = figuresOf({ requests: Array.from({ length: 200 }, (_, i) => request(i, i * 20, 2, i < 3 ? 'refused' : 'ok')) })
    expect(refusing.p99).toBe(2)
    expect(meetsBudget(refusing)).toBe(false)
    expect(meetsBudget(figuresOf({ requests: [] }))).toBe(false)
  })
  test('points of a live chart stay in order while answers overtake each other', () => {
    const plotted = new Plotted()
    for (const [at, ms, outcome] of [[1, 40, 'ok'], [3, 60, 'ok'], [2, 2, 'refused'], [0.5, 0, 'ok'], [4, 5000, 'failed']] as const) plotted.add({ at, ms, outcome })
    expect(plotted.at).toEqual([0.5, 1, 2, 3, 4])
    expect(plotted.within).toEqual([0.1, 40, null, null, null])
    expect(plotted.over).toEqual([null, null, null, 60, null])
    expect(plotted.unanswered.map((value) => value !== null)).toEqual([false, false, true, false, true])
    expect(plotted.crosses).toBe(2)
    expect([plotted.refused, plotted.failed]).toEqual([1, 1])
    expect(decadesAround([plotted])).toEqual({ least: 0.1, most: 100, ticks: [0.1, 1, 10, 100] })
    plotted.add({ at: 5, ms: 1500, outcome: 'ok' })
    expect(decadesAround([plotted]).most).toBe(10_000)
    expect(decadesAround([new Plotted()])).toMatchObject({ least: 10, most: 100 })
    // Charts that are compared have one axis.
    expect(decadesAround([new Plotted(), plotted])).toEqual(decadesAround([plotted]))
  })
  test('a fault stands on the load’s time axis where the events put it, and nowhere without them', () => {
    const event = (type: string, json: object): LabEvent => ({ type, json: { type, ...json } })
    // The load began at 1000: its first portion is told 20 ms after an answer, the second at once.
    const samples = [event('samples', { at_ms: 1520, done: [300, 500] }), event('samples', { at_ms: 2000, done: [1000, 900] })]
    const killed = event('killed', { at_ms: 3430 })
    expect(faultMoments([...samples, killed])).toEqual([{ moment: 'killed', at: 2.43 }])
    // Once it is known how long the process took to end, the mark is at the signal.
    expect(faultMoments([...samples, killed, event('recovered', { at_ms: 5500, gone_ms: 30, ready_ms: 1500 })])).toEqual([{ moment: 'killed', at: 2.4 }, { moment: 'ready', at: 3.9 }])
    expect(faultMoments([...samples, event('stalled', { at_ms: 3400 }), event('resumed', { at_ms: 4900 })])).toEqual([{ moment: 'stalled', at: 2.4 }, { moment: 'resumed', at: 3.9 }])
    expect(faultMoments([killed])).toEqual([])
    expect(faultMoments([...samples, event('killed', {})])).toEqual([])
  })
  test('columns of zeros become a sentence', async () => {
    const { common } = await loadLabContent('en')
    const shown = (...rows: [number, number][]) => unansweredIn(rows.map(([refused, failed]) => ({ refused, failed })), common)
    expect(shown([0, 0], [0, 0])).toEqual({ refused: false, failed: false, sentence: common.none.both })
    expect(shown([0, 0], [2, 0])).toEqual({ refused: true, failed: false, sentence: common.none.failed })
    expect(shown([0, 1], [0, 0])).toEqual({ refused: false, failed: true, sentence: common.none.refused })
    expect(shown([1, 0], [0, 1])).toEqual({ refused: true, failed: true, sentence: '' })
  })
  test.each([[10, 45], [30, 12], [45, 0], [4, 300]])('the search finds what a machine of %i ms sustains: %i/s', (singleMs, capacity) => {
    const tried: Tried[] = []
    for (let rate = nextRate(tried, singleMs); rate !== null; rate = nextRate(tried, singleMs)) tried.push({ rate, holds: rate <= capacity })
    const found = sustained(tried)
    expect(tried.length).toBeLessThan(20)
    expect(new Set(tried.map(({ rate }) => rate)).size).toBe(tried.length)
    expect(found ?? 0).toBe({ 45: 40, 12: 10, 0: 0, 300: 300 }[capacity])
    expect([searchSeconds(1), searchSeconds(100)]).toEqual([8, 2])
  })
  test('a logarithmic axis', () => {
    const scale = logScale([5, 50, 400], 0, 300)
    expect(scale.ticks).toEqual([1, 10, 100, 1000])
    expect([1, 10, 1000, 1e6, 0].map(scale.at)).toEqual([0, 100, 300, 300, 0])
  })
})
