// The page can be mirrored: sides are named by reading direction. Only what lies on a picture is placed by left and right.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const source = fileURLToPath(new URL('../../src', import.meta.url))
const physical = /(?:margin|padding|border)-(?:left|right)\b|[{;\s"](?:left|right)\s*:(?!\s*\d*\.?\d*px \$)|text-align:\s*(?:left|right)|float:\s*(?:left|right)|style:(?:left|right)=/g
/** padding: 1 2 3 4, where 2 and 4 differ, names a right and a left. */
const shorthand = /(?<![\w-])(padding|margin|inset|border-width)\s*:\s*([^;}]+)/g
const sides = (value: string) => value.replace(/!important/, '').trim().match(/(?:[^\s()]|\([^()]*(?:\([^()]*\)[^()]*)*\))+/g) ?? []
const onPictures = /class="cut"/

test('no rule names left or right', () => {
  const found: string[] = []
  for (const name of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(css|svelte)$/.test(name)) continue
    const text = readFileSync(join(source, name), 'utf8')
    const styles = name.endsWith('.css') ? text : `${/<style>[\s\S]*<\/style>/.exec(text)?.[0] ?? ''}\n${text.split('\n').filter((line) => line.includes('style:') && !onPictures.test(line)).join('\n')}`
    for (const [match, , value = ''] of styles.matchAll(shorthand)) {
      const [, right, , left] = sides(value)
      if (left !== undefined && left !== right) found.push(`${name}: ${match.trim()}`)
    }
    for (const [match] of styles.matchAll(physical)) found.push(`${name}: ${match.trim()}`)
  }
  expect(found).toEqual([])
})
