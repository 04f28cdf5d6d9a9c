#!/usr/bin/env bash
# Builds the server's container image from this checkout.
#
#   native_server/deploy/build_image.sh [--device cpu|cuda] [--base IMAGE] [--bundle DIR] [--tag NAME]
#                                       [--engine docker|podman] [--cudnn FILE] [--fresh]
#
# Its standard output is the image's name alone: image=$(native_server/deploy/build_image.sh --bundle models/bundles/resnet34).
#
#   --device cuda   for NVIDIA cards: libtorch with CUDA, cuBLAS and cuDNN, from Debian's contrib and non-free; several GB.
#                   NVIDIA's licences apply, and building it agrees to that of cuDNN
#   --base IMAGE    Debian 12 or 13 to build on (default debian:bookworm; for cards debian:trixie, 13); without a registry,
#                   make one: mmdebstrap --variant=minbase bookworm base.tar && docker import base.tar debian:bookworm
#   --bundle DIR    put this bundle into the image; else the image expects one mounted at /bundle
#   --tag NAME      default beralih:VERSION[-BUNDLE-HASH]-gREVISION[-dirty][-cuda]: the first 12 digits of the bundle's contract hash and the
#                   first 7 of the commit, so that a tag never comes to mean another bundle or other sources; -dirty: files were changed
#                   since. The packages below it are those of the day: a rebuild for a security fix is known by its digest
#   --fresh         pull the base and take nothing from the cache, so that all of Debian's security updates get in
#   --engine NAME   docker or podman; default: the one that is installed, docker first
#   --cudnn FILE    cuDNN as NVIDIA packs it (cudnn-linux-x86_64-….tar.xz), where the build cannot fetch it
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(realpath "$here/../..")

fail() {
  printf 'build_image.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

device=cpu base="" bundle="" tag="" engine="" cudnn="" fresh=""
while (($#)); do
  case $1 in
    --device | --base | --bundle | --tag | --engine | --cudnn)
      [[ -n ${2:-} ]] || fail "$1 needs a value" 2
      declare "${1#--}=$2"
      shift
      ;;
    --fresh) fresh=yes ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit ;;
    *) fail "unknown argument: $1; --help lists them" 2 ;;
  esac
  shift
done
case $device in
  cpu) : "${base:=debian:bookworm}" ;;
  cuda) : "${base:=debian:trixie}" ;;
  *) fail "--device $device: cpu or cuda" 2 ;;
esac
[[ -z $cudnn || $device == cuda ]] || fail "--cudnn is for --device cuda" 2
[[ -z $cudnn || $cudnn == *cudnn-*.tar.xz && -f $cudnn ]] || fail "--cudnn $cudnn: there is no such file, or it is not named as NVIDIA names it, cudnn-….tar.xz"
[[ -z $bundle || -f $bundle/contract.json ]] || fail "$bundle holds no contract.json; ./run.sh makes models/bundles/resnet34"
case $engine in
  "") engine=$(command -v docker || command -v podman) || fail "neither docker nor podman is installed; on Debian: apt-get install docker.io" ;;
  docker | podman | */docker | */podman) command -v "$engine" >/dev/null || fail "--engine $engine: it is not installed" ;;
  *) fail "--engine $engine: docker or podman" 2 ;;
esac
"$engine" info >/dev/null 2>&1 || fail "${engine##*/} does not run, or not for this user: start its daemon, or use sudo"

version=$(sed -n 's/^project(beralih VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
revision=$(git -C "$root" rev-parse --short=7 HEAD 2>/dev/null || echo unknown)
revision=${revision::7}
[[ -z $(git -C "$root" status --porcelain --untracked-files=no 2>/dev/null) ]] || revision+=-dirty
contract=""
[[ -z $bundle ]] || contract=$(sha256sum <"$bundle/contract.json" | cut -d' ' -f1)
: "${tag:=beralih:$version${bundle:+-$(basename "$(realpath "$bundle")")-${contract::12}}-g$revision$([[ $device == cpu ]] || echo -cuda)}"
[[ -f $root/web/dist/index.html ]] || fail "web/dist is not built; ./run.sh or ./test.sh builds it"

# The context: what git tracks and the server is made of in src/, and beside it the page and the bundle, which compile nothing anew when they
# change. Nothing that was left lying about gets into an image.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
mkdir "$context/src" "$context/cudnn"
git -C "$root" ls-files -z -- CMakeLists.txt CMakePresets.json LICENSE THIRD_PARTY_NOTICES.md core native_server models/catalog.json toolchains \
  web/package.json web/package-lock.json web/src ':!*README.md' ':!native_server/deploy/kubernetes' ':!native_server/deploy/*.yaml' | (cd "$root" && xargs -0 cp --parents -t "$context/src")
cp -rL "$root/web/dist" "$context/page"
# For the list of parts: the sources that the page's codecs were compiled from.
cat "${BERALIH_CACHE:-$root/.cache}"/wasm/sources/*.dsc 2>/dev/null |
  awk '$1 == "Source:" {name = $2} $1 == "Version:" && name {print name, $2; name = ""}' >"$context/wasm_sources.txt" || true
[[ -z $cudnn ]] || cp -L "$cudnn" "$context/cudnn/"
arguments=(--target runtime)
if [[ $bundle ]]; then
  cp -rL "$bundle" "$context/bundle"
  chmod -R a+rX "$context/bundle"
  arguments=(--target bundled --build-arg "CONTRACT_HASH=$contract")
fi
# Podman's own format, OCI, knows no HEALTHCHECK and would drop it.
[[ ${engine##*/} != podman ]] || arguments+=(--format docker)
[[ -z $fresh ]] || arguments+=(--pull --no-cache)
"$engine" build --network host -f "$context/src/native_server/deploy/Containerfile" --build-arg "BASE=$base" --build-arg "DEVICE=$device" \
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "JOBS=${CMAKE_BUILD_PARALLEL_LEVEL:-}" "${arguments[@]}" \
  -t "$tag" "$context" >&2
printf '%s: %s MB%s\n' "$tag" "$(($("$engine" image inspect -f '{{.Size}}' "$tag") / 1000000))" "${contract:+, contract $contract}" >&2
printf '%s\n' "$tag"
