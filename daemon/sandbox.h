/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

struct uffd_guard;

/*
 * Confine the calling thread, and it alone, to what the handler needs. The fds are those it works
 * with. 0, or a negative errno where the process may not do that; then the thread is as it was.
 */
int sandbox_enter(int uffd, int wake_fd, int events_fd);
