/* SPDX-License-Identifier: MIT */
/*
 * The one place that fills pages, and what to do with each answer of the kernel. No one waits for
 * ever because of an answer that was taken for something else.
 */
#include "pages/install.h"
#include "base/check.h"

#include "base/page.h"
#include "pages/install_plain.h"
#include "state/guard.h"

#include <errno.h>

/* With no event feature on, "try again" without progress means that a page table changed under the
 * kernel's hands: the next try succeeds. If one in this many does not, then something is wrong that
 * repetition does not mend. */
#define MAX_RETRIES 1000

struct install {
	struct uffd_guard *guard;
	uintptr_t start;
	const char *source; /* NULL: zeros */
	size_t length, done;
	size_t step; /* bytes asked for at a time */
	bool is_protected;
	unsigned n_retries;
};

static int try_once(struct install *in)
{
	const struct uffd *uffd = &in->guard->uffd;
	uintptr_t at = in->start + in->done;
	size_t length = min_u64(in->step, in->length - in->done);
	size_t done;
	int err = in->source ? uffd_copy(uffd, at, in->source + in->done, length, in->is_protected,
				       &done)
			     : uffd_zero(uffd, at, length, &done);
	in->done += done;
	return done > 0 ? 0 : err;
}

/* 0: go on. */
static int take_answer(struct install *in, int err)
{
	uintptr_t at = in->start + in->done;
	switch (err) {
	case 0:
		return 0;
	case -EEXIST:
		/* Another thread has filled it, and may have woken the waiter before it slept. */
		uffd_wake(&in->guard->uffd, at, page_size());
		in->done += page_size();
		return 0;
	case -EAGAIN:
		stats_add(&in->guard->stats->retries, 1);
		return in->n_retries++ < MAX_RETRIES ? 0 : err;
	case -ENOENT:
		/* Across two mappings, since the program has called mprotect() on a part. Or none
		 * at all. */
		if (in->step > page_size()) {
			in->step = page_size();
			return 0;
		}
		break;
	case -ESRCH:
	case -ENOSPC: /* -ESRCH before 4.13 */
		break;
	default:
		return err;
	}
	uffd_wake(&in->guard->uffd, at, in->length - in->done);
	return -ENOENT;
}

/* model: blocking install, direct install, protocol install */
static int install_all(struct install *in, size_t *done)
{
	int err = 0;
	check(page_floor(in->start) == in->start && page_floor(in->length) == in->length);
	while (!err && in->done < in->length)
		err = take_answer(in, try_once(in));
	*done = in->done;
	return err;
}

int install_copy(struct uffd_guard *guard, uintptr_t start, const void *source, size_t length,
	bool is_protected, size_t *done)
{
	if (guard_is_eager(guard))
		return install_plain_copy(start, source, length, done);
	struct install in = {
		.guard = guard,
		.start = start,
		.source = source,
		.length = length,
		.step = length,
		.is_protected = is_protected,
	};
	return install_all(&in, done);
}

int install_zeros(struct uffd_guard *guard, uintptr_t start, size_t length, size_t *done)
{
	if (guard_is_eager(guard))
		return install_plain_zeros(start, length, done);
	struct install in = { .guard = guard, .start = start, .length = length, .step = length };
	return install_all(&in, done);
}

size_t install_huge(struct uffd_guard *guard, uintptr_t start, const void *staging)
{
	size_t done;
	if (!atomic_load_explicit(&guard->can_move, memory_order_relaxed))
		return 0;
	int err = uffd_move(&guard->uffd, start, staging, STAGING_SIZE, &done);
	/* Denied, not merely in the way (shared or pinned for the moment, a part there already):
	 * not to be asked again. */
	if (err == -EPERM || err == -EACCES || err == -ENOSYS || err == -ENOTTY)
		atomic_store_explicit(&guard->can_move, false, memory_order_relaxed);
	return done;
}
