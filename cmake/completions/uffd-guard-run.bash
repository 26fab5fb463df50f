# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
_uffd_guard_run()
{
	case $3 in
	--mode) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "--mode --mmap --require --stats --json --check --help -h --version -V" -- "$2")
}
complete -o default -F _uffd_guard_run uffd-guard-run
