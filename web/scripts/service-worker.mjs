// Writes dist/sw.js: the template with the build's files. Its version is the hash of their bytes, so another build is
// another service worker, and nothing of the old one answers for it.
import { createHash } from 'node:crypto'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Kept at the first visit: what the page needs to be read. The rest is kept once it is used. */
const isShell = (path) => /\.(html|css|js|woff2|svg)$/.test(path) && !/worker/.test(path)

/** The page keeps the runtime itself, like the model: under its SHA-256. */
const isRuntime = (path) => /(^|\/)ort-wasm[^/]*\.wasm$/.test(path)

export function manifestOf(files) {
  const paths = [...files.keys()].filter((path) => !/\.(br|gz|map)$/.test(path) && !isRuntime(path) && path !== 'sw.js' && path !== 'robots.txt').sort()
  const hash = createHash('sha256')
  for (const path of paths) hash.update(`${path}\0${createHash('sha256').update(files.get(path)).digest('hex')}\n`)
  // An empty address would be that of sw.js itself.
  const address = (path) => './' + path.replace(/(^|\/)index\.html$/, '$1')
  return { version: hash.digest('hex').slice(0, 16), shell: paths.filter(isShell).map(address), later: paths.filter((path) => !isShell(path)).map(address) }
}

export function scriptOf(template, manifest) {
  const marks = template.match(/__MANIFEST__/g) ?? []
  if (marks.length !== 1) throw new Error('service worker: the template has no place for the manifest')
  return template.replace('__MANIFEST__', () => JSON.stringify(manifest))
}

async function write(dist) {
  const files = new Map()
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    files.set(file.slice(dist.length), await readFile(file))
  }
  const template = await readFile(new URL('service-worker.template.js', import.meta.url), 'utf8')
  await writeFile(join(dist, 'sw.js'), scriptOf(template, manifestOf(files)))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write(fileURLToPath(new URL('../dist/', import.meta.url)))
