/* SPDX-License-Identifier: MIT */
/*
 * A client that maps its file very often, makes a hole of it and fills it again. The kernel walks
 * all mappings for a hole; and where somebody reads meanwhile, once more for each page, which is
 * locked so long.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define MAPPING_CLIENT_MOST 64

struct mapping_client {
	pid_t processes[MAPPING_CLIENT_MOST]; /* of some ten thousand mappings each, and readers */
	int n_processes;
};

/* 0 or a negative errno: it cannot map so often. */
int mapping_client_start(
	struct mapping_client *client, int fd, size_t size, int n_mappings, int n_readers);
void mapping_client_end(struct mapping_client *client);
