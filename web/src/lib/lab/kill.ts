// The page's worker is a service of one process. It is ended while requests wait in it; what was in it is lost.
import type { Prepared } from './prepare'

export interface Killed {
  answered: number
  lost: number
  noticedMs: number
  recoveredMs: number
  prepareMs: number
  sessionMs: number
}

const waiting = 3

export async function killUnderLoad(
  prepared: Prepared,
  prepareAgain: () => Promise<Prepared>,
  stop: AbortSignal,
  told: (phase: 'steady' | 'killed' | 'recovering') => void,
): Promise<Killed> {
  const serve = ({ pipeline, input, classes }: Prepared) => pipeline.call('serve', [input.bytes, classes])
  let answered = 0
  for (; answered < 2; answered++) {
    await serve(prepared)
    stop.throwIfAborted()
  }
  const requests = Array.from({ length: waiting }, () => serve(prepared))
  let noticedAt = 0
  const settled = Promise.allSettled(
    requests.map((request) =>
      request.catch((error: unknown) => {
        noticedAt ||= performance.now()
        throw error
      }),
    ),
  )
  const killedAt = performance.now()
  prepared.pipeline.end()
  told('killed')
  const outcomes = await settled
  stop.throwIfAborted()
  told('recovering')
  const fresh = await prepareAgain()
  const preparedAt = performance.now()
  await serve(fresh)
  const answeredAt = performance.now()
  return {
    answered: answered + outcomes.filter(({ status }) => status === 'fulfilled').length,
    lost: outcomes.filter(({ status }) => status === 'rejected').length,
    noticedMs: noticedAt - killedAt,
    recoveredMs: answeredAt - killedAt,
    prepareMs: preparedAt - killedAt,
    sessionMs: fresh.sessionMs,
  }
}
