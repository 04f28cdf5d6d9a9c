import type { ExperimentSlots } from '../experiments-schema'

export const experiments: ExperimentSlots = {
  reach: {
    kept: 'This page is kept for visits without a network; the model too, once it has run.',
    insecure:
      'This address is plain http: the browser gives it no service worker, no storage for the model, no threads and no clipboard. The page runs while its server does, and downloads the model on every visit. Over https or on localhost it keeps both.',
    unsupported: 'This browser has no service workers: the page needs its server on every visit.',
    refused: 'This page could not be kept for visits without a network: storage is blocked or full.',
  },
  heading: 'Experiments',
  see: 'See it happen',
  loading: 'Opening the experiment…',
  missing: 'This part of the program did not arrive. Close it, then open it again.',
  list: {
    'skewed-preprocessing': {
      title: 'Skewed preprocessing',
      claim: 'One different setting is enough: another tensor, and sometimes another prediction.',
    },
    'stateful-notebook': {
      title: 'The stateful notebook',
      claim: 'Four cells share one tensor. Run one cell twice, and the answer changes.',
    },
    'python-or-cpp': { title: 'Python or C++', claim: 'Same weights, same machine: the Python service against the native server.' },
    'when-to-load': { title: 'When the weights are loaded', claim: 'At the start, on every request, or on the first request.' },
    failure: { title: 'Failure under load', claim: 'Kill the worker while requests arrive; count what is lost and how long it takes to recover.' },
  },
  challengeRun: { title: 'Run it: 50 requests per second', claim: 'Real load on this server, judged against 50 ms.' },
  receipt: { title: 'Receipt', claim: 'Everything that decided the prediction, in hashes and numbers.' },
}
