/* SPDX-License-Identifier: MIT */
/*
 * Read every byte, as a blend or an upload would, by the same loop for all contenders. It is built
 * with -O3, so that the compiler uses vectors. Eight sums do not wait for each other as one would.
 */
#include "words.h"

#include <string.h>

#define N_SUMS 8

uint64_t words_sum(const void *data, size_t length)
{
	const char *at = data, *end = at + length;
	uint64_t sums[N_SUMS] = { 0 }, words[N_SUMS], sum = 0;

	for (; (size_t)(end - at) >= sizeof(words); at += sizeof(words)) {
		memcpy(words, at, sizeof(words));
		for (int i = 0; i < N_SUMS; i++)
			sums[i] += words[i];
	}
	for (int i = 0; i < N_SUMS; i++)
		sum += sums[i];
	for (; at < end; at++)
		sum += (unsigned char)*at;
	return sum;
}

void words_read(const void *data, size_t length)
{
	uint64_t sum = words_sum(data, length);
	__asm__ volatile("" : : "r"(sum));
}
