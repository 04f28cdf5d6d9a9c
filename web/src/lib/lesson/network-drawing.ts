// Where the boxes of a network stand: width by channels, height by rows, both as square roots, so that 3 and 1,000 are seen in
// one drawing. The server's half is above the axis, the page's below it.
import type { Box, Stage } from './network'

export interface Drawn {
  box: Box
  x: number
  /** Half of the height; the same on both sides. */
  half: number
  page: number | null
  server: number | null
}
export interface DrawnStage {
  stage: Stage
  x: number
  width: number
  boxes: Drawn[]
  /** From the first to the last box of each block that a skip passes. */
  skips: { from: number; to: number; half: number }[]
}
export interface Drawing {
  input: { x: number; half: number; width: number } | null
  stages: DrawnStage[]
}

export interface Canvas {
  left: number
  right: number
  /** The most that a half may take. */
  half: number
}

const between = 2
const least = 1.5

export function draw(stages: readonly Stage[], input: readonly number[] | null, { left, right, half }: Canvas): Drawing {
  const boxes = stages.flatMap((stage) => stage.boxes)
  const channelsOf = (box: Box, side: 'page' | 'server') => (box.pair[side] ? Math.sqrt(box.pair[side].shape[0] ?? 0) : null)
  const widest = (box: Box) => Math.max(channelsOf(box, 'page') ?? 0, channelsOf(box, 'server') ?? 0)
  const [, inputRows = 0] = input ?? []
  const rows = Math.max(inputRows, 1, ...boxes.map(({ output }) => output?.[1] ?? 0))
  const halfOf = (count: number | undefined) => (count === undefined ? half / 2 : Math.max(least, (half * Math.sqrt(count)) / Math.sqrt(rows)))

  const parts = stages.length + (input ? 1 : 0)
  const inner = boxes.length - stages.length
  const gap = Math.max(6, Math.min(26, (right - left) / 28))
  const room = right - left - gap * (parts - 1) - between * inner - (input ? 3 : 0)
  const unit = room / Math.max(1, boxes.reduce((sum, box) => sum + widest(box), 0))

  let x = left
  const drawnInput = input ? { x, half: halfOf(inputRows), width: 3 } : null
  if (drawnInput) x += 3 + gap
  const drawn = stages.map((stage): DrawnStage => {
    const from = x
    const placed = stage.boxes.map((box): Drawn => {
      const wide = (side: 'page' | 'server') => {
        const channels = channelsOf(box, side)
        return channels === null ? null : Math.max(1, channels * unit)
      }
      const at = { box, x, half: halfOf(box.output?.[1]), page: wide('page'), server: wide('server') }
      x += Math.max(1, widest(box) * unit) + between
      return at
    })
    x += gap - between
    const blocks = [...new Set(placed.map(({ box }) => box.block))]
    const skips = blocks.flatMap((block) => {
      const members = placed.filter(({ box }) => box.block === block)
      const [first, last] = [members[0], members.at(-1)]
      if (block === null || !first || !last || !members.some(({ box }) => box.residual)) return []
      return [{ from: first.x, to: last.x + Math.max(last.page ?? 0, last.server ?? 0), half: Math.max(...members.map((member) => member.half)) }]
    })
    return { stage, x: from, width: x - gap - from, boxes: placed, skips }
  })
  return { input: drawnInput, stages: drawn }
}
