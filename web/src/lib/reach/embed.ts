// In another page's frame: its height and what the learner did are told to that page and to no other. The frame's
// address names it (?embed=https://lms.example); the browser delivers only to that origin.
import { onActivity } from './activity'
import { statementOf } from './xapi'

export function embeddingOrigin(address: URL): string | null {
  const given = address.searchParams.get('embed')
  if (!given || !URL.canParse(given)) return null
  const { origin, protocol } = new URL(given)
  return protocol === 'https:' || protocol === 'http:' ? origin : null
}

/** `root`: of the page in every language; what was done has one name, whatever it was read in. */
export function tellEmbedder(root: URL, frame: Window = window): (() => void) | null {
  const origin = embeddingOrigin(new URL(frame.location.href))
  if (frame.parent === frame || origin === null) return null
  const post = (message: object) => frame.parent.postMessage({ source: 'beralih', ...message }, origin)
  const height = () => post({ type: 'height', height: Math.ceil(frame.document.documentElement.getBoundingClientRect().height) })
  const observer = new ResizeObserver(height)
  observer.observe(frame.document.documentElement)
  const forget = onActivity((activity) => post({ type: 'statement', statement: statementOf(activity, root.href, new Date()) }))
  const answer = (event: MessageEvent<unknown>) => {
    if (event.origin !== origin || event.source !== frame.parent) return
    if ((event.data as { type?: unknown } | null)?.type === 'height?') height()
  }
  frame.addEventListener('message', answer)
  return () => {
    observer.disconnect()
    forget()
    frame.removeEventListener('message', answer)
  }
}
