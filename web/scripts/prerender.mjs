// Writes dist/index.html (the default language) and dist/<language>/index.html from Vite's template and the rendered pages.
import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import subsetFont from 'subset-font'
import { renderPages } from '../node_modules/.prerender/entry-server.js'

const dist = new URL('../dist/', import.meta.url).pathname
const template = await readFile(join(dist, 'index.html'), 'utf8')

const assets = await readdir(join(dist, 'assets'))
const digest = (bytes) => createHash('sha256').update(bytes).digest('base64url').slice(0, 8)

// Style sheet and the text's typeface stand in the page: the text needs nothing else to be painted as it stays. The typeface stands
// there as a script: a face made from bytes is ready for the first frame, where one of a style sheet, even as a data: address, is
// read after it, and the text would be set twice. A policy (CSP) lets the script run by its hash; without it, or without scripts,
// the text keeps the reader's own face.
const styleLink = /<link rel="stylesheet"[^>]*href="\.\/(assets\/[^"]+\.css)"[^>]*>/
const styleFile = styleLink.exec(template)?.[1]
if (!styleFile) throw new Error('prerender: the template has no style sheet')
let style = await readFile(join(dist, styleFile), 'utf8')
await rm(join(dist, styleFile))
// The program comes after the first paint: scripts/start.js asks for it. What it is made of stands in the template. The script
// stands in the page: as a file of its own it was one round trip before anything that follows the text, and a chosen colour scheme came
// after the first frame.
const program = [...template.matchAll(/[ \t]*<(?:script type="module"|link rel="modulepreload")[^>]*?(?:src|href)="(\.\/[^"]+)"[^>]*>(?:<\/script>)?\n?/g)]
if (program.length === 0) throw new Error('prerender: the template has no program')
const start = await readFile(new URL('./start.js', import.meta.url), 'utf8')

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')

/** The chunk with a language's text: the page asks for it first thing. */
const contentChunk = (language) => {
  const file = assets.find((name) => new RegExp(`^${language}-[\\w-]{8}\\.js$`).test(name))
  if (!file) throw new Error(`prerender: the build has no content in "${language}"`)
  return `./assets/${file}`
}

const pages = await renderPages()
// As text: what browsers show, and every host knows.
await copyFile(new URL('../../THIRD_PARTY_NOTICES.md', import.meta.url), join(dist, 'THIRD_PARTY_NOTICES.txt'))

/** The letters of every language's text, and ASCII for what is measured or typed; any other letter comes from the reader's own faces. */
async function letters() {
  const found = new Set(Array.from({ length: 95 }, (_, position) => String.fromCharCode(32 + position)))
  for (const { body } of pages) for (const letter of body) found.add(letter)
  const content = new URL('../content/', import.meta.url).pathname
  for (const name of await readdir(content, { recursive: true })) {
    if (name.endsWith('.ts')) for (const letter of await readFile(join(content, name), 'utf8')) found.add(letter)
  }
  return [...found].join('')
}

/** What the style sheets ask for (font-variant-numeric, font-kerning) and what a text is set with anyway; the faces' other forms stay out. */
const keepFeatures = ['ccmp', 'locl', 'kern', 'liga', 'mark', 'mkmk', 'lnum', 'pnum', 'tnum']
const used = await letters()
const faces = []
for (const [rule, declarations] of style.matchAll(/@font-face\s*{([^}]*)}/g)) {
  const family = /font-family:\s*["']?([^;"']+)/.exec(declarations)?.[1]
  const weights = /font-weight:\s*(\d+) (\d+)/.exec(declarations)?.slice(1)
  const name = assets.find((name) => name.endsWith('.woff2') && declarations.includes(name))
  if (!family || !weights || !name) throw new Error(`prerender: not a family, its weights and a file: ${rule}`)
  const file = join(dist, 'assets', name)
  const [min, max] = weights.map(Number)
  const subset = await subsetFont(await readFile(file), used, { targetFormat: 'woff2', keepFeatures, noHinting: true, variationAxes: { wght: { min, max } } })
  faces.push([family.trim().replaceAll('\\', ''), weights.join(' '), subset.toString('base64')])
  await rm(file)
}
style = style.replaceAll(/@font-face\s*{[^}]*}/g, '')
const typefaces = await readFile(new URL('./typefaces.js', import.meta.url), 'utf8')
const scriptOf = (faces) => typefaces.replace('FACES', () => JSON.stringify(faces))
// The face of code and figures comes after the first paint (scripts/start.js): its letters are as wide as the reader's own, nothing moves.
const [text, ...others] = faces
if (text?.[0] !== 'Source Serif 4') throw new Error("prerender: the text's typeface is the first of fonts.css")
const othersScript = scriptOf(others)
const typefacesFile = `assets/typefaces-${digest(othersScript)}.js`
await writeFile(join(dist, typefacesFile), othersScript)
if (/url\((?!data:)/.test(style)) throw new Error('prerender: the style sheet asks for a file')

for (const page of pages) {
  const root = page.isDefault ? './' : '../'
  const fromHere = (path) => path.replace(/^\.\//, root)
  const parts = [...program.map(([, path]) => path), contentChunk(page.language)].map(fromHere)
  const head = [
    `<title>${escaped(page.title)}</title>`,
    `<script>${scriptOf([text])}</script>`,
    `<script data-typefaces="${root}${typefacesFile}" data-program="${parts.join(' ')}">${start}</script>`,
    `<meta name="description" content="${escaped(page.description)}">`,
    page.head,
  ].join('\n')
  const attributes = `lang="${page.language}" dir="${page.direction}" data-root="${root}" data-languages="${page.languages}"${page.isDefault ? ' data-default' : ''}`
  const html = program
    .reduce((text, [element]) => text.replace(element, () => ''), template)
    .replace('lang="id" data-root="./"', () => attributes)
    .replace('<!--head-->', () => head)
    .replace(styleLink, () => `<style>${style}</style>`)
    .replace('<!--page-->', () => page.body)
    .replaceAll(/(href|src)="\.\/(?!")/g, (match, name) => `${name}="${root}`)
    .replaceAll('href="./"', `href="${root}"`)
  const folder = join(dist, page.path)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'index.html'), html)
}
