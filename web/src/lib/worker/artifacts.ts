// Downloads what the contract lists, refuses what differs from it, and keeps what matches under its SHA-256.
import type { BundleFile } from '../api/contract'
import { RunError } from '../lesson/failures'
import type { ArtifactReady } from './protocol'

const cacheName = 'beralih-artifacts-1'
const stallSeconds = 30
/** How often a download that broke off is taken up again before the learner is asked. */
const attempts = 3

/** Cache Storage takes addresses as keys; these are never requested. */
export const artifactKey = (sha256: string) => `/kept/sha256/${sha256}`
/** A download under way is put aside in pieces, each under the place where it begins. */
const pieceKey = (sha256: string, from: number) => `/kept/part/${sha256}/${from}`
/** A piece is put aside this often, if it is worth a write: whoever stops or closes the tab loses no more than that. */
const pieceMs = 500
const pieceBytes = 256 * 1024
export const contractKey = (name: string) => `/kept/contract?of=${encodeURIComponent(name)}`

/** Null on plain-http addresses and where storage is blocked: the page then works, but keeps nothing. */
async function openCache(): Promise<Cache | null> {
  try {
    return typeof caches === 'undefined' ? null : await caches.open(cacheName)
  } catch {
    return null
  }
}

async function store(cache: Cache | null, key: string, body: BodyInit): Promise<boolean> {
  try {
    await cache?.put(key, new Response(body))
    return cache !== null
  } catch {
    return false // storage full
  }
}

export async function keepText(key: string, text: string): Promise<void> {
  await store(await openCache(), contractKey(key), text)
}

export async function keptText(key: string): Promise<string | null> {
  const found = await (await openCache())?.match(contractKey(key))
  return found ? found.text() : null
}

/** What has arrived of a file: a buffer of the whole file's size, filled up to `received`. */
interface Part {
  buffer: Uint8Array<ArrayBuffer>
  received: number
  /** How much of it an earlier download had put aside. */
  resumedFrom: number
  /** Bytes on the way where the host compresses: what its head says; null where it sends the file as it is. */
  compressed: number | null
}

/** What a cache holds of a download that did not end. */
class Aside {
  private upTo = 0
  /** When a piece was last put aside: the first one is due at once, however young the page is. */
  private at = -Infinity
  private writing: Promise<unknown> = Promise.resolve()

  constructor(
    private readonly cache: Cache | null,
    private readonly sha256: string,
  ) {}

  /** Fills the buffer with what an earlier download left; how much that was. */
  async read(buffer: Uint8Array): Promise<number> {
    for (;;) {
      const found = await this.cache?.match(pieceKey(this.sha256, this.upTo))
      const piece = found ? new Uint8Array(await found.arrayBuffer()) : null
      if (!piece || piece.length === 0 || this.upTo + piece.length >= buffer.length) return this.upTo
      buffer.set(piece, this.upTo)
      this.upTo += piece.length
    }
  }

  /** Puts aside what has arrived since the last time, now or when it is worth it. */
  keep({ buffer, received }: Part, now = false) {
    const time = performance.now()
    if (received <= this.upTo || received >= buffer.length) return
    if (!now && (time - this.at < pieceMs || received - this.upTo < pieceBytes)) return
    const { upTo } = this
    const piece = buffer.slice(upTo, received)
    this.at = time
    this.upTo = received
    this.writing = this.writing.then(() => store(this.cache, pieceKey(this.sha256, upTo), piece))
  }

  /** After the last piece has been written. */
  settled = () => this.writing

  /** The file has come whole, or what came is wrong. */
  async forget() {
    this.upTo = 0
    await this.writing
    const first = pieceKey(this.sha256, 0).slice(0, -1)
    try {
      for (const { url } of (await this.cache?.keys()) ?? []) if (url.includes(first)) await this.cache?.delete(url)
    } catch {
      return // storage that cannot be written to holds no piece either
    }
  }
}

/** Reads on where `part` ends, at most `file.bytes` in all; more than that is as wrong as less. */
async function readOn(file: BundleFile, url: string, part: Part, aside: Aside, progress: Tell['progress']): Promise<void> {
  const stalled = new AbortController()
  let timer = setTimeout(() => stalled.abort(), stallSeconds * 1000)
  try {
    const headers: HeadersInit = part.received > 0 ? { Range: `bytes=${part.received}-` } : {}
    const response = await fetch(url, { headers, signal: stalled.signal, cache: 'no-store' })
    const from = Number(/^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? NaN)
    const continues = response.status === 206 && from === part.received
    if (!continues) {
      part.received = part.resumedFrom = 0 // the host sends the whole file, or refuses
      await aside.forget()
    }
    if (response.status === 416) throw new RunError('download_cut', { file: file.path, received: 0, expected: file.bytes })
    if (!response.ok || !response.body || (response.status === 206 && !continues)) throw new RunError('download_refused', { file: file.path, status: response.status })
    const length = Number(response.headers.get('Content-Length'))
    part.compressed = response.headers.has('Content-Encoding') && length > 0 ? length : null
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      clearTimeout(timer)
      timer = setTimeout(() => stalled.abort(), stallSeconds * 1000)
      const room = part.buffer.subarray(part.received)
      part.buffer.set(value.subarray(0, room.length), part.received)
      part.received += value.length
      progress(part.received)
      aside.keep(part)
      if (part.received > file.bytes) {
        await reader.cancel()
        break
      }
    }
  } catch (error) {
    if (error instanceof RunError) throw error
    if (stalled.signal.aborted) throw new RunError('download_stalled', { file: file.path, seconds: stallSeconds })
    throw new RunError('download_cut', { file: file.path, received: part.received, expected: file.bytes })
  } finally {
    clearTimeout(timer)
  }
  if (part.received < file.bytes) throw new RunError('download_cut', { file: file.path, received: part.received, expected: file.bytes })
  if (part.received > file.bytes) throw new RunError('download_too_long', { file: file.path, received: part.received, expected: file.bytes })
}

interface Tell {
  progress: (received: number) => void
  /** Another tab is downloading the same file. */
  waiting: () => void
}

/** Downloads, and goes on where it broke off: now, or at the next press with what was put aside. */
async function download(file: BundleFile, url: string, cache: Cache | null, progress: Tell['progress']): Promise<Part> {
  const part: Part = { buffer: new Uint8Array(file.bytes), received: 0, resumedFrom: 0, compressed: null }
  const aside = new Aside(cache, file.sha256)
  part.received = part.resumedFrom = await aside.read(part.buffer)
  for (let attempt = 1; ; attempt++) {
    const before = part.received
    try {
      await readOn(file, url, part, aside, progress)
      await aside.forget()
      return part
    } catch (error) {
      const broken = error instanceof RunError && (error.code === 'download_cut' || error.code === 'download_stalled')
      const worthwhile = part.received > before || (part.received === 0 && before > 0)
      if (broken && worthwhile && attempt < attempts) continue
      if (broken) aside.keep(part, true)
      else await aside.forget()
      await aside.settled()
      throw error
    }
  }
}

/** One tab downloads, the others find what it has kept. */
async function oneAtATime<T>(name: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks
  if (!locks) return work()
  const [first] = await locks.request(name, { ifAvailable: true }, async (lock) => (lock ? [await work()] : []))
  if (first !== undefined) return first
  waiting()
  return locks.request(name, work)
}

export function obtain(file: BundleFile, url: string, sha256: (bytes: Uint8Array) => string, tell: Tell) {
  return oneAtATime(`beralih ${file.sha256}`, tell.waiting, () => obtainAlone(file, url, sha256, tell))
}

async function obtainAlone(
  file: BundleFile,
  url: string,
  sha256: (bytes: Uint8Array) => string,
  { progress }: Tell,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; report: ArtifactReady }> {
  const started = performance.now()
  const cache = await openCache()
  const key = artifactKey(file.sha256)
  const kept = await cache?.match(key)
  if (kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer())
    if (sha256(bytes) === file.sha256) {
      const ms = performance.now() - started
      return { bytes, report: { sha256: file.sha256, source: 'kept', received: 0, resumedFrom: 0, compressed: null, ms, stored: true } }
    }
    await cache?.delete(key)
  }
  const { buffer: bytes, resumedFrom, compressed } = await download(file, url, cache, progress)
  const found = sha256(bytes)
  if (found !== file.sha256) {
    throw new RunError('download_altered', { file: file.path, ours: file.sha256.slice(0, 8), theirs: found.slice(0, 8) })
  }
  const ms = performance.now() - started
  const stored = await store(cache, key, bytes)
  return { bytes, report: { sha256: found, source: 'network', received: bytes.length - resumedFrom, resumedFrom, compressed, ms, stored } }
}
