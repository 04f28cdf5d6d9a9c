// What an ONNX file says of its network: the stored tensors, and the size of what each layer hands on. Only the fields of
// onnx.proto that this needs are read; of the weights themselves nothing but where they end.
import type { Network, Tensor } from '../lesson/network'

type Span = [from: number, to: number]
interface Field {
  number: number
  /** A varint, or where the field's bytes lie. */
  value: number | Span
}

// Field numbers of onnx.proto3.
const modelGraph = 7
const graphNode = 1
const graphInitializer = 5
const node = { input: 1, output: 2, op: 4, attribute: 5 }
const attribute = { name: 1, ints: 8 }
const tensor = { dims: 1, type: 2, name: 8 }

/** TensorProto.DataType, in the names that safetensors gives them. */
const types: Record<number, string> = { 1: 'F32', 2: 'U8', 3: 'I8', 6: 'I32', 7: 'I64', 10: 'F16', 11: 'F64', 16: 'BF16' }

class Reader {
  private readonly text = new TextDecoder()
  constructor(private readonly bytes: Uint8Array) {}

  private varint(at: number): [value: number, next: number] {
    let value = 0
    let scale = 1
    for (let next = at; next < this.bytes.length && next < at + 10; next++, scale *= 128) {
      const byte = this.bytes[next] ?? 0
      value += (byte & 127) * scale
      if (byte < 128) return [value, next + 1]
    }
    throw new Error('a number of the file does not end')
  }

  *fields([from, to]: Span): Generator<Field> {
    let at = from
    while (at < to) {
      const [key, begin] = this.varint(at)
      const number = key >> 3
      switch (key & 7) {
        case 0: {
          const [value, next] = this.varint(begin)
          yield { number, value }
          at = next
          break
        }
        case 1:
          at = begin + 8
          break
        case 2: {
          const [length, start] = this.varint(begin)
          if (start + length > to) throw new Error('a part of the file is longer than the file')
          yield { number, value: [start, start + length] }
          at = start + length
          break
        }
        case 5:
          at = begin + 4
          break
        default:
          throw new Error('the file has a field of an unknown kind')
      }
    }
  }

  string(value: Field['value']): string {
    return typeof value === 'number' ? '' : this.text.decode(this.bytes.subarray(...value))
  }

  /** Repeated numbers come one by one or packed. */
  numbers(value: Field['value']): number[] {
    if (typeof value === 'number') return [value]
    const found: number[] = []
    for (let at = value[0]; at < value[1]; ) {
      const [next, end] = this.varint(at)
      found.push(next)
      at = end
    }
    return found
  }
}

interface Node {
  op: string
  inputs: string[]
  outputs: string[]
  ints: Record<string, number[]>
}

function readTensor(reader: Reader, span: Span): Tensor {
  const found = { name: '', shape: [] as number[], dtype: '?', parameters: 0 }
  for (const { number, value } of reader.fields(span)) {
    if (number === tensor.dims) found.shape.push(...reader.numbers(value))
    else if (number === tensor.type && typeof value === 'number') found.dtype = types[value] ?? `type ${value}`
    else if (number === tensor.name) found.name = reader.string(value)
  }
  return { ...found, parameters: found.shape.reduce((product, side) => product * side, 1) }
}

function readNode(reader: Reader, span: Span): Node {
  const found: Node = { op: '', inputs: [], outputs: [], ints: {} }
  for (const { number, value } of reader.fields(span)) {
    if (number === node.input) found.inputs.push(reader.string(value))
    else if (number === node.output) found.outputs.push(reader.string(value))
    else if (number === node.op) found.op = reader.string(value)
    else if (number === node.attribute && typeof value !== 'number') {
      let name = ''
      const ints: number[] = []
      for (const part of reader.fields(value)) {
        if (part.number === attribute.name) name = reader.string(part.value)
        else if (part.number === attribute.ints) ints.push(...reader.numbers(part.value))
      }
      found.ints[name] = ints
    }
  }
  return found
}

type Size = [channels: number, rows: number, columns: number]

/** One side of what a convolution or a pool hands on. */
function slid(side: number, axis: 0 | 1, { ints }: Node): number {
  const kernel = ints.kernel_shape?.[axis] ?? 1
  const before = ints.pads?.[axis] ?? 0
  const after = ints.pads?.[axis + 2] ?? 0
  const dilated = ((ints.dilations?.[axis] ?? 1) * (kernel - 1)) + 1
  return Math.floor((side + before + after - dilated) / (ints.strides?.[axis] ?? 1)) + 1
}

/** Follows the sizes through the graph, from the input on. */
function follow(nodes: readonly Node[], weights: ReadonlyMap<string, Tensor>, input: string, size: Size): Pick<Network, 'outputs' | 'residual'> {
  const sizes = new Map<string, Size>([[input, size]])
  /** Which layer made a value. */
  const makers = new Map<string, string>()
  const outputs: Network['outputs'] = {}
  const residual = new Set<string>()
  for (const next of nodes) {
    const [output] = next.outputs
    const [given = ''] = next.inputs
    const known = sizes.get(given)
    if (output === undefined || !known) continue // computed from constants: no part of the image's way
    const weight = weights.get(next.inputs[1] ?? '')
    switch (next.op) {
      case 'Conv':
      case 'Gemm':
      case 'MatMul': {
        if (!weight) continue
        const dense = next.op !== 'Conv'
        // Gemm's weights stand as they are in PyTorch (transB) or the other way round.
        const channels = dense && next.ints.transB === undefined ? (weight.shape.at(-1) ?? 0) : (weight.shape[0] ?? 0)
        const made: Size = [channels, dense ? 1 : slid(known[1], 0, next), dense ? 1 : slid(known[2], 1, next)]
        sizes.set(output, made)
        makers.set(output, weight.name)
        outputs[weight.name] = made
        continue
      }
      case 'MaxPool':
      case 'AveragePool':
        sizes.set(output, [known[0], slid(known[1], 0, next), slid(known[2], 1, next)])
        continue
      case 'GlobalAveragePool':
      case 'ReduceMean':
        sizes.set(output, [known[0], 1, 1])
        continue
      case 'Add': {
        const maker = makers.get(given) ?? makers.get(next.inputs[1] ?? '')
        const other = sizes.get(next.inputs[1] ?? '') ?? known
        if (maker !== undefined) residual.add(maker)
        // A skip that was padded to the other's size is known by its own, smaller one.
        sizes.set(output, [Math.max(known[0], other[0]), Math.max(known[1], other[1]), Math.max(known[2], other[2])])
        continue
      }
      default: {
        sizes.set(output, known)
        const maker = makers.get(given)
        if (maker !== undefined && /^(Relu|BatchNormalization|Clip)$/.test(next.op)) makers.set(output, maker)
      }
    }
  }
  return { outputs, residual: [...residual] }
}

/** Throws an Error where the bytes are no ONNX model. */
export function readNetwork(bytes: Uint8Array, input: string, shape: readonly number[]): Network {
  const reader = new Reader(bytes)
  let graph: Span | null = null
  for (const { number, value } of reader.fields([0, bytes.length])) if (number === modelGraph && typeof value !== 'number') graph = value
  if (!graph) throw new Error('the file has no graph')
  const stored = new Map<string, Tensor>()
  const nodes: Node[] = []
  for (const { number, value } of reader.fields(graph)) {
    if (typeof value === 'number') continue
    if (number === graphNode) nodes.push(readNode(reader, value))
    else if (number === graphInitializer) {
      const found = readTensor(reader, value)
      stored.set(found.name, found)
    }
  }

  // Weights that are dequantized in the graph are known by the name that they have there; scale and zero point belong to them.
  const weights = new Map<string, Tensor>()
  for (const { op, inputs, outputs } of nodes) {
    const quantized = op === 'DequantizeLinear' ? stored.get(inputs[0] ?? '') : undefined
    if (!quantized || outputs[0] === undefined) continue
    weights.set(outputs[0], { ...quantized, name: outputs[0] })
    for (const name of inputs) stored.delete(name)
  }
  for (const found of stored.values()) weights.set(found.name, found)

  const [channels = 0, rows = 0, columns = 0] = shape.slice(-3)
  const flow = follow(nodes, weights, input, [channels, rows, columns])
  // In the order in which an image meets them.
  const used = nodes.flatMap(({ op, inputs }) => (op === 'DequantizeLinear' ? [] : inputs)).filter((name) => weights.has(name))
  const tensors = [...new Set(used)].flatMap((name) => weights.get(name) ?? [])
  return { tensors, ...flow }
}
