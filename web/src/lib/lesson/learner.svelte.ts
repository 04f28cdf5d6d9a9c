// The learner's progress as the page's state: kept in this browser where it may be, followed in a second tab.
import { noProgress, parseProgress, type Plan, type Progress } from './progress'
import { publish } from '../reach/activity'
import { quizzes, type OptionId, type QuizId } from './quizzes'

const key = 'beralih.progress'

export class Learner {
  progress = $state.raw<Progress>(noProgress)
  /** Why the progress holds for this visit only; null: it is kept. */
  notKept = $state<'blocked' | 'full' | null>(null)
  /** How often all of it was deleted, here or in another tab: what was chosen and not committed goes too. */
  resets = $state(0)

  /** Called once the page is live: the prerendered text knows nobody's answers. */
  restore() {
    try {
      this.progress = parseProgress(localStorage.getItem(key))
    } catch {
      this.notKept = 'blocked'
    }
    window.addEventListener('storage', (event) => {
      if (event.key !== key && event.key !== null) return
      this.progress = parseProgress(event.newValue)
      if (event.newValue === null) this.resets++
    })
  }

  /** The committed answer, if the question is not open. */
  given(id: QuizId): { choice: OptionId } | null {
    const choice = this.progress.answers[id]?.choice
    return choice ? { choice } : null
  }

  answer(id: QuizId, choice: OptionId) {
    const tries = this.progress.answers[id]?.tries ?? 0
    this.keep({ ...this.progress, answers: { ...this.progress.answers, [id]: { choice, tries: tries + 1 } } })
    publish({ kind: 'answered', question: id, choice, right: quizzes.some((quiz) => quiz.id === id && quiz.right === choice) })
    if (quizzes.every((quiz) => this.progress.answers[quiz.id]?.choice === quiz.right)) publish({ kind: 'completed' })
  }

  /** Opens the question again; how often it was answered stays. */
  reopen(id: QuizId) {
    const tries = this.progress.answers[id]?.tries ?? 0
    this.keep({ ...this.progress, answers: { ...this.progress.answers, [id]: { choice: null, tries } } })
  }

  plan(change: Partial<Plan>) {
    this.keep({ ...this.progress, plan: { ...this.progress.plan, ...change } })
  }

  reset() {
    this.progress = noProgress
    this.resets++
    try {
      localStorage.removeItem(key)
      this.notKept = null
    } catch {
      this.notKept = 'blocked'
    }
  }

  private keep(progress: Progress) {
    this.progress = progress
    try {
      localStorage.setItem(key, JSON.stringify(progress))
      this.notKept = null
    } catch (error) {
      // What full storage throws; a browser that allows none throws a SecurityError.
      this.notKept = error instanceof DOMException && error.name === 'QuotaExceededError' ? 'full' : 'blocked'
    }
  }
}
