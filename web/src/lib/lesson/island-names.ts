// The parts of the page that live, by name.

/** Where an experiment, or another run of the laboratory, stands in the page. */
export const experimentPlaces = [
  'python-or-cpp',
  'failure',
  'skewed-preprocessing',
  'stateful-notebook',
  'when-to-load',
  'challenge-run',
  'receipt',
] as const
export type ExperimentPlace = (typeof experimentPlaces)[number]

type Fixed = 'input' | 'run' | 'terminal' | 'inspector' | 'evidence-latency' | 'evidence-availability' | 'evidence-reproducibility' | 'tasks' | 'quizzes' | 'challenge' | 'plan' | 'upload' | 'tools'
export type IslandName = Fixed | `experiment-${ExperimentPlace}`
