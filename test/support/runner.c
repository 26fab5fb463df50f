/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include <uffd_guard.h>

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EXIT_SKIP    77 /* SKIP_RETURN_CODE in CMake */
#define NOBODY	     65534
#define TEST_TIMEOUT 60 /* seconds; a hang is what it is there for */

static bool use_poll_loop;
static int timeout = TEST_TIMEOUT;

uint32_t runner_guard_flags(void)
{
	return use_poll_loop ? UFFD_GUARD_NO_IO_URING : 0;
}

bool runner_is_root(void)
{
	return geteuid() == 0;
}

void runner_skip(const char *reason)
{
	printf("SKIP: %s\n", reason);
	fflush(stdout);
}

/* Huge pages for hugetlb memfds, while we may. */
static void reserve_huge_pages(void)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "r+");
	long n = 0;
	if (!f)
		return;
	if (fscanf(f, "%ld", &n) == 1 && n < 16) {
		rewind(f);
		fprintf(f, "16\n");
	}
	fclose(f);
}

static void become(const char *user)
{
	if (strcmp(user, "root") == 0) {
		if (runner_is_root())
			return;
		runner_skip("not root");
		exit(EXIT_SKIP);
	}
	if (!runner_is_root())
		return;
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		setresuid(NOBODY, NOBODY, NOBODY)) {
		perror("cannot drop privileges");
		exit(EXIT_FAILURE);
	}
	prctl(PR_SET_DUMPABLE, 1); /* as after exec: /proc/self is ours */
}

int runner_main(int argc, char **argv, const char *name, runner_case_fn *const *cases, int n_cases)
{
	const char *user = runner_is_root() ? "root" : "nobody";
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--loop") == 0)
			use_poll_loop = strcmp(argv[i + 1], "poll") == 0;
		else if (strcmp(argv[i], "--user") == 0)
			user = argv[i + 1];
		else if (strcmp(argv[i], "--timeout") == 0)
			timeout = atoi(argv[i + 1]);
	}
	reserve_huge_pages();
	become(user);

	Suite *suite = suite_create(name);
	for (int i = 0; i < n_cases; i++) {
		TCase *tcase = cases[i]();
		tcase_set_timeout(tcase, timeout);
		suite_add_tcase(suite, tcase);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
