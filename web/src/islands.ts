// Each living part of the page with what makes it live, in the order in which they come to life.
import type { Component } from 'svelte'
import Challenge from './components/Challenge.svelte'
import Evidence from './components/Evidence.svelte'
import Experiment from './components/Experiment.svelte'
import InputPicker from './components/InputPicker.svelte'
import Inspector from './components/Inspector.svelte'
import Plan from './components/Plan.svelte'
import Quizzes from './components/Quizzes.svelte'
import RunBar from './components/RunBar.svelte'
import Tasks from './components/Tasks.svelte'
import Terminal from './components/Terminal.svelte'
import Tools from './components/Tools.svelte'
import UploadDialog from './components/UploadDialog.svelte'
import type { IslandName } from './lib/lesson/island-names'
import type { Lesson } from './lib/lesson/lesson.svelte'

export interface Island {
  name: IslandName
  component: Component<{ lesson: Lesson } & Record<string, unknown>>
  props: Record<string, unknown>
}

// Each component's own props are checked here; the list forgets them.
function island<Props extends { lesson: Lesson }>(name: IslandName, component: Component<Props>, props: Omit<Props, 'lesson'>): Island {
  return { name, component: component as unknown as Island['component'], props }
}

const experiment = (id: 'python-or-cpp' | 'failure' | 'skewed-preprocessing' | 'challenge-run' | 'receipt') => island(`experiment-${id}`, Experiment, { id })

export const islands: readonly Island[] = [
  island('run', RunBar, {}),
  island('input', InputPicker, {}),
  island('upload', UploadDialog, {}),
  island('terminal', Terminal, {}),
  island('evidence-latency', Evidence, { of: 'latency' }),
  island('evidence-availability', Evidence, { of: 'availability' }),
  island('evidence-reproducibility', Evidence, { of: 'reproducibility' }),
  island('tasks', Tasks, {}),
  island('inspector', Inspector, {}),
  island('quizzes', Quizzes, {}),
  island('challenge', Challenge, {}),
  island('plan', Plan, {}),
  experiment('python-or-cpp'),
  experiment('failure'),
  experiment('skewed-preprocessing'),
  experiment('challenge-run'),
  experiment('receipt'),
  island('tools', Tools, {}), // last: the page is live when its tools are
]
