/* SPDX-License-Identifier: MIT */
/* Copy with io_uring: request all damaged spans in as few system calls as possible. */
#include "../peer.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ENTRIES 256

struct uring {
	struct io_uring ring;
	int fd;
	char *buffer;
	size_t length;
	struct uffd_guard_span wanted[ENTRIES]; /* the rest to read, for each request */
	unsigned n_in_flight;
};

static void *uring_open(int fd, size_t length)
{
	struct uring *uring = calloc(1, sizeof(*uring));
	if (!uring)
		return NULL;
	uring->fd = fd;
	uring->length = length;
	uring->buffer =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (uring->buffer == MAP_FAILED)
		goto err_uring;

	int err = io_uring_queue_init(
		ENTRIES, &uring->ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (err == -EINVAL) /* before 6.1 */
		err = io_uring_queue_init(ENTRIES, &uring->ring, 0);
	if (!err)
		return uring;

	munmap(uring->buffer, length);
	errno = -err;
err_uring:
	free(uring);
	return NULL;
}

/* Never more in flight than there are entries. */
static void ask(struct uring *uring, unsigned slot)
{
	const struct uffd_guard_span *span = &uring->wanted[slot];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);
	io_uring_prep_read(
		sqe, uring->fd, uring->buffer + span->offset, (unsigned)span->length, span->offset);
	io_uring_sqe_set_data64(sqe, slot);
	uring->n_in_flight++;
}

static void take(struct uring *uring, unsigned slot, int result)
{
	struct uffd_guard_span *span = &uring->wanted[slot];
	uring->n_in_flight--;
	if (result == -EINTR || result == -EAGAIN) {
		ask(uring, slot);
	} else if (result <= 0) { /* the file ends */
		memset(uring->buffer + span->offset, 0, span->length);
	} else if ((uint64_t)result < span->length) {
		span->offset += (uint64_t)result;
		span->length -= (uint64_t)result;
		ask(uring, slot);
	}
}

static void take_all(struct uring *uring)
{
	struct io_uring_cqe *cqe;
	while (io_uring_peek_cqe(&uring->ring, &cqe) == 0) {
		unsigned slot = (unsigned)io_uring_cqe_get_data64(cqe);
		int result = cqe->res;
		io_uring_cqe_seen(&uring->ring, cqe);
		take(uring, slot, result);
	}
}

static void read_spans(struct uring *uring, const struct uffd_guard_span *spans, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uring->wanted[i] = spans[i];
		ask(uring, i);
	}
	while (uring->n_in_flight > 0) {
		io_uring_submit_and_wait(&uring->ring, uring->n_in_flight);
		take_all(uring);
	}
}

static const char *uring_begin(void *self, const struct damage *damage)
{
	struct uring *uring = self;
	for (size_t done = 0; done < damage->n_spans; done += ENTRIES) {
		size_t rest = damage->n_spans - done;
		read_spans(uring, damage->spans + done, rest < ENTRIES ? (unsigned)rest : ENTRIES);
	}
	return uring->buffer;
}

static void uring_end(void *self)
{
	(void)self;
}

static void uring_close(void *self)
{
	struct uring *uring = self;
	io_uring_queue_exit(&uring->ring);
	munmap(uring->buffer, uring->length);
	free(uring);
}

const struct peer peer_uring = {
	.name = "uring",
	.open = uring_open,
	.begin = uring_begin,
	.end = uring_end,
	.close = uring_close,
};
