/* SPDX-License-Identifier: MIT */
/* Which file system a file is on, without asking it. */
#pragma once

#include <stdbool.h>

/* Whether it is ramfs. False also where that cannot be told, as of a mount of another namespace. */
bool is_on_ramfs(int fd);
