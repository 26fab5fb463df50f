/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

/* Bytes of clients' files that the guard made last has read, for the first time or again. */
uint64_t bytes_copied(void);
