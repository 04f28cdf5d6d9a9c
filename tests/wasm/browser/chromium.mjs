// A headless Chromium, and a page of its own server to run modules in. For tests and benchmarks.
// Environment: BERALIH_CHROMIUM (/usr/bin/chromium).
import {existsSync, readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const playwright = path.join(root, 'web/node_modules/playwright-core/index.mjs');
const executablePath = process.env.BERALIH_CHROMIUM ?? '/usr/bin/chromium';
const args = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const TYPES = {'.html': 'text/html', '.mjs': 'text/javascript', '.wasm': 'application/wasm'};

/** Why there is no browser here; undefined where there is one. */
export function missingBrowser() {
  if (!existsSync(playwright)) return 'web/node_modules has no playwright-core';
  return existsSync(executablePath) ? undefined : `there is no ${executablePath}`;
}

/** Serves `folder` and, by their paths, the texts of `pages`, cross-origin isolated: clocks are finer there. */
async function serve(folder, pages) {
  const server = createServer((request, response) => {
    const {pathname} = new URL(request.url, 'http://localhost');
    const headers = {
      'Content-Type': TYPES[path.extname(pathname)] ?? 'application/octet-stream',
      'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp',
    };
    try {
      const body = pages[pathname] ?? readFileSync(path.join(folder, path.normalize(pathname)));
      response.writeHead(200, headers).end(body);
    } catch {
      response.writeHead(404, headers).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close()};
}

/** Calls `use(page, browser)` with a blank page whose server has `folder` and `pages`; closes all of it. */
export async function inChromium({folder, pages = {}}, use) {
  const {chromium} = await import(playwright);
  const server = await serve(folder, {'/index.html': '<!doctype html><title>beralih</title>', ...pages});
  const browser = await chromium.launch({executablePath, args});
  try {
    const page = await browser.newPage();
    await page.goto(`${server.url}index.html`);
    return await use(page, browser);
  } finally {
    await browser.close();
    server.close();
  }
}
