export interface Scale {
  at: (value: number) => number
  ticks: number[]
}

/** Powers of ten around the values, from 1 up; what lies outside stands on the edge. */
export function logScale(values: readonly number[], from: number, to: number): Scale {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value))
  const low = Math.max(0, Math.floor(Math.log10(Math.min(...positive, 10))))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 10))))
  const at = (value: number) => {
    const exponent = Math.min(high, Math.max(low, Math.log10(Math.max(value, 1e-9))))
    return from + ((exponent - low) / (high - low)) * (to - from)
  }
  return { at, ticks: Array.from({ length: high - low + 1 }, (_, power) => 10 ** (low + power)) }
}
