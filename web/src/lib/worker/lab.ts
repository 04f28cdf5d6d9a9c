// The experiments' half of the worker: the same core and the same session as the flow's, used wrongly on purpose.
import { bmpOf, withoutAlpha } from '../lab/bmp'
import { cropped, cutOf, type Size } from '../lab/geometry'
import { differenceOf } from '../lab/tensor-difference'
import { RunError } from '../lesson/failures'
import type { Contract, Core, PreprocessResult } from '../core/core'
import type { CellNumber, CellOutput, Filter, LabCalls, Seen, ServiceAnswer, Skewed, Swap } from './lab-protocol'

type Knobs = Record<string, unknown>
type Tensor = Pick<PreprocessResult, 'tensor' | 'dtype' | 'shape'>

export interface LabContext {
  core: () => Core
  contract: () => Contract
  contractText: () => string
  /** Throws what the flow would say of such a file. */
  refuseUnreadable: (name: string, bytes: Uint8Array) => void
  /** The session's answer to any tensor. */
  logitsOf: (tensor: Tensor, classes: number) => Promise<Float32Array>
}

const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
const topCount = 5

function knobsOf(contractText: string): Knobs {
  const knobs = (JSON.parse(contractText) as { preprocessing: Knobs }).preprocessing
  return { ...knobs }
}

const geometryKnobs = ['resize_shorter_side', 'resize_longest_side', 'resize_exact', 'resize_filter', 'center_crop']

/** The contract's normalisation alone: pixels go in as they are. */
function normalizeOnly({ core, contractText }: LabContext, crop: Size, rgb: Uint8Array, change: Knobs = {}): PreprocessResult {
  const knobs = knobsOf(contractText())
  for (const name of geometryKnobs) delete knobs[name]
  const spec = core().openSpec(JSON.stringify({ ...knobs, ...change }))
  try {
    return spec.preprocess(bmpOf(crop.width, crop.height, rgb))
  } finally {
    spec.close()
  }
}

function withKnob({ contract }: LabContext, knob: string, value: string, bytes: Uint8Array): PreprocessResult {
  const spec = contract().toPreprocessor()
  try {
    spec.setKnob(knob, value)
    return spec.preprocess(bytes)
  } finally {
    spec.close()
  }
}

function shorterSideOf(context: LabContext): number {
  const side = knobsOf(context.contractText()).resize_shorter_side
  if (typeof side !== 'number') throw new RunError('unexpected', { detail: 'this contract does not resize by the shorter side' })
  return side
}

/** The core resizes to sides that were rounded otherwise, and the crop starts where C's round() puts it. */
function withRounding(context: LabContext, image: Size, crop: Size, bytes: Uint8Array): PreprocessResult {
  const { resized, x, y } = cutOf(image, shorterSideOf(context), crop, 'away')
  const knobs = knobsOf(context.contractText())
  for (const name of geometryKnobs) if (name !== 'resize_filter') delete knobs[name]
  const spec = context.core().openSpec(JSON.stringify({ ...knobs, resize_exact: [resized.height, resized.width] }))
  try {
    const whole = spec.preprocess(bytes).crop
    return normalizeOnly(context, crop, cropped(whole.rgb, whole, x, y, crop))
  } finally {
    spec.close()
  }
}

/** What a page does that has no core: the browser decodes, resizes and cuts. */
async function withCanvas(context: LabContext, image: Size, crop: Size, bytes: Uint8Array<ArrayBuffer>): Promise<PreprocessResult> {
  if (typeof OffscreenCanvas === 'undefined') throw new RunError('unexpected', { detail: 'this browser has no canvas in workers' })
  const { resized, x, y } = cutOf(image, shorterSideOf(context), crop, 'contract')
  const bitmap = await createImageBitmap(new Blob([bytes]))
  const canvas = new OffscreenCanvas(crop.width, crop.height)
  const drawing = canvas.getContext('2d', { willReadFrequently: true })
  if (!drawing) throw new RunError('unexpected', { detail: 'this browser gives workers no 2d canvas' })
  drawing.drawImage(bitmap, -x, -y, resized.width, resized.height)
  bitmap.close()
  return normalizeOnly(context, crop, withoutAlpha(drawing.getImageData(0, 0, crop.width, crop.height).data))
}

/** A contract that says the swap, where one can: other knobs only, so it opens as the real one does. */
function otherContract({ core, contractText }: LabContext, knob: string, value: string): Skewed['otherContract'] {
  const json = JSON.parse(contractText()) as { preprocessing: Knobs }
  json.preprocessing[knob] = value
  const opened = core().openContract(JSON.stringify(json))
  const { preprocessingText, preprocessingHash } = opened
  opened.close()
  return { preprocessingText, preprocessingHash }
}

interface Swapped {
  result: PreprocessResult
  other: Skewed['otherContract']
}

async function perform(context: LabContext, swap: Swap, bytes: Uint8Array<ArrayBuffer>, ours: PreprocessResult): Promise<Swapped> {
  const field = (knob: string, value: Filter | 'BGR' | 'RGB'): Swapped => ({
    result: withKnob(context, knob, value, bytes),
    other: otherContract(context, knob, value),
  })
  switch (swap.kind) {
    case 'filter':
      return field('resize_filter', swap.filter)
    case 'bgr':
      return field('channel_order', knobsOf(context.contractText()).channel_order === 'BGR' ? 'RGB' : 'BGR')
    case 'rounding':
      return { result: withRounding(context, ours, ours.crop, bytes), other: null }
    case 'canvas':
      return { result: await withCanvas(context, ours, ours.crop, bytes), other: null }
  }
}

export function labHandlers(context: LabContext) {
  const { core, contract, logitsOf } = context
  let image: { name: string; bytes: Uint8Array<ArrayBuffer> } | null = null
  /** The notebook's one variable: whoever runs a cell changes it for all. */
  let x: { tensor: Float32Array; shape: number[] } | null = null

  async function seen(result: PreprocessResult, classes: number): Promise<Seen> {
    const logits = await logitsOf(result, classes)
    return {
      tensorSha256: result.tensorSha256,
      logitsSha256: core().sha256(bytesOf(logits)),
      crop: result.crop,
      top: core().topK(logits, topCount),
    }
  }

  function described(tensor: Float32Array): CellOutput {
    let least = Infinity
    let most = -Infinity
    let sum = 0
    for (const value of tensor) {
      if (value < least) least = value
      if (value > most) most = value
      sum += value
    }
    return { kind: 'tensor', sha256: core().sha256(bytesOf(tensor)), least, most, mean: sum / tensor.length }
  }

  /** As the core's normalize.cpp: every operation rounds to float32 once. In place, as notebooks do it. */
  function normalizeInPlace({ tensor, shape }: { tensor: Float32Array; shape: number[] }) {
    const knobs = knobsOf(context.contractText())
    const mean = (knobs.image_mean as number[]).map(Math.fround)
    const std = (knobs.image_std as number[]).map(Math.fround)
    const pixels = shape[1] === 3 ? tensor.length / 3 : 0
    for (let i = 0; i < tensor.length; i++) {
      const channel = pixels ? Math.floor(i / pixels) : i % 3
      let value = tensor[i] ?? 0
      if (knobs.value_range === '0..1') value = Math.fround(knobs.rescale === 'divide' ? value / 255 : value * (1 / 255))
      value = Math.fround(value - (mean[channel] ?? 0))
      tensor[i] = value / (std[channel] ?? 1)
    }
  }

  const cells: Record<CellNumber, (classes: number) => CellOutput | Promise<CellOutput>> = {
    1: () => (image ? { kind: 'image', name: image.name, bytes: image.bytes.length } : { kind: 'undefined', variable: 'img' }),
    2: () => {
      if (!image) return { kind: 'undefined', variable: 'img' }
      const { crop } = contract().preprocess(image.bytes)
      const raw = { value_range: '0..255', image_mean: [0, 0, 0], image_std: [1, 1, 1] }
      const knobs = knobsOf(context.contractText())
      const change = knobs.dtype === 'uint8' ? {} : knobs.value_range === '0..1' ? { ...raw, rescale: undefined } : raw
      const result = normalizeOnly(context, crop, crop.rgb, change)
      x = { tensor: Float32Array.from(result.tensor), shape: result.shape }
      return described(x.tensor)
    },
    3: () => {
      if (!x) return { kind: 'undefined', variable: 'x' }
      normalizeInPlace(x)
      return described(x.tensor)
    },
    4: async (classes) => {
      if (!x) return { kind: 'undefined', variable: 'x' }
      const { tensor, shape } = x
      const logits = await logitsOf({ tensor: tensor.slice(), shape, dtype: 'float32' }, classes)
      const top = core().topK(logits, 1)[0]
      return { kind: 'prediction', tensorSha256: core().sha256(bytesOf(tensor)), index: top?.index ?? 0, probability: top?.probability ?? 0 }
    },
  }

  return {
    async skew([name, bytes, swap, classes]: LabCalls['skew']['arguments']): Promise<Skewed> {
      context.refuseUnreadable(name, bytes)
      const ours = contract().preprocess(bytes)
      const { result, other } = await perform(context, swap, bytes, ours)
      return {
        contract: await seen(ours, classes),
        swapped: await seen(result, classes),
        difference: differenceOf(ours.tensor, result.tensor, ours.shape),
        otherContract: other,
      }
    },

    restartKernel() {
      image = null
      x = null
    },

    runCell([cell, name, bytes, classes]: LabCalls['runCell']['arguments']) {
      if (cell === 1) {
        context.refuseUnreadable(name, bytes)
        image = { name, bytes }
      }
      return cells[cell](classes)
    },

    /** The service's way: everything that decides the answer comes in with the request. */
    async serve([bytes, classes]: LabCalls['serve']['arguments']): Promise<ServiceAnswer> {
      const result = contract().preprocess(bytes)
      const { tensorSha256, logitsSha256, top } = await seen(result, classes)
      return { tensorSha256, logitsSha256, index: top[0]?.index ?? 0, probability: top[0]?.probability ?? 0 }
    },
  }
}
