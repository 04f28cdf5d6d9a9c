// How many pictures an animated file holds; the core decodes the first, as Pillow does.

function gifFrames(bytes: Uint8Array): number {
  const table = (flags: number) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0)
  let at = 13 + table(bytes[10] ?? 0)
  let frames = 0
  const skipBlocks = () => {
    while ((bytes[at] ?? 0) > 0) at += (bytes[at] ?? 0) + 1
    at++
  }
  while (at < bytes.length) {
    const kind = bytes[at++]
    if (kind === 0x21) {
      at++
      skipBlocks()
    } else if (kind === 0x2c) {
      frames++
      at += 9 + table(bytes[at + 8] ?? 0) + 1
      skipBlocks()
    } else {
      break // the trailer, or damage that the decoder speaks of
    }
  }
  return frames
}

function pngFrames(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 8; at + 12 <= bytes.length; at += view.getUint32(at) + 12) {
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (type === 'acTL' && at + 12 <= bytes.length) return view.getUint32(at + 8)
    if (type === 'IDAT') break // an animation announces itself before the first picture
  }
  return 1
}

export function framesOf(bytes: Uint8Array): number {
  const begin = String.fromCharCode(...bytes.subarray(0, 6))
  if (/^GIF8[79]a$/.test(begin)) return Math.max(1, gifFrames(bytes))
  return begin.slice(1, 4) === 'PNG' ? Math.max(1, pngFrames(bytes)) : 1
}
