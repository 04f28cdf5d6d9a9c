// The reasons of the question on loading, with what this build's recording measured; without one they name no number.
import { formatFor } from '../../src/lib/lesson/format'
import type { MeasuredLoading } from '../../src/lib/lesson/measured'

const { whole } = formatFor('id')
const date = (time: string) => new Intl.DateTimeFormat('id', { dateStyle: 'long' }).format(new Date(time))

export function loadingWhys(loading: MeasuredLoading | null): Record<'start' | 'every' | 'first', string> {
  const start = () =>
    loading
      ? ` Terukur: median ${whole(loading.startMs)} ms per permintaan (server C++ di ${loading.machine}; direkam pada ${date(loading.recordedAt)}).`
      : ''
  const every = () => (loading ? ` Terukur dalam rekaman yang sama: median ${whole(loading.everyMs)} ms, padahal prediksinya sama.` : '')
  const first = () =>
    loading
      ? ` Terukur: ${whole(loading.firstLongestMs)} ms untuk yang terlama dari ${whole(loading.requests)} permintaan, sedangkan setengahnya selesai paling lama dalam ${whole(loading.firstMs)} ms.`
      : ''
  // As they are read: a page that nobody has answered a question of formats no number.
  return {
    get start() {
      return `Bobot sudah di memori sebelum layanan menyatakan diri siap, lalu dipakai bersama oleh semua permintaan.${start()}`
    },
    get every() {
      return `Setiap permintaan mengulang pekerjaan yang sama.${every()} Bila permintaan datang bersamaan, memori pun ikut berlipat.`
    },
    get first() {
      return `Waktu muat tidak hilang, hanya berpindah ke pengguna pertama dan semua yang antre di belakangnya.${first()} Berkas yang rusak pun baru ketahuan setelah layanan menerima pengguna.`
    },
  }
}
