/* SPDX-License-Identifier: MIT */
/* A client that cuts its file to nothing and makes it long again, all the time. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct shrinker {
	int fd;
	off_t size;
	atomic_bool shall_stop;
	atomic_bool has_grown_by_itself; /* somebody else made it longer while it was empty */
};

/* Of a thread. @data: a struct shrinker */
void *shrinker_run(void *data);
