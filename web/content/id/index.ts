import type { Content } from '../schema'
import { challenge } from './challenge'
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
    clock: 'Waktu jalan',
    languages: 'Bahasa',
    theme: 'Tampilan',
    light: 'Terang',
    dark: 'Gelap',
    licence:
      'Beralih, Apache-2.0. Bobot ResNet-34: penulis dlib, CC0. Contoh: scikit-image (CC0), torchvision (BSD-3). Huruf: Source Serif 4 dan Source Code Pro (OFL).',
  },
  quizzes,
  challenge,
  ...workbench,
  ...failures,
}
export default content
