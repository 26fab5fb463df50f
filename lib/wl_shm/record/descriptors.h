/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/client.h"

/* Of a display. A pool takes mappings too, and a process can have 65530 of them. */
#define MOST_POOLS 16384

/* True if the client may have one more pool, of the file @fd that came just now. If not, it is
 * logged. Raises the soft limit to the hard one if half of it is used; children of fork(2) get the
 * old one back. */
bool descriptors_allow_pool(struct shm_client *client, int fd);
