#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Real clients on weston or sway, as it is and guarded: whether they live, whether what stands still looks the same, and
# what their content costs: bytes committed, bytes copied.
set -uo pipefail

usage() {
  cat << 'END'
usage: clients.sh [OPTION...] DIRECTORY UFFD-GUARD-RUN
Starts each client that is installed alone on a compositor, for some seconds, takes a picture, and writes a table to
DIRECTORY/clients.md, with pictures and logs beside it.
  --compositor NAME  weston (10, headless, pixman) or sway (sway)
  --client NAME      only this one, or these
  --seconds N        for each run (4)
  --install          the packages of the clients first: root, and Debian
  --help             this
"MB copied" is what the guard filled and refreshed, with that of the picture taken at the end (1.9 on sway).
Pictures of what moves differ.
Exit status: 0 no client was refused, and what stands still looks the same; 1 not so; 2 wrong usage; 77 no compositor.
END
}

# name, package, moves or still, command. Those of weston's toolkit seal their files, GTK 3 cannot, Mesa could.
list_clients() {
  cat << 'END'
simple-shm weston moves weston-simple-shm
flower weston moves weston-flower
image weston still weston-image %image
terminal weston still weston-terminal --shell=%still
simple-egl weston moves weston-simple-egl
foot foot still foot --config=/dev/null --override=cursor.blink=no %still
gtk3 gtk-3-examples moves gtk3-widget-factory
gtk4 gtk-4-examples moves env GSK_RENDERER=cairo gtk4-widget-factory
gtk4-gl gtk-4-examples moves gtk4-widget-factory
qt5 qt5ct still env QT_QPA_PLATFORM=wayland qt5ct
qt6 qt6ct still env QT_QPA_PLATFORM=wayland qt6ct
evince evince still evince
zathura zathura still zathura
mpv mpv moves mpv --vo=wlshm --loop av://lavfi:testsrc=size=640x480
swaybg swaybg still swaybg -c #405060
mako mako-notifier still mako
fuzzel fuzzel still fuzzel
firefox firefox-esr moves env MOZ_ENABLE_WAYLAND=1 firefox-esr --no-remote --new-instance --profile %home about:license
END
}

compositor=sway seconds=4 wanted=() shall_install=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --compositor) compositor=$2; shift ;;
    --client) wanted+=("$2"); shift ;;
    --seconds) seconds=$2; shift ;;
    --install) shall_install=1 ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ $# -eq 2 ]] || { usage >&2; exit 2; }
mkdir -p "$1"
directory=$(cd "$1" && pwd)
run=$(realpath "$2")
command -v "$compositor" > /dev/null || { echo "SKIP: no $compositor"; exit 77; }
if [[ $shall_install ]]; then
  list_clients | awk '{ print $2 }' | sort -u | DEBIAN_FRONTEND=noninteractive xargs \
    apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends grim || exit 1
fi
[[ $compositor != sway ]] || command -v grim > /dev/null || { echo 'SKIP: no grim'; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
printf '#!/bin/sh\nseq 1000 1030\nexec sleep 3600\n' > "$work/still.sh"
chmod 755 "$work/still.sh"
# The smallest picture: one pixel.
printf '%b' '\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB\x60\x82' > "$work/image.png"
cat > "$work/sway.config" << 'END'
output * resolution 800x600
xwayland disable
default_border none
END
printf '[shell]\npanel-position=none\nbackground-color=0xff203040\nanimation=none\nstartup-animation=none\n' \
  > "$work/weston.ini"

as_user=()
[[ $(id -u) -ne 0 ]] || as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups)

start_compositor() { # log, prefix...
  local log=$1
  shift
  export XDG_RUNTIME_DIR=$work/runtime HOME=$work/home XDG_CONFIG_HOME=$work/home WLR_BACKENDS=headless \
    WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 LIBGL_ALWAYS_SOFTWARE=1
  unset WAYLAND_DISPLAY DISPLAY
  rm -rf "$XDG_RUNTIME_DIR" "$HOME"
  mkdir -m 700 "$XDG_RUNTIME_DIR" "$HOME"
  if [[ $compositor == sway ]]; then
    if [[ ${#as_user[@]} -gt 0 ]]; then chown 65534 "$XDG_RUNTIME_DIR" "$HOME"; fi
    setsid "${as_user[@]}" "$@" sway -c "$work/sway.config" > "$log" 2>&1 &
  else
    setsid "$@" weston --backend=headless-backend.so --use-pixman --debug --idle-time=0 --config="$work/weston.ini" \
      --width=800 --height=600 --socket=wayland-1 > "$log" 2>&1 &
  fi
  server=$!
  for _ in $(seq 100); do
    WAYLAND_DISPLAY=$(find "$XDG_RUNTIME_DIR" -name 'wayland-?' -printf '%f\n' | head -n 1)
    if [[ -n $WAYLAND_DISPLAY ]]; then
      export WAYLAND_DISPLAY
      return 0
    fi
    sleep 0.1
  done
  return 1
}

take_picture() { # file
  if [[ $compositor == sway ]]; then
    "${as_user[@]}" grim - > "$1" 2> /dev/null
  else
    (cd "$work/runtime" && weston-screenshooter > /dev/null 2>&1 && mv wayland-screenshot*.png "$1")
  fi
}

# 10 ms ticks of the compositor's own process, which the prefix has become or started.
ticks() {
  local pid=$server
  pid=$(pgrep -P "$server" -x "$compositor" || echo "$server")
  awk '{ print $14 + $15 }' "/proc/$pid/stat" 2> /dev/null || echo 0
}

# One client on one compositor: its end, and what the compositor needed, are left in variables.
run_client() { # name, side, command, prefix...
  local name=$1 side=$2 command=$3 client before after
  shift 3
  outcome='no start' used=0
  start_compositor "$directory/$name-$side.log" "$@" || { kill -TERM -- "-$server" 2> /dev/null; return; }
  sleep 0.5
  before=$(ticks)
  command=${command//%still/$work/still.sh}
  command=${command//%image/$work/image.png}
  command=${command//%home/$HOME}
  # shellcheck disable=SC2086 # the words of a command
  ${as_user[@]:+"${as_user[@]}"} $command > "$directory/$name-$side.client.log" 2>&1 &
  client=$!
  sleep "$seconds"
  take_picture "$directory/$name-$side.png"
  after=$(ticks)
  used=$((after - before))
  if kill -0 "$client" 2> /dev/null; then outcome=lives; else wait "$client"; outcome="exit $?"; fi
  kill "$client" 2> /dev/null
  sleep 0.3
  kill -TERM "$server" 2> /dev/null
  sleep 0.5
  kill -KILL -- "-$server" 2> /dev/null
  wait "$client" "$server" 2> /dev/null
}

# What --stats --json says of all clients but those that take pictures.
copied() { # log
  grep -o '"\(bytes_filled\|bytes_refreshed\)": *[0-9]*' "$1" | awk -F: '{ n += $2 } END { printf "%.1f", n / 1e6 }'
}

is_wanted() {
  local name
  [[ ${#wanted[@]} -gt 0 ]] || return 0
  for name in "${wanted[@]}"; do [[ $name != "$1" ]] || return 0; done
  return 1
}

table=$directory/clients.md
status=0
echo '| client | as it is | guarded | CPU ms bare -> guarded | MB copied | picture |' > "$table"
echo '|---|---|---|---|---|---|' >> "$table"
while read -r name package kind command; do
  is_wanted "$name" || continue
  program=$(tr ' ' '\n' <<< "$command" | grep -v -e '^env$' -e '=' | head -n 1)
  command -v "$program" > /dev/null || { echo "SKIP: no $program ($package)"; continue; }
  run_client "$name" plain "$command"
  plain=$outcome plain_used=$used
  run_client "$name" guarded "$command" "$run" --mmap --stats --json --
  if [[ $kind == moves ]]; then
    picture=moves
  elif cmp -s "$directory/$name-plain.png" "$directory/$name-guarded.png"; then
    picture=equal
  else
    picture=DIFFERS status=1
  fi
  [[ $outcome == "$plain" ]] || status=1
  echo "| $name | $plain | $outcome | $((plain_used * 10)) -> $((used * 10)) |" \
    "$(copied "$directory/$name-guarded.log") | $picture |" | tee -a "$table"
done < <(list_clients)
exit "$status"
