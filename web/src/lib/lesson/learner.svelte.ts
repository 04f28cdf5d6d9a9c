// The learner's progress as the page's state: kept in this browser where it may be, followed in a second tab.
import { noProgress, parseProgress, type Plan, type Progress } from './progress'
import { publish } from '../reach/activity'
import { quizzes, type OptionId, type QuizId } from './quizzes'

const key = 'beralih.progress'

export class Learner {
  progress = $state.raw<Progress>(noProgress)
  /** Storage is blocked or full: the progress holds for this visit. */
  kept = $state(true)

  /** Called once the page is live: the prerendered text knows nobody's answers. */
  restore() {
    try {
      this.progress = parseProgress(localStorage.getItem(key))
    } catch {
      this.kept = false
    }
    window.addEventListener('storage', (event) => {
      if (event.key === key || event.key === null) this.progress = parseProgress(event.newValue)
    })
  }

  answer(id: QuizId, choice: OptionId) {
    const tries = this.progress.answers[id]?.tries ?? 0
    this.keep({ ...this.progress, answers: { ...this.progress.answers, [id]: { choice, tries: tries + 1 } } })
    publish({ kind: 'answered', question: id, choice, right: quizzes.some((quiz) => quiz.id === id && quiz.right === choice) })
    if (quizzes.every((quiz) => this.progress.answers[quiz.id]?.choice === quiz.right)) publish({ kind: 'completed' })
  }

  forget(id: QuizId) {
    const { [id]: _, ...answers } = this.progress.answers
    this.keep({ ...this.progress, answers })
  }

  plan(change: Partial<Plan>) {
    this.keep({ ...this.progress, plan: { ...this.progress.plan, ...change } })
  }

  reset() {
    this.progress = noProgress
    try {
      localStorage.removeItem(key)
    } catch {
      this.kept = false
    }
  }

  private keep(progress: Progress) {
    this.progress = progress
    try {
      localStorage.setItem(key, JSON.stringify(progress))
      this.kept = true
    } catch {
      this.kept = false
    }
  }
}
