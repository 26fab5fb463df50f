/* SPDX-License-Identifier: MIT */
/*
 * What the server writes to clients: each has a file that it cuts, punches and grows again, and
 * never writes to. So whatever is in it the server has written, and its length is what the client
 * has made it.
 */
#pragma once

#include <uffd_guard.h>

#include <stdint.h>

struct reader;
struct server;

struct capture {
	int fd;
	struct uffd_guard_region *region;
};

/* Map the files. 0 or a negative errno. */
int captures_map(struct server *server);
void captures_finish(struct server *server);

/* Write a rectangle to one of them, and look at what became of it. */
void capture_something(struct reader *reader);

/* Report files that have grown. */
void captures_judge(struct server *server);
