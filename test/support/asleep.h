/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Whether that thread of this process waits for something, as /proc tells it. */
static inline bool thread_is_asleep(int tid)
{
	char path[64], state = 'X';
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	FILE *f = tid ? fopen(path, "r") : NULL;
	if (!f)
		return false;
	const int n = fscanf(f, "%*d %*[^)]) %c", &state);
	fclose(f);
	return n == 1 && state == 'S';
}
