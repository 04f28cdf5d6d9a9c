// Build time only: cuts the excerpts that content/code/excerpts.ts names out of the repository's sources and highlights them.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createHighlighterCore } from 'shiki/core'
import { createJavaScriptRegexEngine } from 'shiki/engine/javascript'
import cpp from 'shiki/langs/cpp.mjs'
import python from 'shiki/langs/python.mjs'
import type { Plugin } from 'vite'
import { sources, type Source } from '../content/code/excerpts.ts'

export interface CodeLine {
  number: number
  html: string
  /** The steps of a run that this line belongs to. */
  steps: string
}

export interface Excerpt {
  id: string
  tab: string
  path: string
  lines: CodeLine[]
}

/** A sentence for each thing that content/code/excerpts.ts names and that the sources no longer have. */
export interface Cut {
  excerpts: Excerpt[]
  problems: string[]
}

// Weight and grey: colour on this page says that something was measured, and the running line is the only one that does.
const kinds = { '#000001': 'b', '#000002': 'i', '#000003': 's' } as const
const theme = {
  name: 'ink',
  type: 'light' as const,
  colors: { 'editor.foreground': '#000000', 'editor.background': '#ffffff' },
  settings: [
    { settings: { foreground: '#000000', background: '#ffffff' } },
    { scope: ['keyword', 'storage', 'constant.language', 'support.type.built-in'], settings: { foreground: '#000001' } },
    { scope: ['keyword.operator', 'storage.modifier.pointer', 'storage.modifier.reference', 'storage.type.string'], settings: { foreground: '#000000' } },
    { scope: ['keyword.operator.logical.python', 'keyword.operator.new'], settings: { foreground: '#000001' } },
    { scope: ['comment', 'string.quoted.docstring'], settings: { foreground: '#000002' } },
    { scope: ['string'], settings: { foreground: '#000003' } },
  ],
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function find(repository: string, source: Source): { path: string; lines: string[]; first: number } | string {
  const folder = join(repository, source.folder)
  const found = readdirSync(folder)
    .filter((name) => name.endsWith(source.suffix))
    .sort()
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').replace(/\n$/, '').split('\n')
      const first = lines.findIndex((line) => line.startsWith(source.start) && !line.endsWith(';'))
      return first < 0 ? [] : [{ path: `${source.folder}/${name}`, lines, first }]
    })
  const [only, ...others] = found
  if (!only || others.length > 0) return `${source.id}: ${found.length} files in ${source.folder} have a line that starts with "${source.start}", not 1`
  return only
}

export async function cutExcerpts(repository: string, wanted: readonly Source[] = sources): Promise<Cut> {
  const highlighter = await createHighlighterCore({ themes: [theme], langs: [python, cpp], engine: createJavaScriptRegexEngine() })
  const excerpts: Excerpt[] = []
  const problems: string[] = []
  for (const source of wanted) {
    const found = find(repository, source)
    if (typeof found === 'string') {
      problems.push(found)
      continue
    }
    const { path, lines } = found
    const begin = source.end === undefined ? 0 : found.first
    const last = source.end === undefined ? lines.length - 1 : lines.indexOf(source.end, begin)
    const text = lines.slice(begin, last + 1)
    const steps = text.map(() => new Set<string>())
    for (const { step, from, to } of source.marks) {
      const start = text.findIndex((line) => line.includes(from))
      const end = start < 0 ? -1 : text.findIndex((line, position) => position >= start && line.includes(to))
      if (end < 0) problems.push(`${source.id}: ${path} has no lines from "${from}" to "${to}" (step ${step})`)
      else for (let position = start; position <= end; position++) steps[position]?.add(step)
    }
    const { tokens } = highlighter.codeToTokens(text.join('\n'), { lang: source.language, theme: 'ink' })
    excerpts.push({
      id: source.id,
      tab: source.tab,
      path,
      lines: tokens.map((line, position) => ({
        number: begin + position + 1,
        steps: [...(steps[position] ?? [])].join(' '),
        html: line
          .map(({ content, color }) => {
            const kind = content.trim() ? kinds[color?.toLowerCase() as keyof typeof kinds] : undefined
            return kind ? `<${kind}>${escaped(content)}</${kind}>` : escaped(content)
          })
          .join(''),
      })),
    })
  }
  highlighter.dispose()
  return { excerpts, problems }
}

const id = 'virtual:excerpts'

/** `import { excerpts } from 'virtual:excerpts'`: meant for the prerendered page; it never reaches a browser as script. */
export function codeExcerpts(repository: string): Plugin {
  return {
    name: 'code-excerpts',
    resolveId: (source) => (source === id ? `\0${id}` : null),
    async load(source) {
      if (source !== `\0${id}`) return null
      const { excerpts, problems } = await cutExcerpts(repository)
      for (const problem of problems) this.warn(problem)
      return `export const excerpts = ${JSON.stringify(excerpts)}`
    },
  }
}
