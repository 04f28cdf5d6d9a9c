# shellcheck shell=bash
# Sourced by run.sh and test.sh: finding a libtorch with CUDA.

has_cuda() { compgen -G "$1/lib/libtorch_cuda.so" >/dev/null || compgen -G "$1/lib/*/libtorch_cuda.so" >/dev/null; }

# cuda_libtorch [DIR]: prints the folder of a libtorch with CUDA: DIR, BERALIH_LIBTORCH, that of the Python in the PATH,
# or Debian's. Fails where there is none.
cuda_libtorch() {
  local dir
  for dir in "${1:-${BERALIH_LIBTORCH:-}}" "$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2>/dev/null)" /usr; do
    [[ $dir ]] || continue
    if has_cuda "$dir"; then
      printf '%s\n' "$dir"
      return
    fi
    [[ $dir != "${1:-${BERALIH_LIBTORCH:-}}" ]] || return 1 # who names one wants that one
  done
  return 1
}

# need_cuda_libtorch [DIR]: exports BERALIH_LIBTORCH for the cuda preset, or says what to install and ends the script.
need_cuda_libtorch() {
  local asked=${1:-${BERALIH_LIBTORCH:-}}
  if BERALIH_LIBTORCH=$(cuda_libtorch "${1:-}"); then
    export BERALIH_LIBTORCH
    return
  fi
  {
    if [[ $asked ]]; then
      printf '%s: there is no libtorch with CUDA in %s: lib/libtorch_cuda.so is missing.\n' "${0##*/}" "$asked"
    else
      printf '%s: --device cuda needs a libtorch with CUDA, and none was found (asked: python3, /usr).\n' "${0##*/}"
    fi
    cat <<'TEXT'
Install one of these, then run this again:
  * PyTorch for Python, 2.6 or newer, with CUDA (the usual package for Linux), and its CUDA headers: a CUDA toolkit of the same
    version in /usr/local/cuda, or the Python packages nvidia-cuda-runtime and nvidia-cuda-cccl. Any Python will do:
      python3 -m venv ~/torch && ~/torch/bin/pip install torch
      PATH=~/torch/bin:$PATH ./run.sh --device cuda
  * Debian 13: apt-get install libtorch-cuda-dev nvidia-cuda-dev nvidia-cudnn (components contrib and non-free; nvidia-cudnn asks
    whether NVIDIA's licence is agreed to, and fetches the library from NVIDIA)
  * libtorch's own archive for CUDA, unpacked: ./run.sh --device cuda --libtorch FOLDER
TEXT
    if ! command -v nvidia-smi >/dev/null; then
      printf 'This machine has no nvidia-smi either: without an NVIDIA card and its driver, use ./run.sh as it is (--device cpu).\n'
    fi
  } >&2
  exit 1
}
