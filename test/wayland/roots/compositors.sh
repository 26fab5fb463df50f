#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Compositors of Debian trixie and sid x attacks x kinds of files, as they are and guarded: wayland-matrix in root
# directories (root.sh), each attack in a fresh compositor.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/root.sh

usage() {
  cat << 'END'
usage: compositors.sh [OPTION...] DIRECTORY [SUITE...]
Runs the matrix in the root of each SUITE (trixie sid); matrix.dat and matrix.txt go to DIRECTORY, with logs and
pictures of what was wrong.
  --compositor NAME  only this one, or these
  --attack NAME      only this one, or these
  --file KIND        only with this kind of file, or these
  --side SIDE        plain or guarded
  --preload LIBRARY  guarded: by this library in the root, not by uffd-guard-run
  --help             this
What was measured before of another compositor, suite or side stays in matrix.dat.
Exit status: 0 all guarded cells are right; 1 some are wrong; 2 wrong usage; 77 no root can be made.
END
}

compositors=() attacks=() files=() sides=(plain guarded) guard=(-- /build/lib/wl_shm/uffd-guard-run --stats --)
while [[ ${1:-} == --* ]]; do
  case $1 in
    --compositor) compositors+=("$2") ;;
    --attack) attacks+=(--attack "$2") ;;
    --file) files+=(--file "$2") ;;
    --side) sides=("$2") ;;
    --preload) guard=(--preload "$2") ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done
[[ $# -ge 1 ]] || { usage >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
shift
suites=("$@")
[[ ${#suites[@]} -gt 0 ]] || suites=(trixie sid)
[[ ${#compositors[@]} -gt 0 ]] ||
  compositors=(weston-pixman weston-gl mutter sway labwc wayfire cage phoc kwin mir)
data=$directory/matrix.dat
touch "$data"

declare -A package_of=([weston-pixman]=weston [weston-gl]=weston [kwin]=kwin-wayland [mir]=mir-demos)

# Without the epoch, and without Debian's part.
release_of() { # suite, compositor
  "$root" enter "$1" dpkg-query -W -f '${Version}' "${package_of[$2]:-$2}" 2>/dev/null |
    sed 's/^[0-9]*://; s/-[^-]*$//; s/[+~].*//' || true
}

run() { # suite, compositor, side
  local release at=$directory/$1-$2-$3 options=(--fresh --mixtures 1) status=0
  release=$(release_of "$1" "$2")
  [[ -n $release ]] || { echo "SKIP: $1 has no $2"; return 0; }
  if [[ $3 == plain ]]; then options+=(--plain); fi
  options+=("${attacks[@]}" "${files[@]}")
  if [[ $3 == guarded ]]; then options+=("${guard[@]}"); fi
  "$root" enter "$1" sh -c 'rm -rf "$1" && mkdir -p "$1" && cd "$1" && shift && exec "$@"' sh "/out/$2-$3" \
    timeout 3600 /build/test/wayland/wayland-matrix --compositor "$2" --data=data "${options[@]}" \
    > "$at.txt" 2> "$at.err" || status=$?
  take_data "$1" "$2" "$3" "$release"
  sed -n '/^[^ ]* *memfd/,$p' "$at.txt" | sed "1s/\$/  ($1, $3)/"
  return "$status"
}

# What was measured anew takes the place of what was there.
take_data() { # suite, compositor, side, release
  local new=$roots/$1/out/$2-$3/data old
  [[ -s $new ]] || return 0
  cp "$roots/$1/out/$2-$3/"*.png "$directory" 2>/dev/null || true
  old=$(awk -v suite="$1" -v compositor="$2" -v side="$3" '
    FNR == NR { is_new[$2, $3] = 1; next }
    !($1 == suite && $2 == compositor && $4 == side && ($5, $6) in is_new)' "$new" "$data")
  {
    if [[ -n $old ]]; then printf '%s\n' "$old"; fi
    awk -v prefix="$1 $2 $4 $3" '{ print prefix, $2, $3, $4, $5 }' "$new"
  } > "$data.new"
  mv "$data.new" "$data"
}

roots=${UFFD_GUARD_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/uffd_guard/roots}
for suite in "${suites[@]}"; do
  "$root" make "$suite"
  "$root" build "$suite" test/wayland/all uffd-guard-run lib/wl_shm/all > "$directory/$suite-build.txt" 2>&1 || {
    tail -n 20 "$directory/$suite-build.txt"
    exit 1
  }
  for compositor in "${compositors[@]}"; do
    for side in "${sides[@]}"; do
      run "$suite" "$compositor" "$side" || true
    done
  done
done
awk -f "$here/table.awk" "$data" > "$directory/matrix.txt"
echo "$directory/matrix.dat: $(awk '$4 == "guarded"' "$data" | wc -l) guarded cells, \
$(awk '$4 == "guarded" && $8 == "wrong"' "$data" | tee "$directory/wrong.txt" | wc -l) of them wrong;" \
  "compositors died in $(awk '$4 == "plain" && $7 ~ /^(SIG|exit)/' "$data" | wc -l) of" \
  "$(awk '$4 == "plain"' "$data" | wc -l) cells as they are"
[[ ! -s $directory/wrong.txt ]]
