#!/usr/bin/env bash
# Makes models/bundles/NAME, unless it is there and up to date:  models/recipes/make_bundle.sh NAME
#
# NAME is any of the NAME.bundle.sh beside this file, which lists the steps. A bundle is made in a temporary folder and
# renamed into place when it is complete. Downloads and the compiled converter are kept in ${BERALIH_CACHE:-.cache}.
set -euo pipefail
recipes=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(realpath "$recipes/../..")
: "${BERALIH_CACHE:=$root/.cache}"
BERALIH_CACHE=$(realpath -m "$BERALIH_CACHE")
export BERALIH_CACHE

name=${1:-}
if [[ $# -ne 1 || ! $name =~ ^[a-z0-9][a-z0-9_-]*$ || ! -f $recipes/$name.bundle.sh ]]; then
    echo "usage: models/recipes/make_bundle.sh NAME, where NAME is one of:" >&2
    for file in "$recipes"/*.bundle.sh; do echo "  $(basename "$file" .bundle.sh)" >&2; done
    exit 2
fi

bundles=$root/models/bundles
final=$bundles/$name
stamp=$bundles/.$name.stamp             # what the bundle was made from, and its files' sizes and times
checksums=$bundles/.$name.sha256        # its files' hashes, for when only the times have changed
sources=$BERALIH_CACHE/models/sources

recipe_hash() {
    # The importers make no bundle of this script's.
    find "$recipes" "$recipes/../catalog.json" -type f ! -path '*/__pycache__/*' ! -name 'import_*' -print0 | sort -z |
        xargs -0 cat | sha256sum
}
bundle_state() { (cd "$final" && find . -type f -printf '%p %s %T@\n' | sort); }
bundle_hashes() { (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum); }

parent=""       # the bundle that this one is made from
needs_mb=400    # what making it takes on disk
# shellcheck source=models/recipes/resnet34.bundle.sh
source "$recipes/$name.bundle.sh"

recipe=$(recipe_hash)
up_to_date() {
    [[ -f $stamp && -d $final && $(head -n 1 "$stamp") == "$recipe" ]] || return 1
    [[ $(tail -n +2 "$stamp") == "$(bundle_state)" ]] && return 0
    [[ $(cat "$checksums" 2>/dev/null) == "$(bundle_hashes "$final")" ]] && write_stamp
}
write_stamp() { { printf '%s\n' "$recipe"; bundle_state; } > "$stamp.new" && mv "$stamp.new" "$stamp"; }

if up_to_date; then exit 0; fi
if [[ $parent ]]; then "$recipes/make_bundle.sh" "$parent"; fi

mkdir -p "$bundles" "$sources"
exec 9> "$BERALIH_CACHE/models/lock"
flock -n 9 || { echo "waiting for another make_bundle.sh to end" >&2; flock 9; }
if up_to_date; then exit 0; fi          # the other one may have made it
if [[ -d $final && -f $stamp && $(head -n 1 "$stamp") == "$recipe" ]]; then
    echo "the bundle $name was changed after it was made: making it again" >&2
fi

missing=()
while read -r package _; do
    [[ -z $package || $package == \#* ]] && continue
    [[ $(dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null) == installed* ]] || missing+=("$package")
done < "$root/toolchains/packages/models.txt"
if ((${#missing[@]})); then
    echo "make_bundle.sh: these packages are missing: install them with" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

scratch=$bundles/.$name.work
rm -rf "$scratch"
free_mb=$(df --output=avail -B 1000000 "$bundles" | tail -n 1)
if ((free_mb < needs_mb)); then
    echo "make_bundle.sh: making $name takes $needs_mb MB in $bundles, where $((free_mb)) MB are free: free some, or move" \
        "the folder to a larger disk and put a symbolic link in its place." >&2
    exit 1
fi
trap 'rm -rf "$scratch"' EXIT
bundle=$scratch/bundle
mkdir -p "$bundle"
# PYTHONHASHSEED: PyTorch's serializer walks sets. -B: no __pycache__ beside the sources.
export OMP_WAIT_POLICY=passive            # threads that spin while they wait starve whatever else runs here
# shellcheck disable=SC2034 # used by the steps
python=(env PYTHONHASHSEED=0 /usr/bin/python3 -B)
started=$SECONDS
step_number=0

step() { # WORDS COMMAND...
    local begin end
    step_number=$((step_number + 1))
    printf '[%s %d/%d] %s\n' "$name" "$step_number" "$step_count" "$1" >&2
    begin=${EPOCHREALTIME/[.,]/}
    "${@:2}" || {
        printf 'make_bundle.sh: step %d of %s failed, see above: %s\n' "$step_number" "$name" "$1" >&2
        echo 'What was fetched and compiled is kept; the same command goes on from there.' >&2
        exit 1
    }
    end=${EPOCHREALTIME/[.,]/}
    printf '  %d.%d s\n' $(((end - begin) / 1000000)) $(((end - begin) / 100000 % 10)) >&2
}

make_steps

chmod -R u=rwX,go=rX "$bundle"
bundle_hashes "$bundle" > "$scratch/hashes"
rm -f "$stamp"
if [[ -e $final ]]; then mv "$final" "$scratch/old"; fi
mv "$bundle" "$final"
mv "$scratch/hashes" "$checksums"
write_stamp
echo "models/bundles/$name is ready ($(du -sm "$final" | cut -f1) MB, $((SECONDS - started)) s)" >&2
