# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
_uffd_guard_bench()
{
	case $3 in
	--filter|--frame|--seconds|--loop|--beside|--plot) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "--filter --frame --seconds --loop --beside --json --plot --help -h --version -V" -- "$2")
}
complete -o default -F _uffd_guard_bench uffd-guard-bench
