import type { Content } from '../schema'
import { challenge } from './challenge'
import { experiments } from './experiment-slots'
import { failures } from './failures'
import { name } from './name'
import { quizzes } from './quizzes'
import { workbench } from './workbench'

const content: Content = {
  ...name,
  page: {
    title: 'Moving to Production: The Deployment Mindset · EvoClass-AI002',
    description:
      'An interactive lesson: from a Jupyter notebook to a model service. One C++ core preprocesses your image in this page and on the server; compare the predictions, the tensor hashes and the latency.',
    skip: 'Skip to the text',
    clock: 'Run time',
    languages: 'Language',
    theme: 'Appearance',
    light: 'Light',
    dark: 'Dark',
  },
  quizzes,
  challenge,
  ...workbench,
  experiments,
  ...failures,
}
export default content
