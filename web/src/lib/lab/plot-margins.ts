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
/** Room for "50 ms" and the unit of x. */
export const rightMargin = 48
const row = 18
const strip = 14
const air = 8
const inset = 6

/** The rows above the plotted area, in CSS pixels: names of moments, then the strip with its name. */
export const topMargin = ({ moments, plotted }: Look) => (moments.length > 0 ? row : 0) + (plotted.crosses > 0 ? row + strip + inset : air)
export const bottomMargin = ({ words }: Look) => (words.below ? row : 0)

export interface Ground {
  look: () => Look
  ink: (name: keyof Inks) => string
  fontFamily: string
}

export function paintMargins(u: uPlot, { look, ink, fontFamily }: Ground) {
  const { ctx, bbox } = u
  const { plotted, words, moments, format } = look()
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

  const stripBottom = bbox.top - inset * px
  const stripTop = stripBottom - strip * px
  if (plotted.crosses > 0) {
    ctx.fillStyle = ink('--sunken')
    ctx.fillRect(bbox.left, stripTop, bbox.width, strip * px)
    line(ink('--hair'), 1, [[bbox.left, stripTop], [right, stripTop], [bbox.left, stripBottom], [right, stripBottom]])
    write(words.unanswered, bbox.left, stripTop - 3 * px, ink('--over'), 'left', 'alphabetic')
  }

  moments.forEach(({ at, name }, position) => {
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
