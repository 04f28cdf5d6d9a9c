// The heavy half of the page, off the main thread: the C++ core and ONNX Runtime Web.
import * as ort from 'onnxruntime-web/wasm'
import type { BundleFile } from '../api/contract'
import { asRunError, startCore, type Contract, type Core } from '../core/core'
import { RunError } from '../lesson/failures'
import { keepText, keptText, obtain } from './artifacts'
import type { Arguments, ArtifactReady, CallName, Preprocessed, Request, Reply, ResultOf, SessionReady } from './protocol'

type Progress = (received: number) => void
type Handlers = { [Name in CallName]: (values: Arguments<Name>, progress: Progress) => ResultOf<Name> | Promise<ResultOf<Name>> }

const scope = self as unknown as DedicatedWorkerGlobalScope

let core: Core | null = null
let contract: Contract | null = null
let openText = ''
let session: ort.InferenceSession | null = null
let sessionReady: SessionReady | null = null
let sessionSha256 = ''
let tensor: ort.Tensor | null = null
const artifacts = new Map<string, Uint8Array<ArrayBuffer>>()
const obtained = new Map<string, ArtifactReady>()

const started = () => {
  if (!core) throw new RunError('unexpected', { detail: 'the core was not started' })
  return core
}

const utf8 = (text: string) => new TextEncoder().encode(text)
const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/** Nobody looks at a HEIC file's pixels here: its container says what it is (ISO 23008-12). */
function isHeic(bytes: Uint8Array): boolean {
  const brand = String.fromCharCode(...bytes.subarray(4, 12))
  return brand.startsWith('ftyp') && /^(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(brand.slice(4))
}

function runtimeBytes(): number {
  const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
  return entries.find(({ name }) => /\/ort-wasm[^/]*\.wasm$/.test(name))?.decodedBodySize ?? 0
}

async function createSession(file: BundleFile, inputName: string): Promise<SessionReady> {
  if (sessionReady && sessionSha256 === file.sha256) return { ...sessionReady, reused: true }
  const model = artifacts.get(file.sha256)
  if (!model) throw new RunError('unexpected', { detail: `${file.path} was not loaded` })
  try {
    const before = performance.now()
    await session?.release()
    session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] })
    const created = performance.now()
    if (!session.inputNames.includes(inputName)) throw new Error(`the model has no input named "${inputName}"`)
    const metadata = session.inputMetadata.find(({ name }) => name === inputName)
    if (!metadata?.isTensor) throw new Error(`the model's input "${inputName}" is not a tensor`)
    const shape = metadata.shape.map((side) => (typeof side === 'number' && side > 0 ? side : 1))
    const size = shape.reduce((product, side) => product * side, 1)
    await session.run({ [inputName]: new ort.Tensor('float32', new Float32Array(size), shape) })
    sessionReady = {
      createMs: created - before,
      warmUpMs: performance.now() - created,
      runtimeBytes: runtimeBytes(),
      threads: ort.env.wasm.numThreads ?? 1,
      reused: false,
    }
    sessionSha256 = file.sha256
    artifacts.delete(file.sha256) // the session has its own copy
    return sessionReady
  } catch (error) {
    sessionReady = null
    throw new RunError('session_failed', { detail: error instanceof Error ? error.message.slice(0, 300) : String(error) })
  }
}

function preprocess(name: string, bytes: Uint8Array<ArrayBuffer>): Preprocessed {
  if (!contract) throw new RunError('unexpected', { detail: 'no contract is open' })
  if (bytes.length === 0) throw new RunError('empty_file', { file: name })
  if (isHeic(bytes)) throw new RunError('heic_image', { file: name })
  try {
    const { tensor: values, dtype, ...rest } = contract.preprocess(bytes)
    tensor = new ort.Tensor(dtype, values, rest.shape)
    return { ...rest, dtype, inputSha256: started().sha256(bytes) }
  } catch (error) {
    throw asRunError(error, name)
  }
}

const handlers: Handlers = {
  async start() {
    const before = performance.now()
    let bytes = 0
    if (!core) ({ core, bytes } = await startCore())
    return { version: core.version, simd: core.simd, bytes, ms: performance.now() - before }
  },

  openContract([text]) {
    if (!contract || text !== openText) {
      contract?.close()
      contract = null
      try {
        contract = started().openContract(text)
      } catch (error) {
        throw new RunError('contract_invalid', { detail: asRunError(error).facts.detail ?? '' })
      }
      openText = text
    }
    const { preprocessingText, preprocessingHash } = contract
    return { sha256: started().sha256(utf8(text)), preprocessingText, preprocessingHash }
  },

  keepContract: ([key, text]) => keepText(key, text),
  keptContract: ([key]) => keptText(key),

  async fetchArtifact([file, url], progress) {
    const earlier = obtained.get(file.sha256)
    const inUse = artifacts.has(file.sha256) || (sessionReady !== null && sessionSha256 === file.sha256)
    if (earlier && inUse) return { ...earlier, source: 'kept', received: 0 }
    const { bytes, report } = await obtain(file, url, (data) => started().sha256(data), progress)
    artifacts.set(file.sha256, bytes)
    obtained.set(file.sha256, report)
    return report
  },

  async readSample([file, url]) {
    return (await obtain(file, url, (data) => started().sha256(data), () => undefined)).bytes
  },

  readLabels([file]) {
    const bytes = artifacts.get(file.sha256)
    if (!bytes) throw new RunError('unexpected', { detail: `${file.path} was not loaded` })
    return new TextDecoder().decode(bytes).replace(/\n$/, '').split('\n')
  },

  createSession: ([file, inputName]) => createSession(file, inputName),
  preprocess: ([name, bytes]) => preprocess(name, bytes),

  async predict([classes]) {
    if (!session || !tensor) throw new RunError('unexpected', { detail: 'there is no session or no tensor' })
    const input = session.inputNames[0]
    const output = session.outputNames[0]
    if (!input || !output) throw new RunError('session_failed', { detail: 'the model has no input or no output' })
    const before = performance.now()
    const result = await session.run({ [input]: tensor })
    const ran = performance.now()
    const logits = result[output]?.data
    if (!(logits instanceof Float32Array) || logits.length !== classes) {
      throw new RunError('session_failed', { detail: `the model's output is not ${classes} float32 values` })
    }
    const predictions = started().topK(logits, classes)
    const done = performance.now()
    return { predictions, logitsSha256: started().sha256(bytesOf(logits)), inferenceMs: ran - before, postprocessMs: done - ran }
  },

  compare: ([ours, theirs]) => started().comparePreprocessing(ours, theirs),
}

scope.onmessage = async ({ data }: MessageEvent<Request>) => {
  const { id, name } = data
  const reply = (message: Reply) => scope.postMessage(message)
  try {
    const handler = handlers[name] as (values: unknown[], progress: Progress) => unknown
    const result = await handler(data.arguments, (received) => reply({ id, kind: 'progress', received }))
    reply({ id, kind: 'result', result })
  } catch (error) {
    const { code, facts } = asRunError(error)
    reply({ id, kind: 'failure', code, facts })
  }
}
