/* SPDX-License-Identifier: MIT */
/* Long reads of the client's file, shared with the guard's copier. Callers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct shared_work;
struct source;

/* As source_read(). The copier has left the buffer when this returns. */
int shared_read(struct shared_work *work, const struct source *source, uint64_t offset,
	void *buffer, size_t length, size_t *got);
