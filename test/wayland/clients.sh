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
"MB changed" is what clients said to have changed; "MB copied" what the guard filled and refreshed. Pools are those that
are copied (one is that of the picture taken at the end), and those shown as they are. Pictures of what moves differ.
What looks different is tried once more, for three times as long.
Exit status: 0 no client was refused, and what stands still looks the same; 1 not so; 2 wrong usage; 77 no compositor.
END
}

# name, package, moves or still, command. Those of weston's toolkit seal their files, GTK 3 cannot, Mesa could. What has
# no picture of its own (a capture), or one that nobody can compare, counts as moving.
list_clients() {
  cat << 'END'
simple-shm weston moves weston-simple-shm
flower weston moves weston-flower
image weston still weston-image %image
terminal weston still weston-terminal --shell=%still
scaler weston still weston-scaler -b
stacking weston moves weston-stacking
dnd weston moves weston-dnd
simple-egl weston moves weston-simple-egl
xeyes x11-apps still %x xeyes
xterm xterm still %x xterm -e %still
foot foot still foot --config=/dev/null --override=cursor.blink=no %still
gtk3 gtk-3-examples moves gtk3-widget-factory
gtk4 gtk-4-examples moves env GSK_RENDERER=cairo gtk4-widget-factory
gtk4-gl gtk-4-examples moves gtk4-widget-factory
qt5 qt5ct still env QT_QPA_PLATFORM=wayland qt5ct
qt6 qt6ct still env QT_QPA_PLATFORM=wayland qt6ct
evince evince still evince
zathura zathura still zathura
inkscape inkscape moves inkscape
libreoffice libreoffice-gtk3 moves libreoffice --writer --norestore
wofi wofi still wofi --show=dmenu
waybar waybar moves waybar
mpv mpv moves mpv --vo=wlshm --loop av://lavfi:testsrc=size=640x480
imv imv still imv %image
alacritty alacritty moves alacritty -e %still
chromium chromium moves chromium --no-sandbox --ozone-platform=wayland --user-data-dir=%home/c %page
firefox firefox-esr moves env MOZ_ENABLE_WAYLAND=1 firefox-esr --no-remote --new-instance --profile %home %page
swaybg swaybg still swaybg -c #405060
swaylock swaylock still swaylock -c 405060
mako mako-notifier still mako
fuzzel fuzzel still fuzzel
slurp slurp still slurp
swayimg swayimg still swayimg %image
grim grim moves grim -s 1 %home/shot.png
wf-recorder wf-recorder moves wf-recorder -f %home/film.mkv
wayvnc wayvnc moves wayvnc 127.0.0.1 5999
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
printf '#!/bin/sh\nXwayland :77 -shm & sleep 2\nDISPLAY=:77 exec "$@"\n' > "$work/x.sh"
chmod 755 "$work/x.sh"
# What moves in a browser: a block, and now and then all of it.
cat > "$work/page.html" << 'END'
<!doctype html><body style="margin:0">
<div id=a style="position:absolute;width:200px;height:120px;background:#39f"></div>
<div style="height:4000px;background:repeating-linear-gradient(#fff,#fff 20px,#ddd 20px,#ddd 40px)"></div>
<script>let t=0;const s=document.getElementById('a').style;function f(){t++;s.left=t*3%500+'px';s.top=50+t%300+'px';
if(t%60==0)scrollTo(0,t%400);requestAnimationFrame(f)}f()</script>
END
printf '#!/bin/sh\nsleep 2 # until its window has its size\nseq 1000 1030\nexec sleep 3600\n' > "$work/still.sh"
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

as_user=() # sway does not run as root, and its clients are of its user
[[ $(id -u) -ne 0 || $compositor != sway ]] || as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups)

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
  command=${command//%page/file://$work/page.html}
  command=${command//%x/$work/x.sh}
  # shellcheck disable=SC2086 # the words of a command
  ${as_user[@]:+"${as_user[@]}"} $command < /dev/null > "$directory/$name-$side.client.log" 2>&1 &
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

# What --stats --json says, summed up over these names.
counted() { # log, name...
  local log=$1 names
  shift
  names=$(IFS='|'; echo "$*")
  grep -oE "\"($names)\": *[0-9]+" "$log" | awk -F: '{ n += $2 } END { printf "%.0f", n }'
}

# "changed | copied | copied / changed", in MB.
costs() { # log
  awk -v changed="$(counted "$1" bytes_damaged)" -v copied="$(counted "$1" bytes_filled bytes_refreshed)" \
    'BEGIN {
      printf "%.1f | %.1f | %s", changed / 1e6, copied / 1e6, changed ? sprintf("%.2f", copied / changed) : "-" }'
}

is_wanted() {
  local name
  [[ ${#wanted[@]} -gt 0 ]] || return 0
  for name in "${wanted[@]}"; do [[ $name != "$1" ]] || return 0; done
  return 1
}

# As it is, and guarded.
run_sides() { # name, kind, command
  run_client "$1" plain "$3"
  plain=$outcome plain_used=$used
  run_client "$1" guarded "$3" "$run" --mmap --stats --json --
  picture=equal
  if [[ $2 == moves ]]; then
    picture=moves
  elif ! cmp -s "$directory/$1-plain.png" "$directory/$1-guarded.png"; then
    picture=DIFFERS
  fi
}

table=$directory/clients.md
status=0
{
  echo '| client | as it is | guarded | pools copied, direct | commits | MB changed | MB copied | ratio |' \
    'CPU ms bare -> guarded | picture |'
  echo '|---|---|---|---|---|---|---|---|---|---|'
} > "$table"
while read -r name package kind command; do
  is_wanted "$name" || continue
  [[ $command != %x* ]] || command -v Xwayland > /dev/null || { echo "SKIP: no Xwayland (xwayland)"; continue; }
  program=$(tr ' ' '\n' <<< "$command" | grep -v -e '^env$' -e '=' -e '^%x$' | head -n 1)
  command -v "$program" > /dev/null || { echo "SKIP: no $program ($package)"; continue; }
  run_sides "$name" "$kind" "$command"
  if [[ $picture == DIFFERS ]]; then # it may not have been ready
    seconds=$((seconds * 3)) run_sides "$name" "$kind" "$command"
  fi
  [[ $picture != DIFFERS ]] || status=1
  [[ $outcome == "$plain" ]] || status=1
  log=$directory/$name-guarded.log
  echo "| $name | $plain | $outcome | $(counted "$log" pools_lazy), $(counted "$log" pools_direct) |" \
    "$(counted "$log" commits) | $(costs "$log") | $((plain_used * 10)) -> $((used * 10)) | $picture |" |
    tee -a "$table"
done < <(list_clients)
exit "$status"
