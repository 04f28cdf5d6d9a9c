// Two tensors of one image, value by value.

export interface FirstDifference {
  channel: number
  x: number
  y: number
  ours: number
  theirs: number
}

export interface TensorDifference {
  values: number
  differing: number
  largest: number
  first: FirstDifference | null
  /** The largest difference of each pixel's channels; white: `largest`, black: none. */
  picture: { width: number; height: number; gray: Uint8Array }
}

type Values = Float32Array | Uint8Array

/** How a batch of one lies in memory: [1, 3, height, width] or [1, height, width, 3]. */
function layoutOf(shape: readonly number[]) {
  const [, a = 0, b = 0, c = 0] = shape
  if (shape.length !== 4 || shape[0] !== 1) throw new RangeError(`not one image: ${shape.join(' x ')}`)
  if (a === 3) return { channels: 3, height: b, width: c, placeOf: (i: number) => ({ channel: Math.floor(i / (b * c)), pixel: i % (b * c) }) }
  return { channels: c, height: a, width: b, placeOf: (i: number) => ({ channel: i % c, pixel: Math.floor(i / c) }) }
}

export function differenceOf(ours: Values, theirs: Values, shape: readonly number[]): TensorDifference {
  const { channels, width, height, placeOf } = layoutOf(shape)
  const values = channels * width * height
  if (ours.length !== values || theirs.length !== values) throw new RangeError('the tensors have another size than their shape')
  const pixels = new Float32Array(width * height)
  let differing = 0
  let largest = 0
  // The first in reading order of the picture: row, column, then channel.
  let first: FirstDifference | null = null
  let firstAt = Infinity
  for (let i = 0; i < values; i++) {
    const a = ours[i] ?? 0
    const b = theirs[i] ?? 0
    if (a === b) continue
    differing++
    const distance = Math.abs(a - b)
    const { channel, pixel } = placeOf(i)
    if (distance > largest) largest = distance
    if (distance > (pixels[pixel] ?? 0)) pixels[pixel] = distance
    if (pixel * channels + channel < firstAt) {
      firstAt = pixel * channels + channel
      first = { channel, x: pixel % width, y: Math.floor(pixel / width), ours: a, theirs: b }
    }
  }
  const gray = Uint8Array.from(pixels, (distance) => (largest === 0 ? 0 : Math.round((255 * distance) / largest)))
  return { values, differing, largest, first, picture: { width, height, gray } }
}
