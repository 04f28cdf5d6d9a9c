// Two columns of a table of requests say nothing where they are all zeros: one sentence says it instead.
import type { LabContent } from '../../../content/experiments-schema'

export interface Unanswered {
  refused: boolean
  failed: boolean
  /** Empty where both columns are shown. */
  sentence: string
}

export function unansweredIn(rows: readonly { refused: number; failed: number }[], { none }: LabContent['common']): Unanswered {
  const refused = rows.some((row) => row.refused > 0)
  const failed = rows.some((row) => row.failed > 0)
  const sentence = refused && failed ? '' : refused ? none.failed : failed ? none.refused : none.both
  return { refused, failed, sentence }
}
