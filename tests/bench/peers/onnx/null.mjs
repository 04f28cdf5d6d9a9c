// fastify with nothing behind it: the body is read whole, the answer is always the same.   node null.mjs PORT ANSWER_BYTES
import Fastify from 'fastify';

const answer = Buffer.alloc(Number(process.argv[3]));
const app = Fastify({bodyLimit: 20 << 20});
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', {parseAs: 'buffer'}, (request, body, done) => done(null, body));
app.post('/*', async (request, reply) => reply.type('application/octet-stream').send(answer));
app.get('/v2/health/ready', async () => ({ready: true}));
await app.listen({host: '127.0.0.1', port: Number(process.argv[2])});
