#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's packages in a Debian that has nothing else: apt finds what they depend on, programs outside the tree are built
# with them and run, and so are the programs in them; purged, with what nothing else needs, they leave nothing.
#   clean_root.sh SOURCE PACKAGES WORK [SUITE]
# Root only. SUITE: this machine's. WORK keeps the system as debootstrap makes it. Exit status: 0 as it should be; 1 not;
# 3 it could not run.
set -euo pipefail
# shellcheck source=test/package/debian_root.sh
. "${BASH_SOURCE[0]%/*}/debian_root.sh"
source=$(realpath "$1") packages=$(realpath "$2") work=$(realpath -m "$3")
# shellcheck source=/dev/null
suite=${4:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
compgen -G "$packages/*.deb" > /dev/null || cannot_run "no packages in $packages: cmake -P cmake/packages.cmake"

# What apt and dpkg know and note is theirs.
list_root() {
  (cd "$root" && find . \( -path ./proc -o -path ./sys -o -path ./packages -o -path ./tmp -o -path ./var/cache \
    -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log \) -prune -o -print | sort)
}

# ---- What a user does ----

step() {
  printf '==== %s\n' "$*"
}

build_and_run() {
  cp -r "$source/test/package/consumer" "$root/tmp/consumer"
  # shellcheck disable=SC2016 # of the shell there
  there sh -euxc 'cd /tmp/consumer
    cc consumer.c -o shared-pc $(pkg-config --cflags --libs uffd_guard) && ./shared-pc
    cc -static consumer.c -o static-pc $(pkg-config --static --cflags --libs uffd_guard) && ./static-pc
    cmake --log-level=NOTICE -S . -B build && cmake --build build && build/shared && build/static'
}

run_programs() {
  local package
  for package in $names; do
    there dpkg -L "$package" | sed -n 's|^/usr/bin/||p'
  done | while read -r program; do
    there "$program" --version
  done
  there uffd-guard-stress --seconds 3 --no-control
  # 1: it found something that could be better here.
  there uffd-guard-doctor || [[ $? -eq 1 ]]
}

step "debootstrap $suite"
make_base "$work" "$suite" "$(dpkg --print-architecture)"
make_root
mkdir "$root/packages"
cp "$packages"/*.deb "$root/packages"
names=$(for package in "$packages"/*.deb; do dpkg-deb -f "$package" Package; done)

step 'What programs are built with'
apt update
apt install gcc libc6-dev make cmake pkg-config
list_root > "$work/before"

step 'Install'
# shellcheck disable=SC2046 # words
apt install $(cd "$root" && printf '/%s\n' packages/*.deb)
there dpkg --audit
step 'Build with it'
build_and_run
step 'Run it'
run_programs

step 'Purge'
# shellcheck disable=SC2086 # words
apt purge --autoremove $names
list_root > "$work/after"
diff "$work/before" "$work/after"
step "In and out again: ${names//$'\n'/ }"
