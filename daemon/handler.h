/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

struct uffd_guard;
struct handler;

/* Start the thread of a guard whose userfaultfd is open; returns when it is ready to answer. */
int handler_start(struct uffd_guard *guard, bool may_use_io_uring, struct handler **handler);
void handler_stop(struct handler *handler);

bool handler_gave_up(const struct handler *handler); /* for good; pages not filled read as zeros */
bool handler_uses_io_uring(const struct handler *handler);
bool handler_missed_scheduling(
	const struct handler *handler); /* could not take over its creator's policy */
