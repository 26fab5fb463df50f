/* SPDX-License-Identifier: MIT */
#pragma once

/* Put the memory of @by behind the number @fd, without waiting for the file that was there. 0 or a
 * negative errno. Any thread. */
int exchange_descriptor(int fd, int by);
