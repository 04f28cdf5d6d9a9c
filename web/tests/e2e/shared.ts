// The shared test data, and the page's own built worker driven by hand: a real Chromium, nothing of the page replaced.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import type { Arguments, CallName, Reply, ResultOf } from '../../src/lib/worker/protocol'
import { beralih, visit, web } from './harness'

const shared = process.env.BERALIH_SHARED
const required = process.env.BERALIH_REQUIRE_SHARED === '1'
/** Tests of the shared data are skipped, and counted so, where it is absent; with BERALIH_REQUIRE_SHARED=1 they fail. */
export const skipShared = !required && !(shared && existsSync(join(shared, 'data')))

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

export function sharedFiles(...folders: ('images' | 'photos')[]): string[] {
  if (!shared) throw new Error('BERALIH_REQUIRE_SHARED=1, but BERALIH_SHARED is not set')
  return folders.flatMap((folder) => filesBelow(join(shared, 'data', folder)))
}

/** What Pillow made of the shared images, by their path below images/: hashes of pixels and of crops, or the error it raised. */
export type Recorded = Record<string, { error?: string; rgb?: string; vit_l_16_v1?: string }>
export function recordedByPillow(): { folder: string; recorded: Recorded } {
  if (!shared) throw new Error('BERALIH_REQUIRE_SHARED=1, but BERALIH_SHARED is not set')
  const folder = join(shared, 'data/images')
  return { folder, recorded: JSON.parse(readFileSync(join(folder, 'expected-pillow-9.4.0-ljt2.1.5.json'), 'utf8')) as Recorded }
}

/** One line of `beralih preprocess --json`. */
export interface NativeLine {
  file: string
  format: string
  width: number
  height: number
  pixels_sha256: string
  crop_sha256: string
  tensor_sha256: string
  shape: number[]
  dtype: string
  error?: { code: string; message: string }
}

export async function preprocessNatively(spec: string, files: string[]): Promise<NativeLine[]> {
  const output = await promisify(execFile)(beralih, ['preprocess', '--spec', spec, '--json', ...files], { maxBuffer: 64 << 20 }).catch(
    (error: { code: number; stdout: string; stderr: string }) => {
      if (error.code !== 1 || error.stderr) throw new Error(`beralih preprocess: ${error.stderr}`) // 1: some file was refused
      return error
    },
  )
  return output.stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as NativeLine)
}

interface Workbench {
  worker: Worker
  pending: Map<number, (reply: Reply) => void>
}
declare global {
  interface Window {
    bench: Workbench
  }
}

/** What became of a call: its result, or the failure that the page would word. */
export type Settled<Name extends CallName> = { result: ResultOf<Name> } | { failure: Extract<Reply, { kind: 'failure' }> }

/** The page's worker, as built, in a page of Chromium. Files of this machine are given to it by their path. */
export class PageWorker {
  private constructor(
    private readonly page: Page,
    private readonly files: Map<string, string>,
  ) {}

  static async start(browser: Browser, url: string): Promise<PageWorker> {
    const page = await visit(browser, url)
    const files = new Map<string, string>()
    await page.route('**/given/*', (route) => {
      const path = files.get(new URL(route.request().url()).pathname.split('/').at(-1) ?? '')
      return path === undefined ? route.abort() : route.fulfill({ body: readFileSync(path), contentType: 'application/octet-stream' })
    })
    const script = readdirSync(join(web, 'dist/assets')).find((name) => /^pipeline\.worker-[\w-]+\.js$/.test(name))
    if (!script) throw new Error('dist/ has no pipeline worker: npm run build')
    await page.evaluate((address) => {
      const bench: Workbench = { worker: new Worker(address, { type: 'module' }), pending: new Map() }
      bench.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if (data.kind !== 'progress') bench.pending.get(data.id)?.(data)
      }
      window.bench = bench
    }, new URL(`assets/${script}`, url).href)
    const worker = new PageWorker(page, files)
    await worker.call('start')
    return worker
  }

  async settle<Name extends CallName>(name: Name, ...values: Arguments<Name>): Promise<Settled<Name>> {
    return this.post(name, values, null)
  }

  async call<Name extends CallName>(name: Name, ...values: Arguments<Name>): Promise<ResultOf<Name>> {
    const settled = await this.settle(name, ...values)
    if ('failure' in settled) throw new Error(`${name}: ${settled.failure.code} ${settled.failure.facts.detail ?? ''}`)
    return settled.result
  }

  /** The call that the page makes with a chosen file. Pixels and tensor stay where they are: their hashes come back. */
  async preprocess(path: string): Promise<Settled<'preprocess'>> {
    const number = String(this.files.size)
    this.files.set(number, path)
    return this.post('preprocess', [basename(path)], `/given/${number}`)
  }

  async end() {
    await this.page.context().close()
  }

  private post<Name extends CallName>(name: Name, values: unknown[], fileUrl: string | null): Promise<Settled<Name>> {
    const reply = this.page.evaluate(
      async ({ name, values, fileUrl }) => {
        const { worker, pending } = window.bench
        const given = fileUrl === null ? values : [...values, new Uint8Array(await (await fetch(fileUrl)).arrayBuffer())]
        const id = pending.size + 1
        const reply = await new Promise<Reply>((resolve) => {
          pending.set(id, resolve)
          worker.postMessage({ id, name, arguments: given })
        })
        if (reply.kind === 'failure') return { failure: reply }
        const result = (reply as { result: unknown }).result
        return { result: name === 'preprocess' ? { ...(result as object), crop: null } : result }
      },
      { name, values, fileUrl },
    )
    return reply as Promise<Settled<Name>>
  }
}
