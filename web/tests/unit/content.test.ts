import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { languages, loadContent, pathOf } from '../../content'
import { loadProse } from '../../content/prose'
import type { RichText } from '../../content/schema'
import { defaultModelBytes, defaultSamples } from '../../src/lib/lesson/default-bundle'
import { pageFailureCodes, serverFailureCodes } from '../../src/lib/lesson/failures'
import { factsFor } from '../../src/lib/lesson/messages'
import { formatFor } from '../../src/lib/lesson/format'
import { planChoices, quizzes } from '../../src/lib/lesson/quizzes'

type Leaf = [path: string, value: unknown]

function leaves(value: unknown, path = ''): Leaf[] {
  if (typeof value !== 'object' || value === null) return [[path, value]]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key))
}

describe('content', async () => {
  const all = await Promise.all(languages.map(async (name) => ({ name, content: await loadContent(name.language), prose: await loadProse(name.language) })))
  const [first] = all
  if (!first) throw new Error('there is no language')

  test('one language is the default and comes first', () => {
    expect(languages.filter(({ isDefault }) => isDefault)).toHaveLength(1)
    expect(pathOf(first.name)).toBe('./')
    expect(first.name.language).toBe('id')
  })

  test.each(all)('$name.language has every key and no empty text', ({ content, prose }) => {
    expect(leaves(content).map(([path]) => path)).toEqual(leaves(first.content).map(([path]) => path))
    expect(Object.keys(prose)).toEqual(Object.keys(first.prose))
    for (const [path, value] of [...leaves(content), ...leaves(prose)]) {
      expect(['string', 'function', 'boolean'], path).toContain(typeof value)
      if (typeof value === 'string') expect(value.trim(), path).not.toBe('')
    }
  })

  test.each(all)('$name.language words every failure', ({ content }) => {
    const facts = factsFor({ file: 'x.jpg', status: 500, origin: 'http://a', seconds: 2, detail: 'why' }, formatFor(content.language))
    expect(Object.keys(content.pageFailures)).toEqual([...pageFailureCodes])
    expect(Object.keys(content.serverFailures)).toEqual([...serverFailureCodes])
    for (const { title, text } of [...Object.values(content.pageFailures), ...Object.values(content.serverFailures)]) {
      expect(title).toMatch(/[.).]$/)
      expect(text(facts)).not.toMatch(/undefined|NaN/)
    }
  })

  test('the languages differ in every sentence of the lesson', () => {
    const [indonesian, english] = ['id', 'en'].map((language) => all.find(({ name }) => name.language === language))
    const same = (value: unknown) => new Map(leaves(value))
    // What both languages write alike: names, hashes, and what the lesson itself leaves in English.
    const alike = /^(course|lecture|isDefault)$|quantity|unit|terminalTitle|terminalName|inspectorTitle|\.live$|steps\.input|replicas\.[123]\.text|inputTitle|^inspector\.(server|label|model)|batch/
    for (const part of ['prose', 'content'] as const) {
      const theirs = same(english?.[part])
      for (const [path, value] of leaves(indonesian?.[part])) {
        if (typeof value === 'string' && value.length > 20 && !alike.test(path)) expect(theirs.get(path), path).not.toBe(value)
      }
    }
    expect(indonesian?.prose.principles.map(({ id }) => id)).toEqual(english?.prose.principles.map(({ id }) => id))
  })

  test('every question has one right answer, and a reason for each option', () => {
    expect(quizzes.map(({ options, right }) => (options as readonly string[]).indexOf(right) + 1)).toEqual([2, 1, 1])
    for (const { content } of all) {
      for (const { id, options } of quizzes) {
        const written = content.quizzes.list[id].options as Record<string, { text: string; why: string }>
        expect(Object.keys(written)).toEqual([...options])
        for (const { why } of Object.values(written)) expect(why.length, `${content.language} ${id}`).toBeGreaterThan(60)
      }
      for (const [field, values] of Object.entries(planChoices)) {
        expect(Object.keys(content.challenge.choices[field as keyof typeof planChoices])).toEqual([...values])
      }
    }
  })

  test('what is translated here does not call deployment "pengembangan"', () => {
    for (const [path, value] of leaves(all.find(({ name }) => name.language === 'id')?.content)) {
      if (path !== 'page.title' && typeof value === 'string') expect(value, path).not.toMatch(/pengembangan/i)
    }
  })
})

const contract = join(process.env.BERALIH_BUNDLE ?? fileURLToPath(new URL('../../../models/bundles/resnet34', import.meta.url)), 'contract.json')
test.skipIf(!existsSync(contract))('what the page says of the default bundle beforehand is the bundle’s', () => {
  const { files } = JSON.parse(readFileSync(contract, 'utf8')) as { files: { role: string; path: string; bytes: number }[] }
  expect(files.find(({ role }) => role === 'edge_model')?.bytes).toBe(defaultModelBytes)
  expect(files.filter(({ role }) => role === 'golden_image').map(({ path }) => path)).toEqual(defaultSamples)
})

const source = join(process.env.BERALIH_SHARED ?? '', 'LESSON.md')
const required = process.env.BERALIH_REQUIRE_SHARED === '1'

describe.skipIf(!existsSync(source) && !required)('the source text of the lesson', async () => {
  const text = existsSync(source) ? readFileSync(source, 'utf8').replaceAll(/\$(.+?)\$/g, '$1').replaceAll(/\\text\{(.+?)\}/g, '$1') : ''
  const plain = (rich: RichText) => rich.map((part) => (typeof part === 'string' ? part : part.quantity + (part.unit ?? ''))).join('')

  test('is the Indonesian prose, word for word', async () => {
    const prose = await loadProse('id')
    const parts = [
      `${prose.course}${prose.lecture}`,
      prose.heading.join(' '),
      prose.intro,
      prose.sectionTitle,
      prose.sectionText,
      ...prose.principles.map(({ title, text }) => `${title} ${plain(text)}`),
      prose.focusTitle,
      prose.focusText,
    ]
    for (const part of parts) expect(text.split('\n')).toContain(part)
  })

  test('is the English quiz and challenge, word for word', async () => {
    const { quizzes: asked, challenge } = await loadContent('en')
    const { challenge: set } = await loadProse('en')
    const questions = Object.values(asked.list).flatMap(({ question, options }) => [question, ...Object.values(options as Record<string, { text: string }>).map((option) => option.text)])
    const steps = Object.values(challenge.steps).flatMap(({ question, solution }) => [question, solution])
    for (const part of [...questions, set.title, set.task, plain(set.text), ...steps]) expect(text.split('\n')).toContain(part)
  })
})
