// The camera: Chromium's own fake device, and every way in which there is none.
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, objections, run, sound, startSite, visit, watchErrors, type Site } from './harness'

let browser: Browser
let site: Site
beforeAll(async () => {
  browser = await launch(['--use-fake-device-for-media-stream', '--host-resolver-rules=MAP lan.test 127.0.0.1'])
  site = await startSite({ native: false })
})
afterAll(async () => {
  await browser.close()
  await site.stop()
})

const english = () => new URL('en/', site.url).href
const state = (page: Page, wanted: string) => page.locator(`dialog.camera [data-camera=${wanted}]`).waitFor()
const open = (page: Page) => page.getByRole('button', { name: 'Use the camera' }).click()

async function withTracks(page: Page) {
  await page.evaluate(() => {
    const { mediaDevices } = navigator
    const real = mediaDevices.getUserMedia.bind(mediaDevices)
    const tracks = ((window as unknown as { tracks: MediaStreamTrack[] }).tracks = [])
    mediaDevices.getUserMedia = async (wanted) => {
      const stream = await real(wanted)
      ;(tracks as MediaStreamTrack[]).push(...stream.getTracks())
      return stream
    }
  })
  return () => page.evaluate(() => (window as unknown as { tracks: MediaStreamTrack[] }).tracks.map(({ readyState }) => readyState))
}

test('a picture is taken, the track ends with it, and the model sees it', async () => {
  const page = await visit(browser, english(), { permissions: ['camera'] })
  const errors = watchErrors(page)
  const tracks = await withTracks(page)
  await open(page)
  await state(page, 'live')
  const shoot = page.getByRole('button', { name: 'Take the picture' })
  await expect.poll(() => shoot.isEnabled()).toBe(true)
  expect(await objections(page)).toEqual([])
  expect(await tracks()).toEqual(['live'])
  await shoot.click()
  await page.locator('dialog.camera').waitFor({ state: 'detached' })
  expect(await tracks()).toEqual(['ended'])
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Use the camera')
  expect(await page.locator('.own .name').innerText()).toMatch(/^your camera-\d{6}\.png$/)
  expect(await run(page)).toBe('absent')
  expect(await page.locator('#tensor figcaption').innerText()).toMatch(/\d+ × \d+, PNG/)

  // Once a contract is known, the crop is framed; Escape ends the track too.
  await open(page)
  await page.locator('dialog.camera .cut').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('dialog.camera').waitFor({ state: 'detached' })
  expect(await tracks()).toEqual(['ended', 'ended'])
  sound(errors)
  await page.context().close()
})

test('a camera that stops says so, and can be asked again', async () => {
  const page = await visit(browser, english(), { permissions: ['camera'] })
  await withTracks(page)
  await open(page)
  await state(page, 'live')
  await page.evaluate(() => (window as unknown as { tracks: MediaStreamTrack[] }).tracks[0]?.dispatchEvent(new Event('ended')))
  await state(page, 'stopped')
  await page.getByRole('button', { name: 'Try again' }).click()
  await state(page, 'live')
  await page.context().close()
})

test('refused, absent and in use are worded, in both languages', async () => {
  const page = await visit(browser, english())
  const problems = [
    ['denied', 'NotAllowedError', 'The camera is not allowed'],
    ['absent', 'NotFoundError', 'No camera was found'],
    ['busy', 'NotReadableError', 'Another program is using the camera'],
  ] as const
  for (const [problem, name, words] of problems) {
    await page.evaluate((name) => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name))), name)
    await open(page)
    await state(page, problem)
    expect(await page.locator('dialog.camera [role=alert]').innerText()).toContain(words)
    if (problem === 'denied') expect(await objections(page)).toEqual([])
    await page.getByRole('button', { name: 'Close' }).click()
  }
  await page.getByRole('link', { name: 'Bahasa Indonesia' }).click()
  await page.getByRole('button', { name: 'Pakai kamera' }).click()
  expect(await page.locator('dialog.camera [role=alert]').innerText()).toMatch(/Kamera sedang dipakai.*pilih berkas\.$/)
  await page.context().close()
})

test('a plain-http address of the network has no camera and no storage: both are said, and the flow runs', async () => {
  const page = await visit(browser, english().replace(/127\.0\.0\.1|localhost/, 'lan.test'))
  expect(await page.evaluate(() => isSecureContext)).toBe(false)
  await open(page)
  await state(page, 'insecure')
  expect(await page.locator('dialog.camera').innerText()).toContain('plain http')
  expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0)
  await page.keyboard.press('Escape')
  expect(await page.locator('[data-reach=insecure]').innerText()).toContain('plain http')
  expect(await run(page)).toBe('absent')
  expect(await page.locator('[role=log]').innerText()).toContain('downloaded, not kept')
  await page.context().close()
})
