// What is asked and what is right, in every language alike; the words are in content/.

export const quizzes = [
  { id: 'notebook', options: ['python', 'stateful', 'gpu'], right: 'stateful', experiment: 'stateful-notebook' },
  { id: 'conversion', options: ['speed', 'theft', 'preprocessing'], right: 'speed', experiment: 'python-or-cpp' },
  { id: 'loading', options: ['start', 'every', 'first'], right: 'start', experiment: 'when-to-load' },
] as const

export type Quiz = (typeof quizzes)[number]
export type QuizId = Quiz['id']
export type OptionOf<Id extends QuizId> = Extract<Quiz, { id: Id }>['options'][number]
export type OptionId = OptionOf<QuizId>

/** The choices of a plan for the challenge; the artifacts that have to be shipped beside the weights are the first two. */
export const planChoices = {
  modules: ['script', 'modules', 'processes'],
  loading: ['start', 'request', 'first'],
  batching: ['1', '4', '8'],
  replicas: ['1', '2', '3'],
} as const
export type PlanField = keyof typeof planChoices
export const planFields = Object.keys(planChoices) as PlanField[]

export const planArtifacts = ['preprocessing', 'architecture', 'labels', 'training', 'notebook'] as const
export type PlanArtifact = (typeof planArtifacts)[number]
export const necessaryArtifacts: readonly PlanArtifact[] = ['preprocessing', 'architecture']

export const challengeSteps = ['structure', 'artifact'] as const
export type ChallengeStep = (typeof challengeSteps)[number]

/** The task's own numbers. */
export const task = { requestsPerSecond: 50, budgetMs: 50, modelGB: 1 }
