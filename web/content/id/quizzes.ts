import type { Quizzes } from '../schema'
import { loadingWhys } from './loading'

const whys = loadingWhys(MEASURED_LOADING)

export const quizzes: Quizzes = {
  label: 'Pertanyaan',
  number: (position) => `Pertanyaan ${position}`,
  commit: 'Kunci pilihan',
  retry: 'Coba lagi',
  again: 'Jawab ulang',
  chooseFirst: 'Pilih satu jawaban dahulu; alasannya muncul sesudah dikunci.',
  right: 'Benar.',
  wrong: 'Belum tepat.',
  yours: 'pilihan Anda',
  answer: 'jawaban benar',
  score: (right, of) => `${right} dari ${of} pertanyaan terjawab benar.`,
  kept: 'Jawaban dan rencana disimpan di peramban ini saja.',
  notKept: {
    blocked: 'Peramban ini tidak mengizinkan penyimpanan: jawaban dan rencana hanya bertahan selama kunjungan ini.',
    full: 'Penyimpanan peramban ini penuh: jawaban dan rencana hanya bertahan selama kunjungan ini. Kosongkan sebagian, lalu ubah satu jawaban agar tersimpan.',
  },
  reset: 'Hapus jawaban dan rencana',
  list: {
    notebook: {
      question: 'Fitur mana dari catatan Jupyter yang membuatnya tidak cocok untuk deployment produksi?',
      options: {
        python: {
          text: 'Terutama memakai kode Python',
          why: 'Bahasanya bukan masalahnya: inference_service.py di halaman ini juga Python, dan tensornya sama bit demi bit dengan tensor server C++. Yang menentukan adalah cara status disimpan.',
        },
        stateful: {
          text: 'Pada dasarnya berbasis status dan boros sumber daya',
          why: 'Hasil sebuah sel bergantung pada sel mana yang sudah dijalankan, berapa kali, dan dalam urutan apa. Semua data antara tetap memakan memori selama kernel hidup, dan permintaan yang datang bersamaan akan saling menimpa variabel.',
        },
        gpu: {
          text: 'Tidak dapat mengakses GPU secara langsung',
          why: 'Catatan memakai GPU lewat PyTorch yang sama seperti skrip dan layanan. Yang kurang bukan akses, melainkan pembagian: satu kernel menahan memori GPU selama ia hidup.',
        },
      },
    },
    conversion: {
      question: 'Apa tujuan utama mengonversi model PyTorch ke TorchScript atau ONNX sebelum deployment?',
      options: {
        speed: {
          text: 'Optimasi agar eksekusi C++ lebih cepat dan ketergantungan pada Python berkurang',
          why: 'Arsitektur menjadi berkas yang dapat dijalankan tanpa kelas Python aslinya: architecture.pt di sini 22.605 bita dan dibuka server C++; edge.onnx, 22.410.868 bita, dijalankan halaman ini. Keduanya tidak memerlukan penafsir Python.',
        },
        theft: {
          text: 'Mencegah pencurian model atau rekayasa balik',
          why: 'Konversi tidak menyembunyikan apa pun: graf dan bobot dalam TorchScript maupun ONNX dapat dibaca dengan alat umum, lapisan demi lapisan. Untuk itu ada kontrol akses dan enkripsi.',
        },
        preprocessing: {
          text: 'Menangani pra-pemrosesan data input secara otomatis',
          why: 'Model yang dikonversi di sini tetap menerima tensor 1 × 3 × 227 × 227 yang sudah jadi. Mengubah gambar menjadi tensor itu tugas layanan; karena itulah setiap pengaturannya tertulis dalam kontrak.',
        },
      },
    },
    loading: {
      question: 'Saat merancang API produksi, kapan bobot model sebaiknya dimuat?',
      options: {
        start: {
          text: 'Satu kali, saat layanan diinisialisasi',
          get why() {
            return whys.start
          },
        },
        every: {
          text: 'Di awal setiap permintaan prediksi',
          get why() {
            return whys.every
          },
        },
        first: {
          text: 'Saat permintaan pertama diterima layanan',
          get why() {
            return whys.first
          },
        },
      },
    },
  },
}
