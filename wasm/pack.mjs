// node wasm/pack.mjs [FOLDER]: puts the package together from the build in FOLDER (build/wasm/package); `npm pack FOLDER`
// makes the tarball. In the package the module lies beside the files that load it.
import {copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = path.join(root, 'build/wasm/wasm');
const folder = path.resolve(process.argv[2] ?? path.join(root, 'build/wasm/package'));
const BUILT_PATH = '../build/wasm/wasm/';

rmSync(folder, {recursive: true, force: true});
mkdirSync(folder, {recursive: true});
for (const name of ['index.mjs', 'node.mjs']) {
  const source = readFileSync(path.join(root, 'wasm', name), 'utf8');
  if (!source.includes(BUILT_PATH)) throw new Error(`wasm/${name} does not load the module from ${BUILT_PATH}`);
  writeFileSync(path.join(folder, name), source.replaceAll(BUILT_PATH, './'));
}
for (const name of ['beralih_core.mjs', 'beralih_core.wasm', 'beralih_core_scalar.wasm']) copyFileSync(path.join(built, name), path.join(folder, name));
copyFileSync(path.join(root, 'wasm/index.d.ts'), path.join(folder, 'index.d.ts'));
copyFileSync(path.join(root, 'wasm/PACKAGE.md'), path.join(folder, 'README.md'));
for (const name of ['LICENSE', 'THIRD_PARTY_NOTICES.md']) copyFileSync(path.join(root, name), path.join(folder, name));

// The sources cannot be published as they lie; what was put together here can.
const {private: _, ...manifest} = JSON.parse(readFileSync(path.join(root, 'wasm/package.json'), 'utf8'));
writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(folder);
