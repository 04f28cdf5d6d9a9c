// What stands around the points of a live chart: the budget, when something happened, and, in a strip of their own above the axis of
// latencies, the requests without a prediction. None of it is painted over a point.
import type uPlot from 'uplot'
import { budgetMs } from '../lesson/figures'
import type { Look } from './plot'

/** A moment that the events of a run tell. */
export interface Moment {
  /** On the chart's x axis. */
  at: number
  name: string
}

export const inks = ['--live', '--over', '--paper', '--sunken', '--ink-2', '--hair', '--control'] as const
export type Inks = Record<(typeof inks)[number], string>

export const textSize = 13
export const axisGap = 4
export const xAxisSize = 26
export const yAxisSize = 66
/** Room for "50 ms" and the unit of x. */
export const rightMargin = 48
const row = 18
const lineHeight = 14
const air = 8
const inset = 6
/** The topmost number of the axis reaches this far above it. */
const overNumber = 10

/** A name in as many lines as the column of the numbers needs for it. */
export function linesOf(words: string, widthOf: (words: string) => number): string[] {
  const lines: string[] = []
  for (const word of words.split(' ')) {
    const longer = [...lines.slice(-1), word].join(' ')
    if (lines.length > 0 && widthOf(longer) <= yAxisSize - axisGap) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

const stripHeight = (names: readonly string[]) => names.length * lineHeight + 2
/** The rows above the plotted area, in CSS pixels: names of moments, then the strip. */
export const topMargin = ({ moments, plotted }: Look, names: readonly string[]) => (moments.length > 0 ? row : 0) + (plotted.crosses > 0 ? stripHeight(names) + overNumber : air)
export const bottomMargin = ({ words }: Look) => (words.below ? row : 0)

export interface Ground {
  look: () => Look
  ink: (name: keyof Inks) => string
  fontFamily: string
  /** The strip's name, in lines. */
  names: () => string[]
}

export function paintMargins(u: uPlot, { look, ink, fontFamily, names }: Ground) {
  const { ctx, bbox } = u
  const { plotted, words, moments, format, from, to } = look()
  const px = devicePixelRatio
  const right = bbox.left + bbox.width
  const bottom = bbox.top + bbox.height
  const xOf = (value: number) => u.valToPos(value, 'x', true)

  function line(colour: string, width: number, path: [number, number][], dashes: number[] = []) {
    ctx.strokeStyle = colour
    ctx.lineWidth = width * px
    ctx.setLineDash(dashes.map((length) => length * px))
    ctx.beginPath()
    path.forEach(([x, y], position) => (position % 2 === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)))
    ctx.stroke()
  }
  function write(words: string, x: number, y: number, colour: string, align: CanvasTextAlign, baseline: CanvasTextBaseline) {
    ctx.fillStyle = colour
    ctx.textAlign = align
    ctx.textBaseline = baseline
    ctx.fillText(words, x, y)
  }

  ctx.save()
  ctx.font = `${textSize * px}px ${fontFamily}`
  const budget = u.valToPos(budgetMs, 'y', true)
  line(ink('--over'), 1.25, [[bbox.left, budget], [right + 3 * px, budget]], [5, 4])
  write(`${format.whole(budgetMs)} ${words.ms}`, right + inset * px, budget, ink('--over'), 'left', 'middle')

  if (words.below) write(words.x, bbox.left + bbox.width / 2, bottom + xAxisSize * px, ink('--ink-2'), 'center', 'top')
  else write(words.x, right + inset * px, bottom + axisGap * px, ink('--ink-2'), 'left', 'top')

  const stripBottom = bbox.top - overNumber * px
  const stripTop = stripBottom - stripHeight(names()) * px
  if (plotted.crosses > 0) {
    ctx.fillStyle = ink('--sunken')
    ctx.fillRect(bbox.left, stripTop, bbox.width, stripBottom - stripTop)
    line(ink('--hair'), 1, [[bbox.left, stripTop], [right, stripTop], [bbox.left, stripBottom], [right, stripBottom]])
    names().forEach((name, line) => write(name, bbox.left - axisGap * px, stripTop + (1 + (line + 0.5) * lineHeight) * px, ink('--over'), 'right', 'middle'))
  }

  // One that came after the load's end has no place on its axis.
  const placed = moments.filter(({ at }) => at >= from && at <= to)
  placed.forEach(({ at, name }, position) => {
    const x = xOf(at)
    line(ink('--control'), 1, [[x, row * px], [x, bottom]])
    // The first is named before its line and the next after it, where there is room: neither hides the other.
    const { width } = ctx.measureText(name)
    const before = position === 0 ? x - width >= 0 : x + width > u.width * px
    write(name, before ? Math.max(x, width) : x, (row - 5) * px, ink('--ink-2'), before ? 'right' : 'left', 'alphabetic')
  })

  if (plotted.crosses > 0) {
    const arm = 3 * px
    const middle = (stripTop + stripBottom) / 2
    const path: [number, number][] = []
    plotted.unanswered.forEach((value, position) => {
      if (value === null) return
      const x = xOf(plotted.at[position] ?? 0)
      path.push([x - arm, middle - arm], [x + arm, middle + arm], [x + arm, middle - arm], [x - arm, middle + arm])
    })
    line(ink('--over'), 1.5, path)
  }
  ctx.restore()
}
