// A failure and the content of one language make the sentences that the learner reads.
import type { Content, MessageFacts } from '../../../content/schema'
import type { FailureFacts } from './failures'
import type { Format } from './format'
import type { Run } from './run'
import { bytes as runtimeBytes } from 'virtual:onnx-runtime'
import { defaultModelBytes } from './default-bundle'

export interface Notice {
  tone: 'plain' | 'live' | 'over'
  title: string
  text: string
}

const unknown = '–'

export function factsFor(facts: FailureFacts, format: Format): MessageFacts {
  const count = (value: number | undefined) => (value === undefined ? unknown : format.whole(value))
  return {
    file: facts.file ?? unknown,
    expected: count(facts.expected),
    received: count(facts.received),
    origin: facts.origin ?? unknown,
    seconds: count(facts.seconds),
    status: facts.status === undefined ? unknown : String(facts.status),
    field: facts.field ?? unknown,
    ours: facts.ours ?? unknown,
    theirs: facts.theirs ?? unknown,
    detail: facts.detail ?? unknown,
  }
}

function progress(run: Run, { state }: Content, format: Format): string {
  const { download, step } = run
  if (step === 'artifacts' && download) {
    return state.downloading(download.path, format.megabytes(download.received), format.megabytes(download.bytes))
  }
  switch (step) {
    case 'load':
      return state.loading
    case 'input':
      return state.preprocessing
    case 'forward':
      return state.predicting
    default:
      return state.checking
  }
}

/** What a run that ended well leaves to say. */
function remarks({ input, artifacts }: Run, { state }: Content, format: Format): string {
  const said: string[] = []
  if (input && input.frames > 1) said.push(state.firstFrame(format.whole(input.frames)))
  if (artifacts.edge_model?.stored === false) said.push(state.notKept)
  return said.map((sentence) => ` ${sentence}`).join('')
}

/** Which class each side puts first, by the first of its names. */
function outcome({ page, server }: Run, { state }: Content): string {
  const firstName = (label: string | undefined) => label?.split(',')[0] ?? '–'
  const index = page?.prediction.predictions[0]?.index
  const ours = firstName(index === undefined ? undefined : page?.labels[index])
  const theirs = firstName(server?.answer.predictions[0]?.label)
  return ours === theirs ? state.doneBoth.same(ours) : state.doneBoth.different(ours, theirs)
}

export function noticeFor(run: Run, content: Content, format: Format): Notice {
  const { state, pageFailures, serverFailures, bench } = content
  if (run.phase === 'idle') {
    return { tone: 'plain', title: state.idle.title, text: state.idle.text(format.megabytes(defaultModelBytes), format.megabytes(runtimeBytes)) }
  }
  if (run.phase === 'running') {
    return { tone: 'live', title: run.step ? `${bench.steps[run.step]}.` : '', text: progress(run, content, format) }
  }
  if (run.failure) {
    const { title, text } = pageFailures[run.failure.code]
    return { tone: run.failure.code === 'stopped' ? 'plain' : 'over', title, text: text(factsFor(run.failure.facts, format)) }
  }
  if (run.serverFailure) {
    const { code, facts } = run.serverFailure
    const { title, text } = serverFailures[code]
    const alone = code === 'absent' || code === 'declined' || code === 'mixed_content' || code === 'blocked' || code === 'address_invalid'
    return {
      tone: alone ? 'plain' : 'over',
      title: `${alone ? state.doneAlone : state.doneRefused}. ${title}`,
      text: text(factsFor(facts, format)) + remarks(run, content, format),
    }
  }
  if (run.pageFailure) {
    const { code, facts } = run.pageFailure
    const { title, text } = pageFailures[code]
    return { tone: 'over', title: `${state.doneServer}. ${title}`, text: text(factsFor(facts, format)) + remarks(run, content, format) }
  }
  return { tone: 'live', title: state.doneBoth.title, text: outcome(run, content) + remarks(run, content, format) }
}
