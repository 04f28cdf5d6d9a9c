// The page's side of the worker: each call is a promise; stopping ends the worker and whatever it was doing.
import { RunError } from '../lesson/failures'
import type { Arguments, CallName, Reply, Request, ResultOf } from './protocol'

interface Pending {
  resolve: (value: never) => void
  reject: (error: Error) => void
  progress?: ((received: number) => void) | undefined
  waiting?: (() => void) | undefined
}

export class Pipeline {
  private readonly pending = new Map<number, Pending>()
  private readonly worker: Worker
  private lastId = 0
  private ended = false

  constructor() {
    this.worker = new Worker(new URL('./pipeline.worker.ts', import.meta.url), { type: 'module', name: 'beralih' })
    this.worker.onmessage = ({ data }: MessageEvent<Reply>) => this.settle(data)
    // Without a message the script itself did not arrive; with one it threw.
    this.worker.onerror = (event) =>
      this.end(new RunError(event.message ? 'unexpected' : 'page_incomplete', { detail: event.message }))
  }

  get alive() {
    return !this.ended
  }

  call<Name extends CallName>(
    name: Name,
    values: Arguments<Name>,
    options: { progress?: (received: number) => void; waiting?: () => void; transfer?: Transferable[] } = {},
  ): Promise<ResultOf<Name>> {
    if (this.ended) return Promise.reject(new RunError('stopped'))
    const request: Request = { id: ++this.lastId, name, arguments: values }
    return new Promise<ResultOf<Name>>((resolve, reject) => {
      this.pending.set(request.id, { resolve: resolve as (value: never) => void, reject, progress: options.progress, waiting: options.waiting })
      this.worker.postMessage(request, options.transfer ?? [])
    })
  }

  end(reason: Error = new RunError('stopped')) {
    this.ended = true
    this.worker.terminate()
    for (const { reject } of this.pending.values()) reject(reason)
    this.pending.clear()
  }

  private settle(reply: Reply) {
    const call = this.pending.get(reply.id)
    if (!call) return
    if (reply.kind === 'progress') {
      call.progress?.(reply.received)
      return
    }
    if (reply.kind === 'waiting') {
      call.waiting?.()
      return
    }
    this.pending.delete(reply.id)
    if (reply.kind === 'result') call.resolve(reply.result as never)
    else call.reject(new RunError(reply.code, reply.facts))
  }
}
