import { expect, test } from 'vitest'
import { parseAnswer } from '../../src/lib/api/answer'
import { parseLoadRecord } from '../../src/lib/api/load-record'
import type { FlowEvent } from '../../src/lib/lesson/events'
import { receiptOf, receiptText } from '../../src/lib/lesson/receipt'
import { advance, startedRun } from '../../src/lib/lesson/run'
import { answer, hash, loadRecord } from './example'

const digits = (digit: string) => digit.repeat(64)
const contract = { name: 'resnet34', version: '1.0.0', inputName: 'input', inputShape: [-1, 3, 227, 227], classes: 1000, input: null, output: null, files: [] }
const events: FlowEvent[] = [
  { at: 1, kind: 'core-ready', version: '1.0.0', simd: true, bytes: 1, ms: 1 },
  { at: 2, kind: 'contract-read', origin: 'server', url: '', bytes: 1, announcedHash: null, contract, sha256: digits('c'), preprocessingText: '', preprocessingHash: digits('d') },
  { at: 3, kind: 'artifact-ready', role: 'edge_model', path: 'edge.onnx', bytes: 9, sha256: digits('e'), source: 'kept', received: 0, resumedFrom: 0, compressed: null, ms: 1, stored: true },
  { at: 4, kind: 'session-ready', createMs: 1, warmUpMs: 1, threads: 2, input: { name: 'input', shape: [1], dtype: 'float32' }, output: { name: 'logits', shape: [1], dtype: 'float32' }, version: '1.30.0', reused: false, network: null },
  { at: 5, kind: 'server-loaded', record: parseLoadRecord(JSON.stringify(loadRecord)) },
  {
    at: 6, kind: 'preprocessed', name: 'dog.jpg', inputBytes: 10, format: 'jpeg', width: 600, height: 400, shape: [1, 3, 227, 227], dtype: 'float32',
    inputSha256: digits('1'), pixelsSha256: digits('2'), cropSha256: digits('3'), tensorSha256: digits('4'),
    crop: { width: 1, height: 1, rgb: new Uint8Array(3) }, timings: { decode: 2, resize: 1, normalize: 0.12345 }, frames: 1,
  },
  { at: 7, kind: 'page-predicted', labels: ['a'], prediction: { predictions: [{ index: 0, probability: 0.9 }], logitsSha256: digits('5'), inferenceMs: 20, postprocessMs: 1 } },
]
const answered: FlowEvent = { at: 8, kind: 'server-answered', wallMs: 50, answer: parseAnswer(JSON.stringify(answer)) }
const receipt = (list: FlowEvent[]) => receiptOf(list.reduce(advance, startedRun), new Date(0))

test('a receipt is made of the run’s events, and changes with them', () => {
  const made = receipt([...events, answered])
  expect(made).toMatchObject({
    schema: 'beralih.receipt/1',
    created: '1970-01-01T00:00:00.000Z',
    contract_hash: digits('c'),
    input: { sha256: digits('1'), bytes: 10 },
    tensor: { datatype: 'FP32', shape: [1, 3, 227, 227], sha256: digits('4') },
    page: { device: 'wasm simd, threads 2', versions: { core: '1.0.0', onnxruntime_web: '1.30.0' }, weights_sha256: digits('e'), logits_sha256: digits('5'), timings_ms: { preprocess: 3.123, inference: 20 } },
    server: { device: 'cpu fp32, threads 2', weights_sha256: hash, logits_sha256: hash, timings_ms: { network: 3 } },
  })
  expect(JSON.parse(receiptText(made as NonNullable<typeof made>))).toEqual(made)
  const altered = events.map((event) => (event.kind === 'preprocessed' ? { ...event, tensorSha256: digits('9') } : event))
  expect(receipt(altered)?.tensor.sha256).toBe(digits('9'))
})

test('without a server it says null, without a prediction there is none', () => {
  expect(receipt(events)?.server).toBeNull()
  expect(receipt(events.slice(0, 6))).toBeNull()
})
