// Percentiles and confidence, as load tests state them.

/** Nearest rank: the smallest value that at least `share` of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return NaN
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

export const median = (values: readonly number[]) => percentile(values, 0.5)

/** P(at most k of n), each with probability p. */
function binomialAtMost(k: number, n: number, p: number): number {
  if (p <= 0) return 1
  if (p >= 1) return k >= n ? 1 : 0
  let logTerm = n * Math.log1p(-p)
  let sum = Math.exp(logTerm)
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i) + Math.log(p) - Math.log1p(-p)
    sum += Math.exp(logTerm)
  }
  return Math.min(1, sum)
}

/**
 * Clopper and Pearson's upper bound: with this confidence, the true share is at most this where `hits` of `n` were seen.
 */
export function upperShare(hits: number, n: number, confidence = 0.99): number {
  if (n === 0 || hits >= n) return 1
  let low = hits / n
  let high = 1
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (binomialAtMost(hits, n, middle) > 1 - confidence) low = middle
    else high = middle
  }
  return high
}
