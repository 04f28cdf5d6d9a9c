#!/usr/bin/env bash
# Builds the server's container image from this checkout.
#
#   native_server/deploy/build_image.sh [--base IMAGE] [--bundle DIR] [--tag NAME] [--engine docker|podman]
#
#   --base IMAGE    Debian 12 to build on (default debian:bookworm); without a registry, make one:
#                   mmdebstrap --variant=minbase bookworm base.tar && docker import base.tar debian:bookworm
#   --bundle DIR    put this bundle into the image; else the image expects one mounted at /bundle
#   --tag NAME      default beralih:VERSION, or beralih:VERSION-BUNDLE
set -euo pipefail
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(realpath "$here/../..")

fail() {
  printf 'build_image.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

base=debian:bookworm bundle="" tag="" engine=""
while (($#)); do
  case $1 in
    --base | --bundle | --tag | --engine)
      [[ -n ${2:-} ]] || fail "$1 needs a value" 2
      declare "${1#--}=$2"
      shift
      ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit ;;
    *) fail "unknown argument: $1; --help lists them" 2 ;;
  esac
  shift
done
if [[ -z $engine ]]; then
  engine=$(command -v docker || command -v podman) || fail "neither docker nor podman is installed; on Debian: apt-get install docker.io"
fi
"$engine" info >/dev/null 2>&1 || fail "$(basename "$engine") does not run, or not for this user: start its daemon, or use sudo"
[[ -z $bundle || -f $bundle/contract.json ]] || fail "$bundle holds no contract.json; ./run.sh makes models/bundles/resnet34"

version=$(sed -n 's/^project(beralih VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
revision=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
: "${tag:=beralih:$version${bundle:+-$(basename "$bundle")}}"

# The context: what git tracks, the page if it is built, the bundle. Nothing that was left lying about gets into an image.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
git -C "$root" ls-files -z | (cd "$root" && xargs -0 cp --parents -t "$context")
[[ -f $root/web/dist/index.html ]] || fail "web/dist is not built; ./run.sh or ./test.sh builds it"
cp -r "$root/web/dist" "$context/web/dist"
arguments=(--target runtime)
if [[ $bundle ]]; then
  cp -rL "$bundle" "$context/bundle"
  chmod -R a+rX "$context/bundle"
  arguments=(--target bundled --build-arg "CONTRACT_HASH=$(sha256sum <"$bundle/contract.json" | cut -d' ' -f1)")
fi
"$engine" build --network host -f "$context/native_server/deploy/Containerfile" --build-arg "BASE=$base" --build-arg "VERSION=$version" \
  --build-arg "REVISION=$revision" --build-arg "JOBS=${CMAKE_BUILD_PARALLEL_LEVEL:-}" "${arguments[@]}" -t "$tag" "$context"
printf '%s: %s MB\n' "$tag" "$(($("$engine" image inspect -f '{{.Size}}' "$tag") / 1000000))"
