#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes what shells need to complete a program's options, from its --help:  completions.sh PROGRAM DIRECTORY
# DIRECTORY gets PROGRAM.bash, PROGRAM.fish and _PROGRAM for zsh. package.completions compares them with cmake/completions.
set -eu
program=$1 directory=$2
name=$(basename "$program")
mkdir -p "$directory"

# Lines of "letter option value description", with tabs between them: of the help's "  -h, --help   text" and
# "  --loop LOOP   text". A description is its first line.
"$program" --help | awk '
  /^  (-[a-zA-Z], )?--[a-z]/ {
    letter = ""; value = ""; text = $0
    if (match(text, /^  -[a-zA-Z], /)) { letter = substr(text, 4, 1) }
    sub(/^  (-[a-zA-Z], )?--/, "", text)
    option = text; sub(/[^a-z-].*/, "", option); sub(/^[a-z-]+/, "", text)
    if (match(text, /^ [A-Z]+/)) { value = substr(text, 2, RLENGTH - 1); text = substr(text, RLENGTH + 1) }
    sub(/^ +/, "", text); gsub(/[\047\[\]:`"$\\]/, "", text); sub(/[;,]$/, "", text)
    printf "%s\t%s\t%s\t%s\n", letter ? letter : "-", option, value ? value : "-", text
  }' > "$directory/options"

awk -F '\t' -v name="$name" '
  { words = words " --" $2; if ($1 != "-") words = words " -" $1; if ($3 != "-") values = values "|--" $2 }
  END {
    print "# SPDX-License-Identifier: MIT"
    print "# Made by cmake/completions.sh."
    print "_" f(name) "()\n{"
    if (values) print "\tcase $3 in\n\t" substr(values, 2) ") return ;;\n\tesac"
    print "\tmapfile -t COMPREPLY < <(compgen -W \"" substr(words, 2) "\" -- \"$2\")\n}"
    print "complete -o default -F _" f(name) " " name
  }
  function f(text) { gsub(/-/, "_", text); return text }' "$directory/options" > "$directory/$name.bash"

awk -F '\t' -v name="$name" '
  BEGIN { print "# SPDX-License-Identifier: MIT\n# Made by cmake/completions.sh." }
  { print "complete -c " name ($1 != "-" ? " -s " $1 : "") " -l " $2 ($3 != "-" ? " -r" : "") " -d \047" $4 "\047" }' \
  "$directory/options" > "$directory/$name.fish"

awk -F '\t' -v name="$name" '
  BEGIN { print "#compdef " name "\n# SPDX-License-Identifier: MIT\n# Made by cmake/completions.sh.\n_arguments \\" }
  {
    value = $3 != "-" ? ":" $3 ":_default" : ""
    if ($1 != "-") print "\t\047-" $1 "[" $4 "]" value "\047 \\"
    print "\t\047--" $2 "[" $4 "]" value "\047 \\"
  }
  END { print "\t\047*::argument:_default\047" }' "$directory/options" > "$directory/_$name"
rm "$directory/options"
