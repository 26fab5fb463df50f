# SPDX-License-Identifier: MIT
# awk -f table.awk matrix.dat: for each suite a table in Markdown, attacks by compositors. A cell says what became of the
# compositor, or else of the client, as it is and guarded, over all kinds of files: "**SIGBUS** -> told". Lines of
# matrix.dat: suite, compositor, release, side, attack, file, outcome, right or wrong.
/^#/ { next }
{
	suite = $1; compositor = $2; side = $4; attack = $5; outcome = $7
	if (!(suite in compositors)) suites[++n_suites] = suite
	if (!((suite, compositor) in release)) compositors[suite] = compositors[suite] " " compositor
	if (!((suite, attack) in seen)) { seen[suite, attack] = 1; attacks[suite] = attacks[suite] " " attack }
	release[suite, compositor] = $3
	note(suite SUBSEP compositor SUBSEP attack SUBSEP side, word(outcome))
	if (side == "guarded" && $8 == "wrong") note(suite SUBSEP compositor SUBSEP attack SUBSEP side, "wrong!")
}
function word(outcome) {
	if (outcome ~ /^(SIG|exit)/) return "**" outcome "**"
	if (outcome ~ /^(invalid_|no_memory|other_error)/) return "told"
	if (outcome == "kept" || outcome == "died") return "ok"
	gsub(/_/, " ", outcome)
	return outcome
}
# In the order of how bad they are.
function note(place, w) {
	if (index("/" cells[place] "/", "/" w "/")) return
	cells[place] = cells[place] == "" ? w : w ~ /^\*/ ? w "/" cells[place] : cells[place] "/" w
}
END {
	for (s = 1; s <= n_suites; s++) {
		suite = suites[s]
		n_c = split(compositors[suite], c, " "); n_a = split(attacks[suite], a, " ")
		printf "%s| %s |", (s > 1 ? "\n" : ""), suite
		for (i = 1; i <= n_c; i++) printf " %s %s |", c[i], release[suite, c[i]]
		printf "\n|---|"
		for (i = 1; i <= n_c; i++) printf "---|"
		printf "\n"
		for (j = 1; j <= n_a; j++) {
			printf "| %s |", a[j]
			for (i = 1; i <= n_c; i++) {
				p = cells[suite, c[i], a[j], "plain"]; g = cells[suite, c[i], a[j], "guarded"]
				printf " %s |", p == "" && g == "" ? "" : p == g ? p : (p == "" ? "?" : p) " -> " (g == "" ? "?" : g)
			}
			printf "\n"
		}
	}
}
