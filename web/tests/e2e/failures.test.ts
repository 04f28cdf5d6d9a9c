import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Browser, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, choose, launch, notice, run, startSite, tensorOf, terminal, topFive, visit, type Site } from './harness'

let browser: Browser
let site: Site
let page: Page
beforeAll(async () => {
  browser = await launch()
  site = await startSite()
  page = await visit(browser, new URL('en/', site.url).href)
})
afterAll(async () => {
  await browser.close()
  await site.stop()
})

const dog = readFileSync(join(bundle, 'golden/dog2.jpg'))

describe('the model download', () => {
  const model = readFileSync(join(bundle, 'edge.onnx'))
  const answerWith = (body: Buffer) => (route: Route) => route.fulfill({ body, contentType: 'application/octet-stream' })
  const altered = Buffer.from(model)
  altered.writeUInt8(altered.readUInt8(9_000_000) ^ 1, 9_000_000)

  test.each([
    ['altered by one bit', altered, 'download_altered', 'not what the contract says'],
    ['cut short again and again', model.subarray(0, 1_000_000), 'download_cut', '1,000,000 of 22,410,868 bytes'],
  ])('%s is refused, worded, and retried on the next press', async (_, body, code, words) => {
    const fresh = await visit(browser, new URL('en/', site.url).href)
    await fresh.route('**/edge.onnx', answerWith(body))
    expect(await run(fresh)).toBe(code)
    expect(await notice(fresh).innerText()).toContain(words)
    expect(await terminal(fresh)).not.toContain('forward')
    await fresh.unroute('**/edge.onnx')
    expect(await run(fresh)).toBe('done')
    await fresh.context().close()
  })
})

describe('input', () => {
  const png = (width: number, height: number) => {
    const head = Buffer.from('89504e470d0a1a0a0000000d49484452000000000000000008020000000000000000', 'hex')
    head.writeUInt32BE(width, 16)
    head.writeUInt32BE(height, 20)
    return head
  }
  test.each([
    ['a text file named .jpg', 'notes.jpg', Buffer.from('this is no image\n'.repeat(100)), 'unsupported_format', 'notes.jpg is not a JPEG'],
    ['a truncated JPEG', 'cut.jpg', dog.subarray(0, 20_000), 'corrupt_image', 'cut.jpg ends early'],
    ['an empty file', 'empty.png', Buffer.alloc(0), 'empty_file', 'empty.png holds 0 bytes'],
    ['HEIC', 'IMG_1.HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), 'heic_image', 'is in HEIC/HEIF format'],
  ])('%s is worded', async (_, name, bytes, code, words) => {
    await choose(page, name, bytes)
    expect(await run(page)).toBe(code)
    expect(await notice(page).innerText()).toContain(words)
  })

  test('a header that announces a huge image is refused before any pixel', async () => {
    const whole = readFileSync(join(bundle, 'golden/coffee.png'))
    const huge = Buffer.from(whole)
    png(60_000, 60_000).copy(huge, 0, 0, 24)
    // The header's checksum has to fit, or it is damage that is found first.
    huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29)
    await choose(page, 'huge.png', huge, 'image/png')
    expect(await run(page)).toBe('image_too_large')
  })

  test('after all that the page goes on, and shows the picture again', async () => {
    expect(await page.locator('.own .shot').innerText()).toBe('no preview')
    await choose(page, 'dog2.jpg', dog)
    await page.locator('.own img').waitFor()
    expect(await run(page)).toBe('done')
    expect((await topFive(page))[0]?.[0]).toBe('German shepherd')
  })
})

describe('the server', () => {
  const classify = '**/api/classify*'
  const problem = (status: number, body: object, headers: Record<string, string> = {}) => (route: Route) =>
    route.fulfill({ status, body: JSON.stringify(body), headers: { 'Content-Type': 'application/problem+json', ...headers } })

  async function runWith(handler: (route: Route) => Promise<void>, timeout?: number) {
    await page.route(classify, handler)
    const code = await run(page, timeout)
    await page.unroute(classify)
    // Whatever the server does, the page has its own prediction.
    expect((await topFive(page))[0]).toMatchObject(['German shepherd', expect.stringMatching(/^0\.9/), '–'])
    return { code, text: await notice(page).innerText() }
  }

  test.each([
    [500, {}, 'broken', 'answered with status 500'],
    [429, { 'Retry-After': '7' }, 'overloaded', 'Try again in 7 s'],
    [401, {}, 'key_needed', 'asked for an API key (status 401)'],
    [503, { 'Retry-After': '2' }, 'not_ready', 'Try again in 2 s'],
    [413, {}, 'refused_image', 'Status 413: because of a reason'],
  ])('answers %i', async (status, headers, code, words) => {
    const shown = await runWith(problem(status, { detail: 'because of a reason' }, headers))
    expect(shown.code).toBe(code)
    expect(shown.text).toContain(words)
  })

  test('answers nonsense', async () => {
    const shown = await runWith((route) => route.fulfill({ status: 200, body: '<h1>It works!</h1>' }))
    expect(shown).toMatchObject({ code: 'nonsense', text: expect.stringContaining('Is it a Beralih server') })
  })

  test('preprocesses under another contract: 412, and the first field that differs', async () => {
    // The server's own 412, to a header that the page did not send.
    const shown = await runWith(async (route) => {
      const headers = { ...route.request().headers(), 'beralih-contract': '0'.repeat(64) }
      const response = await route.fetch({ headers })
      const body = (await response.json()) as { server_preprocessing: string }
      body.server_preprocessing = body.server_preprocessing.replace('bilinear', 'bicubic')
      await route.fulfill({ response, json: body })
    })
    expect(shown.code).toBe('contract_mismatch')
    expect(shown.text).toMatch(/resize_filter.*page .*bilinear.*server .*bicubic/)
  })

  test('is too slow: 20 s, then the page says so', { timeout: 60_000 }, async () => {
    const shown = await runWith(async () => new Promise<void>(() => undefined), 40_000)
    expect(shown.code).toBe('timeout')
    expect(shown.text).toContain('within 20 seconds')
  })

  test('closes the connection', async () => {
    const shown = await runWith((route) => route.abort('connectionreset'))
    expect(shown.code).toBe('absent')
  })

  test('is stopped after the first run: the page predicts alone, and says so in both languages', async () => {
    await page.locator('input[value="golden/dog2.jpg"]').check({ force: true })
    expect(await run(page)).toBe('done')
    await site.stopNative()
    expect(await run(page)).toBe('absent')
    expect(await notice(page).innerText()).toContain('The page predicted alone.')
    expect(await page.locator('[data-evidence=availability]').innerText()).toContain('the page still predicted')
    expect(await tensorOf(page, 'page')).toMatch(/^[0-9a-f]{64}$/)
    expect(await tensorOf(page, 'server')).toBe('–')
    await page.getByRole('link', { name: 'Bahasa Indonesia' }).click()
    await page.waitForFunction(() => document.documentElement.lang === 'id')
    expect(await notice(page).innerText()).toContain('Halaman memprediksi sendiri.')
  })
})
