// What a live experiment has measured so far. It only grows; whoever shows it follows `version`.
import { latencyOf, type Sent } from './load/stage'
import { Plotted, type Point } from './plotted'

export class LiveSeries {
  version = $state(0)
  /** Neither is reactive by itself: a run has tens of thousands of requests. */
  plotted = new Plotted()
  requests: Sent[] = []

  add(requests: readonly Sent[]) {
    for (const request of requests) {
      this.requests.push(request)
      this.plotted.add({ at: request.due / 1000, ms: latencyOf(request), outcome: request.outcome })
    }
    this.version++
  }

  /** Where what is shown is no request of a load: one after the other, by their numbers. */
  addPoint(point: Point) {
    this.plotted.add(point)
    this.version++
  }

  clear() {
    this.plotted = new Plotted()
    this.requests = []
    this.version++
  }
}
