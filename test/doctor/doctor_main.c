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

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY 65534

static int give_up_privileges(void)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	prctl(PR_SET_DUMPABLE, 1); /* as after exec: /proc/self is ours */
	return 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct facts *facts;
	int err = doctor_options_parse(&options, argc, argv);
	if (err)
		return cli_exit_code(err);
	err = options.unprivileged ? give_up_privileges() : 0;
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
