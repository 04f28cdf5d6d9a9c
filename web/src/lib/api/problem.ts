// A refusal (RFC 9457, or whatever stands in its place) becomes one of the page's server failures.
import type { ServerFailure } from '../lesson/failures'

export interface Refusal {
  status: number
  retryAfter: string | null
  body: string
  origin: string
}

interface Problem {
  title?: string
  detail?: string
  server_preprocessing?: string
}

function parseProblem(body: string): Problem {
  try {
    const json: unknown = JSON.parse(body)
    return typeof json === 'object' && json !== null ? (json as Problem) : {}
  } catch {
    return {}
  }
}

/** Retry-After is seconds or a date; a second where the server does not say. */
export function retrySeconds(header: string | null, now = Date.now()): number {
  if (header === null || header.trim() === '') return 1
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return Math.max(1, Math.ceil(seconds))
  const date = Date.parse(header)
  return Number.isNaN(date) ? 1 : Math.max(1, Math.ceil((date - now) / 1000))
}

const ownText = (value: unknown) => (typeof value === 'string' ? value.slice(0, 400) : undefined)

export function failureFor({ status, retryAfter, body, origin }: Refusal): ServerFailure {
  const problem = parseProblem(body)
  const detail = ownText(problem.detail) ?? ownText(problem.title) ?? ''
  const facts = { status, origin, detail }
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return { code: 'refused_image', facts }
    case 401:
    case 403:
      return { code: 'key_needed', facts }
    case 404:
    case 405:
      return { code: 'nonsense', facts: { ...facts, detail: `HTTP ${status}` } }
    case 412:
      return { code: 'contract_mismatch', facts: { ...facts, field: '?', ours: '?', theirs: '?' } }
    case 429:
      return { code: 'overloaded', facts: { ...facts, seconds: retrySeconds(retryAfter) } }
    case 502: // a proxy whose server is gone
    case 504:
      return { code: 'absent', facts: { status, origin } }
    case 503:
      return { code: 'not_ready', facts: { ...facts, seconds: retrySeconds(retryAfter) } }
    default:
      return { code: 'broken', facts }
  }
}

/** The server's own preprocessing text of a 412, for the core to compare with the page's. */
export function serverPreprocessing(body: string): string | null {
  const found = parseProblem(body).server_preprocessing
  return typeof found === 'string' ? found : null
}
