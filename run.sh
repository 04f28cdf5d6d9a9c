#!/usr/bin/env bash
# From a clean clone to a server that answers: packages, build, model, start. Later runs find everything there.
set -euo pipefail

usage() {
  cat <<'EOF'
usage: ./run.sh [--port N] [--host ADDRESS] [--model NAME] [--device DEVICE] [--libtorch DIR] [--with-python] [--no-install]

Installs what is missing (Debian 12), builds, prepares the model and starts the server. Ctrl-C stops it.

  --port N          port to listen on (default 8080; 0 picks a free one)
  --host ADDRESS    address to listen on (default 127.0.0.1: this machine only; 0.0.0.0: every network)
  --model NAME      model to serve, one of models/recipes/NAME.bundle.sh (default resnet34)
  --device DEVICE   cpu (default), or cuda, cuda:N: an NVIDIA card, for which a libtorch with CUDA is looked for
  --libtorch DIR    that libtorch: the folder with its include/ and lib/, e.g. .../site-packages/torch
  --with-python     start the Python service beside it, on a free port, for the page to compare with; both end together.
                    Not used, and said so, with a --host that is not this machine's own, BERALIH_API_KEYS or BERALIH_TLS_CERT
  --no-install      install nothing: name the packages that are missing, and stop
  --help            this text

The server's own options pass through as variables, e.g. BERALIH_THREADS=4 BERALIH_MAX_QUEUE=64 ./run.sh;
build/release/native_server/beralih serve --help lists them.

Environment: BERALIH_PORT, BERALIH_HOST (defaults of the options), BERALIH_CACHE (downloads; default .cache),
CMAKE_BUILD_PARALLEL_LEVEL (compilers at a time; default: as many as cores and memory allow).
EOF
}

wrong_use() {
  printf 'run.sh: %s\nTry ./run.sh --help\n' "$1" >&2
  exit 2
}

port=${BERALIH_PORT:-8080}
host=${BERALIH_HOST:-127.0.0.1}
model=resnet34
device=cpu
libtorch=
may_install=yes
with_python=
while (($#)); do
  case $1 in
    --port=* | --host=* | --model=* | --device=* | --libtorch=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
    --port | --host | --model | --device | --libtorch)
      [[ -n ${2:-} ]] || wrong_use "$1 needs a value"
      declare "${1#--}=$2"
      shift
      ;;
    --no-install) may_install=no ;;
    --with-python) with_python=yes ;;
    -h | --help) usage && exit ;;
    *) wrong_use "unknown argument: $1" ;;
  esac
  shift
done
if ! [[ $port =~ ^[0-9]{1,5}$ ]] || ((10#$port > 65535)); then
  wrong_use "--port takes a number from 0 to 65535, not \"$port\""
fi
port=$((10#$port))
[[ $device =~ ^(cpu|cuda(:[0-9]{1,2})?)$ ]] || wrong_use "--device takes cpu, cuda or cuda:N, not \"$device\""
[[ -z $libtorch || $device != cpu ]] || wrong_use "--libtorch is for --device cuda"
[[ -z $libtorch ]] || libtorch=$(realpath -m "$libtorch")

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
if [[ $model == */* || ! -f models/recipes/$model.bundle.sh ]]; then
  known=$(cd models/recipes && printf ' %s' *.bundle.sh)
  wrong_use "there is no model \"$model\"; there are:${known//.bundle.sh/}"
fi
# shellcheck source=toolchains/setup.sh
source toolchains/setup.sh
# shellcheck source=toolchains/page.sh
source toolchains/page.sh
# shellcheck source=toolchains/cuda.sh
source toolchains/cuda.sh
preset=release
if [[ $device != cpu ]]; then
  preset=cuda
  need_cuda_libtorch "$libtorch"
fi
trap 'printf "\nInterrupted. ./run.sh continues where it stopped.\n" >&2; exit 130' INT

# The server would say so too, but only after a build that may take minutes. Other addresses may be another machine's.
reachable=""
case $host in
  127.* | 0.0.0.0 | '::' | localhost) reachable=127.0.0.1 ;;
  '::1') reachable=::1 ;;
esac
# shellcheck disable=SC2016  # the inner shell expands its own arguments
if [[ $reachable ]] && ((port > 0)) && timeout 1 bash -c 'exec 3<>"/dev/tcp/$1/$2"' _ "$reachable" "$port" 2>/dev/null; then
  printf 'run.sh: port %s is taken: something answers on %s already. Stop it, or choose another: ./run.sh --port %s\n' \
    "$port" "$reachable" $((port < 65535 ? port + 1 : 8080)) >&2
  exit 1
fi

step_total=6
mapfile -t lists < <(page_lists)
[[ -z $with_python ]] || lists+=(python_service)
install_packages "$may_install" build models "${lists[@]}"
build_release beralih "$preset"
prepare_bundle "$model"
build_wasm beralih_wasm_modules
build_page
step "starting the server"
[[ $terminal ]] && printf '\n'
# The page's experiments start processes, so they are for this machine alone, and not beside keys or TLS.
lab=()
if [[ ($host == 127.* || $host == localhost || $host == ::1) && -z ${BERALIH_API_KEYS:-}${BERALIH_TLS_CERT:-} ]]; then lab=(--lab); fi
on_device=() # on the CPU nothing is said, so that BERALIH_DEVICE passes through like the others
[[ $device == cpu ]] || on_device=(--device "$device")
serve=("build/$preset/native_server/beralih" serve "${on_device[@]}" --bundle "models/bundles/$model" --host "$host" --port "$port" --web web/dist "${lab[@]}")
if [[ $with_python && ! ${lab[*]} ]]; then
  printf 'run.sh: --with-python is not used: only a server on a loopback address, without keys and TLS, compares itself with a Python service\n' >&2
  with_python=
fi
[[ $with_python ]] || exec "${serve[@]}"
exec toolchains/with_python.sh "models/bundles/$model" "${serve[@]}"
