// Writes dist/index.html (the default language) and dist/<language>/index.html from Vite's template and the rendered pages.
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { renderPages } from '../node_modules/.prerender/entry-server.js'

const dist = new URL('../dist/', import.meta.url).pathname
const template = await readFile(join(dist, 'index.html'), 'utf8')

// The faces of the first screen; the others are fetched when text uses them.
const preloaded = ['source-serif-4-latin-400-normal', 'source-serif-4-latin-600-normal', 'source-code-pro-latin-400-normal']
const assets = await readdir(join(dist, 'assets'))

// The style sheet stands in the page: one request fewer before the first paint. Its addresses were relative to itself.
const styleLink = /<link rel="stylesheet"[^>]*href="\.\/(assets\/[^"]+\.css)"[^>]*>/
const styleFile = styleLink.exec(template)?.[1]
if (!styleFile) throw new Error('prerender: the template has no style sheet')
const style = (await readFile(join(dist, styleFile), 'utf8')).replaceAll(/url\((["']?)\.\//g, 'url($1./assets/')
await rm(join(dist, styleFile))
const preloads = preloaded.map((face) => {
  const file = assets.find((name) => name.startsWith(face) && name.endsWith('.woff2'))
  if (!file) throw new Error(`prerender: the build has no font ${face}`)
  return `<link rel="preload" href="./assets/${file}" as="font" type="font/woff2" crossorigin>`
})

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')

/** The chunk with a language's text: the page asks for it first thing. */
const contentChunk = (language) => {
  const file = assets.find((name) => new RegExp(`^${language}-[\\w-]{8}\\.js$`).test(name))
  if (!file) throw new Error(`prerender: the build has no content in "${language}"`)
  return `<link rel="modulepreload" href="./assets/${file}" crossorigin>`
}

const pages = await renderPages()
for (const page of pages) {
  const head = [
    `<title>${escaped(page.title)}</title>`,
    `<meta name="description" content="${escaped(page.description)}">`,
    ...preloads,
    contentChunk(page.language),
    page.head,
  ].join('\n')
  const root = page.isDefault ? './' : '../'
  const attributes = `lang="${page.language}" dir="${page.direction}" data-root="${root}" data-languages="${page.languages}"${page.isDefault ? ' data-default' : ''}`
  const html = template
    .replace('lang="id" data-root="./"', () => attributes)
    .replace('<!--head-->', () => head)
    .replace(styleLink, () => `<style>${style.replaceAll(/url\((["']?)\.\//g, `url($1${root}`)}</style>`)
    .replace('<!--page-->', () => page.body)
    .replaceAll(/(href|src)="\.\/(?!")/g, (match, name) => `${name}="${root}`)
    .replaceAll('href="./"', `href="${root}"`)
  const folder = join(dist, page.path)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'index.html'), html)
}
