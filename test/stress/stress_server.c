/* SPDX-License-Identifier: MIT */
/*
 * The server: one guard, or two of which one is denied userfaultfd; a slot for each file of a
 * client; and threads: readers, the dispatcher of losses, and the watchdog.
 *
 * A loss is counted for the attack that most likely caused it. Bytes of the file's own pages count
 * for the latest attack that shrank it. Bytes behind them count for a growth that was taken back,
 * or for ATTACK_NONE where a region is longer than its file.
 */
#include "stress_server.h"

#include "../support/time_ns.h"
#include "deny.h"
#include "reader.h"
#include "slot.h"
#include "stress_client.h"
#include "stress_options.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_OF_OUR_OWN 64
#define LOAD_LIMIT	       (2 * NS_PER_S)
#define CALL_LIMIT	       (10 * NS_PER_S)
#define STOP_LIMIT	       (5 * NS_PER_S)
#define BETWEEN_JOINS	       (100 * NS_PER_MS)

/* ---- Losses ---- */

static enum attack cause_of(const struct control_file *file, bool is_own_page)
{
	if (is_own_page)
		return (enum attack)atomic_load(&file->last_cut);
	return atomic_load(&file->attack) == ATTACK_GROW ? ATTACK_GROW : ATTACK_NONE;
}

static void count_truncated(
	struct server *server, const struct slot *slot, uint64_t start, uint64_t end)
{
	const struct control *control = server->control;
	const struct control_file *file = &control->files[slot->file];
	uint64_t own_end = (uint64_t)control->n_pages * control->page_size;
	uint64_t page = control->page_size;

	uint64_t last_own = end < own_end ? end : own_end;
	if (start < last_own)
		server->pages_lost[cause_of(file, true)] += (last_own - start + page - 1) / page;
	uint64_t first_behind = start > own_end ? start : own_end;
	if (first_behind < end)
		server->pages_lost[cause_of(file, false)] += (end - first_behind + page - 1) / page;
}

/* Check the place of a loss. Only the end of a file can make bytes of a memfd unreadable, and a
 * file that was never cut has all its own pages. A range from the region's first byte may be a
 * summary (see uffd_guard_dispatch()). */
static void judge_loss(struct server *server, const struct slot *slot,
	const struct uffd_guard_event *event, uint64_t start)
{
	const struct control *control = server->control;
	bool is_summary = event->offset == 0;
	bool was_cut = atomic_load(&control->files[slot->file].last_cut) != ATTACK_NONE;
	judge_count(&server->judge, CHECK_LOSSES, 1);
	if (!judge_reasons(&server->judge, slot->file, event->reasons, slot->may_run_out))
		return;
	bool is_truncation = event->reasons == UFFD_GUARD_LOST_TRUNCATED;
	if (event->reasons == 0 || event->error || event->length == 0 ||
		(is_truncation && !was_cut && !is_summary &&
			start < (uint64_t)control->n_pages * control->page_size))
		judge_report(&server->judge, VIOLATION_LOSS,
			"region %u: bytes %llu to %llu of the file, reasons %#x, error %d; the "
			"file "
			"%s and has %u pages of its own",
			slot->file, (unsigned long long)start,
			(unsigned long long)(start + event->length), event->reasons, event->error,
			was_cut ? "has been cut" : "was never cut", control->n_pages);
}

static void on_event(const struct uffd_guard_event *event, void *data)
{
	struct server *server = data;
	const struct slot *slot = event->user_data;
	if (!slot)
		return; /* a capture's file ends where its client likes */
	uint64_t start =
		atomic_load(&slot->first_page) * server->control->page_size + event->offset;

	for (unsigned i = 0; i < N_LOSS_REASONS; i++) {
		if (event->reasons & 1u << i)
			server->bytes_lost[i] += event->length;
	}
	if (event->reasons & UFFD_GUARD_LOST_TRUNCATED)
		count_truncated(server, slot, start, start + event->length);
	judge_loss(server, slot, event, start);
}

static void dispatch(struct server *server, struct uffd_guard *guard)
{
	int n = uffd_guard_dispatch(guard, on_event, server);
	if (n < 0)
		judge_report(&server->judge, VIOLATION_ERROR,
			"uffd_guard_dispatch() answers %s; expected a count", strerror(-n));
}

static void *run_dispatcher(void *data)
{
	struct server *server = data;
	struct pollfd fds[N_GUARDS];
	for (unsigned i = 0; i < N_GUARDS; i++) {
		struct uffd_guard *guard = server->guards[i];
		fds[i] = (struct pollfd){ .fd = guard ? uffd_guard_get_fd(guard) : -1,
			.events = POLLIN };
	}
	while (!atomic_load(&server->shall_stop)) {
		if (poll(fds, N_GUARDS, 100) <= 0)
			continue;
		for (unsigned i = 0; i < N_GUARDS; i++) {
			if (fds[i].revents)
				dispatch(server, server->guards[i]);
		}
	}
	return NULL;
}

/* ---- Slots ---- */

/* Whether the EAGER files can have more data than the budget holds. */
static bool may_run_out(const struct server *server)
{
	const struct control *control = server->control;
	const uint64_t most = (uint64_t)control->max_pages * control->page_size;
	uint64_t all = 0;
	for (unsigned i = 0; i < server->n_slots; i++)
		all += mode_makes_file_eager(server->options->mode, i) ? most : 0;
	return server->options->budget && server->options->budget < all;
}

static void set_mode(struct server *server, struct slot *slot)
{
	const struct options *options = server->options;
	const bool is_eager = mode_makes_file_eager(options->mode, slot->file);
	slot->is_direct = mode_seals_file(options->mode, slot->file);
	slot->may_be_evicted = options->budget && !is_eager;
	slot->may_run_out = is_eager && may_run_out(server);
}

int server_init(struct server *server, const struct options *options, struct control *control)
{
	*server = (struct server){
		.options = options, .control = control, .n_slots = options->n_regions
	};
	uint32_t max_pages = control->max_pages;
	server->slots = calloc(server->n_slots, sizeof(*server->slots));
	_Atomic uint64_t *floors = calloc(2 * (size_t)server->n_slots * max_pages, sizeof(*floors));
	server->captures = calloc(options->n_clients, sizeof(*server->captures));
	if (!server->slots || !floors || !server->captures) {
		free(server->captures);
		free(server->slots);
		free((void *)floors);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < server->n_slots; i++) {
		struct slot *slot = &server->slots[i];
		pthread_rwlock_init(&slot->lock, NULL);
		slot->control = control;
		slot->file = i;
		slot->fd = -1;
		set_mode(server, slot);
		slot->floors = floors + 2 * (size_t)i * max_pages;
		slot->marked = slot->floors + max_pages;
	}
	return 0;
}

void server_take_file(struct server *server, uint32_t file, int fd)
{
	if (file < server->n_slots)
		server->slots[file].fd = fd;
	else
		server->captures[file - server->n_slots].fd = fd;
}

static void close_descriptor(struct slot *slot)
{
	if (slot->fd >= 0)
		close(slot->fd);
	slot->fd = -1;
}

uint64_t server_least_descriptors(const struct options *options)
{
	return (uint64_t)options->n_regions + 3 * (uint64_t)options->n_clients +
	       DESCRIPTORS_OF_OUR_OWN;
}

/* Each region has a descriptor of its own. Count the files for which there is room for a second
 * one, ours. */
static unsigned count_keepable(const struct server *server)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	uint64_t needed = server_least_descriptors(server->options);
	uint64_t left = limit.rlim_cur > needed ? limit.rlim_cur - needed : 0;
	return left < server->n_slots ? (unsigned)left : server->n_slots;
}

static int map_slots(struct server *server)
{
	struct rng rng = rng_of(server->options->seed, UINT32_MAX);
	unsigned n_kept = count_keepable(server);
	/* Map the files first whose second descriptor is closed at once. */
	for (unsigned i = server->n_slots; i-- > 0;) {
		struct slot *slot = &server->slots[i];
		slot->guard = server->guards[mode_makes_file_eager(server->options->mode, i)
						     ? GUARD_EAGER
						     : GUARD_LAZY];
		int err = slot_map(slot, &rng);
		if (err) {
			fprintf(stderr, "uffd-guard-stress: cannot map region %u: %s%s\n", i,
				strerror(-err),
				err == -EMFILE ? "; raise the limit of open files (ulimit -n)"
				: err == -ENOMEM
					? "; raise vm.max_map_count, or use fewer --regions"
					: "");
			return err;
		}
		if (i >= n_kept)
			close_descriptor(slot);
	}
	return 0;
}

/* ---- Start and stop ---- */

static void explain_create(int err)
{
	fprintf(stderr, "uffd-guard-stress: cannot create a guard: %s\n", strerror(-err));
	if (err == -EPERM)
		fputs("userfaultfd is denied here. In a container, let its seccomp profile pass "
		      "userfaultfd(2),\nor run outside it.\n",
			stderr);
	if (err == -ENOSYS)
		fputs("The kernel has no userfaultfd (CONFIG_USERFAULTFD), or a seccomp filter "
		      "answers so:\nuffd-guard-doctor tells which.\n",
			stderr);
}

static int create_guard(struct server *server, enum guard_kind kind)
{
	const struct options *wishes = server->options;
	const struct uffd_guard_options options = { .size = sizeof(options),
		.flags = (wishes->loop == LOOP_POLL ? UFFD_GUARD_NO_IO_URING : 0) |
			 (kind == GUARD_EAGER ? UFFD_GUARD_ALLOW_EAGER : 0),
		.max_resident = wishes->budget };
	int err = uffd_guard_create(&options, &server->guards[kind]);
	if (err) {
		explain_create(err);
		return err;
	}
	bool has_uring = uffd_guard_features(server->guards[kind]) & UFFD_GUARD_FEATURE_IO_URING;
	if (wishes->loop == LOOP_URING && !has_uring) {
		fputs("uffd-guard-stress: io_uring is not available (see kernel.io_uring_disabled, "
		      "or the container's\nseccomp profile); use --loop poll\n",
			stderr);
		return -EOPNOTSUPP;
	}
	return 0;
}

struct creation {
	struct server *server;
	int err;
};

/* Create the guard on a thread of its own, so that the filter denies userfaultfd to that thread
 * alone. */
static void *create_eager_guard(void *data)
{
	struct creation *creation = data;
	struct server *server = creation->server;
	creation->err = deny_userfaultfd();
	if (creation->err) {
		fprintf(stderr, "uffd-guard-stress: cannot deny userfaultfd to itself: %s\n",
			strerror(-creation->err));
		return NULL;
	}
	creation->err = create_guard(server, GUARD_EAGER);
	if (!creation->err &&
		uffd_guard_features(server->guards[GUARD_EAGER]) & UFFD_GUARD_FEATURE_LAZY) {
		fputs("uffd-guard-stress: the guard has a userfaultfd that it was denied; this is "
		      "a bug of the tester\n",
			stderr);
		creation->err = -EEXIST;
	}
	return NULL;
}

static int create_guards(struct server *server)
{
	const enum mode mode = server->options->mode;
	struct creation creation = { .server = server };
	if (mode == MODE_EAGER || mode == MODE_MIXED) {
		pthread_t thread;
		int err = -pthread_create(&thread, NULL, create_eager_guard, &creation);
		if (err)
			return err;
		pthread_join(thread, NULL);
	}
	if (!creation.err && mode != MODE_EAGER)
		creation.err = create_guard(server, GUARD_LAZY);
	return creation.err;
}

/* ---- What the guards say ---- */

#define N_COUNTERS                                                                                 \
	((sizeof(struct uffd_guard_stats) - offsetof(struct uffd_guard_stats, regions)) /          \
		sizeof(uint64_t))

/* All members but .size are counters. */
static void add_stats(struct uffd_guard_stats *sum, const struct uffd_guard_stats *stats)
{
	uint64_t *to =
		(uint64_t *)(void *)((char *)sum + offsetof(struct uffd_guard_stats, regions));
	const uint64_t *from =
		(const uint64_t *)(const void *)((const char *)stats +
						 offsetof(struct uffd_guard_stats, regions));
	for (size_t i = 0; i < N_COUNTERS; i++)
		to[i] += from[i];
}

struct uffd_guard_stats server_stats(const struct server *server)
{
	struct uffd_guard_stats sum = { .size = sizeof(sum) };
	for (unsigned i = 0; i < N_GUARDS; i++) {
		struct uffd_guard_stats stats = { .size = sizeof(stats) };
		if (server->guards[i] && uffd_guard_get_stats(server->guards[i], &stats) == 0)
			add_stats(&sum, &stats);
	}
	return sum;
}

uint32_t server_features(const struct server *server)
{
	uint32_t features = UINT32_MAX;
	for (unsigned i = 0; i < N_GUARDS; i++) {
		if (server->guards[i])
			features &= uffd_guard_features(server->guards[i]);
	}
	return features;
}

unsigned server_n_fillers(const struct server *server)
{
	const unsigned n_victims = server->options->host & 1u << HOST_CANCEL ? 1 : 0;
	return server->options->n_readers + n_victims + 1; /* the handler */
}

/* ---- Threads ---- */

static int start_reader(struct server *server, unsigned number)
{
	struct reader *reader = &server->readers[number];
	reader->server = server;
	reader->watch = &server->watchdog.watches[number];
	reader->rng = rng_of(server->options->seed, UINT64_C(1) << 32 | number);
	reader->latest = calloc(server->control->max_pages, sizeof(*reader->latest));
	if (!reader->latest)
		return -ENOMEM;
	return -pthread_create(&reader->thread, NULL, reader_run, reader);
}

static int start_threads(struct server *server)
{
	unsigned n = server->options->n_readers;
	struct watch *watches = calloc(n + 2, sizeof(*watches));
	server->readers = calloc(n, sizeof(*server->readers));
	server->watchdog = (struct watchdog){
		.judge = &server->judge,
		.watches = watches,
		.n_watches = n + 2, /* and the host's, and the end's */
		.limits_ns = { [WATCHED_LOAD] = LOAD_LIMIT,
			[WATCHED_CALL] = CALL_LIMIT,
			[WATCHED_STOP] = STOP_LIMIT },
	};
	if (!watches || !server->readers)
		return -ENOMEM;
	server->host.watch = &watches[n];
	int err = watchdog_start(&server->watchdog);
	if (!err)
		err = -pthread_create(&server->dispatcher, NULL, run_dispatcher, server);
	while (!err && server->n_readers < n) {
		err = start_reader(server, server->n_readers);
		if (!err)
			server->n_readers++;
	}
	if (!err)
		err = host_start(&server->host);
	if (!err)
		err = bounds_start(&server->bounds);
	return err;
}

int server_start(struct server *server)
{
	bounds_init(&server->bounds, server);
	int err = create_guards(server);
	if (!err)
		err = captures_map(server);
	if (!err)
		err = map_slots(server);
	if (err)
		return err;
	err = start_threads(server);
	if (err)
		fprintf(stderr, "uffd-guard-stress: cannot start the threads: %s\n",
			strerror(-err));
	return err;
}

static bool join_reader(struct server *server, unsigned number)
{
	struct reader *reader = &server->readers[number];
	struct watch *watch = &server->watchdog.watches[server->options->n_readers + 1];
	struct timespec until;
	watch_begin_of(watch, WATCHED_STOP, number, atomic_load(&reader->watch->thread));
	do {
		if (watch_is_reported(watch))
			return false;
		until = clock_timespec(clock_read(CLOCK_REALTIME) + BETWEEN_JOINS);
	} while (pthread_timedjoin_np(reader->thread, NULL, &until));
	watch_end(watch);
	return true;
}

bool server_stop_readers(struct server *server)
{
	atomic_store(&server->shall_stop, true);
	host_stop(&server->host);
	for (unsigned i = 0; i < server->n_readers; i++) {
		if (!join_reader(server, i))
			return false;
	}
	pthread_join(server->dispatcher, NULL);
	bounds_stop(&server->bounds);
	watchdog_stop(&server->watchdog);
	return true;
}

void server_finish(struct server *server)
{
	for (unsigned i = 0; i < server->n_slots; i++) {
		struct slot *slot = &server->slots[i];
		slot_unmap(slot);
		close_descriptor(slot);
		pthread_rwlock_destroy(&slot->lock);
	}
	captures_finish(server);
	for (unsigned i = 0; i < N_GUARDS; i++)
		uffd_guard_destroy(server->guards[i]);
	for (unsigned i = 0; i < server->n_readers; i++)
		free(server->readers[i].latest);
	free((void *)server->slots[0].floors);
	free(server->slots);
	free(server->readers);
	free(server->watchdog.watches);
}
