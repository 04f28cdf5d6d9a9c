#!/usr/bin/env bash
# lean_libtorch.sh LIBRARY FOLDER: writes FOLDER/SONAME, a copy of libtorch_cpu that asks only for what it calls.
#
# Debian's libtorch_cpu names OpenCV, FFmpeg and others as needed without using one symbol of theirs (`ldd -u` says which). The
# dynamic linker nevertheless loads and relocates them, 240 libraries in all, at every start. The copy lacks those entries, nothing
# else, and every symbol of it must then still be found (`ldd -r`). Where there is nothing to leave out, no copy is made.
set -euo pipefail
library=$(realpath "$1") folder=$2
export LC_ALL=C

fail() {
  printf 'lean_libtorch.sh: %s\n' "$1" >&2
  exit 1
}

soname=$(patchelf --print-soname "$library")
[[ -n $soname ]] || fail "$library has no SONAME"
mkdir -p "$folder"
rm -f "$folder/$soname"
# ldd -u answers 1 where it found some, so its status says nothing.
mapfile -t unused < <(ldd -u "$library" | sed -n 's,^[[:space:]]\+/.*/,,p')
((${#unused[@]})) || exit 0

partial=$folder/.$soname.$$
trap 'rm -f "$partial"' EXIT

# without NAME…: writes the copy that lacks these entries, and prints the first symbol or library that it then misses.
without() {
  local options=() name
  for name in "$@"; do options+=(--remove-needed "$name"); done
  cp "$library" "$partial"
  chmod 755 "$partial"
  patchelf "${options[@]}" "$partial"
  ldd -r "$partial" 2>&1 | grep -m 1 -E 'undefined|not found' || true
}

missing=$(without "${unused[@]}")
if [[ $missing ]]; then
  # One that it never calls may bring another that it does (Debian 13: libgloo_cuda and libgloo). Each is tried alone.
  spared=()
  for name in "${unused[@]}"; do
    [[ $(without "${spared[@]}" "$name") ]] || spared+=("$name")
  done
  ((${#spared[@]})) || exit 0
  missing=$(without "${spared[@]}")
fi
[[ -z $missing ]] || fail "without its unused libraries $library lacks $missing"
mv "$partial" "$folder/$soname"
