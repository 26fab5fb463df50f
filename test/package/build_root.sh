#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A Debian of its own, as a newcomer or a packager has it: README's lines, then builds.sh. On i386, where long has 32 bits,
# also the unit tests, the scenarios in EAGER and the tests of wl_shm.
#   build_root.sh SOURCE WORK SUITE ARCHITECTURE [PATTERN]
# PATTERN: rows of builds.sh. Root only. WORK/base-SUITE-ARCHITECTURE keeps the system as debootstrap makes it. Exit status:
# 0 as it should be; 1 not; 3 it could not run.
set -euo pipefail
source=$(realpath "$1") work=$(realpath -m "$2") suite=$3 architecture=$4 pattern=${5:-.}
base=$work/base-$suite-$architecture root=$work/root-$suite-$architecture

cannot_run() {
  printf 'build_root.sh: %s\n' "$@" >&2
  exit 3
}

[[ $(id -u) -eq 0 ]] || cannot_run 'not root'
command -v debootstrap > /dev/null || cannot_run 'no debootstrap'

find_mirror() {
  # shellcheck disable=SC2016 # apt's variables
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' | sed -n 's/ Debian$//p' |
    grep -v security | sort -u | head -n 1
}

make_base() {
  local mirror
  mirror=$(find_mirror)
  [[ -n $mirror ]] || cannot_run "found no Debian repository in this machine's apt sources"
  rm -rf "$base.new"
  debootstrap --variant=minbase --arch="$architecture" "$suite" "$base.new" "$mirror" > "$work/debootstrap.log" 2>&1 ||
    cannot_run "debootstrap failed; see $work/debootstrap.log"
  mv "$base.new" "$base"
}

unmount() {
  local directory
  for directory in proc dev/shm dev/pts dev; do
    ! mountpoint -q "$root/$directory" || umount "$root/$directory"
  done
}

make_root() {
  unmount
  rm -rf --one-file-system "$root"
  cp -a "$base" "$root"
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mount --bind /dev/pts "$root/dev/pts"
  mkdir "$root/uffd_guard"
  cp -r "$source"/{CMakeLists.txt,LICENSE,*.md,cmake,daemon,docs,include,lib,test} "$root/uffd_guard"
}

there() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
    DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}" chroot "$root" "$@"
}

apt() {
  there apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 --no-install-recommends -y "$@" > "$work/apt.log"
}

step() {
  printf '==== %s, %s: %s (%d s)\n' "$suite" "$architecture" "$*" "$SECONDS"
}

# The line of README for this distribution, and that which builds and installs.
follow_readme() {
  local packages
  packages=$(sed -n 's/^apt-get install \(cmake [a-z -]*[a-z]\) *# Debian.*/\1/p' "$source/README.md")
  [[ -n $packages ]] || cannot_run 'README.md has no line for Debian'
  # shellcheck disable=SC2086 # words
  apt install $packages
  # shellcheck disable=SC2016 # of the shell there
  there sh -euc 'cd /uffd_guard
    eval "$(sed -n "s/sudo //g; /^cmake -S [.] -B build && /p" README.md)"
    cc docs/examples/server.c -o /tmp/server $(pkg-config --cflags --libs uffd_guard)
    uffd-guard-stress --version
    cmake --build build --target uninstall > /tmp/uninstall.log
    [ ! -e /usr/local/bin/uffd-guard-stress ]'
}

run_eager() {
  apt install check libfuse3-dev libjson-c-dev libwayland-dev
  there sh -euc 'cd /uffd_guard
    cmake -S . -B build-tests --log-level=WARNING -D UFFD_GUARD_TESTS=ON -D UFFD_GUARD_WERROR=ON
    cmake --build build-tests --parallel > /tmp/build.log || { tail -n 30 /tmp/build.log; exit 1; }
    ctest --test-dir build-tests -R "^unit[.]|[.]eager[.]root$|^wl_shm[.].*[.]root$" --output-on-failure'
}

mkdir -p "$work"
trap unmount EXIT
[[ -e $base ]] || { step debootstrap && make_base; }
make_root
apt update
step README
follow_readme
if [[ $architecture == i386 ]]; then
  step 'unit tests, EAGER and wl_shm, in 32 bit'
  run_eager
fi
step 'all ways to build'
apt install clang llvm-dev libwayland-dev libncurses-dev systemtap-sdt-dev musl-tools
there bash /uffd_guard/test/package/builds.sh /uffd_guard /tmp/builds "$pattern"
step 'as it should be'
