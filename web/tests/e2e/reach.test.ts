// Beyond the first visit and beyond its own window: offline, and in another page's frame.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle, launch, notice, patience, run, startSite, topFive, visit, web, type Site } from './harness'

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
  await expect.poll(async () => (await listed()).paths.filter((path) => path.endsWith('.wasm')).length, { timeout: 20_000 }).toBe(2) // two builds of the core
  await expect.poll(async () => (await listed()).paths.some((path) => path.includes('pipeline.worker'))).toBe(true)
  const { names, paths } = await listed()
  expect(names).toHaveLength(1)
  const kept = paths.filter((path) => /^\/(api|v2|bundle)|\.onnx|ort-wasm/.test(path)).sort()
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

test('another build takes the place of this one: the old cache is deleted, and nothing of it answers', async () => {
  // The same files under another name of the program, as another build has them.
  let build = 'A'
  const dist = join(web, 'dist')
  const program = readdirSync(join(dist, 'assets')).find((name) => /^index-[\w-]{8}\.js$/.test(name)) ?? ''
  const renamed = 'index-OTHERONE.js'
  const host = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    if (path.endsWith(build === 'A' ? renamed : program)) return void response.writeHead(404).end() // a host holds one build
    const file = path.startsWith('/bundle/') ? join(bundle, path.slice(8)) : join(dist, path.replace(/\/$/, '/index.html').replace(renamed, program))
    if (!existsSync(file)) return void response.writeHead(404).end()
    const types: Record<string, string> = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm', svg: 'image/svg+xml' }
    const type = types[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
    let body: Buffer | string = readFileSync(file)
    if (build === 'B' && /html|javascript/.test(type)) {
      body = body.toString().replaceAll(program, renamed)
      if (file.endsWith('index.html')) body = body.replace('<title>', '<title>B ')
      if (file.endsWith('sw.js')) body = body.replace(/"version":"\w+"/, '"version":"bbbbbbbbbbbbbbbb"')
    }
    response.setHeader('Content-Type', type)
    response.end(body)
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(host.address() as AddressInfo).port}/`
  try {
    const first = await visit(browser, url)
    const context = first.context()
    const cached = (page: Page) =>
      page.evaluate(async () => {
        const names = (await caches.keys()).filter((name) => name.startsWith('beralih-page '))
        const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()))
        return { names, programs: requests.flat().map(({ url }) => new URL(url).pathname).filter((path) => path.includes('/index-')) }
      })
    await first.locator('[data-reach=kept]').waitFor({ state: 'attached' })
    expect((await cached(first)).programs).toContain(`/assets/${program}`)
    build = 'B'
    await first.reload()
    expect(await first.title()).toMatch(/^B /)
    await first.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
    // The new worker waits for the last page that the old one serves.
    await first.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.waiting)
    await first.close()
    // It takes over once the browser has seen that page go; a visit that comes before is the old one's still.
    let second = await context.newPage()
    const visitAgain = async () => {
      await second.close()
      await new Promise((resolve) => setTimeout(resolve, 1000))
      second = await context.newPage()
      await second.goto(url)
      return (await cached(second)).names
    }
    await expect.poll(visitAgain, { timeout: 30_000 * patience }).toEqual(['beralih-page / bbbbbbbbbbbbbbbb'])
    expect((await cached(second)).programs).toContain(`/assets/${renamed}`)
    expect((await cached(second)).programs).not.toContain(`/assets/${program}`)
    await context.setOffline(true)
    await second.reload()
    expect(await second.title()).toMatch(/^B /)
    await second.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
    await context.close()
  } finally {
    host.closeAllConnections()
    host.close()
  }
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
    statement?: { verb: { id: string }; object: { id: string } }
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
    // The frame shows /en/; what was done is called as it is in every language.
    expect((await heard()).flatMap(({ statement }) => statement?.object.id ?? [])).toEqual([site.url, `${site.url}#run`])
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
