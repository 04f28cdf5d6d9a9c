// When a server process was broken and when it was back, on the time axis of the load that it had: from the events alone.
import type { LabEvent } from './server-lab'

export type FaultMoment = 'killed' | 'ready' | 'stalled' | 'resumed'

const time = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : null)

/** In seconds from the load's start, in order. Events carry their own times, requests those of the load: answers cannot be told before they came. */
export function faultMoments(events: readonly LabEvent[]): { moment: FaultMoment; at: number }[] {
  const told = (type: string) => events.find((event) => event.type === type)?.json
  const at = (type: string) => time(told(type)?.at_ms)
  let began = Infinity
  for (const { type, json } of events) {
    const when = time(json.at_ms)
    if (type !== 'samples' || when === null || !Array.isArray(json.done)) continue
    const last = Math.max(...json.done.map((done) => time(done) ?? -Infinity))
    if (Number.isFinite(last)) began = Math.min(began, when - last)
  }
  if (!Number.isFinite(began)) return []
  const found: { moment: FaultMoment; at: number }[] = []
  const add = (moment: FaultMoment, ms: number | null) => {
    if (ms !== null) found.push({ moment, at: (ms - began) / 1000 })
  }
  // "killed" is told once the process has ended, and what came after is timed from the signal.
  const ended = at('killed')
  const back = told('recovered')
  const killed = ended === null ? null : ended - (time(back?.gone_ms) ?? 0)
  const ready = time(back?.ready_ms)
  add('killed', killed)
  add('ready', killed === null || ready === null ? null : killed + ready)
  add('stalled', at('stalled'))
  add('resumed', at('resumed'))
  return found
}
