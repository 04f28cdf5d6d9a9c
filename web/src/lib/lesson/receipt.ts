// What a prediction depended on, as a file: `beralih replay receipt.json` computes it again. Fields: web/README.md.
import type { EngineStatement } from '../api/answer'
import { pageStages, serverStages } from './figures'
import type { Run } from './run'

export const receiptSchema = 'beralih.receipt/1'
const topCount = 5

interface Predicted {
  index: number
  label: string
  probability: number
}

interface Side {
  device: string
  versions: Record<string, string>
  weights_sha256: string | null
  tensor_sha256: string
  logits_sha256: string
  predictions: Predicted[]
  timings_ms: Record<string, number>
}

export interface Receipt {
  schema: typeof receiptSchema
  created: string
  model: { name: string; version: string }
  contract_hash: string
  preprocessing_hash: string
  input: { name: string; format: string; width: number; height: number; bytes: number; sha256: string }
  tensor: { datatype: string; shape: number[]; sha256: string; pixels_sha256: string; crop_sha256: string }
  page: (Side & { weights_path: string }) | null
  server: (Side & { engine: EngineStatement | null; request_id: string; contract_hash: string; preprocessing_hash: string }) | null
}

const datatypes: Record<string, string> = { float32: 'FP32', uint8: 'UINT8' }
const tenths = (stages: Record<string, number | undefined>) =>
  Object.fromEntries(Object.entries(stages).map(([stage, ms]) => [stage, Math.round((ms ?? 0) * 1000) / 1000]))

function pageSide(run: Run): Receipt['page'] {
  const { page, input, session, core, artifacts } = run
  const stages = pageStages(run)
  const weights = artifacts.edge_model
  if (!page || !input || !stages) return null
  return {
    device: `wasm${core?.simd ? ' simd' : ''}, threads ${session?.threads ?? 1}`,
    versions: { core: core?.version ?? '', onnxruntime_web: session?.version ?? '' },
    weights_path: weights?.path ?? '',
    weights_sha256: weights?.sha256 ?? null,
    tensor_sha256: input.tensorSha256,
    logits_sha256: page.prediction.logitsSha256,
    predictions: page.prediction.predictions.slice(0, topCount).map(({ index, probability }) => ({ index, label: page.labels[index] ?? '', probability })),
    timings_ms: tenths(stages),
  }
}

function serverSide(run: Run): Receipt['server'] {
  const { server, serverLoad } = run
  const stages = serverStages(run)
  if (!server || !stages) return null
  const { answer } = server
  return {
    device: serverLoad ? `${answer.device} ${serverLoad.dtype}, threads ${serverLoad.threads}` : answer.device,
    versions: serverLoad ? { libtorch: serverLoad.libtorch } : {},
    weights_sha256: serverLoad?.files.find(({ role }) => role === 'weights')?.sha256 ?? null,
    engine: answer.engine,
    request_id: answer.requestId,
    contract_hash: answer.contractHash,
    preprocessing_hash: answer.preprocessingHash,
    tensor_sha256: answer.tensorSha256,
    logits_sha256: answer.logitsSha256,
    predictions: answer.predictions.slice(0, topCount),
    timings_ms: tenths(stages),
  }
}

/** Null: nothing has been predicted. */
export function receiptOf(run: Run, created: Date): Receipt | null {
  const { contract, input } = run
  const page = pageSide(run)
  const server = serverSide(run)
  if (!contract || !input || (!page && !server)) return null
  return {
    schema: receiptSchema,
    created: created.toISOString(),
    model: { name: contract.contract.name, version: contract.contract.version },
    contract_hash: contract.sha256,
    preprocessing_hash: contract.preprocessingHash,
    input: { name: input.name, format: input.format, width: input.width, height: input.height, bytes: input.inputBytes, sha256: input.inputSha256 },
    tensor: {
      datatype: datatypes[input.dtype] ?? input.dtype,
      shape: input.shape,
      sha256: input.tensorSha256,
      pixels_sha256: input.pixelsSha256,
      crop_sha256: input.cropSha256,
    },
    page,
    server,
  }
}

export const receiptText = (receipt: Receipt) => `${JSON.stringify(receipt, null, 2)}\n`
