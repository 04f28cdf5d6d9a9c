// When requests are due: a Poisson process, the same for the same seed.

/** mulberry32: 32 bits of state, the same everywhere. In [0, 1). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Milliseconds from the start, ascending; gaps are exponential with mean 1000 / rate. */
export function poissonSchedule(rate: number, seconds: number, seed: number): number[] {
  if (!(rate > 0) || !(seconds > 0)) throw new RangeError('rate and seconds must be above 0')
  const random = randomOf(seed)
  const due: number[] = []
  let at = 0
  for (;;) {
    at += (-Math.log(1 - random()) * 1000) / rate
    if (at >= seconds * 1000) return due
    due.push(at)
  }
}
