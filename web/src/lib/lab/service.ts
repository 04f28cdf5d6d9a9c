// The same bytes, asked several times: of the server where there is one, else of the page's worker.
import { classify } from '../api/server'
import type { ServerFailure } from '../lesson/failures'
import type { ServiceAnswer } from '../worker/lab-protocol'
import type { Prepared } from './prepare'

export interface ServiceRound {
  who: 'server' | 'page'
  given: ServiceAnswer[]
  /** Why the page answered instead of the server. */
  failure: ServerFailure | null
}

export async function askService({ server, serverFailure, input, contract, pipeline, classes }: Prepared, times: number, stop: AbortSignal): Promise<ServiceRound> {
  let failure = serverFailure
  if (server) {
    const given: ServiceAnswer[] = []
    const request = { base: server, bytes: input.bytes, contentType: input.type, preprocessingHash: contract.preprocessingHash, stop }
    while (given.length < times) {
      const outcome = await classify(request)
      if (!outcome.ok) {
        failure = outcome.failure
        break
      }
      const { tensorSha256, logitsSha256, predictions } = outcome.value.answer
      const top = predictions[0]
      given.push({ tensorSha256, logitsSha256, index: top?.index ?? 0, probability: top?.probability ?? 0 })
    }
    if (given.length === times) return { who: 'server', given, failure: null }
  }
  const given: ServiceAnswer[] = []
  while (given.length < times) {
    stop.throwIfAborted()
    given.push(await pipeline.call('serve', [input.bytes, classes]))
  }
  return { who: 'page', given, failure }
}
