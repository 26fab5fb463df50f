# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
_uffd_guard_top()
{
	case $3 in
	--interval|--count|--sort) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "--interval --count --once --sort --plain --json --list --help -h --version -V" -- "$2")
}
complete -o default -F _uffd_guard_top uffd-guard-top
