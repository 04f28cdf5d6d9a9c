// A network by its tensors: layers, and the stages that they stand in. The same for both sides; what differs is marked.

const typeNames: Record<string, string> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16', F64: 'float64', I8: 'int8', U8: 'uint8' }

/** Of a list as safetensors writes it: "F32, I8". */
export const typeText = (types: string) => types.split(', ').map((type) => typeNames[type] ?? type).join(', ')

export interface Tensor {
  name: string
  shape: number[]
  dtype: string
  parameters: number
}

export interface Network {
  tensors: Tensor[]
  /** What a layer hands on (channels, rows, columns), by the name of its weights. */
  outputs: Record<string, [channels: number, rows: number, columns: number]>
  /** The layers, by the name of their weights, whose result a skip is added to. */
  residual: string[]
}

export interface Layer {
  name: string
  stage: string
  /** Of a stage that repeats: which of its blocks. */
  block: string | null
  channels: number
}

const number = /^\d+$/

/** stages.2.5.conv1.weight stands in block 5 of stages.2, fc.weight in fc. */
export function layerOf({ name, shape }: Tensor): Layer | null {
  const parts = name.split('.')
  const leaf = parts.pop()
  if (leaf === 'bias' || shape.length < 2 || parts.length === 0) return null
  // The number that counts the blocks is followed by the name of a layer.
  const counted = parts.findLastIndex((part, position) => number.test(part) && position < parts.length - 1 && !number.test(parts[position + 1] ?? ''))
  const own = number.test(parts.at(-1) ?? '') ? parts.slice(0, -1) : parts
  const stage = counted > 0 ? parts.slice(0, counted) : own
  return { name: parts.join('.'), stage: stage.join('.'), block: counted > 0 ? (parts[counted] ?? null) : null, channels: shape[0] ?? 0 }
}

export interface Pair {
  name: string
  page: Tensor | null
  server: Tensor | null
  /** Both are there and have the same shape. */
  equal: boolean
}

const sameShape = (a: Tensor, b: Tensor) => a.shape.length === b.shape.length && a.shape.every((side, axis) => side === b.shape[axis])

/** Every tensor of either side, once, in the order of the first side that there is. */
export function pairsOf(page: readonly Tensor[], server: readonly Tensor[]): Pair[] {
  const ours = new Map(page.map((tensor) => [tensor.name, tensor]))
  const theirs = new Map(server.map((tensor) => [tensor.name, tensor]))
  const first = server.length > 0 ? server : page
  const names = [...new Set([...first, ...page, ...server].map(({ name }) => name))]
  return names.map((name) => {
    const [mine = null, other = null] = [ours.get(name), theirs.get(name)]
    return { name, page: mine, server: other, equal: mine !== null && other !== null && sameShape(mine, other) }
  })
}

export interface Box extends Layer {
  pair: Pair
  /** Null: the graph that would tell it is not known. */
  output: [channels: number, rows: number, columns: number] | null
  residual: boolean
}

export interface Stage {
  name: string
  boxes: Box[]
  blocks: number
  parameters: { page: number | null; server: number | null }
  dtypes: { page: string[]; server: string[] }
}

export function stagesOf(pairs: readonly Pair[], graph: Network | null): Stage[] {
  const stages = new Map<string, Stage>()
  const residual = new Set(graph?.residual)
  const placeOf = new Map<string, Stage>()
  for (const pair of pairs) {
    const tensor = pair.server ?? pair.page
    const layer = tensor && layerOf(tensor)
    if (!layer) continue
    const stage = stages.get(layer.stage) ?? { name: layer.stage, boxes: [], blocks: 0, parameters: { page: null, server: null }, dtypes: { page: [], server: [] } }
    stages.set(layer.stage, stage)
    placeOf.set(layer.name, stage)
    stage.boxes.push({ ...layer, pair, output: graph?.outputs[pair.name] ?? null, residual: residual.has(pair.name) })
  }
  for (const pair of pairs) {
    // A bias counts where its weights stand.
    const stage = placeOf.get(pair.name.replace(/\.[^.]+$/, ''))
    for (const side of ['page', 'server'] as const) {
      const tensor = pair[side]
      if (!stage || !tensor) continue
      stage.parameters[side] = (stage.parameters[side] ?? 0) + tensor.parameters
      if (tensor.shape.length > 1 && !stage.dtypes[side].includes(tensor.dtype)) stage.dtypes[side].push(tensor.dtype)
    }
  }
  return [...stages.values()].map((stage) => ({ ...stage, blocks: new Set(stage.boxes.flatMap(({ block }) => block ?? [])).size }))
}

export const parametersOf = (tensors: readonly Tensor[]) => tensors.reduce((sum, { parameters }) => sum + parameters, 0)

export type SortKey = 'order' | 'name' | 'shape' | 'parameters'

/** Every word has to be found in the name, the shape or a type. */
export function searched(pairs: readonly Pair[], text: string): Pair[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const textOf = ({ name, page, server }: Pair) => [name, shapeText(page), shapeText(server), page?.dtype, server?.dtype].join(' ').toLowerCase()
  return pairs.filter((pair) => words.every((word) => textOf(pair).includes(word)))
}

export const shapeText = (tensor: Tensor | null) => tensor?.shape.join('×') ?? ''

export function sorted(pairs: readonly Pair[], key: SortKey, falling: boolean): Pair[] {
  if (key === 'order') return falling ? [...pairs].reverse() : [...pairs]
  const tensor = ({ page, server }: Pair) => server ?? page
  const compare: Record<Exclude<SortKey, 'order'>, (a: Pair, b: Pair) => number> = {
    name: (a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }),
    shape: (a, b) => shapeText(tensor(a)).localeCompare(shapeText(tensor(b)), 'en', { numeric: true }),
    parameters: (a, b) => (tensor(a)?.parameters ?? 0) - (tensor(b)?.parameters ?? 0),
  }
  return [...pairs].sort((a, b) => (falling ? -1 : 1) * compare[key](a, b))
}
