// What a learner did, once for everybody who wants to know: the page that embeds this one, or an LMS adapter.
import type { ExperimentId } from '../../../content/experiments-schema'

export type Activity =
  | { kind: 'opened' }
  | { kind: 'ran'; outcome: string; ms: number }
  | { kind: 'experimented'; experiment: ExperimentId | 'challenge' }
  | { kind: 'answered'; question: string; choice: string; right: boolean }
  | { kind: 'completed' }

type Listener = (activity: Activity) => void
const listeners = new Set<Listener>()

export function onActivity(listener: Listener): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export const publish = (activity: Activity) => listeners.forEach((listener) => listener(activity))
