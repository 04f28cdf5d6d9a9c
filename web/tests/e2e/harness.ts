// A real Chromium, the built page, and the native server: `beralih serve --web` where it also hands out the bundle,
// else Vite's preview in front of it.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { preview } from 'vite'
import { expect } from 'vitest'

export const web = fileURLToPath(new URL('../..', import.meta.url))
export const repository = join(web, '..')
export const bundle = process.env.BERALIH_BUNDLE ?? join(repository, 'models/bundles/resnet34')
export const beralih = process.env.BERALIH_BINARY ?? join(repository, 'build/release/native_server/beralih')
const chromiumPath = process.env.BERALIH_CHROMIUM ?? '/usr/bin/chromium'
const flags = '--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'

/** On shared cores a browser may be many times slower: BERALIH_PATIENCE multiplies how long the tests wait for it. */
export const patience = Number(process.env.BERALIH_PATIENCE ?? 1)

export interface Native {
  url: string
  stop: () => Promise<void>
}

export async function startNative(extra: string[] = []): Promise<Native> {
  if (!existsSync(beralih)) throw new Error(`${beralih} is missing: build it with ./run.sh or cmake --build --preset release`)
  const child: ChildProcess = spawn(beralih, ['serve', '--bundle', bundle, '--port', '0', ...extra], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let log = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr?.on('data', (data: Buffer) => {
      log += data.toString()
      const listening = /listening on (http:\S+)/.exec(log)?.[1]
      if (listening && log.includes('ready in')) resolve(listening)
    })
    void ended.then(() => reject(new Error(`beralih serve ended:\n${log}`)))
  })
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

export interface Site {
  url: string
  stop: () => Promise<void>
  stopNative: () => Promise<void>
}

/** The page as people get it. Without `native`, a static host with a bundle folder beside the page. */
export async function startSite({ native = true } = {}): Promise<Site> {
  const server = native ? await startNative(['--web', join(web, 'dist')]) : null
  if (server && (await fetch(`${server.url}/bundle/labels.txt`)).ok) return { url: `${server.url}/`, stop: server.stop, stopNative: server.stop }
  process.env.BERALIH_SERVER = server?.url ?? 'http://127.0.0.1:9' // discard: nobody listens there
  const front = await preview({ root: web, logLevel: 'silent', preview: { host: '127.0.0.1', port: 0, allowedHosts: ['lan.test'] } })
  const url = front.resolvedUrls?.local[0]
  if (!url) throw new Error('the preview server has no address')
  const stopNative = async () => server?.stop()
  return {
    url,
    stopNative,
    stop: async () => {
      await front.close()
      await stopNative()
    },
  }
}

export const launch = (extra: string[] = []): Promise<Browser> => chromium.launch({ executablePath: chromiumPath, args: [...flags.split(' '), ...extra] })

/** A visit of somebody new: nothing kept, the given language of the browser's own. */
export async function visit(browser: Browser, url: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const context: BrowserContext = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  context.setDefaultTimeout(30_000 * patience)
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]')) // hydrated
  return page
}

export const notice = (page: Page) => page.locator('.notice')
export const terminal = (page: Page) => page.locator('[role=log]').innerText()
export const tensorOf = async (page: Page, side: 'page' | 'server') => (await page.locator(`[data-tensor=${side}]`).innerText()).replaceAll(/\s/g, '')

export async function press(page: Page) {
  // A picture that is refused by its header ends the run between two looks: the change itself is awaited.
  const began = page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const changes = new MutationObserver((records) => {
          const changed = records.some(({ type, target }) => type === 'attributes' && (target as Element).matches('.notice'))
          if (!changed && document.querySelector('.notice')?.getAttribute('data-notice') !== 'running') return
          changes.disconnect()
          resolve()
        })
        changes.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-notice'] })
      }),
  )
  await page.locator('#run button').click()
  await began
}

/** Presses and waits for the end; returns the notice's code: done, or what went wrong. */
export async function run(page: Page, timeout = 40_000): Promise<string> {
  await press(page)
  await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') !== 'running', null, { timeout: timeout * patience })
  return (await notice(page).getAttribute('data-notice')) ?? ''
}

export async function choose(page: Page, name: string, buffer: Buffer, mimeType = 'image/jpeg') {
  await page.locator('input[type=file]').setInputFiles({ name, mimeType, buffer })
}

/** Rows of the top five: class, page's and server's probability as shown. */
export async function topFive(page: Page): Promise<string[][]> {
  const rows = await page.locator('.top5 tbody tr').all()
  return Promise.all(rows.map(async (row) => Promise.all([row.locator('th').innerText(), row.locator('td').nth(1).innerText(), row.locator('td').nth(2).innerText()])))
}

/** Errors of the page itself; refused requests are the tests' own doing. */
export function watchErrors(page: Page): string[] {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) errors.push(message.text())
  })
  return errors
}

export const sound = (errors: string[]) => expect(errors).toEqual([])

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe objects to, as RULE: ELEMENT. */
export async function objections(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }).axe.run()
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`))
  })
}
