// The answer of POST /api/classify. It comes from another program: checked before it is shown.

export interface Prediction {
  index: number
  label: string
  probability: number
}

export interface ServerTimings {
  decode: number
  resize: number
  normalize: number
  queue: number
  inference: number
  postprocess: number
  total: number
}

export interface Answer {
  model: { name: string; version: string }
  contractHash: string
  preprocessingHash: string
  device: string
  requestId: string
  tensorSha256: string
  logitsSha256: string
  predictions: Prediction[]
  timings: ServerTimings
}

type Json = Record<string, unknown>
const stages = ['decode', 'resize', 'normalize', 'queue', 'inference', 'postprocess', 'total'] as const

function record(value: unknown, name: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${name} is missing`)
  return value as Json
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is missing`)
  return value
}

function hash(value: unknown, name: string): string {
  const found = text(value, name)
  if (!/^[0-9a-f]{64}$/.test(found)) throw new Error(`${name} is not a SHA-256`)
  return found
}

function number(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Error(`${name} is not a number`)
  return value
}

function prediction(value: unknown, position: number): Prediction {
  const name = `predictions[${position}]`
  const json = record(value, name)
  const probability = number(json.probability, `${name}.probability`)
  if (probability > 1) throw new Error(`${name}.probability is above 1`)
  return { index: number(json.index, `${name}.index`), label: text(json.label, `${name}.label`), probability }
}

/** Throws an Error that says what is wrong with it. */
export function parseAnswer(body: string): Answer {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    throw new Error('not JSON')
  }
  const json = record(parsed, 'the answer')
  const model = record(json.model, 'model')
  const timings = record(json.timings_ms, 'timings_ms')
  if (!Array.isArray(json.predictions) || json.predictions.length === 0) throw new Error('predictions is missing')
  return {
    model: { name: text(model.name, 'model.name'), version: text(model.version, 'model.version') },
    contractHash: hash(json.contract_hash, 'contract_hash'),
    preprocessingHash: hash(json.preprocessing_hash, 'preprocessing_hash'),
    device: text(json.device, 'device'),
    requestId: text(json.request_id, 'request_id'),
    tensorSha256: hash(record(json.tensor, 'tensor').sha256, 'tensor.sha256'),
    logitsSha256: hash(record(json.logits, 'logits').sha256, 'logits.sha256'),
    predictions: json.predictions.map(prediction),
    timings: Object.fromEntries(
      stages.map((stage) => [stage, number(timings[stage], `timings_ms.${stage}`)]),
    ) as unknown as ServerTimings,
  }
}
