#!/usr/bin/env bash
# Prints a folder that holds a node and an npm new enough for the page's build (Vite 8 wants Node 20.19 or newer).
#
# The system's, where it is new enough; Debian 12's is 18. Else the npm packages of Node itself and of npm: plain archives,
# pinned by hash, kept in ${BERALIH_CACHE:-.cache}/node. The registry is whatever this machine's npm is configured for.
set -euo pipefail
root=$(dirname "$(realpath "${BASH_SOURCE[0]}")")/..
: "${BERALIH_CACHE:=$root/.cache}"
node_version=22.23.3
npm_version=10.9.9
npm_sha512='1g+6jLQvaIuB4zwvHL7yrXuXcWZwDsCtBX8bbWDqbvJSSr9nPiDDWTHNgwXR27iIcTTW7v3A57hDW9RYv2W4Yg=='
case $(uname -m) in
  x86_64)
    architecture=linux-x64
    node_sha512='qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng=='
    ;;
  aarch64)
    architecture=linux-arm64
    node_sha512='l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA=='
    ;;
  *)
    echo "node.sh: no Node is known here for $(uname -m); install Node 20.19 or newer with npm, then run this again" >&2
    exit 1
    ;;
esac

new_enough() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

# BERALIH_OWN_NODE=1 takes the pinned one even where the system's would do.
if [[ ${BERALIH_OWN_NODE:-} != 1 ]] && system=$(command -v node) && command -v npm >/dev/null && new_enough "$system"; then
  dirname "$system"
  exit
fi

home=$(realpath -m "$BERALIH_CACHE")/node/$node_version-$npm_version
if [[ -x $home/bin/npm ]]; then
  echo "$home/bin"
  exit
fi

registry=${NPM_CONFIG_REGISTRY:-${npm_config_registry:-}}
if [[ -z $registry ]] && command -v npm >/dev/null; then registry=$(npm config get registry); fi
if [[ -z $registry && -r ~/.npmrc ]]; then registry=$(sed -n 's/^registry *= *//p' ~/.npmrc | tail -n 1); fi
if [[ -z $registry ]]; then
  echo "node.sh: no npm registry is configured here; install Debian's npm (apt-get install npm), which knows the default" >&2
  exit 1
fi

scratch=$home.$$
trap 'rm -rf "$scratch"' EXIT
# unpack PACKAGE VERSION SHA512 FOLDER
unpack() {
  local archive=$scratch/$1.tgz found
  mkdir -p "$4"
  curl -fsSL --retry 5 --retry-all-errors -o "$archive" "${registry%/}/$1/-/$1-$2.tgz" || {
    echo "node.sh: $1 $2 could not be fetched from the npm registry; check the network and npm's configuration" >&2
    exit 1
  }
  found=$(openssl dgst -sha512 -binary "$archive" | base64 -w0)
  [[ $found == "$3" ]] || {
    echo "node.sh: $1 $2 has another hash than expected ($found); nothing was installed" >&2
    exit 1
  }
  tar -xzf "$archive" --strip-components=1 --no-same-owner -C "$4"
  rm "$archive"
}
echo "  fetching Node $node_version (52 MB) and npm $npm_version" >&2
unpack "node-$architecture" "$node_version" "$node_sha512" "$scratch"
unpack npm "$npm_version" "$npm_sha512" "$scratch/lib/node_modules/npm"
ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$scratch/bin/npm"
ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$scratch/bin/npx"
chmod +x "$scratch/bin/node" "$scratch"/lib/node_modules/npm/bin/*.js
mv "$scratch" "$home"
echo "$home/bin"
