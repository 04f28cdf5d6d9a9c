// When a model is loaded, done for real with the page's own session: made when the policy says so, and timed.
import type { PolicyName } from '../../../content/experiments-schema'
import type { Prepared } from './prepare'

export const policies: readonly PolicyName[] = ['at-start', 'per-request', 'first-request']
export const requestsEach = 6

export interface PolicyResult {
  /** Each request, from its arrival to its answer. */
  ms: number[]
  /** The load at the start; 0 where there was none. */
  loadMs: number
}

export async function measurePolicy(prepared: Prepared, policy: PolicyName, stop: AbortSignal, told: (done: number) => void): Promise<PolicyResult> {
  const { pipeline, input, classes, reload } = prepared
  const timed = async (work: () => Promise<unknown>) => {
    stop.throwIfAborted()
    const before = performance.now()
    await work()
    return performance.now() - before
  }
  const serve = () => pipeline.call('serve', [input.bytes, classes])
  const ms: number[] = []
  await pipeline.call('dropSession', [])
  try {
    const loadMs = policy === 'at-start' ? await timed(reload) : 0
    for (let request = 0; request < requestsEach; request++) {
      told(request + 1)
      if (policy === 'per-request' && request > 0) await pipeline.call('dropSession', [])
      const loads = policy === 'per-request' || (policy === 'first-request' && request === 0)
      ms.push(await timed(async () => (loads ? (await reload(), await serve()) : serve())))
    }
    return { ms, loadMs }
  } finally {
    if (pipeline.alive) await reload() // the flow finds its session again
  }
}
