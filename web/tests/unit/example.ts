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
