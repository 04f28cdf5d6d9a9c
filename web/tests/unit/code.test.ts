import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { sources } from '../../content/code/excerpts'
import { cutExcerpts } from '../../scripts/excerpts'
import { steps } from '../../src/lib/lesson/events'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const plain = (html: string) => html.replaceAll(/<\/?[bis]>/g, '').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

describe('the code panel', async () => {
  const { excerpts, problems } = await cutExcerpts(repository)

  test('finds everything that it names in the sources', () => {
    expect(problems).toEqual([])
    expect(excerpts.map(({ id }) => id)).toEqual(sources.map(({ id }) => id))
  })

  test.each(excerpts.map((excerpt) => [excerpt.tab, excerpt] as const))('%s is the file’s own text, line by line', (_, { path, lines }) => {
    const text = readFileSync(join(repository, path), 'utf8').split('\n')
    for (const { number, html } of lines) expect(plain(html)).toBe(text[number - 1])
    expect(lines.length).toBeGreaterThan(8)
  })

  test('has Python’s lines for every step of a run, and C++ for all but the preflight', () => {
    const marked = (id: string) => new Set(excerpts.filter((e) => e.id === id).flatMap((e) => e.lines.flatMap((line) => line.steps.split(' '))).filter(Boolean))
    expect(marked('service')).toEqual(new Set(steps))
    const native = excerpts.filter(({ id }) => id !== 'service').flatMap(({ id }) => [...marked(id)])
    expect(new Set(native)).toEqual(new Set(steps.filter((step) => step !== 'preflight')))
  })

  test('says which marker has disappeared', async () => {
    const [service] = sources
    if (!service) throw new Error('no sources')
    const lost = { ...service, marks: [{ step: 'load' as const, from: 'def no_such_function', to: 'return' }] }
    expect((await cutExcerpts(repository, [lost])).problems).toEqual([
      'service: web/content/code/inference_service.py has no lines from "def no_such_function" to "return" (step load)',
    ])
    const gone = await cutExcerpts(repository, [{ ...service, start: 'no such line' }])
    expect(gone.excerpts).toEqual([])
    expect(gone.problems[0]).toContain('0 files in web/content/code')
  })
})
