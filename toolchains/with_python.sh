#!/usr/bin/env bash
# with_python.sh BUNDLE SERVE…: runs SERVE…, a `beralih serve --lab`, and beside it the page's Python service on a free port of this machine,
# for the lab's experiment python-or-cpp. Both end together, with the server's exit status.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
bundle=$1
shift

stopping=
services=()
trap 'stopping=yes; kill -TERM "${services[@]}" 2>/dev/null || true' INT TERM
port=$(/usr/bin/python3 -c 'import socket; free = socket.socket(); free.bind(("127.0.0.1", 0)); print(free.getsockname()[1])')
# It prints its own address.
BERALIH_BUNDLE="$bundle" /usr/bin/python3 -m uvicorn --app-dir web/content/code inference_service:app --port "$port" &
services+=($!)
BERALIH_LAB_PEER="http://127.0.0.1:$port/api/classify" "$@" &
services+=($!)
status=0
wait -n "${services[@]}" || status=$?
# On a signal both have been told; a second one would end the server before it has answered everybody.
[[ $stopping ]] || kill -TERM "${services[@]}" 2>/dev/null || true
if [[ $stopping ]]; then # then the server's own status counts, as without the Python service
  status=0
  wait "${services[1]}" || status=$?
fi
wait || true
exit "$status"
