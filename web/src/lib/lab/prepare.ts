// What every experiment needs before it begins: the core, the contract, the labels, the edge model, the input, and
// whether a server is there. The same code as the flow's, and the same worker: what one has loaded the other finds.
import { serverAddress } from '../api/address'
import type { UntimedEvent } from '../lesson/events'
import { RunError, type ServerFailure } from '../lesson/failures'
import { findContract, obtainArtifact, obtainModel, pipelineOf, readInput, refusalOf, requireFile, useContract, type OpenedContract, type Situation } from '../lesson/flow'
import type { Lesson } from '../lesson/lesson.svelte'
import type { Pipeline } from '../worker/client'

export interface Download {
  path: string
  received: number
  bytes: number
}

export interface Prepared {
  pipeline: Pipeline
  contract: OpenedContract
  classes: number
  labels: string[]
  input: { name: string; type: string; bytes: Uint8Array<ArrayBuffer> }
  /** Null: there is none, and `serverFailure` says why. */
  server: URL | null
  serverFailure: ServerFailure | null
  /** What loading the model took. */
  sessionMs: number
  /** Once more, after the session or the worker was thrown away. */
  reload: () => Promise<void>
}

export interface PrepareOptions {
  stop: AbortSignal
  onDownload: (download: Download | null) => void
}

/** Throws RunError, in the flow's words. */
export async function prepare(lesson: Lesson, { stop, onDownload }: PrepareOptions): Promise<Prepared> {
  if (!lesson.root) throw new RunError('page_incomplete')
  const tell = (event: UntimedEvent) => {
    if (event.kind === 'artifact-announced') onDownload({ path: event.path, received: 0, bytes: event.bytes })
    else if (event.kind === 'artifact-progress') onDownload({ path: event.path, received: event.received, bytes: event.bytes })
    else if (event.kind === 'artifact-ready') onDownload(null)
  }
  const address = serverAddress(new URL(location.href), lesson.root)
  const options = { input: lesson.input, address, root: lesson.root, stop, confirmUpload: (origin: string) => lesson.ask(origin, stop), emit: () => undefined }
  const pipeline = pipelineOf()
  const situation: Situation = { ...options, tell, pipeline }

  const refusal = await refusalOf(options)
  const starting = pipeline.call('start', [])
  const [core, { found, failure }] = await Promise.all([starting, findContract(situation, refusal === null, starting)])
  stop.throwIfAborted()
  const contract = await useContract(situation, found)
  const labelsFile = requireFile(contract, 'labels', 'labels.txt')
  const model = requireFile(contract, 'edge_model', 'edge.onnx')
  const { inputName, classes } = contract.summary

  await obtainArtifact(situation, labelsFile, contract.bundle)
  const labels = await pipeline.call('readLabels', [labelsFile])
  stop.throwIfAborted()
  const load = async () => {
    await obtainModel(situation, model, contract, core)
    await pipeline.call('createSession', [model, inputName])
  }
  const before = performance.now()
  await load()
  const sessionMs = performance.now() - before
  stop.throwIfAborted()
  const input = await readInput(situation, contract)
  const serverFailure = refusal ?? failure
  const server = serverFailure === null && address.kind !== 'invalid' ? address.base : null
  return { pipeline, contract, classes, labels, input, server, serverFailure, sessionMs, reload: load }
}
