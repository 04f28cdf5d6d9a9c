// Which model a load falls on: its name from the contract, its weights from what the process has loaded.
import { parseRecord, text } from '../api/json'
import { fetchContract, fetchLoadRecord } from '../api/server'

/** The bundle that stands in for a learned model of the task's size. */
export const standIn = 'resnet34-1gb'

export interface LoadedModel {
  name: string
  bytes: number
}

/** `absent`: no server answers. Null: one does, but does not say. */
export async function loadedModel(base: URL, stop: AbortSignal): Promise<LoadedModel | null | 'absent'> {
  const [contract, record] = await Promise.all([fetchContract(new URL('api/contract', base), stop), fetchLoadRecord(base, stop)])
  if (!contract.ok && contract.failure.code === 'absent') return 'absent'
  const weights = record.ok ? record.value.files.filter(({ role }) => role === 'weights') : []
  if (!contract.ok || weights.length === 0) return null
  try {
    const { name } = parseRecord(contract.value.text, 'the contract')
    return { name: text(name, 'name'), bytes: weights.reduce((sum, { bytes }) => sum + bytes, 0) }
  } catch {
    return null
  }
}
