#!/usr/bin/env bash
# Compiles dlib_converter.cpp once for each version of its source (about half a minute), prints the program's path.
set -euo pipefail
recipes=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
: "${BERALIH_CACHE:=$recipes/../../.cache}"
source_hash=$(cat "$recipes/dlib_converter.cpp" "$recipes/build_converter.sh" | sha256sum | cut -c1-16)
program=$(realpath -m "$BERALIH_CACHE")/models/dlib_converter-$source_hash
if [[ ! -x $program ]]; then
    mkdir -p "$(dirname "$program")"
    trap 'rm -f "$program.$$"' EXIT
    # dlib-1.pc names -dev files that libdlib-dev does not bring (libjpeg, BLAS); the shared library finds its own.
    "${CXX:-g++}" -std=c++17 -O2 -Wall -Wextra "$recipes/dlib_converter.cpp" -o "$program.$$" -ldlib -lpthread >&2 || {
        echo "build_converter.sh: dlib_converter.cpp could not be compiled (see above); it needs g++ and libdlib-dev." >&2
        exit 1
    }
    mv "$program.$$" "$program"
fi
printf '%s\n' "$program"
