import { describe, expect, test } from 'vitest'
import { hasProgress, longestNote, noProgress, parseProgress, rightAnswers } from '../../src/lib/lesson/progress'

const written = {
  version: 1,
  answers: { notebook: { choice: 'stateful', tries: 2 }, loading: { choice: 'first', tries: 1 } },
  plan: { notes: { structure: 'modules', artifact: '' }, choices: { loading: 'start', replicas: '2' }, artifacts: ['labels'], revealed: ['structure'] },
}

describe('the learner’s progress', () => {
  test('is read as it was written', () => {
    const progress = parseProgress(JSON.stringify(written))
    expect(progress).toEqual(written)
    expect(rightAnswers(progress)).toBe(1)
    expect(hasProgress(progress)).toBe(true)
  })

  test.each([null, '', '{', '1', 'null', '[]', '{"version":2}', '{"version":1}', '{"version":1,"answers":7,"plan":[]}'])('%s is no progress', (text) => {
    expect(parseProgress(text)).toEqual(noProgress)
    expect(hasProgress(parseProgress(text))).toBe(false)
  })

  test('counts the tries of a question that is open again', () => {
    const open = { ...written, answers: { notebook: { choice: null, tries: 3 } } }
    expect(parseProgress(JSON.stringify(open)).answers).toEqual(open.answers)
    expect(rightAnswers(parseProgress(JSON.stringify(open)))).toBe(0)
  })

  test('keeps what the page still has when questions, options and choices have gone', () => {
    const older = {
      ...written,
      answers: { ...written.answers, gone: { choice: 'x' }, conversion: { choice: 'gone', tries: 1 }, notebook: { choice: 'gpu', tries: -3 } },
      plan: { ...written.plan, choices: { loading: 'never', replicas: '3', gone: 'x' }, artifacts: ['gone', 'labels', 'labels'], notes: { structure: 'x'.repeat(9999), artifact: 7 } },
    }
    const { answers, plan } = parseProgress(JSON.stringify(older))
    expect(answers).toEqual({ notebook: { choice: 'gpu', tries: 1 }, conversion: { choice: null, tries: 1 }, loading: { choice: 'first', tries: 1 } })
    expect(plan.choices).toEqual({ replicas: '3' })
    expect(plan.artifacts).toEqual(['labels'])
    expect(plan.notes).toEqual({ structure: 'x'.repeat(longestNote), artifact: '' })
  })
})
