// The live chart itself: uPlot on a canvas, since a minute of load has some 18,000 points. Fetched when a run begins.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { budgetMs } from '../lesson/figures'
import type { Format } from '../lesson/format'
import type { Plotted } from './plotted'

export interface Look {
  plotted: Plotted
  from: number
  to: number
  height: number
  budget: string
  format: Format
}

export interface Plot {
  /** Draws what has arrived, at the screen's pace or slower. */
  follow: () => void
  end: () => void
}

const inks = ['--live', '--over', '--paper', '--ink-2', '--hair', '--control'] as const
type Inks = Record<(typeof inks)[number], string>

/** A canvas knows neither var() nor light-dark(): the style sheet's colours as the host computes them now. */
function inksOf(host: HTMLElement): Inks {
  const probe = host.appendChild(document.createElement('i'))
  const found = Object.fromEntries(
    inks.map((name) => {
      probe.style.color = `var(${name})`
      return [name, getComputedStyle(probe).color]
    }),
  )
  probe.remove()
  return found as Inks
}

/** No prediction: a cross, which needs no colour to be told from the others. */
const crosses: uPlot.Series.Points.PathBuilder = (u, series, first, last) => {
  const path = new Path2D()
  const arm = 3 * devicePixelRatio
  for (let position = first; position <= last; position++) {
    const value = u.data[series]?.[position]
    if (typeof value !== 'number') continue
    const x = u.valToPos(u.data[0][position] ?? 0, 'x', true)
    const y = u.valToPos(value, 'mark', true)
    path.moveTo(x - arm, y - arm)
    path.lineTo(x + arm, y + arm)
    path.moveTo(x + arm, y - arm)
    path.lineTo(x - arm, y + arm)
  }
  return { stroke: path, fill: null, clip: null, flags: 0 }
}

function marksOf({ from, to }: Look): number[] {
  const steps = Math.max(1, Math.min(Math.ceil(to - from), 10))
  return [...new Set(Array.from({ length: steps + 1 }, (_, step) => Math.round(from + (step * (to - from)) / steps)))]
}

/** Between two drawings, ms: ten a second, one where motion is unwelcome, fewer where drawing is slow. */
const paceOf = (tookMs: number) => Math.max(matchMedia('(prefers-reduced-motion: reduce)').matches ? 1000 : 100, 10 * tookMs)

export function plotLatencies(host: HTMLElement, look: () => Look): Plot {
  let colours = inksOf(host)
  const ink = (name: keyof Inks) => () => colours[name]
  const { fontFamily } = getComputedStyle(host)
  const font = `13px ${fontFamily}`
  const dots = (scale: string, points: uPlot.Series.Points): uPlot.Series => ({ scale, paths: () => null, points: { show: true, ...points } })
  /** Over the points, or a dense run would hide it. */
  const budgetLine = (u: uPlot) => {
    const { ctx, bbox } = u
    const y = u.valToPos(budgetMs, 'y', true)
    ctx.save()
    ctx.strokeStyle = ctx.fillStyle = colours['--over']
    ctx.lineWidth = 1.25 * devicePixelRatio
    ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio])
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    ctx.font = `${13 * devicePixelRatio}px ${fontFamily}`
    ctx.textAlign = 'right'
    ctx.textBaseline = 'alphabetic'
    ctx.setLineDash([])
    ctx.lineWidth = 4 * devicePixelRatio
    ctx.lineJoin = 'round'
    ctx.strokeStyle = colours['--paper'] // the label stays readable on points
    ctx.strokeText(look().budget, bbox.left + bbox.width, y - 5 * devicePixelRatio)
    ctx.fillText(look().budget, bbox.left + bbox.width, y - 5 * devicePixelRatio)
    ctx.restore()
  }

  let began = 0
  let took = 0
  const columns = (): uPlot.AlignedData => {
    const { at, within, over, unanswered } = look().plotted
    return [at, within, over, unanswered]
  }
  const tick = (value: number) => (value < 1 ? look().format.short(value) : look().format.whole(value))
  const options: uPlot.Options = {
    width: Math.max(1, host.clientWidth),
    height: look().height,
    legend: { show: false },
    cursor: { show: false }, // the values are in the table, for every pointer and for none
    scales: {
      // Half a step of air, so that the first and the last point are whole.
      x: { time: false, range: () => [look().from - (look().to - look().from) / 50, look().to + (look().to - look().from) / 50] },
      y: { distr: 3, range: () => [look().plotted.decades().least, look().plotted.decades().most] },
      mark: { range: [0, 1] },
    },
    series: [
      {},
      dots('y', { size: 4.5, width: 0, fill: ink('--live'), stroke: ink('--live') }),
      dots('y', { size: 7, width: 1.5, fill: ink('--paper'), stroke: ink('--over') }),
      dots('mark', { width: 1.5, stroke: ink('--over'), paths: crosses }),
    ],
    axes: [
      { font, size: 26, gap: 4, stroke: ink('--ink-2'), grid: { show: false }, ticks: { show: false }, border: { show: true, stroke: ink('--control'), width: 1 }, splits: () => marksOf(look()), values: (_, splits) => splits.map(tick) },
      { scale: 'y', font, size: 48, gap: 4, stroke: ink('--ink-2'), grid: { stroke: ink('--hair'), width: 1 }, ticks: { show: false }, splits: () => look().plotted.decades().ticks, filter: (_, splits) => splits, values: (_, splits) => splits.map(tick) },
    ],
    hooks: {
      draw: [
        budgetLine,
        (u) => {
          took = performance.now() - began
          host.dataset.points = String(u.data[0].length)
        },
      ],
    },
  }
  began = performance.now()
  const chart = new uPlot(options, columns(), host)

  let timer: ReturnType<typeof setTimeout> | null = null
  let drawn = performance.now()
  const draw = () => {
    timer = null
    began = drawn = performance.now()
    chart.setData(columns())
  }
  const follow = () => {
    timer ??= setTimeout(draw, Math.max(0, drawn + paceOf(took) - performance.now()))
  }

  const recolour = () => {
    colours = inksOf(host)
    chart.redraw(true, true)
  }
  const resizes = new ResizeObserver(() => {
    if (host.clientWidth > 0 && host.clientWidth !== chart.width) chart.setSize({ width: host.clientWidth, height: look().height })
  })
  resizes.observe(host)
  const themes = new MutationObserver(recolour)
  themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
  const media = ['(prefers-color-scheme: dark)', '(forced-colors: active)', 'print'].map((query) => matchMedia(query))
  for (const query of media) query.addEventListener('change', recolour)
  return {
    follow,
    end: () => {
      if (timer !== null) clearTimeout(timer)
      resizes.disconnect()
      themes.disconnect()
      for (const query of media) query.removeEventListener('change', recolour)
      chart.destroy()
    },
  }
}
