# shellcheck shell=bash
# Sourced by run.sh and test.sh after setup.sh: the core as WebAssembly, and the page.
# shellcheck disable=SC2154  # logs and build_log are set by setup.sh

# page_lists: the package lists that the page's build needs.
page_lists() {
  echo web
  if [[ -z ${NPM_CONFIG_REGISTRY:-${npm_config_registry:-}} ]] && ! command -v npm >/dev/null &&
    ! grep -qs '^registry' ~/.npmrc; then
    echo npm
  fi
}

# build_wasm TARGET
build_wasm() {
  step "the core as WebAssembly (emscripten)"
  build_preset wasm "$1" || fail "the build stopped" "$build_log" "Mend what the lines above name."
  step_done "$(grep -qsx 'ninja: no work to do.' "$build_log" && echo "up to date" || echo "built")"
}

# Everything that the page is made from; npm's own stamp covers its packages.
page_sources() {
  find web wasm tests/bench/results -type f ! -path '*/node_modules/*' ! -path 'web/dist/*' -print0 | sort -z | xargs -0 sha256sum
  sha256sum THIRD_PARTY_NOTICES.md build/wasm/wasm/beralih_core{.mjs,.wasm,_scalar.wasm}
}

# build_page: makes web/dist unless it is up to date. Leaves Node's folder in $node_bin.
build_page() {
  local sources stamp=web/node_modules/.page-stamp
  step "the page (node, vite)"
  node_bin=$(toolchains/node.sh 2> >(sed 's/^/    /' >&2)) || fail "there is no Node to build it with" "" "What to do stands above."
  sources=$(page_sources)
  if [[ -d web/dist && $(cat "$stamp" 2>/dev/null) == "$sources" ]]; then
    step_done "up to date"
    return
  fi
  if ! cmp -s web/package-lock.json web/node_modules/.installed-lock.json; then
    note "installing npm packages"
    logged npm-ci env PATH="$node_bin:$PATH" npm --prefix web ci --no-audit --no-fund ||
      fail "npm could not install the packages" "$logs/npm-ci.log" "Check the network and npm's configuration."
    cp web/package-lock.json web/node_modules/.installed-lock.json
  fi
  logged page env PATH="$node_bin:$PATH" npm --prefix web run build ||
    fail "the page could not be built" "$logs/page.log" "Mend what the lines above name."
  page_sources >"$stamp"
  step_done "built"
}
