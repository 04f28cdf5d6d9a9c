// A language is a folder here; nothing else names one.
import type { Content, LanguageName } from './schema'

const contents = import.meta.glob<Content>('./*/index.ts', { import: 'default' })
const names = import.meta.glob<LanguageName>('./*/name.ts', { import: 'name', eager: true })

/** The default language first. */
export const languages: readonly LanguageName[] = Object.values(names).sort(
  (a, b) => Number(b.isDefault) - Number(a.isDefault) || a.language.localeCompare(b.language),
)

export function loadContent(language: string): Promise<Content> {
  const load = contents[`./${language}/index.ts`]
  if (!load) throw new Error(`there is no content in "${language}"`)
  return load()
}

/** Where a language lives, from the page's root. */
export const pathOf = (name: LanguageName) => (name.isDefault ? './' : `./${name.language}/`)
