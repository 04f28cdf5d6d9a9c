// The page's side of the load: one worker a stage, ended by Stop with whatever it had in flight.
import { RunError } from '../../lesson/failures'
import type { LoadReply, LoadRequest } from './load.worker'
import type { Sent } from './stage'

export function drive(request: LoadRequest, stop: AbortSignal, onRequest: (request: Sent) => void): Promise<void> {
  stop.throwIfAborted()
  const worker = new Worker(new URL('./load.worker.ts', import.meta.url), { type: 'module', name: 'beralih-load' })
  return new Promise<void>((resolve, reject) => {
    const abort = () => reject(new RunError('stopped'))
    stop.addEventListener('abort', abort, { once: true })
    worker.onerror = (event) => reject(new RunError(event.message ? 'unexpected' : 'page_incomplete', { detail: event.message }))
    worker.onmessage = ({ data }: MessageEvent<LoadReply>) => {
      if (data.kind === 'request') onRequest(data.request)
      else resolve()
    }
    worker.postMessage(request)
  }).finally(() => worker.terminate())
}
