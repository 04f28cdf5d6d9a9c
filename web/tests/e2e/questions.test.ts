// Questions, challenge and code panel as a learner uses them, in both languages, by mouse and by keyboard; axe in every state.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { quizzes } from '../../src/lib/lesson/quizzes'
import { languages, loadContent } from '../../content'
import { launch, objections, press, sound, startSite, visit, watchErrors, type Site } from './harness'

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

const option = (page: Page, quiz: string, value: string) => page.locator(`#quiz-${quiz} input[value=${value}]`)
const button = (page: Page, quiz: string) => page.locator(`#quiz-${quiz} button`)
const reasons = (page: Page, quiz: string) => page.locator(`#quiz-${quiz} .why`).filter({ visible: true })

describe.each(languages)('in $long', ({ language, isDefault }) => {
  const address = () => (isDefault ? site.url : new URL(`${language}/`, site.url).href)

  test('reasons come after the answer, right and wrong are said, a retry opens the question again', async () => {
    const { quizzes: words } = await loadContent(language)
    const page = await visit(browser, address())
    const errors = watchErrors(page)
    for (const { id, options, right } of quizzes) {
      const wrong = options.find((name) => name !== right) ?? right
      expect(await reasons(page, id).count()).toBe(0)
      await button(page, id).click({ force: true }) // nothing is chosen yet
      expect(await page.locator(`#quiz-${id} [role=status]`).innerText()).toBe(words.chooseFirst)
      await option(page, id, wrong).check()
      await button(page, id).click()
      expect(await page.locator(`#quiz-${id} .verdict`).innerText()).toBe(words.wrong)
      expect(await reasons(page, id).count()).toBe(3)
      expect(await page.locator(`#quiz-${id} .mine em`).innerText()).toContain(words.yours)
      await button(page, id).click()
      expect(await reasons(page, id).count()).toBe(0)
      await option(page, id, right).check()
      await button(page, id).click()
      expect(await page.locator(`#quiz-${id} .verdict`).innerText()).toBe(words.right)
      expect(await page.locator(`#quiz-${id} [role=status]`).innerText()).toContain(words.right)
    }
    expect(await page.locator('.progress [role=status]').innerText()).toBe(words.score(3, 3))
    sound(errors)
    await page.context().close()
  })

  test('the challenge is answered first, then solved; the plan says what it means', async () => {
    const { challenge } = await loadContent(language)
    const page = await visit(browser, address())
    const solution = page.locator('#solution-structure p')
    expect(await solution.isVisible()).toBe(false)
    await page.getByRole('button', { name: challenge.reveal }).first().click({ force: true })
    expect(await solution.isVisible()).toBe(false)
    await page.locator('#note-structure').fill('a plan')
    await page.getByRole('button', { name: challenge.reveal }).first().click()
    expect(await solution.innerText()).toContain(challenge.steps.structure.solution)
    await page.locator('.ship input').first().check()
    await page.getByRole('button', { name: challenge.reveal }).click()
    expect(await page.locator('.ship').innerText()).toContain(challenge.artifactWhys.preprocessing)
    for (const [field, value] of [['loading', 'request'], ['batching', '4'], ['replicas', '2']]) await page.locator(`input[name=${field}][value="${value}"]`).check()
    const means = await page.locator('.means').innerText()
    expect(means).toContain(challenge.turn('160', '4', '2'))
    expect(means).toContain(challenge.reading('50'))
    await page.reload()
    await page.waitForFunction(() => document.querySelector<HTMLTextAreaElement>('#note-structure')?.value === 'a plan')
    expect(await solution.isVisible()).toBe(true)
    await page.context().close()
  })

  test('axe finds nothing, before and after the answers, in both schemes and narrow', async () => {
    for (const [width, colorScheme] of [[1440, 'light'], [320, 'dark']] as const) {
      const page = await visit(browser, address(), { viewport: { width, height: 800 }, colorScheme })
      expect(await objections(page)).toEqual([])
      await option(page, 'notebook', 'gpu').check()
      await button(page, 'notebook').click()
      await page.locator('#note-artifact').fill('x')
      await page.locator('#step-artifact ~ .act button').click()
      await page.locator('[role=tab]').last().click()
      expect(await objections(page)).toEqual([])
      await page.context().close()
    }
  })
})

test('questions, tabs and challenge work by keyboard alone, and focus stays', async () => {
  const page = await visit(browser, site.url)
  const focused = () => page.evaluate(() => document.activeElement?.id || (document.activeElement as HTMLInputElement | null)?.value || document.activeElement?.className)
  await page.locator('#quiz-loading input').first().focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.activeElement?.matches('#quiz-loading button'))).toBe(true)
  expect(await reasons(page, 'loading').count()).toBe(3)
  await page.keyboard.press('Enter')
  expect(await focused()).toBe('start')
  await page.locator('[role=tab]').first().focus()
  await page.keyboard.press('ArrowRight')
  expect(await focused()).toBe('tab-open_bundle')
  expect(await page.locator('[role=tabpanel]').filter({ visible: true }).getAttribute('id')).toBe('code-open_bundle')
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('ArrowLeft')
  expect(await focused()).toBe('tab-infer')
  await page.context().close()
})

test('answers survive a visit, a change of language and an altered content; they can be deleted', async () => {
  const page = await visit(browser, site.url)
  await option(page, 'loading', 'start').check()
  await button(page, 'loading').click()
  await page.evaluate(() => {
    const kept = JSON.parse(localStorage.getItem('beralih.progress') ?? '{}') as { answers: Record<string, unknown> }
    localStorage.setItem('beralih.progress', JSON.stringify({ ...kept, later: 1, answers: { ...kept.answers, notebook: { choice: 'an option that is gone', tries: 2 }, gone: {} } }))
  })
  await page.reload()
  await page.locator('#quiz-loading .verdict').waitFor()
  expect(await page.locator('.quiz.done').count()).toBe(1)
  await page.getByRole('link', { name: 'English' }).click()
  await page.waitForFunction(() => document.documentElement.lang === 'en')
  expect(await page.locator('.chal h2').textContent()).toBe('Challenge: Defining the Minimal Service')
  expect(await page.locator('.read math').count()).toBe(3)
  expect(await page.locator('#quiz-loading .verdict').innerText()).toBe('Right.')
  await page.getByRole('button', { name: 'Delete answers and plan' }).click()
  expect(await page.locator('.quiz.done').count()).toBe(0)
  expect(await page.evaluate(() => [localStorage.getItem('beralih.progress'), document.activeElement?.id])).toEqual([null, 'questions'])
  await page.context().close()
})

test('after a reset nothing is chosen, here and in another tab, whether it was committed or not', async () => {
  const page = await visit(browser, site.url)
  const other = await page.context().newPage()
  await other.goto(site.url)
  await other.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
  await option(page, 'loading', 'start').check()
  await button(page, 'loading').click()
  await option(page, 'notebook', 'gpu').check()
  await option(other, 'notebook', 'python').check()
  await other.locator('#quiz-loading .verdict').waitFor()
  await page.getByRole('button', { name: 'Hapus jawaban dan rencana' }).click()
  for (const tab of [page, other]) {
    await expect.poll(() => tab.locator('.quiz.done').count()).toBe(0)
    expect(await tab.locator('.quiz input:checked').count()).toBe(0)
    expect(await tab.locator('.quiz .btn[aria-disabled=true]').count()).toBe(3)
  }
  await page.context().close()
})

test('full storage is called full', async () => {
  const page = await visit(browser, site.url)
  await page.evaluate(() => {
    for (let size = 1 << 22, name = 0; size > 0; name++) {
      try {
        localStorage.setItem(`filler ${name}`, 'x'.repeat(size))
      } catch {
        size >>= 1
      }
    }
  })
  await option(page, 'loading', 'first').check()
  await button(page, 'loading').click()
  expect(await page.locator('.progress').innerText()).toContain('Penyimpanan peramban ini penuh')
  await page.evaluate(() => localStorage.clear())
  await button(page, 'loading').click()
  expect(await page.locator('.progress').innerText()).toContain('disimpan di peramban ini saja')
  await page.context().close()
})

test('works where storage is blocked, and says so', async () => {
  const context = await browser.newContext()
  await context.addInitScript(() => Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('blocked', 'SecurityError') } }))
  const page = await context.newPage()
  await page.goto(site.url)
  await page.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
  await option(page, 'loading', 'first').check()
  await button(page, 'loading').click()
  expect(await page.locator('.progress').innerText()).toContain('tidak mengizinkan penyimpanan')
  await context.close()
})

test('the lines of the running step are marked, and none afterwards', async () => {
  const page = await visit(browser, site.url)
  await press(page)
  await page.waitForFunction(() => document.querySelector('#code-service li.now'))
  await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') === 'absent', null, { timeout: 40_000 })
  expect(await page.locator('li.now').count()).toBe(0)
  await page.context().close()
})

test('paper and a browser without scripts show reasons, solutions and all of the code', async () => {
  const context = await browser.newContext({ javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(site.url)
  for (const medium of ['screen', 'print'] as const) {
    await page.emulateMedia({ media: medium })
    expect(await page.locator('.quiz .why').filter({ visible: true }).count()).toBe(9)
    expect(await page.locator('.sol p').filter({ visible: true }).count()).toBe(2)
    expect(await page.locator('.src').filter({ visible: true }).count()).toBe(5)
  }
  await context.close()
})
