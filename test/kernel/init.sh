#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash # it is that of busybox, which is dash's child
# The first process of the guest. Makes of an initramfs what the tests may expect of a Debian system, runs
# /test/tests.sh, and turns the machine off. What the programs print goes to the console; what became of them goes to
# the second serial port, where no message of the kernel can come between, a line each:
#   fact FACT   begin NAME   test NAME STATUS CHECKS FAILED SKIPPED SECONDS   skip NAME REASON   end
export PATH=/test/bin:/bin LD_LIBRARY_PATH=/test/lib
patience=${patience:-1} # from the kernel's command line
export CK_TIMEOUT_MULTIPLIER=$patience
time_limit=$((900 * patience)) # seconds for one program
/bin/busybox --install -s /bin

# ---- The system ----

mkdir -p /proc /sys /dev /tmp /run /var/tmp /mnt
mount -t proc proc /proc
mount -t sysfs sys /sys
[ -c /dev/null ] || mount -t devtmpfs dev /dev # the kernel may have done it
ln -s /proc/self/fd /dev/fd # this and what follows as udev does
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs run /run
stty -F /dev/ttyS1 -opost
exec </dev/null >/dev/ttyS0 2>&1 3>/dev/ttyS1

for module in /test/modules/*.ko; do
	[ -e "$module" ] && insmod "$module"
done

[ ! -c /dev/fuse ] || chmod 666 /dev/fuse # as udev does

# Limits as systemd leaves them; no sysctl is changed.
ulimit -S -n 1024
ulimit -H -n 524288

# ---- The programs ----

report() {
	echo "$*" >&3
}

seconds_since_start() {
	cut -d . -f 1 /proc/uptime
}

# Of the last "NN%: Checks: C, Failures: F, Errors: E" that libcheck has printed: C and F+E. A program that died has none.
count_checks() {
	sed -n 's/^[0-9]*%: Checks: \([0-9]*\), Failures: \([0-9]*\), Errors: \([0-9]*\)$/\1 \2 \3/p' "$1" |
		awk '{ checks = $1; failed = $2 + $3 } END { print checks + 0, failed + 0 }'
}

run() { # name, program, argument...
	name=$1
	shift
	report begin "$name"
	echo "==== $name: $*"
	start=$(seconds_since_start)
	timeout -s KILL $time_limit "$@" >/run/out 2>&1
	status=$?
	cat /run/out
	# shellcheck disable=SC2046 # two words
	report test "$name" $status $(count_checks /run/out) "$(grep -c '^SKIP: ' /run/out)" \
		$(($(seconds_since_start) - start))
	sed -n "s/^SKIP: /skip $name /p" /run/out >&3
}

# A file system on a disk.
make_disk() {
	truncate -s 256M /run/disk && mke2fs -F /run/disk >/dev/null &&
		mount -t ext4 -o loop /run/disk /var/tmp && chmod 1777 /var/tmp
}

make_disk || report test disk 1 0 0 0 0
observe >/run/out
cat /run/out
sed 's/^/fact /' /run/out >&3
# shellcheck source=/dev/null
. /test/tests.sh
report end

poweroff -f
