/* SPDX-License-Identifier: MIT */
/*
 * Shadows whose pool is gone. A toolkit that makes a pool for each frame would have the kernel
 * allocate and zero each frame's pages; so a few are used again, by the same program only, since
 * what they showed is still in there. And a compositor may go on to show a buffer that the client
 * has destroyed: the memory is counted until it is seen that nobody has it mapped.
 */
#include "shadows/kept.h"

#include <stdatomic.h>

#define MOST_UNUSED 4
#define MOST_LOOKS  16			 /* for each pool that comes or goes */
#define MOST_BYTES  (UINT64_C(64) << 20) /* of one that is kept */
#define SPARE_BYTES ((size_t)1 << 20)

static void forget(struct shm_program *program, struct shadow *shadow)
{
	atomic_fetch_sub(&program->memory.in_use, shadow->bytes);
	program->n_pools--;
	wl_list_remove(&shadow->link);
	wl_list_init(&shadow->link);
}

static bool is_fit(const struct shadow *shadow, size_t size)
{
	return shadow->size >= size && shadow->size <= size + size / 2 + SPARE_BYTES;
}

/* Those that were looked at and are in use become the first of the list, so that all have their
 * turn. */
static struct shadow *look_for(struct shm_program *program, size_t size)
{
	struct shadow *shadow, *next, *found = NULL;
	unsigned n_looks = 0, n_unused = 0;
	wl_list_for_each_reverse_safe(shadow, next, &program->shadows, link)
	{
		if (++n_looks > MOST_LOOKS)
			break;
		if (shadow_is_in_use(shadow)) {
			wl_list_remove(&shadow->link);
			wl_list_insert(&program->shadows, &shadow->link);
		} else if (!found && is_fit(shadow, size)) {
			found = shadow;
		} else if (++n_unused > MOST_UNUSED || shadow->bytes > MOST_BYTES) {
			forget(program, shadow);
			shadow_destroy(shadow);
		}
	}
	return found;
}

int kept_take(struct shm_program *program, size_t size, struct shadow **answer)
{
	struct shadow *shadow = look_for(program, size);
	if (!shadow)
		return shadow_create(size, answer);
	forget(program, shadow);
	shadow->copied = (struct copied){ 0 }; /* of another pool, though of this batch perhaps */
	if (shadow->size > size)
		shadow_clear(shadow, size, shadow->size - size);
	*answer = shadow;
	return 0;
}

void kept_put(struct shm_program *program, struct shadow *shadow)
{
	if (!shadow->tells_use || shadows_may_be_pinned()) {
		shadow_destroy(shadow);
		return;
	}
	look_for(program, SIZE_MAX);
	shadow->bytes = shadow_memory(shadow);
	atomic_fetch_add(&program->memory.in_use, shadow->bytes);
	program->n_pools++;
	wl_list_insert(&program->shadows, &shadow->link);
}

void kept_drop(struct shm_program *program)
{
	struct shadow *shadow, *next;
	wl_list_for_each_safe (shadow, next, &program->shadows, link) {
		forget(program, shadow);
		shadow_destroy(shadow);
	}
}
