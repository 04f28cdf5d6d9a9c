// Downloads what the contract lists, refuses what differs from it, and keeps what matches under its SHA-256.
import type { BundleFile } from '../api/contract'
import { RunError } from '../lesson/failures'
import type { ArtifactReady } from './protocol'

const cacheName = 'beralih-artifacts-1'
const stallSeconds = 30

/** Cache Storage takes addresses as keys; these are never requested. */
export const artifactKey = (sha256: string) => `/kept/sha256/${sha256}`
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

/** Reads at most `file.bytes` into one buffer; more than that is as wrong as less. */
async function download(file: BundleFile, url: string, progress: (received: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const stalled = new AbortController()
  let timer = setTimeout(() => stalled.abort(), stallSeconds * 1000)
  const buffer = new Uint8Array(file.bytes)
  let received = 0
  try {
    const response = await fetch(url, { signal: stalled.signal, cache: 'no-store' })
    if (!response.ok || !response.body) throw new RunError('download_refused', { file: file.path, status: response.status })
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      clearTimeout(timer)
      timer = setTimeout(() => stalled.abort(), stallSeconds * 1000)
      const room = buffer.subarray(received)
      buffer.set(value.subarray(0, room.length), received)
      received += value.length
      progress(received)
      if (received > file.bytes) {
        await reader.cancel()
        break
      }
    }
  } catch (error) {
    if (error instanceof RunError) throw error
    if (stalled.signal.aborted) throw new RunError('download_stalled', { file: file.path, seconds: stallSeconds })
    throw new RunError('download_cut', { file: file.path, received, expected: file.bytes })
  } finally {
    clearTimeout(timer)
  }
  if (received < file.bytes) throw new RunError('download_cut', { file: file.path, received, expected: file.bytes })
  if (received > file.bytes) throw new RunError('download_too_long', { file: file.path, received, expected: file.bytes })
  return buffer
}

export async function obtain(
  file: BundleFile,
  url: string,
  sha256: (bytes: Uint8Array) => string,
  progress: (received: number) => void,
): Promise<{ bytes: Uint8Array<ArrayBuffer>; report: ArtifactReady }> {
  const started = performance.now()
  const cache = await openCache()
  const key = artifactKey(file.sha256)
  const kept = await cache?.match(key)
  if (kept) {
    const bytes = new Uint8Array(await kept.arrayBuffer())
    if (sha256(bytes) === file.sha256) {
      const ms = performance.now() - started
      return { bytes, report: { sha256: file.sha256, source: 'kept', received: 0, ms, stored: true } }
    }
    await cache?.delete(key)
  }
  const bytes = await download(file, url, progress)
  const found = sha256(bytes)
  if (found !== file.sha256) {
    throw new RunError('download_altered', { file: file.path, ours: file.sha256.slice(0, 8), theirs: found.slice(0, 8) })
  }
  const ms = performance.now() - started
  const stored = await store(cache, key, bytes)
  return { bytes, report: { sha256: found, source: 'network', received: bytes.length, ms, stored } }
}
