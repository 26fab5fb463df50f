/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The sum of all 64-bit words of @data, and of the bytes behind the last of them. */
uint64_t words_sum(const void *data, size_t length);

/* Read them in a way that the compiler cannot drop. */
void words_read(const void *data, size_t length);
