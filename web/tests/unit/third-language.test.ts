// A third language is one folder: a copy of the page gets one whose every sentence stands in ⟦ ⟧, and is prerendered.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PrerenderedPage } from '../../src/entry-server'

const web = fileURLToPath(new URL('../..', import.meta.url))
const copy = mkdtempSync(join(tmpdir(), 'beralih-language-'))
let pages: PrerenderedPage[] = []

const folder: Record<string, string> = {
  'pseudo.ts': `const own = /^(language|short|long|isDefault|id|datatype)$/
export function pseudo<T>(value: T, key = ''): T {
  if (own.test(key)) return value
  if (typeof value === 'string') return \`⟦\${value}⟧\` as T
  if (typeof value === 'function') return ((...given: unknown[]) => \`⟦\${value(...given)}⟧\`) as T
  if (Array.isArray(value)) return value.map((part) => pseudo(part)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, pseudo(part, name)])) as T
}`,
  'name.ts': `export const name = { language: 'ar-XB', short: 'XB', long: 'Pseudo', isDefault: false, rightToLeft: true as const }`,
  'lesson.ts': `import { lesson as english } from '../en/lesson'\nimport { pseudo } from './pseudo'\nexport const lesson = pseudo(english)`,
  'index.ts': `import english from '../en'\nimport { name } from './name'\nimport { pseudo } from './pseudo'\nexport default { ...pseudo(english), ...name }`,
}

beforeAll(async () => {
  const page = join(copy, 'web')
  for (const name of ['src', 'content', 'scripts', 'index.html', 'vite.config.ts', 'svelte.config.js', 'tsconfig.json', 'package.json']) cpSync(join(web, name), join(page, name), { recursive: true })
  for (const name of ['core', 'native_server', 'wasm', 'build']) symlinkSync(join(web, '..', name), join(copy, name))
  symlinkSync(join(web, 'node_modules'), join(page, 'node_modules'))
  mkdirSync(join(page, 'content/ar-XB'))
  for (const [name, text] of Object.entries(folder)) writeFileSync(join(page, 'content/ar-XB', name), text)
  await build({ root: page, configFile: join(page, 'vite.config.ts'), logLevel: 'silent', build: { ssr: 'src/entry-server.ts', outDir: 'prerender' } })
  const { renderPages } = (await import(pathToFileURL(join(page, 'prerender/entry-server.js')).href)) as { renderPages: () => Promise<PrerenderedPage[]> }
  pages = await renderPages()
})
afterAll(() => rmSync(copy, { recursive: true, force: true }))

test('the page has it at its own address, in its own direction, and names it in every language', () => {
  expect(pages.map(({ language, path, direction }) => [language, path, direction])).toEqual([
    ['id', './', 'ltr'],
    ['ar-XB', './ar-XB/', 'rtl'],
    ['en', './en/', 'ltr'],
  ])
  for (const { body } of pages) expect(body.match(/hreflang="[^"]+"/g)).toEqual(['hreflang="id"', 'hreflang="ar-XB"', 'hreflang="en"'])
})

test('every word comes from that folder', () => {
  const body = pages.find(({ language }) => language === 'ar-XB')?.body ?? ''
  const text = body
    .replaceAll(/<!--.*?-->/gs, '')
    .replaceAll(/<(div class="src|nav)[\s\S]*?<\/(div|nav)>/g, ' ') // source text, and the languages' own names
    .replaceAll(/<code lang="en"[^>]*>[\s\S]*?<\/code>/g, ' ') // what a machine calls its things
    .replaceAll(/<button[^>]*role="tab"[^>]*>.*?<\/button>/g, ' ')
    .replaceAll(/<[^>]+>/g, ' ')
  expect(text.match(/⟦/g)?.length).toBeGreaterThan(100)
  const rest = text
    .replaceAll(/⟦[^⟦⟧]*⟧/g, ' ')
    .replaceAll(/SHA-256|[\w-]+\.(?:png|jpg)|00:00|[>–.:,]|\b\d\b/g, ' ') // signs, names of files, numbers
    .replaceAll(/⟦|⟧/g, ' ')
    .trim()
  expect(rest.split(/\s+/).filter(Boolean)).toEqual([])
  const labels = [...body.matchAll(/aria-label="([^"]*)"/g)].map(([, label]) => label ?? '')
  expect(labels.filter((label) => !label.startsWith('⟦'))).toEqual([])
})
