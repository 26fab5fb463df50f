/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t word_at(size_t i, uint64_t seed)
{
	return (i + 1) * UINT64_C(2654435761) + seed;
}

void make_words(void *bytes, size_t length, uint64_t seed)
{
	uint64_t *words = bytes;
	for (size_t i = 0; i < length / sizeof(*words); i++)
		words[i] = word_at(i, seed);
}

void write_words(int fd, size_t length, uint64_t seed)
{
	void *words = malloc(length);
	ck_assert_ptr_nonnull(words);
	make_words(words, length, seed);
	ck_assert_int_eq(pwrite(fd, words, length, 0), (ssize_t)length);
	free(words);
}

void assert_words(const void *bytes, size_t end, size_t length, uint64_t seed)
{
	const uint64_t *words = bytes;
	for (size_t i = 0; i < length / sizeof(*words); i++) {
		const uint64_t expected = i * sizeof(*words) < end ? word_at(i, seed) : 0;
		if (words[i] != expected)
			ck_abort_msg("word %zu of seed %d is another", i, (int)seed);
	}
}
