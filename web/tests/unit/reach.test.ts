import { describe, expect, test } from 'vitest'
import { onActivity, publish, type Activity } from '../../src/lib/reach/activity'
import { embeddingOrigin } from '../../src/lib/reach/embed'
import { statementOf } from '../../src/lib/reach/xapi'
// @ts-expect-error: a build script without types
import { manifestOf, scriptOf } from '../../scripts/service-worker.mjs'

describe('the service worker’s manifest', () => {
  const files = (index = '<p>') =>
    new Map(Object.entries({ 'index.html': index, 'en/index.html': 'x', 'assets/a-1.js': 'a', 'assets/a-1.js.br': 'b', 'assets/core.wasm': 'c', 'assets/ort-wasm-1.wasm': 'o', 'assets/pipeline.worker-1.js': 'd', 'robots.txt': 'r', 'sw.js': 's' }))
  test('names the build’s files, the heavy ones apart', () => {
    expect(manifestOf(files())).toEqual({ version: expect.stringMatching(/^[0-9a-f]{16}$/) as string, shell: ['./assets/a-1.js', './en/', './'], later: ['./assets/core.wasm', './assets/pipeline.worker-1.js'] })
  })
  test('another build is another version, the same build is the same', () => {
    expect(manifestOf(files()).version).toBe(manifestOf(files()).version)
    expect(manifestOf(files('<p>!')).version).not.toBe(manifestOf(files()).version)
  })
  test('a template without its place is an error', () => {
    expect(scriptOf('const m = __MANIFEST__', { a: '$&' })).toBe('const m = {"a":"$&"}')
    expect(() => scriptOf('const m = 1', {})).toThrow('no place')
  })
})

describe('activities', () => {
  test('reach who listens, until they stop', () => {
    const heard: Activity[] = []
    const stop = onActivity((activity) => heard.push(activity))
    publish({ kind: 'opened' })
    stop()
    publish({ kind: 'completed' })
    expect(heard).toEqual([{ kind: 'opened' }])
  })
  test('have xAPI’s shape', () => {
    const said = statementOf({ kind: 'answered', question: 'question-1', choice: 'stateful', right: false }, 'https://a/b/', new Date(0))
    expect(said).toEqual({
      verb: { id: 'http://adlnet.gov/expapi/verbs/answered', display: { en: 'answered' } },
      object: { objectType: 'Activity', id: 'https://a/b/#question-1', definition: { type: 'http://adlnet.gov/expapi/activities/question' } },
      result: { success: false, response: 'stateful' },
      timestamp: '1970-01-01T00:00:00.000Z',
    })
    expect(statementOf({ kind: 'ran', outcome: 'absent', ms: 1234 }, 'https://a/', new Date(0)).result).toEqual({ success: false, response: 'absent', duration: 'PT1.23S' })
  })
  test.each([['?embed=https://lms.example/course', 'https://lms.example'], ['?embed=javascript:alert(1)', null], ['?embed=*', null], ['', null]])('%s is told to %s', (query, origin) =>
    expect(embeddingOrigin(new URL(`https://a/${query}`))).toBe(origin),
  )
})
