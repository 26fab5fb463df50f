/* SPDX-License-Identifier: MIT */
/* Whether the kernel asks a scanner of files before a file is read: the handler finds out, and the
 * caller waits no longer than its deadline. No lock. */
#pragma once

#include "base/epoch.h"
#include "file/inbox.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct descriptor_file;
struct watch;

/* A futex. */
enum inquiry_state {
	INQUIRY_UNKNOWN,
	INQUIRY_ASKED,	 /* the handler is to find out */
	INQUIRY_FREE,	 /* nobody is asked: reads wait for no scanner */
	INQUIRY_SCANNED, /* one is, and has answered */
};

/* About one file. */
struct inquiry {
	struct request request;
	struct inquiry *next; /* the handler's lists */
	_Atomic uint32_t state;
	_Atomic uint64_t answered_at; /* FREE, SCANNED: as of then, by now_coarse_ns() */
	int fd;
	uint32_t ticket; /* of under_way, of who has asked */
	struct epoch under_way;
};

/* ---- Callers ---- */

/* Whether it is known, and was a moment ago, that nobody is asked. */
bool inquiry_is_free(const struct inquiry *inquiry);

/* FREE, SCANNED; or another: there was no answer until @deadline. @fd: the file's */
enum inquiry_state inquiry_await(
	struct inquiry *inquiry, int fd, struct inbox *inbox, uint64_t deadline);

/* The same where there is no handler to find out: a child process does. @fd: of @file. */
enum inquiry_state inquiry_make_aside(
	struct inquiry *inquiry, int fd, const struct descriptor_file *file, uint64_t deadline);

/* Wait until the handler has left it, and does not come back: before it goes. */
void inquiry_finish(struct inquiry *inquiry);

/* ---- For the handler ---- */

/* Ask for itself, for it to make. False: it is known, or has been asked. @fd: the file's */
bool inquiry_begin(struct inquiry *inquiry, int fd);

/* 0, or WATCH_ERR_TAKEN: it did not come back from the scanner in time. */
int inquiry_make(struct inquiry *inquiry, struct watch *watch);
