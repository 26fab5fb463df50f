# SPDX-License-Identifier: MIT
# awk -v series=6.1 -f report.awk skips.txt REPORT: the table of what a guest reported (see init.sh).
# Exit status 1 unless all passed, to the end, and nothing was skipped that skips.txt does not have.

function row(program, loop, user, passed, failed, skipped, seconds, note) {
	printf "  %-36s %-6s %-7s %6s %7s %8s %8s%s\n", program, loop, user, passed, failed, skipped, seconds,
		note == "" ? "" : "  " note
}

# PROGRAM.LOOP.USER
function row_of_test(name, passed, failed, skipped, seconds, note,    words, n, loop, user) {
	loop = user = "-"
	n = split(name, words, ".")
	if (words[n] ~ /^(root|nobody)$/ && words[n - 1] ~ /^(uring|poll)$/) {
		loop = words[n - 1]
		user = words[n]
		name = substr(name, 1, length(name) - length("." loop "." user))
	}
	row(name, loop, user, passed, failed, skipped, seconds, note)
}

function note_of(status) {
	return status == 0 || status == 1 ? "" : status == 77 ? "skipped as a whole" : status > 128 ? \
		"killed by signal " (status - 128) : "exit status " status
}

function is_expected(name, reason,    i) {
	for (i = 1; i <= n_rows; i++)
		if (series ~ "^(" row_series[i] ")$" && name ~ "^(" row_test[i] ")$" && reason == row_reason[i])
			return 1
	return 0
}

# ---- skips.txt ----

FNR == 1 { file++ }
file == 1 && !/^(#|$)/ {
	split($0, words, "; ")
	row_series[++n_rows] = words[1]
	row_test[n_rows] = words[2]
	row_reason[n_rows] = words[3]
}
file == 1 { next }

# ---- The report ----

$1 == "begin" { running = $2 }
$1 == "end" { has_ended = 1 }

!has_header && ($1 == "begin" || $1 == "end") {
	row("program", "loop", "user", "passed", "failed", "skipped", "seconds", "")
	has_header = 1
}

$1 == "test" {
	running = ""
	failed = $5
	if ($3 != 0 && $3 != 77 && !failed)
		failed = 1
	passed = $4 - $5 - $6
	if ($4 == 0) # no test of libcheck's, but a program
		passed = $3 == 0
	row_of_test($2, passed, failed, $3 == 77 ? "all" : $6, $7, note_of($3))
	n_passed += passed
	n_failed += failed
	n_skipped += $6
}

$1 == "skip" {
	reason = substr($0, length("skip " $2) + 2)
	if (!is_expected($2, reason)) {
		n_unexpected++
		reason = reason "  <- not in skips.txt for this kernel"
	}
	if (!(reason in n_skips))
		reasons[++n_reasons] = reason
	n_skips[reason]++
}

END {
	if (running != "")
		row_of_test(running, "", 1, "", "", "has not ended")
	printf "  passed %d, failed %d, skipped %d\n", n_passed, n_failed + (running != ""), n_skipped
	for (i = 1; i <= n_reasons; i++)
		printf "  SKIP: %d x %s\n", n_skips[reasons[i]], reasons[i]
	exit n_failed > 0 || n_unexpected > 0 || !has_ended || n_passed == 0
}
