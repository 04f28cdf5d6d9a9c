// How the page feels and whom it serves: a quick main thread, the keyboard alone, every state for a screen reader, large
// targets, a zoomed window, less motion, paper.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, objections, press, run, startSite, topFive, visit, patience, type Site } from './harness'

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
const english = () => new URL('en/', site.url).href

/** Who else works on this machine is not the page's doing: the least of three runs is what it takes. */
const tries = 3
const mostTaskMs = 100
const mostAnswerMs = 100

test('the main thread stays free while the picture is preprocessed and predicted, and answers a press at once', { timeout: 120_000 * patience }, async () => {
  const page = await visit(browser, english())
  await page.evaluate(() => {
    interface Window { tasks: number[]; answers: number[] }
    const seen = window as unknown as Window
    seen.tasks = []
    seen.answers = []
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' })
    new PerformanceObserver((list) => seen.answers.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit)
  })
  const take = (what: 'tasks' | 'answers') =>
    page.evaluate((what) => (window as unknown as Record<string, number[]>)[what]?.splice(0) ?? [], what)
  const longest: number[] = []
  const slowest: number[] = []
  for (let attempt = 0; attempt < tries; attempt++) {
    await take('tasks')
    await take('answers')
    await press(page)
    // What a learner does meanwhile.
    await page.locator('[role=tab]').nth(attempt + 1).click()
    await page.locator('#quiz-loading input').nth(attempt).check()
    await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') === 'absent', null, { timeout: 60_000 })
    await page.waitForTimeout(200)
    longest.push(Math.max(0, ...(await take('tasks'))))
    slowest.push(Math.max(0, ...(await take('answers'))))
  }
  console.log(`longest tasks ${longest.map(Math.round).join(', ')} ms; slowest answers to a press ${slowest.join(', ')} ms`)
  expect(Math.min(...longest)).toBeLessThanOrEqual(mostTaskMs)
  expect(Math.min(...slowest)).toBeLessThanOrEqual(mostAnswerMs)
  await page.context().close()
})

/** The family that really draws an element's letters. */
async function drawnWith(page: Page, selector: string): Promise<string[]> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('DOM.enable')
  await devtools.send('CSS.enable')
  const { root } = await devtools.send('DOM.getDocument')
  const { nodeId } = await devtools.send('DOM.querySelector', { nodeId: root.nodeId, selector })
  return (await devtools.send('CSS.getPlatformFontsForNode', { nodeId })).fonts.map(({ familyName }) => familyName)
}

test('a processor four times slower gets the lesson’s own typefaces, and nothing moves when they come', { timeout: 60_000 * patience }, async () => {
  for (const [width, height] of [[360, 740], [1440, 900]] as const) {
    const context = await browser.newContext({ viewport: { width, height }, serviceWorkers: 'block' })
    const page = await context.newPage()
    await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: 4 })
    await page.addInitScript(() => {
      const seen = window as unknown as { shift: number }
      seen.shift = 0
      new PerformanceObserver((list) => { for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[]) seen.shift += entry.value }).observe({ type: 'layout-shift', buffered: true })
    })
    await page.goto(english())
    await page.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
    await page.waitForTimeout(1000)
    expect(await drawnWith(page, 'h1')).toEqual(['Source Serif 4'])
    expect((await drawnWith(page, '.clock time')).join()).toMatch(/^Source Code Pro[^,]*$/)
    expect(await page.evaluate(() => (window as unknown as { shift: number }).shift)).toBeLessThan(0.01)
    await context.close()
  }
})

/** What has the focus, in a word; body: it was lost. */
const focused = (page: Page) => page.evaluate(() => (document.activeElement === document.body ? 'body' : document.activeElement?.id || document.activeElement?.textContent?.trim().slice(0, 40) || document.activeElement?.tagName))

test('the whole lesson by keyboard alone: every control is reached, seen, and used, and the focus is never lost', { timeout: 120_000 * patience }, async () => {
  const page = await visit(browser, english(), { reducedMotion: 'reduce' }) // what is focused is in view at once
  const reached: string[] = []
  const hidden: string[] = []
  const until = async (selector: string, most = 60) => {
    for (let presses = 0; presses < most; presses++) {
      if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return
      await page.keyboard.press('Tab')
    }
    throw new Error(`Tab does not reach ${selector}; it is at ${String(await focused(page))}`)
  }
  // Once through, from the first to the last: each has a visible ring, none is under the run bar.
  for (let presses = 0; presses < 120; presses++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(() => {
      const element = document.activeElement
      if (!element || element === document.body) return null
      const ring = [element, element.nextElementSibling].some((candidate) => candidate && getComputedStyle(candidate).outlineStyle !== 'none')
      const inPicker = element.closest('.pick') !== null
      const box = element.getBoundingClientRect()
      const name = element.id || element.getAttribute('name') || element.textContent?.trim().slice(0, 30) || element.tagName
      return { name, ring: ring || inPicker, seen: box.bottom > 0 && box.top < innerHeight }
    })
    if (at === null) break
    if (reached.includes(at.name) && at.name === reached[0]) break
    reached.push(at.name)
    if (!at.ring || !at.seen) hidden.push(at.name)
  }
  expect(hidden).toEqual([])
  for (const part of ['tab-service', 'sample', 'run-button', 'notebook', 'conversion', 'loading', 'note-structure', 'note-artifact', 'modules', 'batching']) expect(reached).toContain(part)

  await page.goto(english())
  await page.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
  await page.keyboard.press('Tab')
  expect(await focused(page)).toBe('Skip to the text')
  await page.keyboard.press('Enter')
  expect(await focused(page)).toBe('text')
  await until('[name=sample]')
  await page.keyboard.press('ArrowLeft') // dog1.jpg
  await until('#run-button')
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') === 'absent', null, { timeout: 60_000 })
  expect(await focused(page)).toBe('run-button')
  expect((await topFive(page))[0]?.[0]).toContain('Pembroke')
  await until('.layers > summary')
  await page.keyboard.press('Enter')
  await until('.find input')
  await page.keyboard.type('fc.bias')
  await expect.poll(() => page.locator('.layers tbody tr').count()).toBe(1)
  await until('[name=notebook]')
  await page.keyboard.press('ArrowDown')
  await until('#quiz-notebook .btn')
  await page.keyboard.press('Enter')
  expect(await page.locator('#quiz-notebook .verdict').innerText()).toBe('Right.')
  expect(await focused(page)).toBe('Answer again')
  await until('#experiment-stateful-notebook > summary')
  await page.keyboard.press('Enter')
  await page.locator('#experiment-stateful-notebook .lab-cell').first().waitFor()
  await until('#note-structure', 80)
  await page.keyboard.type('modules')
  await until('.step .btn')
  await page.keyboard.press('Enter')
  expect(await page.locator('#solution-structure').innerText()).toContain('isolated modules')
  expect(await focused(page)).toBe('Hide the solution')
  await until('[name=replicas]', 80)
  await page.keyboard.press('Space')
  expect(await page.locator('.means').innerText()).toContain('One replica')
  await page.context().close()
})

test('axe finds nothing in any state, in both schemes and narrow', { timeout: 180_000 * patience }, async () => {
  for (const [width, colorScheme] of [[1440, 'dark'], [320, 'light']] as const) {
    const page = await visit(browser, english(), { viewport: { width, height: 800 }, colorScheme })
    const clean = async (state: string) => expect(await objections(page), state).toEqual([])
    await run(page)
    await page.locator('.layers summary').click()
    for (const lab of await page.locator('details.lab > summary').all()) await lab.click()
    await expect.poll(() => page.locator('.lab-body > p.dim:only-child').count(), { timeout: 20_000 }).toBe(0)
    await clean('after a run, with the table and every experiment open')
    await page.locator('input[type=file]').setInputFiles({ name: 'empty.png', mimeType: 'image/png', buffer: Buffer.alloc(0) })
    expect(await run(page)).toBe('empty_file')
    await page.getByRole('button', { name: 'Reveal the solution' }).first().click({ force: true })
    await clean('after a refused picture and a reminder')
    await page.context().close()
  }
  const page = await visit(browser, `${english()}?server=https://gpu.example`)
  await press(page)
  await page.locator('dialog[open]').waitFor()
  expect(await objections(page), 'asked before an upload').toEqual([])
  await page.keyboard.press('Escape')
  await page.context().close()
})

test('every target is at least 24 px, and 1280 px at 400 % is a page of 320 px without a sideways scroll', async () => {
  const page = await visit(browser, english(), { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 })
  await run(page)
  for (const lab of await page.locator('details > summary').all()) await lab.click()
  await page.locator('.lab-cell').first().waitFor()
  const small = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('a[href], button, summary, input, select, textarea')].flatMap((element) => {
      // A label is the target of what it labels; a link in a sentence is exempt (WCAG 2.5.8).
      const target = element.closest('label') ?? element
      const { width, height } = target.getBoundingClientRect()
      const inline = element.matches('a') && element.closest('p:not(.skip), .ev') !== null
      return width === 0 || inline || element.matches('.skip') || (width >= 24 && height >= 24) ? [] : [`${element.outerHTML.slice(0, 80)} ${Math.round(width)}×${Math.round(height)}`]
    }),
  )
  expect(small).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0)
  await page.context().close()
})

test('with less motion asked for nothing moves; on paper the last run, the answers and the code stand whole', async () => {
  const page = await visit(browser, english(), { reducedMotion: 'reduce' })
  await run(page)
  const moving = () => page.evaluate(() => [...document.querySelectorAll('*')].filter((element) => {
    const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element)
    return transitionDuration !== '0s' || animationName !== 'none' || scrollBehavior === 'smooth'
  }).length)
  expect(await moving()).toBe(0)
  const skewed = page.locator('#experiment-skewed-preprocessing')
  await skewed.locator('> summary').click()
  await page.getByRole('button', { name: 'Swap and compare' }).click()
  await page.locator('[data-lab=skewed]').waitFor()
  await skewed.locator('> summary').click()
  await page.emulateMedia({ media: 'print' })
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
  const shown = (selector: string) => page.locator(selector).filter({ visible: true }).count()
  expect(await shown('.quiz .why')).toBe(9)
  expect(await shown('.sol p')).toBe(2)
  expect(await shown('.src')).toBe(5)
  expect(await shown('.btn, .linked, .picker, .find')).toBe(0)
  expect(await page.locator('.layers:not([open])').count()).toBe(0)
  // An experiment that was opened is printed with what it showed; of the others the claim alone.
  expect(await page.locator('.lab[open]').evaluateAll((labs) => labs.map(({ id }) => id))).toEqual(['experiment-skewed-preprocessing'])
  expect(await page.getByText('Opening the experiment').filter({ visible: true }).count()).toBe(0)
  expect(await page.locator('[data-lab=skewed]').isVisible()).toBe(true)
  // Nothing scrolls on paper: code, terminal and tables have their whole height.
  const cut = await page.evaluate(() => [...document.querySelectorAll<HTMLElement>('.src, .log, .layers .scroll')].filter((part) => part.scrollHeight > part.clientHeight + 1).length)
  expect(cut).toBe(0)
  expect((await topFive(page))[0]?.[0]).toBe('German shepherd')
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  expect(await page.locator('details[open]').count()).toBe(0)
  await page.context().close()
})
