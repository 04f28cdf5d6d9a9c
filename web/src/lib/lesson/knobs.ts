// The preprocessing text of a contract (one knob a line) as rows; numbers as people write them.

export interface Knob {
  name: string
  value: string
}

/** A float32 by its bits: the shortest decimal that is the same float32. */
function decimal(bits: string): string {
  const value = new DataView(Uint8Array.from(bits.match(/../g) ?? [], (byte) => parseInt(byte, 16)).buffer).getFloat32(0)
  for (let digits = 1; digits < 10; digits++) {
    const text = String(Number(value.toPrecision(digits)))
    if (Math.fround(Number(text)) === value) return text
  }
  return String(value)
}

export function knobsOf(text: string): Knob[] {
  return text.split('\n').flatMap((line) => {
    const equals = line.indexOf('=')
    if (equals < 1) return []
    const value = line.slice(equals + 1)
    // The core writes a side as height and width; a side that is one number is read as one.
    const side = /^resize_(shorter|longest)_side$/.test(line.slice(0, equals)) ? /^(\d+),\1$/.exec(value)?.[1] : undefined
    if (side !== undefined) return { name: line.slice(0, equals), value: side }
    const floats = /^[0-9a-f]{8}(,[0-9a-f]{8})*$/.test(value)
    return { name: line.slice(0, equals), value: (floats ? value.split(',').map(decimal) : value.split(',')).join(', ') }
  })
}

export interface KnobRow {
  name: string
  page: string | null
  server: string | null
}

/** The knobs of both sides, side by side. */
export function knobRows(page: string | null, server: string | null): KnobRow[] {
  const ours = new Map(knobsOf(page ?? '').map(({ name, value }) => [name, value]))
  const theirs = new Map(knobsOf(server ?? '').map(({ name, value }) => [name, value]))
  const names = [...new Set([...ours.keys(), ...theirs.keys()])]
  return names.map((name) => ({ name, page: ours.get(name) ?? null, server: theirs.get(name) ?? null }))
}

/** Of the default bundle: the rows that stand in the page before a contract has been read. */
export const usualKnobs = [
  'exif',
  'gray16',
  'resize_shorter_side',
  'resize_filter',
  'center_crop',
  'pad_value',
  'channel_order',
  'layout',
  'dtype',
  'value_range',
  'image_mean',
  'image_std',
  'input.datatype',
  'input.shape',
  'labels.sha256',
]

export interface Cut {
  /** Of the original's sides, 0 to 1. */
  left: number
  top: number
  width: number
  height: number
}

/** Which part of the original the crop shows; null where a contract resizes otherwise. */
export function cutOf(text: string, image: { width: number; height: number }): Cut | null {
  const knobs = new Map(knobsOf(text).map(({ name, value }) => [name, value]))
  const shorter = Number(knobs.get('resize_shorter_side'))
  const [rows = 0, columns = 0] = (knobs.get('center_crop') ?? '').split(', ').map(Number)
  if (!(shorter > 0) || !(rows > 0) || !(columns > 0)) return null
  const scale = shorter / Math.min(image.width, image.height)
  const [width, height] = [columns / (image.width * scale), rows / (image.height * scale)]
  // What is smaller than the crop is padded: no part of it is cut off.
  if (width > 1 || height > 1) return null
  return { left: (1 - width) / 2, top: (1 - height) / 2, width, height }
}
