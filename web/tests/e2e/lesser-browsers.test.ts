// Browsers that lack something: no SIMD in WebAssembly, one thread alone. What is missing is missing to feature detection itself.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launch, notice, objections, run, startSite, tensorOf, terminal, topFive, visit, type Site } from './harness'

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

/** A page whose worker begins with `script`. */
async function visitWith(script: string): Promise<{ page: Page; asked: string[] }> {
  const page = await visit(browser, new URL('en/', site.url).href, { serviceWorkers: 'block' }) // one would fetch the worker past the route
  await page.route('**/pipeline.worker-*.js', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, body: script + (await response.text()) })
  })
  const asked: string[] = []
  page.on('request', (request) => asked.push(new URL(request.url()).pathname))
  return { page, asked }
}
const heavy = (asked: string[]) => asked.filter((path) => /edge\.onnx|ort-wasm/.test(path))

// Whoever detects SIMD asks whether a module that uses it is valid: both the core's probe and ONNX Runtime's hold i8x16.splat.
const noSimd = `{const valid=WebAssembly.validate.bind(WebAssembly);WebAssembly.validate=(module)=>{const bytes=[...new Uint8Array(module.buffer??module)];return !bytes.some((byte,at)=>byte===253&&[15,98,186].includes(bytes[at+1]))&&valid(module)};}`

describe('without SIMD', () => {
  test('the scalar core makes the same tensor, the server predicts, the page says why it does not; nothing large is downloaded', async () => {
    const reference = await visit(browser, new URL('en/', site.url).href)
    expect(await run(reference)).toBe('done')
    const tensor = await tensorOf(reference, 'page')
    await reference.context().close()

    const { page, asked } = await visitWith(noSimd)
    expect(await run(page)).toBe('simd_missing')
    expect(await notice(page).innerText()).toMatch(/^The server predicted; the page did not\. This browser cannot run the page’s own model\./)
    expect(await terminal(page)).toContain('wasm simd no')
    expect(await terminal(page)).toContain('no session in this page: simd_missing')
    expect((await topFive(page))[0]).toMatchObject(['German shepherd', '–', expect.stringMatching(/^0\.9/) as string])
    expect(await tensorOf(page, 'page')).toBe(tensor)
    expect(await tensorOf(page, 'server')).toBe(tensor)
    expect(heavy(asked)).toEqual([])
    expect(asked.some((path) => path.includes('beralih_core_scalar'))).toBe(true)
    expect(await objections(page)).toEqual([])
    await page.getByRole('link', { name: 'Bahasa Indonesia' }).click()
    await page.waitForFunction(() => document.documentElement.lang === 'id')
    expect(await notice(page).innerText()).toMatch(/^Server memprediksi; halaman tidak\. Peramban ini tidak dapat menjalankan model milik halaman\./)
    // An experiment that needs the page's model says the same.
    const lab = page.locator('#experiment-skewed-preprocessing')
    await lab.locator('> summary').click()
    await lab.getByRole('button', { name: 'Tukar lalu bandingkan' }).click()
    await lab.getByText('Peramban ini tidak dapat menjalankan model milik halaman.').waitFor()
    await page.context().close()
  })

  test('and without a server the picture is still preprocessed, and the failure named', async () => {
    const { page } = await visitWith(noSimd)
    await page.route('**/api/**', (route) => route.abort('connectionrefused'))
    expect(await run(page)).toBe('simd_missing')
    expect(await notice(page).innerText()).toMatch(/^This browser cannot run the page’s own model\./)
    expect(await tensorOf(page, 'page')).toMatch(/^[0-9a-f]{64}$/)
    await page.context().close()
  })
})

test('a runtime that does not start leaves the server, and the next press tries it anew', async () => {
  const { page } = await visitWith(`{const make=WebAssembly.instantiate;let refused=false;WebAssembly.instantiate=(source,...rest)=>(source.byteLength??0)>5e6&&!refused?(refused=true,Promise.reject(new RangeError('out of memory'))):make(source,...rest);}`)
  expect(await run(page)).toBe('session_failed')
  expect((await topFive(page))[0]).toMatchObject(['German shepherd', '–', expect.stringMatching(/^0\.9/) as string])
  await page.unroute('**/pipeline.worker-*.js')
  expect(await run(page)).toBe('done')
  await page.context().close()
})

test('with one thread the flow runs, and says so', async () => {
  const { page } = await visitWith(`Object.defineProperty(navigator,'hardwareConcurrency',{value:1});`)
  expect(await run(page)).toBe('done')
  expect(await terminal(page)).toMatch(/isolated yes/)
  expect(await terminal(page)).toMatch(/onnxruntime-web \d+\.\d+\.\d+, threads 1\)/)
  expect((await topFive(page))[0]?.[0]).toBe('German shepherd')
  await page.context().close()
})
