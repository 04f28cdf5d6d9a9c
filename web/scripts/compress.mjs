// Writes FILE.br and FILE.gz beside what compresses well; `beralih serve` hands them out to browsers that take them.
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

const dist = new URL('../dist/', import.meta.url).pathname
// Brotli's best level takes a minute for ONNX Runtime's 14 MB and saves a tenth.
const large = 1_000_000

for (const name of await readdir(dist, { recursive: true })) {
  if (!/\.(css|html|js|svg|wasm)$/.test(name)) continue
  const file = join(dist, name)
  const bytes = await readFile(file)
  const quality = bytes.length > large ? 9 : 11
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes, { params }))
  await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }))
}
