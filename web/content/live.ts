import type { LiveContent } from './live-schema'

const contents = import.meta.glob<LiveContent>('./*/live.ts', { import: 'live' })

export function loadLiveContent(language: string): Promise<LiveContent> {
  const load = contents[`./${language}/live.ts`]
  if (!load) throw new Error(`there are no live experiments in "${language}"`)
  return load()
}
