/* SPDX-License-Identifier: MIT */
/*
 * A hostile client: it shares files, and then cuts, punches, grows and rewrites them as fast as it
 * can while the server reads.
 *
 * It has one thread and makes one attack at a time, so it always knows what its files hold. It
 * tells the server by the control memory: `whole` becomes odd before the first damage to a file,
 * and even again when every word is back. The number of a page's rewrite is published when its last
 * word is stored. Each attack ends with the file whole.
 */
#include "stress_client.h"

#include "../support/rng.h"
#include "../support/time_ns.h"
#include "stress_options.h"
#include "word.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct file {
	struct control *control;
	struct control_file *shared;
	struct rng *rng;
	int fd;
	bool is_sealed;	  /* against shrinking */
	uint32_t n_pages; /* a sealed file can only grow */
	uint32_t writer;
	_Atomic uint64_t *words; /* maps max_pages; only pages that the file has may be touched */
};

/* ---- Writing ---- */

static void write_page(struct file *file, uint32_t page)
{
	uint32_t n_words = file->control->words_per_page;
	_Atomic uint64_t *words = file->words + (size_t)page * n_words;
	uint64_t seq = atomic_load(&file->shared->published[page]) + 1;
	uint64_t word = word_make(file->writer, page, seq);

	for (uint32_t i = 0; i < n_words; i++)
		atomic_store_explicit(&words[i], word, memory_order_relaxed);
	atomic_store_explicit(&file->shared->published[page], seq, memory_order_release);
}

static void write_pages(struct file *file, uint32_t first, uint32_t end)
{
	for (uint32_t page = first; page < end; page++)
		write_page(file, page);
}

static bool set_length(struct file *file, uint64_t length)
{
	return ftruncate(file->fd, (off_t)length) == 0;
}

static uint64_t own_length(const struct file *file)
{
	return (uint64_t)file->control->n_pages * file->control->page_size;
}

/* ---- Attacks ---- */

static void damage_begin(struct file *file)
{
	atomic_fetch_add(&file->shared->whole, 1);
}

static void damage_end(struct file *file)
{
	atomic_fetch_add(&file->shared->whole, 1);
}

/* Pause sometimes, so that the server sees the damage. */
static void linger(struct rng *rng)
{
	switch (rng_below(rng, 8)) {
	case 0:
		clock_sleep(rng_below(rng, 300000));
		break;
	case 1:
	case 2:
		sched_yield();
		break;
	default:
		break;
	}
}

static void cut_and_mend(struct file *file, uint64_t length)
{
	damage_begin(file);
	if (set_length(file, length)) {
		linger(file->rng);
		while (!set_length(file, own_length(file)))
			sched_yield();
		if (rng_one_in(file->rng, 4))
			linger(file->rng);
		write_pages(file, (uint32_t)(length / file->control->page_size),
			file->control->n_pages);
	}
	damage_end(file);
}

static void attack_truncate(struct file *file)
{
	uint64_t word = rng_below(file->rng, control_file_words(file->control));
	if (rng_one_in(file->rng, 2))
		word -= word % file->control->words_per_page;
	cut_and_mend(file, word * sizeof(uint64_t));
}

static void attack_odd(struct file *file)
{
	uint32_t page = (uint32_t)rng_below(file->rng, file->control->n_pages);
	uint32_t index =
		word_cut_near((uint32_t)rng_below(file->rng, file->control->words_per_page));
	uint64_t word = (uint64_t)page * file->control->words_per_page + index;
	cut_and_mend(file, word * sizeof(uint64_t) + 1 + rng_below(file->rng, 7));
}

/* A sealed file cannot shrink again. Never grow it to max_pages, so that a region can still be
 * longer than its file. */
static void grow_for_good(struct file *file)
{
	const struct control *control = file->control;
	uint32_t most = control->n_pages + (control->max_pages - control->n_pages) / 2;
	uint64_t length = (uint64_t)(file->n_pages + 1) * control->page_size;
	if (file->n_pages < most && set_length(file, length))
		file->n_pages++;
	write_pages(file, control->n_pages, file->n_pages);
}

static void attack_grow(struct file *file)
{
	const struct control *control = file->control;
	if (file->is_sealed) {
		grow_for_good(file);
		return;
	}
	uint32_t n = 1 + (uint32_t)rng_below(file->rng, control->max_pages - control->n_pages);
	uint32_t end = control->n_pages + n;
	if (!set_length(file, (uint64_t)end * control->page_size))
		return;
	write_pages(file, control->n_pages, end);
	linger(file->rng);
	while (!set_length(file, own_length(file)))
		sched_yield();
}

static void attack_punch(struct file *file)
{
	uint64_t n_words = control_file_words(file->control);
	uint32_t per_page = file->control->words_per_page;
	uint64_t start = rng_below(file->rng, n_words);
	uint64_t end = start + 1 + rng_below(file->rng, n_words - start);
	if (rng_one_in(file->rng, 2)) {
		start -= start % per_page;
		end += (per_page - end % per_page) % per_page;
	}

	damage_begin(file);
	if (fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		    (off_t)(start * sizeof(uint64_t)),
		    (off_t)((end - start) * sizeof(uint64_t))) == 0) {
		linger(file->rng);
		write_pages(file, (uint32_t)(start / per_page),
			(uint32_t)((end + per_page - 1) / per_page));
	}
	damage_end(file);
}

static void attack_rewrite(struct file *file)
{
	uint32_t n_pages = file->control->n_pages;
	uint32_t first = rng_choose(file->rng, n_pages);
	uint32_t n = 1 + (uint32_t)rng_below(file->rng, rng_one_in(file->rng, 2) ? 32 : 4);
	write_pages(file, first, n < n_pages - first ? first + n : n_pages);
}

static void attack(struct file *file, enum attack attack)
{
	static void (*const attacks[N_ATTACKS])(struct file *) = {
		[ATTACK_TRUNCATE] = attack_truncate,
		[ATTACK_GROW] = attack_grow,
		[ATTACK_PUNCH] = attack_punch,
		[ATTACK_REWRITE] = attack_rewrite,
		[ATTACK_ODD] = attack_odd,
	};
	atomic_store(&file->shared->attack, attack);
	if (attack_shrinks(attack) && !file->is_sealed) /* else ftruncate() fails */
		atomic_store(&file->shared->last_cut, attack);
	attacks[attack](file);
}

/* ---- The file that the server writes to ---- */

/* Only the client changes its length. */
static void attack_capture(struct file *file, uint64_t *length)
{
	struct stat st;
	const uint64_t own = own_length(file);
	if (fstat(file->fd, &st) == 0 && (uint64_t)st.st_size != *length)
		atomic_fetch_add(&file->control->n_grown, 1);
	if (rng_one_in(file->rng, 4)) {
		fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			(off_t)(1 + rng_below(file->rng, own)));
		return;
	}
	*length = rng_one_in(file->rng, 2) ? own : rng_below(file->rng, own);
	set_length(file, *length);
}

static bool make_capture(struct file *file, struct control *control, struct rng *rng)
{
	*file = (struct file){
		.control = control,
		.rng = rng,
		.fd = memfd_create("uffd-guard-stress-capture", MFD_CLOEXEC),
	};
	return file->fd >= 0 && set_length(file, own_length(file));
}

/* ---- Life ---- */

static bool seal(struct file *file)
{
	file->is_sealed = fcntl(file->fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
	return file->is_sealed;
}

static bool make_file(struct file *file, struct control *control, uint32_t number, struct rng *rng)
{
	*file = (struct file){
		.control = control,
		.shared = &control->files[number],
		.rng = rng,
		.fd = memfd_create("uffd-guard-stress", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.n_pages = control->n_pages,
		.writer = control_writer(number),
	};
	if (file->fd < 0 || !set_length(file, own_length(file)))
		return false;
	void *words = mmap(NULL, (size_t)control->max_pages * control->page_size,
		PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
	if (words == MAP_FAILED)
		return false;
	file->words = words;
	write_pages(file, 0, control->n_pages);
	damage_end(file);
	return true;
}

#define FDS_PER_MESSAGE 128 /* the kernel takes 253 */

union fd_buffer {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FDS_PER_MESSAGE * sizeof(int))];
};

static bool send_files(int socket, const struct file *files, uint32_t first, uint32_t n)
{
	int fds[FDS_PER_MESSAGE];
	for (uint32_t i = 0; i < n; i++)
		fds[i] = files[i].fd;

	union fd_buffer buffer = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = &first, .iov_len = sizeof(first) };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &buffer,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(header), fds, n * sizeof(int));
	ssize_t sent;
	/* ETOOMANYREFS: too many descriptors are in flight. Try again when the server has taken
	 * some. */
	while ((sent = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 &&
		(errno == EINTR || errno == ETOOMANYREFS))
		clock_sleep(NS_PER_MS);
	return sent == sizeof(first);
}

static enum attack choose_attack(struct rng *rng, uint32_t allowed)
{
	enum attack attack;
	do
		attack = (enum attack)rng_below(rng, N_ATTACKS);
	while (!(allowed & 1u << attack));
	return attack;
}

/* Read the phase again after is_experimenting is set: the server waits until it is 0 before the
 * next experiment. */
static void experiment(struct control *control, struct file *file)
{
	atomic_store(&control->is_experimenting, 1);
	if (atomic_load(&control->phase) == PHASE_EXPERIMENT)
		attack(file, atomic_load(&control->experiment_attack));
	atomic_store(&control->is_experimenting, 0);
}

static void live(struct control *control, struct file *files, uint32_t n_files, struct rng *rng,
	const struct options *options, bool is_first)
{
	struct file *capture = &files[n_files];
	uint64_t capture_length = own_length(capture);
	for (enum phase phase; (phase = atomic_load(&control->phase)) != PHASE_STOP;) {
		if (phase == PHASE_RUN) {
			struct file *file = &files[rng_choose(rng, n_files)];
			enum attack chosen = choose_attack(rng, options->attacks);
			attack(file, chosen);
			atomic_fetch_add(&file->shared->n_done[chosen], 1);
			if (rng_one_in(rng, 8))
				attack_capture(capture, &capture_length);
			linger(rng);
		} else if (phase == PHASE_EXPERIMENT && is_first) {
			experiment(control, &files[0]);
		} else {
			clock_sleep(NS_PER_MS / 5);
		}
	}
}

static void be_client(const struct client *client, unsigned number, const struct options *options,
	struct control *control)
{
	struct rng rng = rng_of(options->seed, number);
	struct file *files = calloc(client->n_sent, sizeof(*files));
	if (!files || !make_capture(&files[client->n_files], control, &rng))
		_exit(1);
	for (uint32_t i = 0; i < client->n_files; i++) {
		const uint32_t its_number = client->first + i;
		if (!make_file(&files[i], control, its_number, &rng) ||
			(mode_seals_file(options->mode, its_number) && !seal(&files[i])))
			_exit(1);
	}
	for (uint32_t i = 0; i < client->n_files; i += FDS_PER_MESSAGE) {
		uint32_t left = client->n_files - i;
		if (!send_files(client->socket, &files[i], client->first + i,
			    left < FDS_PER_MESSAGE ? left : FDS_PER_MESSAGE))
			_exit(1);
	}
	if (!send_files(client->socket, &files[client->n_files], options->n_regions + number, 1))
		_exit(1);
	live(control, files, client->n_files, &rng, options, client->first == 0);
	_exit(0);
}

static uint32_t first_file(const struct options *options, unsigned number)
{
	return (uint32_t)((uint64_t)options->n_regions * number / options->n_clients);
}

int client_start(struct client *client, unsigned number, const struct options *options,
	struct control *control)
{
	client->first = first_file(options, number);
	client->n_files = first_file(options, number + 1) - client->first;
	client->n_sent = client->n_files + 1;
	int sockets[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return -errno;

	pid_t server = getpid(), pid = fork();
	if (pid < 0) {
		int err = -errno;
		close(sockets[0]);
		close(sockets[1]);
		return err;
	}
	client->pid = pid;
	client->socket = sockets[pid == 0];
	close(sockets[pid != 0]);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGBUS, SIG_DFL);
		if (getppid() != server)
			_exit(1);
		be_client(client, number, options, control);
	}
	return 0;
}

/* ---- The server's side ---- */

static int receive_some(int socket, uint32_t *first, int fds[FDS_PER_MESSAGE])
{
	union fd_buffer buffer;
	struct iovec iov = { .iov_base = first, .iov_len = sizeof(*first) };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &buffer,
		.msg_controllen = sizeof(buffer) };
	ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (n == 0)
		return -EPIPE;
	if (!header || message.msg_flags & MSG_CTRUNC)
		return -EMFILE;
	size_t bytes = header->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(header), bytes);
	return (int)(bytes / sizeof(int));
}

int client_receive_files(
	struct client *client, void (*on_file)(uint32_t file, int fd, void *data), void *data)
{
	int fds[FDS_PER_MESSAGE];
	uint32_t first;
	int n = receive_some(client->socket, &first, fds);
	for (int i = 0; i < n; i++)
		on_file(first + (uint32_t)i, fds[i], data);
	if (n > 0)
		client->n_received += (uint32_t)n;
	return n < 0 ? n : 0;
}

void client_look_after(struct client *client)
{
	if (client->pid > 0 && !client->has_died)
		client->has_died = waitpid(client->pid, &client->status, WNOHANG) == client->pid;
}

void client_stop(struct client *client)
{
	if (client->socket > 0)
		close(client->socket);
	if (client->pid == 0 || client->has_died)
		return;
	int status;
	kill(client->pid, SIGKILL);
	while (waitpid(client->pid, &status, 0) < 0 && errno == EINTR)
		;
}
