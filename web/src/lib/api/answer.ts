// The answer of POST /api/classify.
import { hash, number, parseRecord, record, text } from './json'

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

/** What, beside the input, decides the bits of the logits. */
export interface EngineStatement {
  library: string
  variant: string
  dtype: string
  threads: number
  batch_size: number
  batch_rows: number
  cpu: string
}

export interface Answer {
  model: { name: string; version: string }
  contractHash: string
  preprocessingHash: string
  device: string
  /** Null: a server that does not say. */
  engine: EngineStatement | null
  requestId: string
  tensorSha256: string
  logitsSha256: string
  predictions: Prediction[]
  timings: ServerTimings
}

const stages = ['decode', 'resize', 'normalize', 'queue', 'inference', 'postprocess', 'total'] as const

function prediction(value: unknown, position: number): Prediction {
  const name = `predictions[${position}]`
  const json = record(value, name)
  const probability = number(json.probability, `${name}.probability`)
  if (probability > 1) throw new Error(`${name}.probability is above 1`)
  return { index: number(json.index, `${name}.index`), label: text(json.label, `${name}.label`), probability }
}

function engineStatement(value: unknown): EngineStatement | null {
  if (value === undefined) return null
  const json = record(value, 'engine')
  return {
    library: text(json.library, 'engine.library'),
    variant: text(json.variant, 'engine.variant'),
    dtype: text(json.dtype, 'engine.dtype'),
    threads: number(json.threads, 'engine.threads'),
    batch_size: number(json.batch_size, 'engine.batch_size'),
    batch_rows: number(json.batch_rows, 'engine.batch_rows'),
    cpu: text(json.cpu, 'engine.cpu'),
  }
}

/** Throws an Error that says what is wrong with it. */
export function parseAnswer(body: string): Answer {
  const json = parseRecord(body, 'the answer')
  const model = record(json.model, 'model')
  const timings = record(json.timings_ms, 'timings_ms')
  if (!Array.isArray(json.predictions) || json.predictions.length === 0) throw new Error('predictions is missing')
  return {
    model: { name: text(model.name, 'model.name'), version: text(model.version, 'model.version') },
    contractHash: hash(json.contract_hash, 'contract_hash'),
    preprocessingHash: hash(json.preprocessing_hash, 'preprocessing_hash'),
    device: text(json.device, 'device'),
    engine: engineStatement(json.engine),
    requestId: text(json.request_id, 'request_id'),
    tensorSha256: hash(record(json.tensor, 'tensor').sha256, 'tensor.sha256'),
    logitsSha256: hash(record(json.logits, 'logits').sha256, 'logits.sha256'),
    predictions: json.predictions.map(prediction),
    timings: Object.fromEntries(
      stages.map((stage) => [stage, number(timings[stage], `timings_ms.${stage}`)]),
    ) as unknown as ServerTimings,
  }
}
