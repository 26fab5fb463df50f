/* SPDX-License-Identifier: MIT */
/* Programs that are confined themselves: their own filter denies what the guard would like to use.
 */
#include "../support/fixture.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void deny_all(const int *calls, int n_calls)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_ptr_nonnull(filter);
	for (int i = 0; i < n_calls; i++)
		assert_ok(seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0));
	assert_ok(seccomp_load(filter));
	seccomp_release(filter);
}

static void deny(int call)
{
	deny_all(&call, 1);
}

static uint32_t features_of(const struct fixture *f)
{
	return uffd_guard_features(f->guard);
}

static void assert_guard_works(uint32_t without)
{
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8 }));
	ck_assert_uint_eq(features_of(&f) & without, 0);
	fixture_truncate(&f, 4);
	assert_page_is(&f, 3, page_value(3));
	assert_page_is(&f, 5, 0);
	fixture_stop(&f);
}

START_TEST(denied_io_uring_leaves_the_poll_loop)
{
	deny(SCMP_SYS(io_uring_setup));
	assert_guard_works(UFFD_GUARD_FEATURE_IO_URING);
}
END_TEST

START_TEST(denied_seccomp_leaves_the_handler_without_sandbox)
{
	const int calls[] = { SCMP_SYS(seccomp), SCMP_SYS(prctl) };
	deny_all(calls, 2);
	assert_guard_works(UFFD_GUARD_FEATURE_SANDBOX);
}
END_TEST

START_TEST(denied_userfaultfd_is_told)
{
	const size_t fds = count_fds();
	struct uffd_guard *guard = NULL;
	const struct uffd_guard_options options = {
		.size = sizeof(options),
		.flags = runner_guard_flags() | UFFD_GUARD_USER_FAULTS_ONLY,
	};
	deny(SCMP_SYS(userfaultfd));
	ck_assert_int_eq(uffd_guard_create(&options, &guard), -EPERM);
	ck_assert_ptr_null(guard);
	ck_assert_uint_eq(count_fds(), fds);
}
END_TEST

START_TEST(denied_userfaultfd_leaves_eager_where_it_is_allowed)
{
	struct fixture f;
	const int calls[] = { SCMP_SYS(userfaultfd), SCMP_SYS(openat) };
	const int fd = file_create(FILE_MEMFD, 8, false);
	deny_all(calls, 2);
	f = (struct fixture){
		.guard = guard_start(UFFD_GUARD_ALLOW_EAGER), .fd = fd, .page = 4096
	};
	ck_assert_uint_eq(features_of(&f) & UFFD_GUARD_FEATURE_LAZY, 0);
	ck_assert_uint_ne(features_of(&f) & UFFD_GUARD_FEATURE_KERNEL_FAULTS, 0);
	assert_ok(uffd_guard_map(f.guard, f.fd, 8 * f.page, NULL, &f.region));
	ck_assert_int_eq(uffd_guard_region_mode(f.region), UFFD_GUARD_MODE_EAGER);
	f.data = uffd_guard_region_data(f.region);
	fixture_truncate(&f, 4);
	assert_page_is(&f, 5, page_value(5)); /* as it was at map */
	assert_losses_eq(&f, 0);
	assert_ok(uffd_guard_refresh(f.region, 0, 8 * f.page));
	assert_page_is(&f, 3, page_value(3));
	assert_page_is(&f, 5, 0);
	assert_losses_eq(&f, UFFD_GUARD_LOST_TRUNCATED);
	fixture_stop(&f);
}
END_TEST

/* Two filters, one of the program and one of the handler: both hold, and the guard works. */
START_TEST(program_with_a_filter_of_its_own_keeps_its_sandbox)
{
	deny(SCMP_SYS(kexec_load));
	struct fixture f;
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 8 }));
	ck_assert_uint_ne(features_of(&f) & UFFD_GUARD_FEATURE_SANDBOX, 0);
	assert_page_is(&f, 7, page_value(7));
	fixture_stop(&f);
}
END_TEST

static TCase *denied_case(void)
{
	TCase *tcase = tcase_create("denied");
	tcase_add_test(tcase, denied_io_uring_leaves_the_poll_loop);
	tcase_add_test(tcase, denied_seccomp_leaves_the_handler_without_sandbox);
	tcase_add_test(tcase, denied_userfaultfd_is_told);
	tcase_add_test(tcase, denied_userfaultfd_leaves_eager_where_it_is_allowed);
	tcase_add_test(tcase, program_with_a_filter_of_its_own_keeps_its_sandbox);
	return tcase;
}

RUNNER_MAIN("denied", denied_case)
