// Where an image is cut. The contract's way is torchvision's (truncated sides, offsets rounded half to even); the other
// is what C's round() gives, half away from zero, as a careless port has it.

export interface Size {
  width: number
  height: number
}
export interface Cut {
  resized: Size
  x: number
  y: number
}
export type Rounding = 'contract' | 'away'

/** Python's round(): half to even. */
export function halfToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  if (rest !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

export function cutOf(image: Size, shorterSide: number, crop: Size, rounding: Rounding): Cut {
  const side = rounding === 'contract' ? Math.floor : Math.round
  const offset = rounding === 'contract' ? halfToEven : Math.round
  const scaled = (long: number, short: number) => Math.max(1, side((shorterSide * long) / short))
  const resized =
    image.width <= image.height
      ? { width: shorterSide, height: scaled(image.height, image.width) }
      : { width: scaled(image.width, image.height), height: shorterSide }
  return { resized, x: offset((resized.width - crop.width) / 2), y: offset((resized.height - crop.height) / 2) }
}

/** A part of an RGB image, row by row. */
export function cropped(rgb: Uint8Array, image: Size, x: number, y: number, size: Size): Uint8Array {
  const out = new Uint8Array(size.width * size.height * 3)
  for (let row = 0; row < size.height; row++) {
    const from = ((y + row) * image.width + x) * 3
    out.set(rgb.subarray(from, from + size.width * 3), row * size.width * 3)
  }
  return out
}
