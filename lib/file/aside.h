/* SPDX-License-Identifier: MIT */
/* A call of the kernel that somebody may hold up for ever, made by a child process, so that no
 * thread of the program waits for it. Callers; any thread, no lock. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct aside;
struct descriptor_file;

/* How many calls of a kind are under way. All zeros but for @most at first; static. */
struct aside_count {
	_Atomic uint64_t n_of_process;
	unsigned most;
};

/* In the child, with memory and descriptors shared. Answers what aside_result() is to say, not
 * negative. */
typedef int aside_call(int fd);

/* @fd: of @file, duplicated. NULL: as many are under way as may be, or there is no memory. */
struct aside *aside_begin(
	struct aside_count *count, int fd, const struct descriptor_file *file, aside_call *call);
/* Whether the call has ended, at @limit (by now_ns()) at the latest. */
bool aside_wait(struct aside *aside, uint64_t limit);
bool aside_has_ended(const struct aside *aside);
/* After its end: what the call has answered, or -1 if it could not be made. */
int aside_result(const struct aside *aside);
/* Does not wait: a call that has not ended goes on. NULL is a no-op. */
void aside_drop(struct aside *aside);
