/* SPDX-License-Identifier: MIT */
#pragma once

/* userfaultfd(2) and /dev/userfaultfd, to the calling thread and those it will start, as containers
 * do. 0 or a negative errno. */
int deny_userfaultfd(void);
