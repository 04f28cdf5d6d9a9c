import type { Content } from '../schema'

export const failures: Pick<Content, 'pageFailures' | 'serverFailures'> = {
  pageFailures: {
    page_incomplete: {
      title: 'Sebagian program halaman tidak terunduh.',
      text: () => 'Server halaman ini mungkin berhenti. Nyalakan lagi, lalu tekan tombolnya sekali lagi.',
    },
    wasm_unsupported: {
      title: 'Peramban ini tidak dapat menjalankan inti C++.',
      text: () => 'Peramban perlu mendukung WebAssembly dan modul dalam pekerja. Perbarui peramban, lalu coba lagi.',
    },
    contract_unreachable: {
      title: 'Kontrak model tidak ditemukan.',
      text: () => 'Server tidak menjawab, dan di samping halaman ini tidak ada folder bundle. Nyalakan server dengan ./run.sh, lalu tekan lagi.',
    },
    contract_invalid: {
      title: 'Kontrak model tidak dapat dibaca.',
      text: (f) => `Yang diterima bukan kontrak yang sah (${f.detail}). Siapkan ulang bundelnya, lalu tekan lagi.`,
    },
    file_unlisted: {
      title: 'Kontrak tidak memuat berkas yang diperlukan.',
      text: (f) => `${f.file} tidak tercantum. Halaman memerlukan bundel yang berisi label dan edge.onnx.`,
    },
    download_refused: {
      title: 'Unduhan ditolak.',
      text: (f) => `${f.file} dijawab dengan status ${f.status}. Periksa apakah bundelnya lengkap, lalu tekan lagi.`,
    },
    download_cut: {
      title: 'Unduhan terputus.',
      text: (f) => `${f.file}: diterima ${f.received} dari ${f.expected} bita. Potongan itu disimpan: tekan lagi, dan sisanya menyusul.`,
    },
    download_stalled: {
      title: 'Unduhan terhenti.',
      text: (f) => `${f.file}: tidak ada bita baru selama ${f.seconds} detik. Tekan lagi untuk melanjutkan.`,
    },
    download_altered: {
      title: 'Unduhan tidak sama dengan kontrak.',
      text: (f) => `${f.file}: SHA-256 ${f.theirs}, sedangkan kontrak menyebut ${f.ours}. Berkas itu dibuang dan tidak dipakai; tekan lagi untuk mengunduh ulang.`,
    },
    download_too_long: {
      title: 'Unduhan lebih besar daripada yang tercantum dalam kontrak.',
      text: (f) => `Menurut kontrak, ${f.file} berukuran ${f.expected} bita, tetapi yang diterima lebih dari itu. Semuanya dibuang; periksa bundelnya, lalu tekan lagi.`,
    },
    simd_missing: {
      title: 'Peramban ini tidak dapat menjalankan model milik halaman.',
      text: () => 'ONNX Runtime Web memerlukan WebAssembly SIMD, yang tidak ada di peramban ini; inti C++ tetap berjalan tanpanya. Pakai peramban yang lebih baru, atau server yang menjawab.',
    },
    session_failed: {
      title: 'Model tidak dapat dimuat di halaman.',
      text: (f) => `ONNX Runtime Web menolaknya: ${f.detail}. Tutup tab lain bila memori kurang, lalu tekan lagi.`,
    },
    sample_unreachable: {
      title: 'Gambar contoh tidak terunduh.',
      text: (f) => `${f.file} tidak dapat diambil. Pilih gambar Anda sendiri, atau nyalakan server lalu tekan lagi.`,
    },
    empty_file: { title: 'Berkas ini kosong.', text: (f) => `${f.file} berisi 0 bita. Pilih gambar lain.` },
    heic_image: {
      title: 'Gambar HEIC belum didukung.',
      text: (f) => `${f.file} berformat HEIC/HEIF. Simpan sebagai JPEG atau PNG, lalu pilih lagi.`,
    },
    unsupported_format: {
      title: 'Berkas ini bukan gambar yang dapat dibaca.',
      text: (f) => `Menurut isinya, ${f.file} bukan gambar JPEG, PNG, WebP, GIF, atau BMP, apa pun namanya. Pilih gambar dalam salah satu format itu.`,
    },
    corrupt_image: {
      title: 'Gambar ini rusak.',
      text: (f) => `${f.file} terpotong atau menyalahi formatnya, jadi tidak ada tensor yang dibuat darinya. Pilih salinan yang utuh.`,
    },
    image_too_large: {
      title: 'Gambar ini terlalu besar.',
      text: (f) => `${f.file} memiliki lebih banyak piksel daripada batas inti, yaitu 89 juta. Perkecil gambarnya, lalu pilih lagi.`,
    },
    out_of_memory: {
      title: 'Memori tidak cukup.',
      text: (f) => `Peramban tidak dapat menampung ${f.file}. Pilih gambar yang lebih kecil atau tutup tab lain.`,
    },
    unexpected: {
      title: 'Terjadi kesalahan yang tidak terduga.',
      text: (f) => `${f.detail}. Tekan lagi; bila terulang, salin isi terminal untuk laporan.`,
    },
    stopped: { title: 'Dihentikan.', text: () => 'Anda menghentikan eksekusi ini. Yang sudah terunduh tetap tersimpan; tekan untuk menjalankan lagi.' },
  },
  serverFailures: {
    absent: { title: 'Server tidak menjawab.', text: (f) => `Jalankan server di ${f.origin}, lalu tekan lagi untuk membandingkan.` },
    address_invalid: { title: 'Alamat server tidak sah.', text: (f) => `?server=${f.detail} bukan alamat http atau https. Perbaiki alamatnya lalu muat ulang halaman.` },
    mixed_content: {
      title: 'Peramban melarang server itu.',
      text: (f) => `Halaman https tidak boleh memanggil ${f.origin} yang memakai http biasa. Sajikan server lewat https, atau buka halaman dari server itu sendiri.`,
    },
    blocked: {
      title: 'Kebijakan halaman melarang server itu.',
      text: (f) => `${f.origin} tidak ada dalam daftar server yang diizinkan pengelola halaman ini. Pengelola dapat menambahkannya dengan --allow-server.`,
    },
    declined: { title: 'Gambar tetap di halaman.', text: (f) => `Anda memilih tidak mengirim apa pun ke ${f.origin}.` },
    timeout: { title: 'Server terlalu lambat.', text: (f) => `${f.origin} tidak selesai menjawab dalam ${f.seconds} detik; permintaan dibatalkan. Tekan lagi untuk mencoba ulang.` },
    contract_mismatch: {
      title: 'Server memakai pra-pemrosesan lain (412).',
      text: (f) =>
        `${f.field === '?' ? `Pesan server: ${f.detail || '–'}.` : `Perbedaan pertama pada ${f.field}: halaman ${f.ours}, server ${f.theirs}.`} Tensornya tidak akan sama, jadi server menolak membandingkan.`,
    },
    key_needed: {
      title: 'Server hanya menjawab pemegang kunci.',
      text: (f) => `${f.origin} meminta kunci API (status ${f.status}), yang tidak dimiliki halaman ini. Hasil hitungan halaman ini sendiri tetap berlaku; bandingkan dengan server yang berjalan tanpa --api-keys.`,
    },
    not_ready: { title: 'Server belum siap (503).', text: (f) => `Model masih dimuat di server. Coba lagi dalam ${f.seconds} detik.` },
    overloaded: { title: 'Server sedang penuh (429).', text: (f) => `Server menolak permintaan ini agar yang lain tetap cepat. Coba lagi dalam ${f.seconds} detik.` },
    refused_image: { title: 'Server menolak gambar ini.', text: (f) => `Status ${f.status}: ${f.detail}` },
    cut_answer: { title: 'Jawaban server terputus.', text: (f) => `${f.origin} mulai menjawab tetapi tidak menyelesaikannya. Tekan lagi untuk mencoba ulang.` },
    broken: { title: 'Terjadi kesalahan di server.', text: (f) => `Server menjawab dengan status ${f.status}. Kesalahannya ada di server, bukan pada gambar Anda; lihat lognya, lalu tekan lagi.` },
    nonsense: { title: 'Jawaban server tidak dapat dibaca.', text: (f) => `${f.origin} menjawab, tetapi bukan dengan yang diminta (${f.detail}). Apakah itu memang server Beralih?` },
  },
}
