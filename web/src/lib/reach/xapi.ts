// Activities in xAPI's shape (verb, object, result; https://adlnet.gov). The actor is the embedding page's to know.
import type { Activity } from './activity'

export interface Statement {
  verb: { id: string; display: Record<string, string> }
  object: { objectType: 'Activity'; id: string; definition: { type: string } }
  result?: { success?: boolean; completion?: boolean; response?: string; duration?: string }
  timestamp: string
}

const verb = (name: string) => ({ id: `http://adlnet.gov/expapi/verbs/${name}`, display: { en: name } })

export function statementOf(activity: Activity, page: string, at: Date): Statement {
  const object = (fragment: string, type: string): Statement['object'] => ({
    objectType: 'Activity',
    id: fragment ? `${page}#${fragment}` : page,
    definition: { type: `http://adlnet.gov/expapi/activities/${type}` },
  })
  const timestamp = at.toISOString()
  switch (activity.kind) {
    case 'opened':
      return { verb: verb('initialized'), object: object('', 'lesson'), timestamp }
    case 'ran': {
      const result = { success: activity.outcome === 'done', response: activity.outcome, duration: `PT${(activity.ms / 1000).toFixed(2)}S` }
      return { verb: verb('attempted'), object: object('run', 'simulation'), result, timestamp }
    }
    case 'experimented':
      return { verb: verb('experienced'), object: object(`experiment-${activity.experiment}`, 'simulation'), result: { completion: true }, timestamp }
    case 'answered': {
      const result = { success: activity.right, response: activity.choice }
      return { verb: verb('answered'), object: object(activity.question, 'question'), result, timestamp }
    }
    case 'completed':
      return { verb: verb('completed'), object: object('', 'lesson'), result: { completion: true }, timestamp }
  }
}
