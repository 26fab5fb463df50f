# SPDX-License-Identifier: MIT
# awk -f facts.awk series=6.1 REPORT series=6.12 REPORT...: what was observed (see observe.c), first that which is the
# same in all.

$1 == "fact" {
	end = index($0, ": ")
	name = substr($0, 6, end - 6)
	answer = substr($0, end + 2)
	if (!(name in first)) {
		names[++n] = name
		first[name] = answer
	}
	if (answer != first[name])
		differs[name] = 1
	answers[name] = answers[name] sprintf("    %-6s %s\n", series, answer)
}

END {
	print "\nObserved:"
	for (i = 1; i <= n; i++)
		if (!(names[i] in differs))
			print "  " names[i] ": " first[names[i]]
	for (i = 1; i <= n; i++)
		if (names[i] in differs)
			printf "%s  %s\n%s", n_different++ ? "" : "Observed, and not the same in all:\n", names[i], answers[names[i]]
}
