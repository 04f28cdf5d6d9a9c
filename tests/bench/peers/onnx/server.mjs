// The bundle as one would serve it from Node: fastify, onnxruntime-node with the bundle's float32 weights, and the core as
// WebAssembly for the preprocessing, so that the tensors are the same to the bit. Answers as inference_service.py does.
//
//   BERALIH_BUNDLE=models/bundles/resnet34 BERALIH_ONNX=FILE.onnx BERALIH_THREADS=1 node tests/bench/peers/onnx/server.mjs PORT
//
// FILE.onnx is what export_onnx.py makes of the same bundle.
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import Fastify from 'fastify';
import ort from 'onnxruntime-node';
import {loadCore} from '../../../../wasm/node.mjs';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const bundle = process.env.BERALIH_BUNDLE;
const contractBytes = readFileSync(path.join(bundle, 'contract.json'));
const contract = JSON.parse(contractBytes);
const contractHash = sha256(contractBytes);
const fileOf = (role) => path.join(bundle, contract.files.find((file) => file.role === role).path);
const labels = readFileSync(fileOf('labels'), 'utf8').trimEnd().split('\n');
const shape = [1, ...contract.input.shape.slice(1)];
const core = await loadCore();
const preprocessor = core.openContract(contractBytes);
const session = await ort.InferenceSession.create(process.env.BERALIH_ONNX, {
  intraOpNumThreads: Number(process.env.BERALIH_THREADS ?? 1),
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
});

async function forward(tensor) {
  const {[contract.output.name]: logits} = await session.run({[contract.input.name]: new ort.Tensor('float32', tensor, shape)});
  return logits.data;
}

async function classify(bytes, k) {
  const {tensor} = preprocessor.tensor(bytes);
  const predictions = core.topK(await forward(tensor), k);
  return {
    model: {name: contract.name, version: contract.version},
    contract_hash: contractHash,
    device: 'cpu',
    tensor: {datatype: 'FP32', shape, sha256: sha256(new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength))},
    predictions: predictions.map(({index, probability}) => ({index, label: labels[index], probability})),
  };
}

/** The crop's pixels, [height, width, 3], as the network takes them: the contract's normalisation, channels first. */
function normalized(pixels) {
  const {image_mean: mean, image_std: std, value_range: range} = contract.preprocessing;
  const plane = shape[2] * shape[3];
  const tensor = new Float32Array(3 * plane);
  const scale = range === '0..1' ? 255 : 1;
  for (let i = 0; i < plane; ++i)
    for (let c = 0; c < 3; ++c) tensor[c * plane + i] = Math.fround(Math.fround(Math.fround(pixels[3 * i + c] / scale) - mean[c]) / std[c]);
  return tensor;
}

/** The protocol's JSON, or its binary extension (a JSON head of so many bytes, then FP32's values or the crop's UINT8 pixels). */
function tensorOf(body, headLength) {
  if (headLength === undefined) return Float32Array.from(JSON.parse(body.toString()).inputs[0].data);
  const data = body.subarray(Number(headLength));
  const {datatype} = JSON.parse(body.subarray(0, Number(headLength)).toString()).inputs[0];
  return datatype === 'UINT8' ? normalized(data) : new Float32Array(Uint8Array.from(data).buffer);
}

const app = Fastify({bodyLimit: 20 << 20});
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', {parseAs: 'buffer'}, (request, body, done) => done(null, body));
app.post('/api/classify', async (request, reply) => {
  try {
    return await classify(request.body, 5);
  } catch (error) {
    return reply.code(422).type('application/problem+json').send({title: 'Not classified', status: 422, detail: error.message});
  }
});
app.get(`/v2/models/${contract.name}`, async () => ({
  name: contract.name,
  versions: [contract.version],
  platform: 'onnx_onnxv1',
  inputs: [contract.input],
  outputs: [contract.output],
}));
app.post(`/v2/models/${contract.name}/infer`, async (request) => {
  const logits = await forward(tensorOf(request.body, request.headers['inference-header-content-length']));
  const output = {name: contract.output.name, datatype: 'FP32', shape: [1, logits.length], data: Array.from(logits)};
  return {model_name: contract.name, outputs: [output]};
});
app.get('/v2/health/ready', async () => ({ready: true}));

await classify(readFileSync(path.join(bundle, contract.golden[0].image)), 1); // warm, as the Python service is before it listens
process.once('SIGTERM', () => app.close());
await app.listen({host: '127.0.0.1', port: Number(process.argv[2])});
