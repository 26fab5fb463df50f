# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Sourced by build_root.sh and clean_root.sh: a Debian of its own, made by debootstrap from the mirror that this machine
# has its packages from. It is kept as it was made; what is tried is tried in a copy.

cannot_run() {
  printf "${0##*/}: %s\n" "$@" >&2
  exit 3
}

# Mounts are of the script that sources this, and go with it.
if [[ $(id -u) -ne 0 ]]; then
  cannot_run 'not root'
elif [[ -z ${IS_UNSHARED:-} ]]; then
  IS_UNSHARED=1 exec unshare --mount --propagation private "$0" "$@"
fi
command -v debootstrap > /dev/null || cannot_run 'no debootstrap'

find_mirror() {
  # shellcheck disable=SC2016 # apt's variables
  apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 'Created-By: Packages' | sed -n 's/ Debian$//p' |
    grep -v security | sort -u | head -n 1
}

# Set $base and $root, and make the one, unless it is there.
make_base() { # directory, suite, architecture
  local mirror log=$1/debootstrap-$2-$3.log
  base=$1/base-$2-$3 root=$1/root-$2-$3
  [[ ! -e $base ]] || return 0
  mkdir -p "$1"
  mirror=$(find_mirror)
  [[ -n $mirror ]] || cannot_run "found no Debian repository in this machine's apt sources"
  rm -rf "$base.new"
  debootstrap --variant=minbase --arch="$3" "$2" "$base.new" "$mirror" > "$log" 2>&1 ||
    cannot_run "debootstrap failed; see $log"
  mv "$base.new" "$base"
}

unmount_root() {
  local directory
  for directory in proc dev sys; do
    ! mountpoint -q "$root/$directory" || umount --recursive "$root/$directory"
  done
}

make_root() {
  unmount_root
  rm -rf --one-file-system "$root"
  cp -a "$base" "$root"
  mount -t proc proc "$root/proc"
}

there() {
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \
    DEBIAN_FRONTEND=noninteractive http_proxy="${http_proxy:-}" chroot "$root" "$@"
}

apt() {
  there apt-get -qq -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
    --no-install-recommends -y "$@"
}
