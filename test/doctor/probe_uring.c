/* SPDX-License-Identifier: MIT */
/* Find out what of io_uring is allowed here: a ring, a ring with restrictions, and a ring that
 * reads faults. */
#include "probe.h"

#include <errno.h>
#include <liburing.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 4

int probe_ring(struct facts *facts)
{
	struct io_uring ring;
	(void)facts;
	return io_uring_queue_init(ENTRIES, &ring, 0);
}

/* Some releases of the shared liburing declare functions for these and lack them. */
static int tell(const struct io_uring *ring, unsigned what, void *argument, unsigned n)
{
	long result = syscall(SYS_io_uring_register, ring->ring_fd, what, argument, n);
	return result < 0 ? -errno : 0;
}

/* A seccomp filter does not see a ring's operations. So a sandbox with a ring needs restrictions
 * too. */
int probe_ring_restrict(struct facts *facts)
{
	struct io_uring_restriction only_reads = { .opcode = IORING_RESTRICTION_SQE_OP,
		.sqe_op = IORING_OP_READ };
	struct io_uring ring;
	(void)facts;
	int err = io_uring_queue_init(ENTRIES, &ring, IORING_SETUP_R_DISABLED);
	if (!err)
		err = tell(&ring, IORING_REGISTER_RESTRICTIONS, &only_reads, 1);
	return err ? err : tell(&ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static void *touch(void *page)
{
	(void)*(volatile char *)page;
	return NULL;
}

/* Read @message through the ring. 0 or a negative errno. */
static int read_by_ring(struct io_uring *ring, int uffd, struct uffd_msg *message, void *page)
{
	struct io_uring_cqe *cqe;
	pthread_t toucher;
	io_uring_prep_read(io_uring_get_sqe(ring), uffd, message, sizeof(*message), 0);
	int err = io_uring_submit(ring);
	if (err < 0)
		return err;
	err = -pthread_create(&toucher, NULL, touch, page);
	if (err)
		return err;
	pthread_detach(toucher);
	err = io_uring_wait_cqe(ring, &cqe);
	if (err)
		return err;
	if (cqe->res < 0)
		return cqe->res; /* before 6.10 -EAGAIN, at once */
	return cqe->res == sizeof(*message) ? 0 : -EBADMSG;
}

int probe_ring_read(struct facts *facts)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	struct io_uring ring;
	struct uffd_msg message = { .event = 0 };
	uint64_t features;

	(void)facts;
	char *page = probe_memory(size);
	int uffd = probe_open_best(&features);
	int err = uffd < 0 ? uffd : page ? probe_register(uffd, page, size) : -ENOMEM;
	if (!err)
		err = io_uring_queue_init(ENTRIES, &ring, 0);
	if (!err)
		err = read_by_ring(&ring, uffd, &message, page);
	if (!err && message.event != UFFD_EVENT_PAGEFAULT)
		err = -EBADMSG;
	return err ? err : probe_zero(uffd, page, size);
}
