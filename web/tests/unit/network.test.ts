// The network of the page from the model's own graph, beside the tensors that a server lists.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { knobRows, knobsOf, cutOf } from '../../src/lib/lesson/knobs'
import { layerOf, pairsOf, parametersOf, searched, sorted, stagesOf, type Network, type Tensor } from '../../src/lib/lesson/network'
import { draw } from '../../src/lib/lesson/network-drawing'
import { framesOf } from '../../src/lib/worker/frames'
import { readNetwork } from '../../src/lib/worker/onnx'

const tensor = (name: string, shape: number[], dtype = 'F32'): Tensor => ({ name, shape, dtype, parameters: shape.reduce((product, side) => product * side, 1) })

describe('layers and stages', () => {
  test.each([
    ['stages.2.5.conv1.weight', 'stages.2', '5'],
    ['layer1.0.downsample.0.weight', 'layer1', '0'],
    ['features.28.weight', 'features', null],
    ['fc.weight', 'fc', null],
  ])('%s stands in %s', (name, stage, block) => expect(layerOf(tensor(name, [8, 4]))).toMatchObject({ stage, block, channels: 8 }))

  const page = [tensor('stem.weight', [8, 3, 7, 7]), tensor('stages.0.0.conv1.weight', [8, 8, 3, 3], 'I8'), tensor('stages.0.0.conv1.bias', [8])]
  const server = [tensor('stem.weight', [8, 3, 7, 7]), tensor('stages.0.0.conv1.weight', [16, 8, 3, 3]), tensor('stages.0.0.conv1.bias', [16])]
  const graph: Network = { tensors: page, outputs: { 'stem.weight': [8, 111, 111], 'stages.0.0.conv1.weight': [8, 55, 55] }, residual: ['stages.0.0.conv1.weight'] }

  test('both sides are paired by name; another shape is a difference, another type is not', () => {
    expect(pairsOf(page, server).map(({ name, equal }) => [name, equal])).toEqual([
      ['stem.weight', true],
      ['stages.0.0.conv1.weight', false],
      ['stages.0.0.conv1.bias', false],
    ])
    const [stem, stage] = stagesOf(pairsOf(page, server), graph)
    expect(stem).toMatchObject({ name: 'stem', blocks: 0, parameters: { page: 1176, server: 1176 } })
    expect(stage).toMatchObject({ name: 'stages.0', blocks: 1, parameters: { page: 584, server: 1168 }, dtypes: { page: ['I8'], server: ['F32'] } })
    expect(stagesOf(pairsOf([], server), null)[0]?.boxes[0]).toMatchObject({ output: null, residual: false })
  })

  test('the drawing follows channels and rows, and fits', () => {
    const { input, stages } = draw(stagesOf(pairsOf(page, server), graph), [3, 227, 227], { left: 70, right: 600, half: 60 })
    const [stem, stage] = [stages[0]?.boxes[0], stages[1]?.boxes[0]]
    expect(input?.half).toBe(60)
    expect(stem?.page).toBe(stem?.server)
    expect((stage?.server ?? 0) / (stage?.page ?? 1)).toBeCloseTo(Math.SQRT2)
    expect(stem?.half).toBeGreaterThan(stage?.half ?? Infinity)
    expect((stages[1]?.x ?? 0) + (stages[1]?.width ?? 0)).toBeLessThanOrEqual(600)
    expect(stages[1]?.skips).toHaveLength(1)
  })

  test('the table is searched by words and sorted by any column', () => {
    const pairs = pairsOf(page, server)
    expect(searched(pairs, 'conv1 8×8').map(({ name }) => name)).toEqual(['stages.0.0.conv1.weight'])
    expect(searched(pairs, 'i8')).toHaveLength(1)
    expect(searched(pairs, 'nowhere')).toEqual([])
    expect(sorted(pairs, 'parameters', true)[0]?.name).toBe('stem.weight')
    expect(sorted(pairs, 'name', false)[0]?.name).toBe('stages.0.0.conv1.bias')
    expect(sorted(pairs, 'order', true)[0]?.name).toBe('stages.0.0.conv1.bias')
  })
})

describe('the ONNX reader', () => {
  test('refuses what is no model', () => {
    expect(() => readNetwork(new Uint8Array([0, 0, 0]), 'input', [1, 3, 2, 2])).toThrow()
    expect(() => readNetwork(new Uint8Array([0x3a, 0x7f]), 'input', [1, 3, 2, 2])).toThrow('longer than the file')
    expect(() => readNetwork(new Uint8Array([0xff, 0xff]), 'input', [])).toThrow('does not end')
  })

  const model = join(process.env.BERALIH_BUNDLE ?? fileURLToPath(new URL('../../../models/bundles/resnet34', import.meta.url)), 'edge.onnx')
  test.skipIf(!existsSync(model))('reads the page’s own model: its tensors, their types, and every size on the way', () => {
    const { tensors, outputs, residual } = readNetwork(readFileSync(model), 'input', [1, 3, 227, 227])
    expect(tensors).toHaveLength(68)
    expect(parametersOf(tensors)).toBe(21_616_232)
    expect(tensors[0]).toEqual({ name: 'stem.weight', shape: [64, 3, 7, 7], dtype: 'F32', parameters: 9408 })
    expect(tensors.find(({ name }) => name === 'stages.3.0.conv1.weight')).toMatchObject({ shape: [512, 256, 3, 3], dtype: 'I8' })
    // The research side's own sizes: 227, 111, 55, 27, 13, 6.
    const rows = ['stem', 'stages.0.2.conv2', 'stages.1.3.conv2', 'stages.2.5.conv2', 'stages.3.2.conv2', 'fc'].map((name) => outputs[`${name}.weight`])
    expect(rows).toEqual([[64, 111, 111], [64, 55, 55], [128, 27, 27], [256, 13, 13], [512, 6, 6], [1000, 1, 1]])
    expect(residual).toHaveLength(16)
    const stages = stagesOf(pairsOf(tensors, []), { tensors, outputs, residual })
    expect(stages.map(({ name, blocks }) => [name, blocks])).toEqual([['stem', 0], ['stages.0', 3], ['stages.1', 4], ['stages.2', 6], ['stages.3', 3], ['fc', 0]])
  })
})

describe('knobs', () => {
  const text = 'beralih.preprocessing/1\nresize_shorter_side=259,259\nresize_filter=bilinear\ncenter_crop=227,227\nimage_mean=42f59062,42ea0083,42d09893\nlabels.sha256=' + 'ab'.repeat(32) + '\n'
  test('floats are told by the shortest decimal that is the same float32', () => {
    expect(knobsOf(text)).toEqual([
      { name: 'resize_shorter_side', value: '259' },
      { name: 'resize_filter', value: 'bilinear' },
      { name: 'center_crop', value: '227, 227' },
      { name: 'image_mean', value: '122.782, 117.001, 104.298' },
      { name: 'labels.sha256', value: 'ab'.repeat(32) },
    ])
  })
  test('both sides stand side by side, also a knob that one lacks', () => {
    const theirs = text.replace('bilinear', 'bicubic').replace(/labels.*\n/, 'pad_value=0,0,0\n')
    const differing = knobRows(text, theirs).filter(({ page, server }) => page !== server)
    expect(differing).toEqual([
      { name: 'resize_filter', page: 'bilinear', server: 'bicubic' },
      { name: 'labels.sha256', page: 'ab'.repeat(32), server: null },
      { name: 'pad_value', page: null, server: '0, 0, 0' },
    ])
  })
  test('the crop’s frame on the original', () => {
    expect(cutOf(text, { width: 518, height: 259 })).toEqual({ left: (1 - 227 / 518) / 2, top: (1 - 227 / 259) / 2, width: 227 / 518, height: 227 / 259 })
    expect(cutOf('resize_exact=10,10\n', { width: 5, height: 5 })).toBeNull()
  })
})

describe('frames', () => {
  const gif = (frames: number) => {
    const frame = [0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]
    return Uint8Array.from([...new TextEncoder().encode('GIF89a'), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255, ...Array.from({ length: frames }, () => frame).flat(), 0x3b])
  }
  test('a GIF’s are counted; an end in the middle is no endless walk', () => {
    expect([1, 2, 7].map((count) => framesOf(gif(count)))).toEqual([1, 2, 7])
    for (let end = 0; end < 60; end++) expect(framesOf(gif(3).subarray(0, end))).toBeLessThanOrEqual(3)
  })
  test('an animated PNG announces its own', () => {
    const chunk = (type: string, data: number[]) => [0, 0, 0, data.length, ...new TextEncoder().encode(type), ...data, 0, 0, 0, 0]
    const png = (...chunks: number[][]) => Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, ...chunks.flat()])
    expect(framesOf(png(chunk('IHDR', []), chunk('acTL', [0, 0, 0, 5, 0, 0, 0, 0]), chunk('IDAT', [])))).toBe(5)
    expect(framesOf(png(chunk('IHDR', []), chunk('IDAT', []), chunk('acTL', [0, 0, 0, 5])))).toBe(1)
    expect(framesOf(new Uint8Array())).toBe(1)
  })
})
