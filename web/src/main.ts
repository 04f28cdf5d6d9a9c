import './styles/index.css'
import { hydrate, mount } from 'svelte'
import { loadContent } from '../content'
import { islands } from './islands'
import { enliven } from './lib/lesson/code-panel.svelte'
import { Lesson, whenIdle } from './lib/lesson/lesson.svelte'
import { unfoldOnPaper } from './lib/lesson/paper'
import { prerenderedProse } from './lib/lesson/prose'

const page = document.documentElement
const content = await loadContent(page.lang)
const lesson = new Lesson(content, page.dataset.root ?? './')

const app = document.querySelector('#app')
if (!app) throw new Error('index.html has no #app')
const prerendered = app.firstElementChild !== null
if (import.meta.env.DEV && !prerendered) {
  const { mountPage } = await import('./development')
  lesson.prose = await mountPage(app, content)
} else {
  lesson.prose = prerenderedProse()
}

/** A long task would hold up a scroll or a press: each part comes to life in a task of its own. */
const breath = () => new Promise<void>((resolve) => setTimeout(resolve))

const panel = document.querySelector<HTMLElement>('#code')
if (panel) enliven(panel, lesson)
for (const { name, component, props } of islands) {
  const target = document.querySelector(`[data-island="${name}"]`)
  if (!target) continue
  await breath()
  const live = prerendered ? hydrate : mount
  live(component, { target, props: { ...props, lesson } })
  target.setAttribute('data-live', '')
}
lesson.learner.restore()
// What was pressed before anything listened (start.js) is not lost.
for (const button of document.querySelectorAll<HTMLElement>('button[data-pressed]')) {
  delete button.dataset.pressed
  button.click()
}

// A column that is shorter than the other stays in view; how far it may scroll away depends on its height.
const heights = new ResizeObserver((entries) => {
  for (const { target, borderBoxSize } of entries) (target as HTMLElement).style.setProperty('--own-h', `${borderBoxSize[0]?.blockSize ?? 0}px`)
})
document.querySelectorAll('.bench, .quizzes, .chal > .read').forEach((column) => heights.observe(column))

addEventListener('popstate', () => void lesson.speakAddress())
unfoldOnPaper()
whenIdle(() => void import('./lib/reach/reach.svelte').then(({ reach }) => reach(lesson)))
