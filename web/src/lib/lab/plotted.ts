// The points of a live chart as columns, kept in order while they arrive: nothing is copied for a new one.
import type { Sent } from './load/stage'
import { budgetMs } from '../lesson/figures'

export interface Point {
  at: number
  ms: number
  outcome: Sent['outcome']
}

type Column = (number | null)[]

export interface Decades {
  least: number
  most: number
  ticks: number[]
}

/** A logarithmic axis has no place for 0. */
const leastMs = 0.1
/** An answer without a prediction has no place on the axis of latencies; it only is. */
const present = 1

export class Plotted {
  /** Ascending; the three others hold a number at the place of their own points, else null. */
  readonly at: number[] = []
  readonly within: Column = []
  readonly over: Column = []
  readonly unanswered: Column = []
  least = Infinity
  most = 0
  /** Answered with 429; and those that got no answer, or one that is no prediction. */
  refused = 0
  failed = 0

  /** How many have no prediction. */
  get crosses(): number {
    return this.refused + this.failed
  }

  add({ at, ms, outcome }: Point) {
    // Answers come almost in the order of their requests: the place is found from the end.
    let place = this.at.length
    while (place > 0 && (this.at[place - 1] ?? 0) > at) place--
    const answered = outcome === 'ok'
    const shown = Math.max(leastMs, ms)
    this.at.splice(place, 0, at)
    this.within.splice(place, 0, answered && ms <= budgetMs ? shown : null)
    this.over.splice(place, 0, answered && ms > budgetMs ? shown : null)
    this.unanswered.splice(place, 0, answered ? null : present)
    if (outcome === 'refused') this.refused++
    else if (outcome === 'failed') this.failed++
    if (!answered) return
    this.least = Math.min(this.least, shown)
    this.most = Math.max(this.most, shown)
  }
}

/** Whole decades around the points of all these charts, and the budget: one axis for those that are compared. */
export function decadesAround(charts: readonly Pick<Plotted, 'least' | 'most'>[]): Decades {
  const low = Math.floor(Math.log10(Math.min(10, ...charts.map(({ least }) => least))))
  const high = Math.ceil(Math.log10(Math.max(2 * budgetMs, ...charts.map(({ most }) => most))))
  return { least: 10 ** low, most: 10 ** high, ticks: Array.from({ length: high - low + 1 }, (_, power) => 10 ** (low + power)) }
}
