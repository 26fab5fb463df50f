/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry. What is wrong ends in abort(), which it takes for a crash. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!run(data, size, false)) {
		fprintf(stderr, "SKIP: userfaultfd is denied\n");
		exit(77);
	}
	return 0;
}
