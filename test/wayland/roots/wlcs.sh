#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# wlcs, the Wayland conformance suite, with Debian's integration of Mir: the compositor runs inside the suite's process,
# so what is in front of the suite is in front of Mir. Mir alone fails at a file that is cut; guarded it passes; every
# other test comes out as before.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/root.sh

usage() {
  cat << 'END'
usage: wlcs.sh [OPTION...] DIRECTORY [SUITE]
Runs wlcs in the root of SUITE (sid), with Mir alone and guarded, and compares; alone.txt and guarded.txt go to
DIRECTORY. A test that came out differently is repeated up to three times alone: some depend on time.
  --filter TESTS     only these, as --gtest_filter of wlcs takes them
  --part K/N         only the K-th of N parts, each of which takes an Nth of the time
  --preload LIBRARY  guarded: by this library in the root, not by uffd-guard-run
  --help             this
Exit status: 0 nothing but the cut file differs; 1 something does; 2 wrong usage; 77 no root can be made.
END
}

expected='BadBufferTest.test_truncated_shm_file'
filter='*' part=1/1 guard=(/build/lib/wl_shm/uffd-guard-run --stats --)
while [[ ${1:-} == --* ]]; do
  case $1 in
    --filter) filter=$2 ;;
    --part) part=$2 ;;
    --preload) guard=(env "LD_PRELOAD=$2") ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done
[[ $# -ge 1 && $# -le 2 ]] || { usage >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
suite=${2:-sid}

# Mir wants a directory for sockets, and its renderer needs no GPU.
run_wlcs() { # filter, part, command in front...
  local tests=$1 k=${2%/*} n=${2#*/}
  shift 2
  "$root" enter "$suite" sh -c '
    export XDG_RUNTIME_DIR=$(mktemp -d) LIBGL_ALWAYS_SOFTWARE=1 GTEST_TOTAL_SHARDS=$1 GTEST_SHARD_INDEX=$2
    shift 2
    library=$(ls /usr/lib/*/mir/miral_wlcs_integration.so)
    wlcs=$(ls /usr/lib/*/wlcs/wlcs /usr/libexec/wlcs/wlcs 2>/dev/null | head -n 1)
    tests=$1
    shift
    exec "$@" "$wlcs" "$library" "--gtest_filter=$tests" --gtest_color=no' sh "$n" $((k - 1)) "$tests" "$@" 2>&1 || true
}

# "test outcome", sorted. At the end the suite lists those that were skipped, without a time.
outcomes() {
  sed -n -E -e 's/^\[ +(OK|FAILED|SKIPPED) +\] ([A-Za-z0-9_\/.]+)(,.*)? \([0-9]+ ms\).*/\2 \1/p' \
    -e 's/^\[ +(SKIPPED) +\] ([A-Za-z0-9_]+[\/.][A-Za-z0-9_\/.]+).*/\2 \1/p' "$1" | sort -u
}

differences() { # files: "test outcome alone outcome guarded"
  join -a 1 -a 2 -e missing -o 0,1.2,2.2 <(outcomes "$1") <(outcomes "$2") | awk '$2 != $3'
}

summary() {
  outcomes "$1" | awk '{ n[$2]++ } END { printf "%d passed, %d failed, %d skipped", n["OK"], n["FAILED"], n["SKIPPED"] }'
}

# Whether both sides can have the other's outcome.
is_unsteady() { # test
  for _ in 1 2 3; do
    run_wlcs "$1" 1/1 > "$directory/again-alone.txt"
    run_wlcs "$1" 1/1 "${guard[@]}" > "$directory/again-guarded.txt"
    [[ -n $(differences "$directory/again-alone.txt" "$directory/again-guarded.txt") ]] || return 0
  done
  return 1
}

"$root" make "$suite"
"$root" build "$suite" uffd-guard-run lib/wl_shm/all > "$directory/build.txt" 2>&1 || { tail "$directory/build.txt"; exit 1; }
[[ -n $("$root" enter "$suite" sh -c 'ls /usr/lib/*/mir/miral_wlcs_integration.so 2>/dev/null') ]] || {
  echo "SKIP: $suite has no wlcs with Mir's integration"
  exit 77
}
run_wlcs "$filter" "$part" > "$directory/alone.txt"
run_wlcs "$filter" "$part" "${guard[@]}" > "$directory/guarded.txt"
echo "Mir alone: $(summary "$directory/alone.txt")"
echo "guarded:   $(summary "$directory/guarded.txt")"
status=0
while read -r test alone guarded; do
  if [[ $test == "$expected" && $alone == FAILED && $guarded == OK ]]; then
    echo "$test: $alone alone, $guarded guarded, as it should be"
  elif is_unsteady "$test"; then
    echo "$test: $alone alone, $guarded guarded, but the same when repeated"
  else
    echo "$test: $alone alone, $guarded guarded"
    status=1
  fi
done < <(differences "$directory/alone.txt" "$directory/guarded.txt")
if ! outcomes "$directory/guarded.txt" | grep -q "^$expected OK\$" && [[ $filter$part == '*1/1' ]]; then
  echo "$expected does not pass"
  status=1
fi
exit "$status"
