import { describe, expect, test } from 'vitest'
import { loadContent } from '../../content'
import { parseAnswer } from '../../src/lib/api/answer'
import { parseLoadRecord } from '../../src/lib/api/load-record'
import type { FlowEvent } from '../../src/lib/lesson/events'
import { clock, compareTensors, equalDigits, pageStages, serverLoadMs, serverStages, topFive, totalOf } from '../../src/lib/lesson/figures'
import { formatFor } from '../../src/lib/lesson/format'
import { noticeFor } from '../../src/lib/lesson/messages'
import { advance, startedRun } from '../../src/lib/lesson/run'
import { appendLine, groupedBytes, lineFor, terminalText } from '../../src/lib/lesson/terminal'
import { answer, loadRecord } from './example'

const hash = (digit: string) => digit.repeat(64)
const preprocessed: FlowEvent = {
  at: 900,
  kind: 'preprocessed',
  name: 'dog.jpg',
  inputBytes: 10,
  format: 'jpeg',
  width: 600,
  height: 400,
  shape: [1, 3, 227, 227],
  dtype: 'float32',
  inputSha256: hash('1'),
  pixelsSha256: hash('2'),
  cropSha256: hash('3'),
  tensorSha256: answer.tensor.sha256,
  crop: { width: 1, height: 1, rgb: new Uint8Array(3) },
  timings: { decode: 2, resize: 1, normalize: 0.5 },
  frames: 1,
}
const predicted: FlowEvent = {
  at: 1200,
  kind: 'page-predicted',
  labels: Array.from({ length: 236 }, (_, index) => `class ${index}`),
  prediction: {
    predictions: [{ index: 235, probability: 0.97 }, { index: 225, probability: 0.01 }],
    logitsSha256: hash('4'),
    inferenceMs: 200,
    postprocessMs: 1,
  },
}
const answered: FlowEvent = { at: 1300, kind: 'server-answered', wallMs: 50, answer: parseAnswer(JSON.stringify(answer)) }
const runOf = (...events: FlowEvent[]) => events.reduce(advance, startedRun)

describe('terminal', () => {
  const text = (event: FlowEvent) => lineFor(event)?.text
  test('prints what the events say, and follows when they change', () => {
    expect(text(preprocessed)).toBe('preprocess 600x400 -> 1x3x227x227 in 3.5 ms, tensor abababab')
    expect(text({ ...preprocessed, width: 7, tensorSha256: hash('9') })).toContain('7x400 -> 1x3x227x227 in 3.5 ms, tensor 99999999')
    expect(text(predicted)).toBe('forward 200.0 ms: class 235 0.9700')
    expect(lineFor(answered)).toMatchObject({ who: 'server', text: expect.stringContaining('forward 40.0 ms (cpu): German shepherd 0.9800') })
  })
  test('a download announces its size and is one line until it ends', () => {
    const base = { path: 'edge.onnx', bytes: 22_410_868 }
    const announced: FlowEvent = { at: 1, kind: 'artifact-announced', ...base }
    expect(text(announced)).toBe('GET edge.onnx  22 410 868 B announced')
    const run = runOf(
      announced,
      { at: 2, kind: 'artifact-progress', ...base, received: 11_205_434 },
      { at: 3, kind: 'artifact-ready', ...base, role: 'edge_model', sha256: hash('a'), source: 'kept', received: 0, resumedFrom: 0, compressed: null, ms: 5, stored: true },
    )
    expect(run.lines).toHaveLength(1)
    expect(run.lines[0]).toMatchObject({ at: 3, text: expect.stringContaining('kept, 0 B downloaded') })
    expect(run.download).toBeNull()
  })
  test('failures stand out and name the field that differs', () => {
    const failure = { code: 'contract_mismatch' as const, facts: { status: 412, field: 'resize_filter', ours: 'bilinear', theirs: 'bicubic' } }
    expect(lineFor({ at: 1, kind: 'server-failed', failure })).toMatchObject({
      tone: 'over',
      text: '412 contract_mismatch resize_filter: ours bilinear, theirs bicubic',
    })
  })
  test('lines without a key are never replaced', () => {
    const line = { at: 1, who: 'page' as const, text: 'x' }
    expect(appendLine(appendLine([], line), line)).toHaveLength(2)
    expect(groupedBytes(999)).toBe('999 B')
  })
})

describe('run', () => {
  const run = runOf({ at: 0, kind: 'step-started', step: 'input' }, preprocessed, { at: 950, kind: 'step-ended', step: 'input', ms: 41 }, predicted, answered, {
    at: 1400,
    kind: 'ended',
  })
  test('its figures are computed from its events', () => {
    expect(run.phase).toBe('done')
    expect(run.stepMs).toEqual({ input: 41 })
    expect(pageStages(run)).toEqual({ preprocess: 3.5, inference: 200, postprocess: 1 })
    expect(serverStages(run)).toEqual({ network: 3, queue: 0.5, preprocess: 6, inference: 40, postprocess: 0.5 })
    expect(totalOf(serverStages(run) ?? {})).toBe(50)
    expect(topFive(run)).toEqual([{ label: 'German shepherd', page: 0.97, server: 0.98 }])
    expect(compareTensors(run)).toMatchObject({ equal: true, equalDigits: 64 })
  })
  test('the server’s load times are those of its record', () => {
    const loaded: FlowEvent = { at: 700, kind: 'server-loaded', record: parseLoadRecord(JSON.stringify(loadRecord)) }
    expect(serverLoadMs(runOf(loaded))).toBe(221.5)
    expect(lineFor(loaded)).toMatchObject({
      who: 'server',
      text: 'loaded once, at 2026-03-01T08:00:00Z, by process 4711: 521.5 ms, ready after 650.0 ms (libtorch 1.13.1, cpu fp32, threads 2)',
    })
    expect(serverLoadMs(run)).toBeNull()
  })
  test('a tensor that differs is told by its digits', () => {
    const other = runOf({ ...preprocessed, tensorSha256: `b${answer.tensor.sha256.slice(1)}` }, answered)
    expect(compareTensors(other)).toMatchObject({ equal: false, equalDigits: 63 })
    expect(equalDigits('ab', 'ac')).toBe(1)
  })
  test('without a server the page’s own five are shown', () => {
    expect(topFive(runOf(predicted))[1]).toEqual({ label: 'class 225', page: 0.01, server: null })
    expect(serverStages(runOf(predicted))).toBeNull()
  })
  test('the notice speaks the language of the page', async () => {
    const alone = runOf(predicted, { at: 1, kind: 'server-failed', failure: { code: 'absent', facts: { origin: 'http://a' } } }, { at: 2, kind: 'ended' })
    const say = async (language: string) => noticeFor(alone, await loadContent(language), formatFor(language))
    expect((await say('id')).title).toBe('Halaman memprediksi sendiri. Server tidak menjawab.')
    expect((await say('en')).title).toBe('The page predicted alone. The server does not answer.')
    expect(noticeFor(run, await loadContent('en'), formatFor('en'))).toMatchObject({ tone: 'live', title: 'Done.' })
  })
  test('without the page’s own model the server’s prediction is shown, and why; without both the run has failed', async () => {
    const unable: FlowEvent = { at: 1, kind: 'page-unable', failure: { code: 'simd_missing', facts: {} } }
    const english = await loadContent('en')
    const alone = runOf(unable, preprocessed, answered, { at: 2, kind: 'ended' })
    expect(alone.phase).toBe('done')
    expect(noticeFor(alone, english, formatFor('en'))).toMatchObject({ tone: 'over', title: 'The server predicted; the page did not. This browser cannot run the page’s own model.' })
    expect(lineFor(unable)).toMatchObject({ tone: 'over', text: 'no session in this page: simd_missing' })
    const neither = runOf(unable, preprocessed, { at: 2, kind: 'failed', failure: { code: 'simd_missing', facts: {} } }, { at: 3, kind: 'ended' })
    expect(noticeFor(neither, english, formatFor('en')).title).toBe('This browser cannot run the page’s own model.')
  })
  test('memory that is measured after the end is no part of the run’s time', () => {
    expect(advance(run, { at: 9000, kind: 'memory-measured', bytes: 5 })).toEqual({ ...run, pageMemory: 5 })
  })
  test('the terminal’s text is what it shows, line by line', () => {
    expect(terminalText(runOf(predicted, answered).lines, 'Ready.')).toBe(
      '> Ready.\n1.200 page   forward 200.0 ms: class 235 0.9700\n1.300 server 200 in 50.0 ms, tensor abababab, forward 40.0 ms (cpu): German shepherd 0.9800\n',
    )
  })
  test('numbers follow the language', () => {
    expect(formatFor('id').ms(1234.56)).toBe('1.234,6')
    expect(formatFor('en').ms(1234.56)).toBe('1,234.6')
    expect(clock(61_900)).toBe('01:01')
  })
})
