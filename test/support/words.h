/* SPDX-License-Identifier: MIT */
/* Bytes that tell where they belong and when they were written: 64-bit words, each another one for
 * each place and each @seed, and none of zeros. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t word_at(size_t i, uint64_t seed);
void make_words(void *bytes, size_t length, uint64_t seed);
void write_words(int fd, size_t length, uint64_t seed);
/* Words from 0 to @end are those, and zeros from there to @length. */
void assert_words(const void *bytes, size_t end, size_t length, uint64_t seed);
