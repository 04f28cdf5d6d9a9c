// What the learner has answered and planned: one schema, read with care, since an older page or another hand may have written it.
import {
  challengeSteps,
  planArtifacts,
  planChoices,
  planFields,
  quizzes,
  type ChallengeStep,
  type OptionId,
  type PlanArtifact,
  type PlanField,
  type QuizId,
} from './quizzes'

export interface Attempt {
  /** Null: the question is open again. */
  choice: OptionId | null
  /** How many answers were committed so far. */
  tries: number
}

export interface Plan {
  notes: Record<ChallengeStep, string>
  choices: Partial<Record<PlanField, string>>
  artifacts: readonly PlanArtifact[]
  revealed: readonly ChallengeStep[]
}

export interface Progress {
  version: 1
  answers: Partial<Record<QuizId, Attempt>>
  plan: Plan
}

export const longestNote = 2000

export const noProgress: Progress = {
  version: 1,
  answers: {},
  plan: { notes: { structure: '', artifact: '' }, choices: {}, artifacts: [], revealed: [] },
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const known = <Name extends string>(names: readonly Name[], value: unknown): value is Name => (names as readonly unknown[]).includes(value)
const list = <Name extends string>(names: readonly Name[], value: unknown) => names.filter((name) => Array.isArray(value) && value.includes(name))

function readAnswers(value: unknown): Progress['answers'] {
  const answers: Progress['answers'] = {}
  for (const { id, options } of quizzes) {
    const given = isObject(value) ? value[id] : null
    if (!isObject(given)) continue
    // An option that the page no longer has: the question is open again.
    const choice = known<OptionId>(options, given.choice) ? given.choice : null
    const tries = Number.isSafeInteger(given.tries) && Number(given.tries) > 0 ? Number(given.tries) : 1
    answers[id] = { choice, tries }
  }
  return answers
}

function readPlan(value: unknown): Plan {
  if (!isObject(value)) return noProgress.plan
  const choices: Plan['choices'] = {}
  for (const field of planFields) {
    const chosen = isObject(value.choices) ? value.choices[field] : null
    if (known<string>(planChoices[field], chosen)) choices[field] = chosen
  }
  const notes = { ...noProgress.plan.notes }
  for (const step of challengeSteps) {
    const note = isObject(value.notes) ? value.notes[step] : null
    if (typeof note === 'string') notes[step] = note.slice(0, longestNote)
  }
  return { notes, choices, artifacts: list(planArtifacts, value.artifacts), revealed: list(challengeSteps, value.revealed) }
}

/** What can be understood of a stored text; the rest is as if it had not been there. */
export function parseProgress(text: string | null): Progress {
  if (text === null) return noProgress
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value) || value.version !== 1) return noProgress
    return { version: 1, answers: readAnswers(value.answers), plan: readPlan(value.plan) }
  } catch {
    return noProgress
  }
}

export const rightAnswers = ({ answers }: Progress) => quizzes.filter(({ id, right }) => answers[id]?.choice === right).length
export const hasProgress = ({ answers, plan }: Progress) =>
  Object.keys(answers).length > 0 ||
  Object.keys(plan.choices).length > 0 ||
  plan.artifacts.length > 0 ||
  plan.revealed.length > 0 ||
  challengeSteps.some((step) => plan.notes[step].trim() !== '')
