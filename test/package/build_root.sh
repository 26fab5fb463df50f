#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A Debian of its own, as a newcomer or a packager has it, and what README.md and docs/packaging.md tell them to run:
#   build_root.sh SOURCE WORK SUITE ARCHITECTURE [PART]...
# PART: check   README's two commands, where nothing but git and cmake is installed: each test passes, or is skipped with
#               its reason
#       install README's packages, its line that builds and installs, and a program by pkg-config
#       eager   the unit tests, the scenarios in EAGER and the tests of wl_shm
#       deb     dpkg-buildpackage, lintian without a word, and a program with the packages
#       builds  all rows of builds.sh; builds=PATTERN: some of them
# Without one: check, install, builds on amd64; install, eager, builds elsewhere, where long may have 32 bits. Root only.
# Exit status: 0 as it should be; 1 not; 3 it could not run.
set -euo pipefail
# shellcheck source=test/package/debian_root.sh
. "${BASH_SOURCE[0]%/*}/debian_root.sh"
source=$(realpath "$1") work=$(realpath -m "$2") suite=$3 architecture=$4
shift 4

# What git knows, and what was not committed yet; of an unpacked archive, all.
list_source() {
  git -c safe.directory='*' ls-files -z --cached --others --exclude-standard 2> /dev/null ||
    find . -name build -prune -o -type f -print0
}

copy_source() {
  mkdir "$root/uffd_guard"
  (cd "$source" && list_source | tar --null --files-from=- --create --ignore-failed-read --file=-) |
    tar -C "$root/uffd_guard" --extract --no-same-owner --file=-
}

# What a machine has, and a directory has not.
mount_system() {
  mount --rbind /dev "$root/dev"
  mount --rbind /sys "$root/sys"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
}

step() {
  printf '==== %s, %s: %s (%d s)\n' "$suite" "$architecture" "$*" "$SECONDS"
}

# ---- Parts, each in a system of its own ----

# "test reason" for each test that ctest did not run, from its log.
list_skips() { # log
  awk '/^[0-9]+\/[0-9]+ Testing: / { test = $3 }
    /^SKIP: / { sub(/^SKIP: /, ""); print test, $0 }' "$1" | sort -u
}

part_check() {
  local without_reason log=$root/tmp/check.log tests=$root/uffd_guard/build/check/Testing/Temporary
  apt install git cmake > "$work/apt.log"
  there sh -c 'cd /uffd_guard && cmake -P cmake/demo.cmake' > "$root/tmp/demo.log" || {
    tail -n 40 "$root/tmp/demo.log"
    return 1
  }
  there sh -c 'cd /uffd_guard && cmake -P cmake/check.cmake' > "$log" || {
    tail -n 200 "$log"
    return 1
  }
  list_skips "$tests/LastTest.log"
  without_reason=$(comm -23 <(sed -n 's/^.* - \([^ ]*\) (Skipped)$/\1/p' "$log" | sort -u) \
    <(list_skips "$tests/LastTest.log" | cut -d ' ' -f 1 | sort -u))
  [[ -z $without_reason ]] || {
    printf 'skipped without a reason: %s\n' "$without_reason"
    return 1
  }
  tail -n 3 "$log"
}

part_install() {
  local packages
  packages=$(sed -n 's/^apt-get install \(cmake [a-z -]*[a-z]\) *# Debian.*/\1/p' "$source/README.md")
  [[ -n $packages ]] || cannot_run 'README.md has no line for Debian'
  # shellcheck disable=SC2086 # words
  apt install $packages > "$work/apt.log"
  # shellcheck disable=SC2016 # of the shell there
  there sh -euc 'cd /uffd_guard
    eval "$(sed -n "s/sudo //g; /^cmake -S [.] -B build && /p" README.md)"
    cc docs/examples/server.c -o /tmp/server $(pkg-config --cflags --libs uffd_guard)
    uffd-guard-stress --version
    cmake --build build --target uninstall > /tmp/uninstall.log
    [ ! -e /usr/local/bin/uffd-guard-stress ]'
}

part_eager() {
  apt install cmake gcc libc6-dev make pkg-config liburing-dev libseccomp-dev check libfuse3-dev libjson-c-dev \
    libwayland-dev > "$work/apt.log"
  # shellcheck disable=SC2016 # of the shell there
  there sh -euc 'cd /uffd_guard
    cmake -S . -B build-tests --log-level=WARNING -D UFFD_GUARD_TESTS=ON -D UFFD_GUARD_WERROR=ON
    cmake --build build-tests --parallel "$(nproc)" > /tmp/build.log || { tail -n 30 /tmp/build.log; exit 1; }
    ctest --test-dir build-tests -R "^unit[.]|[.]eager[.]root$|^wl_shm[.].*[.]root$" --output-on-failure'
}

part_deb() {
  rm -rf "$work/packages"
  apt install build-essential lintian > "$work/apt.log"
  # shellcheck disable=SC2016 # of the shell there
  there sh -euc 'cd /uffd_guard
    apt-get -qq -y --no-install-recommends build-dep . > /tmp/apt.log
    version=$(dpkg-parsechangelog -S Version | sed "s/-.*//")
    tar -czf "../uffd-guard_$version.orig.tar.gz" --transform "s,^[.],uffd-guard-$version," .
    dpkg-buildpackage -us -uc > /tmp/build.log 2>&1 || { tail -n 30 /tmp/build.log; exit 1; }
    lintian --fail-on error,warning,info --display-info --allow-root --suppress-tags out-of-date-standards-version \
      ../*.changes
    apt-get -qq -y --no-install-recommends install ../*.deb >> /tmp/apt.log
    AUTOPKGTEST_TMP=$(mktemp -d) debian/tests/link'
  mkdir -p "$work/packages"
  cp "$root"/*.deb "$work/packages"
  "$source/test/package/clean_root.sh" "$source" "$work/packages" "$work" "$suite"
}

part_builds() { # pattern
  apt install cmake gcc g++ make pkg-config liburing-dev libseccomp-dev clang llvm-dev libwayland-dev libncurses-dev \
    systemtap-sdt-dev musl-tools > "$work/apt.log"
  there bash /uffd_guard/test/package/builds.sh /uffd_guard /tmp/builds "$1"
}

run_part() {
  local name=${1%%=*} pattern=.
  [[ $1 != *=* ]] || pattern=${1#*=}
  declare -F "part_$name" > /dev/null || cannot_run "no such part: $name"
  step "$name"
  make_root
  mount_system
  copy_source
  apt update
  "part_$name" "$pattern"
  unmount_root
}

if [[ $# -eq 0 && $architecture == amd64 ]]; then
  set -- check install builds
elif [[ $# -eq 0 ]]; then
  set -- install eager builds
fi
step debootstrap
make_base "$work" "$suite" "$architecture"
for part; do
  run_part "$part"
done
step 'as it should be'
