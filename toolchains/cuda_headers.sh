#!/usr/bin/env bash
# The headers of a libtorch with CUDA, and CUDA's own, to compile against on a machine that has neither: nothing is
# installed, nothing of it is ever run.
#
#   toolchains/cuda_headers.sh DEST      makes DEST/torch-2.6 (Debian 13's libtorch-cuda-dev), DEST/torch-newest (Debian
#                                        unstable's libtorch-dev, where there is one) and DEST/cuda (Debian 13's CUDA)
#
# They come from the mirror that this system's apt uses. Of the CUDA package (934 MB) the first megabytes are read, which
# hold the headers. Exit status 3: they cannot be had here, and why.
set -euo pipefail

dest=$(realpath -m "${1:?usage: toolchains/cuda_headers.sh DEST}")
cannot() {
  printf 'cuda_headers: %s\n' "$1" >&2
  exit 3
}

for tool in curl xz dpkg-deb apt-get; do
  command -v "$tool" >/dev/null || cannot "$tool is missing"
done
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
  awk '$3 == "main" && $1 ~ /\/debian\/?$/ { print $1; exit }')
[[ $mirror ]] || cannot "apt's sources name no Debian archive"
mirror=${mirror%/}
lists=$dest/lists
mkdir -p "$lists"

# entry SUITE COMPONENT PACKAGE: "FILENAME SHA256"
entry() {
  local list=$lists/$1-$2
  [[ -s $list ]] || curl -sfL "$mirror/dists/$1/$2/binary-amd64/Packages.xz" | xz -dc >"$list" || return 1
  awk -v RS= -v package="$3" '
    $1 == "Package:" && $2 == package {
      match($0, /\nFilename: [^\n]*/); file = substr($0, RSTART + 11, RLENGTH - 11)
      match($0, /\nSHA256: [^\n]*/); print file, substr($0, RSTART + 9, RLENGTH - 9); exit
    }' "$list"
}

# unpack SUITE COMPONENT PACKAGE TREE: the whole package, checked.
unpack() {
  local file sha256 deb
  read -r file sha256 < <(entry "$1" "$2" "$3") || return 1
  [[ $file ]] || return 1
  deb=$dest/$(basename "$file")
  [[ -s $deb ]] || curl -sfL -o "$deb" "$mirror/$file" || return 1
  sha256sum --status -c <<<"$sha256  $deb" || { rm -f "$deb" && return 1; }
  mkdir -p "$4" && dpkg-deb -x "$deb" "$4" && rm -f "$deb"
}

# unpack_first_headers SUITE COMPONENT PACKAGE TREE: usr/include, which lies at the beginning of the package.
unpack_first_headers() {
  local file sha256 head=$dest/head.deb skip
  read -r file sha256 < <(entry "$1" "$2" "$3") || return 1
  [[ $file ]] || return 1
  curl -sfL -r 0-12000000 -o "$head" "$mirror/$file" || return 1
  # An ar archive: 8 bytes, then members of a 60-byte header and their bytes, padded to even.
  skip=$(python3 - "$head" <<'PY'
import sys
data = open(sys.argv[1], "rb").read(100000)
at = 8
while not data[at:at + 16].startswith(b"data.tar.xz"):
    size = int(data[at + 48:at + 58])
    at += 60 + size + size % 2
print(at + 61)
PY
) || return 1
  mkdir -p "$4"
  # Both programs complain about the end that is not there.
  tail -c "+$skip" "$head" | xz -dc 2>/dev/null | tar x -C "$4" --wildcards './usr/include/*' 2>/dev/null || true
  rm -f "$head"
  [[ -s $4/usr/include/cuda_runtime_api.h && -s $4/usr/include/cusparse.h ]]
}

if [[ ! -e $dest/complete ]]; then
  unpack trixie contrib libtorch-cuda-dev "$dest/torch-2.6" || cannot "libtorch-cuda-dev of Debian 13 is not on $mirror"
  unpack trixie main libcu++-dev "$dest/cuda" || cannot "libcu++-dev of Debian 13 is not on $mirror"
  unpack_first_headers trixie non-free nvidia-cuda-dev "$dest/cuda" || cannot "nvidia-cuda-dev of Debian 13 is not on $mirror"
  if unpack sid main libtorch-dev "$dest/torch-newest"; then
    # The one header that only a build with CUDA writes.
    mkdir -p "$dest/torch-newest/usr/include/c10/cuda/impl"
    echo '#define C10_CUDA_BUILD_SHARED_LIBS' >"$dest/torch-newest/usr/include/c10/cuda/impl/cuda_cmake_macros.h"
  fi
  rm -rf "$lists"
  touch "$dest/complete"
fi
for tree in "$dest"/torch-*; do
  version=$(find "$tree/usr/include" -name version.h -path '*torch*' -exec sed -n 's/^#define TORCH_VERSION_\(MAJOR\|MINOR\) //p' {} + | paste -sd.)
  printf '%s: libtorch %s\n' "$(basename "$tree")" "$version"
done
