#!/usr/bin/env bash
# Prints the folder of promtool, which checks metrics and alert rules: the system's, or that of Debian's package
# prometheus, unpacked into the cache. The package is not installed: it would start a service.
set -euo pipefail
cd "$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")"

if found=$(command -v promtool); then
  dirname "$found"
  exit
fi
cache=$(readlink -m "${BERALIH_CACHE:-.cache}")/promtool
if [[ ! -x $cache/promtool ]]; then
  mkdir -p "$cache"
  package=$(toolchains/debian_sources.sh deb prometheus "$cache")
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$cache" --transform='s|.*/||' ./usr/bin/promtool
  rm -f "$package"
fi
printf '%s\n' "$cache"
