# shellcheck shell=bash
# Sourced by run.sh and test.sh, with the repository root as the current directory: system packages, build, model
# bundle. Every step may be repeated: it continues where it stopped, or finds nothing to do.

BERALIH_CACHE=$(readlink -m "${BERALIH_CACHE:-.cache}")
export BERALIH_CACHE
# shellcheck source=toolchains/steps.sh
source toolchains/steps.sh

# Waiting threads sleep instead of spinning: spinning is ten times slower where cores are shared.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

# --- system packages -------------------------------------------------------------------------------------------------

is_debian_12() {
  command -v apt-get >/dev/null && command -v dpkg-query >/dev/null &&
    [[ -r /etc/debian_version && $(</etc/debian_version) == 12* ]]
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# wanted_packages LIST…: the names in toolchains/packages/LIST.txt.
wanted_packages() { grep -hoE '^[a-z0-9][a-z0-9+.-]*' "${@/%/.txt}"; }

# install_packages yes|no LIST…: makes sure that the packages of the lists are there; "no" only names what is missing.
install_packages() {
  local may_install=$1 wanted missing
  shift
  step "system packages"
  wanted=$(wanted_packages "${@/#/toolchains/packages/}" | sort -u)
  if ! is_debian_12; then
    if [[ $may_install == no ]]; then
      step_done "not checked: this is not Debian 12; the build says what it misses"
      return
    fi
    fail "this system is $(system_name); the set-up knows Debian 12 and its derivatives (apt)" "" \
      "Use Debian 12 (a container or a virtual machine will do), or install by hand what these Debian packages hold" \
      "and run ./${0##*/} --no-install:" "$(tr '\n' ' ' <<<"$wanted")"
  fi
  # shellcheck disable=SC2086  # one word a package
  missing=$(comm -23 <(echo "$wanted") <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' $wanted 2>/dev/null |
    sed -n 's/^.i //p' | sort -u))
  if [[ -z $missing ]]; then
    step_done "all $(wc -l <<<"$wanted") present"
    return
  fi
  # shellcheck disable=SC2086
  install_missing "$may_install" $missing
}

system_name() { (. /etc/os-release && echo "$PRETTY_NAME") 2>/dev/null || uname -sr; }

install_missing() {
  local may_install=$1 apt prefix=""
  shift
  apt=(apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300)
  ((EUID == 0)) || prefix="sudo "
  if [[ $may_install == no ]]; then
    fail "packages are missing, and --no-install forbids installing them: $*" "" "Install them: $prefix${apt[*]} $*"
  fi
  if ((EUID != 0)) && ! command -v sudo >/dev/null; then
    fail "packages are missing, you are not root, and there is no sudo: $*" "" "As root: ${apt[*]} $*"
  fi
  note "installing $#: $*"
  ((EUID == 0)) || note "through sudo, which may ask for your password"
  if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then refresh_package_lists; fi
  if ! apt_logged "${apt[@]}" "$@"; then
    # Old package lists, or an installation that was interrupted.
    apt_logged dpkg --configure -a || true
    refresh_package_lists
    apt_logged "${apt[@]}" "$@" || fail "apt-get could not install the packages" "$logs/packages.log" \
      "Check the network, the free disk space (df -h /) and apt's sources; or by hand: $prefix${apt[*]} $*"
  fi
  step_done "$# installed"
}

refresh_package_lists() {
  # A source of the user's that fails need not hold any of our packages: the installation decides.
  apt_logged apt-get update || note "apt-get update reported problems; going on"
}

# Status-Fd=1 mixes apt's own progress into its output, for show_progress.
apt_logged() {
  local command=("$@")
  [[ $1 == apt-get ]] && command+=(-q -o APT::Status-Fd=1)
  logged packages as_root env LC_ALL=C DEBIAN_FRONTEND=noninteractive "${command[@]}"
}

# --- build and model -------------------------------------------------------------------------------------------------

# How many compilers fit: one that compiles against libtorch takes about 1.5 GB.
parallel_jobs() {
  local cores fit
  cores=$(nproc)
  fit=$(awk '/^MemAvailable:/ {print int($2 / 1500000)}' /proc/meminfo)
  echo $((fit < 1 ? 1 : fit < cores ? fit : cores))
}

# build_preset PRESET [TARGET]: configures where needed (ninja itself notices changed CMakeLists), then builds.
build_preset() {
  local build=build/$1 target=${2:-all}
  if [[ ! -f $build/build.ninja || CMakePresets.json -nt $build/build.ninja ]] ||
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$build/CMakeCache.txt"; then
    logged "configure-$1" cmake --preset "$1" --fresh || { build_log=$logs/configure-$1.log && return 1; }
  fi
  build_log=$logs/build-$1.log
  logged "build-$1" env CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(parallel_jobs)}" \
    cmake --build --preset "$1" --target "$target"
}

# build_release TARGET [PRESET]: PRESET, where another than release, is one like it.
build_release() {
  local hint="Mend what the lines above name."
  step "building (cmake, ninja)"
  if ! build_preset "${2:-release}" "$1"; then
    grep -qs 'Killed signal' "$build_log" &&
      hint="The compiler ran out of memory. Fewer at a time: export CMAKE_BUILD_PARALLEL_LEVEL=1"
    fail "the build stopped" "$build_log" "$hint"
  fi
  step_done "$(grep -qsx 'ninja: no work to do.' "$build_log" && echo "up to date" || echo "built")"
}

# prepare_bundle NAME: the recipe shows its own progress (downloads), so it has the terminal.
prepare_bundle() {
  local log=$logs/model-$1.log status=0
  step "model $1"
  [[ $terminal ]] && printf '\n'
  step_head='     '
  if [[ $terminal ]]; then # no pipe: curl draws its progress bar on a terminal only
    models/recipes/make_bundle.sh "$1" </dev/null || status=$?
  else
    models/recipes/make_bundle.sh "$1" </dev/null 2>&1 | tee "$log" || status=$?
  fi
  ((status == 0)) || fail "the bundle could not be made" "" "What to do stands above."
  step_done "ready in models/bundles/$1"
}
