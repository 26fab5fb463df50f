# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
complete -c uffd-guard-top -l interval -r -d 'between two looks (1)'
complete -c uffd-guard-top -l count -r -d 'leave after N intervals'
complete -c uffd-guard-top -l once -d 'averages since the guards were created, and leave'
complete -c uffd-guard-top -l sort -r -d 'regions by resident, faults, losses, length or number (resident)'
complete -c uffd-guard-top -l plain -d 'a line for each interval, as when the output is no terminal'
complete -c uffd-guard-top -l json -d 'one JSON object for each interval'
complete -c uffd-guard-top -l list -d 'which processes can be watched'
complete -c uffd-guard-top -s h -l help -d 'this text'
complete -c uffd-guard-top -s V -l version -d 'the version'
