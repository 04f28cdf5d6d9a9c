# shellcheck shell=bash
# Sourced by setup.sh: how a step of the set-up shows itself, logs, and fails.

logs=$BERALIH_CACHE/logs
mkdir -p "$logs"

# On a terminal a step's line is rewritten while the step runs; in a log every message is a line of its own.
terminal=""
clear_line=""
if [[ -t 1 ]]; then
  terminal=yes
  clear_line=$'\r\e[K'
fi

step_total=0  # set by the caller
step_number=0
step_name=""
step_head=""  # what a terminal's line starts with while the step runs
step_start=0  # microseconds

now_us() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }

step() {
  step_number=$((step_number + 1))
  step_name=$1
  step_head="[$step_number/$step_total] $1 …"
  step_start=$(now_us)
  if [[ $terminal ]]; then printf '%s' "$step_head"; else printf '%s\n' "$step_head"; fi
}

# A line of its own below the step's line.
note() {
  if [[ $terminal && $step_head == '['* ]]; then printf '%s%s\n' "$clear_line" "$step_head"; fi
  step_head='     '
  printf '      %s\n' "$1"
}

step_done() {
  local tenths=$((($(now_us) - step_start) / 100000)) head='     '
  [[ $terminal ]] && head=$step_head
  printf '%s%s %s (%d.%d s)\n' "$clear_line" "$head" "$1" $((tenths / 10)) $((tenths % 10))
}

# fail WHY LOG|"" WHAT-TO-DO…: says it and ends the script.
fail() {
  local why=$1 log=$2 line
  shift 2
  {
    printf '\n%s: step %d of %d, %s, failed: %s\n' "${0##*/}" "$step_number" "$step_total" "$step_name" "$why"
    if [[ -s $log ]]; then
      printf '  the end of %s:\n' "${log#"$PWD"/}"
      log_tail "$log"
    fi
    for line in "$@"; do printf '  %s\n' "$line"; done
    printf '  Then run ./%s again: it continues where it stopped.\n' "${0##*/}"
  } >&2
  exit 1
}

log_tail() { sed -E '/^(dl|pm)status:/d' "$1" | tail -n 20 | sed 's/^/    /'; }

# logged NAME COMMAND…: everything that the command prints goes to the log NAME; how far it is shows in one line.
logged() {
  local log=$logs/$1.log
  shift
  "$@" </dev/null 2>&1 | tee "$log" | show_progress
  return "${PIPESTATUS[0]}"
}

# Understands apt (dlstatus:, pmstatus:), ninja ([3/80] …) and pytest (… [ 12%]). A terminal's line is rewritten; a log
# gets a line every ten seconds.
show_progress() {
  local line text last=$SECONDS width=80
  [[ $terminal ]] && width=$(tput cols 2>/dev/null || echo 80)
  while IFS= read -r line; do
    case $line in
      dlstatus:* | pmstatus:*) IFS=: read -r _ _ text line <<<"$line" && text="${text%%.*} % $line" ;;
      'Need to get '* | 'After this operation'*) printf '%s      %s\n' "$clear_line" "$line" && continue ;;
      '['*/*']'*) text=${line#[} text="${text%%]*}${text#*]}" ;;
      *'%]') text=${line##*[} text=${text%]} ;;
      *) continue ;;
    esac
    if [[ $terminal ]]; then
      text="$step_head $text"
      printf '%s%s' "$clear_line" "${text:0:width-1}"
    elif ((SECONDS - last >= 10)); then
      printf '      %s\n' "$text"
      last=$SECONDS
    fi
  done
}
