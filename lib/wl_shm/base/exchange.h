/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Put the memory of @by behind the number @fd, without waiting for the file that was there. @owner:
 * any number for whose descriptor it is; what one owner has stalled leaves room for others. 0 or a
 * negative errno. Any thread. */
int exchange_descriptor(int fd, int by, uint64_t owner);
