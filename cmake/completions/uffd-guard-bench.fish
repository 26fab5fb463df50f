# SPDX-License-Identifier: MIT
# Made by cmake/completions.sh.
complete -c uffd-guard-bench -l filter -r -d 'only these rows, such as B1,B5r,growth (everything)'
complete -c uffd-guard-bench -l frame -r -d '720p, 1080p, 1440p, 4k, 8k or WIDTHxHEIGHT (4k)'
complete -c uffd-guard-bench -l seconds -r -d 'about how long (60); each row runs 10 rounds even so'
complete -c uffd-guard-bench -l loop -r -d 'uring or poll how the library waits for faults (the best)'
complete -c uffd-guard-bench -l beside -r -d 'one only one processor may be used; busy another program computes'
complete -c uffd-guard-bench -l json -d 'the result as one JSON object'
complete -c uffd-guard-bench -l plot -r -d 'also draw charts of frame cost, and keep their data, in DIR'
complete -c uffd-guard-bench -s h -l help -d 'this text'
complete -c uffd-guard-bench -s V -l version -d 'the version'
