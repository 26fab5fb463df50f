/* SPDX-License-Identifier: MIT */
/* libwayland was not there when this was built. */
#include "../peer.h"

const struct peer peer_wl_shm = { .name = "wl_shm" };
