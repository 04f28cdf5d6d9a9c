// The development server has no prerendered text: the page is mounted as a whole, and again in another language.
import { mount } from 'svelte'
import type { Content } from '../content/schema'
import { loadProse } from '../content/prose'
import Page from './components/Page.svelte'
import type { Prose } from './lib/lesson/lesson.svelte'

export async function mountPage(target: Element, content: Content): Promise<Prose> {
  mount(Page, { target, props: { content, prose: await loadProse(content.language), islands: {} } })
  return {
    fetch: () => Promise.resolve(),
    // Text that is not prerendered keeps its language here.
    speak: () => Promise.resolve(),
  }
}
