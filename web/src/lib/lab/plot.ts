// The live chart itself: uPlot on a canvas, since a minute of load has some 18,000 points. Fetched when a run begins.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Format } from '../lesson/format'
import { axisGap, bottomMargin, inks, linesOf, paintMargins, rightMargin, textSize, topMargin, xAxisSize, yAxisSize, type Inks, type Moment } from './plot-margins'
import type { Decades, Plotted } from './plotted'

export interface Look {
  plotted: Plotted
  decades: () => Decades
  from: number
  to: number
  height: number
  moments: readonly Moment[]
  /** What the axes count in; `below`: what x counts stands under its numbers, else at their end. */
  words: { ms: string; x: string; below: boolean; unanswered: string }
  format: Format
}

export interface Plot {
  /** Draws what has arrived, at the screen's pace or slower. */
  follow: () => void
  end: () => void
}

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
  const font = `${textSize}px ${fontFamily}`
  const dots = (points: uPlot.Series.Points): uPlot.Series => ({ scale: 'y', paths: () => null, points: { show: true, ...points } })
  const ruler = document.createElement('canvas').getContext('2d')
  if (ruler) ruler.font = font
  const names = () => linesOf(look().words.unanswered, (words) => ruler?.measureText(words).width ?? 0)
  const ground = { look, fontFamily, names, ink: (name: keyof Inks) => colours[name] }

  let began = 0
  let took = 0
  const columns = (): uPlot.AlignedData => {
    const { at, within, over } = look().plotted
    return [at, within, over]
  }
  const tick = (value: number) => (value < 1 ? look().format.short(value) : look().format.whole(value))
  const latency = (value: number, position: number, all: number[]) => (position === all.length - 1 ? `${tick(value)} ${look().words.ms}` : tick(value))
  const options: uPlot.Options = {
    width: Math.max(1, host.clientWidth),
    height: look().height,
    legend: { show: false },
    cursor: { show: false }, // the values are in the table, for every pointer and for none
    padding: [() => topMargin(look(), names()), rightMargin, () => bottomMargin(look()), 0],
    scales: {
      // Half a step of air, so that the first and the last point are whole.
      x: { time: false, range: () => [look().from - (look().to - look().from) / 50, look().to + (look().to - look().from) / 50] },
      y: { distr: 3, range: () => [look().decades().least, look().decades().most] },
    },
    series: [
      {},
      dots({ size: 4.5, width: 0, fill: ink('--live'), stroke: ink('--live') }),
      dots({ size: 7, width: 1.5, fill: ink('--paper'), stroke: ink('--over') }),
    ],
    axes: [
      { font, size: xAxisSize, gap: axisGap, stroke: ink('--ink-2'), grid: { show: false }, ticks: { show: false }, border: { show: true, stroke: ink('--control'), width: 1 }, splits: () => marksOf(look()), values: (_, splits) => splits.map(tick) },
      { scale: 'y', font, size: yAxisSize, gap: axisGap, stroke: ink('--ink-2'), grid: { stroke: ink('--hair'), width: 1 }, ticks: { show: false }, splits: () => look().decades().ticks, filter: (_, splits) => splits, values: (_, splits) => splits.map(latency) },
    ],
    hooks: {
      drawAxes: [(u) => paintMargins(u, ground)], // before the points, so that each of them is seen
      draw: [
        (u) => {
          took = performance.now() - began
          host.dataset.points = String(u.data[0].length)
        },
      ],
    },
  }
  began = performance.now()
  const chart = new uPlot(options, columns(), host)

  /** What the margins are measured by: they are measured again when it changes. */
  const frame = () => JSON.stringify([topMargin(look(), names()), look().words, look().moments, look().decades().ticks.map(tick)])
  let framed = frame()
  let timer: ReturnType<typeof setTimeout> | null = null
  let drawn = performance.now()
  const draw = () => {
    timer = null
    began = drawn = performance.now()
    chart.setData(columns())
    if (framed === frame()) return
    framed = frame()
    chart.redraw(true, true)
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
