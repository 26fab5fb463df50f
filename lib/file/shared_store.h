/* SPDX-License-Identifier: MIT */
/* Long stores to the client's file, shared with the guard's copier. Callers. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct shared_work;
struct source;
struct uffd_guard_rect;

/* As source_store(). The copier has left @bytes and the file when this returns. */
int shared_store(struct shared_work *work, struct source *source, uint64_t offset,
	const void *bytes, size_t length, size_t *stored);

/* Rows, from the first on, that are stored now: of many, all that went well; of few, none. */
uint64_t shared_store_rows(struct shared_work *work, struct source *source,
	const struct uffd_guard_rect *rect, const char *buffer, size_t buffer_stride);
