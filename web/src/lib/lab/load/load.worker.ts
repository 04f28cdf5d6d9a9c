// Sends requests when they are due, whether earlier ones are answered or not, and tells what became of each.
import { retrySeconds } from '../../api/problem'
import type { Sent } from './stage'

export interface LoadRequest {
  url: string
  body: Uint8Array<ArrayBuffer>
  headers: Record<string, string>
  due: number[]
  timeoutMs: number
}
export type LoadReply = { kind: 'request'; request: Sent } | { kind: 'done' }

const scope = self as unknown as DedicatedWorkerGlobalScope
const reply = (message: LoadReply) => scope.postMessage(message)
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function send({ url, body, headers, timeoutMs }: LoadRequest): Promise<Pick<Sent, 'outcome' | 'waitSeconds'>> {
  try {
    const response = await fetch(url, { method: 'POST', body, headers, cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) })
    await response.arrayBuffer()
    if (response.ok) return { outcome: 'ok', waitSeconds: null }
    if (response.status !== 429 && response.status !== 503) return { outcome: 'failed', waitSeconds: null }
    return { outcome: 'refused', waitSeconds: retrySeconds(response.headers.get('Retry-After')) }
  } catch {
    return { outcome: 'failed', waitSeconds: null }
  }
}

scope.onmessage = async ({ data }: MessageEvent<LoadRequest>) => {
  const started = performance.now()
  const now = () => performance.now() - started
  const all: Promise<void>[] = []
  for (const [index, due] of data.due.entries()) {
    if (due > now()) await wait(due - now())
    const sent = now()
    all.push(send(data).then((outcome) => reply({ kind: 'request', request: { index, due, sent, done: now(), ...outcome } })))
  }
  await Promise.all(all)
  reply({ kind: 'done' })
}
