/* SPDX-License-Identifier: MIT */
/* The kernel has no page to give: in a memory cgroup that is full, and does not kill. */
#include "../support/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_MB 24
#define FILE_MB	 40
#define TABLE	 512 /* pages of a page table */

static bool write_to(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (!f)
		return false;
	bool is_written = fputs(text, f) >= 0;
	return fclose(f) == 0 && is_written;
}

static char group[64]; /* of this test */

static bool write_to_group(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", group, name);
	return write_to(path, text);
}

static bool group_create(void)
{
	char limit[32];
	snprintf(group, sizeof(group), "/sys/fs/cgroup/memory/uffd_guard_test_%d", getpid());
	snprintf(limit, sizeof(limit), "%dM", LIMIT_MB);
	return (mkdir(group, 0755) == 0 || errno == EEXIST) &&
	       write_to_group("memory.limit_in_bytes", limit) &&
	       write_to_group("memory.oom_control", "1");
}

/* In a process of its own: the group stays as long as there is one in it. */
static int read_all_in_group(bool uses_populate)
{
	struct fixture f;
	if (!fixture_start(&f,
		    &(struct fixture_options){
			    .n_pages = FILE_MB << 8, .is_sparse = true, .read_deadline_ms = 100 }))
		return 1;
	/* Page tables are there before, each with a page of zeros: for one, a reader waits on its
	 * own, whatever we do. */
	if (uffd_guard_populate(f.region, 0, (uint64_t)FILE_MB << 20))
		return 1;
	for (size_t i = 0; i < FILE_MB << 8; i += TABLE) {
		if (uffd_guard_discard(f.region, (i + 1) * f.page, (TABLE - 1) * f.page))
			return 1;
	}
	for (size_t i = 0; i < FILE_MB << 8; i++)
		file_write_page(f.fd, i, page_value(i));
	if (!write_to_group("cgroup.procs", "0"))
		return 2;
	if (uses_populate) {
		int err = uffd_guard_populate(f.region, 0, (uint64_t)FILE_MB << 20);
		if (err && err != -ENOMEM)
			return 3;
	}

	size_t n_zero = 0;
	for (size_t i = 0; i < FILE_MB << 8; i++) {
		if (i % TABLE == 0)
			continue;
		const unsigned char value = f.data[i * f.page];
		n_zero += value == 0;
		if (value && value != page_value(i))
			return 4;
	}
	if (n_zero == 0 || n_zero > (FILE_MB << 8) * 3 / 4)
		return 5;
	if (!(uffd_guard_region_take_losses(f.region) & UFFD_GUARD_LOST_NO_MEMORY))
		return 6;
	/* What is given back can be used again. */
	if (uffd_guard_discard(f.region, f.page, (TABLE - 1) * f.page))
		return 7;
	if (f.data[5 * f.page] != page_value(5))
		return 8;
	uffd_guard_unmap(f.region);
	uffd_guard_destroy(f.guard);
	return 0;
}

START_TEST(full_memory_cgroup_ends_in_zeros_and_a_loss)
{
	if (runner_skip_eager())
		return;
	if (IS_SANITIZED) {
		runner_skip("a sanitizer's own memory fills the group");
		return;
	}
	if (loads_cost_memory()) { /* and a reader waits for one on its own */
		runner_skip("this kernel has no page of zeros to share");
		return;
	}
	if (!group_create()) {
		runner_skip("no memory cgroup can be made that does not kill");
		return;
	}
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		_exit(read_all_in_group(_i));
	int status;
	waitpid(child, &status, 0);
	rmdir(group);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static TCase *out_of_memory_case(void)
{
	TCase *tcase = tcase_create("out_of_memory");
	tcase_add_loop_test(tcase, full_memory_cgroup_ends_in_zeros_and_a_loss, 0, 2);
	return tcase;
}

RUNNER_MAIN("out_of_memory", out_of_memory_case)
