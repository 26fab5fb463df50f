# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
_uffd_guard_doctor()
{
	mapfile -t COMPREPLY < <(compgen -W "--json --unprivileged --help -h --version -V" -- "$2")
}
complete -o default -F _uffd_guard_doctor uffd-guard-doctor
