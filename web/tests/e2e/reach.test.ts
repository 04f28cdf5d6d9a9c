// Beyond the first visit and beyond its own window: offline, and in another page's frame.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, notice, run, startSite, topFive, visit, type Site } from './harness'

let browser: Browser
let site: Site
beforeAll(async () => {
  browser = await launch()
  site = await startSite({ native: false })
})
afterAll(async () => {
  await browser.close()
  await site.stop()
})

test('after one visit with a run, the page opens, changes its language and predicts without a network', async () => {
  const page = await visit(browser, site.url)
  await page.locator('[data-reach=kept]').waitFor({ state: 'attached' })
  expect(await run(page)).toBe('absent')
  const listed = () =>
    page.evaluate(async () => {
      const names = (await caches.keys()).filter((name) => name.startsWith('beralih-page '))
      const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()))
      return { names, paths: requests.flat().map(({ url }) => new URL(url).pathname) }
    })
  await expect.poll(async () => (await listed()).paths.filter((path) => path.endsWith('.wasm')).length, { timeout: 20_000 }).toBe(3) // two builds of the core, and the runtime
  await expect.poll(async () => (await listed()).paths.some((path) => path.includes('pipeline.worker'))).toBe(true)
  const { names, paths } = await listed()
  expect(names).toHaveLength(1)
  const kept = paths.filter((path) => /^\/(api|v2|bundle)|onnx/.test(path)).sort()
  expect(kept).toEqual(['chelsea.png', 'coffee.png', 'dog1.jpg', 'dog2.jpg'].map((name) => `/bundle/golden/${name}`))

  await page.context().setOffline(true)
  await page.reload()
  await page.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
  await page.locator('#run-button').click()
  await expect.poll(() => notice(page).getAttribute('data-notice'), { timeout: 30_000 }).toBe('absent')
  expect((await topFive(page))[0]?.[0]).toBe('German shepherd')
  // A sample that was never run: kept all the same.
  await page.locator('input[value="golden/coffee.png"]').check({ force: true })
  expect(await run(page)).toBe('absent')
  expect((await topFive(page))[0]?.[0]).toBe('espresso')
  expect(await page.locator('.samples img').evaluateAll((all) => all.every((img) => (img as HTMLImageElement).naturalWidth > 0))).toBe(true)
  await page.goto(new URL('en/', site.url).href)
  expect(await page.locator('h1').innerText()).toContain('Moving to Production')
  await page.locator('#experiment-skewed-preprocessing > summary').click()
  await page.getByRole('button', { name: 'Swap and compare' }).waitFor()
  await page.context().close()
})

test('while there is a network, a page comes from it: no stale code', async () => {
  const page = await visit(browser, site.url)
  await page.locator('[data-reach=kept]').waitFor({ state: 'attached' })
  await page.context().route(site.url, async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: (await response.text()).replace('<title>', '<title>New ') })
  })
  await page.reload()
  expect(await page.title()).toMatch(/^New /)
  await page.context().close()
})

test('a frame tells its height and what was done to the page that its address names, and to no other', async () => {
  const host = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const frame = `${site.url}en/?embed=${url.searchParams.get('embed') ?? ''}`
    response.setHeader('Content-Type', 'text/html')
    response.end(`<script>heard=[];addEventListener('message',({data,origin})=>heard.push({...data,origin}))</script><iframe src="${frame}" style="width:900px;height:700px"></iframe>`)
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(host.address() as AddressInfo).port}`
  interface Heard {
    type: string
    height?: number
    statement?: { verb: { id: string } }
    origin: string
  }
  try {
    const framed = async (embed: string) => {
      const page = await (await browser.newContext()).newPage() // a new one each time: a service worker is not routed
      // What --allow-embed does.
      await page.route(`${site.url}en/**`, async (route) => {
        const response = await route.fetch()
        const headers = { ...response.headers() }
        headers['content-security-policy'] = headers['content-security-policy']?.replace("frame-ancestors 'none'", `frame-ancestors ${origin}`) ?? ''
        await route.fulfill({ response, headers })
      })
      await page.goto(`${origin}/?embed=${embed}`)
      return { page, heard: () => page.evaluate(() => (window as unknown as { heard: Heard[] }).heard) }
    }
    const { page, heard } = await framed(origin)
    await expect.poll(async () => (await heard()).map(({ type }) => type), { timeout: 15_000 }).toContain('statement')
    const frame = page.frames()[1]
    await frame?.locator('#run button').click()
    await expect.poll(async () => (await heard()).map(({ statement }) => statement?.verb.id.split('/').at(-1)), { timeout: 30_000 }).toContain('attempted')
    expect((await heard()).find(({ type }) => type === 'height')?.height).toBeGreaterThan(1000)
    expect(new Set((await heard()).map((message) => message.origin))).toEqual(new Set([new URL(site.url).origin]))

    await page.context().close()

    const other = await framed('https://elsewhere.example')
    await other.page.frames()[1]?.waitForFunction(() => document.querySelector('[data-reach]'))
    expect(await other.heard()).toEqual([])
    await other.page.context().close()
  } finally {
    host.close()
  }
})
