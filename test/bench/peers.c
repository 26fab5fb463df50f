/* SPDX-License-Identifier: MIT */
/*
 * Two peers handle SIGBUS, and a process has only one handler. sigbus.c puts back the handler that
 * it found, so it would remove libwayland's if that came later. So libwayland installs its handler
 * before anything else happens.
 */
#include "peer.h"

#include "bench.h"

#include <unistd.h>

#define SIZE 4096

void peers_settle(void)
{
	if (!peer_wl_shm.open)
		return;
	int fd = file_create(SIZE);
	void *self = fd < 0 ? NULL : peer_wl_shm.open(fd, SIZE);
	if (self) {
		struct uffd_guard_span span = { .offset = 0, .length = SIZE };
		peer_wl_shm.begin(self, &(struct damage){ .spans = &span, .n_spans = 1 });
		peer_wl_shm.end(self);
		peer_wl_shm.close(self);
	}
	if (fd >= 0)
		close(fd);
}
