// Events to terminal lines, as a program prints them: the same in every language.
import type { FlowEvent } from './events'

export interface Line {
  /** ms since the press; a line without one is the page's prompt. */
  at: number
  who: 'page' | 'server'
  text: string
  tone?: 'over'
  /** A later line of the same key takes its place (a download's progress). */
  key?: string
}

const short = (sha256: string) => sha256.slice(0, 8)
const ms = (value: number) => `${value.toFixed(1)} ms`
export const groupedBytes = (bytes: number) => `${String(bytes).replace(/\B(?=(\d{3})+$)/g, ' ')} B`
export const seconds = (at: number) => (at / 1000).toFixed(3)
const yesNo = (value: boolean) => (value ? 'yes' : 'no')
const percent = (part: number, whole: number) => `${Math.floor((100 * part) / whole)} %`.padStart(5)

export function lineFor(event: FlowEvent): Line | null {
  const page = (text: string, more: Partial<Line> = {}): Line => ({ at: event.at, who: 'page', text, ...more })
  const server = (text: string, more: Partial<Line> = {}): Line => ({ at: event.at, who: 'server', text, ...more })
  switch (event.kind) {
    case 'browser-checked': {
      const memory = event.memoryGiB === null ? '' : `, ${event.memoryGiB} GiB`
      return page(`preflight: ${event.threads} threads${memory}, isolated ${yesNo(event.isolated)}, storage ${yesNo(event.storage)}`)
    }
    case 'core-ready':
      if (event.bytes === 0) return page(`core ${event.version} reused: wasm simd ${yesNo(event.simd)}`)
      return page(`core ${event.version} ready: wasm simd ${yesNo(event.simd)}, ${groupedBytes(event.bytes)}, ${ms(event.ms)}`)
    case 'contract-read': {
      const from = { server: 'GET /api/contract', bundle: 'GET bundle/contract.json', kept: 'kept contract.json' }[event.origin]
      const same = event.announcedHash === null ? '' : event.announcedHash === event.sha256 ? ' = server' : ` differs from server ${short(event.announcedHash)}`
      return page(`${from}  ${groupedBytes(event.bytes)}  sha256 ${short(event.sha256)}${same}; preproc ${short(event.preprocessingHash)}`)
    }
    case 'artifact-announced':
      return page(`GET ${event.path}  ${groupedBytes(event.bytes)} announced`, { key: event.path })
    case 'artifact-awaited':
      return page(`GET ${event.path}  waiting: another tab downloads it`, { key: event.path })
    case 'artifact-progress':
      return page(`GET ${event.path}  ${percent(event.received, event.bytes)} of ${groupedBytes(event.bytes)}`, { key: event.path })
    case 'artifact-ready': {
      const compressed = event.compressed === null ? '' : ` as ${groupedBytes(event.compressed)}`
      const kept = event.source === 'kept' ? 'kept, 0 B downloaded' : `${event.resumedFrom > 0 ? `resumed at ${groupedBytes(event.resumedFrom)}` : 'downloaded'}${compressed}, ${event.stored ? '' : 'not '}kept`
      return page(`GET ${event.path}  ${groupedBytes(event.bytes)}  sha256 ${short(event.sha256)} ok, ${kept}`, { key: event.path })
    }
    case 'session-ready':
      return event.reused
        ? page('session reused: weights are loaded once')
        : page(`session created ${ms(event.createMs)}, warm-up ${ms(event.warmUpMs)} (onnxruntime-web ${event.version}, threads ${event.threads})`)
    case 'page-unable': {
      const { code, facts } = event.failure
      return page(`no session in this page: ${code}${facts.detail ? `: ${facts.detail}` : ''}`, { tone: 'over' })
    }
    case 'server-loaded': {
      const { pid, startedAt, libtorch, device, dtype, threads, ms: took } = event.record
      const loaded = took.hashes + took.program + took.attach + took.warmUp
      return server(
        `loaded once, at ${startedAt}, by process ${pid}: ${ms(loaded)}, ready after ${ms(took.ready)} (libtorch ${libtorch}, ${device} ${dtype}, threads ${threads})`,
      )
    }
    case 'server-load-unknown': {
      const { code, facts } = event.failure
      return server(`GET /api/artifacts: ${facts.status ? `${facts.status} ` : ''}${code}${facts.detail ? `: ${facts.detail}` : ''}`)
    }
    case 'input-read':
      return page(`read ${event.name}  ${groupedBytes(event.bytes)}`)
    case 'preprocessed': {
      const { decode, resize, normalize } = event.timings
      return page(
        `preprocess ${event.width}x${event.height} -> ${event.shape.join('x')} in ${ms(decode + resize + normalize)}, tensor ${short(event.tensorSha256)}${event.frames > 1 ? `, frame 1 of ${event.frames}` : ''}`,
      )
    }
    case 'request-sent':
      return page(`POST ${event.url}  ${groupedBytes(event.bytes)}`)
    case 'page-predicted': {
      const { predictions, inferenceMs } = event.prediction
      const top = predictions[0]
      return page(`forward ${ms(inferenceMs)}: ${top ? `${event.labels[top.index] ?? top.index} ${top.probability.toFixed(4)}` : 'no classes'}`)
    }
    case 'server-told':
      return server(event.text)
    case 'server-answered': {
      const { answer } = event
      const top = answer.predictions[0]
      return server(
        `200 in ${ms(event.wallMs)}, tensor ${short(answer.tensorSha256)}, forward ${ms(answer.timings.inference)} (${answer.device}): ${top ? `${top.label} ${top.probability.toFixed(4)}` : ''}`,
      )
    }
    case 'server-failed': {
      const { code, facts } = event.failure
      const field = facts.field ? ` ${facts.field}: ours ${facts.ours ?? ''}, theirs ${facts.theirs ?? ''}` : ''
      const detail = facts.detail ? `: ${facts.detail}` : ''
      const status = facts.status ? `${facts.status} ` : ''
      const wait = facts.seconds && status ? `, retry after ${facts.seconds} s` : ''
      return server(`${status}${code}${field}${detail}${wait}`, { tone: 'over' })
    }
    case 'failed': {
      const { code, facts } = event.failure
      const expected = facts.theirs ? `sha256 ${facts.theirs}, expected ${facts.ours ?? ''}` : undefined
      const arrived = facts.expected ? `${facts.received ?? 0} of ${groupedBytes(facts.expected)}` : undefined
      const detail = [facts.file, expected ?? arrived ?? facts.detail].filter(Boolean).join(': ')
      return page(detail ? `${code} ${detail}` : code, code === 'stopped' ? {} : { tone: 'over' })
    }
    default:
      return null
  }
}

/** What the panel shows, as plain text. */
export const terminalText = (lines: readonly Line[], ready: string) =>
  [`> ${ready}`, ...lines.map(({ at, who, text }) => `${seconds(at)} ${who.padEnd(6)} ${text}`)].join('\n') + '\n'

/** A line with a key replaces the last one of that key. */
export function appendLine(lines: readonly Line[], line: Line | null): readonly Line[] {
  if (line === null) return lines
  const place = line.key === undefined ? -1 : lines.findLastIndex(({ key }) => key === line.key)
  return place < 0 ? [...lines, line] : lines.with(place, { ...line, at: line.at })
}
