import type { Challenge } from '../schema'

export const challenge: Challenge = {
  number: (position) => `Langkah ${position}`,
  steps: {
    structure: {
      question: 'Agar throughput tinggi dan latensi rata-rata rendah, apa satu perubahan struktural paling kritis yang diperlukan pada skrip Python?',
      solution:
        'Refaktor basis kode menjadi modul-modul terisolasi (Pra-pemrosesan, Definisi Model, Pelaksana Inferensi) dan pastikan seluruh proses dikemas untuk kontainerisasi.',
    },
    artifact: {
      question: 'Apa “artefak” minimum yang perlu dikirim, selain bobot hasil pelatihan?',
      solution:
        'Kode atau definisi kelas yang persis dipakai untuk pra-pemrosesan beserta definisi arsitektur model, diserialisasi dan dipasangkan dengan bobotnya.',
    },
  },
  yourAnswer: 'Jawaban Anda',
  reveal: 'Ungkap solusi',
  hide: 'Sembunyikan solusi',
  revealFirst: 'Tulis atau pilih sesuatu dahulu.',
  solution: 'Solusi',
  artifacts: 'Yang dikirim bersama bobot',
  artifactNames: {
    preprocessing: 'kode pra-pemrosesan',
    architecture: 'definisi arsitektur',
    labels: 'nama kelas',
    training: 'skrip pelatihan',
    notebook: 'catatan Jupyter',
  },
  artifactWhys: {
    preprocessing: 'Tanpa ini, tensor yang masuk dapat berbeda dari tensor saat pelatihan, dan tidak ada galat yang memberi tahu.',
    architecture: 'Bobot hanyalah angka bernama; tanpa arsitektur tidak ada yang dapat dihitung darinya.',
    labels: 'Layanan menjawab dengan nomor kelas pun sudah benar. Di sini namanya ikut dikirim dan ikut menentukan sidik kontrak, supaya nomor 235 berarti hal yang sama di kedua sisi.',
    training: 'Menghasilkan bobot, tidak diperlukan untuk memakainya.',
    notebook: 'Catatan risetnya, bukan bagian dari layanan.',
  },
  necessary: 'wajib',
  notNecessary: 'tidak wajib',
  planTitle: 'RENCANA',
  planLabel: 'Rencana Anda',
  fields: { modules: 'Susunan kode', loading: 'Bobot dimuat', batching: 'Batch', replicas: 'Replika' },
  choices: {
    modules: {
      script: { text: 'satu skrip', means: 'Satu skrip: semua bagian berbagi variabel; satu bagian tidak dapat diuji atau diganti sendiri.' },
      modules: { text: 'modul, satu kontainer', means: 'Modul dalam satu kontainer: setiap bagian diuji sendiri, dan tensor berpindah tanpa jaringan.' },
      processes: { text: 'satu layanan per modul', means: 'Satu layanan per modul: setiap permintaan menyeberangi jaringan dua kali lagi, dengan 618.348 bita tensor.' },
    },
    loading: {
      start: { text: 'saat mulai', means: 'Dimuat saat mulai: setelah siap, tidak ada permintaan yang menanggung waktu muat.' },
      request: { text: 'tiap permintaan', means: 'Dimuat tiap permintaan: waktu muat masuk ke setiap latensi.' },
      first: { text: 'pada permintaan pertama', means: 'Dimuat pada permintaan pertama: yang pertama, dan semua yang antre di belakangnya, menunggu pemuatan selesai.' },
    },
    batching: {
      '1': { text: '1 gambar', means: 'Tanpa batch: latensi paling mudah ditebak, tetapi setiap gambar membaca seluruh bobot sendiri.' },
      '4': { text: 'sampai 4', means: 'Batch sampai 4: empat gambar berbagi satu kali pembacaan bobot bila memang sedang menunggu.' },
      '8': { text: 'sampai 8', means: 'Batch sampai 8: throughput lebih tinggi, tetapi setiap gambar menunggu seluruh batch-nya.' },
    },
    replicas: {
      '1': { text: '1', means: 'Satu replika: bila ia mulai ulang, tidak ada yang menjawab.' },
      '2': { text: '2', means: 'Dua replika: bila satu mulai ulang, yang lain menanggung semua permintaan.' },
      '3': { text: '3', means: 'Tiga replika: bila satu mulai ulang, masing-masing yang lain menanggung setengahnya.' },
    },
  },
  meansTitle: 'Artinya',
  computed: 'Dihitung dari tugasnya, belum diukur.',
  inFlight: (requests) => `50 permintaan per detik × 50 ms = ${requests} permintaan sedang dikerjakan pada setiap saat (hukum Little).`,
  turn: (ms, batch, replicas) => `Replika: ${replicas}, batch: ${batch}. Satu batch penuh boleh memakan waktu paling lama ${ms} ms; lebih dari itu antrean tumbuh tanpa henti.`,
  memory: (gb) => `Bobot di memori: paling sedikit ${gb} GB, bila replika tidak berbagi berkas yang dipetakan.`,
  reading: (gb) => `Pemuatan: ${gb} GB per detik harus dibaca terus-menerus, hanya untuk bobot.`,
  nothingChosen: 'Pilih di atas: artinya akan tertulis di sini.',
}
