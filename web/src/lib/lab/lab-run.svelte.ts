// One press of an experiment's button: prepares, works, ends; every experiment shows the same states.
import type { Content } from '../../../content/schema'
import type { LabContent } from '../../../content/experiments-schema'
import { RunError, type PageFailure } from '../lesson/failures'
import type { Lesson } from '../lesson/lesson.svelte'
import { factsFor } from '../lesson/messages'
import { prepare, type Download, type Prepared } from './prepare'
import { LabRefusal } from './server-lab'

export interface LabProps {
  lesson: Lesson
  text: LabContent
  /** A server in lab mode answers, though it does not offer this experiment. */
  labServer?: boolean
}

export class LabRun {
  running = $state(false)
  download = $state.raw<Download | null>(null)
  failure = $state.raw<PageFailure | null>(null)
  /** Why the server in lab mode did not do it. */
  refusal = $state.raw<LabRefusal | null>(null)
  private stopper: AbortController | null = null

  constructor(private readonly lesson: Lesson) {}

  /** True: the work was done to its end. */
  start(work: (prepared: Prepared, stop: AbortSignal) => Promise<void>): Promise<boolean> {
    return this.attempt(async (stop) => work(await prepare(this.lesson, { stop, onDownload: (download) => (this.download = download) }), stop))
  }

  /** Where the server does it: nothing is needed in the page. True: it was done to its end. */
  async attempt(work: (stop: AbortSignal) => Promise<void>): Promise<boolean> {
    if (this.running || this.lesson.running) return false
    const stopper = new AbortController()
    const stop = stopper.signal
    this.stopper = stopper
    this.running = true
    this.failure = null
    this.refusal = null
    try {
      await work(stop)
      stop.throwIfAborted()
      return true
    } catch (error) {
      if (error instanceof LabRefusal && !stop.aborted) this.refusal = error
      const { code, facts } = error instanceof RunError ? error : new RunError('unexpected', { detail: String(error) })
      this.failure = stop.aborted ? { code: 'stopped', facts: {} } : { code, facts }
      return false
    } finally {
      this.running = false
      this.download = null
    }
  }

  stop() {
    this.stopper?.abort()
  }

  /** What to say of it now, where there is something to say. */
  status(content: Content, text: LabContent): { text: string; over: boolean } | null {
    const { format } = this.lesson
    if (this.running && this.download) {
      const { path, received, bytes } = this.download
      return { text: text.common.downloading(path, format.megabytes(received), format.megabytes(bytes)), over: false }
    }
    if (this.running || !this.failure) return null
    if (this.failure.code === 'stopped') return { text: text.common.stopped, over: false }
    const { title, text: words } = content.pageFailures[this.failure.code]
    return { text: `${title} ${words(factsFor(this.failure.facts, format))}`, over: true }
  }
}
