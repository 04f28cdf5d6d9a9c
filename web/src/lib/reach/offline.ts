// The page's service worker: registered when the page is idle, told to keep the rest once a run has used it.

export type Reach = 'kept' | 'insecure' | 'unsupported' | 'refused'

/** What a plain-http address of the local network lacks: isSecureContext is false there. */
export async function keepPage(root: URL): Promise<Reach> {
  if (!('serviceWorker' in navigator)) return isSecureContext ? 'unsupported' : 'insecure'
  try {
    await navigator.serviceWorker.register(new URL('sw.js', root), { scope: root.pathname, updateViaCache: 'none' })
    await navigator.serviceWorker.ready
    return 'kept'
  } catch {
    return 'refused' // storage blocked, or the host sends sw.js as something else
  }
}

/** True: a visit without a network can run the flow, too. */
export async function keepProgram(): Promise<boolean> {
  const registration = 'serviceWorker' in navigator ? await navigator.serviceWorker.getRegistration() : undefined
  const worker = registration?.active
  if (!worker) return false
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data === 'kept')
    worker.postMessage('keep-all', [port2])
  })
}

/** So that a visit without a network has something to run. Not where the learner saves data. */
export async function keepSamples(addresses: readonly string[]): Promise<void> {
  if ((navigator as { connection?: { saveData?: boolean } }).connection?.saveData) return
  const { active } = await navigator.serviceWorker.ready
  active?.postMessage({ samples: addresses })
}
