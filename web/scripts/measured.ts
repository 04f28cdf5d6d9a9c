// Build time only: what sentences of the page quote from tests/bench/results, so that a new recording changes them.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { measuredLoading, type MeasuredLoading } from '../src/lib/lesson/measured.ts'

/** Null where nothing was recorded. */
export function loadingOf(repository: string): MeasuredLoading | null {
  const folder = join(repository, 'tests/bench/results')
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
  return measuredLoading(names.map((name) => readFileSync(join(folder, name), 'utf8')))
}
