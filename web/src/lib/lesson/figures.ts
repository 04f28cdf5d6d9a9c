// Numbers for the inspector, computed from a run.
import type { StageName } from '../../../content/schema'
import type { Run } from './run'

export const budgetMs = 50
export const stageNames: readonly StageName[] = ['network', 'queue', 'preprocess', 'inference', 'postprocess']

export type Stages = Partial<Record<StageName, number>>

export function pageStages({ input, page }: Run): Stages | null {
  if (!input || !page) return null
  const { decode, resize, normalize } = input.timings
  return { preprocess: decode + resize + normalize, inference: page.prediction.inferenceMs, postprocess: page.prediction.postprocessMs }
}

export function serverStages({ server }: Run): Stages | null {
  if (!server) return null
  const { decode, resize, normalize, queue, inference, postprocess, total } = server.answer.timings
  const preprocess = decode + resize + normalize
  // The server measures itself; the rest of the request's time was spent on the way. What it took beyond its stages was
  // waiting as well: for a thread that decodes.
  const waited = Math.max(queue, total - preprocess - inference - postprocess)
  return { network: Math.max(0, server.wallMs - total), queue: waited, preprocess, inference, postprocess }
}

/** From verified files to a model that answers: what each side did once. */
export const pageLoadMs = ({ session }: Run) => (session ? session.createMs + session.warmUpMs : null)
export const serverLoadMs = ({ serverLoad }: Run) => (serverLoad ? serverLoad.ms.program + serverLoad.ms.attach + serverLoad.ms.warmUp : null)

export const totalOf = (stages: Stages) => Object.values(stages).reduce((sum, value) => sum + value, 0)

export interface TopRow {
  label: string
  page: number | null
  server: number | null
}

/** The server's five where there is a server, beside the page's probability of the same classes. */
export function topFive({ page, server }: Run, count = 5): TopRow[] {
  const pageOf = new Map(page?.prediction.predictions.map(({ index, probability }) => [index, probability]))
  if (server) {
    return server.answer.predictions
      .slice(0, count)
      .map(({ index, label, probability }) => ({ label, page: pageOf.get(index) ?? null, server: probability }))
  }
  return (page?.prediction.predictions ?? [])
    .slice(0, count)
    .map(({ index, probability }) => ({ label: page?.labels[index] ?? String(index), page: probability, server: null }))
}

export const equalDigits = (a: string, b: string) => [...a].filter((digit, position) => digit === b[position]).length

export interface TensorComparison {
  page: string
  server: string | null
  equalDigits: number
  equal: boolean
}

export function compareTensors({ input, server }: Run): TensorComparison | null {
  if (!input) return null
  const page = input.tensorSha256
  const theirs = server?.answer.tensorSha256 ?? null
  return { page, server: theirs, equalDigits: theirs === null ? 0 : equalDigits(page, theirs), equal: theirs === page }
}

/** Thousands of milliseconds to a clock: 00:02. */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`
}
