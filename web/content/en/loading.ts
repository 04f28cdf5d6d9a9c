// The reasons of the question on loading, with what this build's recording measured; without one they name no number.
import { formatFor } from '../../src/lib/lesson/format'
import type { MeasuredLoading } from '../../src/lib/lesson/measured'

const { whole } = formatFor('en')
const date = (time: string) => new Intl.DateTimeFormat('en', { dateStyle: 'long' }).format(new Date(time))

export function loadingWhys(loading: MeasuredLoading | null): Record<'start' | 'every' | 'first', string> {
  const start = () =>
    loading
      ? ` Measured: ${whole(loading.startMs)} ms per request in the median (native server on ${loading.machine}; recorded on ${date(loading.recordedAt)}).`
      : ''
  const every = () => (loading ? ` Measured in the same recording: ${whole(loading.everyMs)} ms in the median, for the same prediction.` : '')
  const first = () =>
    loading
      ? ` Measured: ${whole(loading.firstLongestMs)} ms for the longest of ${whole(loading.requests)} requests, while half of them took at most ${whole(loading.firstMs)} ms.`
      : ''
  // As they are read: a page that nobody has answered a question of formats no number.
  return {
    get start() {
      return `The weights are in memory before the service says that it is ready, and all requests share them.${start()}`
    },
    get every() {
      return `Every request repeats the same work.${every()} Concurrent requests multiply the memory too.`
    },
    get first() {
      return `The loading time does not go away; it moves to the first user and everybody queued behind.${first()} And a damaged file is noticed only once users are there.`
    },
  }
}
