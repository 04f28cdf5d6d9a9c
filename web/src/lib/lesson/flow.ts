// One deployment run, from the press to the two predictions. Loaded at the first press.
import type { ServerAddress } from '../api/address'
import { fileOfRole, summarizeContract, type BundleFile, type ContractSummary } from '../api/contract'
import { describeServerEvent, listenToRun, newRunId } from '../api/run-events'
import { classify, fetchContract, fetchLoadRecord, type FetchedContract } from '../api/server'
import { Pipeline } from '../worker/client'
import { runtimeFile, runtimeUrl } from '../worker/runtime'
import type { ContractOpened, CoreReady, PagePrediction, SessionReady } from '../worker/protocol'
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
  opened: OpenedContract
}

const reasonOf = (error: unknown) => (error instanceof RunError ? (error.facts.detail ?? error.code) : error instanceof Error ? error.message : String(error))

/**
 * The contract, from the first place that has one that can be read: the server, the folder beside the page, the last visit.
 * Says also why the server that images would go to cannot be used, if it cannot. `core`: where the core is started.
 */
export async function findContract(run: Situation, mayAskServer: boolean, core: Promise<unknown>): Promise<{ found: FoundContract; failure: ServerFailure | null }> {
  const { address, root, stop, pipeline } = run
  const server = address.kind !== 'invalid' && mayAskServer ? address.base : null
  let failure: ServerFailure | null = null
  let beside: FoundContract | null = null
  /** What was wrong with the first that arrived and could not be read. */
  let unreadable: string | null = null

  /** Null: what arrived is no contract, and the next place is asked. */
  async function opening(found: FetchedContract, origin: FoundContract['origin'], bundle: URL): Promise<FoundContract | null> {
    await core
    try {
      const summary = summarizeContract(found.text)
      const opened = await pipeline.call('openContract', [found.text])
      return { ...found, origin, opened: { ...opened, summary, bundle } }
    } catch (error) {
      if (error instanceof RunError && error.code !== 'contract_invalid') throw error
      unreadable ??= reasonOf(error)
      return null
    }
  }

  if (server) {
    const outcome = await fetchContract(new URL('api/contract', server), stop)
    if (outcome.ok) {
      beside = await opening(outcome.value, 'server', new URL('bundle/', server))
      if (!beside) failure = { code: 'nonsense', facts: { origin: server.origin, detail: `contract.json: ${unreadable ?? ''}` } }
    } else failure = outcome.failure
  }
  // The page's edge model comes from the page's own host where that has one: nothing large crosses origins.
  if (!beside || address.kind === 'other') {
    for (const path of address.kind === 'own' && mayAskServer ? ['bundle/contract.json'] : ['bundle/contract.json', 'api/contract']) {
      const outcome = await fetchContract(new URL(path, root), stop)
      const opened = outcome.ok ? await opening(outcome.value, path.startsWith('api') ? 'server' : 'bundle', new URL('bundle/', root)) : null
      if (!opened) continue
      beside = opened
      break
    }
  }
  if (!beside) {
    const text = await pipeline.call('keptContract', [root.href])
    if (text !== null) beside = await opening({ text, url: root.href, announcedHash: null }, 'kept', new URL('bundle/', root))
  }
  if (!beside) throw unreadable === null ? new RunError('contract_unreachable') : new RunError('contract_invalid', { detail: unreadable })
  return { found: beside, failure }
}

/** The contract that is used: it is told, and kept for a visit without a server. */
export async function useContract(run: Situation, { text, url, announcedHash, origin, opened }: FoundContract): Promise<OpenedContract> {
  await run.pipeline.call('keepContract', [run.root.href, text])
  const { summary, bundle: _, ...hashes } = opened
  run.tell({ kind: 'contract-read', origin, url, bytes: new TextEncoder().encode(text).length, announcedHash, contract: summary, ...hashes })
  return opened
}

export function requireFile(contract: OpenedContract, role: string, name: string): BundleFile {
  const file = fileOfRole(contract.summary, role)
  if (!file) throw new RunError('file_unlisted', { file: name })
  return file
}

/** `at`: the file's own address, or the folder that its path starts from. */
export async function obtainArtifact({ pipeline, tell }: Situation, file: BundleFile, at: URL) {
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
  const ready = await pipeline.call('fetchArtifact', [file, at.pathname.endsWith('/') ? new URL(path, at).href : at.href], { progress, waiting })
  tell({ kind: 'artifact-ready', role, path, bytes, ...ready })
}

/** All that the page's own prediction needs, 36 MB of it: not begun where it could not be used. */
export async function obtainModel(run: Situation, model: BundleFile, contract: OpenedContract, { simd }: CoreReady) {
  if (!simd) throw new RunError('simd_missing')
  await obtainArtifact(run, runtimeFile, new URL(runtimeUrl()))
  await obtainArtifact(run, model, contract.bundle)
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

/** Whether it predicted. */
async function askServer(run: Situation, contract: OpenedContract, bytes: Uint8Array<ArrayBuffer>, contentType: string, hasEvents: boolean): Promise<boolean> {
  if (run.address.kind === 'invalid') return false
  const { base } = run.address
  run.tell({ kind: 'request-sent', url: new URL('api/classify', base).href, bytes: bytes.length })
  const { preprocessingHash, preprocessingText } = contract
  const id = hasEvents ? newRunId() : undefined
  const listening = id === undefined ? null : listen(run, base, id)
  const outcome = await classify({ base, bytes, contentType, preprocessingHash, run: id, stop: run.stop })
  await listening?.end()
  if (outcome.ok) {
    run.tell({ kind: 'server-answered', ...outcome.value })
    return true
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
  return false
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

  /** Why the page itself predicts nothing; the server still may. */
  let pageFailure = null as RunError | null
  const withoutPage = (error: unknown) => {
    if (!(error instanceof RunError) || (error.code !== 'simd_missing' && error.code !== 'session_failed') || run.stop.aborted) throw error
    pageFailure = error
    tell({ kind: 'page-unable', failure: { code: error.code, facts: error.facts } })
  }

  const refusal = await refusalOf(run)
  const { core, found, serverFailure } = await step('preflight', async () => {
    const memory = (navigator as { deviceMemory?: number }).deviceMemory ?? null
    const { crossOriginIsolated: isolated } = globalThis
    tell({ kind: 'browser-checked', threads: navigator.hardwareConcurrency, memoryGiB: memory, isolated, storage: 'caches' in globalThis })
    const starting = pipeline.call('start', [])
    const [core, contract] = await Promise.all([starting, findContract(run, refusal === null, starting)])
    tell({ kind: 'core-ready', ...core })
    return { core, found: contract.found, serverFailure: refusal ?? contract.failure }
  })
  // A server that is there but busy may answer a moment later; one that is not cannot.
  const useServer = serverFailure === null || serverFailure.code === 'not_ready' || serverFailure.code === 'overloaded'
  if (serverFailure && !useServer) tell({ kind: 'server-failed', failure: serverFailure })

  const { contract, labels, model } = await step('artifacts', async () => {
    const contract = await useContract(run, found)
    const labelsFile = requireFile(contract, 'labels', 'labels.txt')
    const model = requireFile(contract, 'edge_model', 'edge.onnx')
    await obtainArtifact(run, labelsFile, contract.bundle)
    const labels = await pipeline.call('readLabels', [labelsFile])
    await obtainModel(run, model, contract, core).catch(withoutPage)
    return { contract, labels, model }
  })

  // A server that has no load record is another program's, and has no events either.
  const hasEvents = await step('load', async () => {
    const ready = (session: SessionReady) => tell({ kind: 'session-ready', ...session })
    const inPage = pageFailure ? undefined : pipeline.call('createSession', [model, contract.summary.inputName]).then(ready).catch(withoutPage)
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

  const answered = await step('forward', async () => {
    const predicted = (prediction: PagePrediction) => tell({ kind: 'page-predicted', labels, prediction })
    const inPage = pageFailure ? undefined : pipeline.call('predict', [contract.summary.classes]).then(predicted)
    const [, answered] = await Promise.all([inPage, useServer ? askServer(run, contract, input.bytes, input.type, hasEvents) : false])
    return answered
  })
  if (pageFailure && !answered) throw pageFailure
}

/** What the page and its worker hold, where the browser measures it: isolated pages of Chromium, within some seconds. */
async function pageMemory(): Promise<number | null> {
  const { measureUserAgentSpecificMemory: measure } = performance as { measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }> }
  if (!measure || !crossOriginIsolated) return null
  return measure.call(performance).then(
    ({ bytes }) => bytes,
    () => null,
  )
}

export async function runFlow(options: FlowOptions): Promise<void> {
  const pressed = performance.now()
  let runtimeBroken = false
  const tell: Emit = (event) => {
    if ((event.kind === 'page-unable' || event.kind === 'failed') && event.failure.code === 'session_failed') runtimeBroken = true
    options.emit({ at: performance.now() - pressed, ...event } as FlowEvent)
  }
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
    if (runtimeBroken) pipeline.end() // a runtime that did not start once refuses for good: the next press gets a new worker
    tell({ kind: 'ended' })
  }
  void pageMemory().then((bytes) => {
    if (bytes !== null) tell({ kind: 'memory-measured', bytes })
  })
}
