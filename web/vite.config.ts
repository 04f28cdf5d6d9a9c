import { svelte } from '@sveltejs/vite-plugin-svelte'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'
import { codeExcerpts } from './scripts/excerpts.ts'
import { loadingOf } from './scripts/measured.ts'
import { onnxRuntime } from './scripts/onnx-runtime.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
const bundle = process.env.BERALIH_BUNDLE ?? join(repository, 'models/bundles/resnet34')
/** Where the tests' JUnit report goes, if anywhere. */
const junit = process.env.BERALIH_JUNIT
/** See tests/e2e/harness.ts. */
const patience = Number(process.env.BERALIH_PATIENCE ?? 1)
const server = process.env.BERALIH_SERVER ?? 'http://127.0.0.1:8080'

/** For the scripts that stand in the built pages, the same in all: the typefaces and scripts/start.js. */
function inlineScripts(): string {
  const built = join(repository, 'web/dist/index.html')
  if (!existsSync(built)) return ''
  const scripts = readFileSync(built, 'utf8').matchAll(/<script(?![^>]*\ssrc=)[^>]*>(.*?)<\/script>/gs)
  return Array.from(scripts, ([, script = '']) => ` 'sha256-${createHash('sha256').update(script).digest('base64')}'`).join('')
}

// As `beralih serve` sends them: what works in development works there.
const headers = {
  'Content-Security-Policy':
    `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'${inlineScripts()}; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'X-Content-Type-Options': 'nosniff',
}

const types: Record<string, string> = { '.json': 'application/json', '.jpg': 'image/jpeg', '.png': 'image/png', '.txt': 'text/plain' }

/** The bundle's files under /bundle/, as `beralih serve` has them. */
function serveBundle(request: IncomingMessage, response: ServerResponse, next: () => void) {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
  if (!path.startsWith('/bundle/')) return next()
  const file = join(bundle, path.slice('/bundle/'.length))
  const size = statSync(file, { throwIfNoEntry: false })?.size
  if (size === undefined) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { ...headers, 'Content-Type': types[extname(file)] ?? 'application/octet-stream', 'Content-Length': size })
  createReadStream(file).pipe(response)
}

const bundleFiles: Plugin = {
  name: 'bundle-files',
  configureServer: ({ middlewares }) => void middlewares.use(serveBundle),
  configurePreviewServer: ({ middlewares }) => void middlewares.use(serveBundle),
}

export default defineConfig(({ isSsrBuild }) => ({
  base: './', // any folder of any host
  plugins: [svelte(), bundleFiles, codeExcerpts(repository), onnxRuntime()],
  // In the language's own chunk: a module of its own would be one more request before the page lives.
  define: { MEASURED_LOADING: JSON.stringify(loadingOf(repository)) },
  resolve: {
    alias: [
      { find: /^@beralih\/core(_scalar)?\.wasm(?=\?|$)/, replacement: join(repository, 'build/wasm/wasm/beralih_core$1.wasm') },
      { find: /^@beralih\/core$/, replacement: join(repository, 'wasm/index.mjs') },
    ],
  },
  worker: { format: 'es', plugins: () => [onnxRuntime()] },
  server: { fs: { allow: [repository] }, proxy: { '/api': server, '/v2': server } },
  preview: { headers, proxy: { '/api': server, '/v2': server } },
  build: {
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    copyPublicDir: !isSsrBuild,
  },
  test: {
    include: [`tests/${process.env.BERALIH_SUITE ?? 'unit'}/**/*.test.ts`],
    reporters: junit ? ['default', ['junit', { outputFile: junit }]] : ['default'],
    fileParallelism: false, // the suites share two cores with a server and a browser
    testTimeout: 60_000 * patience,
    // A browser on cores that others use too stalls at times. What fails twice is a failure; what passed the second time is said to have.
    retry: process.env.BERALIH_SUITE === 'e2e' && process.env.CI === 'true' ? 1 : 0,
    hookTimeout: 60_000 * patience,
  },
}))
