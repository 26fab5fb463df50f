/* SPDX-License-Identifier: MIT */
/* A program with a guard under valgrind, which runs one thread at a time: this program, run by
 * valgrind with --life. It works in EAGER where that is allowed, and else is told; it never hangs.
 */
#include "../support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PAGES 64

/* What --life answers; 9 is valgrind's own, when it finds an error. */
enum { WORKS, FAILS, IS_REFUSED, IS_WRONG, FOUND_ERROR = 9, NO_VALGRIND = 99 };

static int use(struct uffd_guard *guard, int fd, size_t page)
{
	const struct uffd_guard_map_options map = { .size = sizeof(map),
		.flags = UFFD_GUARD_MAP_WRITE };
	struct uffd_guard_region *region;
	char stored = 0;
	if (uffd_guard_map(guard, fd, N_PAGES * page, &map, &region))
		return FAILS;
	volatile char *bytes = uffd_guard_region_data(region);
	bool is_right = bytes[0] == 'a';
	if (pwrite(fd, "b", 1, 0) != 1 || uffd_guard_refresh(region, 0, N_PAGES * page))
		return FAILS;
	is_right = is_right && bytes[0] == 'b' && bytes[page] == 0;
	bytes[page] = 'c';
	if (uffd_guard_write_back(region, page, page) != (ssize_t)page)
		return FAILS;
	is_right = is_right && pread(fd, &stored, 1, (off_t)page) == 1 && stored == 'c';
	if (ftruncate(fd, 0) || uffd_guard_refresh(region, 0, N_PAGES * page))
		return FAILS;
	is_right = is_right && bytes[0] == 0;
	uffd_guard_unmap(region);
	return is_right ? WORKS : IS_WRONG;
}

static int live(uint32_t flags)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const struct uffd_guard_options options = { .size = sizeof(options), .flags = flags };
	struct uffd_guard *guard;
	int fd = memfd_create("client", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)(N_PAGES * page)) || pwrite(fd, "a", 1, 0) != 1)
		return FAILS;
	int err = uffd_guard_create(&options, &guard);
	if (err)
		return err == -ENOSYS || err == -EPERM ? IS_REFUSED : FAILS;
	int result = use(guard, fd, page);
	uffd_guard_destroy(guard);
	close(fd);
	return result;
}

static const char *self;

static int live_under_valgrind(uint32_t flags)
{
	int status;
	char argument[16];
	snprintf(argument, sizeof(argument), "%u", flags);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		alarm(50);
		execlp("valgrind", "valgrind", "-q", "--error-exitcode=9", self, "--life", argument,
			(char *)NULL);
		_exit(NO_VALGRIND);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status), "killed by %d: it hung, if that is %d", WTERMSIG(status),
		SIGALRM);
	return WEXITSTATUS(status);
}

/* Also where valgrind may not read this program, whose directory may be closed to nobody, or
 * cannot: 3.19 ends at the debug information of a newer compiler, whatever the program does.
 */
static bool can_valgrind_run_this(void)
{
	char command[PATH_MAX + 64];
	snprintf(command, sizeof(command), "valgrind -q '%s' --nothing >/dev/null 2>&1", self);
	return access(self, R_OK | X_OK) == 0 && system(command) == 0;
}

static bool skip_without_valgrind(void)
{
	if (IS_SANITIZED || !can_valgrind_run_this()) {
		runner_skip("no valgrind that could run this program");
		return true;
	}
	return false;
}

START_TEST(guard_under_valgrind_works_if_it_may_be_eager)
{
	if (skip_without_valgrind())
		return;
	ck_assert_int_eq(live_under_valgrind(runner_guard_flags() | UFFD_GUARD_ALLOW_EAGER), WORKS);
}
END_TEST

START_TEST(guard_under_valgrind_is_refused_if_it_may_not_be_eager)
{
	if (skip_without_valgrind() || runner_is_eager())
		return;
	ck_assert_int_eq(live_under_valgrind(runner_guard_flags()), IS_REFUSED);
}
END_TEST

static TCase *valgrind_case(void)
{
	TCase *tcase = tcase_create("valgrind");
	tcase_add_test(tcase, guard_under_valgrind_works_if_it_may_be_eager);
	tcase_add_test(tcase, guard_under_valgrind_is_refused_if_it_may_not_be_eager);
	return tcase;
}

int main(int argc, char **argv)
{
	runner_case_fn *const cases[] = { valgrind_case };
	self = argv[0];
	if (argc == 2 && strcmp(argv[1], "--nothing") == 0)
		return 0;
	if (argc == 3 && strcmp(argv[1], "--life") == 0)
		return live((uint32_t)strtoul(argv[2], NULL, 10));
	return runner_main(argc, argv, "valgrind", cases, 1);
}
