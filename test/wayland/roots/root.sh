#!/bin/sh
# SPDX-License-Identifier: MIT
# Debian's releases as directories to run things in: trixie and sid have compositors, and a libwayland, that Debian 12
# has not. Made by debootstrap, once, below a cache directory outside of the tree; programs run there by chroot, on the
# running kernel.
#   root.sh make SUITE               make it, unless it is there, and install packages.txt; print where it is
#   root.sh enter SUITE COMMAND...   run a command there, as root, in /build
#   root.sh build SUITE TARGET...    copy the sources there, and build these targets in /build
#   root.sh refresh SUITE            what Debian has newer of it
# Exit code 77, and the reason, where this cannot be done. The mirror is that of apt's own sources, or $UFFD_GUARD_MIRROR;
# the directory $UFFD_GUARD_ROOTS, or ~/.cache/uffd_guard/roots.
# shellcheck disable=SC2016 # what stands in single quotes is for the shell that is started
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../../.." && pwd)
roots=${UFFD_GUARD_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/uffd_guard/roots}

skip() {
  echo "SKIP: $*"
  exit 77
}

# Debian's own archive, not its security updates: those are not of a suite.
find_mirror() {
  [ -z "${UFFD_GUARD_MIRROR:-}" ] || { echo "$UFFD_GUARD_MIRROR"; return; }
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's|^Debian/Debian ||p' | head -n 1
}

# debootstrap of an older Debian knows newer suites by the script of sid.
know_suite() {
  scripts=/usr/share/debootstrap/scripts
  [ -e "$scripts/$1" ] || ln -s sid "$scripts/$1" 2>/dev/null || skip "debootstrap does not know $1"
}

bootstrap() {
  [ "$(id -u)" -eq 0 ] || skip "only root can make and enter a root directory"
  command -v debootstrap >/dev/null || skip "no debootstrap"
  mirror=$(find_mirror)
  [ -n "$mirror" ] || skip "no mirror of Debian in apt's sources"
  know_suite "$1"
  mkdir -p "$roots"
  rm -rf "${roots:?}/$1.part"
  debootstrap --variant=minbase "$1" "$roots/$1.part" "$mirror" >"$roots/$1.log" 2>&1 || {
    tail -n 3 "$roots/$1.log"
    skip "no root of $1 could be made from $mirror; see $roots/$1.log"
  }
  mv "$roots/$1.part" "$roots/$1"
}

# The host's ways to the mirror hold there too. No service is started: a root has no init.
prepare_apt() {
  apt-config dump | grep -E '^Acquire::(http|https|Check-)' >"$roots/$1/etc/apt/apt.conf.d/50host" || true
  cp /etc/resolv.conf "$roots/$1/etc/resolv.conf"
  printf '#!/bin/sh\nexit 101\n' >"$roots/$1/usr/sbin/policy-rc.d"
  chmod 755 "$roots/$1/usr/sbin/policy-rc.d"
}

# A program with capabilities loads no library of ours (secure mode); what it does with one is seen without.
drop_capabilities() {
  for program in kwin_wayland Hyprland; do
    [ ! -e "$roots/$1/usr/bin/$program" ] || enter "$1" setcap -r "/usr/bin/$program" 2>/dev/null || true
  done
}

# Suites have different names for some, and lack others.
install_packages() {
  sed 's/#.*//' "$here/packages.txt" | tr -s ' ' '\n' | sort -u >"$roots/$1/tmp/wanted"
  enter "$1" sh -c '
    apt-get -qq update
    apt-cache pkgnames | sort -u >/tmp/known
    comm -23 /tmp/wanted /tmp/known >/tmp/missing
    comm -12 /tmp/wanted /tmp/known |
      DEBIAN_FRONTEND=noninteractive xargs apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends' \
    >>"$roots/$1.log" 2>&1 || {
    tail -n 3 "$roots/$1.log"
    skip "the packages of $1 cannot be installed; see $roots/$1.log"
  }
  drop_capabilities "$1"
  cksum <"$here/packages.txt" >"$roots/$1/installed"
}

make() {
  [ -d "$roots/$1" ] || bootstrap "$1"
  if ! cksum <"$here/packages.txt" | cmp -s - "$roots/$1/installed"; then
    prepare_apt "$1"
    install_packages "$1"
  fi
  echo "$roots/$1"
}

# Mounts are of this process only, and go with it. The root is one of them, so that what runs in it can have its own (a
# client with a file on FUSE). /tmp is memory of its own, as is /run: what a compositor leaves there is gone.
enter() {
  suite=$1
  shift
  mkdir -p "$roots/$suite/build"
  unshare --mount --propagation private sh -c '
    root=$1
    shift
    mount --bind "$root" "$root" && mount --rbind /dev "$root/dev" && mount --rbind /sys "$root/sys" &&
      mount -t proc proc "$root/proc" || exit 77
    mkdir -p "$root/run/user"
    exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/games:/usr/local/bin HOME=/root LC_ALL=C.UTF-8 \
      TERM="${TERM:-dumb}" sh -c "cd /build && exec \"\$@\"" sh "$@"' sh "$roots/$suite" "$@"
}

# As they are now, committed or not.
copy_sources() {
  rm -rf "$roots/$1/source.new"
  mkdir "$roots/$1/source.new"
  (cd "$tree" && git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
    xargs -0 sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
    tar --null --files-from=- --create --file=-) | tar -C "$roots/$1/source.new" --extract --file=-
  rm -rf "$roots/$1/source"
  mv "$roots/$1/source.new" "$roots/$1/source"
}

# Configured each time: sources keep their dates, so a list of files that has changed is not newer than what was made
# of the one before.
build() {
  suite=$1
  shift
  exec 9>"$roots/$suite.lock" # one build at a time
  flock 9
  copy_sources "$suite"
  enter "$suite" sh -c '
    cmake -S /source -B . -G Ninja --log-level=NOTICE -DCMAKE_BUILD_TYPE=RelWithDebInfo -DUFFD_GUARD_WERROR=ON
    exec ninja "$@"' sh "$@"
}

command=${1:-} suite=${2:-}
case $command in
  make | enter | build | refresh) [ -n "$suite" ] || command= ;;
esac
case $command in
  make) make "$suite" ;;
  enter | build)
    [ -d "$roots/$suite" ] || skip "no root of $suite: $0 make $suite"
    shift 2
    "$command" "$suite" "$@" ;;
  refresh)
    rm -f "$roots/$suite/installed"
    make "$suite"
    enter "$suite" sh -c 'DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 dist-upgrade -y' ;;
  *) sed -n 's/^# \{0,1\}//p' "$0" | sed -n 2,11p >&2; exit 2 ;;
esac
