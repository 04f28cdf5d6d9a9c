// The words of the experiments. The slots stand in the page from the start; the rest comes when one is opened.

export const experimentIds = ['skewed-preprocessing', 'stateful-notebook', 'python-or-cpp', 'when-to-load', 'failure'] as const
export type ExperimentId = (typeof experimentIds)[number]

export interface ExperimentSlots {
  /** Whether this page can be opened again without a network. */
  reach: Record<'kept' | 'insecure' | 'unsupported' | 'refused', string>
  heading: string
  see: string
  loading: string
  missing: string
  list: Record<ExperimentId, { title: string; claim: string }>
  challengeRun: { title: string; claim: string }
  receipt: { title: string; claim: string }
}

export type SwapKind = 'filter' | 'rounding' | 'canvas' | 'bgr'
export type PolicyName = 'at-start' | 'per-request' | 'first-request'

export interface LabContent {
  common: {
    run: string
    stop: string
    preparing: string
    downloading: (file: string, received: string, total: string) => string
    stopped: string
    page: string
    server: string
    table: string
    noServer: (why: string) => string
    milliseconds: string
    /** The unit of a time axis. */
    second: string
    budget: string
    withinBudget: string
    overBudget: string
    refused: string
    /** In a legend; and as the name of the strip where they are drawn. */
    failed: string
    noAnswer: string
    /** Instead of a column of zeros. */
    none: Record<'refused' | 'failed' | 'both', string>
    reading: string
  }
  skewed: {
    legend: string
    swaps: Record<SwapKind, string>
    filter: string
    compare: string
    contractPicture: string
    swappedPicture: string
    differencePicture: (largest: string) => string
    noDifference: string
    caption: string
    property: string
    contract: string
    swapped: string
    tensor: string
    prediction: string
    values: string
    differing: (count: string, total: string, percent: string) => string
    largest: string
    first: string
    firstAt: (x: string, y: string, channel: string, ours: string, theirs: string) => string
    none: string
    readingSame: string
    readingSameLabel: (percent: string, largest: string, label: string, before: string, after: string) => string
    readingOtherLabel: (percent: string, largest: string, before: string, after: string) => string
    server412: (field: string, ours: string, theirs: string, hash: string) => string
    serverCannotKnow: (hash: string) => string
    serverEqual: (hash: string) => string
    serverOther: (title: string) => string
  }
  notebook: {
    cells: Record<1 | 2 | 3 | 4, { name: string; code: string }>
    runCell: (cell: string) => string
    runAll: string
    runTwice: string
    restart: string
    ask: string
    image: (name: string, bytes: string) => string
    tensor: (hash: string, least: string, most: string, mean: string) => string
    prediction: (label: string, probability: string) => string
    undefinedName: (name: string) => string
    kernelRestarted: string
    history: string
    order: string
    tensorColumn: string
    predictionColumn: string
    service: string
    answer: string
    logits: string
    readingNone: string
    readingNotebook: (runs: string, results: string) => string
    readingService: (answers: string, tensors: string, logits: string, who: string) => string
  }
  recorded: {
    none: string
    /** The same, where a server in lab mode answers that has no Python service beside it. */
    nonePeer: string
    needsLab: string
    needsPeer: string
    noneProcessor: string
    noneCard: string
    onProcessor: string
    onCard: string
    /** Sets what was recorded apart from what is measured here. */
    heading: string
    from: (date: string, machine: string) => string
    cores: (server: string, all: string) => string
    /** What the bars reach to: p99, or the longest answer where there are too few for it. */
    chart: Record<'p99' | 'longest' | 'mixed', string>
    chartServices: string
    caption: string
    captionAt: (rate: string) => string
    service: string
    longest: string
    longestOf: (answers: string) => string
    /** A clause: p99, or the longest of a few. */
    tail: Record<'p99' | 'longest', (ms: string, answers: string) => string>
    requests: string
    refused: string
    lost: string
    recovery: string
    servicesCaption: string
    imagesPerSecond: string
    loadedP99: string
    ready: string
    readyAgain: string
    memory: string
    memoryOf: (resident: string, own: string) => string
    /** By the id of a series; what has no name here is shown as the program that measured calls it. */
    names: Record<string, string>
    atRate: (rate: string) => string
    foundRate: (rate: string) => string
    model: (name: string) => string
    readings: {
      native: (facts: Record<'native' | 'rate' | 'tail' | 'images', string>) => string
      against: (facts: Record<'other' | 'tail' | 'images', string>) => string
      policies: (start: string, perRequest: string, longestFirst: string) => string
      kill: (requests: string, refused: string, lost: string, recovery: string) => string
      stall: (requests: string, lost: string, longest: string) => string
      load: (facts: Record<'name' | 'requests' | 'refused' | 'lost' | 'tail', string>, within: boolean) => string
    }
    unreadable: (reason: string) => string
  }
  policies: {
    names: Record<PolicyName, string>
    button: string
    progress: (policy: string, done: string, of: string) => string
    caption: string
    policy: string
    first: string
    rest: string
    over: string
    request: string
    axis: string
    eachRequest: string
    number: string
    reading: (start: string, perRequest: string, firstOne: string, load: string) => string
  }
  failure: {
    button: string
    steady: string
    killed: string
    recovering: string
    caption: string
    event: string
    value: string
    answered: string
    lost: string
    noticed: string
    recovered: string
    splitCore: string
    splitSession: string
    reading: (lost: string, recovery: string, session: string) => string
  }
  challenge: {
    seed: string
    seconds: string
    rate: string
    button: (rate: string) => string
    limits: string
    needsServer: string
    probing: string
    searching: (rate: string) => string
    holding: (rate: string) => string
    search: string
    stageRate: string
    requests: string
    refusedColumn: string
    failedColumn: string
    verdictColumn: string
    sustained: string
    notSustained: string
    chart: (rate: string) => string
    perSecond: string
    second: string
    meets: (p99: string, over: string, sent: string, bound: string) => string
    misses: (p99: string, over: string, sent: string, bound: string) => string
    refusals: (count: string, wait: string) => string
    found: (rate: string) => string
    foundNothing: (median: string) => string
    /** A single request is quick enough in the median, but not the slowest in a hundred at the lowest rate. */
    foundUnsteady: (median: string, p99: string, rate: string) => string
    late: (ms: string, flight: string) => string
    model: Record<'standIn' | 'planChanges' | 'planNothing' | 'unknown', string> & {
      loaded: (name: string, bytes: string, megabytes: string) => string
      smaller: (name: string) => string
    }
  }
  receipt: {
    empty: string
    copy: string
    copied: string
    copyFailed: string
    download: string
    replay: string
    show: string
    rows: Record<'input' | 'tensor' | 'contract' | 'preprocessing' | 'pageWeights' | 'serverWeights' | 'pageLogits' | 'serverLogits' | 'device' | 'versions', string>
  }
}
