#!/bin/sh
# SPDX-License-Identifier: MIT
# sh threads.sh SOURCE_DIRECTORY
#
# docs/threads.md says of each lock and each atomic why it suffices. Here: that it names each one there is in the code, as
# `struct.member`, or `struct.*` for all of a struct; `file.variable` outside of structs. And that it names nothing that is
# gone. structs drop their prefix uffd_guard_.
set -eu
cd "$1"
document=docs/threads.md
status=0

complain() {
	printf '%s: %s\n' "$document" "$*"
	status=1
}

sources() {
	find lib daemon -name '*.[ch]' | sort
}

# "struct.member" for each declaration of a type that threads share.
shared() {
	for file in $(sources); do
		awk -v file="${file##*/}" '
			BEGIN { sub(/\.[ch]$/, "", file) }
			/^#/ || is_continued { is_continued = /\\$/; next }
			{ all = all $0 "\n" }
			END {
				while (match(all, /\/\*([^*]|\*+[^*\/])*\*+\//)) # comments
					all = substr(all, 1, RSTART - 1) substr(all, RSTART + RLENGTH)
				gsub(/[ \t\n]+/, " ", all)
				n = split(all, parts, /[;{}]/)
				at = 0
				for (i = 1; i <= n; i++) {
					at += length(parts[i]) + 1
					end = substr(all, at, 1)
					if (end == "{")
						names[++depth] = name_of(parts[i])
					else if (end == "}")
						depth -= depth > 0
					else
						declaration(parts[i])
				}
			}
			function name_of(text) {
				if (text !~ /struct [a-z_]+ $/)
					return ""
				sub(/^.*struct /, "", text)
				sub(/^uffd_guard_/, "", text)
				sub(/^uffd_/, "", text)
				sub(/ $/, "", text)
				return text
			}
			function declaration(text, owner, members, m, i) {
				sub(/^ (static )?(const )?/, "", text)
				if (!sub(/^(_Atomic\([^)]*\)|_Atomic [a-z0-9_]+|atomic_[a-z]+|pthread_(mutex|once|cond|rwlock)_t|sem_t) \*?/, "", text))
					return
				sub(/ = .*/, "", text)
				owner = depth > 0 && names[depth] != "" ? names[depth] : file
				m = split(text, members, / *, */)
				for (i = 1; i <= m; i++) {
					sub(/\[.*/, "", members[i])
					print owner "." members[i]
				}
			}' "$file"
	done | sort -u
}

# `struct.member` as the document has them.
named() {
	# shellcheck disable=SC2016 # backticks
	grep -o '`[a-z_]*\.[a-z_*]*`' "$document" | tr -d '\140' | grep -v '\.\(c\|h\|md\)$' | sort -u
}

n=0
for item in $(shared); do
	n=$((n + 1))
	# shellcheck disable=SC2016 # backticks
	grep -q -F -e "\`$item\`" -e "\`${item%.*}.*\`" "$document" || complain "does not name $item"
done
[ "$n" -gt 30 ] || complain "only $n locks and atomics were found in the code: this script no longer sees them"

set -f
for item in $(named); do
	struct=${item%%.*}
	member=${item#*.}
	if [ "$member" = '*' ]; then
		sources | xargs grep -qE "struct (uffd_guard_|uffd_)?$struct\b" || complain "names $item, which is not in the code"
	elif ! sources | xargs grep -qE "(->|\.)$member\b"; then
		# Outside of structs: of the file of that name.
		sources | grep "/$struct\.[ch]\$" | xargs grep -q -w -e "$member" ||
			complain "names $item, which is not in the code"
	fi
done
exit "$status"
