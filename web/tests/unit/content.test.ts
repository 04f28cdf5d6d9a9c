import { describe, expect, test } from 'vitest'
import { languages, loadContent, pathOf } from '../../content'
import { pageFailureCodes, serverFailureCodes } from '../../src/lib/lesson/failures'
import { factsFor } from '../../src/lib/lesson/messages'
import { formatFor } from '../../src/lib/lesson/format'

type Leaf = [path: string, value: unknown]

function leaves(value: unknown, path = ''): Leaf[] {
  if (typeof value !== 'object' || value === null) return [[path, value]]
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key))
}

describe('content', async () => {
  const all = await Promise.all(languages.map(async (name) => ({ name, content: await loadContent(name.language) })))
  const [first] = all
  if (!first) throw new Error('there is no language')

  test('one language is the default and comes first', () => {
    expect(languages.filter(({ isDefault }) => isDefault)).toHaveLength(1)
    expect(pathOf(first.name)).toBe('./')
    expect(first.name.language).toBe('id')
  })

  test.each(all)('$name.language has every key and no empty text', ({ content }) => {
    expect(leaves(content).map(([path]) => path)).toEqual(leaves(first.content).map(([path]) => path))
    for (const [path, value] of leaves(content)) {
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
    const prose = (language: string) => all.find(({ name }) => name.language === language)?.content.lesson
    expect(prose('id')?.intro).not.toBe(prose('en')?.intro)
    expect(prose('id')?.principles.map(({ id }) => id)).toEqual(prose('en')?.principles.map(({ id }) => id))
  })
})
