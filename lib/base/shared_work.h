/* SPDX-License-Identifier: MIT */
/* A long piece of work, cut into chunks that a caller and a guard's copier claim from one counter.
 * Any thread, no lock. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunks {
	/* Do one of them. False: it could not be done like this, and none behind it is begun.
	 * @tools: what the thread that works has of its own */
	bool (*work)(void *data, size_t chunk, void *tools);
	void *data;
	size_t n_chunks;
};

/* Work of one caller at a time, of a guard. */
struct shared_work {
	_Atomic uint32_t calls;	   /* raised when the copier has something to do; a futex */
	_Atomic uint32_t n_inside; /* copiers that may have claimed a chunk; a futex */
	atomic_bool has_copier;	   /* somebody listens to calls */
	atomic_bool is_taken;	   /* what stands below is one caller's */
	atomic_bool is_open;	   /* chunks may be claimed by others */
	atomic_int copier_rank;	   /* its real-time priority; 0: it has none */
	struct chunks chunks;
	atomic_size_t next;   /* the first chunk that nobody has claimed */
	atomic_size_t failed; /* the first that could not be done, or n_chunks */
};

/* Work less than this is not shared: waking the other thread takes as long. */
#define SHARED_LEAST ((size_t)1 << 20)

/*
 * Do the chunks together with the copier, and return when nobody is at work on them any more.
 * Answers how many of them, from the first on, are done: perhaps none, if there is no copier to
 * share with at the moment. The rest is the caller's to do alone, and may be done in part.
 */
size_t shared_work_do(struct shared_work *work, const struct chunks *chunks, void *tools);

/* The copier: do chunks of what is on offer, until none is left. */
void shared_work_help(struct shared_work *work, void *tools);

/* Wake the copier. */
void shared_work_call(struct shared_work *work);

/* Whether a second thread is any use to the calling one: it may run on more than one processor. */
bool shared_work_has_room(void);
/* The calling thread's real-time priority, 0 without one. */
int shared_work_rank(void);
