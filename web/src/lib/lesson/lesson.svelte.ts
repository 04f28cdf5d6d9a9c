// The page's one piece of changing state: the language, the chosen image, and the run.
import { languages, loadContent, pathOf } from '../../../content'
import type { Content, LanguageName } from '../../../content/schema'
import { serverAddress } from '../api/address'
import { publish } from '../reach/activity'
import { defaultSamples } from './default-bundle'
import type { Input } from './flow'
import { formatFor } from './format'
import { Learner } from './learner.svelte'
import { advance, idleRun, startedRun, type Run } from './run'

interface Question {
  origin: string
  answer: (accepted: boolean) => void
}

/** The text that no script carries: it changes its language by the prerendered page of the other one. */
export interface Prose {
  fetch: (address: URL) => Promise<unknown>
  speak: (address: URL, language: string) => Promise<void>
}

export class Lesson {
  content = $state.raw() as Content
  run = $state.raw<Run>(idleRun)
  input = $state.raw<Input>({ kind: 'sample', path: 'golden/dog2.jpg' })
  /** The input of the last run: the learner may have chosen another since. */
  ran = $state.raw<Input | null>(null)
  question = $state.raw<Question | null>(null)
  now = $state(0)
  /** The page's root as an address; null while prerendering. */
  readonly root: URL | null
  readonly learner = new Learner()
  /** Set once the page is live. */
  prose: Prose | null = null
  readonly format = $derived(formatFor(this.content.language))
  readonly running = $derived(this.run.phase === 'running')
  readonly samples = $derived(
    this.run.contract?.contract.files.filter(({ role }) => role === 'golden_image').map(({ path }) => path) ?? defaultSamples,
  )
  private stopper: AbortController | null = null
  private readonly accepted = new Set<string>()

  constructor(
    content: Content,
    private readonly relativeRoot: string,
  ) {
    this.content = content
    this.root = typeof location === 'undefined' ? null : new URL(relativeRoot, location.href)
  }

  async start() {
    if (!this.root || this.running) return
    const stopper = new AbortController()
    this.stopper = stopper
    this.run = startedRun
    this.ran = this.input
    const pressed = performance.now()
    this.now = 0
    const ticking = setInterval(() => (this.now = performance.now() - pressed), 250)
    try {
      const { runFlow } = await import('./flow')
      await runFlow({
        input: this.input,
        address: serverAddress(new URL(location.href), this.root),
        root: this.root,
        stop: stopper.signal,
        confirmUpload: (origin) => this.ask(origin, stopper.signal),
        emit: (event) => {
          if (this.stopper === stopper) this.run = advance(this.run, event) // a late event is of a run that another has followed
        },
      })
    } catch (error) {
      const at = performance.now() - pressed
      this.run = advance(this.run, { at, kind: 'failed', failure: { code: 'page_incomplete', facts: { detail: String(error) } } })
      this.run = advance(this.run, { at, kind: 'ended' })
    } finally {
      clearInterval(ticking)
      this.now = this.run.elapsed
      const { failure, serverFailure, pageFailure, phase, elapsed } = this.run
      publish({ kind: 'ran', outcome: failure?.code ?? serverFailure?.code ?? pageFailure?.code ?? phase, ms: elapsed })
    }
  }

  stop() {
    this.stopper?.abort()
  }

  /** Asked once a visit for each origin that was accepted; a refusal may be reconsidered. */
  ask(origin: string, signal: AbortSignal): Promise<boolean> {
    if (this.accepted.has(origin)) return Promise.resolve(true)
    return new Promise((resolve) => {
      const answer = (accepted: boolean) => {
        if (accepted) this.accepted.add(origin)
        this.question = null
        resolve(accepted)
      }
      signal.addEventListener('abort', () => answer(false), { once: true })
      this.question = { origin, answer }
    })
  }

  /** Relative while prerendering, so that the page works in any folder; absolute once the address may change. */
  linkTo(path: string): string {
    return this.root ? new URL(path, this.root).href : this.relativeRoot + path.replace(/^\.\//, '')
  }

  /** The address of a language, keeping ?server= and the like. */
  addressOf(name: LanguageName): URL | null {
    if (!this.root) return null
    const url = new URL(pathOf(name), this.root)
    url.search = location.search
    return url
  }

  async speak(language: string, address: URL, move: 'push' | 'stay') {
    try {
      const [content] = await Promise.all([loadContent(language), this.prose?.fetch(address)])
      await this.prose?.speak(address, language)
      this.content = content
    } catch {
      location.assign(address) // the words did not arrive here: the page in that language may have them
      return
    }
    const page = document.documentElement
    page.lang = language
    page.dir = this.content.rightToLeft ? 'rtl' : 'ltr'
    document.title = this.content.page.title
    document.querySelector('meta[name=description]')?.setAttribute('content', this.content.page.description)
    if (move === 'push') history.pushState({ language }, '', address)
    remember('language', language)
  }

  /** Back and forward change the address; the language follows it. */
  async speakAddress() {
    const name = languages.find((candidate) => this.addressOf(candidate)?.pathname === location.pathname)
    const address = name && this.addressOf(name)
    if (address && name.language !== this.content.language) await this.speak(name.language, address, 'stay')
  }
}

/** Calls back once the page has nothing better to do. */
export function whenIdle(work: () => void) {
  if ('requestIdleCallback' in window) requestIdleCallback(work, { timeout: 3000 })
  else setTimeout(work, 300)
}

/** Storage may be blocked; then a choice holds for this visit. */
export function remember(name: 'language' | 'theme', value: string) {
  try {
    localStorage.setItem(`beralih.${name}`, value)
  } catch {
    return
  }
}
