#!/usr/bin/env bash
# The libraries that the core needs under WASM, as one prefix for CMAKE_FIND_ROOT_PATH:
#
#   toolchains/wasm_codecs.sh        prints the prefix's path; builds it only where it is not there yet
#
# libjpeg (libjpeg-turbo), libwebp's decoder and zlib are built with Emscripten from the sources of the Debian packages whose binaries
# the native build links, so both targets decode with the same code. What is assembly there is wasm/jpeg_*.c here, in a
# library of its own, twice: libjpeg_simd128.a and libjpeg_scalar.a; a program links libjpeg.a and one of the two.
# nlohmann_json and Catch2, header-only, are copied: /usr/include itself would hide Emscripten's own headers.
# Needs dpkg-dev, cmake, ninja, emscripten.
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
cache=$(realpath -m "${BERALIH_CACHE:-.cache}")

say() { printf '%s\n' "$*" >&2; }
fail() { say "wasm_codecs: $*"; exit 1; }

header_packages=(nlohmann-json3-dev catch2)
for tool in emcmake cmake ninja dpkg-source; do
  command -v "$tool" >/dev/null ||
    fail "$tool is missing; install the packages of toolchains/packages/build.txt and web.txt"
done
versions=$(dpkg-query -W -f '${Package} ${Version}\n' emscripten "${header_packages[@]}") ||
  fail "a package is missing (see above); install those of toolchains/packages/test.txt and web.txt"

# A change of these sources, of the compiler or of the headers makes another prefix.
key=$({ cat toolchains/wasm_codecs.sh wasm/jpeg_*.c && echo "$versions"; } | sha256sum | cut -c1-16)
prefix=$cache/wasm/$key
if [[ -e $prefix/complete ]]; then
  printf '%s\n' "$prefix"
  exit
fi

# Two configurations at once build it once.
mkdir -p "$cache/wasm"
exec 9>"$cache/wasm/lock"
flock 9
if [[ -e $prefix/complete ]]; then
  printf '%s\n' "$prefix"
  exit
fi

work=$cache/wasm/build-$key
rm -rf "$prefix" "$work"
mkdir -p "$prefix/include" "$prefix/share/cmake" "$work"
log=$cache/wasm/build.log
: >"$log"

# logged COMMAND…: its output goes to the log, whose end is shown where it fails.
logged() {
  "$@" >>"$log" 2>&1 </dev/null && return
  tail -n 20 "$log" | sed 's/^/    /' >&2
  fail "\"$1\" failed; the whole log is $log"
}

# unpack PACKAGE: Debian's patched source in $work/PACKAGE.
unpack() {
  local description
  description=$(toolchains/debian_sources.sh fetch "$1" "$cache/wasm/sources" | grep '\.dsc$') ||
    fail "the source package $1 could not be fetched (see above)"
  # The archive's signed index vouches for the files; the signer's own key need not be installed.
  logged dpkg-source --no-check --extract "$description" "$work/$1"
}

compile_flags="-O3 -DNDEBUG -sSUPPORT_LONGJMP=wasm"

# zlib without its file functions; the core only reads, its tests also write. Debian's source lacks what zlib's own CMakeLists.txt expects.
# Its checksum tables, which do not compress, are made at the first use.
say "  building zlib for WASM"
unpack zlib
mkdir "$work/zlib/wasm"
for source in adler32 compress crc32 deflate inffast inflate inftrees trees zutil; do
  # shellcheck disable=SC2086  # one word a flag
  logged emcc $compile_flags -DDYNAMIC_CRC_TABLE -c "$work/zlib/$source.c" -o "$work/zlib/wasm/$source.o"
done
logged emar rcs "$work/zlib/wasm/libz.a" "$work"/zlib/wasm/*.o
install -D -m 644 -t "$prefix/include" "$work"/zlib/{zlib,zconf}.h
install -D -m 644 -t "$prefix/lib" "$work/zlib/wasm/libz.a"

say "  building libjpeg-turbo for WASM"
unpack libjpeg-turbo
jpeg=$work/libjpeg-turbo
# Left out, for size: what no caller asks for (colour tables, inexact or scaled transforms, coarse upsampling).
sed -i -E '/^#define (DCT_IFAST|DCT_FLOAT|IDCT_SCALING|UPSAMPLE_MERGING|QUANT_1PASS|QUANT_2PASS)_SUPPORTED/d' \
  "$jpeg/jmorecfg.h"
# WebAssembly has 64-bit numbers beside its 32-bit addresses, as x32 has: the bit reader may use them.
sed -i 's/defined(__x86_64__) && defined(__ILP32__)/defined(__wasm__)/' "$jpeg"/jdhuff.[ch]
grep -q 'defined(__wasm__)' "$jpeg/jdhuff.h" || fail "jdhuff.h does not choose its bit reader as expected"
# Its checks run compiled programs to learn a size_t's size, which a cross build cannot.
logged emcmake cmake -S "$jpeg" -B "$jpeg/wasm" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_FLAGS_RELEASE="$compile_flags -Oz" -DSIZE_T=4 -DHAVE_SIZE_T=1 -DWITH_SIMD=0 -DENABLE_SHARED=0 -DWITH_TURBOJPEG=0
logged cmake --build "$jpeg/wasm" --target jpeg-static
logged emar d "$jpeg/wasm/libjpeg.a" jsimd_none.c.o
# Small before fast, but for what runs for every pixel.
for source in jdcoefct jdcolor jdhuff jdphuff jdsample; do
  # shellcheck disable=SC2086
  logged emcc $compile_flags -I "$jpeg" -I "$jpeg/wasm" -c "$jpeg/$source.c" -o "$jpeg/wasm/$source.c.o"
  logged emar r "$jpeg/wasm/libjpeg.a" "$jpeg/wasm/$source.c.o"
done

# vector_hooks LIBRARY FLAG… -- SOURCE…: the hooks that the sources implement, and jsimd_none.c's refusals for the others.
vector_hooks() {
  local library=$1 source hook flags=() renamed=()
  shift
  while [[ $1 != -- ]]; do flags+=("$1") && shift; done
  shift
  for hook in $(cat "$@" | grep -oE '^(int|void) jsimd_[a-z0-9_]+' | cut -d' ' -f2); do
    renamed+=("-D$hook=${hook}_refused")
  done
  # shellcheck disable=SC2086
  logged emcc $compile_flags -I "$jpeg" -I "$jpeg/wasm" "${renamed[@]}" -c "$jpeg/jsimd_none.c" -o "$jpeg/wasm/jsimd_none.o"
  rm -f "$jpeg"/wasm/hook-*.o
  for source in "$@"; do
    # shellcheck disable=SC2086
    logged emcc $compile_flags "${flags[@]}" -I "$jpeg" -I "$jpeg/wasm" -c "$source" \
      -o "$jpeg/wasm/hook-$(basename "$source" .c).o"
  done
  logged emar rcs "$library" "$jpeg"/wasm/jsimd_none.o "$jpeg"/wasm/hook-*.o
}
vector_hooks "$jpeg/wasm/libjpeg_simd128.a" -msimd128 -- wasm/jpeg_simd128.c wasm/jpeg_idct_simd128.c
vector_hooks "$jpeg/wasm/libjpeg_scalar.a" -- wasm/jpeg_idct_scalar.c
install -D -m 644 -t "$prefix/include" "$jpeg"/{jpeglib,jmorecfg,jerror}.h "$jpeg/wasm/jconfig.h"
install -D -m 644 -t "$prefix/lib" "$jpeg"/wasm/libjpeg{,_simd128,_scalar}.a

# Decoding and demuxing alone.
say "  building libwebp's decoder for WASM"
unpack libwebp
webp=$work/libwebp
mkdir "$webp/wasm"
for source in "$webp"/src/dec/*.c "$webp"/src/dsp/{alpha_processing,cpu,dec,dec_clip_tables,filters,lossless,rescaler}.c \
  "$webp"/src/dsp/{upsampling,yuv}.c "$webp"/src/demux/demux.c \
  "$webp"/src/utils/{bit_reader,color_cache,filters,huffman,quant_levels_dec,random,rescaler,thread}_utils.c \
  "$webp"/src/utils/utils.c; do
  # Small before fast: the page fetches it. Two sources are called filters.c, hence the directory in the name.
  # shellcheck disable=SC2086
  logged emcc $compile_flags -Oz -DWEBP_REDUCE_SIZE -I "$webp" -c "$source" \
    -o "$webp/wasm/$(basename "$(dirname "$source")")-$(basename "$source" .c).o"
done
logged emar rcs "$webp/wasm/libwebp.a" "$webp"/wasm/{dec,dsp,utils}-*.o
logged emar rcs "$webp/wasm/libwebpdemux.a" "$webp"/wasm/demux-*.o
install -D -m 644 -t "$prefix/include/webp" "$webp"/src/webp/{decode,demux,mux_types,types}.h
install -D -m 644 -t "$prefix/lib" "$webp"/wasm/libwebp{,demux}.a

cp -r /usr/include/nlohmann /usr/include/catch2 "$prefix/include"
cp -r /usr/share/cmake/nlohmann_json "$prefix/share/cmake"
# Catch2's own package description also names a library, built for this machine.
mkdir -p "$prefix/share/cmake/Catch2"
cp /usr/lib/cmake/Catch2/Catch2ConfigVersion.cmake "$prefix/share/cmake/Catch2"
cat >"$prefix/share/cmake/Catch2/Catch2Config.cmake" <<'EOF'
add_library(Catch2::Catch2 INTERFACE IMPORTED)
get_filename_component(prefix ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
target_include_directories(Catch2::Catch2 INTERFACE ${prefix}/include)
EOF

rm -rf "$work"
touch "$prefix/complete"
printf '%s\n' "$prefix"
