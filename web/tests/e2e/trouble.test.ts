// Pictures, storage, networks and servers that are not as they should be, on a page that is.
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, choose, launch, notice, patience, run, terminal, topFive, visit, web } from './harness'

let browser: Browser
let host: Server
/** What the server of this page does with a picture. */
let classify: 'half' | 'drop' | 'shape' = 'half'
/** What it answers to GET /api/contract, and whether a bundle lies beside the page. */
let contract: 'good' | 'slow' | 'half' | 'wrong' | 'other' | 'damaged' | 'broken' = 'good'
let beside = true
/** A host on a slow line, which sends ranges; what was asked of it. */
let slowly = false
let ranges: (string | undefined)[] = []

const wrong = {
  wrong: '{"contract": tru',
  other: JSON.stringify({ schema: 'another.program/7', name: 'x' }),
  /** As the page reads it, but not as the core does. */
  damaged: readFileSync(join(bundle, 'contract.json'), 'utf8').replace('"bilinear"', '"blurry"'),
}

function answerContract(response: ServerResponse) {
  if (contract === 'slow') return // until the page gives up
  if (contract === 'broken') return void response.writeHead(500, { 'Content-Type': 'application/problem+json' }).end('{"detail":"on fire"}')
  response.setHeader('Content-Type', 'application/json')
  if (contract === 'half') {
    response.writeHead(200, { 'Content-Length': 4000 })
    response.write('{"schema": "beralih.contract/1", "na')
    setTimeout(() => response.destroy(), 100)
  } else {
    response.end(contract === 'good' ? readFileSync(join(bundle, 'contract.json')) : wrong[contract])
  }
}

async function sendSlowly(request: IncomingMessage, response: ServerResponse) {
  const file = readFileSync(join(bundle, 'edge.onnx'))
  ranges.push(request.headers.range)
  const from = Number(/\d+/.exec(request.headers.range ?? '0'))
  response.writeHead(from > 0 ? 206 : 200, { 'Content-Length': file.length - from, ...(from > 0 ? { 'Content-Range': `bytes ${from}-${file.length - 1}/${file.length}` } : {}) })
  for (let at = from; at < file.length && !response.destroyed; at += 1_000_000) {
    response.write(file.subarray(at, at + 1_000_000))
    if (slowly) await new Promise((resolve) => setTimeout(resolve, 300))
  }
  response.end()
}

const types: Record<string, string> = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm', json: 'application/json', svg: 'image/svg+xml' }

beforeAll(async () => {
  browser = await launch()
  // The page, the bundle, and a server that has a contract and breaks off its answers.
  host = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    if (path === '/api/contract') return answerContract(response)
    if (path === '/bundle/edge.onnx') return void sendSlowly(request, response)
    if (path === '/bundle/contract.json' && !beside) return void response.writeHead(404).end()
    const file = path.startsWith('/bundle/') ? join(bundle, path.slice(8)) : join(web, 'dist', path.replace(/\/$/, '/index.html'))
    if (path === '/api/classify') {
      if (classify === 'drop') return void request.socket.destroy()
      if (classify === 'shape') return void response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"model":{"name":"resnet34","version":"1"},"timings_ms":{},"predictions":"none"}')
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 900 })
      response.write('{"model": {"name": "resnet34", "ver')
      setTimeout(() => request.socket.destroy(), 200)
    } else if (existsSync(file)) {
      response.setHeader('Content-Type', types[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream')
      response.end(readFileSync(file))
    } else {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await browser.close()
  host.closeAllConnections()
  host.close()
})

const english = () => `http://127.0.0.1:${(host.address() as AddressInfo).port}/en/`

function png(width: number, height: number, pixels: Buffer): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, check])
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width)
  head.writeUInt32BE(height, 4)
  head.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(pixels)), chunk('IEND', Buffer.alloc(0))])
}

/** Two frames of 2 by 2: black, then white. */
const animation = Buffer.from(
  '47494638396102000200800000000000ffffff21ff0b4e45545343415045322e30030100000021f9040a0a0000002c0000000002000200000202845100' +
    '21f9040a0a0000002c00000000020002000002028c53003b',
  'hex',
)

describe('pictures and answers', () => {
  let page: Page
  beforeAll(async () => void (page = await visit(browser, english())))
  afterAll(() => page.context().close())

  test('a server that breaks off in the middle of its answer', async () => {
    expect(await run(page)).toBe('cut_answer')
    expect(await notice(page).innerText()).toContain('answer broke off')
    expect((await topFive(page))[0]).toMatchObject(['German shepherd', expect.any(String), '–'])
    expect(await terminal(page)).toContain('cut_answer')
  })

  test('a server that takes the picture and hangs up', async () => {
    classify = 'drop'
    expect(await run(page)).toBe('absent')
  })

  test('an animated GIF: its first frame, and that is said', async () => {
    await choose(page, 'moving.gif', animation, 'image/gif')
    await run(page)
    expect(await notice(page).innerText()).toContain('only the first of its 2 frames is used')
    expect(await page.locator('#tensor figcaption').innerText()).toContain('2 × 2, GIF (frame 1 of 2)')
    expect(await terminal(page)).toContain('frame 1 of 2')
    const pixel = await page.locator('.pair canvas').evaluate((canvas: HTMLCanvasElement) => [...(canvas.getContext('2d')?.getImageData(100, 100, 1, 1).data ?? [])])
    expect(pixel).toEqual([0, 0, 0, 255])
  })

  test('100 million pixels in a file of 300 KB', async () => {
    const large = png(10_000, 10_000, Buffer.alloc(10_000 * 30_001))
    expect(large.length).toBeLessThan(400_000)
    await choose(page, 'large.png', large, 'image/png')
    expect(await run(page)).toBe('image_too_large')
    expect(await notice(page).innerText()).toContain('89 million')
  })
})

describe('a server whose answers have another shape', () => {
  test.each([
    ['slow', 'timeout', 'within 10 seconds'],
    ['half', 'cut_answer', 'answer broke off'],
    ['wrong', 'nonsense', 'it is not JSON'],
    ['other', 'nonsense', 'its schema is not beralih.contract/1'],
    ['damaged', 'nonsense', 'contract.json: '],
    ['broken', 'broken', 'status 500'],
  ] as const)('its contract is %s: said, and the page goes on with the bundle beside it', async (kind, code, words) => {
    contract = kind
    const page = await visit(browser, english())
    expect(await run(page)).toBe(code)
    expect(await notice(page).innerText()).toContain(words)
    expect(await terminal(page)).toContain('GET bundle/contract.json')
    expect((await topFive(page))[0]).toMatchObject(['German shepherd', expect.stringMatching(/^0\.9/) as string, '–'])
    await page.context().close()
    contract = 'good'
  })

  test('without a bundle beside it, the contract of the last visit is used; on a first visit the failure is named', async () => {
    beside = false
    const page = await visit(browser, english())
    await run(page)
    expect(await terminal(page)).toContain('GET /api/contract')
    contract = 'wrong'
    expect(await run(page)).toBe('nonsense')
    expect(await terminal(page)).toContain('kept contract.json')
    expect((await topFive(page))[0]?.[0]).toBe('German shepherd')
    await page.context().close()
    const fresh = await visit(browser, english())
    expect(await run(fresh)).toBe('contract_invalid')
    expect(await notice(fresh).innerText()).toContain('it is not JSON')
    await fresh.context().close()
    contract = 'good'
    beside = true
  })

  test('its prediction is JSON of another shape: not shown, and said', async () => {
    classify = 'shape'
    const page = await visit(browser, english())
    expect(await run(page)).toBe('nonsense')
    expect(await notice(page).innerText()).toContain('predictions is missing')
    expect((await topFive(page))[0]).toMatchObject(['German shepherd', expect.any(String), '–'])
    await page.context().close()
    classify = 'drop'
  })
})

describe('storage', () => {
  test('a quota that is used up: the flow runs, and says that nothing is kept', async () => {
    const page = await visit(browser, english(), { serviceWorkers: 'block' })
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(english()).origin, quotaSize: 1_000_000 })
    classify = 'drop'
    await run(page)
    expect(await terminal(page)).toMatch(/edge\.onnx.*ok, downloaded, not kept/)
    expect(await notice(page).innerText()).toContain('could not be kept because storage is full or blocked')
    await page.context().close()
  })

  test.each([
    ['blocked', () => Object.defineProperty(window, 'caches', { get: () => { throw new DOMException('blocked', 'SecurityError') } })],
    ['full', () => undefined],
  ])('%s: the flow runs, nothing is kept, and that is said in both languages', async (kind, spoil) => {
    const page = await visit(browser, english(), { serviceWorkers: 'block' }) // it would fetch the worker past the route
    await page.evaluate(spoil)
    // The worker keeps the model: what is wrong with storage is wrong there.
    await page.route('**/pipeline.worker-*.js', async (route) => {
      const response = await route.fetch()
      const broken =
        kind === 'full'
          ? `Cache.prototype.put=()=>Promise.reject(new DOMException('full','QuotaExceededError'));`
          : `Object.defineProperty(self,'caches',{get(){throw new DOMException('blocked','SecurityError')}});`
      await route.fulfill({ response, body: broken + (await response.text()) })
    })
    classify = 'drop'
    await run(page)
    expect(await notice(page).innerText()).toContain('could not be kept because storage is full or blocked')
    expect(await terminal(page)).toMatch(/edge\.onnx.*ok, downloaded, not kept/)
    await page.getByRole('link', { name: 'Bahasa Indonesia' }).click()
    await page.waitForFunction(() => document.documentElement.lang === 'id')
    expect(await notice(page).innerText()).toContain('tidak dapat disimpan')
    expect(await page.locator('.side:not(.knobs)').innerText()).toContain('diunduh, tidak tersimpan')
    await page.context().close()
  })
})

describe('the model download', () => {
  const model = readFileSync(join(bundle, 'edge.onnx'))

  test('that breaks off resumes where it ended, and the whole is checked', async () => {
    const page = await visit(browser, english())
    const asked: (string | undefined)[] = []
    await page.route('**/edge.onnx', async (route) => {
      const range = route.request().headers().range
      asked.push(range)
      const from = Number(/\d+/.exec(range ?? '0'))
      const part = model.subarray(from, from + 8_000_000)
      const headers = range ? { 'Content-Range': `bytes ${from}-${from + part.length - 1}/${model.length}` } : {}
      await route.fulfill({ status: range ? 206 : 200, body: part, headers, contentType: 'application/octet-stream' })
    })
    await run(page)
    expect(asked).toEqual([undefined, 'bytes=8000000-', 'bytes=16000000-'])
    expect(await terminal(page)).toMatch(/edge\.onnx {2}22 410 868 B {2}sha256 [0-9a-f]{8} ok/)
    await page.context().close()
  })

  test.each(['Stop', 'a closed tab'])('is put aside by %s, and the next press asks for the rest alone', async (how) => {
    slowly = true
    ranges = []
    const page = await visit(browser, english())
    await page.locator('#run button').click()
    await page.waitForFunction(() => /edge\.onnx {2} *(1[5-9]|[2-9]\d) %/.test(document.querySelector('[role=log]')?.textContent ?? ''), null, { timeout: 30_000 * patience })
    if (how === 'Stop') {
      await page.locator('#run button').click()
      await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') === 'stopped')
    }
    const next = how === 'Stop' ? page : await page.context().newPage()
    if (next !== page) {
      await page.close()
      await next.goto(english())
      await next.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
    }
    slowly = false
    await run(next)
    const [, range] = ranges
    expect(ranges).toHaveLength(2)
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1])
    expect(from).toBeGreaterThan(1_000_000)
    expect((await terminal(next)).replaceAll(/(?<=\d) (?=\d{3})/g, '')).toContain(`resumed at ${from} B, kept`)
    expect((await topFive(next))[0]?.[0]).toBe('German shepherd')
    await next.context().close()
  })

  test('in two tabs happens once: the second waits, and finds what the first has kept', async () => {
    const first = await visit(browser, english())
    const second = await first.context().newPage()
    await second.goto(english())
    await second.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
    let downloads = 0
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await first.context().route('**/edge.onnx', async (route) => {
      downloads++
      await held
      await route.fulfill({ body: model, contentType: 'application/octet-stream' })
    })
    await first.locator('#run button').click()
    await first.waitForFunction(() => document.querySelector('[role=log]')?.textContent?.includes('edge.onnx'))
    await expect.poll(() => downloads).toBe(1)
    await second.locator('#run button').click()
    await second.waitForFunction(() => document.querySelector('[role=log]')?.textContent?.includes('waiting: another tab downloads it'))
    release()
    for (const tab of [first, second]) {
      await tab.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') !== 'running', null, { timeout: 60_000 })
      expect((await topFive(tab))[0]?.[0]).toBe('German shepherd')
    }
    expect(downloads).toBe(1)
    expect(await terminal(second)).toMatch(/edge\.onnx.*kept, 0 B downloaded/)
    await first.context().close()
  })
})
