import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Learner } from '../../src/lib/lesson/learner.svelte'

const kept = new Map<string, string>()
let refusal: Error | null = null
let heard: (event: { key: string | null; newValue: string | null }) => void = () => undefined

beforeEach(() => {
  kept.clear()
  refusal = null
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (refusal) throw refusal
      kept.set(key, value)
    },
    removeItem: (key: string) => kept.delete(key),
  })
  vi.stubGlobal('window', { addEventListener: (_: string, listener: typeof heard) => (heard = listener) })
})
afterEach(() => vi.unstubAllGlobals())

test('every committed answer counts, also after the question was opened again, and after another visit', () => {
  const learner = new Learner()
  learner.answer('notebook', 'gpu')
  expect(learner.given('notebook')).toEqual({ choice: 'gpu' })
  learner.reopen('notebook')
  expect(learner.given('notebook')).toBeNull()
  const later = new Learner()
  later.restore()
  later.answer('notebook', 'stateful')
  expect(later.progress.answers.notebook).toEqual({ choice: 'stateful', tries: 2 })
})

test('full storage is told from none', () => {
  const learner = new Learner()
  refusal = new DOMException('', 'QuotaExceededError')
  learner.answer('notebook', 'gpu')
  expect(learner.notKept).toBe('full')
  refusal = new DOMException('', 'SecurityError')
  learner.answer('loading', 'first')
  expect(learner.notKept).toBe('blocked')
  refusal = null
  learner.answer('loading', 'start')
  expect(learner.notKept).toBeNull()
})

test('a reset is told, here and where another tab made it; another tab’s answer is none', () => {
  const learner = new Learner()
  learner.restore()
  learner.reset()
  expect(learner.resets).toBe(1)
  heard({ key: 'beralih.progress', newValue: JSON.stringify({ version: 1, answers: { loading: { choice: 'first', tries: 1 } }, plan: {} }) })
  expect([learner.resets, learner.given('loading')]).toEqual([1, { choice: 'first' }])
  heard({ key: 'beralih.progress', newValue: null })
  expect([learner.resets, learner.given('loading')]).toEqual([2, null])
})
