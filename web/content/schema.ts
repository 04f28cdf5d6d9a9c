// One schema for every language: a language that lacks a sentence does not compile.
import type { WorkKind } from './works'
import type { ExperimentSlots } from './experiments-schema'
import type { CameraProblem } from '../src/lib/lesson/camera'
import type { PageFailureCode, ServerFailureCode } from '../src/lib/lesson/failures'
import type { ChallengeStep, OptionOf, PlanArtifact, PlanField, planChoices, QuizId } from '../src/lib/lesson/quizzes'

/** Text with formulas in it; a quantity is typeset as MathML. */
export type RichText = readonly (string | { quantity: string; unit?: string })[]

export interface Principle {
  id: 'latency' | 'availability' | 'reproducibility'
  title: string
  text: RichText
}

/** What a message may mention; a sentence uses those that its failure carries. */
export interface MessageFacts {
  file: string
  expected: string
  received: string
  origin: string
  seconds: string
  status: string
  field: string
  ours: string
  theirs: string
  detail: string
}

export interface Message {
  title: string
  text: (facts: MessageFacts) => string
}

export type StepName = 'preflight' | 'artifacts' | 'load' | 'input' | 'forward'
export type StageName = 'network' | 'queue' | 'preprocess' | 'inference' | 'postprocess'

export interface LanguageName {
  /** BCP 47; also the name of the folder. */
  language: string
  /** How the language switch names it: short on the link, long for screen readers. */
  short: string
  long: string
  /** The language at `/`; the others live at `/<language>/`. */
  isDefault: boolean
  /** Written from right to left. */
  rightToLeft?: true
}

/** Text that never changes while the page is open: it is in the prerendered page alone, never in a script. */
export interface Prose {
  course: string
  lecture: string
  heading: [string, string]
  intro: string
  sectionTitle: string
  sectionText: string
  principles: readonly Principle[]
  focusTitle: string
  focusText: string
  code: { label: string; files: string; lines: string }
  challenge: { title: string; task: string; text: RichText }
  /** The footer: this project's licence, and what each kind of others' works is called. */
  sources: { own: string; kinds: Record<WorkKind, string>; notices: string }
}

export interface QuizText<Option extends string> {
  question: string
  /** Why it is right, or why it is not. */
  options: Record<Option, { text: string; why: string }>
}

export interface Quizzes {
  label: string
  number: (position: number) => string
  commit: string
  retry: string
  /** The same button after a right answer. */
  again: string
  chooseFirst: string
  right: string
  wrong: string
  /** Beside an option: the learner's choice, and the right one. */
  yours: string
  answer: string
  score: (right: number, of: number) => string
  kept: string
  /** Why they are not. */
  notKept: Record<'blocked' | 'full', string>
  reset: string
  list: { [Id in QuizId]: QuizText<OptionOf<Id>> }
}

export interface Challenge {
  number: (position: number) => string
  steps: Record<ChallengeStep, { question: string; solution: string }>
  yourAnswer: string
  reveal: string
  hide: string
  revealFirst: string
  solution: string
  artifacts: string
  artifactNames: Record<PlanArtifact, string>
  artifactWhys: Record<PlanArtifact, string>
  necessary: string
  notNecessary: string
  planTitle: string
  planLabel: string
  fields: Record<PlanField, string>
  choices: { [Field in PlanField]: Record<(typeof planChoices)[Field][number], { text: string; means: string }> }
  meansTitle: string
  computed: string
  inFlight: (requests: string) => string
  turn: (milliseconds: string, batch: string, replicas: string) => string
  memory: (gigabytes: string) => string
  reading: (gigabytesPerSecond: string) => string
  nothingChosen: string
}

export interface Content extends LanguageName {
  page: { title: string; description: string; skip: string; clock: string; languages: string; theme: string; light: string; dark: string }
  evidence: {
    unmeasured: string
    latency: (milliseconds: string) => string
    latencyPageOnly: (milliseconds: string) => string
    latencyLink: string
    aloneWorks: string
    availabilityLink: string
    tensorEqual: (digits: number) => string
    tensorDiffers: (digits: number) => string
    reproducibilityLink: string
  }
  tasks: { caption: string; task: string; page: string; server: string; when: string; load: string; preprocess: string; forward: string; once: string; each: string }
  bench: {
    label: string
    inputTitle: string
    samples: string
    own: string
    noPreview: string
    /** Beside samples, one of which may have the same name. */
    ownName: (name: string) => string
    dropHint: string
    chosen: (name: string, bytes: string) => string
    run: string
    stop: string
    steps: Record<StepName, string>
    terminalTitle: string
    terminalName: string
    terminalLog: string
    ready: string
    copy: string
    copied: string
    /** Where the page may not use the clipboard: the text is selected instead. */
    copySelected: string
    inspectorTitle: string
    live: string
    inspectorEmpty: string
  }
  state: {
    /** `model`: of the default bundle; `runtime`: of what runs it. Megabytes, as they are downloaded at most. */
    idle: { title: string; text: (model: string, runtime: string) => string }
    checking: string
    downloading: (file: string, received: string, total: string) => string
    loading: string
    preprocessing: string
    predicting: string
    doneBoth: { title: string; same: (label: string) => string; different: (page: string, server: string) => string }
    doneAlone: string
    doneRefused: string
    doneServer: string
    /** Added to the end of a run's notice. */
    notKept: string
    firstFrame: (of: string) => string
  }
  inspector: {
    artifacts: string
    property: string
    page: string
    server: string
    same: string
    isSame: string
    isDifferent: string
    contract: string
    labels: string
    model: string
    file: string
    bytes: string
    preprocessingHash: string
    parameters: string
    dtype: string
    /** Of one artifact: fetched, read and checked. */
    loadedIn: string
    architecture: string
    /** The graph stands in the model's own file. */
    inside: (file: string) => string
    input: string
    output: string
    runtime: string
    library: string
    device: string
    source: string
    fromNetwork: string
    fromKept: string
    fromDisk: string
    loading: string
    check: string
    load: string
    warmUp: string
    golden: string
    ready: string
    memory: string
    process: string
    inputFigure: string
    cutCaption: string
    inputCaption: (original: string, crop: string, tensor: string) => string
    originalAlt: string
    cropAlt: string
    original: string
    crop: string
    tensorCaption: string
    hashesEqual: (digits: number) => string
    hashesDiffer: (digits: number) => string
    hashesAlone: string
    topFive: string
    className: string
    bars: string
    topFiveCaption: string
    stagesFigure: string
    stagesCaption: string
    stage: string
    serverMs: string
    pageMs: string
    stages: Record<StageName, string>
    total: string
    againstBudget: string
    under: (milliseconds: string) => string
    over: (milliseconds: string) => string
    budget: string
    stagesLabel: (server: string, page: string) => string
    knobs: string
    knob: string
    notKept: string
    frame: (of: string) => string
  }
  network: {
    figure: string
    caption: string
    empty: string
    drawing: (name: string, stages: number, tensors: number) => string
    smaller: string
    skip: string
    stage: string
    output: string
    blocks: string
    parameters: (side: string) => string
    total: string
    weights: string
    list: (count: string) => string
    search: string
    found: (shown: string, of: string) => string
    none: string
    order: string
    tensor: string
    shape: string
    count: string
  }
  camera: {
    open: string
    title: string
    asking: string
    live: string
    shoot: string
    close: string
    again: string
    video: string
    name: string
    problems: Record<CameraProblem, string>
  }
  quizzes: Quizzes
  challenge: Challenge
  experiments: ExperimentSlots
  confirm: { title: string; text: (origin: string) => string; accept: string; decline: string }
  pageFailures: Record<PageFailureCode, Message>
  serverFailures: Record<ServerFailureCode, Message>
}
