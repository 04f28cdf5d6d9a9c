import { afterEach, expect, test, vi } from 'vitest'
import { describeServerEvent, listenToRun, newRunId, type ServerEvent } from '../../src/lib/api/run-events'

const base = new URL('http://server.example/')
const stream = [
  'retry: 1000\n\n',
  'id: 1\nevent: accepted\ndata: {"request_id":"r","at_ms":0.1,"items":1,"queue_depth":2}\n\n',
  ':\n\n',
  'id: 2\nevent: preprocessed\ndata: {"request_id":"r","at_ms":4,"item":0,"tensor":{"datatype":"FP32","shape":[1],"sha256":"2a39b82f84de"},"ms":1.25}\n\n',
  'id: 3\nevent: batched\ndata: {"request_id":"r","at_ms":5,"item":0,"batch_size":3,"batch_rows":4,"waited_ms":0.7}\n\n',
  'id: 4\nevent: answered\ndata: {"request_id":"r","at_ms":60,"status":200}\n\n',
].join('')

function serve(body: BodyInit, init: ResponseInit = { headers: { 'Content-Type': 'text/event-stream' } }) {
  const asked: string[] = []
  vi.stubGlobal('fetch', (url: URL) => {
    asked.push(url.href)
    return Promise.resolve(new Response(body, init))
  })
  return asked
}

async function listen() {
  const told: ServerEvent[] = []
  await listenToRun(base, 'a'.repeat(32), new AbortController().signal, (event) => told.push(event))
  return told
}

afterEach(() => vi.unstubAllGlobals())

test('a run id is 128 bits in hexadecimal, another every time', () => {
  const ids = Array.from({ length: 50 }, newRunId)
  expect(new Set(ids).size).toBe(50)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/)
})

test.each([1, 7, 10_000])('a stream in pieces of %i bytes is read up to the answer', async (size) => {
  const bytes = new TextEncoder().encode(`${stream}id: 5\nevent: end\ndata: {"reason":"done"}\n\n`)
  const pieces = new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size))
      controller.close()
    },
  })
  const asked = serve(pieces)
  const told = await listen()
  expect(asked).toEqual([`http://server.example/api/events?run=${'a'.repeat(32)}`])
  expect(told.map(({ type }) => type)).toEqual(['accepted', 'preprocessed', 'batched', 'answered'])
  expect(told.map(describeServerEvent)).toEqual([
    'accepted, 2 before it',
    'preprocessed in 1.3 ms, tensor 2a39b82f',
    'in a batch of 3, 0.7 ms after its tensor was ready',
    null,
  ])
})

test('a server without events, or with nonsense in their place, tells nothing', async () => {
  serve('Nothing is at this address', { status: 404 })
  expect(await listen()).toEqual([])
  serve('<html>', { headers: { 'Content-Type': 'text/html' } })
  expect(await listen()).toEqual([])
  serve('event: accepted\ndata: {nonsense\n\n')
  expect(await listen()).toEqual([])
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('network')))
  expect(await listen()).toEqual([])
  expect(() => describeServerEvent({ type: 'inferred', data: { ms: 'soon' } })).toThrow('ms is not a number')
})
