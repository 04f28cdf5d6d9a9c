// Apart from index.ts, so that no script of the page carries it: build time and the development server only.
import type { Prose } from './schema'

const texts = import.meta.glob<Prose>('./*/lesson.ts', { import: 'lesson' })

export function loadProse(language: string): Promise<Prose> {
  const load = texts[`./${language}/lesson.ts`]
  if (!load) throw new Error(`there is no prose in "${language}"`)
  return load()
}
