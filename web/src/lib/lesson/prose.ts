// Changing the language of prerendered text: every element with data-t takes what the same element of the other page holds.
import type { Prose } from './lesson.svelte'

export function prerenderedProse(): Prose {
  const pages = new Map<string, Promise<Document>>()

  async function load(address: URL): Promise<Document> {
    const response = await fetch(address)
    if (!response.ok) throw new Error(`${response.status} for ${address.pathname}`)
    return new DOMParser().parseFromString(await response.text(), 'text/html')
  }

  function page(address: URL): Promise<Document> {
    const { pathname } = address
    const known = pages.get(pathname)
    if (known) return known
    const loading = load(address)
    pages.set(pathname, loading)
    loading.catch(() => pages.delete(pathname)) // another try may find it
    return loading
  }

  return {
    fetch: page,
    async speak(address, language) {
      const other = await page(address)
      if (other.documentElement.lang !== language) throw new Error(`${address.pathname} is not in "${language}"`)
      const texts = new Map([...other.querySelectorAll<HTMLElement>('[data-t]')].map((element) => [element.dataset.t, element]))
      for (const element of document.querySelectorAll<HTMLElement>('[data-t]')) {
        const text = texts.get(element.dataset.t)
        if (!text) throw new Error(`${address.pathname} has no text "${element.dataset.t}"`)
        element.replaceChildren(...[...text.childNodes].map((node) => document.importNode(node, true)))
        const label = text.getAttribute('aria-label')
        if (label !== null) element.setAttribute('aria-label', label)
      }
    },
  }
}
