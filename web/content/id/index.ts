import type { Content } from '../schema'
import { challenge } from './challenge'
import { experiments } from './experiment-slots'
import { failures } from './failures'
import { name } from './name'
import { quizzes } from './quizzes'
import { workbench } from './workbench'

const content: Content = {
  ...name,
  page: {
    title: 'Beralih ke Produksi: Pola Pikir Pengembangan · EvoClass-AI002',
    description:
      'Pelajaran interaktif: dari catatan Jupyter ke layanan model. Satu inti C++ memproses gambar Anda di halaman ini dan di server; bandingkan prediksi, sidik tensor, dan latensinya.',
    skip: 'Langsung ke isi',
    clock: 'Waktu eksekusi',
    languages: 'Bahasa',
    theme: 'Tampilan',
    light: 'Terang',
    dark: 'Gelap',
  },
  quizzes,
  challenge,
  ...workbench,
  experiments,
  ...failures,
}
export default content
