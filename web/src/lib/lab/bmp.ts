/** RGB bytes as an uncompressed 24-bit BMP: how pixels that something else has cut get into the core unchanged. */
export function bmpOf(width: number, height: number, rgb: Uint8Array | Uint8ClampedArray): Uint8Array<ArrayBuffer> {
  if (rgb.length !== width * height * 3) throw new RangeError(`${width} x ${height} pixels need ${width * height * 3} bytes, found ${rgb.length}`)
  const head = 54
  const stride = Math.ceil((width * 3) / 4) * 4
  const bytes = new Uint8Array(head + stride * height)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 0x424d) // "BM"
  view.setUint32(2, bytes.length, true)
  view.setUint32(10, head, true)
  view.setUint32(14, 40, true)
  view.setInt32(18, width, true)
  view.setInt32(22, height, true)
  view.setUint16(26, 1, true)
  view.setUint16(28, 24, true)
  view.setUint32(34, stride * height, true)
  for (let y = 0; y < height; y++) {
    let to = head + (height - 1 - y) * stride // the last row comes first
    for (let from = y * width * 3; from < (y + 1) * width * 3; from += 3, to += 3) {
      bytes[to] = rgb[from + 2] ?? 0
      bytes[to + 1] = rgb[from + 1] ?? 0
      bytes[to + 2] = rgb[from] ?? 0
    }
  }
  return bytes
}

/** RGBA of a canvas without its alpha. */
export function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] ?? 0
    rgb[to + 1] = rgba[from + 1] ?? 0
    rgb[to + 2] = rgba[from + 2] ?? 0
  }
  return rgb
}
