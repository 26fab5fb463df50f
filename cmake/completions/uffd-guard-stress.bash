# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
_uffd_guard_stress()
{
	case $3 in
	--clients|--readers|--regions|--size|--seconds|--mode|--budget|--seed|--attack|--host|--loop) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "--clients --readers --regions --size --seconds --mode --budget --seed --attack --host --loop --unprivileged --no-control --json --selftest --help -h --version -V" -- "$2")
}
complete -o default -F _uffd_guard_stress uffd-guard-stress
