// The server's word on a swap: its real 412 where the contract can name what was swapped, else its own tensor.
import { classify } from '../api/server'
import type { ServerFailure } from '../lesson/failures'
import type { Skewed } from '../worker/lab-protocol'
import type { Prepared } from './prepare'

export type ServerWord =
  | { kind: 'absent' }
  | { kind: 'mismatch'; field: string; ours: string; theirs: string; hash: string }
  | { kind: 'answered'; tensorSha256: string }
  | { kind: 'other'; failure: ServerFailure }

export async function askWithSwap({ server, input, contract, pipeline }: Prepared, { otherContract }: Skewed, stop: AbortSignal): Promise<ServerWord> {
  if (!server) return { kind: 'absent' }
  const sent = otherContract ?? contract
  const outcome = await classify({ base: server, bytes: input.bytes, contentType: input.type, preprocessingHash: sent.preprocessingHash, stop })
  if (outcome.ok) return { kind: 'answered', tensorSha256: outcome.value.answer.tensorSha256 }
  const { failure, serverPreprocessing } = outcome
  if (failure.code !== 'contract_mismatch' || serverPreprocessing === undefined) return { kind: 'other', failure }
  const found = await pipeline.call('compare', [sent.preprocessingText, serverPreprocessing])
  return found ? { kind: 'mismatch', ...found, hash: sent.preprocessingHash } : { kind: 'other', failure }
}
