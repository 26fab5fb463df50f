#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The library and the programs, built in all ways that packagers and distributions build: each without a warning, and a
# program outside the tree is linked with both libraries and runs.
#   builds.sh SOURCE WORK [PATTERN]
# PATTERN, an extended regular expression, says which rows. A row whose compiler is not here is skipped. Exit status: 0
# as it should be; 1 not.
set -euo pipefail
source=$(realpath "$1") work=$(realpath -m "$2") pattern=${3:-.}
n_failures=0
export LC_ALL=C

# name, compiler, cmake option...
rows() {
  local standard
  for standard in 11 17 23; do
    row "gcc-c$standard" gcc -D CMAKE_C_STANDARD=$standard
    row "clang-c$standard" clang -D CMAKE_C_STANDARD=$standard
  done
  for version in 12 13 14 15 16; do
    row "gcc-$version" gcc-$version -D CMAKE_BUILD_TYPE=Release
  done
  for version in 14 15 16 17 18 19 20 21; do
    row "clang-$version" clang-$version -D CMAKE_BUILD_TYPE=Release
  done
  row debug gcc -D CMAKE_BUILD_TYPE=Debug -D UFFD_GUARD_CHECKS=ON
  row size gcc -D CMAKE_BUILD_TYPE=MinSizeRel
  row lto gcc -D CMAKE_BUILD_TYPE=Release -D CMAKE_INTERPROCEDURAL_OPTIMIZATION=ON
  row lto-clang clang -D CMAKE_BUILD_TYPE=Release -D CMAKE_INTERPROCEDURAL_OPTIMIZATION=ON
  local harden="-O2 -g -fstack-protector-strong -fstack-clash-protection -fPIE -Wformat -Werror=format-security -fno-plt"
  harden+=" -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
  [[ $(uname -m) != x86_64 ]] || harden+=" -fcf-protection"
  row hardened gcc -D CMAKE_BUILD_TYPE=None -D "CMAKE_C_FLAGS=$harden" \
    -D "CMAKE_EXE_LINKER_FLAGS=-pie -Wl,-z,relro,-z,now" -D "CMAKE_SHARED_LINKER_FLAGS=-Wl,-z,relro,-z,now"
  row large-files gcc -D "CMAKE_C_FLAGS=-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -D_LARGEFILE_SOURCE"
  row least gcc -D UFFD_GUARD_WAYLAND=OFF -D UFFD_GUARD_NCURSES=OFF -D UFFD_GUARD_PROBES=OFF -D UFFD_GUARD_STATIC=OFF
}

# ---- A row ----

can_be_linked() { # compiler, cmake option...
  local compiler=$1
  shift
  [[ $* != *INTERPROCEDURAL* || $compiler != clang ]] ||
    echo 'int main(void) { return 0; }' | clang -flto=thin -x c - -o /dev/null 2> /dev/null
}

consume() { # compiler, directory
  local flags
  PKG_CONFIG_PATH=$(dirname "$(find "$2/prefix" -name uffd_guard.pc)")
  export PKG_CONFIG_PATH
  flags=$(pkg-config --cflags --libs uffd_guard)
  # shellcheck disable=SC2086 # words
  "$1" "$source/test/package/consumer/consumer.c" -o "$2/shared" $flags || return 1
  LD_LIBRARY_PATH=${PKG_CONFIG_PATH%/pkgconfig} "$2/shared" || return 1
  [[ -e ${PKG_CONFIG_PATH%/pkgconfig}/libuffd_guard.a ]] || return 0
  # shellcheck disable=SC2046 # words
  "$1" "$source/test/package/consumer/consumer.c" -o "$2/static" -I"$source/include" \
    "${PKG_CONFIG_PATH%/pkgconfig}/libuffd_guard.a" $(pkg-config --libs liburing libseccomp) -pthread -ldl || return 1
  "$2/static" || return 1
  ! nm -g --defined-only "${PKG_CONFIG_PATH%/pkgconfig}/libuffd_guard.a" | grep ' [A-Z] ' | grep -v ' uffd_guard_'
}

build() { # directory, compiler, cmake option...
  local directory=$1 compiler=$2
  shift 2
  cmake -S "$source" -B "$directory/build" -D CMAKE_C_COMPILER="$compiler" -D BUILD_TESTING=OFF \
    -D UFFD_GUARD_WERROR=ON -D CMAKE_C_COMPILER_LAUNCHER="${launcher:-}" "$@" &&
    cmake --build "$directory/build" --parallel "$(nproc)" &&
    cmake --install "$directory/build" --prefix "$directory/prefix" &&
    consume "$compiler" "$directory"
}

row() {
  local name=$1 compiler=$2 directory=$work/$1 begin=$SECONDS
  shift 2
  [[ $name =~ $pattern ]] || return 0
  if ! command -v "$compiler" > /dev/null || ! can_be_linked "$compiler" "$@"; then
    printf '%-12s skipped: no %s that does this\n' "$name" "$compiler"
    return 0
  fi
  rm -rf "$directory"
  mkdir -p "$directory"
  if build "$directory" "$compiler" "$@" > "$directory/log" 2>&1; then
    printf '%-12s passed, %d s: %s\n' "$name" $((SECONDS - begin)) "$("$compiler" --version | head -n 1)"
    rm -rf "$directory/build"
  else
    printf '%-12s FAILED: %s\n' "$name" "$directory/log"
    tail -n 20 "$directory/log"
    n_failures=$((n_failures + 1))
  fi
}

# ---- The same sources make the same bytes, in whatever directory ----

same_bytes() {
  local directory flags
  [[ same-bytes =~ $pattern ]] || return 0
  for directory in a/one b/another-one; do
    directory=$work/same-bytes/$directory
    rm -rf "$directory"
    mkdir -p "$directory"
    cp -r "$source"/{CMakeLists.txt,LICENSE,*.md,cmake,daemon,docs,include,lib,test} "$directory"
    flags="-O2 -g -ffile-prefix-map=$directory=."
    cmake -S "$directory" -B "$directory/build" -D BUILD_TESTING=OFF -D CMAKE_BUILD_TYPE=None \
      -D "CMAKE_C_FLAGS=$flags" > "$work/same-bytes/log"
    cmake --build "$directory/build" --parallel "$(nproc)" >> "$work/same-bytes/log"
    DESTDIR=$directory/installed cmake --install "$directory/build" >> "$work/same-bytes/log"
  done
  if diff -r "$work/same-bytes/a/one/installed" "$work/same-bytes/b/another-one/installed"; then
    printf '%-12s passed\n' same-bytes
  else
    printf '%-12s FAILED\n' same-bytes
    n_failures=$((n_failures + 1))
  fi
}

# ---- musl, whose headers have less: no liburing of musl's is needed to compile ----

musl() {
  local file directory=$work/musl
  [[ musl =~ $pattern ]] || return 0
  command -v musl-gcc > /dev/null || { printf '%-12s skipped: no musl-gcc\n' musl && return 0; }
  rm -rf "$directory"
  mkdir -p "$directory/include"
  ln -s /usr/include/{liburing,liburing.h,seccomp.h,seccomp-syscalls.h,linux,asm-generic} "$directory/include" 2> /dev/null || true
  ln -s "/usr/include/$(gcc -print-multiarch)/asm" "$directory/include/asm"
  for file in "$source"/lib/{base,kernel,file,state,pages,calls}/*.c "$source"/daemon/*.c; do
    musl-gcc -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra -Werror -I"$source/include" -I"$source/lib" \
      -I"$source" -isystem "$directory/include" -c "$file" -o /dev/null || {
      printf '%-12s FAILED: %s\n' musl "$file"
      n_failures=$((n_failures + 1))
      return 0
    }
  done 2> "$directory/log"
  printf '%-12s passed: the library is compiled\n' musl
}

mkdir -p "$work"
launcher=$(command -v ccache || true)
rows
same_bytes
musl
[[ $n_failures -eq 0 ]]
