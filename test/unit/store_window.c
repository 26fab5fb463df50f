/* SPDX-License-Identifier: MIT */
/* Mappings that are kept for stores: one store uses one at a time, and a process keeps so many. */
#include "file/store_window.h"

#include "../support/inject.h"
#include "base/page.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_STORERS    4
#define N_ROUNDS     20000
#define FEW_STORES   8
#define MOST_WINDOWS 1024

struct storer {
	struct store_window *window; /* that all of them use */
	atomic_uint *n_users;
	int fd;
	pthread_t thread;
};

static char *take_after_a_few(struct store_window *window, int fd)
{
	char *memory = NULL;
	for (unsigned i = 0; i <= FEW_STORES && !memory; i++)
		memory = store_window_take(window, fd, 0, page_size(), false);
	return memory;
}

/* How many windows a process can have. */
static unsigned count_room(int fd)
{
	static struct store_window windows[MOST_WINDOWS + 8];
	unsigned n = 0;
	while (n < n_elements(windows) && take_after_a_few(&windows[n], fd))
		n++;
	for (unsigned i = 0; i < n_elements(windows); i++) {
		if (i < n)
			store_window_give(&windows[i]);
		store_window_drop(&windows[i]);
	}
	return n;
}

static void *store_often(void *data)
{
	const struct storer *it = data;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		const char *memory = store_window_take(it->window, it->fd, 0, page_size(), false);
		if (!memory)
			continue;
		ck_assert_uint_eq(atomic_fetch_add(it->n_users, 1), 0);
		if (i % 4 == 0)
			sched_yield();
		ck_assert_ptr_eq(it->window->memory, memory); /* nobody has dropped it */
		atomic_fetch_sub(it->n_users, 1);
		store_window_give(it->window);
		if (i % 4 == 0)
			store_window_drop(it->window);
	}
	return NULL;
}

static char *take_at_last(const struct storer *it)
{
	char *memory = store_window_take(it->window, it->fd, 0, page_size(), false);
	for (; !memory; memory = store_window_take(it->window, it->fd, 0, page_size(), false))
		sched_yield();
	return memory;
}

/* It looks for as long as another thread may take to drop the window. */
static void *store_slowly(void *data)
{
	const struct storer *it = data;
	for (unsigned i = 0; i < N_ROUNDS / 4; i++) {
		const char *memory = take_at_last(it);
		if (i % 2) /* the other one has its turn now in here, now out there */
			sched_yield();
		for (unsigned k = 0; k < 100; k++)
			ck_assert_ptr_eq(*(char *volatile *)&it->window->memory, memory);
		store_window_give(it->window);
		if (i % 3)
			sched_yield();
	}
	atomic_fetch_sub(it->n_users, 1);
	return NULL;
}

static void *drop_while_others_store(void *data)
{
	const struct storer *it = data;
	while (atomic_load(it->n_users) > 0) {
		store_window_drop(it->window);
		sched_yield();
	}
	return NULL;
}

/* Windows of their own, which are counted together; every other one cannot be mapped. */
static void *keep_and_drop(void *data)
{
	const struct storer *it = data;
	for (unsigned i = 0; i < N_ROUNDS / 4; i++) {
		struct store_window window = { .n_stores = FEW_STORES };
		if (store_window_take(&window, i % 2 ? it->fd : -1, 0, page_size(), false))
			store_window_give(&window);
		store_window_drop(&window);
	}
	return NULL;
}

static void run(void *(*storer)(void *data), int fd)
{
	struct store_window window = { .n_stores = FEW_STORES };
	atomic_uint n_users = 0;
	struct storer storers[N_STORERS];
	for (size_t i = 0; i < N_STORERS; i++) {
		storers[i] = (struct storer){ .window = &window, .n_users = &n_users, .fd = fd };
		assert_ok(pthread_create(&storers[i].thread, NULL, storer, &storers[i]));
	}
	for (size_t i = 0; i < N_STORERS; i++)
		assert_ok(pthread_join(storers[i].thread, NULL));
	store_window_drop(&window);
}

static int make_file(void)
{
	const int fd = memfd_create("store_window", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	assert_ok(ftruncate(fd, (off_t)page_size()));
	return fd;
}

START_TEST(window_is_that_of_one_store_at_a_time)
{
	const int fd = make_file();
	run(store_often, fd);
	close(fd);
}
END_TEST

START_TEST(window_that_a_store_uses_is_not_dropped)
{
	struct store_window window = { .n_stores = FEW_STORES };
	atomic_uint n_users = 1;
	const int fd = make_file();
	struct storer storer = { .window = &window, .n_users = &n_users, .fd = fd };
	struct storer dropper = storer;
	assert_ok(pthread_create(&storer.thread, NULL, store_slowly, &storer));
	assert_ok(pthread_create(&dropper.thread, NULL, drop_while_others_store, &dropper));
	assert_ok(pthread_join(storer.thread, NULL));
	assert_ok(pthread_join(dropper.thread, NULL));
	store_window_drop(&window);
	close(fd);
}
END_TEST

START_TEST(windows_that_come_and_go_at_once_are_counted_exactly)
{
	const int fd = make_file();
	if (sizeof(void *) < sizeof(uint64_t)) {
		unit_skip("32 bits have no room for windows");
		return;
	}
	for (int i = 0; i < 4; i++) { /* one that is lost both ways is made up for */
		ck_assert_uint_eq(count_room(fd), MOST_WINDOWS);
		run(keep_and_drop, fd);
	}
	ck_assert_uint_eq(count_room(fd), MOST_WINDOWS);
	close(fd);
}
END_TEST

/* Also those that come when there are too many. */
START_TEST(windows_beyond_the_most_are_counted_exactly)
{
	static struct store_window kept[MOST_WINDOWS];
	const int fd = make_file();
	if (sizeof(void *) < sizeof(uint64_t)) {
		unit_skip("32 bits have no room for windows");
		return;
	}
	for (unsigned i = 0; i < MOST_WINDOWS; i++) {
		ck_assert_ptr_nonnull(take_after_a_few(&kept[i], fd));
		store_window_give(&kept[i]);
	}
	run(keep_and_drop, fd);
	for (unsigned i = 0; i < MOST_WINDOWS; i++)
		store_window_drop(&kept[i]);
	ck_assert_uint_eq(count_room(fd), MOST_WINDOWS);
	close(fd);
}
END_TEST

/* A client that declares a large file would have our addresses. */
START_TEST(store_into_a_very_large_buffer_gets_no_window)
{
	const size_t most = (size_t)256 << 20;
	struct store_window window = { .n_stores = FEW_STORES };
	const int fd = make_file();
	assert_ok(ftruncate(fd, (off_t)(2 * most)));
	ck_assert_ptr_null(store_window_take(&window, fd, 0, most + 1, false));
	ck_assert_ptr_null(window.memory);
	ck_assert(!atomic_load(&window.is_taken));
	store_window_drop(&window);
	close(fd);
}
END_TEST

/* At the limit of mappings, say. */
START_TEST(window_that_cannot_be_mapped_is_none_and_not_counted)
{
	struct store_window window = { .n_stores = FEW_STORES };
	atomic_bool fails = true;
	const int fd = make_file();
	inject_syscall(SYS_madvise, 2, MADV_DONTFORK, inject_while_on, &fails);
	ck_assert_ptr_null(store_window_take(&window, fd, 0, page_size(), false));
	ck_assert_ptr_null(window.memory);
	atomic_store(&fails, false);
	if (sizeof(void *) >= sizeof(uint64_t))
		ck_assert_uint_eq(count_room(fd), MOST_WINDOWS);
	close(fd);
}
END_TEST

START_TEST(window_that_cannot_be_extended_stays_as_it_is)
{
	struct store_window window = { .n_stores = FEW_STORES };
	atomic_bool fails = true;
	const int fd = make_file();
	if (sizeof(void *) < sizeof(uint64_t)) {
		unit_skip("32 bits have no room for windows");
		return;
	}
	assert_ok(ftruncate(fd, (off_t)(2 * page_size())));
	char *memory = store_window_take(&window, fd, 0, page_size(), false);
	ck_assert_ptr_nonnull(memory);
	store_window_give(&window);
	inject_syscall(SYS_mremap, 3, MREMAP_MAYMOVE, inject_while_on, &fails);
	ck_assert_ptr_null(store_window_take(&window, fd, 0, 2 * page_size(), false));
	ck_assert_ptr_eq(store_window_take(&window, fd, 0, page_size(), false), memory);
	memory[0] = 1;
	store_window_give(&window);
	atomic_store(&fails, false);
	ck_assert_ptr_nonnull(store_window_take(&window, fd, 0, 2 * page_size(), false));
	store_window_give(&window);
	store_window_drop(&window);
	close(fd);
}
END_TEST

START_TEST(mapping_is_there_at_once_for_who_asks_for_it)
{
	struct store_window window = { .memory = NULL };
	const int fd = memfd_create("at-once", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_null(store_window_take(&window, fd, 0, page_size(), false));
	ck_assert_ptr_nonnull(store_window_take(&window, fd, 0, page_size(), true));
	store_window_give(&window);
	store_window_drop(&window);
	close(fd);
}
END_TEST

static TCase *windows_case(void)
{
	TCase *tcase = tcase_create("windows");
	tcase_add_test(tcase, window_is_that_of_one_store_at_a_time);
	tcase_add_test(tcase, window_that_a_store_uses_is_not_dropped);
	tcase_add_test(tcase, windows_that_come_and_go_at_once_are_counted_exactly);
	tcase_add_test(tcase, windows_beyond_the_most_are_counted_exactly);
	tcase_add_test(tcase, store_into_a_very_large_buffer_gets_no_window);
	tcase_add_test(tcase, window_that_cannot_be_mapped_is_none_and_not_counted);
	tcase_add_test(tcase, window_that_cannot_be_extended_stays_as_it_is);
	tcase_add_test(tcase, mapping_is_there_at_once_for_who_asks_for_it);
	return tcase;
}

UNIT_MAIN("store_window", windows_case)
