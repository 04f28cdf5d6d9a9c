// What a server tells of one run while it happens: GET api/events?run=ID, read by fetch, since an EventSource sends no headers.
import { number, parseRecord, record, text, type Json } from './json'

export interface ServerEvent {
  type: string
  data: Json
}

/** 128 random bits: who knows the id may read the run's events, and nobody else. */
export function newRunId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function parseBlock(block: string): ServerEvent | null {
  let type = 'message'
  let data = ''
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) type = line.slice(6).trim()
    else if (line.startsWith('data:')) data += line.slice(5).trim()
  }
  return data === '' ? null : { type, data: parseRecord(data, `the data of ${type}`) }
}

/** Tells every event up to the run's first answer. Servers without events, and streams that break, simply tell less. */
export async function listenToRun(base: URL, run: string, stop: AbortSignal, tell: (event: ServerEvent) => void): Promise<void> {
  const ended = new AbortController()
  try {
    const url = new URL(`api/events?run=${run}`, base)
    const response = await fetch(url, { signal: AbortSignal.any([stop, ended.signal]), cache: 'no-store' })
    if (!response.ok || !response.body || !response.headers.get('Content-Type')?.startsWith('text/event-stream')) return
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let waiting = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      waiting += value
      const blocks = waiting.split('\n\n')
      waiting = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = parseBlock(block)
        if (event) tell(event)
        if (event?.type === 'answered') return
      }
    }
  } catch {
    return
  } finally {
    ended.abort()
  }
}

const ms = (value: unknown, name: string) => `${number(value, name).toFixed(1)} ms`

/** As a program prints it; null for what has no line of its own (the answer itself says more). */
export function describeServerEvent({ type, data }: ServerEvent): string | null {
  switch (type) {
    case 'accepted':
      return `accepted, ${number(data.queue_depth, 'queue_depth')} before it`
    case 'decoded':
      return `decoded ${text(data.format, 'format')} ${number(data.width, 'width')}x${number(data.height, 'height')} in ${ms(data.ms, 'ms')}`
    case 'preprocessed':
      return `preprocessed in ${ms(data.ms, 'ms')}, tensor ${text(record(data.tensor, 'tensor').sha256, 'tensor.sha256').slice(0, 8)}`
    case 'batched':
      return `in a batch of ${number(data.batch_size, 'batch_size')}, ${ms(data.waited_ms, 'waited_ms')} after its tensor was ready`
    case 'inferred':
      return `forward ${ms(data.ms, 'ms')}`
    case 'shed':
      return `shed: ${text(data.limit, 'limit')}`
    case 'cancelled':
      return `cancelled: ${text(data.reason, 'reason')}`
    default:
      return null
  }
}
