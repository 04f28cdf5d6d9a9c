// An answer of POST /api/classify as a server gives it.
export const hash = 'ab'.repeat(32)
export const answer = {
  model: { name: 'resnet34', version: '1.0.0' },
  contract_hash: hash,
  preprocessing_hash: hash,
  device: 'cpu',
  request_id: 'r1',
  tensor: { datatype: 'FP32', shape: [1, 3, 227, 227], sha256: hash },
  logits: { sha256: hash },
  predictions: [{ index: 235, label: 'German shepherd', probability: 0.98 }],
  timings_ms: { decode: 1, resize: 2, normalize: 3, queue: 0, inference: 40, postprocess: 0.5, total: 47 },
}

// An answer of GET /api/artifacts, its layers left out.
export const loadRecord = {
  server: { version: '1.0.0', libtorch: '1.13.1', device: 'cpu', dtype: 'fp32', threads: 2, pid: 4711, started_at: '2026-03-01T08:00:00Z', uptime_s: 60 },
  load: { hashes: 300, program: 20, attach: 1.5, warm_up: 200, golden: 70, total: 650 },
  artifacts: [
    { role: 'labels', path: 'labels.txt', bytes: 9, sha256: hash },
    { role: 'architecture', path: 'architecture.pt', bytes: 22_605, sha256: hash },
    { role: 'weights', path: 'weights.safetensors', bytes: 87_000_000, sha256: hash, dtype: 'F32', tensors: 110, parameters: 21_797_672 },
  ],
  memory: { rss_bytes: 410_000_000, anonymous_bytes: 1 },
}
