// Nothing that the page shows of a run is its own: each value of each event is altered, and what is shown has to follow.
import { render } from 'svelte/server'
import type { Component } from 'svelte'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadContent } from '../../content'
import type { Content } from '../../content/schema'
import { parseAnswer } from '../../src/lib/api/answer'
import { parseLoadRecord } from '../../src/lib/api/load-record'
import ArtifactTable from '../../src/components/ArtifactTable.svelte'
import Evidence from '../../src/components/Evidence.svelte'
import InputFigure from '../../src/components/InputFigure.svelte'
import KnobTable from '../../src/components/KnobTable.svelte'
import LayerTable from '../../src/components/LayerTable.svelte'
import Network from '../../src/components/Network.svelte'
import RunBar from '../../src/components/RunBar.svelte'
import StageFigure from '../../src/components/StageFigure.svelte'
import Tasks from '../../src/components/Tasks.svelte'
import Tools from '../../src/components/Tools.svelte'
import Terminal from '../../src/components/Terminal.svelte'
import TopFive from '../../src/components/TopFive.svelte'
import type { FlowEvent } from '../../src/lib/lesson/events'
import { formatFor } from '../../src/lib/lesson/format'
import { noticeFor } from '../../src/lib/lesson/messages'
import { Lesson } from '../../src/lib/lesson/lesson.svelte'
import { pairsOf } from '../../src/lib/lesson/network'
import { advance, idleRun, startedRun, type Run } from '../../src/lib/lesson/run'
import { answer, loadRecord } from './example'

const digits = (digit: string) => digit.repeat(64)
const file = { role: 'edge_model', path: 'edge.onnx', bytes: 22_410_868, sha256: digits('e') }
const labels = { role: 'labels', path: 'labels.txt', bytes: 10_473, sha256: digits('f') }
const runtime = { role: 'runtime', path: 'ort-wasm.wasm', bytes: 14_239_897, sha256: digits('a') }
const layers = [
  { name: 'stem.weight', shape: [64, 3, 7, 7], dtype: 'F32', parameters: 9408 },
  { name: 'fc.weight', shape: [1000, 64], dtype: 'F32', parameters: 64_000 },
]
const contract = { name: 'resnet34', version: '1.0.0', inputName: 'input', inputShape: [-1, 3, 227, 227], classes: 1000, input: null, output: { name: 'logits', shape: [-1, 1000], dtype: 'float32' }, files: [labels, file] }
const events: FlowEvent[] = [
  { at: 1, kind: 'browser-checked', threads: 2, memoryGiB: 8, isolated: true, storage: true },
  { at: 20, kind: 'core-ready', version: '1.0.0', simd: true, bytes: 448_203, ms: 12.5 },
  { at: 40, kind: 'contract-read', origin: 'server', url: 'http://a/', bytes: 4558, announcedHash: digits('c'), contract, sha256: digits('c'), preprocessingText: 'resize_filter=bilinear\n', preprocessingHash: digits('d') },
  { at: 50, kind: 'artifact-ready', ...labels, source: 'network', received: 10_473, resumedFrom: 0, compressed: null, ms: 3.5, stored: true },
  { at: 90, kind: 'artifact-ready', ...file, source: 'network', received: 22_410_868, resumedFrom: 0, compressed: null, ms: 33.5, stored: true },
  { at: 91, kind: 'artifact-ready', ...runtime, source: 'network', received: 14_239_897, resumedFrom: 0, compressed: 3_600_000, ms: 23.5, stored: true },
  { at: 120, kind: 'session-ready', createMs: 321.5, warmUpMs: 123.5, threads: 3, input: { name: 'input', shape: [-1, 3, 227, 227], dtype: 'float32' }, output: { name: 'logits', shape: [-1, 1000], dtype: 'float32' }, version: '1.30.0', reused: false, network: { tensors: layers, outputs: { 'stem.weight': [64, 111, 111] }, residual: [] } },
  { at: 130, kind: 'server-loaded', record: parseLoadRecord(JSON.stringify({ ...loadRecord, layers })) },
  { at: 140, kind: 'input-read', name: 'dog.jpg', bytes: 90_796 },
  {
    at: 150, kind: 'preprocessed', name: 'dog.jpg', inputBytes: 90_796, format: 'jpeg', width: 600, height: 400, shape: [1, 3, 227, 227], dtype: 'float32',
    inputSha256: digits('1'), pixelsSha256: digits('2'), cropSha256: digits('3'), tensorSha256: digits('4'),
    crop: { width: 227, height: 227, rgb: new Uint8Array(3) }, timings: { decode: 2.5, resize: 1.5, normalize: 0.5 }, frames: 3,
  },
  { at: 160, kind: 'step-ended', step: 'input', ms: 41.5 },
  { at: 170, kind: 'request-sent', url: 'http://a/api/classify', bytes: 90_796 },
  { at: 200, kind: 'page-predicted', labels: Array.from({ length: 236 }, (_, index) => `class ${index}`), prediction: { predictions: [{ index: 235, probability: 0.9123 }], logitsSha256: digits('5'), inferenceMs: 222.5, postprocessMs: 1.5 } },
  { at: 210, kind: 'server-answered', wallMs: 56.5, answer: { ...parseAnswer(JSON.stringify(answer)), contractHash: digits('c'), preprocessingHash: digits('d') } },
  { at: 220, kind: 'ended' },
  { at: 900, kind: 'memory-measured', bytes: 210_000_000 },
]

let content: Content
beforeAll(async () => void (content = await loadContent('en')))

function shown(run: Run): string {
  const lesson = new Lesson(content, './')
  lesson.run = run
  const parts: [Component<any>, object][] = [RunBar, Tools, Terminal, Tasks, InputFigure, TopFive, StageFigure, ArtifactTable, KnobTable, Network].map((part) => [part as Component<any>, {}])
  for (const of of ['latency', 'availability', 'reproducibility']) parts.push([Evidence as Component<any>, { of }])
  const pairs = pairsOf(run.session?.network?.tensors ?? [], run.serverLoad?.tensors ?? [])
  parts.push([LayerTable as Component<any>, { pairs, typesOf: (types: string[]) => types.join() }])
  return parts.map(([part, props]) => render(part, { props: { lesson, ...props } }).body.replaceAll(/<!--.*?-->/g, '')).join('\n')
}
const runOf = (list: readonly FlowEvent[]) => list.reduce(advance, startedRun)

type Path = (string | number)[]
/** Every number, text and flag of an event. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (value instanceof Uint8Array || value === null || value === undefined) return []
  if (typeof value !== 'object') return [path]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, Array.isArray(value) ? Number(key) : key]))
}
function altered(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value + (value > 1e7 ? 3e6 : 3) : value + 7.25
  if (typeof value === 'boolean') return !value
  if (/^[0-9a-f]{64}$/.test(String(value))) return digits('9')
  return String(Number.isNaN(Date.parse(String(value))) ? `${String(value).trimEnd()}x` : '2027-05-05T05:05:05Z')
}
function withLeaf(event: FlowEvent, path: Path): FlowEvent {
  if (path.length === 1 && path[0] === 'at') return { ...event, at: event.at + 61_000 }
  const copy = structuredClone(event) as unknown
  const holder = path.slice(0, -1).reduce<unknown>((inner, key) => (inner as Record<string | number, unknown>)[key], copy) as Record<string | number, unknown>
  const key = path.at(-1) ?? ''
  holder[key] = altered(holder[key])
  return copy as FlowEvent
}

/** What an event carries for the receipt, for the experiments or for the next event, and no panel prints. */
const carried =
  /^(contract-read\.(url|contract\.(version|inputName|inputShape|classes|files))|artifact-ready\.(received)|session-ready\.(reused|network\.outputs)|input-read\.|preprocessed\.(name|inputSha256|pixelsSha256|cropSha256|crop|format)|page-predicted\.(labels|prediction\.logitsSha256)|server-answered\.answer\.(model|requestId|logitsSha256)|server-loaded\.record\.files\.0\.(role|path|parameters)|step-ended\.at|memory-measured\.at|contract-read\.contract\.name)/
/** What names an event rather than measures anything. */
const named = /\.(kind|role|source|origin|step|reused)$/

describe('each altered value is seen', () => {
  const cases = events.flatMap((event, position) => leaves(event).map((path) => ({ name: `${event.kind}.${path.join('.')}`, position, path })))
  const told = cases.filter(({ name }) => !carried.test(name) && !named.test(name))
  test('and there are many', () => expect(told.length).toBeGreaterThan(70))

  test.each(told)('$name', ({ position, path }) => {
    const before = shown(runOf(events))
    const changed = events.map((event, at) => (at === position ? withLeaf(event, path) : event))
    expect(shown(runOf(changed))).not.toBe(before)
  })
})

test('without events no number of a run stands anywhere', () => {
  const text = shown(idleRun)
    .replaceAll(/<code[^>]*>[^<]*<\/code>/g, ' ')
    .replaceAll(/<[^>]+>/g, ' ')
  // What is to be downloaded is known beforehand, and is no measurement.
  const beforehand = noticeFor(idleRun, content, formatFor('en')).text
  const words = [beforehand, ...Object.values(content.inspector), ...Object.values(content.bench)].filter((word) => typeof word === 'string')
  const rest = words.sort((a, b) => b.length - a.length).reduce((left, word) => left.replaceAll(word, ' '), text)
  expect(rest.match(/\d[\d.,]*\s*(ms|B|MB)\b/g) ?? []).toEqual([])
  expect(rest.match(/\b[0-9a-f]{8}\b/g) ?? []).toEqual([])
})
