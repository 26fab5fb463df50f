/* SPDX-License-Identifier: MIT */
/* The life of a guard: create, destroy; what it can do, and what it has done. */
#include "base/lock.h"
#include "state/guard.h"

#include "base/cancel.h"
#include "base/options.h"
#include "base/page.h"
#include "calls/create.h"
#include "daemon/copier.h"
#include "daemon/handler.h"
#include "kernel/descriptor.h"
#include "kernel/valgrind.h"
#include "pages/begun.h"
#include "state/loss.h"
#include "state/publish.h"
#include "state/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#define FLAGS_KNOWN                                                                                \
	(UFFD_GUARD_ALLOW_EAGER | UFFD_GUARD_USER_FAULTS_ONLY | UFFD_GUARD_REQUIRE_KERNEL_FAULTS | \
		UFFD_GUARD_NO_IO_URING | UFFD_GUARD_NO_SANDBOX | UFFD_GUARD_NO_EVENTS |            \
		UFFD_GUARD_NO_COPIERS)
#define FAULT_FLAGS (UFFD_GUARD_USER_FAULTS_ONLY | UFFD_GUARD_REQUIRE_KERNEL_FAULTS)

/* ---- create ---- */

/* There is no guard yet: the log is that of the options. */
static int refuse_options(const struct uffd_guard_options *options, int err, const char *why)
{
	if (options->log)
		options->log(LOG_ERR, why, options->log_data);
	return err;
}

static int check_options(const struct uffd_guard_options *options)
{
	if (options->flags & ~FLAGS_KNOWN)
		return refuse_options(options, -EINVAL,
			"uffd_guard_create: flags has a bit that this library does not know");
	if ((options->flags & FAULT_FLAGS) == FAULT_FLAGS)
		return refuse_options(options, -EINVAL,
			"uffd_guard_create: flags has both USER_FAULTS_ONLY and "
			"REQUIRE_KERNEL_FAULTS");
	if (options->reserved)
		return refuse_options(options, -EINVAL, "uffd_guard_create: reserved is not 0");
	return 0;
}

static int read_options(struct uffd_guard_options *known, const struct uffd_guard_options *options)
{
	const int err = options_read(known, sizeof(*known), options);
	if (err == -E2BIG) /* longer than ours, so its log is there */
		return refuse_options(options, err,
			"uffd_guard_create: a member that this library does not know is not 0");
	return err;
}

static enum uffd_want wanted_faults(uint32_t flags)
{
	if (flags & UFFD_GUARD_USER_FAULTS_ONLY)
		return UFFD_WANT_USER_FAULTS_ONLY;
	return flags & UFFD_GUARD_REQUIRE_KERNEL_FAULTS ? UFFD_WANT_KERNEL_FAULTS
							: UFFD_WANT_KERNEL_FAULTS_OR_LESS;
}

static int fork_witness_create(struct uffd_guard *guard)
{
	unsigned char *page =
		mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, page_size(), MADV_WIPEONFORK) < 0) {
		int err = -errno;
		munmap(page, page_size());
		return err;
	}
	*page = 1;
	guard->fork_witness = page;
	return 0;
}

static void fork_witness_destroy(struct uffd_guard *guard)
{
	if (guard->fork_witness)
		munmap((void *)guard->fork_witness, page_size());
}

/* Where no file may be as long as a page. Without one such device, there is another error. */
static int open_device_of_zeros(int mark)
{
	struct stat st;
	int fd = descriptor_adopt(
		open("/dev/zero", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), mark);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 5))
		return fd;
	descriptor_close(fd, mark);
	return -EFBIG;
}

static int zeros_create(struct source *zeros, int mark)
{
	int fd = descriptor_memory("uffd_guard zeros", page_size(), mark);
	if (fd == -EFBIG)
		fd = open_device_of_zeros(mark);
	if (fd < 0)
		return fd;
	*zeros = (struct source){ .fd = fd };
	return descriptor_find_file(fd, false, &zeros->file);
}

static void log_outcome(struct uffd_guard *guard)
{
	if (!guard->log)
		return;
	if (guard_is_eager(guard))
		guard->log(LOG_NOTICE,
			"userfaultfd is denied (by a container, a seccomp filter or the kernel): "
			"clients' data "
			"is read at map and refresh, not when it is touched",
			guard->log_data);
	if (!guard->uffd.kernel_faults && !guard_is_eager(guard))
		guard->log(LOG_INFO,
			"userfaultfd is limited to user mode: system calls get EFAULT on pages "
			"that "
			"were never read, unless they are populated (see /dev/userfaultfd)",
			guard->log_data);
	if (handler_missed_scheduling(guard->handler))
		guard->log(LOG_WARNING,
			"the handler thread may not run with its creator's real-time policy (see "
			"RLIMIT_RTPRIO): threads that wait for a page wait at ordinary priority",
			guard->log_data);
	if (guard->missed_publishing)
		guard->log(LOG_WARNING,
			"UFFD_GUARD_STATS is set, but no sealed memfd could be had for the "
			"counters: "
			"uffd-guard-top will not find this guard",
			guard->log_data);
}

/* Denied, or not there; not merely short of something for the moment. */
static bool is_denial(int err)
{
	return err != -EMFILE && err != -ENFILE && err != -ENOMEM && err != -EINTR;
}

/* vm.overcommit_memory=2; where it cannot be read, what is usual. */
static bool is_memory_strict(int mark)
{
	char mode = 0;
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	fd = descriptor_adopt(fd < 0 ? -errno : fd, mark);
	const bool is_read = fd >= 0 && read(fd, &mode, 1) == 1;
	descriptor_close(fd, mark);
	return is_read && mode == '2';
}

static int open_uffd(struct uffd_guard *guard, uint32_t flags)
{
	int err = valgrind_is_there() ? -ENOSYS : uffd_open(&guard->uffd, wanted_faults(flags));
	if (!err || !(flags & UFFD_GUARD_ALLOW_EAGER) || !is_denial(err))
		return err;
	guard->uffd = (struct uffd){ .fd = -1, .mark = guard->mark };
	return 0;
}

static int start_handler(struct uffd_guard *guard, uint32_t flags)
{
	const struct handler_options options = {
		.may_use_io_uring = !(flags & UFFD_GUARD_NO_IO_URING) && !valgrind_is_there(),
		.may_use_sandbox = !(flags & UFFD_GUARD_NO_SANDBOX) && !valgrind_is_there(),
	};
	atomic_store(&guard->can_move, guard->uffd.features & UFFD_FEATURE_MOVE);
	return handler_start(guard, &options, &guard->handler);
}

/* All but the handler; also what init has not come to. */
static void guard_finish(struct uffd_guard *guard)
{
	uffd_close(&guard->uffd);
	uffd_close(&guard->holes);
	loss_drop_all(&guard->events);
	events_finish(&guard->events);
	descriptor_close(guard->zeros.fd, guard->mark);
	fork_witness_destroy(guard);
	staging_pool_finish(&guard->staging);
	spares_finish(&guard->spares);
	begun_finish(&guard->begun);
	pthread_mutex_destroy(&guard->lock);
}

/* See file/view.c: what is gained by views, and what they cost. */
static bool are_views_wanted(void)
{
	const char *value = secure_getenv("UFFD_GUARD_PAST_SCANNERS");
	return value && strcmp(value, "1") == 0;
}

static int guard_init(struct uffd_guard *guard, const struct uffd_guard_options *known)
{
	lock_init(&guard->lock);
	begun_init(&guard->begun);
	range_table_init(&guard->ranges);
	staging_pool_init(&guard->staging);
	spares_init(&guard->spares, &guard->stats->bytes_kept);
	guard->zeros.fd = guard->uffd.fd = guard->holes.fd = -1;
	guard->uffd.mark = guard->holes.mark = guard->mark;
	guard->has_views = are_views_wanted();
	guard->is_strict = is_memory_strict(guard->mark);
	guard->budget = budget_of(known->max_resident);

	int err = events_init(&guard->events, guard->mark);
	guard->events.is_off = known->flags & UFFD_GUARD_NO_EVENTS;
	if (!err)
		err = fork_witness_create(guard);
	if (!err)
		err = zeros_create(&guard->zeros, guard->mark);
	if (!err)
		err = open_uffd(guard, known->flags);
	if (!err)
		err = start_handler(guard, known->flags);
	if (err)
		guard_finish(guard);
	return err;
}

/* What the kernel has answered, as one of the errors that the header names. */
static int error_in_header(int err)
{
	switch (err) {
	case -EPERM:
	case -EFBIG:
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
	case -EAGAIN:
		return err;
	case -EACCES: /* of security modules */
		return -EPERM;
	case -ENOSPC:
	case -EDQUOT:
		return -ENOMEM;
	default: /* a flag or a request that this kernel does not know */
		return -ENOSYS;
	}
}

int uffd_guard_create(const struct uffd_guard_options *options, struct uffd_guard **guard)
{
	UNCANCELLED;
	if (!guard)
		return -EINVAL;
	struct uffd_guard_options known;
	int err = read_options(&known, options);
	if (!err)
		err = check_options(&known);
	if (err)
		return err;

	struct uffd_guard *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->references = 1;
	fresh->mark = descriptor_new_mark();
	fresh->stats = &fresh->own_stats;
	fresh->log = known.log;
	fresh->log_data = known.log_data;
	fresh->max_regions = known.max_regions;
	fresh->may_copy = !(known.flags & UFFD_GUARD_NO_COPIERS);
	fresh->read_deadline_ms = known.read_deadline_ms ? known.read_deadline_ms : 100;
	publish_begin(fresh);
	err = guard_init(fresh, &known);
	if (err) {
		publish_end(fresh);
		free(fresh);
		return error_in_header(err);
	}
	log_outcome(fresh);
	*guard = fresh;
	return 0;
}

/* ---- destroy ---- */

/* model: losses free_guard */
void guard_unref(struct uffd_guard *guard)
{
	if (atomic_fetch_sub(&guard->references, 1) > 1)
		return;
	copier_stop(guard); /* it looks at the handler's sandbox */
	handler_stop(guard->handler);
	guard_finish(guard);
	publish_end(guard);
	free(guard);
}

/* What is in order at the end is for the program to say: some unmap from destructors that run
 * later. So regions are guarded until the last of them goes. */
/* model: losses destroy */
void uffd_guard_destroy(struct uffd_guard *guard)
{
	UNCANCELLED;
	if (!guard || guard_is_in_child(guard))
		return;
	atomic_store(&guard->is_destroyed, true);
	events_clear_signal(&guard->events);
	guard_unref(guard);
}

/* ---- What it can do, what it has done ---- */

uint32_t uffd_guard_features(const struct uffd_guard *guard)
{
	if (!guard)
		return 0;
	const bool is_eager = guard_is_eager(guard);
	return (is_eager ? 0 : UFFD_GUARD_FEATURE_LAZY) |
	       (is_eager || guard->uffd.kernel_faults ? UFFD_GUARD_FEATURE_KERNEL_FAULTS : 0) |
	       (guard->uffd.features & UFFD_FEATURE_MOVE ? UFFD_GUARD_FEATURE_MOVE : 0) |
	       (handler_uses_io_uring(guard->handler) ? UFFD_GUARD_FEATURE_IO_URING : 0) |
	       (handler_is_sandboxed(guard->handler) ? UFFD_GUARD_FEATURE_SANDBOX : 0);
}

#define READ_COUNTER(name) .name = atomic_load_explicit(&from->name, memory_order_relaxed)

int uffd_guard_get_stats(const struct uffd_guard *guard, struct uffd_guard_stats *stats)
{
	if (!guard || !stats)
		return -EINVAL;
	if (guard_is_in_child(guard))
		return -ECHILD;

	const struct stats *from = guard->stats;
	struct uffd_guard_stats known = {
		READ_COUNTER(regions),
		READ_COUNTER(faults),
		READ_COUNTER(wakeups),
		READ_COUNTER(pages_copied),
		READ_COUNTER(pages_moved),
		READ_COUNTER(pages_zeroed),
		READ_COUNTER(bytes_read),
		READ_COUNTER(bytes_refreshed),
		READ_COUNTER(bytes_written_back),
		READ_COUNTER(bytes_resident),
		READ_COUNTER(pages_evicted),
		READ_COUNTER(events),
		READ_COUNTER(losses),
		READ_COUNTER(retries),
		READ_COUNTER(pages_reused),
		READ_COUNTER(bytes_kept),
	};
	_Static_assert(sizeof(known.fault_ns) / sizeof(known.fault_ns[0]) == STATS_BUCKETS,
		"the header's histogram is stats.h's");
	for (size_t i = 0; i < STATS_BUCKETS; i++)
		known.fault_ns[i] = atomic_load_explicit(&from->fault_ns[i], memory_order_relaxed);
	return options_write(stats, &known, sizeof(known));
}
