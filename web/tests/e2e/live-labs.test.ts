// The experiments in front of a server in lab mode: run by it in real processes, followed by the page.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { loadLabContent } from '../../content/experiments'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, objections, repository, sound, startNative, visit, watchErrors, web, type Native } from './harness'

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
/** How many points each live chart of an experiment shows, once it shows them all. */
async function drawn(lab: Locator): Promise<number[]> {
  await lab.page().waitForTimeout(1200) // the chart draws at its own pace
  return lab.locator('.lab-plot').evaluateAll((plots) => plots.map((plot) => Number((plot as HTMLElement).dataset.points)))
}
/** Columns of the table behind a load's chart, added up; one of zeros is not there, and the caption says so. */
async function sums(lab: Locator, position = 0): Promise<{ requests: number; refused: number; failed: number }> {
  const table = lab.locator('[data-lab=seconds]').nth(position)
  const texts = (selector: string) => table.locator(selector).evaluateAll((found) => found.map((row) => [...row.children].map((cell) => (cell as HTMLElement).innerText)))
  const [[heads = []], cells, { common, challenge }] = [await texts('thead tr'), await texts('tbody tr'), await loadLabContent('en')]
  const sum = (name: string) => {
    const column = heads.indexOf(name)
    return column < 0 ? 0 : cells.reduce((sum, row) => sum + Number(row[column]?.replaceAll(',', '')), 0)
  }
  const [refused, failed] = [sum(challenge.refusedColumn), sum(challenge.failedColumn)]
  const said = refused && failed ? '' : refused ? common.none.failed : failed ? common.none.refused : common.none.both
  expect(await table.locator('caption').innerText()).toContain(said)
  return { requests: sum(challenge.requests), refused, failed }
}

test('when to load: three server processes, each with its own number', async () => {
  const errors = watchErrors(page)
  const lab = await open(page, 'when-to-load')
  expect(await lab.innerText()).toContain('Live: run by this server')
  await lab.getByRole('button', { name: 'Load three ways in real servers' }).click()
  await lab.locator('[data-lab=live-reading]').waitFor({ timeout: 40_000 })
  const found = await rows(page, 'live-policies')
  expect(found.map((row) => row.match(/^(once|on every|on the first)/)?.[0])).toEqual(['once', 'on every', 'on the first'])
  const processes = /process of its own \((\d+), (\d+), (\d+)\)/.exec(await lab.locator('[data-lab=live-policies] caption').innerText())?.slice(1)
  expect(new Set(processes).size).toBe(3)
  expect(await lab.innerText()).not.toContain('recorded results are not part')
  // Every drawn request stands in the table behind the charts.
  expect(await drawn(lab)).toEqual([8, 8, 8])
  await lab.getByText('The values as a table').click()
  const each = await rows(page, 'requests')
  expect(each).toHaveLength(8)
  for (const row of each) expect(row).toMatch(/^\d( [\d,]+\.\d){3}$/)
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
  expect(await drawn(lab)).toEqual([value('Requests sent')])
  await lab.getByText('The values as a table').click()
  const { requests: sent, refused, failed } = await sums(lab)
  expect(sent).toBe(value('Requests sent'))
  expect(refused + failed).toBe(value('Requests sent') - value('Answered ')) // each a cross in the chart
})

describe('Python or C++', () => {
  test('a server without a Python service beside it offers no measurement', async () => {
    const lab = await open(page, 'python-or-cpp')
    await lab.locator('[data-lab=recorded], [data-lab=no-recorded]').first().waitFor()
    expect(await lab.getByRole('button', { name: 'Measure both services now' }).count()).toBe(0)
    // It is in lab mode: to say that one is needed would be wrong.
    const { recorded: words } = await loadLabContent('en')
    const said = await lab.innerText()
    expect(said).not.toContain(words.needsLab)
    expect([words.needsPeer, words.nonePeer].filter((sentence) => said.includes(sentence))).toHaveLength(1)
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
      const requests = found.map((row) => Number(row.split(' ').at(-1)?.replace(',', '')))
      expect(await drawn(lab)).toEqual(requests)
      for (const [position, summary] of (await lab.getByText('The values as a table').all()).entries()) {
        await summary.click()
        expect((await sums(lab, position)).requests).toBe(requests[position])
      }
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
    const [points = 0] = await drawn(lab)
    expect(await lab.locator('[data-lab=live-verdict]').innerText()).toContain(`of ${points} requests`)
    await lab.getByText('The values as a table').click()
    expect((await sums(lab)).requests).toBe(points)
    // Where one request alone is over the budget, as on a machine that is busy otherwise, there is nothing to search.
    if ((await rows(page, 'live-search')).length === 0) expect(await lab.innerText()).toContain('sustains no rate within 50 ms')
  })

  test('Stop ends it here and on the server; a second tab is told to wait', async () => {
    const lab = await open(page, 'challenge-run')
    await lab.getByRole('spinbutton', { name: 'Seconds' }).fill('60')
    await lab.getByRole('button', { name: 'then run' }).click()
    await lab.locator('.lab-plot').first().waitFor()
    const other = await visit(browser, `${native.url}/`)
    const theirs = await open(other, 'failure')
    await theirs.getByRole('button', { name: 'Ganggu server sungguhan' }).click()
    await theirs.getByText('Percobaan lain sedang berjalan di server ini').waitFor()
    await other.context().close()
    await lab.getByRole('button', { name: 'Stop' }).click()
    await lab.getByText('Stopped.').waitFor({ timeout: 3000 })
    const running = async () => ((await (await fetch(`${native.url}/api/lab`)).json()) as { running: string | null }).running
    await expect.poll(running, { timeout: 5000 }).toBe(null)
  })
})

describe('a run whose events are given', () => {
  /** A challenge as a server tells it: 50 requests a second, each answered after `ms`, or refused. */
  function challenge(seconds: number, rate: number, answer: (index: number) => { ms: number; status: number }) {
    const count = seconds * rate
    const due = Array.from({ length: count }, (_, index) => (index * 1000) / rate)
    const answers = due.map((_, index) => answer(index))
    const samples = []
    for (let from = 0; from < count; from += 500) {
      const part = due.slice(from, from + 500)
      samples.push({ type: 'samples', phase: 'hold', due: part, sent: part, done: part.map((at, i) => at + (answers[from + i]?.ms ?? 0)), status: part.map((_, i) => answers[from + i]?.status) })
    }
    return [{ type: 'single', ms: 9 }, { type: 'found', rate }, { type: 'phase', phase: 'hold', rate, seconds, requests: count }, ...samples, { type: 'result', claim: true }]
  }
  /** A visitor whose next runs are told these events. */
  async function told(events: object[], address = 'en/') {
    const visitor = await visit(browser, `${native.url}/${address}`)
    const body = JSON.stringify({ id: 'made-up', experiment: 'challenge', state: 'done', events, next: events.length })
    await visitor.route('**/api/lab/runs', (route) => route.fulfill({ status: 202, contentType: 'application/json', body }))
    return visitor
  }
  const start = async (visitor: Page) => {
    const lab = await open(visitor, 'challenge-run')
    await lab.getByRole('button', { name: 'then run 50/s' }).click()
    await lab.locator('[data-lab=live-verdict]').waitFor()
    return lab
  }
  const scripts = (visitor: Page) => visitor.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => /\/plot-[\w-]+\.js$/.test(name)).length)
  /** How many of a chart's pixels have exactly the colour that the style sheet gives this token now. */
  const pixels = (lab: Locator, token: string) =>
    lab.locator('.lab-plot').evaluate((plot, token) => {
      const probe = plot.appendChild(document.createElement('i'))
      probe.style.color = `var(${token})`
      const wanted = getComputedStyle(probe).color.match(/\d+/g)?.map(Number) ?? []
      probe.remove()
      const canvas = plot.querySelector('canvas')
      const { data } = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: new Uint8ClampedArray() }
      let found = 0
      for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255 && wanted.every((value, channel) => data[at + channel] === value)) found++
      return found
    }, token)

  test('Meets: every answer in time', async () => {
    const visitor = await told(challenge(4, 50, () => ({ ms: 12, status: 200 })))
    const errors = watchErrors(visitor)
    const early = await open(visitor, 'challenge-run')
    expect(await scripts(visitor)).toBe(0) // nothing of the chart before there is a run
    expect(await early.locator('canvas').count()).toBe(0)
    const lab = await start(visitor)
    expect(await lab.locator('[data-lab=live-verdict]').innerText()).toMatch(/^Meets the budget: p99 is 12\.0 ms.* 0 of 200 requests/)
    expect(await lab.locator('[data-lab=live-verdict]').getAttribute('class')).toContain('live')
    expect(await drawn(lab)).toEqual([200])
    expect(await scripts(visitor)).toBe(1)
    expect(await pixels(lab, '--live')).toBeGreaterThan(200)
    await lab.getByText('The values as a table').click()
    expect(await rows(visitor, 'seconds')).toEqual([1, 2, 3, 4].map((second) => `${second} 50 12.0 12.0`))
    sound(errors)
    await visitor.context().close()
  })

  test('Misses: answers too late, and refusals are no answers in time', async () => {
    const late = await told(challenge(4, 50, (index) => ({ ms: index % 25 === 0 ? 90 : 12, status: 200 })))
    const lab = await start(late)
    expect(await lab.locator('[data-lab=live-verdict]').innerText()).toMatch(/^Misses the budget: p99 is 90\.0 ms.* 8 of 200 requests/)
    expect(await lab.locator('[data-lab=live-verdict]').getAttribute('class')).toContain('over')
    await late.context().close()

    const refusing = await told(challenge(4, 50, (index) => (index % 10 === 0 ? { ms: 1, status: 429 } : { ms: 12, status: 200 })))
    const other = await start(refusing)
    expect(await other.locator('[data-lab=live-verdict]').innerText()).toMatch(/^Misses the budget: p99 is 12\.0 ms.* 20 of 200 requests/)
    await other.getByText('The values as a table').click()
    expect(await sums(other)).toEqual({ requests: 200, refused: 20, failed: 0 })
    await refusing.context().close()
  })

  test('a minute at 300 requests a second is one canvas, with its name, in both schemes and without axe’s objection', async () => {
    const visitor = await told(challenge(60, 300, (index) => ({ ms: 5 + (index % 100), status: 200 })))
    const lab = await start(visitor)
    expect(await drawn(lab)).toEqual([18_000])
    const chart = lab.getByRole('img', { name: 'Latency of each request from its scheduled time, at 300 requests per second' })
    expect(await chart.locator('canvas').count()).toBe(1)
    expect(await lab.locator('.lab-chart').first().evaluate((figure) => figure.querySelectorAll('*').length)).toBeLessThan(60)
    for (const scheme of ['dark', 'light']) {
      await visitor.evaluate((scheme) => (document.documentElement.dataset.theme = scheme), scheme)
      await visitor.waitForTimeout(300)
      for (const token of ['--live', '--over']) expect(await pixels(lab, token), `${scheme} ${token}`).toBeGreaterThan(200)
    }
    expect(await objections(visitor)).toEqual([])
    // A narrower window gets a narrower chart, not a wider page.
    await visitor.setViewportSize({ width: 320, height: 800 })
    await visitor.waitForTimeout(300)
    expect(await visitor.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
    expect(await chart.evaluate((plot) => Math.abs((plot.querySelector('canvas')?.clientWidth ?? 0) - plot.clientWidth))).toBeLessThan(2)
    await visitor.context().close()
  })
})

describe('what the challenge says of itself', () => {
  const shown = (page: Page) => page.locator('#experiment-challenge-run [data-lab=model]').innerText()

  test('the loaded model and its bytes, what of the plan counts, and that a recording is no live run', async () => {
    const { recorded: words, challenge } = await loadLabContent('en')
    const fresh = await visit(browser, `${native.url}/en/`)
    const lab = await open(fresh, 'challenge-run')
    const { name } = (await (await fetch(`${native.url}/api/contract`)).json()) as { name: string }
    const { artifacts } = (await (await fetch(`${native.url}/api/artifacts`)).json()) as { artifacts: { role: string; bytes: number }[] }
    const bytes = artifacts.find(({ role }) => role === 'weights')?.bytes ?? 0
    await lab.locator('[data-lab=model]').waitFor()
    expect(await shown(fresh)).toContain(`${name}: ${bytes.toLocaleString('en')} bytes`)
    expect(await shown(fresh)).toContain(challenge.model.planChanges)
    await lab.locator('input[name=lab-target][value=server]').check()
    expect(await shown(fresh)).toContain(challenge.model.planNothing)
    await lab.locator('[data-recorded=challenge-gpu] > *').first().waitFor()
    expect(await lab.innerText()).not.toContain(words.needsLab)
    const cards = readdirSync(join(repository, 'tests/bench/results')).filter((file) => file.endsWith('.json') && readFileSync(join(repository, 'tests/bench/results', file), 'utf8').includes('"challenge-gpu"'))
    const card = await lab.locator('[data-recorded=challenge-gpu]').innerText()
    if (cards.length > 0) expect(card).toContain(words.onCard)
    else expect(card).toBe(words.noneCard)
    await fresh.context().close()
  })

  test('a small model is not the task’s, the stand-in is called one, and what cannot be read is not named', async () => {
    const { challenge } = await loadLabContent('en')
    for (const [name, bytes, sentence] of [
      ['resnet34-1gb', 1_040_634_528, challenge.model.standIn],
      ['some-classifier', 86_471_200, challenge.model.smaller('some-classifier')],
      ['', 0, challenge.model.unknown],
    ] as const) {
      const fresh = await visit(browser, `${native.url}/en/`)
      await fresh.route('**/api/contract', (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(name ? { name } : {}) }))
      const record = (await (await fetch(`${native.url}/api/artifacts`)).json()) as { artifacts: { role: string }[] }
      const artifacts = record.artifacts.map((file) => (file.role === 'weights' ? { ...file, bytes } : file))
      await fresh.route('**/api/artifacts', (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify({ ...record, artifacts }) }))
      const lab = await open(fresh, 'challenge-run')
      await lab.locator('[data-lab=model]').waitFor()
      expect(await shown(fresh)).toContain(sentence)
      if (name) expect(await shown(fresh)).toContain(`${name}: ${bytes.toLocaleString('en')} bytes`)
      await fresh.context().close()
    }
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
  expect(await lab.locator('[data-lab=live-policies] caption').innerText()).toContain('process of its own (4242)')
  await fresh.context().close()
})

test('fits 320 px, in Indonesian', async () => {
  const narrow = await visit(browser, `${native.url}/`, { viewport: { width: 320, height: 800 } })
  for (const id of ['when-to-load', 'failure', 'challenge-run']) await open(narrow, id)
  expect(await narrow.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
  await narrow.context().close()
})
