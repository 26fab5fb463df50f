#!/bin/sh
# SPDX-License-Identifier: MIT
# sh bindgen.sh BINDGEN HEADER
#
# What bindgen makes of the header for Rust has all constants and functions, and above each function and each member of
# a struct that is documented, what the header says of it.
set -eu
header=$2
status=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

complain() {
	echo "$header: $*"
	status=1
}

"$1" --no-layout-tests --allowlist-function 'uffd_guard_.*' --allowlist-var 'UFFD_GUARD_.*' \
	--allowlist-type 'uffd_guard_.*' "$header" > "$work/header.rs"

n=0
# shellcheck disable=SC2013 # words
for constant in $(sed -n 's/^#define \(UFFD_GUARD_[A-Z_]*\)[[:space:]]\{1,\}[0-9].*/\1/p' "$header"); do
	n=$((n + 1))
	grep -q "^pub const $constant: u32 = [0-9]*;" "$work/header.rs" || complain "no constant $constant in Rust"
done
[ "$n" -ge 25 ] || complain "only $n constants were found"

# Lines of Rust with a #[doc] above them.
awk '/#\[doc = / { is_told = 1; next } /^ *#\[/ { next } { if (is_told) print; is_told = 0 }' "$work/header.rs" \
	> "$work/told"
n=0
# shellcheck disable=SC2013 # words
for function in $(sed -n 's/^[a-z].*[ *]\(uffd_guard_[a-z_]*\)(.*/\1/p' "$header"); do
	n=$((n + 1))
	grep -q "pub fn $function(" "$work/header.rs" || complain "no function $function() in Rust"
	grep -q "pub fn $function(" "$work/told" || complain "what is said of $function() is lost"
done
[ "$n" -ge 30 ] || complain "only $n functions were found"
for member in max_regions read_deadline_ms reserve stride reasons bytes_resident; do
	grep -q "pub $member: " "$work/told" || complain "what is said of $member is lost"
done
exit "$status"
