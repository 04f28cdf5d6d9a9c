// The page built with a third language, which is one folder: switched to in place, with its experiments, and written from right to left.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundle, launch, objections, patience, run, sound, visit, watchErrors } from './harness'
import { copyWithPseudoLanguage } from '../pseudo-language'

const { copy, page: folder } = copyWithPseudoLanguage()
const types: Record<string, string> = { html: 'text/html', css: 'text/css', js: 'text/javascript', wasm: 'application/wasm', svg: 'image/svg+xml', json: 'application/json' }

let browser: Browser
let host: Server
let url: string
beforeAll(async () => {
  const configFile = join(folder, 'vite.config.ts')
  await build({ root: folder, configFile, logLevel: 'error' })
  await build({ root: folder, configFile, logLevel: 'error', build: { ssr: 'src/entry-server.ts', outDir: 'node_modules/.prerender' } })
  await promisify(execFile)(process.execPath, ['scripts/prerender.mjs'], { cwd: folder })
  host = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    const file = path.startsWith('/bundle/') ? join(bundle, path.slice(8)) : join(folder, 'dist', path.replace(/\/$/, '/index.html'))
    if (!existsSync(file)) return void response.writeHead(404).end()
    response.setHeader('Content-Type', types[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream')
    response.end(readFileSync(file))
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(host.address() as AddressInfo).port}/`
  browser = await launch()
}, 180_000 * patience)
afterAll(async () => {
  await browser.close()
  host.closeAllConnections()
  host.close()
  rmSync(copy, { recursive: true, force: true })
})

/** How far the page reaches beyond the window, and what does. */
const beyond = (page: Page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement
    if (scrollWidth === clientWidth) return []
    const out = [...document.querySelectorAll('body *')].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect()
      return width > 1 && (left < -1 || right > clientWidth + 1)
    })
    return [`${scrollWidth} of ${clientWidth}`, ...out.slice(0, 5).map((element) => element.outerHTML.slice(0, 120))]
  })

async function openLabs(page: Page) {
  for (const lab of await page.locator('details.lab > summary').all()) await lab.click()
  await expect.poll(() => page.locator('details.lab:not([data-arrived])').count(), { timeout: 20_000 * patience }).toBe(0)
}

test('is switched to in place, after a run, with every experiment open; the address, the direction and every sentence are its own', { timeout: 120_000 * patience }, async () => {
  const page = await visit(browser, `${url}en/`)
  const errors = watchErrors(page)
  expect(await run(page)).toBe('absent')
  await openLabs(page)
  await page.evaluate(() => document.body.setAttribute('data-same', ''))
  await page.getByRole('link', { name: 'Pseudo' }).click()
  await page.waitForFunction(() => document.documentElement.lang === 'ar-XB' && document.querySelector('.lab-body .btn')?.textContent?.includes('⟦'))
  expect(new URL(page.url()).pathname).toBe('/ar-XB/')
  expect(await page.evaluate(() => document.documentElement.dir)).toBe('rtl')
  expect(await page.locator('body[data-same]').count()).toBe(1)
  expect(await page.title()).toMatch(/^⟦/)
  // No English sentence is left: each text of some words stands in ⟦ ⟧, but for what a machine or another language wrote.
  const left = await page.evaluate(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const found: string[] = []
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement
      const text = node.textContent?.trim() ?? ''
      if (!element || element.closest('script, style, [lang]:not(html), code, pre, option, [data-lab=recorded], .recorded') || !/[a-z]{3,} [a-z]{2,}/i.test(text)) continue
      if (!element.closest('*')?.textContent?.includes('⟦') && !element.parentElement?.textContent?.includes('⟦')) found.push(text.slice(0, 80))
    }
    return found
  })
  expect(left).toEqual([])
  await page.goBack()
  await page.waitForFunction(() => document.documentElement.lang === 'en' && document.documentElement.dir === 'ltr')
  sound(errors)
  await page.context().close()
})

test.each([320, 768, 1440])('from right to left nothing reaches beyond a window of %i px, before and after a run, with every experiment open', { timeout: 120_000 * patience }, async (width) => {
  const page = await visit(browser, `${url}ar-XB/`, { viewport: { width, height: 800 } })
  expect(await beyond(page)).toEqual([])
  expect(await run(page)).toBe('absent')
  await openLabs(page)
  const lab = page.locator('#experiment-stateful-notebook')
  await lab.locator('.act .btn').first().click()
  await lab.locator('[data-lab=notebook]').waitFor()
  expect(await beyond(page)).toEqual([])
  // The room between columns is at the end that is the left here.
  const room = await page.locator('.tasks tbody th').first().evaluate((cell) => [getComputedStyle(cell).paddingLeft, getComputedStyle(cell).paddingRight])
  expect(room[1]).toBe('0px')
  expect(room[0]).not.toBe('0px')
  if (width === 1440) expect(await objections(page)).toEqual([])
  await page.context().close()
})
