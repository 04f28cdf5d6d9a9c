import type { ExperimentSlots } from '../experiments-schema'

export const experiments: ExperimentSlots = {
  reach: {
    kept: 'Halaman ini tersimpan untuk kunjungan tanpa jaringan; modelnya juga, setelah dijalankan sekali.',
    insecure:
      'Alamat ini memakai http biasa: peramban tidak memberinya service worker, penyimpanan untuk model, utas, maupun papan klip. Halaman berjalan selama servernya hidup, dan mengunduh model pada tiap kunjungan. Lewat https atau di localhost keduanya tersimpan.',
    unsupported: 'Peramban ini tidak punya service worker: halaman memerlukan servernya pada tiap kunjungan.',
    refused: 'Halaman ini tidak dapat disimpan untuk kunjungan tanpa jaringan: penyimpanan diblokir atau penuh.',
  },
  heading: 'Percobaan',
  see: 'Lihat buktinya',
  loading: 'Membuka percobaan…',
  missing: 'Bagian program ini tidak terunduh. Tutup lalu buka lagi.',
  list: {
    'skewed-preprocessing': {
      title: 'Pra-pemrosesan yang menyimpang',
      claim: 'Satu pengaturan berbeda sudah cukup: tensor lain, dan kadang prediksi lain.',
    },
    'stateful-notebook': {
      title: 'Catatan yang menyimpan status',
      claim: 'Empat sel berbagi satu tensor. Jalankan satu sel dua kali, dan jawabannya berubah.',
    },
    'python-or-cpp': { title: 'Python atau C++', claim: 'Bobot sama, mesin sama: layanan Python dibandingkan dengan server C++.' },
    'when-to-load': { title: 'Kapan bobot dimuat', claim: 'Saat mulai, pada tiap permintaan, atau pada permintaan pertama.' },
    failure: { title: 'Kegagalan saat menerima beban', claim: 'Matikan pekerja saat permintaan datang; hitung permintaan yang hilang dan waktu pulihnya.' },
  },
  challengeRun: { title: 'Jalankan: 50 permintaan per detik', claim: 'Beban nyata pada server ini, dinilai terhadap batas 50 ms.' },
  receipt: { title: 'Kuitansi', claim: 'Semua yang menentukan prediksi tadi, dalam sidik dan angka.' },
}
