import type { ExperimentSlots } from '../experiments-schema'

export const experiments: ExperimentSlots = {
  heading: 'Percobaan',
  see: 'Lihat terjadi',
  loading: 'Membuka percobaan…',
  missing: 'Bagian program ini tidak sampai. Tutup lalu buka lagi.',
  list: {
    'skewed-preprocessing': {
      title: 'Pra-pemrosesan yang menyimpang',
      claim: 'Satu pengaturan berbeda sudah cukup: tensor lain, dan kadang prediksi lain.',
    },
    'stateful-notebook': {
      title: 'Catatan yang menyimpan status',
      claim: 'Empat sel berbagi satu tensor. Jalankan satu sel dua kali, dan jawabannya berubah.',
    },
    'python-or-cpp': { title: 'Python atau C++', claim: 'Bobot sama, mesin sama: layanan Python terhadap server asli.' },
    'when-to-load': { title: 'Kapan bobot dimuat', claim: 'Saat mulai, pada tiap permintaan, atau pada permintaan pertama.' },
    failure: { title: 'Kegagalan di tengah beban', claim: 'Matikan pekerja saat permintaan datang; hitung yang hilang dan waktu pulihnya.' },
  },
  challengeRun: { title: 'Jalankan: 50 permintaan per detik', claim: 'Beban nyata terhadap server ini, dinilai terhadap 50 ms.' },
  receipt: { title: 'Kuitansi', claim: 'Semua yang menentukan prediksi tadi, dalam sidik dan angka.' },
}
