// A third language is one folder: a copy of the page gets one whose every sentence stands in ⟦ ⟧, and is prerendered.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { PrerenderedPage } from '../../src/entry-server'
import { copyWithPseudoLanguage } from '../pseudo-language'

const { copy, page } = copyWithPseudoLanguage()
let pages: PrerenderedPage[] = []

beforeAll(async () => {
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
    .replaceAll(/<a [^>]*lang="en"[^>]*>[\s\S]*?<\/a>/g, ' ') // others' works and their licences
    .replaceAll(/<[^>]+>/g, ' ')
  expect(text.match(/⟦/g)?.length).toBeGreaterThan(100)
  const rest = text
    .replaceAll(/⟦[^⟦⟧]*⟧/g, ' ')
    .replaceAll(/SHA-256|[\w-]+\.(?:png|jpg)|00:00|[>–.:,()]|\b\d\b/g, ' ') // signs, names of files, numbers
    .replaceAll(/⟦|⟧/g, ' ')
    .trim()
  expect(rest.split(/\s+/).filter(Boolean)).toEqual([])
  const labels = [...body.matchAll(/aria-label="([^"]*)"/g)].map(([, label]) => label ?? '')
  expect(labels.filter((label) => !label.startsWith('⟦'))).toEqual([])
})
