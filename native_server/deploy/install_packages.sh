#!/usr/bin/env bash
# Within the image's build stage: installs what the server is built with.
#
#   install_packages.sh cpu|cuda LISTS [CUDNN]
#
#   LISTS   the folder with build.txt and cuda.txt, one package a line
#   CUDNN   a folder; the archive in it is taken instead of fetching cuDNN from NVIDIA
#
# cuda wants Debian 13. Its nvidia-cudnn holds no library: it asks whether NVIDIA's licence is agreed to and then fetches one.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

fail() {
  printf 'install_packages.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

(($# == 2 || $# == 3)) || fail "usage: install_packages.sh cpu|cuda LISTS [CUDNN]" 2
device=$1 lists=$2 cudnn=${3:-}
[[ $device == cpu || $device == cuda ]] || fail "$device: cpu or cuda" 2
[[ -f $lists/build.txt && -f $lists/cuda.txt ]] || fail "$lists: build.txt and cuda.txt are to lie there" 2

listed() { sed 's/#.*//' "${@/#/$lists/}" | xargs -n 1; }

if [[ $device == cpu ]]; then
  apt-get update
  listed build.txt | xargs apt-get install -y --no-install-recommends patchelf python3
  exit
fi

# Debian's images name their sources in either form.
for sources in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  [[ -f $sources ]] || continue
  sed -i -E '/^(deb |Components:)/{/ contrib/!s/ main\b/& contrib/;/ non-free( |$)/!s/ main\b/& non-free/}' "$sources"
done
apt-get update
apt-cache show libtorch-cuda-dev >/dev/null 2>&1 || fail "this base has no package libtorch-cuda-dev: Debian 13 (trixie) has, in contrib"

archive=""
[[ -z $cudnn ]] || archive=$(find "$cudnn" -name 'cudnn-*.tar.xz' | head -1)
answer="I Agree"
[[ -z $archive ]] || answer="I Decline" # that it does not fetch one; who gives the archive has agreed
apt-get install -y --no-install-recommends debconf
debconf-set-selections <<<"nvidia-cudnn nvidia-cudnn/question select $answer"
{ listed build.txt | grep -vx libtorch-dev && listed cuda.txt; } | xargs apt-get install -y --no-install-recommends patchelf python3 ||
  fail "a package could not be installed (see above); if it was nvidia-cudnn, NVIDIA's server was not reached: give its archive, --cudnn FILE"
if [[ $archive ]]; then
  # It looks for the archive by the name that NVIDIA gave it, and checks its SHA-512.
  updater=$(command -v update-nvidia-cudnn)
  grep -q "/${archive##*/}\$\|/${archive##*/}\"" "$updater" ||
    fail "${archive##*/} is not the archive that Debian's nvidia-cudnn knows: $(grep -o 'cudnn-linux-x86_64-[^"/]*\.tar\.xz' "$updater" | head -1)"
  update-nvidia-cudnn --update --tmpdir "$cudnn" --filelist /var/lib/nvidia-cudnn/filelist.txt
fi
[[ -e $(ldconfig -p | sed -n 's/.*libcudnn\.so\.9 .*=> //p' | head -1) ]] || fail "libcudnn.so.9 is not there after its installation"
