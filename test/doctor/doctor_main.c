/* SPDX-License-Identifier: MIT */
/*
 * uffd-guard-doctor: what this machine and this user allow, in plain words.
 *
 * Facts are gathered first, all of them (facts.c: by reading, and by trying in processes of their
 * own). What they mean (findings.c, blame.c) and what to do about it (changes.c) follows from them
 * alone. It is told to people (print_text.c) or programs (print_json.c).
 */
#include "cli/cli.h"

#include "doctor_options.h"
#include "facts.h"
#include "findings.h"
#include "print.h"

#include "../support/nobody.h"

int main(int argc, char **argv)
{
	struct options options;
	struct facts *facts;
	int err = doctor_options_parse(&options, argc, argv);
	if (err)
		return cli_exit_code(err);
	err = options.unprivileged && geteuid() == 0 ? become_user(NOBODY) : 0;
	if (err) {
		cli_cannot(err, "give up privileges");
		return EXIT_NOT_RUN;
	}
	err = facts_gather(&facts);
	if (err) {
		cli_cannot(err, "start a process to try things in");
		return EXIT_NOT_RUN;
	}

	if (options.json)
		print_json(facts);
	else
		print_text(facts);
	if (cli_finish_output())
		return EXIT_NOT_RUN;
	return verdict_works(facts) ? EXIT_WORKS : EXIT_WORKS_NOT;
}
