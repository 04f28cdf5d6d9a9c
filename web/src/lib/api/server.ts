// The page's calls to a server. A failure is a value: the page goes on without the server.
import type { ServerFailure } from '../lesson/failures'
import { parseAnswer, type Answer } from './answer'
import { parseLoadRecord, type LoadRecord } from './load-record'
import { failureFor, serverPreprocessing } from './problem'

export const classifyTimeoutSeconds = 20
const contractTimeoutSeconds = 10

export type Outcome<T> = { ok: true; value: T } | { ok: false; failure: ServerFailure; serverPreprocessing?: string }

export interface FetchedContract {
  text: string
  url: string
  /** What the server calls it: its ETag, where that is a SHA-256. */
  announcedHash: string | null
}

class CutAnswer extends Error {}

/** The body of an answer whose head has come. */
const bodyOf = (response: Response) =>
  response.text().catch((error: unknown) => {
    throw error instanceof DOMException ? error : new CutAnswer(String(error)) // a DOMException: stopped, or too slow
  })

/** Network errors, time-outs and refusals of the page's own policy look alike to fetch; this tells them apart. */
async function reach<T>(
  origin: string,
  seconds: number,
  stop: AbortSignal,
  call: (signal: AbortSignal) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const timeout = AbortSignal.timeout(seconds * 1000)
  let blocked = false
  const notice = (event: SecurityPolicyViolationEvent) => {
    if (event.blockedURI.startsWith(origin)) blocked = true
  }
  document.addEventListener('securitypolicyviolation', notice)
  try {
    return await call(AbortSignal.any([stop, timeout]))
  } catch (error) {
    stop.throwIfAborted()
    if (error instanceof CutAnswer) return { ok: false, failure: { code: 'cut_answer', facts: { origin } } }
    if (timeout.aborted) return { ok: false, failure: { code: 'timeout', facts: { origin, seconds } } }
    // The violation event is queued as a task of its own, behind the rejection.
    await new Promise((resolve) => setTimeout(resolve))
    const detail = error instanceof Error ? error.message : String(error)
    return { ok: false, failure: { code: blocked ? 'blocked' : 'absent', facts: { origin, detail } } }
  } finally {
    document.removeEventListener('securitypolicyviolation', notice)
  }
}

export function fetchContract(url: URL, stop: AbortSignal): Promise<Outcome<FetchedContract>> {
  const { origin } = url
  return reach(origin, contractTimeoutSeconds, stop, async (signal) => {
    const response = await fetch(url, { signal, cache: 'no-cache' })
    const text = await bodyOf(response)
    if (response.status === 404) return { ok: false, failure: { code: 'absent', facts: { origin, status: 404 } } }
    if (!response.ok) {
      const refusal = { status: response.status, retryAfter: response.headers.get('Retry-After'), body: text, origin }
      return { ok: false, failure: failureFor(refusal) }
    }
    // A static host may answer any address with its own page.
    if (/^\s*</.test(text)) return { ok: false, failure: { code: 'absent', facts: { origin, status: response.status } } }
    const announcedHash = /^(?:W\/)?"([0-9a-f]{64})"$/.exec(response.headers.get('ETag') ?? '')?.[1] ?? null
    return { ok: true, value: { text, url: url.href, announcedHash } }
  })
}

export function fetchLoadRecord(base: URL, stop: AbortSignal): Promise<Outcome<LoadRecord>> {
  const { origin } = base
  return reach(origin, contractTimeoutSeconds, stop, async (signal) => {
    const response = await fetch(new URL('api/artifacts', base), { signal, cache: 'no-store' })
    const body = await bodyOf(response)
    if (!response.ok) {
      return { ok: false, failure: failureFor({ status: response.status, retryAfter: response.headers.get('Retry-After'), body, origin }) }
    }
    try {
      return { ok: true, value: parseLoadRecord(body) }
    } catch (error) {
      return { ok: false, failure: { code: 'nonsense', facts: { origin, detail: error instanceof Error ? error.message : String(error) } } }
    }
  })
}

export interface ClassifyRequest {
  base: URL
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
  preprocessingHash: string
  /** Of the run whose events the server may tell meanwhile. */
  run?: string | undefined
  stop: AbortSignal
}

export function classify(request: ClassifyRequest): Promise<Outcome<{ answer: Answer; wallMs: number }>> {
  const { origin } = request.base
  return reach(origin, classifyTimeoutSeconds, request.stop, async (signal) => {
    const sent = performance.now()
    const response = await fetch(new URL('api/classify', request.base), {
      method: 'POST',
      body: request.bytes,
      headers: {
        'Content-Type': request.contentType,
        'Beralih-Contract': request.preprocessingHash,
        ...(request.run === undefined ? {} : { 'X-Beralih-Run': request.run }),
      },
      signal,
    })
    const body = await bodyOf(response)
    const wallMs = performance.now() - sent
    if (!response.ok) {
      const refusal = { status: response.status, retryAfter: response.headers.get('Retry-After'), body, origin }
      const theirs = response.status === 412 ? serverPreprocessing(body) : null
      return { ok: false, failure: failureFor(refusal), ...(theirs === null ? {} : { serverPreprocessing: theirs }) }
    }
    try {
      return { ok: true, value: { answer: parseAnswer(body), wallMs } }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      return { ok: false, failure: { code: 'nonsense', facts: { origin, detail } } }
    }
  })
}
