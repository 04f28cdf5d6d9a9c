#!/usr/bin/env bash
# The same set-up as ./run.sh, then the test suites. The last line counts; the exit status is 0 only if nothing failed.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

default_suites=(format core server fuzz_replay wasm_core wasm_core_scalar wasm python web e2e)
# What takes longer than the default run allows.
full_suites=("${default_suites[@]}" asan tsan fuzz model_1gb importers cuda_headers restarts bad_company overload soak deploy)
# Not in "full": a part of asan, and what needs a machine that does nothing else.
asked_suites=(asan_core bench)
suite_limit_s=2700 # the longest takes a quarter of that, on slow shared cores more than half

usage() {
  cat <<EOF
usage: ./test.sh [--no-install] [full | SUITE…]
       ./test.sh gpu [OPTIONS]

Installs what is missing (Debian 12), builds, prepares the model, and runs the suites: ${default_suites[*]}
"full" runs: ${full_suites[*]}
Only where named: ${asked_suites[*]}

"gpu" tests and measures on an NVIDIA card; it installs nothing and is skipped where there is none. Its options are those of
tests/bench/gpu_bench.py, and --model NAME.

  --no-install    install nothing: name the packages that are missing, and stop
  --help          this text

Reports (JUnit XML) lie in build/reports. With CI=true, tests that need ../shared/data fail where it is absent;
elsewhere they are skipped.
EOF
}

wrong_use() {
  printf 'test.sh: %s\nValid words: full %s (--help says more)\n' "$1" "${full_suites[*]} ${asked_suites[*]}" >&2
  exit 2
}

[[ ${1:-} != gpu ]] || exec toolchains/gpu_test.sh "${@:2}"

may_install=yes
suites=()
for word in "$@"; do
  case $word in
    --no-install) may_install=no ;;
    -h | --help) usage && exit ;;
    full) suites+=("${full_suites[@]}") ;;
    -*) wrong_use "unknown option: $word" ;;
    *)
      [[ " ${full_suites[*]} ${asked_suites[*]} " == *" $word "* ]] || wrong_use "unknown suite: $word"
      suites+=("$word")
      ;;
  esac
done
((${#suites[@]})) || suites=("${default_suites[@]}")
mapfile -t suites < <(printf '%s\n' "${suites[@]}" | awk '!named[$0]++')

# shellcheck source=toolchains/setup.sh
source toolchains/setup.sh
# shellcheck source=toolchains/page.sh
source toolchains/page.sh
reports=$PWD/build/reports
trap 'printf "\nInterrupted.\n" >&2; exit 130' INT
# A set-up that failed is a failure too, and the last line says so.
trap '(($? != 1)) || [[ ${counted:-} ]] || echo "0 passed, 1 failed, 0 skipped"' EXIT

# An interrupt lets the suite end its own servers and write its report; a suite that ignores it is killed.
limited() { timeout --foreground --signal=INT --kill-after=20 "$suite_limit_s" "$@"; }

suite_format() { /usr/bin/python3 toolchains/check_format.py clang-format-14 "$reports/format.xml"; }
suite_core() { limited build/release/tests/beralih_core_tests -r junit -o "$reports/core.xml"; }
suite_server() { limited build/release/tests/beralih_server_tests -r junit -o "$reports/server.xml"; }
suite_python() {
  local promtool # where it cannot be had, the tests that want it are skipped and counted
  promtool=$(toolchains/promtool.sh) || echo "promtool: not available" >&2
  PATH="$PATH${promtool:+:$promtool}" limited /usr/bin/python3 -m pytest tests --ignore=tests/slow -q -p no:cacheprovider --junitxml="$reports/python.xml"
}
suite_model_1gb() { slow_test model_1gb; }
suite_importers() { slow_test importers; }
# Compiles what needs a card against the headers of libtorchs that have CUDA; needs no card.
suite_cuda_headers() { slow_test cuda_headers; }
suite_overload() { slow_test overload; }
# BERALIH_SOAK_SECONDS: 120 where it is not set. Behind asan, which builds the server of its second half.
suite_soak() { suite_limit_s=$((${BERALIH_SOAK_SECONDS:-120} * 2 + 300)) slow_test soak; }
# About ten minutes: 600 restarts and 50 reloads under load.
suite_restarts() { suite_limit_s=1800 slow_test restarts; }
suite_bad_company() { slow_test bad_company; }
slow_test() {
  limited /usr/bin/python3 -m pytest "tests/slow/test_$1.py" -q -p no:cacheprovider --junitxml="$reports/$1.xml"
}
# The image built and run by Docker and, where it is installed, Podman, and put behind HAProxy as a Swarm stack; 1000 requests while replicas
# are killed. A quarter of an hour. What it measures is printed above the count.
suite_deploy() {
  suite_limit_s=3600 BERALIH_CONTAINERS=1 BERALIH_DEPLOY_REQUESTS=1000 limited /usr/bin/python3 -m pytest tests/deploy -q -rs \
    -p no:cacheprovider --junitxml="$reports/deploy.xml"
}
# Every file of the fuzzers' corpora, and every one that once failed.
suite_fuzz_replay() { limited build/release/tests/beralih_fuzz_replay -r junit -o "$reports/fuzz_replay.xml"; }
# Debian's Node, as users of the module may have it; the page's own may be newer.
suite_wasm_core() {
  limited node --no-experimental-fetch build/wasm/tests/beralih_core_tests.js -r junit -o "$reports/wasm_core.xml"
}
suite_wasm_core_scalar() {
  limited node --no-experimental-fetch build/wasm/tests/beralih_core_scalar_tests.js -r junit \
    -o "$reports/wasm_core_scalar.xml"
}
suite_wasm() {
  # npm packs the module; it may be newer than the node that runs it.
  local status=0
  BERALIH_NPM_BIN=$node_bin limited node --test --test-reporter=junit \
    --test-reporter-destination="$reports/wasm-node.xml" tests/wasm/*.test.mjs || status=$?
  # What drives the browser wants the newer Node.
  limited "$node_bin/node" --test --test-reporter=junit --test-reporter-destination="$reports/wasm-browser.xml" \
    tests/wasm/browser/*.test.mjs || status=$?
  return "$status"
}
in_page() { PATH="$node_bin:$PATH" limited npm --prefix web run "$@"; }
suite_web() { in_page check && BERALIH_JUNIT="$reports/web.xml" in_page test; }
# Patience costs nothing where a page is quick: it is how long at most is waited for it.
suite_e2e() { BERALIH_JUNIT="$reports/e2e.xml" BERALIH_PATIENCE=${BERALIH_PATIENCE:-2} in_page test:e2e; }
# sanitized PRESET: the unit tests of core and server (its engine is a fake there), and the fuzzers' corpora. A crash of
# one leaves its part without a report, so the last status that is not 0 is what counts.
sanitized() {
  local part status=0
  for part in core_tests server_tests fuzz_replay; do
    limited "build/$1/tests/beralih_$part" -r junit -o "$reports/$1-$part.xml" || status=$?
  done
  return "$status"
}
# Every part runs, whatever the others found: a missed limit is a failed test in its report, not the end of the measurement.
suite_bench() {
  local status=0
  cmake --build --preset release --target preprocess_bench bundle_bench jit_load_bench engine_bench server_load || return
  limited /usr/bin/python3 tests/bench/preprocess_bench.py build/release/tests/preprocess_bench \
    "$BERALIH_BUNDLE/golden/dog1.jpg" --node "$node_bin/node" --junit "$reports/bench-preprocess.xml" || status=$?
  # Skipped, and counted, where models/bundles/resnet34-1gb was not made.
  limited /usr/bin/python3 tests/bench/bundle_bench.py --junit "$reports/bench-bundle.xml" || status=$?
  # Writes tests/bench/results; about 22 minutes, on a slower machine longer. The packages hold their binaries: nothing else is fetched.
  PATH="$node_bin:$PATH" npm --prefix tests/bench/peers/onnx ci --ignore-scripts --no-audit --no-fund ||
    echo "npm could not install the peer in Node: it is left out"
  suite_limit_s=3600 limited /usr/bin/python3 tests/bench/service_bench.py "$BERALIH_BIN" "$BERALIH_BUNDLE" --node "$node_bin/node" \
    --junit "$reports/bench-services.xml" || status=$?
  limited /usr/bin/python3 tests/bench/lab_record.py "$BERALIH_BIN" "$BERALIH_BUNDLE" || status=$?
  limited /usr/bin/python3 tests/bench/server_bench.py "$BERALIH_BIN" "$BERALIH_BUNDLE" --junit "$reports/bench-server.xml" || status=$?
  return "$status"
}
# The core alone, which reads what strangers send; asan has the server too.
suite_asan_core() {
  UBSAN_OPTIONS=print_stacktrace=1 limited build/asan/tests/beralih_core_tests -r junit -o "$reports/asan_core.xml"
}
suite_asan() { UBSAN_OPTIONS=print_stacktrace=1 sanitized asan; }
suite_tsan() { TSAN_OPTIONS=suppressions=$PWD/toolchains/tsan.supp sanitized tsan; }
suite_fuzz() { /usr/bin/python3 tests/fuzz/run_all.py "$reports/fuzz.xml" "${BERALIH_FUZZ_SECONDS:-300}"; }

run_suite() {
  log=$logs/suite-$1.log
  : >"$log"
  # The presets that ./run.sh does not build carry their suite's name.
  if [[ $1 == *san || $1 == fuzz ]] && ! build_preset "$1"; then
    log=$build_log
    return 1
  fi
  if [[ $1 == asan_core ]] && ! build_preset asan beralih_core_tests; then
    log=$build_log
    return 1
  fi
  logged "suite-$1" "suite_$1"
}

step_total=$((5 + ${#suites[@]}))
mapfile -t lists < <(page_lists)
[[ " ${suites[*]} " != *" bench "* ]] || lists+=(bench)
[[ " ${suites[*]} " != *" fuzz "* ]] || lists+=(fuzz)
[[ " ${suites[*]} " != *" deploy "* ]] || docker info >/dev/null 2>&1 || command -v dockerd >/dev/null || lists+=(deploy)
install_packages "$may_install" build models test "${lists[@]}"
build_release all
prepare_bundle resnet34
build_wasm all
build_page

export BERALIH_BIN=$PWD/build/release/native_server/beralih
export BERALIH_BUNDLE=$PWD/models/bundles/resnet34
unset BERALIH_SHARED BERALIH_REQUIRE_SHARED
[[ -d ../shared/data ]] && BERALIH_SHARED=$(cd ../shared && pwd) && export BERALIH_SHARED
[[ ${CI:-} == true ]] && export BERALIH_REQUIRE_SHARED=1

rm -rf "$reports"
mkdir -p "$reports"
results=()
for suite in "${suites[@]}"; do
  status=0
  step "suite $suite"
  run_suite "$suite" || status=$?
  results+=("$suite=$status")
  if ((status)); then
    step_done "FAILED, exit status $status"
    [[ ! -s $log ]] || log_tail "$log"
  else
    step_done "passed"
  fi
done
counted=yes
/usr/bin/python3 tests/summary.py "$reports" "${results[@]}"
