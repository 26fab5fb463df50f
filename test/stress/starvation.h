/* SPDX-License-Identifier: MIT */
/*
 * How long threads of a process could have run and were not let. On a busy machine that takes
 * seconds, and is no fault of the library. A thread that sleeps is kept from nothing, whatever it
 * sleeps for: a handler that is held up shows nothing here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MOST_STARVED_THREADS 256 /* of more than these nothing is known: they count as served */

struct starved_thread {
	pid_t thread;
	bool is_of_library; /* by its name, or the kernel's for io_uring */
	bool is_runnable;
	bool is_seen;		/* in this look */
	uint64_t ran_ns, runs;	/* on a processor, so far */
	uint64_t waiting_since; /* runnable without having run since; 0: it has run, or sleeps */
	uint64_t starved_ns;	/* so far */
	uint64_t step_ns;	/* since the look before */
};

struct starvation {
	pid_t process; /* 0: this one */
	struct starved_thread threads[MOST_STARVED_THREADS];
	unsigned n;
	uint64_t looked_at;
	uint64_t step_ns; /* between the last two looks */
	uint64_t late_ns; /* how much later than wanted the last look came */
};

enum served_by { SERVED_BY_LIBRARY, SERVED_BY_ANY };

/* Look at all threads. @wanted_step_ns: after how long this look was to come. */
void starvation_look(struct starvation *starvation, uint64_t wanted_step_ns);
/* Does this kernel tell? */
bool starvation_is_told(const struct starvation *starvation);
/* How much of the last step @thread, or one that it may have waited for, or the looker itself was
 * kept from a processor: never more than the step. */
uint64_t starvation_step(
	const struct starvation *starvation, pid_t thread, enum served_by served_by);
