// The experiments in front of a server in lab mode: run by it in real processes, followed by the page.
import type { Browser, Page } from 'playwright-core'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, sound, startNative, visit, watchErrors, web, type Native } from './harness'

let browser: Browser
let native: Native
let page: Page
beforeAll(async () => {
  browser = await launch()
  // Without a network the processes are as real, and the test is quick.
  native = await startNative(['--web', join(web, 'dist'), '--lab', '--engine', 'null'])
  page = await visit(browser, `${native.url}/en/`)
})
afterAll(async () => {
  await browser.close()
  await native.stop()
})

async function open(on: Page, id: string) {
  const lab = on.locator(`#experiment-${id}`)
  if (!(await lab.evaluate((element) => (element as HTMLDetailsElement).open))) await lab.locator('> summary').click()
  await lab.locator('.lab-body > *:not(.dim)').first().waitFor()
  return lab
}
const rows = async (on: Page, name: string) => (await on.locator(`[data-lab=${name}] tbody tr`).allInnerTexts()).map((row) => row.replaceAll(/\s+/g, ' '))

test('when to load: three server processes, each with its own number', async () => {
  const errors = watchErrors(page)
  const lab = await open(page, 'when-to-load')
  expect(await lab.innerText()).toContain('Live: run by this server')
  await lab.getByRole('button', { name: 'Load three ways in real servers' }).click()
  await lab.locator('[data-lab=live-reading]').waitFor({ timeout: 40_000 })
  const found = await rows(page, 'live-policies')
  expect(found.map((row) => row.match(/^(once|on every|on the first)/)?.[0])).toEqual(['once', 'on every', 'on the first'])
  const processes = (await lab.locator('figcaption').allInnerTexts()).map((caption) => /\(process (\d+)\)/.exec(caption)?.[1])
  expect(new Set(processes).size).toBe(3)
  expect(await lab.innerText()).not.toContain('recorded results are not part')
  // Nothing of the page's own model was needed.
  expect(await page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.onnx')).length)).toBe(0)
  sound(errors)
})

test('a server is killed under load: what was lost, and when it answered again', async () => {
  const lab = await open(page, 'failure')
  await lab.getByRole('button', { name: 'Break a real server' }).click()
  await lab.locator('[data-lab=live-reading]').waitFor({ timeout: 40_000 })
  const found = await rows(page, 'live-failure')
  const value = (name: string) => Number(found.find((row) => row.startsWith(name))?.match(/[\d,.]+$/)?.[0].replace(',', ''))
  expect(value('Answered ')).toBeGreaterThan(0)
  expect(value('until it has answered')).toBeGreaterThanOrEqual(value('until it is ready'))
  expect(await lab.locator('svg[role=img] .dot-refused').count()).toBe(value('Requests sent') - value('Answered ')) // each in the chart
})

describe('Python or C++', () => {
  test('a server without a Python service beside it offers no measurement', async () => {
    const lab = await open(page, 'python-or-cpp')
    await lab.locator('[data-lab=recorded], [data-lab=no-recorded]').first().waitFor()
    expect(await lab.getByRole('button', { name: 'Measure both services now' }).count()).toBe(0)
  })

  test('both services, as ./run.sh --with-python starts them, at one rate', async () => {
    // The other service answers the same address; without a network it is as quick, and which is which still shows.
    const other = await startNative(['--engine', 'null'])
    const beside = await startNative(['--web', join(web, 'dist'), '--lab', '--engine', 'null', '--lab-peer', `${other.url}/api/classify`])
    const asked = async () => Number(/^beralih_http_requests_total\{[^}]*classify[^}]*\} (\d+)/m.exec(await (await fetch(`${other.url}/metrics`)).text())?.[1] ?? 0)
    const visitor = await visit(browser, `${beside.url}/en/`)
    try {
      const errors = watchErrors(visitor)
      const before = await asked()
      const lab = await open(visitor, 'python-or-cpp')
      await lab.getByRole('button', { name: 'Measure both services now' }).click()
      await lab.locator('[data-lab=live-reading]').waitFor({ timeout: 50_000 })
      const found = await rows(visitor, 'live-python')
      expect(found.map((row) => /^(native server|inference_service\.py under uvicorn) [\d.,]+ [\d.,]+ [\d.,]+ [\d.,]+ [\d,]+$/.exec(row)?.[1])).toEqual(['native server', 'inference_service.py under uvicorn'])
      expect(await lab.locator('[data-lab=live-reading]').innerText()).toMatch(/At [\d,]+ requests per second, 99 of 100 answers took at most/)
      expect(await lab.locator('svg[role=img]').count()).toBe(2)
      expect(await asked()).toBeGreaterThan(before) // it was the other one that answered for Python
      sound(errors)
    } finally {
      await visitor.context().close()
      await beside.stop()
      await other.stop()
    }
  })
})

describe('the challenge', () => {
  test('runs the learner’s plan, finds the rate, then holds the one asked for', async () => {
    const lab = await open(page, 'challenge-run')
    await page.locator('input[name=replicas][value="2"]').check()
    expect(await lab.locator('[data-lab=live-plan]').innerText()).toContain('2 server processes')
    await lab.getByRole('spinbutton', { name: 'Seconds' }).fill('3')
    await lab.getByRole('button', { name: 'then run 50/s' }).click()
    await lab.locator('[data-lab=live-verdict]').waitFor({ timeout: 55_000 })
    expect(await lab.locator('[data-lab=live-verdict]').innerText()).toMatch(/the budget: p99 is \d/)
    expect(await lab.innerText()).toMatch(/This machine sustains [\d,]+ requests per second|sustains no rate/)
    const points = await lab.locator('svg[role=img]').locator('.dot, .dot-over, .dot-refused').count()
    expect(await lab.locator('[data-lab=live-verdict]').innerText()).toContain(`of ${points} requests`)
    expect((await rows(page, 'live-search')).length).toBeGreaterThan(0)
  })

  test('Stop ends it here and on the server; a second tab is told to wait', async () => {
    const lab = await open(page, 'challenge-run')
    await lab.getByRole('spinbutton', { name: 'Seconds' }).fill('60')
    await lab.getByRole('button', { name: 'then run' }).click()
    await lab.locator('svg[role=img]').first().waitFor()
    const other = await visit(browser, `${native.url}/`)
    const theirs = await open(other, 'failure')
    await theirs.getByRole('button', { name: 'Rusak server sungguhan' }).click()
    await theirs.getByText('Percobaan lain sedang berjalan di server ini').waitFor()
    await other.context().close()
    await lab.getByRole('button', { name: 'Stop' }).click()
    await lab.getByText('Stopped.').waitFor({ timeout: 3000 })
    const running = async () => ((await (await fetch(`${native.url}/api/lab`)).json()) as { running: string | null }).running
    await expect.poll(running, { timeout: 5000 }).toBe(null)
  })
})

test('altered events: what is shown follows them, and nonsense is not shown', async () => {
  const fresh = await visit(browser, `${native.url}/en/`)
  const events = [
    { type: 'server', policy: 'at-start', pid: 4242, ready_ms: 1234.5, line: '' },
    ...[1, 2].map((number) => ({ type: 'request', policy: 'at-start', number, ms: 77.7, status: 200 })),
  ]
  const answer = (state: string, more: object[]) => JSON.stringify({ id: 'made-up', experiment: 'when-to-load', state, events: more, next: more.length })
  await fresh.route('**/api/lab/runs', (route) => route.fulfill({ status: 202, contentType: 'application/json', body: answer('running', events) }))
  await fresh.route('**/api/lab/runs/made-up*', (route) => route.fulfill({ contentType: 'application/json', body: answer('running', [{ type: 'request', policy: 'never', ms: 1, number: 3 }]) }))
  const lab = await open(fresh, 'when-to-load')
  await lab.getByRole('button', { name: 'Load three ways' }).click()
  await lab.getByText('policy is unknown').waitFor()
  expect(await rows(fresh, 'live-policies')).toEqual(['once, at the start 1,234.5 77.7 77.7 2 / 2'])
  expect(await lab.innerText()).toContain('(process 4242)')
  await fresh.context().close()
})

test('fits 320 px, in Indonesian', async () => {
  const narrow = await visit(browser, `${native.url}/`, { viewport: { width: 320, height: 800 } })
  for (const id of ['when-to-load', 'failure', 'challenge-run']) await open(narrow, id)
  expect(await narrow.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
  await narrow.context().close()
})
