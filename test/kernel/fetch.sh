#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Takes Debian's newest cloud kernel of a series out of its package; installs nothing, needs no root.
#   test/kernel/fetch.sh SERIES DIRECTORY
# DIRECTORY then has vmlinuz, version, and modules/ with those that a test may need. What is there already stays.
#
# The mirror is the one that this machine has its packages from; the suites are the machine's own and those that have
# older and newer kernels. All this is known only to an apt of our own, in DIRECTORY/../apt.
set -euo pipefail
series=$1
directory=$2
modules='loop fuse' # where they are not built in

[[ -e $directory/version ]] && exit
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
apt_directory=$(dirname "$directory")/apt

explain() {
  printf 'test/kernel: %s\n' "$@" >&2
  exit 3
}

# ---- An apt of our own ----

# The machine's repositories, "URI RELEASE" a line.
list_repositories() {
  # shellcheck disable=SC2016 # apt's variables
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | sort -u
}

write_sources() {
  local codename uri release keyring=/usr/share/keyrings/debian-archive-keyring.gpg option=
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  [[ -e $keyring ]] && option="[signed-by=$keyring]"
  while read -r uri release; do
    case $release in
      "$codename")
        printf "deb $option $uri %s main\n" "$codename" "$codename-backports" bookworm trixie trixie-backports ;;
      "$codename-security")
        printf "deb $option $uri %s main\n" "$codename-security" bookworm-security trixie-security ;;
    esac
  done < <(list_repositories) | sort -u > "$apt_directory/sources.list"
  [[ -s $apt_directory/sources.list ]] || explain "found no Debian repository in this machine's apt sources"
}

own() { # apt program, argument...
  local program=$1
  shift
  "$program" -q -o "Dir::Etc::SourceList=$apt_directory/sources.list" -o Dir::Etc::SourceParts=- \
    -o "Dir::State::Lists=$apt_directory/lists" -o "Dir::Cache=$apt_directory" -o APT::Sandbox::User= \
    -o Acquire::Retries=3 "$@"
}

# A mirror need not have every suite.
update() {
  mkdir -p "$apt_directory/lists/partial" "$apt_directory/archives/partial"
  write_sources
  own apt-get update > "$apt_directory/log" 2>&1 || true
}

# The release of the newest, as uname has it.
find_release() {
  own apt-cache search --names-only "^linux-image-${series//./\\.}\\.[^-]*(-[0-9.]+)?-cloud-amd64\$" |
    sed 's/ .*//; s/^linux-image-//' | sort -V | tail -n 1
}

# Of newer kernels (7.2 is one), linux-image is empty, and depends on the others.
list_packages() { # release
  local part
  for part in image binary modules; do
    ! own apt-cache show "linux-$part-$1" > /dev/null 2>&1 || echo "linux-$part-$1"
  done
}

# ---- The kernel ----

download() { # release
  local packages file
  mapfile -t packages < <(list_packages "$1")
  own apt-get download "${packages[@]}" >> "$apt_directory/log" 2>&1 ||
    explain "cannot download ${packages[*]}; see $apt_directory/log"
  for file in *.deb; do
    dpkg-deb -x "$file" package
  done
}

# One that is built in has no file.
take_modules() {
  local module file
  mkdir -p modules
  for module in $modules; do
    file=$(find package -name "$module.ko" -o -name "$module.ko.xz")
    case $file in
      *.xz) xz -dc "$file" > "modules/$module.ko" ;;
      *.ko) cp "$file" modules/ ;;
    esac
  done
}

update
release=$(find_release)
[[ -n $release ]] || explain "no cloud kernel $series in these sources:" "$(cat "$apt_directory/sources.list")" \
  "what apt said is in $apt_directory/log"
rm -rf "$directory"
mkdir "$directory"
cd "$directory"
download "$release"
find package -type f -name 'vmlinuz*' -exec cp {} vmlinuz \;
[[ -s vmlinuz ]] || explain "no kernel in the packages of $release"
take_modules
version="$release ($(dpkg-deb -f linux-image-*.deb Version))"
rm -r package ./*.deb
echo "$version" > version
