#!/usr/bin/env bash
# Files of Debian's archive, from the mirrors this system already uses, without root and without changing the system.
#
#   toolchains/debian_sources.sh uri   PACKAGE [PATTERN]        "URL NAME BYTES SHA256" for each file of the source package
#   toolchains/debian_sources.sh fetch PACKAGE DEST [PATTERN]   downloads those files into DEST, prints their paths
#   toolchains/debian_sources.sh deb   PACKAGE DEST             downloads the binary package into DEST, prints its path
#
# PATTERN is a shell pattern for file names (default: every file). The newest version is taken; one that is listed
# but missing on the mirror (security updates sometimes are) gives way to the next older one.
# Downloads resume, are checked against the archive's SHA-256, and are skipped when already there and right.
# A private apt tree with deb-src lives in ${BERALIH_CACHE:-.cache}/apt; its lists are renewed once a day.
# It can also be sourced: the functions below then do the same.

: "${BERALIH_CACHE:=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")/.cache}"
DEBIAN_SOURCES_TREE=$(realpath -m "$BERALIH_CACHE")/apt

ds_say() { printf '%s\n' "$*" >&2; }
ds_fail() { ds_say "debian_sources: $*"; return 1; }

# The system's own Debian entries (this release, component main), as deb + deb-src. Third-party archives are left out.
ds_write_sources() {
    local out=$1 codename suites file
    codename=$(. /etc/os-release && printf %s "${VERSION_CODENAME:-}")
    suites="^(${codename:-stable}|stable|oldstable)(-updates|-security|/updates)?\$"
    rm -rf "$out" && mkdir -p "$out"
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -s $file ]] || continue
        awk -v suites="$suites" '
            function flush(   i, keep, names, n) {
                n = split(found_suites, names, " ")
                for (i = 1; i <= n; i++) if (names[i] ~ suites) keep = keep " " names[i]
                if (keep != "" && has_main && !disabled)
                    printf "Types: deb deb-src\nSuites:%s\nComponents: main\n%s\n", keep, rest
                rest = found_suites = ""; has_main = disabled = 0
            }
            /^[ \t]*$/ { flush(); next }
            /^#/ { next }
            /^[A-Za-z-]+:/ { field = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
            field == "types:" { next }
            field == "suites:" { found_suites = found_suites " " (/^[ \t]/ ? $0 : value); next }
            field == "components:" { if ((" " $0 " ") ~ /[ \t]main[ \t]/) has_main = 1; next }
            field == "enabled:" { if (tolower(value) == "no") disabled = 1; next }
            { rest = rest $0 "\n" }
            END { flush() }' "$file" > "$out/$(basename "$file")"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -s $file ]] || continue
        sed -nE 's/^\s*deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*\s)?main(\s.*)?$/\3\t\1\2 \3 main/p' "$file" |
            awk -F'\t' -v suites="$suites" '$1 ~ suites { print "deb " $2; print "deb-src " $2 }' |
            sort -u > "$out/$(basename "$file" .list)-entries.list"
    done
    find "$out" -type f -size 0 -delete
    [[ -n $(ls -A "$out") ]] ||
        ds_fail "/etc/apt names no Debian archive with suite '${codename:-stable}' and component main: add one, run this again."
}

# Makes or renews the tree; sets APT_CONFIG. The system's Acquire settings (proxy, certificates) are kept, its hooks are not.
ds_prepare() {
    local tree=$DEBIAN_SOURCES_TREE stamp=$DEBIAN_SOURCES_TREE/updated log=$DEBIAN_SOURCES_TREE/update.log
    export APT_CONFIG="$tree/apt.conf"
    if [[ -s $APT_CONFIG && -e $stamp && -z $(find "$stamp" -mmin +1440) ]]; then return 0; fi
    mkdir -p "$tree"/{state/lists/partial,cache/archives/partial} || return 1
    ds_write_sources "$tree/sources.list.d" || return 1
    : > "$tree/state/status"
    {
        APT_CONFIG='' apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets'
        cat <<CONF
Dir::State "$tree/state"; Dir::State::status "$tree/state/status"; Dir::Cache "$tree/cache";
Dir::Etc::main "/dev/null"; Dir::Etc::parts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "$tree/sources.list.d";
Acquire::Languages "none"; APT::Sandbox::User "";
CONF
    } > "$APT_CONFIG.new" && mv "$APT_CONFIG.new" "$APT_CONFIG"
    ds_say "  reading the package lists of the Debian archive"
    if apt-get update -qq -o Acquire::Retries=3 -o APT::Update::Error-Mode=any > "$log" 2>&1; then
        touch "$stamp"
        return 0
    fi
    sed 's/^/    /' "$log" >&2
    if [[ -n $(find "$tree/state/lists" -maxdepth 1 -name '*_Sources*') ]]; then
        ds_say "  not all package lists could be renewed (see above): going on with what there is"
        return 0
    fi
    ds_fail "the package lists could not be read (see above): check the network and /etc/apt, then run this again."
}

ds_is_right() { # FILE BYTES SHA256
    [[ -f $1 && $(stat -c %s "$1") == "$2" ]] && [[ $(sha256sum < "$1") == "$3"* ]]
}

ds_size() { # BYTES
    if (($1 < 1000000)); then printf '%d KB' $((($1 + 999) / 1000)); else printf '%d MB' $((($1 + 500000) / 1000000)); fi
}

# Says every 10 s how far PART is, for logs. The trap takes its sleep along, which would keep the caller's pipes open.
ds_watch() { # PART BYTES
    local have sleeper=
    trap 'kill "$sleeper" 2>/dev/null; wait "$sleeper" 2>/dev/null; exit 0' TERM
    while kill -0 $$ 2>/dev/null; do
        sleep 10 & sleeper=$!
        wait "$sleeper"
        have=$(stat -c %s "$1" 2>/dev/null || echo 0)
        ds_say "    $((have / 1000000)) of $(($2 / 1000000)) MB ($((100 * have / $2)) %)"
    done
}

ds_curl() { # URL PART BYTES
    local proxy watcher='' rc scheme=${1%%:*}
    local -a options=(-fL -C - --connect-timeout 30 --speed-limit 1000 --speed-time 60 -o "$2")
    proxy=$(apt-config shell P "Acquire::$scheme::Proxy" | sed -n "s/^P='\(.*\)'\$/\1/p")
    [[ -z $proxy || $proxy == DIRECT ]] || options+=(--proxy "$proxy")
    if [[ -t 2 ]]; then
        options+=(--progress-bar)
    else
        options+=(-sS)
        ds_watch "$2" "$3" >&2 & watcher=$!
    fi
    curl "${options[@]}" "$1"; rc=$?
    if [[ -n $watcher ]]; then kill "$watcher" 2>/dev/null; wait "$watcher" 2>/dev/null; fi
    return $rc
}

# Resumes FILE.part; a part that does not fit is dropped once. Returns 22 when the mirror does not have the file.
ds_download() { # URL FILE BYTES SHA256
    local url=$1 file=$2 bytes=$3 sha256=$4 part=$2.part attempt rc have
    if [[ -e $file ]]; then
        ds_is_right "$file" "$bytes" "$sha256" && return 0
        ds_say "  $(basename "$file") is damaged or of another version: fetching it again"
        rm -f "$file"
    fi
    mkdir -p "$(dirname "$file")" || return 1
    ds_say "  fetching $(basename "$file") ($(ds_size "$bytes"))"
    for attempt in 1 2 3 4 5; do
        have=$(stat -c %s "$part" 2>/dev/null || echo 0)
        if ((have > bytes)); then rm -f "$part"; have=0; fi
        if ((have > 0 && have < bytes)); then ds_say "    going on at $((have / 1000000)) MB"; fi
        rc=0
        if ((have < bytes)); then ds_curl "$url" "$part" "$bytes" || rc=$?; fi
        case $rc in
            0)  if ds_is_right "$part" "$bytes" "$sha256"; then mv -f "$part" "$file"; return 0; fi
                ds_say "    what came does not have the right SHA-256: starting over"; rm -f "$part" ;;
            22) return 22 ;;
            33) rm -f "$part" ;;                            # the mirror cannot resume
            *)  ds_say "    interrupted (curl exit $rc), attempt $attempt of 5"
                ((attempt == 5)) || sleep $((attempt * 2)) ;;
        esac
    done
    ds_fail "$(basename "$file") could not be downloaded."
}

ds_parse_uris() { # PATTERN ; apt's "'URL' NAME BYTES SHA256:HEX" on standard input
    local url name bytes hash
    while read -r url name bytes hash; do
        # shellcheck disable=SC2053 # the right side is a pattern on purpose
        [[ $name == $1 && $hash == SHA256:* ]] && printf '%s %s %s %s\n' "${url//\'/}" "$name" "$bytes" "${hash#SHA256:}"
    done
    return 0
}

ds_source_versions() { apt-cache showsrc --only-source "$1" 2>/dev/null | sed -n 's/^Version: //p' | sort -uVr; }

ds_source_uris() { # PACKAGE VERSION PATTERN
    apt-get source --only-source --download-only --print-uris -qq "$1=$2" 2>/dev/null | ds_parse_uris "$3"
}

ds_uri() { # PACKAGE [PATTERN]
    ds_prepare || return 1
    local version; version=$(ds_source_versions "$1" | head -n 1)
    [[ -n $version ]] || { ds_fail "the archive has no source package '$1'."; return 1; }
    ds_source_uris "$1" "$version" "${2:-*}"
}

ds_download_all() { # DEST ; lines of ds_parse_uris on standard input
    local url name bytes sha256 rc
    while read -r url name bytes sha256 <&3; do
        ds_download "$url" "$1/$name" "$bytes" "$sha256" || { rc=$?; return $rc; }
        printf '%s\n' "$1/$name"
    done 3<&0
}

ds_fetch() { # PACKAGE DEST [PATTERN]
    ds_prepare || return 1
    local package=$1 dest=$2 pattern=${3:-*} version uris rc
    for version in $(ds_source_versions "$package"); do
        uris=$(ds_source_uris "$package" "$version" "$pattern")
        [[ -n $uris ]] || continue
        rc=0; ds_download_all "$dest" <<< "$uris" || rc=$?
        ((rc == 22)) || return $rc
        ds_say "    $package $version is not on this mirror, trying an older version"
    done
    ds_fail "no version of the source package '$package' with a file '$pattern' could be fetched."
}

ds_deb() { # PACKAGE DEST
    ds_prepare || return 1
    local package=$1 version uris rc
    for version in $(apt-cache madison "$package" 2>/dev/null | awk -F' *[|] *' '$3 !~ /Sources/ { print $2 }' | sort -uVr); do
        uris=$(apt-get download --print-uris -qq "$package=$version" 2>/dev/null | ds_parse_uris '*')
        [[ -n $uris ]] || continue
        rc=0; ds_download_all "$2" <<< "$uris" || rc=$?
        ((rc == 22)) || return $rc
        ds_say "    $package $version is not on this mirror, trying an older version"
    done
    ds_fail "no version of the package '$package' could be fetched."
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -uo pipefail
    case "${1:-}:$#" in
        uri:[23]) ds_uri "${@:2}" ;;
        fetch:[34]) ds_fetch "${@:2}" ;;
        deb:3) ds_deb "${@:2}" ;;
        *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
fi
