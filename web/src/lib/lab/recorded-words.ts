// A recorded result in words: what its series are called, and one paragraph of what it shows, from its own numbers.
import type { LabContent } from '../../../content/experiments-schema'
import { budgetMs } from '../lesson/figures'
import type { Format } from '../lesson/format'
import { comparedServices, type Measured, type Recorded, type RecordedExperiment, type RecordedSeries } from './recorded'

type Words = LabContent['recorded']

/** Of fewer answers nothing can be said about 99 of 100: with 299 one of them lies above the 99th percentile, at 95 % confidence. */
export const fewestForP99 = 299

/** What a few users waited for: p99 where there are answers enough, else the longest of them. */
export function tailOf({ answers, ms }: Measured): { kind: 'p99' | 'longest'; ms: number; answers: number } {
  return answers >= fewestForP99 ? { kind: 'p99', ms: ms.p99, answers } : { kind: 'longest', ms: ms.max, answers }
}

/** What the series of a result are. */
export function seriesHead({ recorded, policies, failure, challenge }: LabContent, experiment: RecordedExperiment): string {
  if (experiment === 'when-to-load') return policies.policy
  if (experiment === 'failure') return failure.event
  return experiment === 'challenge' ? challenge.rate : recorded.service
}

/** In the page's language where it knows the series; else null. */
export function translatedName(words: Words, experiment: RecordedExperiment, { id, name }: Pick<RecordedSeries, 'id' | 'name'>, format: Format): string | null {
  if (experiment === 'challenge-gpu') return id.startsWith('native-') ? words.model(id.slice('native-'.length)) : null
  const rate = Number.parseFloat(name) // the challenge's series are called by their rates
  if (experiment === 'challenge' && !Number.isNaN(rate)) {
    if (id === 'fifty') return words.atRate(format.short(rate))
    if (id === 'found') return words.foundRate(format.short(rate))
  }
  return Object.hasOwn(words.names, id) ? (words.names[id] ?? null) : null
}

export const nameOf = (words: Words, experiment: RecordedExperiment, series: RecordedSeries, format: Format) =>
  translatedName(words, experiment, series, format) ?? series.name

/** Empty where the result lacks what there is to say about. */
export function readingOf(words: Words, result: Recorded, format: Format): string {
  const { experiment, series } = result
  const { readings } = words
  const named = (one: RecordedSeries) => nameOf(words, experiment, one, format)
  const called = (id: string) => series.find((one) => one.id === id)
  const counts = ({ requests, refused, lost }: RecordedSeries) => [format.whole(requests), format.whole(refused), format.whole(lost)] as const
  const tail = (one: RecordedSeries) => {
    const { kind, ms, answers } = tailOf(one)
    return words.tail[kind](format.ms(ms), format.whole(answers))
  }
  const sentences: string[] = []
  if (experiment === 'python-or-cpp') {
    const images = ({ service }: RecordedSeries) => (service ? format.ms(service.imagesPerSecond) : '–')
    const pairs = comparedServices(result)
    const native = pairs[0]?.native
    if (native) {
      const rate = native.service ? format.short(native.service.rate) : '–'
      sentences.push(readings.native({ native: named(native), rate, tail: tail(native), images: images(native) }))
    }
    for (const { other } of pairs) sentences.push(readings.against({ other: named(other), tail: tail(other), images: images(other) }))
  } else if (experiment === 'when-to-load') {
    const [start, each, first] = ['at-start', 'per-request', 'first-request'].map(called)
    if (start && each && first) sentences.push(readings.policies(format.ms(start.ms.p50), format.ms(each.ms.p50), format.ms(first.ms.max)))
  } else if (experiment === 'failure') {
    const [kill, stall] = [called('kill'), called('stall')]
    if (kill && kill.recoveryMs !== null) {
      const [requests, refused, lost] = counts(kill)
      sentences.push(readings.kill(requests, refused, lost, format.ms(kill.recoveryMs)))
    }
    if (stall) sentences.push(readings.stall(format.whole(stall.requests), format.whole(stall.lost), format.ms(stall.ms.max)))
  } else {
    for (const one of series) {
      const [requests, refused, lost] = counts(one)
      sentences.push(readings.load({ name: named(one), requests, refused, lost, tail: tail(one) }, tailOf(one).ms <= budgetMs))
    }
  }
  return sentences.join(' ')
}
