// What the inspector shows of the network and of the contract, from both sides and from the page alone.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle, choose, launch, run, startSite, terminal, visit, type Site } from './harness'

interface Loaded {
  layers: { name: string; parameters: number }[]
}

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

const stages = async () => (await page.locator('.net-stages tbody tr').allInnerTexts()).map((row) => row.replaceAll(/\s+/g, ' ').trim())
const boxes = (kind: string) => page.locator(`.drawing .box.${kind}`).count()

test('the network as both sides loaded it: every stage, and int8 told from float32', async () => {
  expect(await page.locator('.drawing').count()).toBe(0)
  const height = await page.locator('.insp').evaluate((element) => element.getBoundingClientRect().height)
  expect(await run(page)).toBe('done')
  await page.locator('.drawing svg').waitFor()
  expect(Math.abs((await page.locator('.insp').evaluate((element) => element.getBoundingClientRect().height)) - height)).toBeLessThan(2)
  expect(await stages()).toEqual([
    '1 stem 64 × 111 × 111 – 9,472 float32 9,472 float32',
    '2 stages.0 64 × 55 × 55 3 221,568 float32 221,568 float32',
    '3 stages.1 128 × 27 × 27 4 1,106,944 int8 1,106,944 float32',
    '4 stages.2 256 × 13 × 13 6 6,786,048 int8 6,786,048 float32',
    '5 stages.3 512 × 6 × 6 3 12,979,200 int8 12,979,200 float32',
    '6 fc 1,000 – 513,000 int8 513,000 float32',
  ])
  // 34 layers a side; in the page the stem and the first stage are float32.
  expect([await boxes('full'), await boxes('small'), await boxes('differs')]).toEqual([34 + 7, 27, 0])
  expect(await page.locator('.skip-arc').count()).toBe(16 + 1) // and the key's
})

test('each artifact that is loaded stands there with what both sides know of it', async () => {
  const { artifacts, load, server } = (await (await fetch(new URL('api/artifacts', site.url))).json()) as {
    artifacts: { role: string; path: string; bytes: number; sha256: string }[]
    load: { program: number; attach: number }
    server: { libtorch: string }
  }
  const groups = await page.locator('.side:not(.knobs) tbody').evaluateAll((bodies) =>
    bodies.map((body) => [...body.querySelectorAll('tr')].map((row) => [...row.querySelectorAll('th, td')].map((cell) => cell.textContent?.trim() ?? ''))),
  )
  const row = (group: string, name: string) => groups.find(([head]) => head?.[0] === group)?.find(([first]) => first === name)?.slice(1, 3)
  const architecture = artifacts.find(({ role }) => role === 'architecture')
  const oneDigit = (ms: number) => new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(ms)
  expect(row('architecture', 'File')).toEqual(['in edge.onnx', 'architecture.pt'])
  expect(row('architecture', 'Bytes')).toEqual(['–', '22,605'])
  expect(row('architecture', 'SHA-256')?.[1]).toBe(`${architecture?.sha256.slice(0, 8)} ${architecture?.sha256.slice(8, 16)}`)
  expect(row('architecture', 'Loaded in, ms')).toEqual(['–', oneDigit(load.program)])
  expect(row('architecture', 'Tensor in')).toEqual(['input: 1×3×227×227 float32', 'input: N×3×227×227 float32'])
  expect(row('architecture', 'Tensor out')).toEqual(['logits: 1×1000 float32', 'logits: N×1000 float32'])
  expect(row('model', 'Type')).toEqual(['float32, int8', 'float32'])
  expect(row('model', 'Loaded in, ms')).toEqual([expect.stringMatching(/^[\d,]+\.\d$/), oneDigit(load.attach)])
  expect(row('runtime', 'Library')).toEqual([expect.stringMatching(/^onnxruntime-web \d/), `libtorch ${server.libtorch}`])
  expect(row('runtime', 'Bytes')).toEqual(['14,239,897', '–'])
  // Measured by the browser in its own time: the page with its worker and what that has loaded.
  const memory = () => page.locator('.side:not(.knobs) tr', { hasText: 'Memory' }).locator('td').first().innerText()
  await expect.poll(memory, { timeout: 40_000 }).toMatch(/^[\d,]+\.\d MB$/)
  expect(Number((await memory()).replace(/[^\d.]/g, ''))).toBeGreaterThan(20)
})

test('the tensors are the server’s own, found by words and sorted by a column', async () => {
  const { layers } = (await (await fetch(new URL('api/artifacts', site.url))).json()) as Loaded
  await page.locator('.layers summary').click()
  const names = () => page.locator('.layers tbody th').allInnerTexts()
  expect(await names()).toEqual(layers.map(({ name }) => name))
  await page.getByRole('searchbox').fill('stages.3 conv2 weight')
  expect(await names()).toEqual(['stages.3.0.conv2.weight', 'stages.3.1.conv2.weight', 'stages.3.2.conv2.weight'])
  expect(await page.locator('.find [role=status]').innerText()).toBe('3 of 68 tensors')
  await page.getByRole('searchbox').fill('nothing like it')
  expect(await page.locator('.find [role=status]').innerText()).toContain('No tensor matches')
  await page.getByRole('searchbox').fill('')
  await page.getByRole('button', { name: 'Parameters' }).click()
  await page.getByRole('button', { name: 'Parameters' }).press('Enter') // falling, by keyboard
  expect(await page.locator('.layers [aria-sort]').getAttribute('aria-sort')).toBe('descending')
  const largest = Math.max(...layers.map(({ parameters }) => parameters))
  expect(layers.find(({ name }) => name === 'stages.3.0.conv2.weight')?.parameters).toBe(largest)
  expect((await names())[0]).toBe('stages.3.0.conv2.weight')
})

test('every knob of the contract, and the one that a server sets otherwise', async () => {
  const knob = async (name: string) => (await page.locator('.knobs tbody tr', { hasText: name }).locator('td').allInnerTexts()).slice(0, 2)
  const { preprocessing } = JSON.parse(readFileSync(join(bundle, 'contract.json'), 'utf8')) as { preprocessing: Record<string, unknown> }
  expect(await knob('image_mean')).toEqual(Array(2).fill((preprocessing.image_mean as number[]).join(', ')))
  expect(await knob('resize_filter')).toEqual(['bilinear', 'bilinear'])
  expect(await page.locator('.knobs .over').count()).toBe(0)
  await page.route('**/api/classify*', async (route) => {
    const response = await route.fetch({ headers: { ...route.request().headers(), 'beralih-contract': '0'.repeat(64) } })
    const body = (await response.json()) as { server_preprocessing: string }
    await route.fulfill({ response, json: { ...body, server_preprocessing: body.server_preprocessing.replace('bilinear', 'bicubic') } })
  })
  expect(await run(page)).toBe('contract_mismatch')
  expect(await knob('resize_filter')).toEqual(['bilinear', 'bicubic'])
  expect(await page.locator('.knobs td.over').allInnerTexts()).toEqual(['bicubic'])
  await page.unroute('**/api/classify*')
})

test('the crop’s frame on the original, for a picture that is cut at its sides', async () => {
  await choose(page, 'dog1.jpg', readFileSync(join(bundle, 'golden/dog1.jpg')))
  expect(await run(page)).toBe('done')
  const [frame, picture] = await Promise.all(['.pair .cut', '.pair img'].map((part) => page.locator(part).boundingBox()))
  const { input } = (await page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('.pair canvas')
    return { input: [canvas?.width, canvas?.height] }
  }))
  expect(input).toEqual([227, 227])
  expect((frame?.width ?? 0) / (frame?.height ?? 1)).toBeCloseTo(1, 1)
  expect((frame?.height ?? 0) / (picture?.height ?? 1)).toBeCloseTo(227 / 259, 1)
})

test('without the server’s record the page draws its own half', async () => {
  await page.route('**/api/artifacts', (route) => route.fulfill({ status: 404, body: '' }))
  expect(await run(page)).toBe('done')
  expect(await terminal(page)).toContain('GET /api/artifacts')
  expect((await stages())[2]).toBe('3 stages.1 128 × 27 × 27 4 1,106,944 int8 –')
  expect(await boxes('full')).toBe(7)
  await page.unroute('**/api/artifacts')
})
