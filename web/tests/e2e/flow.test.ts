import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, choose, launch, notice, run, sound, startSite, tensorOf, terminal, topFive, visit, watchErrors, type Site } from './harness'

interface Contract {
  files: { role: string; path: string; bytes: number; sha256: string }[]
  golden: { image: string; tensor_sha256: string; top5: { index: number; probability: number }[] }[]
}
const contract = JSON.parse(readFileSync(join(bundle, 'contract.json'), 'utf8')) as Contract
const labels = readFileSync(join(bundle, 'labels.txt'), 'utf8').trimEnd().split('\n')
const golden = (name: string) => {
  const found = contract.golden.find(({ image }) => image.endsWith(name))
  if (!found) throw new Error(`the bundle has no golden case ${name}`)
  return found
}

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

describe('the flow with a server', () => {
  test('dog2.jpg, chosen from disk: a German shepherd on both sides, equal tensors, real terminal lines', async () => {
    const page = await visit(browser, site.url)
    const errors = watchErrors(page)
    await choose(page, 'dog2.jpg', readFileSync(join(bundle, 'golden/dog2.jpg')))
    expect(await run(page)).toBe('done')
    expect(await notice(page).innerText()).toContain('Selesai.')

    const [first] = await topFive(page)
    expect(first?.[0]).toBe('German shepherd')
    const [inPage, onServer] = [first?.[1], first?.[2]].map((shown) => Number(shown?.replace(',', '.')))
    expect(onServer).toBeCloseTo(golden('dog2.jpg').top5[0]?.probability ?? 0, 3)
    expect(Math.abs((inPage ?? 0) - (onServer ?? 1))).toBeLessThan(0.02)

    expect(await tensorOf(page, 'page')).toBe(golden('dog2.jpg').tensor_sha256)
    expect(await tensorOf(page, 'server')).toBe(golden('dog2.jpg').tensor_sha256)
    expect(await page.locator('[data-evidence=reproducibility]').innerText()).toContain('64 dari 64 digit sama')

    const record = (await (await fetch(new URL('api/artifacts', site.url))).json()) as { server: { pid: number }; load: Record<string, number> }
    const rows = await page.locator('.side tbody tr:not(.grp)').allInnerTexts()
    const shown = (name: string) => rows.find((row) => row.startsWith(name))?.split('\t')[2]
    const oneDigit = (ms = NaN) => new Intl.NumberFormat('id', { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(ms)
    expect(shown('Muat, ms')).toBe(oneDigit((record.load.program ?? NaN) + (record.load.attach ?? NaN)))
    expect(shown('Pemanasan, ms')).toBe(oneDigit(record.load.warm_up))
    expect(shown('Siap setelah, ms')).toBe(oneDigit(record.load.total))

    const lines = await terminal(page)
    expect(lines).toContain(`by process ${record.server.pid}`)
    const model = contract.files.find(({ role }) => role === 'edge_model')
    for (const part of ['preflight: ', 'GET /api/contract', '= server', `sha256 ${model?.sha256.slice(0, 8)} ok, downloaded, kept`, 'session created', 'POST ', '200 in ', 'forward ']) {
      expect(lines).toContain(part)
    }
    expect(lines).not.toContain('Ready in')
    // The server's own events of this run, as they came.
    for (const told of [/accepted, \d+ before it/, /decoded jpeg 500x500 in/, /in a batch of \d+, \d/, /forward \d+\.\d ms/]) expect(lines).toMatch(told)
    expect(await page.locator('.clock time').innerText()).toMatch(/^00:\d\d$/)
    sound(errors)
    await page.context().close()
  })

  test('every sample: the tensor of the research side, and the same first class on both sides', async () => {
    const page = await visit(browser, site.url)
    for (const { image, tensor_sha256, top5 } of contract.golden) {
      await page.locator(`input[value="${image}"]`).check({ force: true })
      expect(await run(page)).toBe('done')
      expect(await tensorOf(page, 'page')).toBe(tensor_sha256)
      expect(await tensorOf(page, 'server')).toBe(tensor_sha256)
      const [first] = await topFive(page)
      expect(first?.[0]).toBe(labels[top5[0]?.index ?? -1]?.split(',')[0])
    }
    expect(await terminal(page)).toContain('session reused')
    await page.context().close()
  })

  test('the next visit downloads 0 bytes of the model', async () => {
    const page = await visit(browser, site.url)
    expect(await run(page)).toBe('done')
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.reload()
    await page.waitForFunction(() => document.querySelector('.seg [aria-pressed=true]'))
    expect(await run(page)).toBe('done')
    expect(asked.filter((path) => /edge\.onnx|labels\.txt/.test(path))).toEqual([])
    expect(await terminal(page)).toMatch(/edge\.onnx.*kept, 0 B downloaded/)
    expect(await page.locator('.side:not(.knobs)').innerText()).toContain('0 bita diunduh')
    await page.context().close()
  })

  test('the size is announced before the download and shown while it runs', async () => {
    const page = await visit(browser, site.url)
    const seen = page.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const texts = new Set<string>()
          const log = document.querySelector('[role=log]')
          const look = new MutationObserver(() => {
            const text = log?.textContent ?? ''
            for (const line of text.match(/edge\.onnx {2}[^:]*?(announced|% of)/g) ?? []) texts.add(line)
            if (text.includes('session created')) resolve([...texts])
          })
          if (log) look.observe(log, { childList: true, subtree: true, characterData: true })
        }),
    )
    expect(await run(page)).toBe('done')
    const lines = await seen
    expect(lines[0]).toContain('22 410 868 B announced')
    expect(lines.some((line) => line.endsWith('% of'))).toBe(true)
    await page.context().close()
  })

  test('the sizes that are announced, model and runtime, are the bytes that come', async () => {
    const page = await visit(browser, site.url, { serviceWorkers: 'block' })
    const idle = await notice(page).innerText()
    const came: Promise<{ path: string; bytes: number }>[] = []
    page.on('requestfinished', (request) => {
      came.push(request.sizes().then(({ responseBodySize }) => ({ path: new URL(request.url()).pathname, bytes: responseBodySize })))
    })
    expect(await run(page)).toBe('done')
    const all = await Promise.all(came)
    const announced = (await terminal(page)).matchAll(/GET (\S+\.(?:txt|onnx|wasm)) {2}([\d ]+) B {2}sha256 \w+ ok, downloaded(?: as ([\d ]+) B)?, kept/g)
    const sizes = Array.from(announced, ([, path = '', whole = '', compressed]) => ({ path, whole: Number(whole.replaceAll(' ', '')), bytes: Number((compressed ?? whole).replaceAll(' ', '')) }))
    expect(sizes.map(({ path }) => path)).toEqual(['labels.txt', 'ort-wasm-simd-threaded.wasm', 'edge.onnx'])
    const bytesOf = (name: string) => all.filter(({ path }) => path.includes(name.replace(/\.wasm$/, ''))).filter(({ path }) => !path.endsWith('.mjs')).reduce((sum, { bytes }) => sum + bytes, 0)
    expect(sizes.map(({ path }) => bytesOf(path))).toEqual(sizes.map(({ bytes }) => bytes))
    // Beforehand the page named the two that matter, and the rest of what came after the press is small.
    const megabytes = (bytes = 0) => new Intl.NumberFormat('id', { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(bytes / 1e6)
    expect(idle).toContain(`(${megabytes(sizes[2]?.whole)} MB)`)
    expect(idle).toContain(`(paling banyak ${megabytes(sizes[1]?.whole)} MB)`) // less where the host compresses
    const sum = (list: { bytes: number }[]) => list.reduce((total, { bytes }) => total + bytes, 0)
    expect(sum(all) - sum(sizes)).toBeLessThan(1_500_000)
    await page.context().close()
  })

  test('Stop ends the run, and the next press completes it', async () => {
    const page = await visit(browser, site.url)
    await page.route('**/edge.onnx', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await route.continue().catch(() => undefined)
    })
    await page.locator('#run button').click()
    await page.waitForFunction(() => document.querySelector('[role=log]')?.textContent?.includes('announced'))
    await page.locator('#run button').click()
    await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') === 'stopped')
    await page.unroute('**/edge.onnx')
    expect(await run(page)).toBe('done')
    await page.context().close()
  })

  test('a press before the page has come to life is not lost', async () => {
    const page = await (await browser.newContext()).newPage()
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await page.route(/assets\/index-.*\.js$/, async (route) => {
      await held
      await route.continue()
    })
    await page.goto(site.url, { waitUntil: 'domcontentloaded' })
    await page.waitForFunction(() => document.querySelector('link[rel=modulepreload]')) // start.js has run
    await page.locator('#run button').click()
    expect(await page.locator('#run button').getAttribute('data-pressed')).toBe('')
    expect(await page.locator('.notice').getAttribute('data-notice')).toBe('idle')
    release()
    await page.waitForFunction(() => document.querySelector('.notice')?.getAttribute('data-notice') === 'done')
    expect(await page.locator('#run button').getAttribute('data-pressed')).toBeNull()
    await page.context().close()
  })

  test('pasted and dropped images are taken', async () => {
    const page = await visit(browser, site.url)
    const bytes = [...readFileSync(join(bundle, 'golden/dog1.jpg'))]
    for (const kind of ['paste', 'drop']) {
      await page.evaluate(
        ([kind, bytes]) => {
          const data = new DataTransfer()
          data.items.add(new File([new Uint8Array(bytes as number[])], `${kind}.jpg`, { type: 'image/jpeg' }))
          const options = { bubbles: true, cancelable: true }
          document.dispatchEvent(
            kind === 'paste' ? new ClipboardEvent('paste', { ...options, clipboardData: data }) : new DragEvent('drop', { ...options, dataTransfer: data }),
          )
        },
        [kind, bytes] as const,
      )
      expect(await page.locator('.own .name').innerText()).toBe(`${kind}.jpg Anda`)
    }
    expect(await run(page)).toBe('done')
    expect((await topFive(page))[0]?.[0]).toContain('Pembroke')
    await page.context().close()
  })
})
