# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
complete -c uffd-guard-run -l mode -r -d 'auto memory that is sealed, or can be sealed, is shown as it is'
complete -c uffd-guard-run -l mmap -d 'also guard what the compositor maps of files from clients keymaps'
complete -c uffd-guard-run -l require -d 'end what was started if it turns out not to be guarded'
complete -c uffd-guard-run -l stats -d 'say at the end what happened'
complete -c uffd-guard-run -l json -d 'the same as one JSON object, on standard output'
complete -c uffd-guard-run -l check -d 'say what this machine allows, and run nothing'
complete -c uffd-guard-run -s h -l help -d 'this text'
complete -c uffd-guard-run -s V -l version -d 'the version'
