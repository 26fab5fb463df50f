/* SPDX-License-Identifier: MIT */
/*
 * Waiting with io_uring: one system call both asks for the next messages and waits for them.
 *
 * A ring can read a userfaultfd from Linux 6.10 on, and could on 6.1; on releases between, the read
 * is answered -EAGAIN at once, and the ring polls instead. Three requests are always in flight:
 * that one, a poll of the wake-up bell, and a poll that ends when nobody can ring it any more;
 * beside them those of blocking_reads.c.
 *
 * The ring has the userfaultfd as a file of its own: by its number it would find whatever the
 * program has opened there meanwhile, and take from that.
 */
#include "daemon/loop.h"

#include "base/clock.h"
#include "kernel/descriptor.h"
#include "kernel/uffd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 64

#define SLOT 0 /* where the ring has the userfaultfd */

enum request {
	REQUEST_READ = 1,
	REQUEST_POLL,
	REQUEST_WAKE,
	REQUEST_HANGUP,
	REQUEST_CANCEL,
	REQUEST_CLOSE
};

/* Made room for where there is none. */
static struct io_uring_sqe *get_sqe(struct loop *loop)
{
	struct io_uring_sqe *sqe;
	while (!(sqe = io_uring_get_sqe(&loop->ring)))
		io_uring_submit(&loop->ring);
	return sqe;
}

static void queue_poll(struct loop *loop, int fd, unsigned events, enum request request)
{
	struct io_uring_sqe *sqe = get_sqe(loop);
	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data64(sqe, request);
}

static void queue_wake(struct loop *loop)
{
	queue_poll(loop, loop->wake.bell.fd, POLLIN, REQUEST_WAKE);
}

static void queue_faults(struct loop *loop)
{
	struct io_uring_sqe *sqe = get_sqe(loop);
	const int fd = loop->has_slot ? SLOT : loop->uffd->fd;
	if (loop->polls)
		io_uring_prep_poll_add(sqe, fd, POLLIN);
	else
		io_uring_prep_read(sqe, fd, loop->incoming, sizeof(loop->incoming), 0);
	io_uring_sqe_set_flags(sqe, loop->has_slot ? IOSQE_FIXED_FILE : 0);
	io_uring_sqe_set_data64(sqe, loop->polls ? REQUEST_POLL : REQUEST_READ);
}

/* Only when it is about to wait. Before it sleeps it looks whether the userfaultfd is still ours:
 * fills, which go by its number, might wake nobody. A ring that has no slot for it always looks. */
static int ask_for_faults(struct loop *loop, bool shall_block)
{
	if (loop->is_asking || loop->is_abandoned || loop->uffd->fd < 0)
		return 0;
	if ((shall_block || !loop->has_slot) && !uffd_is_ours(loop->uffd))
		return -EBADF;
	queue_faults(loop);
	loop->is_asking = true;
	return 0;
}

/* liburing 2.3 declares functions for what we ask for here, but does not export them. */
static int ring_register(struct io_uring *ring, unsigned operation, void *what, unsigned n)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, operation, what, n) < 0 ? -errno : 0;
}

/* Restrict the ring to the operations used here, before it is enabled, and for good. */
static bool restrict_ring(struct io_uring *ring)
{
	struct io_uring_restriction allowed[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_CLOSE },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_ASYNC_CANCEL },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED,
			.sqe_flags = IOSQE_ASYNC | IOSQE_FIXED_FILE },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
			.register_op = IORING_REGISTER_ENABLE_RINGS },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
			.register_op = IORING_REGISTER_RING_FDS },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
			.register_op = IORING_UNREGISTER_RING_FDS },
	};
	return ring_register(ring, IORING_REGISTER_RESTRICTIONS, allowed,
		       sizeof(allowed) / sizeof(allowed[0])) == 0;
}

/* Disabled as yet, so that it can be restricted (5.10). */
static int init_ring(struct io_uring *ring)
{
	/* Completions are worked off by this thread when it waits, not by interrupting it. 6.1;
	 * before, plainly. */
	const unsigned disabled = IORING_SETUP_R_DISABLED;
	int err = io_uring_queue_init(
		ENTRIES, ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | disabled);
	return err == -EINVAL ? io_uring_queue_init(ENTRIES, ring, disabled) : err;
}

/* Before the ring is used: liburing knows its number. */
static int adopt_ring(struct loop *loop)
{
	int fd = descriptor_adopt(loop->ring.ring_fd, loop->wake.mark);
	loop->ring.ring_fd = loop->ring.enter_ring_fd = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static void exit_ring(struct loop *loop)
{
	if (!descriptor_is_ours(loop->ring.ring_fd, loop->wake.mark))
		loop->ring.ring_fd = -1;
	io_uring_queue_exit(&loop->ring);
}

static int uring_start(struct loop *loop)
{
	int err = init_ring(&loop->ring);
	if (err)
		return err;
	err = adopt_ring(loop);
	if (err) {
		exit_ring(loop);
		return err;
	}
	unsigned workers[2] = { loop->n_workers, 0 };
	io_uring_register_iowq_max_workers(
		&loop->ring, workers); /* 5.15; before, the kernel's own bound */
	int fd = loop->uffd->fd;
	loop->has_slot = ring_register(&loop->ring, IORING_REGISTER_FILES, &fd, 1) == 0;
	loop->is_restricted = loop->shall_restrict && restrict_ring(&loop->ring);
	err = ring_register(&loop->ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	if (err) {
		exit_ring(loop);
		return err;
	}
	io_uring_register_ring_fd(
		&loop->ring); /* 5.18: saves a look-up each time; elsewhere no matter */
	queue_wake(loop);
	queue_poll(loop, loop->wake.read_fd, POLLHUP, REQUEST_HANGUP);
	return 0;
}

static int take_read(struct loop *loop, int result, struct uffd_msg *messages)
{
	int n = 0;
	if (result > 0) {
		n = result / (int)sizeof(*messages);
		memcpy(messages, loop->incoming, (size_t)result);
	} else if (result == -EAGAIN) {
		loop->polls = 1;
	} else if (result != -EINTR) {
		return result < 0 ? result : -EIO;
	}
	return n;
}

static int take_poll(struct loop *loop, int result, struct uffd_msg *messages)
{
	if (result < 0 && result != -EINTR)
		return result;
	if (result > 0 && result & (POLLERR | POLLNVAL))
		return -EIO;
	if (!uffd_is_ours(loop->uffd))
		return -EBADF;
	return uffd_read(loop->uffd, messages, LOOP_MESSAGES);
}

/* Told once, though both requests end. */
static int become_deaf(struct loop *loop)
{
	const bool is_told = loop->is_deaf;
	loop->is_deaf = true;
	return is_told ? 0 : -EBADF;
}

static int take_wake(struct loop *loop)
{
	if (loop->is_deaf || !wake_take(&loop->wake))
		return become_deaf(loop);
	queue_wake(loop);
	return 0;
}

static int handle_completion(
	struct loop *loop, const struct io_uring_cqe *cqe, struct uffd_msg *messages)
{
	switch (cqe->user_data) {
	case REQUEST_READ:
	case REQUEST_POLL:
		loop->is_asking = false;
		if (loop->is_abandoned)
			return 0;
		return (cqe->user_data == REQUEST_READ ? take_read : take_poll)(
			loop, cqe->res, messages);
	case REQUEST_WAKE:
		return take_wake(loop);
	case REQUEST_HANGUP:
		return become_deaf(loop);
	case REQUEST_CANCEL:
	case REQUEST_CLOSE:
		return 0;
	}
	loop->on_answer(loop->on_answer_data, cqe->user_data, cqe->res);
	return 0;
}

static int submit_and_look(struct io_uring *ring)
{
	int err = io_uring_submit(ring);
	return err < 0 ? err : io_uring_get_events(ring);
}

static int submit_and_wait(struct loop *loop)
{
	if (!loop->wake_at)
		return io_uring_submit_and_wait(&loop->ring, 1);

	const uint64_t now = now_ns();
	if (loop->wake_at <= now)
		return submit_and_look(&loop->ring);
	const uint64_t rest = loop->wake_at - now;
	struct __kernel_timespec timeout = { .tv_sec = (int64_t)(rest / NS_PER_S),
		.tv_nsec = (long long)(rest % NS_PER_S) };
	struct io_uring_cqe *cqe;
	return io_uring_submit_and_wait_timeout(&loop->ring, &cqe, 1, &timeout, NULL);
}

static int uring_wait(struct loop *loop, struct uffd_msg messages[LOOP_MESSAGES], bool shall_block)
{
	int err = ask_for_faults(loop, shall_block);
	if (err)
		return err;
	err = shall_block ? submit_and_wait(loop) : submit_and_look(&loop->ring);
	/* Short of memory for the moment, or of room for completions, which are taken now. */
	bool is_vain = err == -EAGAIN || err == -EBUSY;
	if (err < 0 && err != -EINTR && err != -ETIME && !is_vain)
		return err;

	int n_messages = 0;
	struct io_uring_cqe *cqe;
	while (io_uring_peek_cqe(&loop->ring, &cqe) == 0) {
		is_vain = false;
		int n = handle_completion(loop, cqe, messages + n_messages);
		io_uring_cqe_seen(&loop->ring, cqe);
		if (n < 0)
			return n;
		n_messages += n;
		if (n > 0)
			break; /* the buffer may be full; what else completed is there the next time
				*/
	}
	return is_vain ? -EAGAIN : n_messages;
}

bool loop_uring_can_read_files(const struct loop *loop)
{
	return loop->ops == &loop_uring && loop->ring.features & IORING_FEAT_EXT_ARG; /* 5.11 */
}

/* By a worker of the kernel from the beginning. Asked to try at once, the kernel would on this
 * thread find out whether the file can be polled, and a FUSE file asks its server. */
void loop_uring_read(
	struct loop *loop, int fd, void *buffer, size_t length, uint64_t position, uint64_t tag)
{
	struct io_uring_sqe *sqe = get_sqe(loop);
	io_uring_prep_read(sqe, fd, buffer, (unsigned)length, position);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data64(sqe, tag);
}

void loop_uring_close(struct loop *loop, int fd, uint64_t tag)
{
	struct io_uring_sqe *sqe = get_sqe(loop);
	io_uring_prep_close(sqe, fd);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data64(sqe, tag);
}

/* Requests and the slot hold the userfaultfd open, and while that is open no thread is woken by its
 * closing. (The slot is closed by a request: for other ways the ring's descriptor would have to be
 * there.) */
static void uring_abandon(struct loop *loop)
{
	loop->is_abandoned = true;
	if (loop->is_asking) {
		struct io_uring_sqe *cancel = get_sqe(loop);
		io_uring_prep_cancel64(cancel, loop->polls ? REQUEST_POLL : REQUEST_READ, 0);
		io_uring_sqe_set_data64(cancel, REQUEST_CANCEL);
	}
	if (loop->has_slot) {
		struct io_uring_sqe *close = get_sqe(loop);
		io_uring_prep_close_direct(close, SLOT);
		io_uring_sqe_set_data64(close, REQUEST_CLOSE);
	}
	loop->has_slot = false;
	submit_and_look(&loop->ring);
}

static void uring_finish(struct loop *loop)
{
	exit_ring(loop);
}

const struct loop_ops loop_uring = {
	.start = uring_start, .wait = uring_wait, .abandon = uring_abandon, .finish = uring_finish
};
