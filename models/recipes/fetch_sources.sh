#!/usr/bin/env bash
# Gets what the bundles are made of (../catalog.json, "sources") into ${BERALIH_CACHE:-.cache}/models/sources,
# out of the Debian archive that this system is configured for. Nothing is installed, no root is needed.
# What is there and right is not fetched again; what is damaged is. A file placed there by hand is as good.
set -euo pipefail
recipes=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck source=toolchains/debian_sources.sh
source "$recipes/../../toolchains/debian_sources.sh"
sources=$(realpath -m "$BERALIH_CACHE")/models/sources
mkdir -p "$sources"

list_sources() {
    /usr/bin/python3 - "$recipes/../catalog.json" <<'PYTHON'
import json, sys
catalog = json.load(open(sys.argv[1], encoding="utf-8"))
for s in catalog["sources"]:
    a = catalog["archives"][s["archive"]]
    print(s["file"], s["bytes"], s["sha256"], s["member"], a["kind"], a["package"], a["pattern"],
          a["file"], a["bytes"], a["sha256"], a["pool"], sep="\t")
PYTHON
}

explain_by_hand() {
    cat >&2 <<TEXT

  $file could not be had from the Debian archive this system is configured for. By hand, either of
    $archive   ($archive_bytes bytes, SHA-256 $archive_sha256; in $pool of any Debian mirror)
    $file   ($bytes bytes, SHA-256 $sha256; out of that archive)
  put into
    $sources/
  is enough. Then run the same command again: it goes on from there.
TEXT
    exit 1
}

# An archive that was fetched or placed earlier under the name the catalog gives is used without the network.
get_archive() {
    if ds_is_right "$sources/$archive" "$archive_bytes" "$archive_sha256"; then
        printf '%s\n' "$sources/$archive"
    elif [[ $kind == debian-binary ]]; then
        ds_deb "$package" "$sources"
    else
        ds_fetch "$package" "$sources" "$pattern"
    fi
}

extract() { # ARCHIVE OUTPUT ; --occurrence=1 stops reading at the first match
    case $1 in
        *.deb) dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "$member" ;;
        *.bz2) tar -xO -I lbzip2 --occurrence=1 -f "$1" --wildcards "$member" ;;
        *) tar -xO -a --occurrence=1 -f "$1" --wildcards "$member" ;;
    esac > "$2"
}

while IFS=$'\t' read -r -u 3 file bytes sha256 member kind package pattern archive archive_bytes archive_sha256 pool; do
    if ds_is_right "$sources/$file" "$bytes" "$sha256"; then continue; fi
    if [[ -e $sources/$file ]]; then
        ds_say "  $file is damaged: taking it from its archive again"
        rm -f "$sources/$file"
    fi
    path=$(get_archive) || explain_by_hand
    ds_say "  unpacking $file"
    if ! extract "$path" "$sources/$file.part" || ! ds_is_right "$sources/$file.part" "$bytes" "$sha256"; then
        rm -f "$sources/$file.part"
        ds_say "  $path does not hold the $file that this recipe was written for."
        explain_by_hand
    fi
    mv "$sources/$file.part" "$sources/$file"
done 3< <(list_sources)
