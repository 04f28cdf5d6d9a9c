#!/usr/bin/env bash
# tests/fuzz/run.sh TARGET SECONDS [FOLDER…]: fuzzes one target of the `fuzz` preset, from the committed seeds and the
# files of the FOLDERs. What it discovers grows in .cache/fuzz/TARGET; what fails lies in build/fuzz/findings.
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
target=${1:?usage: run.sh decode|contract|pipeline|safetensors SECONDS [FOLDER…]}
seconds=${2:?usage: run.sh TARGET SECONDS [FOLDER…]}
shift 2
found=${BERALIH_CACHE:-$root/.cache}/fuzz/$target
mkdir -p "$found" "$root/build/fuzz/findings"
regressions=()
[[ ! -d $root/tests/fuzz/regressions/$target ]] || regressions+=("$root/tests/fuzz/regressions/$target")
exec "$root/build/fuzz/tests/fuzz_$target" -max_total_time="$seconds" -max_len="${BERALIH_FUZZ_MAX_LEN:-4096}" \
  -dict="$root/tests/fuzz/$target.dict" -artifact_prefix="$root/build/fuzz/findings/$target-" -timeout=20 \
  -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 -verbosity="${BERALIH_FUZZ_VERBOSITY:-1}" \
  "$found" "$root/tests/fuzz/corpus/$target" "${regressions[@]}" "$@"
