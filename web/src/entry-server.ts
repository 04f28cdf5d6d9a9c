// Build time only: every language as HTML that can be read before any script runs.
import { render } from 'svelte/server'
import { languages, loadContent, pathOf } from '../content'
import App from './App.svelte'

export interface PrerenderedPage {
  language: string
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
      const { head, body } = render(App, { props: { content, root: name.isDefault ? './' : '../' } })
      const { title, description } = content.page
      const { language, isDefault } = name
      return { language, isDefault, languages: languages.map((l) => l.language).join(' '), path: pathOf(name), title, description, head, body }
    }),
  )
}
