/* SPDX-License-Identifier: MIT */
/* Where callers leave requests for the handler. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct wake;

enum request_kind {
	REQUEST_READ,	 /* of a file that may block */
	REQUEST_RELEASE, /* such a file */
	REQUEST_INQUIRY, /* about a file that a scanner may watch */
};

/* Part of what it is about. */
struct request {
	struct request *next; /* inbox.latest */
	enum request_kind kind;
	/* The handler is gone: what becomes of it. It may be freed in there. */
	void (*refuse)(struct request *request);
};

struct inbox {
	_Atomic(struct request *) latest; /* a stack */
	atomic_bool
		is_closed; /* the handler takes no more: callers finish their requests themselves */
	struct wake *wake; /* the handler */
};

/* Callers. Its kind and refuse are set; it is the handler's until that has answered. */
void inbox_post(struct inbox *inbox, struct request *request);

/* ---- For the handler ---- */

/* The requests in the order in which they came. Relaxed look first: NULL where there is none. */
struct request *inbox_take(struct inbox *inbox);
/* Refuse all requests, present and future. */
void inbox_close(struct inbox *inbox);
