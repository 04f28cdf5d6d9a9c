// The experiments' words, fetched when the first one is opened.
import type { LabContent } from './experiments-schema'

const contents = import.meta.glob<LabContent>('./*/experiments.ts', { import: 'lab' })

export function loadLabContent(language: string): Promise<LabContent> {
  const load = contents[`./${language}/experiments.ts`]
  if (!load) throw new Error(`there are no experiments in "${language}"`)
  return load()
}
