/* SPDX-License-Identifier: MIT */
#pragma once

/* Deny userfaultfd(2) and /dev/userfaultfd to the calling thread and those that it will start. 0 or
 * a negative errno. */
int deny_userfaultfd(void);
