/* SPDX-License-Identifier: MIT */
/*
 * What a program may cost, in copies and in waits for its files; and all of them together, since
 * starting processes is cheap too.
 */
#include "record/program.h"

#include <search.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- Time ---- */

int64_t milliseconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

int64_t client_period(void)
{
	return milliseconds_now() / CLIENT_PERIOD;
}

/* ---- By process ---- */

/* False if connections cannot be told apart by process: those from other namespaces have no number
 * here, and those that the compositor made itself, for the programs it starts, have its. */
static bool has_number(pid_t pid)
{
	return pid > 0 && pid != getpid();
}

static int compare_processes(const void *a, const void *b)
{
	const struct shm_program *one = a, *other = b;
	if (one->pid != other->pid)
		return one->pid < other->pid ? -1 : 1;
	if (one->uid != other->uid)
		return one->uid < other->uid ? -1 : 1;
	return 0;
}

static struct shm_program *find(struct programs *programs, pid_t pid, uid_t uid)
{
	const struct shm_program key = { .pid = pid, .uid = uid };
	struct shm_program *const *found = tfind(&key, &programs->by_process, compare_processes);
	return found ? *found : NULL;
}

/* ---- Life ---- */

#define KEPT	  10000 /* milliseconds; not less than TIMEOUTS_PERIOD */
#define MOST_KEPT 256	/* records of what is gone */

void programs_init(struct programs *programs)
{
	*programs = (struct programs){ .by_process = NULL };
	wl_list_init(&programs->gone);
}

static void leave_gone(struct shm_program *program)
{
	wl_list_remove(&program->gone);
	program->programs->n_gone--;
}

/* One without a number is not found in the tree. */
static void program_destroy(struct shm_program *program)
{
	leave_gone(program);
	tdelete(program, &program->programs->by_process, compare_processes);
	pthread_mutex_destroy(&program->allowance.lock);
	pthread_mutex_destroy(&program->memory.lock);
	free(program);
}

static struct shm_program *first_gone(const struct programs *programs)
{
	struct shm_program *program;
	return wl_container_of(programs->gone.prev, program, gone);
}

static void destroy_old(struct programs *programs)
{
	const int64_t oldest = milliseconds_now() - KEPT;
	while (programs->n_gone > MOST_KEPT ||
		(programs->n_gone > 0 && first_gone(programs)->gone_at < oldest))
		program_destroy(first_gone(programs));
}

void programs_finish(struct programs *programs)
{
	while (programs->n_gone > 0)
		program_destroy(first_gone(programs));
}

void allowance_init(struct allowance *allowance)
{
	*allowance = (struct allowance){ 0 };
	pthread_mutex_init(&allowance->lock, NULL);
}

static struct shm_program *program_create(struct programs *programs, pid_t pid, uid_t uid)
{
	struct shm_program *program = calloc(1, sizeof(*program));
	if (!program)
		return NULL;
	*program = (struct shm_program){ .programs = programs, .pid = pid, .uid = uid };
	if (has_number(pid) && !tsearch(program, &programs->by_process, compare_processes)) {
		free(program);
		return NULL;
	}
	allowance_init(&program->allowance);
	pthread_mutex_init(&program->memory.lock, NULL);
	wl_list_init(&program->shadows);
	wl_list_init(&program->unsealed);
	wl_list_init(&program->memory.reclaimable);
	return program;
}

struct shm_program *program_of(struct programs *programs, struct wl_client *wl_client)
{
	pid_t pid = 0;
	uid_t uid = 0;
	wl_client_get_credentials(wl_client, &pid, &uid, NULL);
	destroy_old(programs);
	struct shm_program *program = find(programs, pid, uid);
	if (!program)
		program = program_create(programs, pid, uid);
	else if (program->references == 0)
		leave_gone(program);
	if (program)
		program->references++;
	return program;
}

void program_unref(struct shm_program *program)
{
	if (--program->references > 0)
		return;
	program->gone_at = milliseconds_now();
	wl_list_insert(&program->programs->gone, &program->gone);
	program->programs->n_gone++;
}

uint64_t program_as_owner(const struct shm_program *program)
{
	return (uintptr_t)program;
}

/* ---- Copies ---- */

/* Large enough for all that a well-behaved client shows in a frame, small enough that a client
 * which floods the compositor with commits leaves it most of its time for others. */
#define ALLOWANCE_BYTES	 (UINT64_C(32) << 20)
#define ALLOWANCE_OF_ALL (4 * ALLOWANCE_BYTES)

static void begin_period(struct allowance *allowance, int64_t period)
{
	if (allowance->period == period)
		return;
	allowance->period = period;
	allowance->spent = 0;
}

/* The first copy of a period may have any size: it may be all that the client shows. */
static bool spend_own(struct allowance *allowance, int64_t period, uint64_t bytes)
{
	pthread_mutex_lock(&allowance->lock);
	begin_period(allowance, period);
	const bool may = allowance->spent == 0 || allowance->spent + bytes <= ALLOWANCE_BYTES;
	if (may)
		allowance->spent += bytes;
	pthread_mutex_unlock(&allowance->lock);
	return may;
}

static int64_t nanoseconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Periods alone would not do: copies of more than a period in one turn of the event loop would have
 * the next period's allowance too, and the turn would have no end. So each copy is paid by as much
 * time again without one, and no more than this may be owed. */
#define MOST_OWED (2 * CLIENT_PERIOD * INT64_C(1000000))

int64_t allowance_begin(void)
{
	return nanoseconds_now();
}

void allowance_end(struct allowance *of_all, int64_t begun)
{
	const int64_t now = nanoseconds_now();
	pthread_mutex_lock(&of_all->lock);
	if (of_all->paid_until < begun)
		of_all->paid_until = begun;
	of_all->paid_until += 2 * (now - begun);
	pthread_mutex_unlock(&of_all->lock);
}

/* So little is copied in less time than the commit takes otherwise. */
#define LITTLE (UINT64_C(1) << 15)

static bool is_owed_less(const struct allowance *of_all, int64_t now, int64_t most)
{
	return of_all->paid_until - now < most;
}

/* ---- Turns; under the lock ----
 *
 * Of those that had to wait, the one that was served longest ago comes first, or a flood would be
 * there whenever something is free. Each asks again in the next period; whoever does not, is not
 * waited for. */

#define PATIENCE (3 * CLIENT_PERIOD * INT64_C(1000000))

static bool may_be_next(
	const struct allowance *of_all, const struct shm_program *program, int64_t now)
{
	return !of_all->next || of_all->next == program || now - of_all->next_asked_at > PATIENCE;
}

static void wait_for_turn(struct allowance *of_all, const struct shm_program *program, int64_t now)
{
	if (may_be_next(of_all, program, now) || program->served_at < of_all->next_served_at) {
		of_all->next = program;
		of_all->next_served_at = program->served_at;
	}
	if (of_all->next == program)
		of_all->next_asked_at = now;
}

static void serve(struct allowance *of_all, struct shm_program *program, int64_t now)
{
	program->served_at = now;
	if (of_all->next == program)
		of_all->next = NULL;
}

/* ---- Spending ---- */

static uint64_t at_most(uint64_t bytes, uint64_t most)
{
	return bytes < most ? bytes : most;
}

/* Whoever comes before this is spent may: none waits for ever because its picture is large. And
 * none spends it alone: how long a large picture takes is owed besides. */
static bool spend_of_all(struct allowance *of_all, struct shm_program *program, uint64_t bytes)
{
	const int64_t now = nanoseconds_now();
	pthread_mutex_lock(&of_all->lock);
	begin_period(of_all, client_period());
	const bool may = of_all->spent < ALLOWANCE_OF_ALL &&
			 (bytes < LITTLE || (is_owed_less(of_all, now, MOST_OWED / 2) &&
						    may_be_next(of_all, program, now)));
	if (may)
		of_all->spent += at_most(bytes, ALLOWANCE_BYTES);
	if (may && bytes >= LITTLE)
		serve(of_all, program, now);
	else if (!may)
		wait_for_turn(of_all, program, now);
	pthread_mutex_unlock(&of_all->lock);
	return may;
}

bool program_may_spend(struct shm_program *program, struct allowance *of_all, uint64_t bytes)
{
	return spend_own(&program->allowance, client_period(), bytes) &&
	       spend_of_all(of_all, program, bytes);
}

#define TOO_MUCH_OWED INT64_C(1000000000)

bool program_may_have(
	struct shm_program *program, struct allowance *of_all, uint64_t bytes, bool is_again)
{
	if (!spend_own(&program->allowance, client_period(), bytes))
		return false;
	const int64_t most = is_again ? MOST_OWED / 2 : TOO_MUCH_OWED, now = nanoseconds_now();
	pthread_mutex_lock(&of_all->lock);
	const bool may = bytes < LITTLE || is_owed_less(of_all, now, most);
	pthread_mutex_unlock(&of_all->lock);
	return may;
}

/* ---- Waits ---- */

/* The library waits TIMEOUT for a file that can block. Until the file has answered that read,
 * further reads fail at once and cost no time, so they do not count. With TIMEOUTS_FORGIVEN in a
 * TIMEOUTS_PERIOD a program stops the compositor for a tenth of the time at most, and all together
 * do for a fifth. */
#define TIMEOUT			 100 /* milliseconds */
#define TIMEOUTS_FORGIVEN	 10
#define TIMEOUTS_FORGIVEN_TO_ALL (2 * TIMEOUTS_FORGIVEN)
#define TIMEOUTS_PERIOD		 10000 /* milliseconds */

static bool is_over(const struct forgiveness *forgiveness, int64_t now)
{
	return forgiveness->n_timeouts == 0 || now - forgiveness->timeouts_since > TIMEOUTS_PERIOD;
}

static bool count(struct forgiveness *forgiveness, int64_t now, unsigned most)
{
	if (forgiveness->n_timeouts > 0 && now - forgiveness->last_timeout < TIMEOUT / 2)
		return false;
	if (is_over(forgiveness, now))
		*forgiveness = (struct forgiveness){ .timeouts_since = now };
	forgiveness->last_timeout = now;
	return ++forgiveness->n_timeouts > most;
}

bool program_is_too_slow(struct shm_program *program, struct forgiveness *of_all)
{
	const int64_t now = milliseconds_now();
	const bool all_are = count(of_all, now, TIMEOUTS_FORGIVEN_TO_ALL);
	return count(&program->forgiveness, now, TIMEOUTS_FORGIVEN) || all_are;
}

bool program_is_in_disgrace(
	const struct shm_program *program, const struct forgiveness *of_all, bool has_server)
{
	const int64_t now = milliseconds_now();
	const struct forgiveness *own = &program->forgiveness;
	return (!is_over(own, now) && own->n_timeouts > TIMEOUTS_FORGIVEN) ||
	       (has_server && !is_over(of_all, now) &&
		       of_all->n_timeouts > TIMEOUTS_FORGIVEN_TO_ALL);
}
