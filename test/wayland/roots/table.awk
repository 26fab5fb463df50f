# SPDX-License-Identifier: MIT
# awk -f table.awk matrix.dat: for each suite and side a table, attacks by compositors. A cell says what became of the
# compositor, or else of the client, over all kinds of files, the worst first: "SIGBUS/ok". "told": the client was thrown
# out with an error; "ok": it was kept, or ended itself; "-": not possible there. Lines of matrix.dat: suite, compositor,
# release, side, attack, file, outcome, right or wrong.
/^#/ { next }
{
	suite = $1; compositor = $2; side = $4; attack = $5
	if (!((suite, side) in columns)) tables[++n_tables] = suite SUBSEP side
	if (!((suite, side, compositor) in release)) columns[suite, side] = columns[suite, side] " " compositor
	if (!((suite, side, attack) in seen)) rows[suite, side] = rows[suite, side] " " attack
	seen[suite, side, attack] = 1
	release[suite, side, compositor] = $3
	n_cells[suite, side]++
	if ($7 ~ /^(SIG|exit)/) n_deaths[suite, side]++
	if ($8 == "wrong") n_wrong[suite, side]++
	place = suite SUBSEP side SUBSEP compositor SUBSEP attack
	note(place, word($7))
	if (side == "guarded" && $8 == "wrong") note(place, "WRONG")
}
function word(outcome) {
	if (outcome ~ /^(invalid_|no_memory|other_error)/) return "told"
	if (outcome == "kept" || outcome == "died") return "ok"
	return outcome
}
function note(place, w) {
	if (index("/" cells[place] "/", "/" w "/")) return
	if (cells[place] == "") cells[place] = w
	else cells[place] = w ~ /^(SIG|exit|WRONG)/ ? w "/" cells[place] : cells[place] "/" w
}
END {
	for (t = 1; t <= n_tables; t++) {
		split(tables[t], part, SUBSEP); suite = part[1]; side = part[2]
		n_c = split(columns[suite, side], c, " "); n_r = split(rows[suite, side], r, " ")
		printf "%s%s, %s: the compositor died in %d of %d cells", (t > 1 ? "\n" : ""), suite,
			(side == "plain" ? "as it is" : side), n_deaths[suite, side], n_cells[suite, side]
		printf (side == "guarded" ? ", %d cells are wrong\n\n" : "\n\n"), n_wrong[suite, side]
		printf "%-14s", ""
		for (i = 1; i <= n_c; i++) printf " %-13s", c[i]
		printf "\n%-14s", ""
		for (i = 1; i <= n_c; i++) printf " %-13s", release[suite, side, c[i]]
		printf "\n"
		for (j = 1; j <= n_r; j++) {
			line = sprintf("%-14s", r[j])
			for (i = 1; i <= n_c; i++) {
				place = suite SUBSEP side SUBSEP c[i] SUBSEP r[j]
				line = line sprintf(" %-13s", (place in cells) ? cells[place] : "-")
			}
			sub(/ +$/, "", line)
			print line
		}
	}
}
