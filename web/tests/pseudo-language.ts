// A third language, made of the English one: every sentence stands in ⟦ ⟧, and is written from right to left. What its folder holds is
// all that a language needs.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const web = fileURLToPath(new URL('..', import.meta.url))

const folder: Record<string, string> = {
  'pseudo.ts': `const own = /^(language|short|long|isDefault|id|datatype)$/
export function pseudo<T>(value: T, key = ''): T {
  if (own.test(key)) return value
  if (typeof value === 'string') return \`⟦\${value}⟧\` as T
  if (typeof value === 'function') return ((...given: unknown[]) => \`⟦\${value(...given)}⟧\`) as T
  if (Array.isArray(value)) return value.map((part) => pseudo(part)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, pseudo(part, name)])) as T
}`,
  'name.ts': `export const name = { language: 'ar-XB', short: 'XB', long: 'Pseudo', isDefault: false, rightToLeft: true as const }`,
  'lesson.ts': `import { lesson as english } from '../en/lesson'\nimport { pseudo } from './pseudo'\nexport const lesson = pseudo(english)`,
  'experiments.ts': `import { lab as english } from '../en/experiments'\nimport { pseudo } from './pseudo'\nexport const lab = pseudo(english)`,
  'live.ts': `import { live as english } from '../en/live'\nimport { pseudo } from './pseudo'\nexport const live = pseudo(english)`,
  'index.ts': `import english from '../en'\nimport { name } from './name'\nimport { pseudo } from './pseudo'\nexport default { ...pseudo(english), ...name }`,
}

/** A copy of the page's sources with that folder in it, in a temporary folder whose `web/` can be built. */
export function copyWithPseudoLanguage(): { copy: string; page: string } {
  const copy = mkdtempSync(join(tmpdir(), 'beralih-language-'))
  const page = join(copy, 'web')
  for (const name of ['src', 'content', 'scripts', 'public', 'index.html', 'vite.config.ts', 'svelte.config.js', 'tsconfig.json', 'package.json']) cpSync(join(web, name), join(page, name), { recursive: true })
  for (const name of ['core', 'native_server', 'wasm', 'build', 'tests', 'THIRD_PARTY_NOTICES.md']) symlinkSync(join(web, '..', name), join(copy, name))
  // A folder of its own: a build writes into it.
  mkdirSync(join(page, 'node_modules'))
  for (const name of readdirSync(join(web, 'node_modules'))) if (!name.startsWith('.')) symlinkSync(join(web, 'node_modules', name), join(page, 'node_modules', name))
  mkdirSync(join(page, 'content/ar-XB'))
  for (const [name, text] of Object.entries(folder)) writeFileSync(join(page, 'content/ar-XB', name), text)
  return { copy, page }
}
