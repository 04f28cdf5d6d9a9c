// Native == WebAssembly in Chromium: every file of the shared images and photographs through the page's own worker,
// beside `beralih preprocess`. The same verdicts, and where there is a tensor, the same hashes. No tolerance.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle, launch, startNative, startSite, type Native, type Site } from './harness'
import { PageWorker, preprocessNatively, recordedByPillow, sharedFiles, skipShared, type NativeLine, type Settled } from './shared'

const contract = readFileSync(join(bundle, 'contract.json'), 'utf8')
type Knobs = Record<string, unknown>
const knobs = (JSON.parse(contract) as { preprocessing: Knobs }).preprocessing
const { resize_shorter_side: _side, ...unsized } = knobs

/** The contract as it is, and what else decides pixels. Sizes stay those of the contract's input tensor. */
const specs: [string, Knobs][] = [
  ['the contract of resnet34', knobs],
  ['bicubic, orientation ignored, 16-bit gray as Pillow', { ...knobs, resize_filter: 'bicubic', exif: 'ignore', gray16: 'pillow' }],
  ['lanczos by the longest side, padded, BGR', { ...unsized, resize_longest_side: 200, resize_filter: 'lanczos', pad_value: [1, 2, 3], channel_order: 'BGR' }],
]
const leastFiles = 280
const leastRecorded = 240

/** The page answers an empty file before the core does, in words of its own. */
function pageVerdict(line: NativeLine, head: Buffer): string | undefined {
  return head.length === 0 ? 'empty_file' : line.error?.code
}

const hashesOf = (line: NativeLine) => ({
  format: line.format,
  size: [line.width, line.height],
  shape: line.shape,
  dtype: line.dtype,
  pixels: line.pixels_sha256,
  crop: line.crop_sha256,
  tensor: line.tensor_sha256,
})

function found(settled: Settled<'preprocess'>) {
  if ('failure' in settled) return settled.failure.code
  const { format, width, height, shape, dtype, pixelsSha256, cropSha256, tensorSha256 } = settled.result
  return { format, size: [width, height], shape, dtype, pixels: pixelsSha256, crop: cropSha256, tensor: tensorSha256 }
}

describe.skipIf(skipShared)('the shared data in Chromium', { timeout: 180_000 }, () => {
  let browser: Browser
  let site: Site
  let worker: PageWorker
  beforeAll(async () => {
    browser = await launch()
    site = await startSite({ native: false })
    worker = await PageWorker.start(browser, site.url)
  })
  afterAll(async () => {
    await browser.close()
    await site.stop()
  })

  test.each(specs)('native == WebAssembly: %s', async (name, spec) => {
    const files = sharedFiles('images', 'photos')
    expect(files.length).toBeGreaterThanOrEqual(leastFiles)
    const folder = mkdtempSync(join(tmpdir(), 'beralih-parity-'))
    const specFile = join(folder, 'spec.json')
    writeFileSync(specFile, JSON.stringify(spec))
    const lines = await preprocessNatively(specFile, files).finally(() => rmSync(folder, { recursive: true }))
    expect(lines.length).toBe(files.length)

    await worker.call('openContract', spec === knobs ? contract : JSON.stringify({ ...(JSON.parse(contract) as object), preprocessing: spec }))
    const counts = { equalTensors: 0, equalRefusals: 0 }
    const different: { file: string; native: unknown; page: unknown }[] = []
    for (const [position, file] of files.entries()) {
      const line = lines[position] as NativeLine
      const verdict = pageVerdict(line, readFileSync(file).subarray(0, 12))
      const native = verdict ?? hashesOf(line)
      const page = found(await worker.preprocess(file))
      if (JSON.stringify(native) !== JSON.stringify(page)) different.push({ file, native, page })
      else if (verdict) counts.equalRefusals++
      else counts.equalTensors++
    }
    console.log(
      `${name}: ${files.length} files, ${counts.equalTensors} equal tensors, ${counts.equalRefusals} equal refusals, ` +
        `${different.length} different`,
    )
    expect(different).toEqual([])
    expect(counts.equalTensors).toBeGreaterThan(counts.equalRefusals)
  })

  // Independent of the native build: what is wrong in the core on both targets alike is wrong here.
  test('WebAssembly == Pillow as recorded: pixels, crops, and what is refused', async () => {
    const { folder, recorded } = recordedByPillow()
    const json = JSON.parse(contract) as { input: object }
    const preprocessing = { ...knobs, resize_shorter_side: 242, center_crop: [224, 224], gray16: 'pillow' }
    const input = { ...json.input, shape: [-1, 3, 224, 224] }
    await worker.call('openContract', JSON.stringify({ ...json, input, preprocessing }))
    const counts = { equal: 0, refused: 0 }
    const different: { file: string; pillow: unknown; page: unknown }[] = []
    for (const [file, want] of Object.entries(recorded)) {
      const settled = await worker.preprocess(join(folder, file))
      const code = 'failure' in settled ? settled.failure.code : null
      const page = 'failure' in settled ? code : [settled.result.pixelsSha256, settled.result.cropSha256]
      const pillow = want.error ?? [want.rgb, want.vit_l_16_v1]
      if (want.error !== undefined && code !== null) counts.refused++
      else if (JSON.stringify(page) === JSON.stringify(pillow)) counts.equal++
      else different.push({ file, pillow, page })
    }
    const files = Object.keys(recorded).length
    console.log(`Pillow as recorded: ${files} files, ${counts.equal} equal, ${counts.refused} refused by both, ${different.length} different`)
    expect(files).toBeGreaterThanOrEqual(leastRecorded)
    expect(different).toEqual([])
  })
})

describe.skipIf(skipShared)('the page’s model on every shared photograph', { timeout: 180_000 }, () => {
  // As the contract's edge_agreement measures it: per image the largest difference of any class.
  const largestMeanDifference = 0.02
  let browser: Browser
  let native: Native
  let site: Site
  beforeAll(async () => {
    browser = await launch()
    native = await startNative()
    site = await startSite({ native: false })
  })
  afterAll(async () => {
    await browser.close()
    await native.stop()
    await site.stop()
  })

  interface Answer {
    predictions: { index: number; label: string; probability: number }[]
    tensor: { sha256: string }
  }

  test('the first class is the server’s, and the probabilities are near', async () => {
    const worker = await PageWorker.start(browser, site.url)
    await worker.call('openContract', contract)
    const { files, input } = JSON.parse(contract) as { files: { role: string; path: string; bytes: number; sha256: string }[]; input: { name: string } }
    const model = files.find(({ role }) => role === 'edge_model')
    if (!model) throw new Error('the bundle has no edge model')
    await worker.call('fetchArtifact', model, new URL(`bundle/${model.path}`, site.url).href)
    await worker.call('createSession', model, input.name)

    const photographs = sharedFiles('photos').filter((file) => /\.(jpg|png)$/.test(file))
    expect(photographs.length).toBeGreaterThanOrEqual(9)
    const rows: { photograph: string; first: string; server: number; page: number; largest: number; sameFirst: boolean }[] = []
    for (const file of photographs) {
      const settled = await worker.preprocess(file)
      if ('failure' in settled) throw new Error(`${file}: ${settled.failure.code}`)
      const page = (await worker.call('predict', 1000)).predictions
      const response = await fetch(`${native.url}/api/classify?k=1000`, {
        method: 'POST',
        body: new Uint8Array(readFileSync(file)),
        headers: { 'Content-Type': 'application/octet-stream' },
      })
      const server = (await response.json()) as Answer
      expect(server.tensor.sha256, file).toBe(settled.result.tensorSha256)
      const inPage = new Map(page.map(({ index, probability }) => [index, probability]))
      const [first] = server.predictions
      if (!first) throw new Error(`${file}: the server predicted nothing`)
      expect(server.predictions.length).toBe(inPage.size)
      const differences = server.predictions.map(({ index, probability }) => Math.abs(probability - (inPage.get(index) ?? NaN)))
      rows.push({
        photograph: file.split('/').at(-1) ?? file,
        first: first.label.split(',')[0] ?? '',
        server: first.probability,
        page: inPage.get(first.index) ?? 0,
        largest: Math.max(...differences),
        sameFirst: page[0]?.index === first.index,
      })
    }
    await worker.end()

    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const ofFirst = mean(rows.map(({ server, page }) => Math.abs(server - page)))
    const ofAny = mean(rows.map(({ largest }) => largest))
    for (const { photograph, first, server, page, largest } of rows) {
      console.log(`${photograph.padEnd(48)} ${first.padEnd(16)} server ${server.toFixed(4)}  page ${page.toFixed(4)}  largest |Δp| ${largest.toFixed(4)}`)
    }
    console.log(
      `${rows.length} photographs, first class equal on ${rows.filter(({ sameFirst }) => sameFirst).length}; mean |Δp| of the server’s first class ` +
        `${ofFirst.toFixed(4)}; per image the largest of the 1000 classes, mean ${ofAny.toFixed(4)}`,
    )
    expect(rows.filter(({ sameFirst }) => !sameFirst)).toEqual([])
    expect(ofAny).toBeLessThanOrEqual(largestMeanDifference)
  })
})
