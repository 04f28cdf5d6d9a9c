// The reasons of the question on loading, with what this build's recording measured; without one they name no number.
import { formatFor } from '../../src/lib/lesson/format'
import type { MeasuredLoading } from '../../src/lib/lesson/measured'

const { whole } = formatFor('id')
const date = new Intl.DateTimeFormat('id', { dateStyle: 'long' })

export function loadingWhys(loading: MeasuredLoading | null): Record<'start' | 'every' | 'first', string> {
  const start = loading
    ? ` Terukur: median ${whole(loading.startMs)} ms per permintaan (server C++ di ${loading.machine}; direkam pada ${date.format(new Date(loading.recordedAt))}).`
    : ''
  const every = loading ? ` Terukur dalam rekaman yang sama: median ${whole(loading.everyMs)} ms, padahal prediksinya sama.` : ''
  const first = loading
    ? ` Terukur: ${whole(loading.firstLongestMs)} ms untuk yang terlama dari ${whole(loading.requests)} permintaan, sedangkan setengahnya selesai paling lama dalam ${whole(loading.firstMs)} ms.`
    : ''
  return {
    start: `Bobot sudah di memori sebelum layanan menyatakan diri siap, lalu dipakai bersama oleh semua permintaan.${start}`,
    every: `Setiap permintaan mengulang pekerjaan yang sama.${every} Bila permintaan datang bersamaan, memori pun ikut berlipat.`,
    first: `Waktu muat tidak hilang, hanya berpindah ke pengguna pertama dan semua yang antre di belakangnya.${first} Berkas yang rusak pun baru ketahuan setelah layanan menerima pengguna.`,
  }
}
