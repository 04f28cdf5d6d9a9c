// Build time only: every language as HTML that can be read before any script runs.
import { render } from 'svelte/server'
import { languages, loadContent, pathOf } from '../content'
import { loadProse } from '../content/prose'
import Page from './components/Page.svelte'
import { islands } from './islands'
import { Lesson } from './lib/lesson/lesson.svelte'

export interface PrerenderedPage {
  language: string
  direction: 'ltr' | 'rtl'
  isDefault: boolean
  languages: string
  path: string
  title: string
  description: string
  head: string
  body: string
}

export async function renderPages(): Promise<PrerenderedPage[]> {
  return Promise.all(
    languages.map(async (name) => {
      const content = await loadContent(name.language)
      const prose = await loadProse(name.language)
      const lesson = new Lesson(content, name.isDefault ? './' : '../')
      const parts = islands.map(({ name, component, props }) => [name, render(component, { props: { ...props, lesson } }).body])
      const { head, body } = render(Page, { props: { content, prose, islands: Object.fromEntries(parts) } })
      const { title, description } = content.page
      const { language, isDefault, rightToLeft } = name
      const all = languages.map((l) => l.language).join(' ')
      return { language, direction: rightToLeft ? 'rtl' : 'ltr', isDefault, languages: all, path: pathOf(name), title, description, head, body }
    }),
  )
}
