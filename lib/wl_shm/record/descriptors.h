/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/client.h"

/* Raise the soft limit of descriptors to the hard one; children of fork(2) get the old one back. */
void descriptors_raise_limit(void);

/* True if the client may have one more pool, of the file @fd that came just now. If not, it is
 * logged. */
bool descriptors_allow_pool(struct shm_client *client, int fd);
