import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { launch, notice, press, repository, run, sound, startNative, startSite, terminal, topFive, visit, watchErrors, web, type Site } from './harness'

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

describe('the page on a static host', () => {
  test('predicts alone with the bundle beside it, and says so', async () => {
    const page = await visit(browser, site.url)
    expect(await run(page)).toBe('absent')
    expect(await notice(page).innerText()).toContain('Halaman memprediksi sendiri.')
    expect((await topFive(page))[0]?.[0]).toBe('German shepherd')
    expect(await terminal(page)).toContain('GET bundle/contract.json')
    await page.context().close()
  })

  test.each(['./', './en/'])('%s can be read without any script', async (path) => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(new URL(path, site.url).href)
    const words = path === './' ? ['Beralih ke Produksi', 'Inferensi Latensi Rendah', 'Fokus: Layanan Model'] : ['Moving to Production', 'Low-Latency', 'Focus: The Model Service']
    for (const text of words) expect(await page.locator('main').innerText()).toContain(text)
    expect(await page.locator('html').getAttribute('lang')).toBe(path === './' ? 'id' : 'en')
    expect(await page.locator('h1').count()).toBe(1)
    expect(await page.locator('meta[name=description]').getAttribute('content')).toMatch(/.{50}/)
    await context.close()
  })

  test('changes its language in place, keeps the address, and remembers', async () => {
    const page = await visit(browser, `${site.url}?server=nowhere`)
    const errors = watchErrors(page)
    await page.evaluate(() => document.body.setAttribute('data-same', ''))
    await page.getByRole('link', { name: 'English' }).click()
    await page.waitForFunction(() => document.documentElement.lang === 'en')
    expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe('/en/?server=nowhere')
    expect(await page.title()).toContain('Moving to Production')
    expect(await page.getByRole('complementary').ariaSnapshot()).toMatch(/^- complementary "Workbench"/)
    await page.goBack()
    await page.waitForFunction(() => document.documentElement.lang === 'id')
    await page.goForward()
    await page.waitForFunction(() => document.documentElement.lang === 'en')
    expect(await page.locator('body[data-same]').count()).toBe(1)
    await page.getByRole('link', { name: 'English' }).click()
    await page.goto(site.url)
    await page.waitForURL('**/en/')
    sound(errors)
    await page.context().close()
  })

  test('follows the chosen scheme and remembers it', async () => {
    const page = await visit(browser, site.url, { colorScheme: 'light' })
    const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await paper()
    await page.getByRole('button', { name: 'Gelap' }).click()
    expect(await paper()).not.toBe(light)
    await page.reload()
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark')
    await page.context().close()
  })

  test('runs by keyboard alone', async () => {
    const page = await visit(browser, site.url)
    for (let presses = 0; presses < 20; presses++) {
      await page.keyboard.press('Tab')
      if (await page.evaluate(() => document.activeElement?.matches('#run button'))) break
    }
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') === 'absent')
    expect(await page.evaluate(() => document.activeElement?.matches('#run button'))).toBe(true)
    await page.context().close()
  })

  test.each([320, 390, 768, 1152, 1440, 2560])('fits %i px without a sideways scroll, before and after a run, and nothing jumps', async (width) => {
    const page = await visit(browser, site.url, { viewport: { width, height: 800 } })
    await page.evaluate(() => {
      const shifts = ((window as unknown as { shifts: number[] }).shifts = [])
      new PerformanceObserver((list) => {
        const entries = list.getEntries() as unknown as { value: number; hadRecentInput: boolean }[]
        for (const { value, hadRecentInput } of entries) if (!hadRecentInput) (shifts as number[]).push(value)
      }).observe({ type: 'layout-shift', buffered: true })
    })
    const sideways = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    expect(await sideways()).toBe(0)
    expect(await run(page)).toBe('absent')
    expect(await sideways()).toBe(0)
    const shifts = await page.evaluate(() => (window as unknown as { shifts: number[] }).shifts)
    expect(shifts.reduce((sum, value) => sum + value, 0)).toBeLessThan(0.001)
    await page.context().close()
  })

  test('loads at most 60 KB of script before the press, 120 KB with the typefaces, and nothing of the model', async () => {
    const page = await (await browser.newContext()).newPage()
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.goto(site.url)
    await page.waitForTimeout(1500)
    const isTypefaces = (path: string) => path.includes('/typefaces-')
    const sizeOf = (paths: string[]) => paths.reduce((sum, path) => sum + gzipSync(readFileSync(join(web, 'dist', path)), { level: 9 }).length, 0)
    const inline = await page.locator('script:not([src])').evaluateAll((found) => found.map((script) => script.textContent))
    // Of the typefaces the text's stands in the page, and so does the script that starts the rest.
    expect(inline.map((script) => script.includes('FontFace'))).toEqual([true, false])
    const [text = 0, start = 0] = inline.map((script) => gzipSync(script, { level: 9 }).length)
    const scripts = asked.filter((path) => path.endsWith('.js') && !isTypefaces(path))
    const bytes = start + sizeOf(scripts)
    expect(scripts.length).toBeGreaterThan(0)
    expect(bytes, scripts.map((path) => `${path} ${gzipSync(readFileSync(join(web, 'dist', path)), { level: 9 }).length}`).join('\n')).toBeLessThan(60 * 1024)
    expect(asked.filter((path) => /\.(woff2?|ttf|otf)$/.test(path))).toEqual([])
    const typefaces = asked.filter(isTypefaces)
    expect(typefaces.length).toBe(1)
    expect(bytes + text + sizeOf(typefaces)).toBeLessThan(120 * 1024)
    expect(asked.filter((path) => /\.wasm|\.onnx|contract|worker/.test(path.replace(/contract-[\w-]+\.js/, '')))).toEqual([])
    await page.context().close()
  })

  test('the core takes at most 150 KB on the way', () => {
    const [core, ...others] = readdirSync(join(web, 'dist/assets')).filter((name) => /^beralih_core-[\w-]+\.wasm\.br$/.test(name))
    expect([core, others]).toEqual([expect.any(String), []])
    expect(readFileSync(join(web, 'dist/assets', core ?? '')).length).toBeLessThanOrEqual(150 * 1024)
  })

  test('asks nothing of any other host', () => {
    for (const name of readdirSync(join(web, 'dist'), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(html|css)$/.test(name)) continue
      // A link that a reader may follow asks nothing by itself.
      const links = readFileSync(join(web, 'dist', name), 'utf8').replaceAll(/<a\b[^>]*>/g, '').match(/(?:src|href|url)\s*[=(]\s*["']?https?:[^"')\s]+/g) ?? []
      expect(links, name).toEqual([])
    }
  })
})

describe('whose work the page carries', () => {
  test.each(['./', './en/'])('%s names it in the footer, with licences and links; the notices lie beside it', async (path) => {
    const page = await visit(browser, new URL(path, site.url).href)
    const footer = page.locator('footer')
    for (const name of ['ONNX Runtime Web', 'Svelte', 'libjpeg-turbo', 'libwebp', 'zlib', 'Source Serif 4', 'Source Code Pro', 'coffee.png', 'dog2.jpg', 'ResNet-34']) expect(await footer.innerText()).toContain(name)
    for (const licence of ['MIT', 'BSD-3-Clause', 'OFL-1.1', 'CC0-1.0', 'Zlib']) expect(await footer.getByRole('link', { name: licence, exact: true }).count(), licence).toBeGreaterThan(0)
    const notices = await page.evaluate(async () => {
      const response = await fetch(document.querySelector<HTMLAnchorElement>('footer [data-t=notices]')?.href ?? '')
      return { status: response.status, text: await response.text() }
    })
    expect(notices.status).toBe(200)
    expect(notices.text).toBe(readFileSync(join(repository, 'THIRD_PARTY_NOTICES.md'), 'utf8'))
    await page.context().close()
  })
})

describe('a server of another origin', () => {
  /** The host's own policy, with that server listed in it. */
  const listing = (policy: string | undefined, origin: string) => {
    expect(policy).toContain("connect-src 'self'")
    return (policy ?? '').replace("connect-src 'self'", `connect-src 'self' ${origin}`)
  }

  async function visitWith(origin: string, allowed: boolean) {
    const page = await visit(browser, new URL('en/', site.url).href)
    const native = await startNative()
    onTestFinished(native.stop) // whether the test passes or not
    const sent: string[] = []
    if (allowed) {
      // Of the context: the page itself comes by way of its service worker.
      await page.context().route(/\/en\/\?server/, async (route) => {
        const response = await route.fetch()
        await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': listing(response.headers()['content-security-policy'], origin) } })
      })
    }
    await page.route(`${origin}/**`, async (route) => {
      const request = route.request()
      sent.push(`${request.method()} ${new URL(request.url()).pathname}`)
      const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*', 'cross-origin-resource-policy': 'cross-origin' }
      if (request.method() === 'OPTIONS') return route.fulfill({ status: 204, headers: cors })
      // A stream has no end that could be fetched first: a server of another version, without events.
      if (new URL(request.url()).pathname === '/api/events') return route.fulfill({ status: 404, headers: cors })
      const response = await route.fetch({ url: request.url().replace(origin, native.url) })
      return route.fulfill({ response, headers: { ...response.headers(), ...cors } })
    })
    await page.goto(`${new URL('en/', site.url).href}?server=${origin}`)
    await page.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
    return { page, sent, end: () => page.context().close() }
  }
  const finished = async (page: Awaited<ReturnType<typeof visitWith>>['page']) => {
    await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') !== 'running', null, { timeout: 30_000 })
    return notice(page).getAttribute('data-notice')
  }

  test('is named and confirmed before anything is sent, then used', async () => {
    const { page, sent, end } = await visitWith('https://gpu.example', true)
    await press(page)
    expect(await page.locator('dialog[open]').innerText()).toContain('https://gpu.example')
    await page.waitForTimeout(500)
    expect(sent).toEqual([])
    await page.getByRole('button', { name: 'Send to this server' }).click()
    expect(await finished(page)).toBe('done')
    expect(sent).toContain('POST /api/classify')
    expect(await run(page)).toBe('done') // not asked again
    await end()
  })

  test('gets nothing when the learner declines', async () => {
    const { page, sent, end } = await visitWith('https://gpu.example', true)
    await press(page)
    await page.locator('dialog[open]').waitFor()
    await page.keyboard.press('Escape')
    expect(await finished(page)).toBe('declined')
    expect(sent).toEqual([])
    expect((await topFive(page))[0]?.[0]).toBe('German shepherd')
    await end()
  })

  test('is worded when the page’s policy does not allow it', async () => {
    const { page, end } = await visitWith('https://gpu.example', false)
    await press(page)
    await page.getByRole('button', { name: 'Send to this server' }).click()
    expect(await finished(page)).toBe('blocked')
    expect(await notice(page).innerText()).toContain('--allow-server')
    await end()
  })
})
