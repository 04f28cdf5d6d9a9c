#!/usr/bin/env bash
# Packs what the server is built with, for a machine that has a card, a compiler, CMake, Ninja, Python and a libtorch, and
# neither Debian's packages nor a network: headers and shared libraries go to .gpu/prefix, bundles to .gpu/bundles in
# parts of at most 50 MiB (.gpu/unpack.sh puts them together there). Run on a Debian 12 that has built the project.
#
#   toolchains/gpu_pack.sh [BUNDLE…]
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
prefix=$PWD/.gpu/prefix
libraries=/usr/lib/$(gcc -print-multiarch)
rm -rf .gpu && mkdir -p "$prefix"/{bin,include,lib/pkgconfig} .gpu/bundles

# Headers: whole folders, and single files.
cp -r /usr/include/{CLI,nlohmann,catch2,webp,openssl} "$prefix/include/"
cp -r "/usr/include/$(gcc -print-multiarch)/openssl/." "$prefix/include/openssl/"
cp /usr/include/{httplib,jpeglib,jmorecfg,jerror,zlib,zconf}.h "$prefix/include/"
cp "/usr/include/$(gcc -print-multiarch)"/{jconfig,zconf}.h "$prefix/include/" 2>/dev/null || true
# CMake's own descriptions of those that have one.
for name in CLI11 nlohmann_json Catch2; do
  for folder in "$libraries/cmake/$name" "/usr/share/cmake/$name" "/usr/lib/cmake/$name"; do
    [[ ! -d $folder ]] || { mkdir -p "$prefix/lib/cmake" && cp -r "$folder" "$prefix/lib/cmake/" && break; }
  done
done
# Shared libraries: each under the name that the linker asks for and the one that the loader asks for, with what they need.
take() {
  local file=$1 needed
  [[ ! -e $prefix/lib/$(basename "$file") ]] || return 0
  cp -L "$file" "$prefix/lib/$(basename "$file")"
  while read -r needed; do
    case $needed in libc.so* | libm.so* | libstdc++* | libgcc_s* | ld-linux* | libpthread* | libdl*) ;; *) take "$libraries/$needed" ;; esac
  done < <(objdump -p "$file" | awk '/NEEDED/ {print $2}')
}
for name in jpeg webp webpdemux z crypto ssl cpp-httplib; do
  real=$(objdump -p "$libraries/lib$name.so" | awk '/SONAME/ {print $2}')
  take "$libraries/$real"
  ln -sf "$real" "$prefix/lib/lib$name.so"
done
sed "s,^prefix=.*,prefix=\${pcfiledir}/../..,;s,^libdir=.*,libdir=\${prefix}/lib,;/^Requires/d" "$libraries/pkgconfig/cpp-httplib.pc" \
  >"$prefix/lib/pkgconfig/cpp-httplib.pc"
cp -L "$(command -v pkg-config)" "$prefix/bin/pkg-config"
take "$libraries/$(objdump -p "$(readlink -f "$(command -v pkg-config)")" | awk '/NEEDED.*pkgconf/ {print $2}')"

dpkg -L catch2 | grep "/libCatch2.*[.]a$" | xargs -I{} cp {} "$prefix/lib/"

for bundle in "$@"; do
  tar c -C models/bundles "$bundle" | split -b 50M -d -a 2 - ".gpu/bundles/$bundle.tar."
done
cat >.gpu/unpack.sh <<'UNPACK'
#!/usr/bin/env bash
# Puts the bundles together, once all of their parts are here: parts that came earlier wait in ${1:-/tmp/bundles}.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
store=${1:-/tmp/bundles}
mkdir -p "$store" models/bundles
cp .gpu/bundles/*.tar.* "$store/" 2>/dev/null || true
for first in "$store"/*.tar.00; do cat "${first%.00}".* | tar x -C models/bundles; done
UNPACK
chmod +x .gpu/unpack.sh
du -sh .gpu/prefix .gpu/bundles/* 2>/dev/null
