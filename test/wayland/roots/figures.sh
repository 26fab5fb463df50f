#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a frame costs compositors that have a wl_shm of their own, and how long an honest client waits while others
# attack, in a root directory (root.sh), as they are and guarded in turn. Figures are of a machine that does nothing
# else. wayland-cost and wayland-latency say what the columns mean.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/root.sh

usage() {
  cat << 'END'
usage: figures.sh [OPTION...] cost|latency [SUITE]
Measures in the root of SUITE (sid): what frames cost KWin and sway, or how long clients of sway wait.
  --compositor NAME  only this one, or these
  --rounds N         of each side of each row (3)
  --frames N         cost: for each (40)
  --seconds N        latency: for each side in each round (5)
  --keep FILE        cost: write the figures to FILE besides, as wayland-cost --json prints them
  --attack NAME      latency: only this one, or these
  --preload LIBRARY  latency: guarded by this library in the root too
  --help             this
Exit status: 0; 1 somebody waits longer than allowed; 2 wrong usage; 77 no root can be made.
END
}

# What a bare pread(2) of a picture takes here: microseconds of processor time, the middle one of 21.
# shellcheck disable=SC2016 # perl's own
pread_us() { # bytes
  perl -MTime::HiRes=clock_gettime,CLOCK_PROCESS_CPUTIME_ID -e '
    my ($size, $buffer, @times) = ($ARGV[0], "");
    open(my $file, "+>", "/dev/shm/uffd-guard-pread") or die;
    unlink "/dev/shm/uffd-guard-pread";
    syswrite($file, "x" x $size) == $size or die;
    for (0 .. 20) {
      sysseek($file, 0, 0);
      my $start = clock_gettime(CLOCK_PROCESS_CPUTIME_ID);
      sysread($file, $buffer, $size) == $size or die;
      push @times, (clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $start) * 1e6;
    }
    printf "%.0f", (sort { $a <=> $b } @times)[10]' "$1"
}

# Sealed files and small damage have targets; a picture that is all new is one copy more, so that is compared with one.
add_targets() {
  awk -v small="$(pread_us $((800 * 600 * 4)))" -v large="$(pread_us $((3840 * 2160 * 4)))" '
    $5 != "direct" && $5 != "lazy" { print; next }
    $5 == "lazy" && $3 == 100 {
      us = $2 ~ /^800x/ ? small : large
      printf "%s  one copy: %.2f of a pread of %d us\n", $0, ($7 - $6) / us, us
      next
    }
    {
      target = $5 == "direct" ? 1.02 : 1.15
      printf "%s  target %.2f: %s\n", $0, target, $8 <= target ? "ok" : "ABOVE"
    }'
}

compositors=() rounds=3 frames=40 seconds=5 preload=() attacks=() keep=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --compositor) compositors+=("$2") ;;
    --rounds) rounds=$2 ;;
    --frames) frames=$2 ;;
    --seconds) seconds=$2 ;;
    --keep) keep=$2 ;;
    --attack) attacks+=("$2") ;;
    --preload) preload=(--preload "$2") ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done
what=${1:-} suite=${2:-sid}
run=/build/lib/wl_shm/uffd-guard-run
case $what in
  cost)
    [[ ${#compositors[@]} -gt 0 ]] || compositors=(sway kwin)
    command=(wayland-cost --rounds "$rounds" --frames "$frames" --damage 2 --keep kept.jsonl)
    guard=(-- "$run" --)
    ;;
  latency)
    [[ ${#compositors[@]} -gt 0 ]] || compositors=(sway)
    command=(wayland-latency --rounds "$rounds" --seconds "$seconds" "${preload[@]}")
    guard=(-- "$run" --mmap --)
    ;;
  *) usage >&2; exit 2 ;;
esac

directory=$("$root" make "$suite")/out/figures
[[ -z $keep ]] || : > "$keep"
log=$(mktemp)
"$root" build "$suite" uffd-guard-run lib/wl_shm/all test/wayland/all > "$log" 2>&1 || { tail -n 20 "$log"; exit 1; }
rm "$log"
# wlroots hands a window that fills an output to the screen as it is. On a headless output nobody looks at it then, so
# that there is nothing to compare with: it is painted, as it is where several windows can be seen.
measure() { # compositor, attack or nothing
  "$root" enter "$suite" sh -c '
    mkdir -p /out/figures && cd /out/figures && exec env WLR_SCENE_DISABLE_DIRECT_SCANOUT=1 "$@"' sh \
    "/build/test/wayland/${command[0]}" --compositor "$1" ${2:+"--attack=$2"} "${command[@]:1}" "${guard[@]}"
}

status=0
if [[ ${#attacks[@]} -eq 0 ]]; then attacks=(''); fi
for compositor in "${compositors[@]}"; do
  if [[ $what == cost ]]; then
    measure "$compositor" '' | add_targets || status=$?
    [[ -z $keep ]] || cat "$directory/kept.jsonl" >> "$keep"
    continue
  fi
  for attack in "${attacks[@]}"; do
    measure "$compositor" "$attack" || status=$?
  done
done
exit "$status"
