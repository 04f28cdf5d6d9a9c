// After the page is live: it is kept for visits without a network, and tells the page that embeds it what happens.
import type { Lesson } from '../lesson/lesson.svelte'
import { onActivity, publish } from './activity'
import { tellEmbedder } from './embed'
import { keepPage, keepProgram, keepSamples, type Reach } from './offline'

export async function reach(lesson: Lesson) {
  if (lesson.root) tellEmbedder(lesson.root)
  publish({ kind: 'opened' })
  if (!lesson.root || import.meta.env.DEV) return
  const kept = await keepPage(lesson.root)
  show(lesson, kept)
  if (kept !== 'kept') return
  const { root } = lesson
  void keepSamples(lesson.samples.map((path) => new URL(`bundle/${path}`, root).href))
  onActivity(({ kind }) => {
    if (kind === 'ran' || kind === 'experimented') void keepProgram()
  })
  if (lesson.run.phase !== 'idle') void keepProgram() // a run was quicker
}

/** One more line at the very end of the page: nothing above it moves. */
function show(lesson: Lesson, kept: Reach) {
  const line = document.createElement('p')
  line.dataset.reach = kept
  document.querySelector('.foot')?.append(line)
  $effect.root(() => {
    $effect(() => {
      line.textContent = lesson.content.experiments.reach[kept]
    })
  })
}
