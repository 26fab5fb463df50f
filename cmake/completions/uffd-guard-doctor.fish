# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
complete -c uffd-guard-doctor -l json -d 'the same as one JSON object'
complete -c uffd-guard-doctor -l unprivileged -d 'give up root first (uid and gid 65534)'
complete -c uffd-guard-doctor -s h -l help -d 'this text'
complete -c uffd-guard-doctor -s V -l version -d 'the version'
