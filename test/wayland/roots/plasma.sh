#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A whole session of Plasma, as a user's systemd starts it, with the drop-in of docs/examples/session in front of KWin.
# There is no screen: KWin is a window of a headless sway, as Plasma's developers have it. What is looked at: plasmashell
# and konsole, what KWin has mapped of its clients, and what becomes of it when hostile clients come.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/root.sh

usage() {
  cat << 'END'
usage: plasma.sh [OPTION...] DIRECTORY [SUITE]
Starts Plasma in the root of SUITE (sid) for some two minutes; logs and pictures go to DIRECTORY.
  --plain            without the drop-in
  --capable          KWin with its file capability, the library with the set-user-ID bit
  --help             this
Exit status: 0 the session is as it should be; 1 it is not; 2 wrong usage; 77 no root can be made, or no cgroup of
version 2 can be mounted.
END
}

user=1000 out=/out/plasma library=libuffd_guard_wayland.so drop_in=/etc/systemd/user/plasma-kwin_wayland.service.d
packages=(plasma-desktop plasma-workspace konsole kwin-wayland dbus-user-session sway grim)

# ---- In the session: as its user ----

# Shadows, and files of clients that are mapped as they are, by their seals: 2 is F_SEAL_SHRINK.
show_memory() { # KWin's pid
  head -c 1 "/proc/$1/maps" > /dev/null 2>&1 || return 0
  local shadows sealed=0 others=0 file seals
  shadows=$(grep -c '/memfd:uffd-guard-shadow' "/proc/$1/maps" || true)
  for file in "/proc/$1/fd"/*; do
    case $(readlink "$file") in
      /memfd:wayland-shm*)
        # shellcheck disable=SC2016 # perl's own
        seals=$(perl -e 'open(F, "<", $ARGV[0]) and print fcntl(F, 1034, 0) + 0' "$file")
        if ((${seals:-0} & 2)); then sealed=$((sealed + 1)); else others=$((others + 1)); fi ;;
    esac
  done
  echo "KWin has of its clients: $sealed sealed files, $others that can be cut, $shadows shadows"
}

wait_for() { # seconds, command...
  local n=$(($1 * 5))
  shift
  until "$@" > /dev/null 2>&1; do
    ((n-- > 0)) || return 1
    sleep 0.2
  done
}

# What konsole is told to be full of: behind a header of 16 bytes, 3 bytes a pixel.
is_green() {
  local n
  n=$(WAYLAND_DISPLAY=wayland-1 grim -t ppm - | tail -c +17 | od -An -v -t x1 -w3 | grep -c '0a c8 1e' || true)
  ((n > 20000))
}

# First what needs a KWin that has seen sealed files only, as those of Qt are: it has no handler for SIGBUS yet. A
# client that hears nothing, or loses its connection without a word, has a KWin that died.
attack() {
  local attack file answer
  for attack in grow-beyond zero regrow short; do
    for file in sealed memfd disk; do
      answer=$(timeout -s KILL 40 /build/test/wayland/wayland-hostile --file "$file" --directory "$HOME" "$attack" \
        2> /dev/null || true)
      echo "$attack, $file: $answer"
      [[ -n $answer && $answer != lost ]] || return 1
    done
  done
}

session() {
  local kwin status=0
  cd "$HOME"
  /usr/lib/systemd/systemd --user --log-target=console > $out/systemd.log 2>&1 &
  wait_for 20 test -S "$XDG_RUNTIME_DIR/bus"
  printf 'output * resolution 1024x768\nxwayland disable\ndefault_border none\n' > sway.config
  WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 sway -c sway.config > $out/sway.log 2>&1 &
  wait_for 20 test -S "$XDG_RUNTIME_DIR/wayland-1"
  WAYLAND_DISPLAY=wayland-1 startplasma-wayland > $out/startplasma.log 2>&1 &
  wait_for 60 pgrep -u $user -x kwin_wayland || { echo "KWin does not start"; return 1; }
  kwin=$(pgrep -u $user -x kwin_wayland | head -n 1)
  if ! head -c 1 "/proc/$kwin/maps" > /dev/null 2>&1; then
    echo "KWin has privileges, and shows nobody what it has loaded"
  elif grep -q "$library" "/proc/$kwin/maps"; then
    echo "the library is in KWin"
  else
    echo "the library is not in KWin"
  fi
  export WAYLAND_DISPLAY=wayland-0
  if wait_for 60 pgrep -u $user -x plasmashell && sleep 15 && pgrep -u $user -x plasmashell > /dev/null; then
    echo "plasmashell runs"
  else
    echo "plasmashell does not run"; status=1
  fi
  WAYLAND_DISPLAY=wayland-1 grim $out/shell.png
  konsole -e sh -c 'printf "\033[48;2;10;200;30m\033[2J"; sleep 300' > $out/konsole.log 2>&1 &
  if wait_for 90 is_green; then echo "konsole shows its window"; else echo "konsole shows nothing"; status=1; fi
  WAYLAND_DISPLAY=wayland-1 grim $out/konsole.png
  show_memory "$kwin"
  if attack; then echo "KWin lives"; else echo "KWin is dead"; status=1; fi
  if is_green; then echo "konsole is still there"; else echo "konsole is gone"; status=1; fi
  return $status
}

# ---- In the root: a user's systemd wants cgroups of version 2, of which it is told to own some ----

mount_cgroups() {
  umount -l /sys/fs/cgroup/* 2> /dev/null || true
  umount -l /sys/fs/cgroup 2> /dev/null || true
  mount -t cgroup2 none /sys/fs/cgroup || { echo "SKIP: no cgroup of version 2"; exit 77; }
  cgroup=/sys/fs/cgroup/uffd-guard-plasma.$$
  mkdir -p "$cgroup/user"
  chown -R $user "$cgroup"
  echo $$ > "$cgroup/user/cgroup.procs"
}

install_library() { # plain, capable or empty
  [[ $1 != plain ]] || return 0
  cp /build/libuffd_guard.so.0 /build/lib/wl_shm/$library "$libraries"
  if [[ $1 == capable ]]; then
    chmod 4755 "$libraries/$library"
    setcap cap_sys_nice=ep /usr/bin/kwin_wayland
  fi
  mkdir -p $drop_in
  cp /source/docs/examples/session/plasma-kwin_wayland.conf $drop_in
}

# shellcheck disable=SC2317 # called by a trap
clean_up() {
  echo $$ > /sys/fs/cgroup/cgroup.procs
  echo 1 > "$cgroup/cgroup.kill"
  rm -rf "$drop_in" "${libraries:?}/$library" "$libraries/libuffd_guard.so.0"
  setcap -r /usr/bin/kwin_wayland 2> /dev/null || true
  sleep 1
  find "$cgroup" -depth -type d -exec rmdir {} \; || true
}

prepare() { # plain, capable or empty
  libraries=$(dirname "$(ls /usr/lib/*/libwayland-server.so.0)")
  local runtime=/run/user/$user
  id tester > /dev/null 2>&1 || useradd -m -u $user tester
  mkdir -p /run/systemd/system /run/dbus $runtime
  rm -rf ${runtime:?}/* $out
  mkdir -p $out
  chmod 1777 $out
  chown $user $runtime
  chmod 700 $runtime
  mount_cgroups
  trap clean_up EXIT
  install_library "$1"
  dbus-daemon --system --nofork --nopidfile > $out/dbus.log 2>&1 &
  # shellcheck disable=SC2016 # of the shell that is started
  unshare --cgroup --mount --propagation unchanged sh -c '
    umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
    exec setpriv --reuid "$1" --regid "$1" --clear-groups env -i HOME=/home/tester USER=tester PATH=/usr/bin:/bin \
      LC_ALL=C.UTF-8 XDG_RUNTIME_DIR="$2" DBUS_SESSION_BUS_ADDRESS="unix:path=$2/bus" XDG_SESSION_TYPE=wayland \
      XDG_CURRENT_DESKTOP=KDE KWIN_COMPOSE=Q QT_QUICK_BACKEND=software LIBGL_ALWAYS_SOFTWARE=1 \
      timeout -s KILL 420 bash /source/test/wayland/roots/plasma.sh --session' sh $user $runtime
}

# ---- Outside ----

mode=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --plain) mode=plain ;;
    --capable) mode=capable ;;
    --prepare) prepare "${2:-}"; exit ;;
    --session) session; exit ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ $# -ge 1 && $# -le 2 ]] || { usage >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
suite=${2:-sid}
roots=$(dirname "$("$root" make "$suite" | tail -n 1)")
"$root" build "$suite" uffd_guard lib/wl_shm/all test/wayland/all > "$directory/build.txt" 2>&1 || {
  tail "$directory/build.txt"
  exit 1
}
# shellcheck disable=SC2016 # of the shell that is started
"$root" enter "$suite" sh -c '
  command -v startplasma-wayland konsole > /dev/null && ls /usr/lib/systemd/user/dbus.socket > /dev/null 2>&1 ||
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"
  setcap -r /usr/bin/kwin_wayland' sh "${packages[@]}" > "$directory/install.txt" 2>&1 || true
status=0
"$root" enter "$suite" bash /source/test/wayland/roots/plasma.sh --prepare "$mode" 2> "$directory/errors.txt" || status=$?
cp "$roots/$suite$out"/* "$directory" 2> /dev/null || true
exit $status
