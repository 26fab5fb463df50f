#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Debian's packages: each file is in one of them, and in the right one; installed by dpkg into an empty root they serve
# programs outside the tree; purged they leave nothing. What they depend on is this machine's:
# clean_root.sh does it in a system of its own.
#   deb.sh SOURCE WORK GENERATOR COMPILER
set -euo pipefail
source=$(realpath "$1") work=$(realpath -m "$2") generator=$3 compiler=$4
triplet=$(dpkg-architecture -q DEB_HOST_MULTIARCH)
root=$work/root
export LC_ALL=C

fail() {
  printf 'deb.sh: %s\n' "$@" >&2
  exit 1
}

if [[ $(id -u) -ne 0 ]]; then
  echo 'SKIP: not root'
  exit 77
fi

# ---- The packages, as cmake/packages.cmake makes them ----

make_packages() {
  cmake -C "$source/cmake/debian/cache.cmake" -S "$source" -B "$work/build" -G "$generator" \
    -D CMAKE_C_COMPILER="$compiler" --log-level=NOTICE
  cmake --build "$work/build" --parallel "$(nproc)"
  rm -f "$work"/build/*.deb
  (cd "$work/build" && cpack)
}

list_files() { # package
  dpkg-deb --fsys-tarfile "$work/build/$1"_*.deb | tar -t | sed -n '/\/$/! s/^\.//p'
}


# ---- Which file is in which ----

# Every file is one of those that the package is for, and none of these is missing.
check_files() { # package, extended regular expression...
  local package=$1 files pattern
  shift
  set -- "$@" "/usr/share/doc/$package/copyright" "/usr/share/doc/$package/changelog.Debian.gz"
  files=$(list_files "$package")
  for pattern; do
    grep -qEx "$pattern" <<< "$files" || fail "$package has no $pattern"
    files=$(grep -vEx "$pattern" <<< "$files" || true)
  done
  [[ -z $files ]] || fail "what is this doing in $package?" "$files"
}

check_all_files() {
  local man=/usr/share/man lib=/usr/lib/$triplet
  check_files libuffd-guard0 "$lib/libuffd_guard\.so\.0" "$lib/libuffd_guard\.so\.0\.[0-9.]+"
  check_files libuffd-guard-dev "/usr/include/uffd_guard(_wayland)?\.h" "$lib/libuffd_guard\.so" "$lib/libuffd_guard\.a" \
    "$lib/pkgconfig/uffd_guard\.pc" "$lib/cmake/uffd_guard/[a-zA-Z_-]*\.cmake" \
    "$man/man3/uffd_guard[a-z_]*\.3\.gz" "$man/man7/uffd_guard\.7\.gz"
  local completions='/usr/share/(bash-completion/completions/|fish/vendor_completions.d/|zsh/vendor-completions/_)'
  check_files uffd-guard-tools '/usr/bin/uffd-guard-(bench|doctor|stress|top)' \
    "$man/man1/uffd-guard-(bench|doctor|stress|top)\.1\.gz" '.*/examples/70-userfaultfd\.rules' \
    '.*/examples/system/[a-z.]+' "${completions}uffd-guard-(bench|doctor|stress|top)(\.fish)?"
  check_files uffd-guard-doc '/usr/share/doc/uffd-guard/.*'
  if [[ -e $work/build/lib/wl_shm ]]; then # libwayland is there
    check_files uffd-guard-wl-shm /usr/bin/uffd-guard-run "${completions}uffd-guard-run(\.fish)?" "$lib/libuffd_guard_wl_shm\.so" \
      "$lib/uffd_guard/libuffd_guard_mmap\.so" \
      "$man/man1/uffd-guard-run\.1\.gz" "$man/man7/uffd_guard_wl_shm\.7\.gz"
    check_files uffd-guard-wayland "$lib/libuffd_guard_wayland\.so" "$man/man7/uffd_guard_wayland\.7\.gz" \
      '.*/examples/session/[a-z_.-]+'
  fi
}

# Of what `cmake --install` puts somewhere, nothing is forgotten.
check_sum_of_files() {
  local package
  DESTDIR=$work/all cmake --install "$work/build" > /dev/null
  (cd "$work/all" && find . ! -type d) |
    sed 's/^\.//; s|^/usr/share/man/.*|&.gz|; /\/LICENSE$/d' | sort > "$work/installed"
  for package in $packages; do
    list_files "$package" | grep -Ev "^/usr/share/doc/$package/(copyright|changelog.Debian.gz)$"
  done | sort > "$work/packed"
  diff "$work/installed" "$work/packed" || fail 'the packages are not what is installed'
}

check_programs() {
  local file
  for file in "$root"/usr/bin/*; do
    "$file" --version
    [[ -e $root/usr/share/man/man1/${file##*/}.1.gz ]] || fail "${file##*/} has no manual page"
  done
  for file in "$root"/usr/bin/* "$root"/usr/lib/*/*.so*; do
    readelf -d "$file" > "$work/dynamic"
    ! grep -E 'RPATH|RUNPATH' "$work/dynamic" || fail "$file looks for libraries in places of its own"
  done
}

# ---- Into an empty root, and out again. Nothing runs there, so it needs no system. ----

dpkg_there() {
  dpkg --root="$root" --log=/dev/null --force-depends "$@" > "$work/dpkg.log" 2>&1 ||
    fail "dpkg $*" "$(cat "$work/dpkg.log")"
}

list_root() {
  (cd "$root" && find . -path ./var/lib/dpkg -prune -o -print | sort)
}

make_root() {
  mkdir -p "$root"/var/lib/dpkg/{info,updates,triggers}
  touch "$root"/var/lib/dpkg/{status,available}
}

build_and_run() { # name, compiler option...
  local name=$1
  shift
  "$compiler" "$source/test/package/consumer/consumer.c" -o "$work/$name" "$@"
  "$work/$name"
}

flags() {
  PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root/usr/lib/$triplet/pkgconfig pkg-config --cflags --libs "$@" uffd_guard
}

check_consumers() {
  local shared static
  shared=$(flags)
  static=$(flags --static)
  # shellcheck disable=SC2086 # words
  build_and_run shared $shared
  # shellcheck disable=SC2086 # words
  build_and_run static -static $static
  cmake -S "$source/test/package/consumer" -B "$work/consumer" -G "$generator" -D CMAKE_C_COMPILER="$compiler" \
    -D CMAKE_PREFIX_PATH="$root/usr" --log-level=NOTICE
  cmake --build "$work/consumer"
  "$work/consumer/shared"
  "$work/consumer/static"
}

mkdir -p "$work"
rm -rf "$root" "$work"/{all,consumer}
make_packages
packages=$(cd "$work/build" && for file in *.deb; do dpkg-deb -f "$file" Package; done)
check_all_files
check_sum_of_files

make_root
list_root > "$work/before"
dpkg_there --install "$work"/build/*.deb
export LD_LIBRARY_PATH=$root/usr/lib/$triplet
check_programs
check_consumers
# shellcheck disable=SC2086 # words
dpkg_there --purge $packages
list_root > "$work/after"
diff "$work/before" "$work/after" || fail 'purged, and this is left'
[[ ! -s $root/var/lib/dpkg/status || -z $(dpkg-query --admindir="$root/var/lib/dpkg" -W 2> /dev/null) ]] ||
  fail 'dpkg still knows of them'
echo "installed, used and purged: ${packages//$'\n'/ }"
