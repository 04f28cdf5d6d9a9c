// The heavy half of the page, off the main thread: the C++ core and ONNX Runtime Web.
import * as ort from 'onnxruntime-web/wasm'
import type { BundleFile, Port } from '../api/contract'
import { asRunError, startCore, type Contract, type Core, type PreprocessResult } from '../core/core'
import { RunError } from '../lesson/failures'
import { keepText, keptText, obtain } from './artifacts'
import { labHandlers } from './lab'
import { framesOf } from './frames'
import { readNetwork } from './onnx'
import { runtimeFile } from './runtime'
import type { Arguments, ArtifactReady, CallName, Preprocessed, Request, Reply, ResultOf, SessionReady } from './protocol'

interface Tell {
  progress: (received: number) => void
  waiting: () => void
}
type Handlers = { [Name in CallName]: (values: Arguments<Name>, tell: Tell) => ResultOf<Name> | Promise<ResultOf<Name>> }

const scope = self as unknown as DedicatedWorkerGlobalScope

let core: Core | null = null
let contract: Contract | null = null
let openText = ''
let session: ort.InferenceSession | null = null
let sessionReady: SessionReady | null = null
let sessionSha256 = ''
let runtimeStarted = false
let tensor: Pick<PreprocessResult, 'tensor' | 'dtype' | 'shape'> | null = null
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

/** As the runtime describes it. */
function portOf(metadata: ort.InferenceSession.ValueMetadata | undefined): Port {
  if (!metadata?.isTensor) throw new Error('the model has an input or output that is not a tensor')
  return { name: metadata.name, dtype: metadata.type, shape: metadata.shape.map((side) => (typeof side === 'number' && side > 0 ? side : -1)) }
}

function networkOf(model: Uint8Array, inputName: string, shape: number[]) {
  try {
    return readNetwork(model, inputName, shape)
  } catch {
    return null // the runtime reads more of the format than the page does
  }
}

async function createSession(file: BundleFile, inputName: string): Promise<SessionReady> {
  if (sessionReady && sessionSha256 === file.sha256) return { ...sessionReady, reused: true }
  const model = artifacts.get(file.sha256)
  if (!model) throw new RunError('unexpected', { detail: `${file.path} was not loaded` })
  try {
    const before = performance.now()
    await session?.release()
    // Once: the runtime keeps what it was given.
    const runtime = artifacts.get(runtimeFile.sha256)
    if (runtime) ort.env.wasm.wasmBinary = runtime.buffer
    session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] })
    const created = performance.now()
    if (!session.inputNames.includes(inputName)) throw new Error(`the model has no input named "${inputName}"`)
    const input = portOf(session.inputMetadata.find(({ name }) => name === inputName))
    const output = portOf(session.outputMetadata[0])
    const shape = input.shape.map((side) => Math.max(side, 1))
    const size = shape.reduce((product, side) => product * side, 1)
    await session.run({ [inputName]: new ort.Tensor('float32', new Float32Array(size), shape) })
    const warm = performance.now()
    sessionReady = {
      createMs: created - before,
      warmUpMs: warm - created,
      network: networkOf(model, inputName, shape),
      threads: ort.env.wasm.numThreads ?? 1,
      version: ort.env.versions.web ?? ort.env.versions.common,
      reused: false,
      input,
      output,
    }
    sessionSha256 = file.sha256
    // The session and the compiled runtime have their own copies.
    artifacts.delete(file.sha256)
    artifacts.delete(runtimeFile.sha256)
    delete ort.env.wasm.wasmBinary
    runtimeStarted = true
    return sessionReady
  } catch (error) {
    sessionReady = null
    throw new RunError('session_failed', { detail: error instanceof Error ? error.message.slice(0, 300) : String(error) })
  }
}

function refuseUnreadable(name: string, bytes: Uint8Array) {
  if (bytes.length === 0) throw new RunError('empty_file', { file: name })
  if (isHeic(bytes)) throw new RunError('heic_image', { file: name })
}

function preprocess(name: string, bytes: Uint8Array<ArrayBuffer>): Preprocessed {
  refuseUnreadable(name, bytes)
  try {
    const { tensor: values, dtype, ...rest } = opened().preprocess(bytes)
    tensor = { tensor: values, dtype, shape: rest.shape }
    return { ...rest, dtype, inputSha256: started().sha256(bytes), frames: framesOf(bytes) }
  } catch (error) {
    throw asRunError(error, name)
  }
}

async function logitsOf({ tensor: values, dtype, shape }: Pick<PreprocessResult, 'tensor' | 'dtype' | 'shape'>, classes: number): Promise<Float32Array> {
  const input = session?.inputNames[0]
  const output = session?.outputNames[0]
  if (!session || !input || !output) throw new RunError('session_failed', { detail: 'there is no session' })
  const logits = (await session.run({ [input]: new ort.Tensor(dtype, values, shape) }))[output]?.data
  if (!(logits instanceof Float32Array) || logits.length !== classes) {
    throw new RunError('session_failed', { detail: `the model's output is not ${classes} float32 values` })
  }
  return logits
}

const opened = () => {
  if (!contract) throw new RunError('unexpected', { detail: 'no contract is open' })
  return contract
}

const handlers: Handlers = {
  ...labHandlers({ core: started, contract: opened, contractText: () => openText, refuseUnreadable, logitsOf }),

  async dropSession() {
    await session?.release()
    session = null
    sessionReady = null
    sessionSha256 = ''
  },

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

  async fetchArtifact([file, url], tell) {
    const earlier = obtained.get(file.sha256)
    const running = file.role === 'runtime' ? runtimeStarted : sessionReady !== null && sessionSha256 === file.sha256
    const inUse = artifacts.has(file.sha256) || running
    if (earlier && inUse) return { ...earlier, source: 'kept', received: 0, resumedFrom: 0, compressed: null }
    const { bytes, report } = await obtain(file, url, (data) => started().sha256(data), tell)
    artifacts.set(file.sha256, bytes)
    obtained.set(file.sha256, report)
    return report
  },

  async readSample([file, url], tell) {
    return (await obtain(file, url, (data) => started().sha256(data), tell)).bytes
  },

  readLabels([file]) {
    const bytes = artifacts.get(file.sha256)
    if (!bytes) throw new RunError('unexpected', { detail: `${file.path} was not loaded` })
    return new TextDecoder().decode(bytes).replace(/\n$/, '').split('\n')
  },

  createSession: ([file, inputName]) => createSession(file, inputName),
  preprocess: ([name, bytes]) => preprocess(name, bytes),

  async predict([classes]) {
    if (!tensor) throw new RunError('unexpected', { detail: 'there is no tensor' })
    const before = performance.now()
    const logits = await logitsOf(tensor, classes)
    const ran = performance.now()
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
    const handler = handlers[name] as (values: unknown[], tell: Tell) => unknown
    const result = await handler(data.arguments, {
      progress: (received) => reply({ id, kind: 'progress', received }),
      waiting: () => reply({ id, kind: 'waiting' }),
    })
    reply({ id, kind: 'result', result })
  } catch (error) {
    const { code, facts } = asRunError(error)
    reply({ id, kind: 'failure', code, facts })
  }
}
