// Each experiment, opened and run in the built page, in front of a real server and without one.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, launch, repository, run, sound, startSite, visit, watchErrors, type Site } from './harness'

const golden = (JSON.parse(readFileSync(join(bundle, 'contract.json'), 'utf8')) as { golden: { image: string; tensor_sha256: string }[] }).golden
const tensorOf = (image: string) => golden.find((found) => found.image === `golden/${image}`)?.tensor_sha256.slice(0, 8) ?? ''

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

async function open(on: Page, id: string) {
  const lab = on.locator(`#experiment-${id}`)
  if (!(await lab.evaluate((element) => (element as HTMLDetailsElement).open))) await lab.locator('> summary').click()
  await lab.locator('.lab-body > *:not(.dim)').first().waitFor()
  return lab
}
const rows = async (on: Page, name: string) => (await on.locator(`[data-lab=${name}] tbody tr`).allInnerTexts()).map((row) => row.replaceAll(/\s+/g, ' '))

describe('skewed preprocessing', () => {
  test('another filter: other values, a first pixel, and the server’s own 412 that names the field', async () => {
    const errors = watchErrors(page)
    const lab = await open(page, 'skewed-preprocessing')
    await lab.locator('select').selectOption('bicubic')
    await lab.getByRole('button', { name: 'Swap and compare' }).click()
    await lab.locator('[data-lab=server-word]').waitFor()
    const [tensor, prediction, values, , first] = await rows(page, 'skewed')
    expect(tensor).toContain(tensorOf('dog2.jpg'))
    expect(tensor).toContain('different')
    expect(prediction?.match(/German shepherd/g)).toHaveLength(2)
    expect(values).toMatch(/of 154,587 \(/)
    expect(first).toMatch(/pixel \(\d+, \d+\), channel [RGB]: -?\d\.\d{4} became/)
    expect(await lab.locator('[data-lab=server-word]').innerText()).toMatch(/412 .*resize_filter, here .*bicubic.*, there .*bilinear/)
    expect(await lab.locator('.lab-reading').first().innerText()).toMatch(/% of the tensor’s values changed/)
    sound(errors)
  })

  test.each(['bgr', 'canvas', 'rounding', 'filter'])('%s is really done, in a page without a server too', async (kind) => {
    const lab = await open(page, 'skewed-preprocessing')
    // Where no half pixel arises, both ways of rounding give the same: dog2.jpg is such an image, coffee.png is not.
    const image = kind === 'rounding' ? 'coffee.png' : 'dog2.jpg'
    await page.locator(`input[value="golden/${image}"]`).check({ force: true })
    await lab.locator(`input[value=${kind}]`).check()
    if (kind === 'filter') await lab.locator('select').selectOption('bilinear') // the contract's own: nothing may differ
    await page.route('**/api/classify*', (route) => route.abort('connectionreset'))
    await lab.locator('[data-lab=server-word]').evaluate((word) => word.setAttribute('data-old', ''))
    await lab.getByRole('button', { name: 'Swap and compare' }).click()
    await page.waitForFunction(() => document.querySelector('[data-lab=server-word]:not([data-old])'))
    await page.unroute('**/api/classify*')
    const [tensor, , values] = await rows(page, 'skewed')
    expect(tensor).toContain(tensorOf(image))
    expect(values).toMatch(kind === 'filter' ? /differ 0 of 154,587/ : /differ [1-9][\d,]* of 154,587/)
  })
})

describe('the stateful notebook', () => {
  test('normalising twice changes the answer, the service never does', async () => {
    const lab = await open(page, 'stateful-notebook')
    await lab.getByRole('button', { name: 'Run cell: predict' }).click()
    await page.waitForFunction(() => document.body.innerText.includes("NameError: name 'x' is not defined"))
    await lab.getByRole('button', { name: 'Run all in order' }).click()
    await page.waitForFunction(() => document.querySelectorAll('[data-lab=notebook] tbody tr').length === 1)
    await lab.getByRole('button', { name: 'Normalise twice' }).click()
    await page.waitForFunction(() => document.querySelectorAll('[data-lab=notebook] tbody tr').length === 2)
    const [once, twice] = await rows(page, 'notebook')
    // In order, once: digit for digit the tensor of the research side.
    expect(once).toContain(`${tensorOf('dog2.jpg')} German shepherd`)
    expect(twice).not.toContain(tensorOf('dog2.jpg'))

    await lab.getByRole('button', { name: 'Ask the service 5 times' }).click()
    await page.waitForFunction(() => document.querySelectorAll('[data-lab=service] tbody tr').length === 5)
    const answers = (await rows(page, 'service')).map((row) => row.slice(2))
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain(tensorOf('dog2.jpg'))
    expect(await lab.innerText()).toContain('5 times: 1 tensor hash, 1 logits hash')
  })
})

describe('experiments that need a lab server or a recording', () => {
  test('say so, and show no number that nobody measured', async () => {
    const lab = await open(page, 'python-or-cpp')
    if (existsSync(join(repository, 'tests/bench/results/services.json'))) {
      await lab.locator('[data-lab=recorded]').waitFor()
      expect(await lab.innerText()).toMatch(/Recorded on .*\d{4}/s)
      return
    }
    expect(await lab.locator('[data-lab=no-recorded]').innerText()).toContain('recorded results are not part of this build')
    expect(await lab.locator('table, svg').count()).toBe(0)
  })

  test('when to load: the page’s own session, three ways', async () => {
    const lab = await open(page, 'when-to-load')
    await lab.getByRole('button', { name: 'Load three ways' }).click()
    await lab.locator('[data-lab=reading]').waitFor({ timeout: 50_000 })
    const numbers = (await rows(page, 'policies')).map((row) => row.match(/[\d,]+\.\d/g)?.map((value) => Number(value.replace(',', ''))) ?? [])
    const [start, each, first] = numbers
    expect(each?.[1]).toBeGreaterThan(1.3 * (start?.[1] ?? NaN)) // every request pays for the load
    expect(first?.[0]).toBeGreaterThan(1.3 * (first?.[1] ?? NaN)) // only the first does
    await expect.poll(() => lab.locator('.lab-plot').evaluateAll((plots) => plots.map((plot) => (plot as HTMLElement).dataset.points))).toEqual(['6', '6', '6'])
    await lab.getByText('The values as a table').click()
    expect(await rows(page, 'requests')).toHaveLength(6)
    expect(await lab.locator('.recorded [role=img]').count()).toBe(existsSync(join(repository, 'tests/bench/results/when-to-load.json')) ? 1 : 0)
  })

  test('failure: requests in the killed worker are lost, and the next one recovers', async () => {
    const lab = await open(page, 'failure')
    await lab.getByRole('button', { name: 'Kill the page’s worker' }).click()
    await lab.locator('[data-lab=failure]').waitFor({ timeout: 50_000 })
    const [, lost] = await rows(page, 'failure')
    expect(lost).toMatch(/ 3$/)
    expect(await run(page)).toBe('done') // the flow finds the new worker
  })
})

describe('the receipt', () => {
  test('holds what the run measured, and is a file', async () => {
    const lab = await open(page, 'receipt')
    expect(await lab.innerText()).toContain('beralih replay receipt.json')
    const downloaded = page.waitForEvent('download')
    await lab.getByRole('button', { name: 'Download' }).click()
    const receipt = JSON.parse(readFileSync(await (await downloaded).path(), 'utf8')) as Record<string, Record<string, unknown>>
    expect(receipt.schema).toBe('beralih.receipt/1')
    expect(receipt.tensor?.sha256).toBe(golden.find(({ image }) => image.endsWith('dog2.jpg'))?.tensor_sha256)
    expect(receipt.server?.tensor_sha256).toBe(receipt.tensor?.sha256)
    expect(receipt.server?.weights_sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(receipt.page?.versions).toMatchObject({ onnxruntime_web: expect.stringMatching(/^\d+\.\d+\.\d+/) as string })
  })
})

describe('the challenge', () => {
  test('refusals are counted as misses, with their wait; a single answer over 50 ms ends the search', async () => {
    const lab = await open(page, 'challenge-run')
    let asked = 0
    await page.context().route('**/api/classify*', async (route) => {
      asked++
      if (asked <= 6) {
        await new Promise((resolve) => setTimeout(resolve, 80))
        return route.continue()
      }
      return route.fulfill({ status: 429, headers: { 'Retry-After': '3', 'Content-Type': 'application/problem+json' }, body: '{}' })
    })
    await lab.getByRole('spinbutton', { name: 'Seconds' }).fill('2')
    await lab.getByRole('button', { name: 'Find the rate' }).click()
    await lab.locator('[data-lab=verdict]').waitFor({ timeout: 50_000 })
    await page.context().unroute('**/api/classify*')
    expect(await lab.locator('[data-lab=verdict]').innerText()).toMatch(/Misses the budget/)
    expect(await lab.innerText()).toContain('sustains no rate within 50 ms')
    expect(await lab.innerText()).toMatch(/\d+ requests were refused with 429, told to wait 3 s/)
    await lab.getByText('The values as a table').click()
    const refused = (await rows(page, 'seconds')).map((row) => Number(row.split(' ')[2]))
    expect(refused.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20)
  })

  test('against the real server: a verdict, a chart and its table', async () => {
    const lab = await open(page, 'challenge-run')
    await lab.getByRole('spinbutton', { name: 'Requests per second' }).fill('3')
    await lab.getByRole('spinbutton', { name: 'Seconds' }).fill('3')
    await lab.getByRole('button', { name: 'then run 3/s' }).click()
    await lab.getByRole('button', { name: 'Stop' }).waitFor()
    await lab.locator('[data-lab=verdict]').waitFor({ timeout: 50_000 })
    expect(await lab.locator('[data-lab=verdict]').innerText()).toMatch(/budget: p99 is \d/)
    await lab.getByText('The values as a table').click()
    expect(await rows(page, 'seconds')).toHaveLength(3)
  })

  test.each([
    ['Meets', 12, 'live'],
    ['Misses', 90, 'over'],
  ])('%s: the verdict is of the answers’ own times', async (verdict, ms, tone) => {
    // The page's load generator with a clock of its own: each answer takes what the test says.
    await page.evaluate((ms) => {
      const Real = window.Worker
      window.Worker = class extends Real {
        constructor(...given: ConstructorParameters<typeof Worker>) {
          super(...given)
          if (given[1]?.name !== 'beralih-load') return
          this.postMessage = ({ due }: { due: number[] }) => {
            const tell = (data: object) => this.onmessage?.(new MessageEvent('message', { data }))
            due.forEach((at, index) => tell({ kind: 'request', request: { index, due: at, sent: at, done: at + ms, outcome: 'ok', waitSeconds: null } }))
            tell({ kind: 'done' })
          }
        }
      }
      Object.assign(window, { restoreWorker: () => (window.Worker = Real) })
    }, ms)
    try {
      const lab = await open(page, 'challenge-run')
      await lab.getByRole('spinbutton', { name: 'Requests per second' }).fill('50')
      await lab.getByRole('spinbutton', { name: 'Seconds' }).fill('4')
      await lab.getByRole('button', { name: 'then run 50/s' }).click()
      await lab.getByRole('button', { name: 'Stop' }).waitFor()
      const shown = lab.locator('[data-lab=verdict]')
      await shown.waitFor({ timeout: 50_000 })
      expect(await shown.innerText()).toContain(`${verdict} the budget: p99 is ${ms}.0 ms`)
      expect(await shown.getAttribute('class')).toContain(tone)
      expect(await lab.locator('[data-lab=model]').innerText()).toContain('Nothing of your plan changes this run')
    } finally {
      await page.evaluate(() => (window as unknown as { restoreWorker: () => void }).restoreWorker())
    }
  })

  test('Stop ends it at once', async () => {
    const lab = await open(page, 'challenge-run')
    await lab.getByRole('spinbutton', { name: 'Seconds' }).fill('60')
    await lab.getByRole('button', { name: 'then run' }).click()
    await page.waitForTimeout(500)
    await lab.getByRole('button', { name: 'Stop' }).click()
    await lab.getByText('Stopped.').waitFor({ timeout: 3000 })
  })
})

describe('every lab', () => {
  test('fits 320 px in Indonesian, and is closed until it is opened', async () => {
    await page.getByRole('link', { name: 'Bahasa Indonesia' }).click()
    await page.waitForFunction(() => document.body.innerText.includes('Tukar lalu bandingkan'))
    await page.setViewportSize({ width: 320, height: 800 })
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
    const fresh = await visit(browser, site.url)
    expect(await fresh.locator('details.lab[open]').count()).toBe(0)
    await fresh.context().close()
  })
})
