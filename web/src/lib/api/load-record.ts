// The answer of GET /api/artifacts: what the server's process has loaded, when, and how long each part took.
import type { Tensor } from '../lesson/network'
import { hash, number, parseRecord, record, text, timestamp } from './json'

export interface LoadedFile {
  role: string
  path: string
  bytes: number
  sha256: string
  /** Of the weights alone. */
  dtype: string | null
  parameters: number | null
}

export interface LoadRecord {
  pid: number
  startedAt: string
  device: string
  dtype: string
  threads: number
  libtorch: string
  files: LoadedFile[]
  /** Milliseconds; `ready` counts from the start of the program. */
  ms: { hashes: number; program: number; attach: number; warmUp: number; golden: number; ready: number }
  residentBytes: number
  /** The tensors of the weights; none where the server does not list them. */
  tensors: Tensor[]
}

function loadedFile(value: unknown, position: number): LoadedFile {
  const name = `artifacts[${position}]`
  const json = record(value, name)
  return {
    role: text(json.role, `${name}.role`),
    path: text(json.path, `${name}.path`),
    bytes: number(json.bytes, `${name}.bytes`),
    sha256: hash(json.sha256, `${name}.sha256`),
    dtype: json.dtype === undefined ? null : text(json.dtype, `${name}.dtype`),
    parameters: json.parameters === undefined ? null : number(json.parameters, `${name}.parameters`),
  }
}

function tensor(value: unknown, position: number): Tensor {
  const name = `layers[${position}]`
  const json = record(value, name)
  if (!Array.isArray(json.shape)) throw new Error(`${name}.shape is missing`)
  return {
    name: text(json.name, `${name}.name`),
    shape: json.shape.map((side: unknown) => number(side, `${name}.shape`)),
    dtype: text(json.dtype, `${name}.dtype`),
    parameters: number(json.parameters, `${name}.parameters`),
  }
}

/** Throws an Error that says what is wrong with it. */
export function parseLoadRecord(body: string): LoadRecord {
  const json = parseRecord(body, 'the load record')
  const server = record(json.server, 'server')
  const load = record(json.load, 'load')
  const memory = record(json.memory, 'memory')
  if (!Array.isArray(json.artifacts)) throw new Error('artifacts is missing')
  if (json.layers !== undefined && !Array.isArray(json.layers)) throw new Error('layers is not a list')
  const ms = (key: string) => number(load[key], `load.${key}`)
  return {
    pid: number(server.pid, 'server.pid'),
    startedAt: timestamp(server.started_at, 'server.started_at'),
    device: text(server.device, 'server.device'),
    dtype: text(server.dtype, 'server.dtype'),
    threads: number(server.threads, 'server.threads'),
    libtorch: text(server.libtorch, 'server.libtorch'),
    files: json.artifacts.map(loadedFile),
    ms: { hashes: ms('hashes'), program: ms('program'), attach: ms('attach'), warmUp: ms('warm_up'), golden: ms('golden'), ready: ms('total') },
    residentBytes: number(memory.rss_bytes, 'memory.rss_bytes'),
    tensors: (json.layers ?? []).map(tensor),
  }
}
