/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/client.h"

/* As many as the process may have; its children get what it had before. */
void descriptors_raise_limit(void);

/* Whether the client may have one more pool. Tells the log when not. */
bool descriptors_allow_pool(struct shm_client *client);
