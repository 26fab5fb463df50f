/* SPDX-License-Identifier: MIT */
/* Starting and stopping the handler thread. Callers' threads. */
#pragma once

#include <stdbool.h>

struct uffd_guard;
struct handler;
struct inbox;
struct sandbox;
struct scheduling;

/* Start the thread of a guard whose userfaultfd is open; returns when it is ready to answer. */
struct handler_options {
	bool may_use_io_uring, may_use_sandbox;
};
int handler_start(
	struct uffd_guard *guard, const struct handler_options *options, struct handler **handler);
void handler_stop(struct handler *handler);

/* Before the handler reads the first file that a scanner of files may hold up: have a thread ready
 * that stands in for it then. False: there is none as yet. Callers. */
bool handler_expect_scanners(struct handler *handler);

struct inbox *handler_inbox(struct handler *handler);

bool handler_uses_io_uring(const struct handler *handler);
bool handler_is_sandboxed(const struct handler *handler); /* and its ring, if it uses one */
bool handler_missed_scheduling(
	const struct handler *handler); /* could not take over its creator's policy */

/* For other threads of the guard: what it may do (nothing is forbidden where no sandbox was
 * wanted), and its creator's policy. */
const struct sandbox *handler_sandbox(const struct handler *handler);
const struct scheduling *handler_scheduling(const struct handler *handler);

/* For tests: called on each handler's thread when it is about to serve. */
extern void (*handler_test_hook)(void);
