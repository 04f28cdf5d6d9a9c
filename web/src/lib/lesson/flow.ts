// One deployment run, from the press to the two predictions. Loaded at the first press.
import type { ServerAddress } from '../api/address'
import { fileOfRole, summarizeContract, type BundleFile, type ContractSummary } from '../api/contract'
import { describeServerEvent, listenToRun, newRunId } from '../api/run-events'
import { classify, fetchContract, fetchLoadRecord } from '../api/server'
import { Pipeline } from '../worker/client'
import type { ContractOpened } from '../worker/protocol'
import type { Emit, FlowEvent, Step } from './events'
import { RunError, type ServerFailure } from './failures'

/** An image of the learner's, or one of the bundle's samples (a path in the bundle). */
export type Input = { kind: 'own'; file: File } | { kind: 'sample'; path: string }

export interface FlowOptions {
  input: Input
  address: ServerAddress
  /** The page's own root: a server, or a folder with a bundle beside the page. */
  root: URL
  stop: AbortSignal
  confirmUpload: (origin: string) => Promise<boolean>
  emit: (event: FlowEvent) => void
}

export interface Situation extends FlowOptions {
  tell: Emit
  pipeline: Pipeline
}

export interface OpenedContract extends ContractOpened {
  summary: ContractSummary
  bundle: URL
}

let kept: Pipeline | null = null // the session and the core outlive a run

export function pipelineOf(): Pipeline {
  if (!kept?.alive) kept = new Pipeline()
  return kept
}

/** Why no image may go to the server at all; null: it may. Nothing is sent anywhere before this is known. */
export async function refusalOf({ address, confirmUpload }: FlowOptions): Promise<ServerFailure | null> {
  if (address.kind === 'invalid') return { code: 'address_invalid', facts: { detail: address.given } }
  if (address.kind === 'own') return null
  const { origin } = address
  if (address.mixedContent) return { code: 'mixed_content', facts: { origin } }
  return (await confirmUpload(origin)) ? null : { code: 'declined', facts: { origin } }
}

interface FoundContract {
  text: string
  url: string
  announcedHash: string | null
  origin: 'server' | 'bundle' | 'kept'
  bundle: URL
}

/**
 * The contract, from the first place that has one: the server, the folder beside the page, the last visit.
 * Says also why the server that images would go to cannot be used, if it cannot.
 */
export async function findContract(run: Situation, mayAskServer: boolean): Promise<{ found: FoundContract; failure: ServerFailure | null }> {
  const { address, root, stop, pipeline } = run
  const server = address.kind !== 'invalid' && mayAskServer ? address.base : null
  let failure: ServerFailure | null = null
  let beside: FoundContract | null = null

  if (server) {
    const outcome = await fetchContract(new URL('api/contract', server), stop)
    if (outcome.ok) beside = { ...outcome.value, origin: 'server', bundle: new URL('bundle/', server) }
    else failure = outcome.failure
  }
  // The page's edge model comes from the page's own host where that has one: nothing large crosses origins.
  if (!beside || address.kind === 'other') {
    for (const path of address.kind === 'own' && mayAskServer ? ['bundle/contract.json'] : ['bundle/contract.json', 'api/contract']) {
      const outcome = await fetchContract(new URL(path, root), stop)
      if (!outcome.ok) continue
      beside = { ...outcome.value, origin: path.startsWith('api') ? 'server' : 'bundle', bundle: new URL('bundle/', root) }
      break
    }
  }
  if (!beside) {
    const text = await pipeline.call('keptContract', [root.href])
    if (text === null) throw new RunError('contract_unreachable')
    beside = { text, url: root.href, announcedHash: null, origin: 'kept', bundle: new URL('bundle/', root) }
  }
  return { found: beside, failure }
}

export async function openContract(run: Situation, found: FoundContract): Promise<OpenedContract> {
  let summary: ContractSummary
  try {
    summary = summarizeContract(found.text)
  } catch (error) {
    throw new RunError('contract_invalid', { detail: error instanceof Error ? error.message : String(error) })
  }
  const opened = await run.pipeline.call('openContract', [found.text])
  await run.pipeline.call('keepContract', [run.root.href, found.text])
  const { origin, url, announcedHash } = found
  const bytes = new TextEncoder().encode(found.text).length
  run.tell({ kind: 'contract-read', origin, url, bytes, announcedHash, contract: summary, ...opened })
  return { ...opened, summary, bundle: found.bundle }
}

export function requireFile(contract: OpenedContract, role: string, name: string): BundleFile {
  const file = fileOfRole(contract.summary, role)
  if (!file) throw new RunError('file_unlisted', { file: name })
  return file
}

export async function obtainArtifact({ pipeline, tell }: Situation, file: BundleFile, bundle: URL) {
  const { role, path, bytes } = file
  tell({ kind: 'artifact-announced', path, bytes })
  let shown = 0
  const progress = (received: number) => {
    // A line a percent is what an eye can follow.
    if (received - shown < bytes / 100 && received < bytes) return
    shown = received
    tell({ kind: 'artifact-progress', path, bytes, received })
  }
  const waiting = () => tell({ kind: 'artifact-awaited', path, bytes })
  const ready = await pipeline.call('fetchArtifact', [file, new URL(path, bundle).href], { progress, waiting })
  tell({ kind: 'artifact-ready', role, path, bytes, ...ready })
}

/** A sample is a file of the bundle: checked like one, and kept for a visit without a server. */
async function readSample({ pipeline }: Situation, path: string, contract: OpenedContract) {
  const name = path.split('/').at(-1) ?? path
  const file = contract.summary.files.find((candidate) => candidate.path === path)
  if (!file) throw new RunError('file_unlisted', { file: path })
  try {
    const bytes = await pipeline.call('readSample', [file, new URL(path, contract.bundle).href])
    return { name, type: name.endsWith('.png') ? 'image/png' : 'image/jpeg', bytes }
  } catch (error) {
    const unreachable = error instanceof RunError && error.code === 'download_cut' && error.facts.received === 0
    throw unreachable ? new RunError('sample_unreachable', { file: name }) : error
  }
}

export async function readInput(run: Situation, contract: OpenedContract) {
  const { input } = run
  if (input.kind === 'own') {
    const { name, type } = input.file
    try {
      return { name, type: imageType(type), bytes: new Uint8Array(await input.file.arrayBuffer()) }
    } catch (error) {
      throw new RunError('out_of_memory', { file: name, detail: String(error) })
    }
  }
  return readSample(run, input.path, contract)
}

/** The server takes images and octet streams; what a file is called decides nothing. */
const imageType = (type: string) => (type.startsWith('image/') ? type : 'application/octet-stream')

/** What the server tells of the request while it works; nothing where it has no such thing. */
function listen({ stop, tell }: Situation, base: URL, id: string) {
  const hangUp = new AbortController()
  const heard = listenToRun(base, id, AbortSignal.any([stop, hangUp.signal]), (event) => {
    const text = describeServerEvent(event)
    if (text !== null) tell({ kind: 'server-told', text })
  })
  // The last events and the answer come on two connections: the events a moment to be first.
  const end = async () => {
    await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, 300))])
    hangUp.abort()
  }
  return { end }
}

async function askServer(run: Situation, contract: OpenedContract, bytes: Uint8Array<ArrayBuffer>, contentType: string, hasEvents: boolean) {
  if (run.address.kind === 'invalid') return
  const { base } = run.address
  run.tell({ kind: 'request-sent', url: new URL('api/classify', base).href, bytes: bytes.length })
  const { preprocessingHash, preprocessingText } = contract
  const id = hasEvents ? newRunId() : undefined
  const listening = id === undefined ? null : listen(run, base, id)
  const outcome = await classify({ base, bytes, contentType, preprocessingHash, run: id, stop: run.stop })
  await listening?.end()
  if (outcome.ok) {
    run.tell({ kind: 'server-answered', ...outcome.value })
    return
  }
  const { failure, serverPreprocessing } = outcome
  if (serverPreprocessing !== undefined) {
    try {
      Object.assign(failure.facts, await run.pipeline.call('compare', [preprocessingText, serverPreprocessing]))
    } catch (error) {
      failure.facts.detail = String(error) // the text cannot be compared: the mismatch itself stays true
    }
  }
  run.tell({ kind: 'server-failed', failure, ...(serverPreprocessing === undefined ? {} : { preprocessingText: serverPreprocessing }) })
}

/** The server loaded when it started: it is asked what that took, never to do it again. */
async function readLoadRecord({ address, stop, tell }: Situation): Promise<boolean> {
  if (address.kind === 'invalid') return false
  const outcome = await fetchLoadRecord(address.base, stop)
  if (outcome.ok) tell({ kind: 'server-loaded', record: outcome.value })
  else tell({ kind: 'server-load-unknown', failure: outcome.failure })
  return outcome.ok
}

async function perform(run: Situation) {
  const { pipeline, tell } = run
  const step = async <T>(name: Step, work: () => Promise<T>): Promise<T> => {
    run.stop.throwIfAborted()
    const before = performance.now()
    tell({ kind: 'step-started', step: name })
    const result = await work()
    tell({ kind: 'step-ended', step: name, ms: performance.now() - before })
    return result
  }

  const refusal = await refusalOf(run)
  const { found, serverFailure } = await step('preflight', async () => {
    const memory = (navigator as { deviceMemory?: number }).deviceMemory ?? null
    const { crossOriginIsolated: isolated } = globalThis
    tell({ kind: 'browser-checked', threads: navigator.hardwareConcurrency, memoryGiB: memory, isolated, storage: 'caches' in globalThis })
    const [core, contract] = await Promise.all([pipeline.call('start', []), findContract(run, refusal === null)])
    tell({ kind: 'core-ready', ...core })
    return { found: contract.found, serverFailure: refusal ?? contract.failure }
  })
  // A server that is there but busy may answer a moment later; one that is not cannot.
  const useServer = serverFailure === null || serverFailure.code === 'not_ready' || serverFailure.code === 'overloaded'
  if (serverFailure && !useServer) tell({ kind: 'server-failed', failure: serverFailure })

  const { contract, labels, model } = await step('artifacts', async () => {
    const contract = await openContract(run, found)
    const labelsFile = requireFile(contract, 'labels', 'labels.txt')
    const model = requireFile(contract, 'edge_model', 'edge.onnx')
    await obtainArtifact(run, labelsFile, contract.bundle)
    const labels = await pipeline.call('readLabels', [labelsFile])
    await obtainArtifact(run, model, contract.bundle)
    return { contract, labels, model }
  })

  // A server that has no load record is another program's, and has no events either.
  const hasEvents = await step('load', async () => {
    const inPage = pipeline.call('createSession', [model, contract.summary.inputName]).then((session) => {
      tell({ kind: 'session-ready', ...session })
    })
    const [, known] = await Promise.all([inPage, useServer ? readLoadRecord(run) : false])
    return known
  })

  const input = await step('input', async () => {
    const input = await readInput(run, contract)
    tell({ kind: 'input-read', name: input.name, bytes: input.bytes.length })
    const result = await pipeline.call('preprocess', [input.name, input.bytes])
    tell({ kind: 'preprocessed', name: input.name, inputBytes: input.bytes.length, ...result })
    return input
  })

  await step('forward', async () => {
    const inPage = pipeline.call('predict', [contract.summary.classes]).then((prediction) => {
      tell({ kind: 'page-predicted', labels, prediction })
    })
    await Promise.all([inPage, useServer ? askServer(run, contract, input.bytes, input.type, hasEvents) : undefined])
  })
}

export async function runFlow(options: FlowOptions): Promise<void> {
  const pressed = performance.now()
  const tell: Emit = (event) => options.emit({ at: performance.now() - pressed, ...event } as FlowEvent)
  const pipeline = pipelineOf()
  const end = () => pipeline.end()
  options.stop.addEventListener('abort', end)
  try {
    await perform({ ...options, tell, pipeline })
  } catch (error) {
    const stopped = options.stop.aborted
    const { code, facts } = error instanceof RunError ? error : new RunError('unexpected', { detail: String(error) })
    tell({ kind: 'failed', failure: stopped ? { code: 'stopped', facts: {} } : { code, facts } })
  } finally {
    options.stop.removeEventListener('abort', end)
    tell({ kind: 'ended' })
  }
}
