// Keeps this build of the page for visits without a network: its own files and the sample pictures. Never an answer of the
// API, and never the model or its runtime, which the page keeps itself, under their SHA-256.
const { version, shell, later } = __MANIFEST__
const prefix = `beralih-page ${new URL('./', self.location.href).pathname} `
const name = prefix + version
const addressOf = (path) => new URL(path, self.location.href).href
const shellAddresses = shell.map(addressOf)
const ours = new Set([...shellAddresses, ...later.map(addressOf)])

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(shellAddresses.map((url) => new Request(url, { cache: 'no-cache' })))))
})

self.addEventListener('activate', (event) => {
  const clear = async () => {
    for (const key of await caches.keys()) if (key.startsWith(prefix) && key !== name) await caches.delete(key)
    await self.clients.claim()
  }
  event.waitUntil(clear())
})

// The core and the worker, once the page has used them: asked for again from the browser's own cache.
self.addEventListener('message', (event) => {
  if (event.data !== 'keep-all') return
  const keep = async () => {
    const cache = await caches.open(name)
    for (const path of later) if (!(await cache.match(addressOf(path)))) await cache.add(addressOf(path))
  }
  event.waitUntil(keep().then(() => event.ports[0]?.postMessage('kept'), () => event.ports[0]?.postMessage('not kept')))
})

// The sample pictures, named by the page when it has nothing better to do.
const samples = new URL('./bundle/golden/', self.location.href).href
const sampleLimit = 4_000_000

async function keepSamples(urls) {
  const cache = await caches.open(name)
  let bytes = 0
  for (const url of urls.filter((url) => url.startsWith(samples))) {
    if (await cache.match(url)) continue
    const response = await fetch(url)
    const length = Number(response.headers.get('Content-Length') ?? sampleLimit)
    if (response.ok && (bytes += length) <= sampleLimit) await cache.put(url, response)
  }
}

self.addEventListener('message', (event) => {
  if (event.data?.samples) event.waitUntil(keepSamples(event.data.samples).catch(() => undefined))
})

const kept = async (url) => (await caches.open(name)).match(url)

/** A page comes from the network while there is one, so that no visit gets an old one. */
async function page(request, url) {
  try {
    return await fetch(request)
  } catch (error) {
    const found = await kept(url)
    if (found) return found
    throw error
  }
}

/** Names in assets/ carry their content's hash: what is kept under one is it. Other files ask the network first. */
async function file(request, url) {
  if (!url.includes('/assets/')) return page(request, url)
  return (await kept(url)) ?? fetch(request)
}

self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET') return
  const url = request.url.split(/[?#]/)[0]
  if (!ours.has(url) && !url.startsWith(samples)) return
  event.respondWith(request.mode === 'navigate' ? page(request, url) : file(request, url))
})
