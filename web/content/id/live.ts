import type { LiveContent } from '../live-schema'

export const live: LiveContent = {
  refused: {
    busy: () => 'Percobaan lain sedang berjalan di server ini, mungkin di tab lain. Hanya satu yang dapat berjalan pada satu waktu: tunggu sampai selesai, lalu coba lagi.',
    refused: (detail) => `Server menolak percobaan ini: ${detail}`,
    failed: (detail) => `Percobaan tidak selesai: ${detail}`,
    lost: () => 'Server tidak menjawab lagi, jadi hasil akhir percobaan tidak diketahui. Jalankan kembali servernya, lalu coba lagi.',
  },
  starting: 'Server anak sedang mulai.',
  live: 'Langsung: dijalankan server ini dalam proses anak, di mesin ini.',
  policies: {
    button: 'Muat dengan tiga cara di server sungguhan',
    caption: (requests, processes) => `Latensi ${requests} permintaan pada tiap cara, ms. Tiap cara adalah satu proses server tersendiri (${processes}).`,
    waiting: (policy) => `Server yang memuat ${policy} sedang mulai.`,
    request: (policy, number) => `Dimuat ${policy}: permintaan ${number}.`,
    started: 'Siap setelah, ms',
    reading: (start, perRequest, firstOne, ready) =>
      `Server yang memuat saat mulai siap setelah ${ready} ms, sebelum ada permintaan, lalu satu permintaan perlu ${start} ms. Bila dimuat pada tiap permintaan, masing-masing perlu ${perRequest} ms. Bila dimuat pada permintaan pertama, server tampak siap seketika, tetapi pengguna pertamanya menunggu ${firstOne} ms.`,
  },
  failure: {
    legend: 'Yang terjadi pada proses server',
    faults: { kill: 'dimatikan (kill -9), dan segera dijalankan kembali', stall: 'diam sejenak (SIGSTOP), lalu berjalan lagi' },
    button: 'Ganggu server sungguhan saat menerima beban',
    steady: (rate) => `Server anak menjawab ${rate} permintaan per detik.`,
    killed: (pid) => `Proses ${pid} dimatikan; yang lain sedang mulai di porta yang sama.`,
    stalled: (pid) => `Proses ${pid} diam.`,
    recovered: 'Ia menjawab lagi; sisa bebannya sedang dikirim.',
    chart: 'Latensi tiap permintaan, sejak saat terjadwalnya',
    seconds: 'detik',
    moments: { killed: 'dimatikan', ready: 'siap lagi', stalled: 'diam', resumed: 'berjalan lagi' },
    caption: 'Satu proses server tanpa proses kedua di sampingnya',
    event: 'Yang terjadi',
    value: 'Nilai',
    rows: {
      requests: 'Permintaan dikirim',
      served: 'Terjawab',
      lost: 'Hilang di dalam proses',
      turnedAway: 'Ditolak sampai ia kembali',
      late: 'Terjawab di atas 50 ms',
      gone: 'Dari dimatikan sampai proses berakhir, ms',
      listening: 'sampai yang baru mendengarkan, ms',
      ready: 'sampai ia siap, ms',
      answered: 'sampai ia menjawab, ms',
      longest: 'Jawaban terlama, ms',
    },
    readingKill: (lost, turnedAway, recovery, ready) =>
      `${lost === '0' ? 'Tidak ada permintaan di dalam proses saat ia dimatikan.' : lost === '1' ? 'Satu permintaan ada di dalam proses saat ia dimatikan, dan hilang.' : `${lost} permintaan ada di dalam proses saat ia dimatikan, dan semuanya hilang.`} ${turnedAway} lagi tidak menemukan server, atau menemukan server yang belum siap. Proses baru siap ${ready} ms setelah itu dan menjawab setelah ${recovery} ms: proses mulai yang cepat adalah bagian dari ketersediaan, dan proses kedua dapat menjawab sementara itu.`,
    readingStall: (seconds, late, longest, lost) =>
      `Proses itu diam selama ${seconds} dtk dan kehilangan ${lost} permintaan: sambungannya menunggu di kernel. Tetapi ${late} permintaan perlu lebih dari 50 ms, yang terlama ${longest} ms. Bagi pengawas, prosesnya tetap hidup; hanya pemeriksaan kesehatan dengan batas waktu yang menyadarinya.`,
  },
  challenge: {
    limits:
      'Bebannya datang dari pembangkit beban server ini sendiri, di mesin yang sama: permintaan tiba pada saat acak (Poisson), tanpa menunggu permintaan sebelumnya terjawab, dan latensi dihitung dari saat permintaan dijadwalkan. Pembangkit beban dan server berbagi prosesor, jadi laju yang ditemukan adalah batas bawah.',
    legend: 'Beban ditujukan ke',
    target: { server: 'server ini, sebagaimana ia dijalankan', plan: 'rencana saya, dalam proses anak' },
    plan: (loading, batching, replicas) => `Bobot dimuat ${loading}, ${batching === '1' ? 'satu gambar tiap kali' : `batch sampai ${batching} gambar`}, ${replicas} proses server.`,
    loading: { 'at-start': 'saat mulai', 'per-request': 'pada tiap permintaan', 'first-request': 'pada permintaan pertama' },
    starting: (number, threads) => `Server ${number} siap, dengan ${threads} utas.`,
    claim: 'Dengan keyakinan 99 %, 99 dari 100 permintaan dijawab dalam 50 ms.',
    noClaim: 'Bahwa 99 dari 100 permintaan dijawab dalam 50 ms tidak dapat dinyatakan dengan keyakinan 99 %: terlalu banyak yang melewatinya, atau terlalu sedikit yang dikirim.',
    late: (ms) => `Pembangkit beban mengirim 99 dari 100 permintaan paling lambat ${ms} ms setelah jadwal.`,
  },
  python: {
    button: 'Ukur kedua layanan sekarang',
    measuring: (service) => `Bertanya kepada ${service}.`,
    services: { beralih: 'server C++', python: 'inference_service.py dengan uvicorn' },
    caption: (rate) => `Kedua layanan di mesin ini, gambar yang sama, masing-masing ${rate} permintaan per detik, bergantian`,
    service: 'Layanan',
    alone: 'Satu per satu, median, ms',
    reading: (best, bestP99, other, otherP99, rate) =>
      `Pada ${rate} permintaan per detik, 99 dari 100 jawaban perlu paling lama ${bestP99} ms dengan ${best}, dan paling lama ${otherP99} ms dengan ${other}.`,
  },
}
