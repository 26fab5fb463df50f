/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include "nobody.h"

#include <uffd_guard.h>

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXIT_SKIP    77	 /* SKIP_RETURN_CODE in CMake */
#define TEST_TIMEOUT 240 /* seconds, after which a test counts as hanging */

static bool use_poll_loop, is_eager;
static int timeout = TEST_TIMEOUT;

uint32_t runner_guard_flags(void)
{
	return (use_poll_loop ? UFFD_GUARD_NO_IO_URING : 0) |
	       (is_eager ? UFFD_GUARD_ALLOW_EAGER : 0);
}

bool runner_is_eager(void)
{
	return is_eager;
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

bool runner_skip_eager(void)
{
	if (is_eager)
		runner_skip("nothing faults in EAGER");
	return is_eager;
}

bool runner_can_run(const char *program)
{
	if (access(program, X_OK) == 0)
		return true;
	runner_skip("nobody cannot reach the build directory");
	return false;
}

/* Reserve huge pages for hugetlb memfds, before root is given up. */
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
	int err = become_user(NOBODY);
	if (err) {
		fprintf(stderr, "cannot drop privileges: %s\n", strerror(-err));
		exit(EXIT_FAILURE);
	}
}

/* Deny userfaultfd, as containers do. */
static void deny_userfaultfd(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(userfaultfd), 0) ||
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, _IO(0xAA, 0))) ||
		seccomp_load(filter)) {
		perror("cannot deny userfaultfd");
		exit(EXIT_FAILURE);
	}
	seccomp_release(filter);
}

static bool is_option(const char *given, const char *name, const char *value, const char *this_or,
	const char *that)
{
	return strcmp(given, name) == 0 &&
	       (strcmp(value, this_or) == 0 || strcmp(value, that) == 0);
}

static void wrong_usage(const char *program)
{
	fprintf(stderr,
		"usage: %s [--loop uring|poll] [--mode lazy|eager] [--user root|nobody] "
		"[--timeout SECONDS]\n",
		program);
	exit(2);
}

int runner_main(int argc, char **argv, const char *name, runner_case_fn *const *cases, int n_cases)
{
	const char *user = runner_is_root() ? "root" : "nobody";
	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (is_option(argv[i], "--loop", value, "uring", "poll"))
			use_poll_loop = strcmp(value, "poll") == 0;
		else if (is_option(argv[i], "--mode", value, "lazy", "eager"))
			is_eager = strcmp(value, "eager") == 0;
		else if (is_option(argv[i], "--user", value, "root", "nobody"))
			user = value;
		else if (strcmp(argv[i], "--timeout") == 0 && atoi(value) > 0)
			timeout = atoi(value);
		else
			wrong_usage(argv[0]);
	}
	reserve_huge_pages();
	become(user);
	if (is_eager)
		deny_userfaultfd();

	Suite *suite = suite_create(name);
	for (int i = 0; i < n_cases; i++) {
		TCase *tcase = cases[i]();
		tcase_set_timeout(tcase, timeout);
		suite_add_tcase(suite, tcase);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int n_failed = srunner_ntests_failed(runner);
	if (srunner_ntests_run(runner) == 0) {
		fputs("nothing was run: is there such a case as CK_RUN_CASE says?\n", stderr);
		n_failed = 1;
	}
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
