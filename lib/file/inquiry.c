/* SPDX-License-Identifier: MIT */
/*
 * A thread that waits for a scanner of files (fanotify(7), FAN_ACCESS_PERM) cannot be called away,
 * and nothing tells beforehand whether there is one. So before a caller reads a file on a tmpfs,
 * the handler reads no byte of it: the kernel asks the scanner all the same. Before the handler
 * does so, it has a worker of the kernel do it, where it has a ring (daemon/scanned_reads.c). If
 * it is held up all the same, another thread stands in (daemon/relief.c). The caller goes on when
 * its deadline has passed, past scanners from then on (calls/scanners.c).
 *
 * A thread that asks sleeps, also if it is answered at once. So a scanner that answers is known
 * too, and is read past before it might stop answering.
 *
 * In EAGER there is no handler: a child process reads no byte (file/aside.c), and the caller waits
 * for it, no longer than its deadline.
 *
 * An answer counts for a second, since a scanner may come later. (From Linux 6.14 on it is asked
 * only about files that one watched when they were opened.)
 */
#include "file/inquiry.h"

#include "base/clock.h"
#include "base/futex.h"
#include "base/watch.h"
#include "file/aside.h"

#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#define COUNTS_FOR_NS NS_PER_S

static bool is_recent(const struct inquiry *inquiry)
{
	return now_coarse_ns() - atomic_load(&inquiry->answered_at) < COUNTS_FOR_NS;
}

bool inquiry_is_free(const struct inquiry *inquiry)
{
	return atomic_load(&inquiry->state) == INQUIRY_FREE && is_recent(inquiry);
}

/* ---- Answers ---- */

/* The inquiry may be gone after this. */
static void answer(struct inquiry *inquiry, enum inquiry_state state, uint64_t as_of)
{
	const uint32_t ticket = inquiry->ticket; /* whoever asks next has another */
	atomic_store(&inquiry->answered_at, as_of);
	atomic_store(&inquiry->state, state);
	futex_wake(&inquiry->state);
	epoch_leave(&inquiry->under_way, ticket);
}

/* model: relief refuse */
static void refuse(struct request *request)
{
	answer((struct inquiry *)request, INQUIRY_UNKNOWN, 0);
}

static long count_sleeps(void)
{
	struct rusage usage;
	return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

/* A scanner on another processor may answer before this thread has fallen asleep, but hardly each
 * time. */
#define N_READS 3

/* Where no file reaches: of a file that is shorter, a read looks for no page. */
#define BEHIND_ALL INT64_MAX

/* After a read that had to wait there is no other: @fd may be another's by then. */
static bool must_wait(int fd)
{
	char none;
	const long before = count_sleeps();
	bool has_slept = false;
	for (int i = 0; i < N_READS && !has_slept; i++) {
		const ssize_t n = pread(fd, &none, 0, BEHIND_ALL);
		(void)n;
		has_slept = count_sleeps() > before;
	}
	return has_slept;
}

/* model: relief inquire */
int inquiry_make(struct inquiry *inquiry, struct watch *watch)
{
	const uint64_t now = now_coarse_ns();
	const int fd = inquiry->fd;
	watch->inside = &inquiry->under_way;
	watch->ticket = inquiry->ticket;
	watch->is_asked = false;
	watch_begin(watch);
	const bool is_scanned = must_wait(fd);
	if (!watch_end(watch))
		return WATCH_ERR_TAKEN;
	answer(inquiry, is_scanned ? INQUIRY_SCANNED : INQUIRY_FREE, now);
	return 0;
}

/* ---- Callers, and the handler for itself ---- */

/* model: relief ask, scanned begin_inquiry */
bool inquiry_begin(struct inquiry *inquiry, int fd)
{
	uint32_t state = atomic_load(&inquiry->state);
	const bool is_known = state == INQUIRY_FREE || state == INQUIRY_SCANNED;
	if (state == INQUIRY_ASKED || (is_known && is_recent(inquiry)) ||
		!atomic_compare_exchange_strong(&inquiry->state, &state, INQUIRY_ASKED))
		return false;
	inquiry->request = (struct request){ .kind = REQUEST_INQUIRY, .refuse = refuse };
	inquiry->fd = fd;
	inquiry->ticket = epoch_enter(&inquiry->under_way);
	return true;
}

/* ---- Callers ---- */

enum inquiry_state inquiry_await(
	struct inquiry *inquiry, int fd, struct inbox *inbox, uint64_t deadline)
{
	uint32_t state;
	if (inquiry_begin(inquiry, fd))
		inbox_post(inbox, &inquiry->request);
	while ((state = atomic_load(&inquiry->state)) == INQUIRY_ASKED &&
		futex_wait_until(&inquiry->state, INQUIRY_ASKED, deadline))
		;
	return (enum inquiry_state)state;
}

/* ---- Callers, without a handler ---- */

#define MOST_ASIDE 4

static int ask(int fd)
{
	return must_wait(fd);
}

enum inquiry_state inquiry_make_aside(
	struct inquiry *inquiry, int fd, const struct descriptor_file *file, uint64_t deadline)
{
	static struct aside_count count = { .most = MOST_ASIDE };
	const uint64_t now = now_coarse_ns();
	struct aside *aside = aside_begin(&count, fd, file, ask);
	if (!aside)
		return INQUIRY_SCANNED; /* for all we know */
	enum inquiry_state state = INQUIRY_ASKED;
	if (aside_wait(aside, deadline)) {
		state = aside_result(aside) == 0 ? INQUIRY_FREE : INQUIRY_SCANNED;
		atomic_store(&inquiry->answered_at, now);
		atomic_store(&inquiry->state, state);
	}
	aside_drop(aside);
	return state;
}

void inquiry_finish(struct inquiry *inquiry)
{
	epoch_synchronize(&inquiry->under_way);
}
