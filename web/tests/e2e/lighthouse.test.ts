// Lighthouse over the page as the server sends it, in both languages, under its own simulated mobile throttling.
import { createServer, type AddressInfo } from 'node:net'
import { loadavg } from 'node:os'
import lighthouse, { type Result } from 'lighthouse'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launch, startSite, type Site } from './harness'

const categories = ['performance', 'accessibility', 'best-practices', 'seo']
const leastScore = 100
/** Speed is simulated from what this machine took, and moves by some points from run to run. */
const leastPerformance = 95
/** Largest contentful paint, ms: the aim is 1000; 1170 to 1210 is what two cores gave. */
const mostPaintMs = 1500
/** Simulated throttling still measures this machine: a busy one deserves another try, a slow page fails all three. */
const tries = 3
/** Below it Lighthouse itself calls the processor too slow to judge speed on (its SLOW_CPU_BENCHMARK_INDEX_THRESHOLD). */
const leastBenchmarkIndex = 1000

let browser: Browser
let site: Site
let port: number
beforeAll(async () => {
  port = await freePort()
  browser = await launch([`--remote-debugging-port=${port}`])
  site = await startSite()
})
afterAll(async () => {
  await browser.close()
  await site.stop()
})

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

const scoresOf = (result: Result) =>
  Object.fromEntries(categories.map((name) => [name, Math.round(100 * (result.categories[name]?.score ?? 0))]))

/** What took points away, worst first. */
const losses = (result: Result) =>
  categories.flatMap((name) =>
    (result.categories[name]?.auditRefs ?? [])
      .map(({ id, weight }) => ({ audit: result.audits[id], weight }))
      .filter(({ audit, weight }) => weight > 0 && audit?.score != null && audit.score < 0.9)
      .map(({ audit }) => `${name}: ${audit?.id} ${audit?.displayValue ?? ''}`),
  )

const least = (category: string) => (category === 'performance' ? leastPerformance : leastScore)

test.each(['./', './en/'])('%s has the least score in all four categories', { timeout: 180_000 }, async (path) => {
  const url = new URL(path, site.url).href
  let scores: Record<string, number> = {}
  let lost: string[] = []
  let paintMs = Infinity
  let judged = true
  for (let attempt = 1; attempt <= tries; attempt++) {
    const run = await lighthouse(url, { port, logLevel: 'error', onlyCategories: categories, locale: 'en-US' })
    if (!run) throw new Error('Lighthouse gave no result')
    if (run.lhr.runtimeError && attempt < tries) continue // a trace that Chromium cut short
    expect(run.lhr.runtimeError).toBeUndefined()
    scores = scoresOf(run.lhr)
    lost = losses(run.lhr)
    const { benchmarkIndex } = run.lhr.environment
    const paint = run.lhr.audits['largest-contentful-paint']?.numericValue ?? Infinity
    const shift = run.lhr.audits['cumulative-layout-shift']?.numericValue ?? Infinity
    const tbt = run.lhr.audits['total-blocking-time']?.displayValue ?? '–'
    paintMs = Math.min(paintMs, paint)
    console.log(`Lighthouse ${run.lhr.lighthouseVersion} ${path} run ${attempt}: ${JSON.stringify(scores)}, LCP ${Math.round(paint)} ms, TBT ${tbt}, CLS ${shift}, processor ${benchmarkIndex}, load ${loadavg()[0]?.toFixed(1)}`)
    expect(shift).toBe(0)
    judged = benchmarkIndex >= leastBenchmarkIndex
    if (!judged) {
      console.log(`${path}: speed is not judged on a processor of ${benchmarkIndex} (least ${leastBenchmarkIndex})`)
      delete scores.performance
    }
    if (Object.entries(scores).every(([name, score]) => score >= least(name)) && (!judged || paintMs <= mostPaintMs)) break
  }
  expect(Object.entries(scores).filter(([name, score]) => score < least(name)), lost.join('\n')).toEqual([])
  if (judged) expect(paintMs).toBeLessThanOrEqual(mostPaintMs)
})
