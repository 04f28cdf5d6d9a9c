// Which server a page talks to: its own, or the one that ?server=URL names.

export type ServerAddress =
  | { kind: 'own'; base: URL; origin: string }
  | { kind: 'other'; base: URL; origin: string; mixedContent: boolean }
  | { kind: 'invalid'; given: string }

// Browsers treat these as trustworthy, so an https page may call them over http.
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

function parseAddress(given: string): URL | null {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `http://${given}`
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.username || url.password) return null
  url.search = ''
  url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

export function serverAddress(page: URL, root: URL): ServerAddress {
  const given = page.searchParams.get('server')?.trim()
  if (!given) return { kind: 'own', base: root, origin: root.origin }
  const base = parseAddress(given)
  if (!base) return { kind: 'invalid', given: given.slice(0, 80) }
  if (base.origin === page.origin) return { kind: 'own', base, origin: base.origin }
  const mixedContent = page.protocol === 'https:' && base.protocol === 'http:' && !loopback.test(base.hostname)
  return { kind: 'other', base, origin: base.origin, mixedContent }
}
