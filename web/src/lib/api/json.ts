// What a server answers comes from another program: each value is checked before it is shown.

export type Json = Record<string, unknown>

export function record(value: unknown, name: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${name} is missing`)
  return value as Json
}

export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is missing`)
  return value
}

export function hash(value: unknown, name: string): string {
  const found = text(value, name)
  if (!/^[0-9a-f]{64}$/.test(found)) throw new Error(`${name} is not a SHA-256`)
  return found
}

export function number(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`${name} is not a number`)
  return value
}

export function timestamp(value: unknown, name: string): string {
  const found = text(value, name)
  if (Number.isNaN(Date.parse(found))) throw new Error(`${name} is not a time`)
  return found
}

/** Throws an Error that says what is wrong with it. */
export function parseRecord(body: string, name: string): Json {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw new Error('not JSON')
  }
  return record(parsed, name)
}
