/* SPDX-License-Identifier: MIT */
/*
 * Guards are costly to make beside what an input does with them: those with ordinary options are
 * kept for the inputs to come.
 */
#include "world.h"

#include "trace.h"

#include <errno.h>
#include <string.h>

#define KEPT_FLAGS (UFFD_GUARD_USER_FAULTS_ONLY | UFFD_GUARD_NO_IO_URING | UFFD_GUARD_NO_SANDBOX)
#define ALL_FLAGS                                                                                  \
	(KEPT_FLAGS | UFFD_GUARD_ALLOW_EAGER | UFFD_GUARD_NO_EVENTS | UFFD_GUARD_NO_COPIERS)
#define N_KEPT (KEPT_FLAGS + 1)

static struct uffd_guard *kept[N_KEPT];

static bool is_denied(int err)
{
	return err == -EPERM || err == -ENOSYS;
}

/* What this release does not have is left out; what this machine denies is done without. */
static int create(struct uffd_guard_options *options, struct uffd_guard **guard)
{
	int err = uffd_guard_create(options, guard);
	if (err == -EOPNOTSUPP && options->max_resident) {
		options->max_resident = 0;
		err = uffd_guard_create(options, guard);
	}
	if (err == -EOPNOTSUPP && options->flags & UFFD_GUARD_ALLOW_EAGER) {
		options->flags &= ~UFFD_GUARD_ALLOW_EAGER;
		err = uffd_guard_create(options, guard);
	}
	if (is_denied(err)) {
		options->flags |= UFFD_GUARD_ALLOW_EAGER;
		err = uffd_guard_create(options, guard) ? err : 0;
	}
	return err;
}

/* a: flags; b: max_resident; c: a new one; d: max_regions */
static struct uffd_guard_options read_options(const struct record *r)
{
	static const uint64_t budgets[8] = { 0, 0, 0, 0, PAGE, 4 * PAGE, 32 * PAGE, 256 * PAGE };
	static const uint32_t regions[8] = { 0, 0, 0, 0, 0, 1, 2, 3 };
	return (struct uffd_guard_options){
		.size = sizeof(struct uffd_guard_options),
		.flags = r->a & ALL_FLAGS,
		.max_resident = budgets[r->b % 8],
		.read_deadline_ms = 60000, /* a slow disk is not what is looked for */
		.max_regions = regions[r->d % 8],
	};
}

bool guards_acquire(const struct record *r, struct fuzzed_guard *fuzzed)
{
	struct uffd_guard_options options = read_options(r);
	struct uffd_guard **place = &kept[options.flags & KEPT_FLAGS];
	const bool is_ordinary = !options.max_resident && !options.max_regions &&
				 !(options.flags & ~KEPT_FLAGS) && r->c % 8 != 7;
	*fuzzed = (struct fuzzed_guard){ .guard = is_ordinary ? *place : NULL };
	fuzzed->features = uffd_guard_features(fuzzed->guard);
	if (fuzzed->guard)
		return true;

	int err = create(&options, &fuzzed->guard);
	if (is_denied(err))
		return false;
	if (err)
		fail("create: %s", strerror(-err));
	fuzzed->features = uffd_guard_features(fuzzed->guard);
	fuzzed->has_budget = options.max_resident > 0;
	fuzzed->tells_no_events = options.flags & UFFD_GUARD_NO_EVENTS;
	fuzzed->most_regions = options.max_regions;
	if (is_ordinary)
		*place = fuzzed->guard;
	return true;
}

void guards_acquire_other(const struct fuzzed_guard *other, struct fuzzed_guard *guard)
{
	static const uint8_t flags[N_GUARDS] = { 0, UFFD_GUARD_NO_IO_URING };
	for (size_t i = 0; i < N_GUARDS; i++) {
		const struct record record = { .a = flags[i] };
		if (guards_acquire(&record, guard) && guard->guard != other->guard)
			return;
	}
	*guard = (struct fuzzed_guard){ .guard = NULL };
}

void guards_forget(const struct uffd_guard *guard)
{
	for (size_t i = 0; i < N_KEPT; i++) {
		if (kept[i] == guard)
			kept[i] = NULL;
	}
}

void guards_release(struct uffd_guard *guard)
{
	for (size_t i = 0; i < N_KEPT; i++) {
		if (kept[i] == guard)
			return;
	}
	uffd_guard_destroy(guard);
}

void guards_destroy_all(void)
{
	for (size_t i = 0; i < N_KEPT; i++) {
		uffd_guard_destroy(kept[i]);
		kept[i] = NULL;
	}
}
