import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { artifactKey, contractKey, obtain } from '../../src/lib/worker/artifacts'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const content = new Uint8Array([1, 2, 3, 4, 5])
const file = { role: 'edge_model', path: 'edge.onnx', bytes: 5, sha256: sha256(content) }
const stored = new Map<string, Uint8Array<ArrayBuffer>>()
const get = () => obtain(file, 'http://a/edge.onnx', sha256, { progress: () => undefined, waiting: () => undefined })
const served = (bytes: Uint8Array<ArrayBuffer>, status = 200) => vi.fn(async () => new Response(bytes, { status }))

beforeEach(() => {
  stored.clear()
  const cache = {
    match: async (key: string) => (stored.has(key) ? new Response(stored.get(key)) : undefined),
    put: async (key: string, response: Response) => void stored.set(key, new Uint8Array(await response.arrayBuffer())),
    delete: async (key: string) => stored.delete(key),
    keys: async () => [...stored.keys()].map((url) => ({ url })),
  }
  vi.stubGlobal('caches', { open: async () => cache })
})
afterEach(() => vi.unstubAllGlobals())

describe('artifacts', () => {
  test('are kept under their SHA-256 and not downloaded again', async () => {
    const fetch = served(content)
    vi.stubGlobal('fetch', fetch)
    expect((await get()).report).toMatchObject({ source: 'network', received: 5, stored: true })
    expect([...stored.keys()]).toEqual([artifactKey(file.sha256)])
    expect((await get()).report).toMatchObject({ source: 'kept', received: 0 })
    expect(fetch).toHaveBeenCalledTimes(1)
  })
  test.each([
    ['altered', new Uint8Array([1, 2, 3, 4, 6]), 'download_altered'],
    ['cut', new Uint8Array([1, 2, 3]), 'download_cut'],
    ['too long', new Uint8Array([1, 2, 3, 4, 5, 6]), 'download_too_long'],
  ])('%s are refused and not kept', async (_, bytes, code) => {
    vi.stubGlobal('fetch', served(bytes))
    await expect(get()).rejects.toMatchObject({ code })
    expect(stored.has(artifactKey(file.sha256))).toBe(false)
  })
  test('a refusal names the status', async () => {
    vi.stubGlobal('fetch', served(content, 404))
    await expect(get()).rejects.toMatchObject({ code: 'download_refused', facts: { status: 404, file: 'edge.onnx' } })
  })
  test('what was kept and has changed since is downloaded again', async () => {
    stored.set(artifactKey(file.sha256), new Uint8Array([9, 9, 9, 9, 9]))
    vi.stubGlobal('fetch', served(content))
    expect((await get()).report.source).toBe('network')
    expect(stored.get(artifactKey(file.sha256))).toEqual(content)
  })
  test('without storage the page downloads, and says that it keeps nothing', async () => {
    vi.stubGlobal('caches', undefined)
    vi.stubGlobal('fetch', served(content))
    expect((await get()).report.stored).toBe(false)
  })
  test('full storage is no failure', async () => {
    vi.stubGlobal('caches', { open: async () => ({ match: async () => undefined, put: async () => Promise.reject(new Error('quota')) }) })
    vi.stubGlobal('fetch', served(content))
    expect((await get()).report.stored).toBe(false)
  })
  test('contracts are kept by the page that they belong to', () => {
    expect(contractKey('http://a/x/')).not.toBe(contractKey('http://a/y/'))
  })
})

describe('a download that broke off', () => {
  /** A host that sends `limit` bytes a time; with ranges or without. */
  const breaking = (limit: number, ranges: boolean, asked: (string | null)[] = []) =>
    vi.fn(async (_: string, { headers }: RequestInit = {}) => {
      const range = new Headers(headers).get('Range')
      asked.push(range)
      const from = ranges && range ? Number(/\d+/.exec(range)) : 0
      const part = content.slice(from, from + limit)
      return new Response(part, from > 0 ? { status: 206, headers: { 'Content-Range': `bytes ${from}-${from + part.length - 1}/5` } } : {})
    })

  test('is taken up where it ended, and the whole is checked', async () => {
    const asked: (string | null)[] = []
    vi.stubGlobal('fetch', breaking(2, true, asked))
    expect((await get()).report).toMatchObject({ source: 'network', received: 5, resumedFrom: 0, stored: true })
    expect(asked).toEqual([null, 'bytes=2-', 'bytes=4-'])
  })
  test('is put aside after three attempts; the next press asks for the rest alone', async () => {
    vi.stubGlobal('fetch', breaking(1, true))
    await expect(get()).rejects.toMatchObject({ code: 'download_cut', facts: { received: 3, expected: 5 } })
    const asked: (string | null)[] = []
    vi.stubGlobal('fetch', breaking(5, true, asked))
    expect((await get()).report).toMatchObject({ received: 2, resumedFrom: 3 })
    expect(asked).toEqual(['bytes=3-'])
    expect([...stored.keys()]).toEqual([artifactKey(file.sha256)])
  })
  test('begins anew where the host sends no ranges', async () => {
    vi.stubGlobal('fetch', breaking(3, false))
    await expect(get()).rejects.toMatchObject({ code: 'download_cut', facts: { received: 3 } })
    vi.stubGlobal('fetch', served(content))
    expect((await get()).report).toMatchObject({ received: 5, resumedFrom: 0 })
  })
  test('is put aside while it runs: who stops it, or closes the tab, goes on later', async () => {
    const large = new Uint8Array(1_000_000).map((_, i) => i % 251)
    const model = { ...file, bytes: large.length, sha256: sha256(large) }
    const take = () => obtain(model, 'http://a/edge.onnx', sha256, { progress: () => undefined, waiting: () => undefined })
    const bodies: ReadableStreamDefaultController<Uint8Array>[] = []
    const asked: (string | null)[] = []
    vi.stubGlobal('fetch', async (_: string, { headers }: RequestInit = {}) => {
      const range = new Headers(headers).get('Range')
      asked.push(range)
      const body = new ReadableStream<Uint8Array>({ start: (controller) => void bodies.push(controller) })
      return new Response(body, range ? { status: 206, headers: { 'Content-Range': `bytes ${/\d+/.exec(range)?.[0]}-999999/1000000` } } : {})
    })
    void take().catch(() => undefined)
    await vi.waitFor(() => expect(bodies).toHaveLength(1))
    bodies[0]?.enqueue(large.slice(0, 300_000))
    await vi.waitFor(() => expect(stored.size).toBe(1))
    bodies[0]?.enqueue(large.slice(300_000, 310_000)) // too little to be worth a write, and too soon
    await new Promise((resolve) => setTimeout(resolve, 550))
    bodies[0]?.enqueue(large.slice(310_000, 700_000))
    await vi.waitFor(() => expect(stored.size).toBe(2))
    // The tab is gone: nothing more comes of the first download, and the next one goes on behind what was put aside.
    const next = take()
    await vi.waitFor(() => expect(bodies).toHaveLength(2))
    expect(asked).toEqual([null, 'bytes=700000-'])
    bodies[1]?.enqueue(large.slice(700_000))
    bodies[1]?.close()
    expect((await next).report).toMatchObject({ received: 300_000, resumedFrom: 700_000, stored: true })
    expect([...stored.keys()]).toEqual([artifactKey(model.sha256)])
  })
  test('what a host compresses is told by its size on the way', async () => {
    vi.stubGlobal('fetch', async () => new Response(content, { headers: { 'Content-Encoding': 'br', 'Content-Length': '3' } }))
    expect((await get()).report).toMatchObject({ received: 5, compressed: 3 })
    stored.clear()
    vi.stubGlobal('fetch', async () => new Response(content, { headers: { 'Content-Length': '5' } }))
    expect((await get()).report.compressed).toBeNull()
  })
  test('whose first part was altered is refused as a whole, and nothing of it stays', async () => {
    vi.stubGlobal('fetch', breaking(1, true))
    await get().catch(() => undefined)
    for (const key of stored.keys()) stored.set(key, new Uint8Array([9, 9, 9]))
    vi.stubGlobal('fetch', breaking(5, true))
    await expect(get()).rejects.toMatchObject({ code: 'download_altered' })
    expect(stored.size).toBe(0)
  })
})
