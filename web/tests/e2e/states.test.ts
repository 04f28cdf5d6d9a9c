// With a server: axe in the states that a run passes through and ends in, what a screen reader hears of it, what the terminal and the
// receipt hand over, and the receipt replayed by the native program.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { beralih, bundle, launch, notice, objections, press, run, startSite, terminal, visit, patience, type Site } from './harness'

let browser: Browser
let site: Site
beforeAll(async () => {
  browser = await launch()
  site = await startSite()
})
afterAll(async () => {
  await browser.close()
  await site.stop()
})
const english = () => new URL('en/', site.url).href
const ended = (page: Page) => page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') !== 'running', null, { timeout: 60_000 })

describe('axe finds nothing', () => {
  test.each([[1440, 'light'], [320, 'dark']] as const)('while a run is under way, after it, after 412 and 429, and in an experiment with results: %i px, %s', { timeout: 120_000 * patience }, async (width, colorScheme) => {
    const page = await visit(browser, english(), { viewport: { width, height: 800 }, colorScheme })
    const clean = async (state: string) => expect(await objections(page), state).toEqual([])
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await page.route('**/edge.onnx', async (route) => {
      await held
      await route.continue()
    })
    await press(page)
    await page.waitForFunction(() => document.querySelector('[role=log]')?.textContent?.includes('edge.onnx'))
    await clean('while the model is downloaded')
    release()
    await ended(page)
    expect(await notice(page).getAttribute('data-notice')).toBe('done')
    await clean('done, with a server')

    await page.route('**/api/classify*', async (route) => {
      const response = await route.fetch({ headers: { ...route.request().headers(), 'beralih-contract': '0'.repeat(64) } })
      const body = (await response.json()) as { server_preprocessing: string }
      await route.fulfill({ response, json: { ...body, server_preprocessing: body.server_preprocessing.replace('bilinear', 'bicubic') } })
    })
    expect(await run(page)).toBe('contract_mismatch')
    await clean('412')
    await page.unroute('**/api/classify*')
    await page.route('**/api/classify*', (route) => route.fulfill({ status: 429, headers: { 'Retry-After': '7', 'Content-Type': 'application/problem+json' }, body: '{}' }))
    expect(await run(page)).toBe('overloaded')
    await clean('429')
    await page.unroute('**/api/classify*')

    const lab = page.locator('#experiment-stateful-notebook')
    await lab.locator('> summary').click()
    await lab.getByRole('button', { name: 'Normalise twice' }).click()
    await lab.locator('[data-lab=notebook]').waitFor()
    await lab.getByRole('button', { name: 'Ask the service 5 times' }).click()
    await lab.locator('[data-lab=service]').waitFor()
    const skewed = page.locator('#experiment-skewed-preprocessing')
    await skewed.locator('> summary').click()
    await skewed.getByRole('button', { name: 'Swap and compare' }).click()
    await skewed.locator('[data-lab=server-word]').waitFor()
    await clean('experiments with results')
    await page.context().close()
  })
})

test('a screen reader hears each step once, and the end; the terminal itself announces nothing', async () => {
  const page = await visit(browser, english())
  await page.evaluate(() => {
    const heard = ((window as unknown as { heard: string[] }).heard = [])
    const status = document.querySelector('#run [role=status]')
    // Several changes of one task are one sentence.
    new MutationObserver(() => {
      const text = status?.textContent?.trim() ?? ''
      if (text) (heard as string[]).push(text)
    }).observe(status ?? document.body, { childList: true, characterData: true, subtree: true })
  })
  expect(await run(page)).toBe('done')
  const heard = await page.evaluate(() => (window as unknown as { heard: string[] }).heard)
  const steps = heard.slice(0, -1)
  expect(new Set(steps).size).toBe(steps.length)
  expect(['Preflight.', 'Artifacts.', 'Load.', 'Input.', 'Forward.'].filter((step) => steps.includes(step))).toEqual(steps)
  expect(steps.length).toBeGreaterThanOrEqual(3) // a step of a millisecond may be over before it is drawn
  expect(heard.at(-1)).toMatch(/^Done\. The page and the server both predict German shepherd/)
  expect(await page.locator('[role=log]').getAttribute('aria-live')).toBe('off')
  await page.context().close()
})

test('the notebook’s buttons keep the focus while a cell runs', async () => {
  const page = await visit(browser, english())
  const lab = page.locator('#experiment-stateful-notebook')
  await lab.locator('> summary').click()
  const button = lab.getByRole('button', { name: 'Normalise twice' })
  await button.focus()
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.querySelector('.lab-cell .btn[aria-disabled=true]'))
  expect(await button.evaluate((element) => element === document.activeElement)).toBe(true)
  await page.keyboard.press('Enter') // not again while it runs
  await lab.locator('[data-lab=notebook]').waitFor()
  await page.waitForFunction(() => !document.querySelector('.lab-cell .btn[aria-disabled=true]'))
  expect(await button.evaluate((element) => element === document.activeElement)).toBe(true)
  expect(await lab.locator('[data-lab=notebook] tbody tr').count()).toBe(1)
  await page.context().close()
})

test('the terminal is copied as text; where the clipboard is closed, it is selected', async () => {
  const page = await visit(browser, english(), { permissions: ['clipboard-read', 'clipboard-write'] })
  expect(await run(page)).toBe('done')
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  await page.getByRole('button', { name: 'Copied', exact: true }).waitFor()
  const copied = await page.evaluate(() => navigator.clipboard.readText())
  const words = (text: string) => text.split(/\s+/).filter((word) => word && word !== '>')
  expect(words(copied)).toEqual(words(await terminal(page)))
  expect(copied).toMatch(/^> Ready\..*\n\d\.\d{3} page {3}preflight: /)
  await page.evaluate(() => (navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))))
  await page.getByRole('button', { name: 'Copied', exact: true }).click()
  await page.getByRole('button', { name: 'Selected: Ctrl+C' }).waitFor()
  expect(await page.evaluate(() => getSelection()?.toString())).toContain('preflight: ')
  await page.context().close()
})

describe('the receipt', () => {
  let page: Page
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'beralih-receipt-'))
    page = await visit(browser, english(), { permissions: ['clipboard-read', 'clipboard-write'] })
    expect(await run(page)).toBe('done')
    await page.locator('#experiment-receipt > summary').click()
    await page.locator('[data-lab=receipt]').waitFor()
  })
  afterAll(async () => {
    await page.context().close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('is copied whole', async () => {
    await page.getByRole('button', { name: 'Copy JSON' }).click()
    await page.getByText('Copied.', { exact: true }).waitFor()
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { schema: string; server: { request_id: string } }
    expect(copied.schema).toBe('beralih.receipt/1')
    expect(copied.server.request_id).not.toBe('')
  })

  test('stands there to be selected where the clipboard is closed, and that is said', async () => {
    await page.evaluate(() => (navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))))
    await page.getByRole('button', { name: 'Copy JSON' }).click()
    await page.getByText('may not use the clipboard here').waitFor()
    expect(JSON.parse(await page.locator('.lab-json').innerText())).toMatchObject({ schema: 'beralih.receipt/1' })
  })

  test('as downloaded, is computed again by the native program: the same; an altered one is not', { timeout: 120_000 * patience }, async () => {
    const downloaded = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download receipt.json' }).click()
    const file = join(folder, 'receipt.json')
    await (await downloaded).saveAs(file)
    const replay = (receipt: string) => promisify(execFile)(beralih, ['replay', receipt, '--bundle', bundle]).catch((error: { code: number; stdout: string }) => error)
    expect((await replay(file)).stdout).toMatch(/The prediction is the same\.\n$/)
    const altered = JSON.parse(readFileSync(file, 'utf8')) as { server: { predictions: { probability: number }[]; logits_sha256: string } }
    const first = altered.server.predictions[0]
    if (first) first.probability -= 0.25
    altered.server.logits_sha256 = '0'.repeat(64)
    writeFileSync(join(folder, 'altered.json'), JSON.stringify(altered))
    expect(await replay(join(folder, 'altered.json'))).toMatchObject({ code: 1, stdout: expect.stringContaining('The prediction is NOT the same.') as string })
  })
})
