/* SPDX-License-Identifier: MIT */
#include "mmap/arrivals.h"

#include "../support/runner.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* As if @fd had come: of a descriptor that is not open, the file cannot be told. */
static void arrive(int fd)
{
	long control[CMSG_SPACE(sizeof(fd)) / sizeof(long)];
	struct msghdr message = { .msg_control = control, .msg_controllen = sizeof(control) };
	*CMSG_FIRSTHDR(&message) = (struct cmsghdr){
		.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd))
	};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &fd, sizeof(fd));
	arrivals_note(&message);
}

static const int numbers[] = { 0, 65535, 65536, 1 << 20, INT_MAX };

START_TEST(descriptor_of_any_number_is_known_until_it_is_closed)
{
	const int fd = numbers[_i] == 0 ? dup(0) : numbers[_i];
	ck_assert(!arrivals_has(fd));
	arrive(fd);
	ck_assert(arrivals_has(fd));
	ck_assert(!arrivals_has(fd - 1));
	arrivals_forget(fd);
	ck_assert(!arrivals_has(fd));
}
END_TEST

START_TEST(what_is_no_descriptor_never_arrived)
{
	arrive(-1);
	ck_assert(!arrivals_has(-1));
	arrivals_forget(-1);
}
END_TEST

static TCase *arrivals(void)
{
	TCase *tcase = tcase_create("arrivals");
	tcase_add_loop_test(tcase, descriptor_of_any_number_is_known_until_it_is_closed, 0,
		(int)(sizeof(numbers) / sizeof(numbers[0])));
	tcase_add_test(tcase, what_is_no_descriptor_never_arrived);
	return tcase;
}

RUNNER_MAIN("arrivals", arrivals)
