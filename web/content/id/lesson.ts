import type { Prose } from '../schema'

export const lesson: Prose = {
  course: 'EvoClass-AI002',
  lecture: 'Lecture 10',
  heading: ['Beralih ke Produksi:', 'Pola Pikir Pengembangan'],
  intro:
    'Modul terakhir ini menghubungkan celah antara penelitian yang sukses—di mana kita mencapai akurasi tinggi dalam sebuah catatan—dan eksekusi yang andal. Pengembangan adalah proses krusial dalam mengubah model PyTorch menjadi layanan minimal, layanan mandiri yang mampu memberikan prediksi secara efisien kepada pengguna akhir dengan latensi rendah dan ketersediaan tinggi.',
  sectionTitle: '1. Perubahan Pola Pikir Produksi',
  sectionText:
    'Lingkungan eksploratif dari catatan Jupyter bersifat berbasis status dan rapuh untuk penggunaan produksi. Kita harus merefaktor kode kita dari skrip eksploratif menjadi komponen terstruktur dan modular yang sesuai untuk permintaan bersamaan, optimasi sumber daya, serta integrasi mulus ke dalam sistem yang lebih besar.',
  principles: [
    {
      id: 'latency',
      title: 'Inferensi Latensi Rendah:',
      text: [
        'Mencapai waktu prediksi secara konsisten di bawah ambang batas target (misalnya, ',
        { quantity: '50', unit: 'ms' },
        '), sangat penting untuk aplikasi waktu nyata.',
      ],
    },
    {
      id: 'availability',
      title: 'Ketersediaan Tinggi:',
      text: ['Merancang layanan agar dapat diandalkan, tanpa status, dan mampu pulih dengan cepat dari kegagalan.'],
    },
    {
      id: 'reproducibility',
      title: 'Reproduktibilitas:',
      text: [
        'Menjamin bahwa model dan lingkungan yang diimplementasikan (dependensi, bobot, konfigurasi) persis sama dengan hasil penelitian yang telah divalidasi.',
      ],
    },
  ],
  focusTitle: 'Fokus: Layanan Model',
  focusText:
    'Alih-alih mengimplementasikan seluruh skrip pelatihan, kita mengimplementasikan pembungkus layanan minimal dan mandiri. Layanan ini hanya perlu menangani tiga tugas: memuat artefak model yang dioptimalkan, menerapkan pra-pemrosesan input, dan menjalankan proses maju untuk mengembalikan prediksi.',
  code: { label: 'Kode layanan', files: 'Berkas kode', lines: 'Baris yang sesuai dengan langkah yang berjalan ditandai.' },
  challenge: {
    title: 'Tantangan: Merancang Layanan Minimal',
    task: 'Rencanakan kebutuhan struktural untuk layanan berlatensi rendah.',
    text: [
      'Anda perlu menerapkan ke produksi sebuah model klasifikasi gambar yang kompleks (',
      { quantity: '1', unit: 'GB' },
      ') yang memerlukan pra-pemrosesan gambar khusus. Layanan harus menangani ',
      { quantity: '50' },
      ' permintaan per detik.',
    ],
  },
  sources: {
    own: 'Beralih adalah perangkat lunak bebas di bawah Lisensi Apache 2.0. Halaman ini memuat karya pihak lain:',
    kinds: { program: 'Program:', codecs: 'Format gambar:', typefaces: 'Huruf:', photographs: 'Foto:', weights: 'Bobot model:' },
    notices: 'Semua pemberitahuan pihak ketiga',
  },
}
