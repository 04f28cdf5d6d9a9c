// A server in lab mode runs the experiments itself, in child processes; the page asks, follows and shows.
import { number, parseRecord, record, text, type Json } from '../api/json'

const pollMs = 150
const timeoutMs = 5000

export interface LabServer {
  base: URL
  experiments: readonly string[]
}

export interface LabEvent {
  type: string
  json: Json
}

export type RefusalReason = 'busy' | 'refused' | 'failed' | 'lost'

/** Why a run did not begin, or did not come to its end. */
export class LabRefusal extends Error {
  constructor(
    readonly reason: RefusalReason,
    readonly detail: string,
  ) {
    super(`${reason} ${detail}`.trim())
  }
}

/** Null where no server in lab mode answers; only one of the page's own origin would. */
export async function labOf(root: URL | null): Promise<LabServer | null> {
  if (!root || root.origin !== location.origin || new URL(location.href).searchParams.get('server')) return null
  try {
    const response = await fetch(new URL('api/lab', root), { cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) })
    if (!response.ok) return null
    const json = parseRecord(await response.text(), 'the lab')
    if (json.schema !== 'beralih.lab/1' || !Array.isArray(json.experiments)) return null
    return { base: root, experiments: json.experiments.filter((name) => typeof name === 'string') }
  } catch {
    return null
  }
}

function detailOf(body: string): string {
  try {
    const { detail } = parseRecord(body, 'the answer')
    return typeof detail === 'string' ? detail.slice(0, 400) : ''
  } catch {
    return ''
  }
}

interface Portion {
  id: string
  state: string
  error: string
  events: LabEvent[]
  next: number
}

export function parsePortion(body: string): Portion {
  const json = parseRecord(body, 'the run')
  if (!Array.isArray(json.events)) throw new Error('events is missing')
  const events = json.events.map((value, position) => {
    const event = record(value, `events[${position}]`)
    return { type: text(event.type, `events[${position}].type`), json: event }
  })
  return { id: text(json.id, 'id'), state: text(json.state, 'state'), error: typeof json.error === 'string' ? json.error : '', events, next: number(json.next, 'next') }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function ask(url: URL, options: RequestInit): Promise<Portion> {
  let response: Response
  let body: string
  try {
    response = await fetch(url, { ...options, cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) })
    body = await response.text()
  } catch (error) {
    throw new LabRefusal('lost', String(error))
  }
  if (response.status === 409) throw new LabRefusal('busy', detailOf(body))
  if (!response.ok) throw new LabRefusal('refused', detailOf(body) || `HTTP ${response.status}`)
  try {
    return parsePortion(body)
  } catch (error) {
    throw new LabRefusal('failed', error instanceof Error ? error.message : String(error))
  }
}

/** Resolves when the run is done; a stop ends it on the server too. Throws LabRefusal. */
export async function runOnServer(lab: LabServer, request: object, stop: AbortSignal, onEvent: (event: LabEvent) => void): Promise<void> {
  const start = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request) }
  let portion = await ask(new URL('api/lab/runs', lab.base), start)
  const run = new URL(`api/lab/runs/${portion.id}`, lab.base)
  try {
    for (;;) {
      stop.throwIfAborted()
      for (const event of portion.events) onEvent(event)
      if (portion.state !== 'running') break
      await pause(pollMs)
      stop.throwIfAborted()
      portion = await ask(new URL(`?after=${portion.next}`, run), {})
    }
  } catch (error) {
    if (stop.aborted || error instanceof Error) void fetch(run, { method: 'DELETE', keepalive: true }).catch(() => undefined)
    throw error
  }
  if (portion.state !== 'done') throw new LabRefusal('failed', portion.error || portion.state)
}
