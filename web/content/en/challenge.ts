import type { Challenge } from '../schema'

export const challenge: Challenge = {
  number: (position) => `Step ${position}`,
  steps: {
    structure: {
      question: 'To ensure high throughput and low average latency, what is the single most critical structural change needed for the Python script?',
      solution:
        'Refactor the codebase into isolated modules (Preprocessing, Model Definition, Inference Runner) and ensure the entire process is packaged for containerization.',
    },
    artifact: {
      question: 'What is the minimum necessary "artifact" to ship, besides the trained weights?',
      solution:
        'The exact code/class definition used for preprocessing and the model architecture definition, serialized and coupled with the weights.',
    },
  },
  yourAnswer: 'Your answer',
  reveal: 'Reveal the solution',
  hide: 'Hide the solution',
  revealFirst: 'Write or pick something first.',
  solution: 'Solution',
  artifacts: 'Shipped with the weights',
  artifactNames: {
    preprocessing: 'preprocessing code',
    architecture: 'architecture definition',
    labels: 'class names',
    training: 'training script',
    notebook: 'Jupyter notebook',
  },
  artifactWhys: {
    preprocessing: 'Without it the tensor that goes in may differ from the one in training, and no error says so.',
    architecture: 'Weights are named numbers; without the architecture nothing can be computed from them.',
    labels: 'A service that answers with class numbers is right already. Here the names are shipped and count in the contract’s hash, so that number 235 means the same on both sides.',
    training: 'It makes the weights; using them does not need it.',
    notebook: 'A record of the research, not a part of the service.',
  },
  necessary: 'necessary',
  notNecessary: 'not necessary',
  planTitle: 'PLAN',
  planLabel: 'Your plan',
  fields: { modules: 'Code structure', loading: 'Weights loaded', batching: 'Batches', replicas: 'Replicas' },
  choices: {
    modules: {
      script: { text: 'one script', means: 'One script: all parts share variables; none can be tested or replaced alone.' },
      modules: { text: 'modules, one container', means: 'Modules in one container: each part is tested alone, and the tensor moves without a network.' },
      processes: { text: 'a service per module', means: 'A service per module: every request crosses the network twice more, with 618,348 bytes of tensor.' },
    },
    loading: {
      start: { text: 'at the start', means: 'Loaded at the start: once ready, no request pays for loading.' },
      request: { text: 'per request', means: 'Loaded per request: the loading time is in every latency.' },
      first: { text: 'on the first request', means: 'Loaded on the first request: the first one, and everything queued behind it, waits for the loading.' },
    },
    batching: {
      '1': { text: '1 image', means: 'No batches: the most predictable latency; every image reads all the weights for itself.' },
      '4': { text: 'up to 4', means: 'Batches of up to 4: four images share one reading of the weights, if they are waiting anyway.' },
      '8': { text: 'up to 8', means: 'Batches of up to 8: more throughput, but every image waits for its whole batch.' },
    },
    replicas: {
      '1': { text: '1', means: 'One replica: while it restarts, nobody answers.' },
      '2': { text: '2', means: 'Two replicas: while one restarts, the other bears all requests.' },
      '3': { text: '3', means: 'Three replicas: while one restarts, each of the others bears half of the requests.' },
    },
  },
  meansTitle: 'What it means',
  computed: 'Computed from the task, not measured.',
  inFlight: (requests) => `50 requests per second × 50 ms = ${requests} requests in progress at any moment (Little’s law).`,
  turn: (ms, batch, replicas) => `Replicas: ${replicas}, batch: ${batch}. A full batch may take ${ms} ms at most; beyond that the queue grows without end.`,
  memory: (gb) => `Weights in memory: at least ${gb} GB, where replicas do not share the mapped file.`,
  reading: (gb) => `Loading: ${gb} GB per second have to be read without pause, for the weights alone.`,
  nothingChosen: 'Choose above: what it means will stand here.',
}
