// Numbers in the page's language; terminal and hashes stay as machines print them.

export interface Format {
  whole: (value: number) => string
  ms: (value: number) => string
  /** As many digits as there are, one at most after the comma. */
  short: (value: number) => string
  probability: (value: number) => string
  megabytes: (bytes: number) => string
  /** Hours to seconds, on the learner's clock. */
  time: (timestamp: string) => string
}

/** Made when it is first asked for: each takes a browser milliseconds to make, on a phone tens of them, and a page that nobody has pressed yet needs one. */
function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

export function formatFor(language: string): Format {
  const digits = (least: number, most = least) =>
    once(() => new Intl.NumberFormat(language, { minimumFractionDigits: least, maximumFractionDigits: most }))
  const whole = digits(0)
  const one = digits(1)
  const upToOne = digits(0, 1)
  const four = digits(4)
  const clock = once(() => new Intl.DateTimeFormat(language, { timeStyle: 'medium' }))
  return {
    whole: (value) => whole().format(value),
    ms: (value) => one().format(value),
    short: (value) => upToOne().format(value),
    probability: (value) => four().format(value),
    megabytes: (bytes) => one().format(bytes / 1e6),
    time: (timestamp) => clock().format(new Date(timestamp)),
  }
}
