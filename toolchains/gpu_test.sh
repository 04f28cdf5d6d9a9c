#!/usr/bin/env bash
# ./test.sh gpu: builds against a libtorch with CUDA, tests and measures on this machine's card, in at most ten minutes a run.
# Options are those of tests/bench/gpu_bench.py; --model NAME (repeatable) chooses bundles of models/bundles, default resnet34-1gb.
# Needs no package of Debian's where .gpu/prefix holds what the server is built with (toolchains/gpu_pack.sh).
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
BERALIH_CACHE=$(readlink -m "${BERALIH_CACHE:-.cache}")
export BERALIH_CACHE
# shellcheck source=toolchains/steps.sh
source toolchains/steps.sh
# shellcheck source=toolchains/cuda.sh
source toolchains/cuda.sh

device=cuda
models=()
options=()
while (($#)); do
  case $1 in
    --model) models+=("${2:?--model needs a name}") && shift ;;
    --device) device=${2:?--device needs a name} && options+=("$1" "$2") && shift ;;
    *) options+=("$1") ;;
  esac
  shift
done
((${#models[@]})) || models=(resnet34-1gb)
out=$(realpath -m "${OUT:-build/gpu}")

skip() {
  printf '\nskipped, gpu (1): %s\n\n0 passed, 0 failed, 1 skipped\n' "$1"
  exit 0
}

preset=release
if [[ $device != cuda-on-cpu ]]; then
  preset=cuda
  command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1 ||
    skip "no NVIDIA card answers (nvidia-smi); with \"--device cuda-on-cpu --quick\" the CPU takes a card's place, to try the scripts"
  BERALIH_LIBTORCH=$(cuda_libtorch) || skip "no libtorch with CUDA was found; ./run.sh --device cuda says what to install"
  export BERALIH_LIBTORCH
fi
for model in "${models[@]}"; do
  [[ -f models/bundles/$model/contract.json ]] || skip "models/bundles/$model is missing; ./run.sh --model $model makes it, models/README.md says how others are imported"
done

if [[ -d .gpu/prefix ]]; then
  export CMAKE_PREFIX_PATH=$PWD/.gpu/prefix PKG_CONFIG_PATH=$PWD/.gpu/prefix/lib/pkgconfig PATH=$PWD/.gpu/prefix/bin:$PATH
  export LD_LIBRARY_PATH=$PWD/.gpu/prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
step_total=$((2 + ${#models[@]}))
step "building (preset $preset)"
for command in "cmake --preset $preset" "cmake --build --preset $preset --target beralih device_bench beralih_server_tests"; do
  # shellcheck disable=SC2086  # words
  logged "gpu-build" $command || fail "the build stopped" "$logs/gpu-build.log" "Mend what the lines above name."
done
step_done "built"
passed=0 failed=0
step "unit tests of what a card needs"
if "build/$preset/tests/beralih_server_tests" "[device]" >"$logs/gpu-unit.log" 2>&1; then
  passed=1 && step_done "passed"
else
  failed=1 && step_done "FAILED" && log_tail "$logs/gpu-unit.log"
fi
for model in "${models[@]}"; do
  step "measuring $model"
  if /usr/bin/env python3 tests/bench/gpu_bench.py "build/$preset/native_server/beralih" "models/bundles/$model" --out "$out" "${options[@]}" 2>&1 |
    tee "$logs/gpu-$model.log"; then
    read -r good bad < <(sed -n 's/^checks: \([0-9]*\) hold, \([0-9]*\) do not$/\1 \2/p' "$logs/gpu-$model.log" | tail -1) || true
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-0}))
  else
    failed=$((failed + 1))
  fi
  step_done "written to $out"
done
printf '\n%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
((failed == 0))
