import { describe, expect, test } from 'vitest'
import { serverAddress } from '../../src/lib/api/address'
import { parseAnswer } from '../../src/lib/api/answer'
import { summarizeContract } from '../../src/lib/api/contract'
import { parseLoadRecord } from '../../src/lib/api/load-record'
import { failureFor, retrySeconds, serverPreprocessing } from '../../src/lib/api/problem'
import { answer, hash, loadRecord } from './example'

describe('answer', () => {
  test('is read', () => {
    const read = parseAnswer(JSON.stringify(answer))
    expect(read.predictions[0]?.label).toBe('German shepherd')
    expect(read.timings.total).toBe(47)
  })
  test.each([
    ['not JSON', '<html>'],
    ['the answer is missing', '[1]'],
    ['predictions is missing', JSON.stringify({ ...answer, predictions: [] })],
    ['predictions[0].probability is above 1', JSON.stringify({ ...answer, predictions: [{ index: 0, label: 'x', probability: 2 }] })],
    ['tensor.sha256 is not a SHA-256', JSON.stringify({ ...answer, tensor: { sha256: 'abc' } })],
    ['timings_ms.queue is not a number', JSON.stringify({ ...answer, timings_ms: { ...answer.timings_ms, queue: '0' } })],
  ])('is refused: %s', (message, body) => expect(() => parseAnswer(body)).toThrow(message))
})

describe('load record', () => {
  test('is read', () => {
    const read = parseLoadRecord(JSON.stringify(loadRecord))
    expect(read.ms).toEqual({ hashes: 300, program: 20, attach: 1.5, warmUp: 200, golden: 70, ready: 650 })
    expect(read.files.map(({ parameters }) => parameters)).toEqual([null, null, 21_797_672])
    expect(read.files.map(({ dtype }) => dtype)).toEqual([null, null, 'F32'])
  })
  test.each([
    ['not JSON', 'loading'],
    ['load.attach is not a number', JSON.stringify({ ...loadRecord, load: { ...loadRecord.load, attach: null } })],
    ['server.started_at is not a time', JSON.stringify({ ...loadRecord, server: { ...loadRecord.server, started_at: 'today' } })],
    ['artifacts is missing', JSON.stringify({ ...loadRecord, artifacts: {} })],
  ])('is refused: %s', (message, body) => expect(() => parseLoadRecord(body)).toThrow(message))
})

describe('refusals', () => {
  const refusal = { retryAfter: null, body: '{}', origin: 'http://a' }
  test.each([
    [400, 'refused_image'], [413, 'refused_image'], [415, 'refused_image'], [422, 'refused_image'],
    [404, 'nonsense'], [412, 'contract_mismatch'], [429, 'overloaded'], [500, 'broken'], [501, 'broken'],
    [502, 'absent'], [401, 'key_needed'], [403, 'key_needed'], [503, 'not_ready'], [504, 'absent'], [302, 'broken'],
  ])('%i is %s', (status, code) => expect(failureFor({ ...refusal, status }).code).toBe(code))

  test('the detail of a problem is carried, of nonsense nothing', () => {
    expect(failureFor({ ...refusal, status: 422, body: '{"detail":"cut at byte 9"}' }).facts.detail).toBe('cut at byte 9')
    expect(failureFor({ ...refusal, status: 500, body: '<h1>oops' }).facts.detail).toBe('')
    expect(failureFor({ ...refusal, status: 500, body: '{"detail":{"a":1}}' }).facts.detail).toBe('')
  })
  test('Retry-After is seconds or a date', () => {
    expect(retrySeconds('7')).toBe(7)
    expect(retrySeconds(null)).toBe(1)
    expect(retrySeconds('soon')).toBe(1)
    expect(retrySeconds('Thu, 01 Jan 1970 00:00:10 GMT', 4000)).toBe(6)
    expect(failureFor({ ...refusal, status: 429, retryAfter: '3' }).facts.seconds).toBe(3)
  })
  test("a 412 hands over the server's text", () => {
    expect(serverPreprocessing('{"server_preprocessing":"resize_filter bicubic"}')).toBe('resize_filter bicubic')
    expect(serverPreprocessing('gone')).toBeNull()
  })
})

describe('address', () => {
  const root = new URL('https://lesson.example/course/')
  const of = (query: string, base = root) => serverAddress(new URL(`${base.href}${query}`), base)
  test('without ?server= it is the page’s own', () => {
    expect(of('')).toMatchObject({ kind: 'own', origin: 'https://lesson.example' })
    expect(of('?server=https://lesson.example/course')).toMatchObject({ kind: 'own' })
  })
  test('another origin is named, with a folder', () => {
    const address = of('?server=https://gpu.example/lab')
    expect(address).toMatchObject({ kind: 'other', origin: 'https://gpu.example', mixedContent: false })
    expect(address.kind === 'other' && new URL('api/classify', address.base).href).toBe('https://gpu.example/lab/api/classify')
  })
  test('plain http from https is mixed content, but for this machine', () => {
    expect(of('?server=http://10.0.0.5:8080')).toMatchObject({ mixedContent: true })
    expect(of('?server=http://localhost:8080')).toMatchObject({ mixedContent: false })
    expect(of('?server=http://127.0.0.1:8080')).toMatchObject({ mixedContent: false })
    expect(of('?server=http://10.0.0.5:8080', new URL('http://lesson.example/'))).toMatchObject({ mixedContent: false })
  })
  test.each(['javascript://x', 'ftp://a.example', 'http://', 'https://user:secret@a.example'])('%s is refused', (given) =>
    expect(of(`?server=${encodeURIComponent(given)}`)).toEqual({ kind: 'invalid', given }),
  )
})

describe('contract', () => {
  const contract = {
    schema: 'beralih.contract/1',
    name: 'resnet34',
    version: '1.0.0',
    input: { name: 'input' },
    output: { shape: [-1, 1000] },
    files: [{ role: 'labels', path: 'labels.txt', bytes: 9, sha256: hash }],
  }
  test('is summarized', () => expect(summarizeContract(JSON.stringify(contract))).toMatchObject({ classes: 1000, input: null, output: null }))
  test('its tensors are named where it names them', () => {
    const named = { ...contract, output: { name: 'logits', datatype: 'FP32', shape: [-1, 1000] } }
    expect(summarizeContract(JSON.stringify(named)).output).toEqual({ name: 'logits', dtype: 'float32', shape: [-1, 1000] })
  })
  test.each([
    ['not JSON', '{'],
    ['schema', JSON.stringify({ ...contract, schema: 'other/1' })],
    ['output.shape', JSON.stringify({ ...contract, output: {} })],
    ['files', JSON.stringify({ ...contract, files: [{ role: 'labels', path: 'labels.txt', bytes: '9', sha256: hash }] })],
  ])('is refused: %s', (message, text) => expect(() => summarizeContract(text)).toThrow(message))
})
