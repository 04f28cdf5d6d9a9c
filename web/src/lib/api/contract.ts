// What the page needs to know of contract.json; the core checks the whole of it.

export interface BundleFile {
  role: string
  path: string
  bytes: number
  sha256: string
}

/** A tensor of the model's border; a side that may vary is -1. */
export interface Port {
  name: string
  shape: number[]
  /** float32, uint8, … */
  dtype: string
}

export interface ContractSummary {
  name: string
  version: string
  inputName: string
  inputShape: number[]
  classes: number
  /** As the contract names them; null where it does not. */
  input: Port | null
  output: Port | null
  files: BundleFile[]
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function isBundleFile(value: unknown): value is BundleFile {
  return (
    isRecord(value) &&
    typeof value.role === 'string' &&
    typeof value.path === 'string' &&
    Number.isSafeInteger(value.bytes) &&
    typeof value.sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(value.sha256)
  )
}

const datatypes: Record<string, string> = { FP32: 'float32', UINT8: 'uint8' }

function portOf(value: unknown): Port | null {
  if (!isRecord(value) || typeof value.name !== 'string' || typeof value.datatype !== 'string' || !Array.isArray(value.shape)) return null
  return { name: value.name, shape: value.shape.map(Number), dtype: datatypes[value.datatype] ?? value.datatype }
}

/** Throws an Error that says what is missing. */
export function summarizeContract(text: string): ContractSummary {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new Error('it is not JSON')
  }
  if (!isRecord(json) || json.schema !== 'beralih.contract/1') throw new Error('its schema is not beralih.contract/1')
  const { name, version, input, output, files } = json
  if (typeof name !== 'string' || typeof version !== 'string') throw new Error('name or version is missing')
  if (!isRecord(input) || typeof input.name !== 'string') throw new Error('input.name is missing')
  const shape = isRecord(output) && Array.isArray(output.shape) ? output.shape : []
  const classes: unknown = shape.at(-1)
  if (typeof classes !== 'number' || classes < 1) throw new Error('output.shape is missing')
  if (!Array.isArray(files) || !files.every(isBundleFile)) throw new Error('files is not a list of path, bytes and sha256')
  const inputShape = Array.isArray(input.shape) ? input.shape.filter((side): side is number => typeof side === 'number') : []
  return { name, version, inputName: input.name, inputShape, classes, input: portOf(input), output: portOf(output), files }
}

export const fileOfRole = (contract: ContractSummary, role: string) => contract.files.find((file) => file.role === role)
