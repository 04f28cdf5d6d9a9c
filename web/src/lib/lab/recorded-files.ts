// The recorded results of this build: none, where nothing was recorded.
import { readRecorded, type RecordedExperiment, type RecordedResults } from './recorded'

const files = import.meta.glob<string>('../../../../tests/bench/results/*.json', { query: '?raw', import: 'default' })

export async function recordedResults(experiment: RecordedExperiment): Promise<RecordedResults> {
  return readRecorded(await Promise.all(Object.values(files).map((load) => load())), experiment)
}
