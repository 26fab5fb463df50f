#!/bin/sh
# SPDX-License-Identifier: MIT
# Shells complete the options that the program has: completions.sh SOURCE PROGRAM WORK
set -eu
source=$1 program=$2 work=$3
name=$(basename "$program")
rm -rf "$work"
sh "$source/cmake/completions.sh" "$program" "$work"
for file in "$name.bash" "$name.fish" "_$name"; do
	diff "$source/cmake/completions/$file" "$work/$file" || {
		echo "cmake/completions/$file is not what cmake/completions.sh makes of $name --help"
		exit 1
	}
done
if command -v bash > /dev/null; then
	# shellcheck disable=SC2016 # of that bash
	bash -euc '. "$1" && "_${2//-/_}" "$2" --ver "$2" && [[ " ${COMPREPLY[*]} " == *" --version "* ]]' \
		bash "$work/$name.bash" "$name"
fi
! command -v fish > /dev/null || fish --no-execute "$work/$name.fish"
! command -v zsh > /dev/null || zsh -n "$work/_$name"
