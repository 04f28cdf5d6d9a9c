// The points of a live chart as columns, kept in order while they arrive: nothing is copied for a new one.
import type { Sent } from './load/stage'
import { budgetMs } from '../lesson/figures'

export interface Point {
  at: number
  ms: number
  outcome: Sent['outcome']
}

type Column = (number | null)[]

/** A logarithmic axis has no place for 0. */
const leastMs = 0.1
/** Where an answer without a prediction stands on its own scale, from 0 below to 1 above. */
export const unansweredAt = 0.96

export class Plotted {
  /** Ascending; the three others hold a number at the place of their own points, else null. */
  readonly at: number[] = []
  readonly within: Column = []
  readonly over: Column = []
  readonly unanswered: Column = []
  least = Infinity
  most = 0
  /** How many have no prediction. */
  crosses = 0

  add({ at, ms, outcome }: Point) {
    // Answers come almost in the order of their requests: the place is found from the end.
    let place = this.at.length
    while (place > 0 && (this.at[place - 1] ?? 0) > at) place--
    const answered = outcome === 'ok'
    const shown = Math.max(leastMs, ms)
    this.at.splice(place, 0, at)
    this.within.splice(place, 0, answered && ms <= budgetMs ? shown : null)
    this.over.splice(place, 0, answered && ms > budgetMs ? shown : null)
    this.unanswered.splice(place, 0, answered ? null : unansweredAt)
    if (!answered) {
      this.crosses++
      return
    }
    this.least = Math.min(this.least, shown)
    this.most = Math.max(this.most, shown)
  }

  /** Whole decades around the points and the budget. */
  decades(): { least: number; most: number; ticks: number[] } {
    const low = Math.floor(Math.log10(Math.min(this.least, 10)))
    const high = Math.ceil(Math.log10(Math.max(this.most, 2 * budgetMs)))
    return { least: 10 ** low, most: 10 ** high, ticks: Array.from({ length: high - low + 1 }, (_, power) => 10 ** (low + power)) }
  }
}
