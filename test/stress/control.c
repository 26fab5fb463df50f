/* SPDX-License-Identifier: MIT */
/* Lay out the memory that server and clients share. */
#include "control.h"

#include "word.h"

#include <sys/mman.h>
#include <unistd.h>

#define MOST_GROWTH 64 /* pages */

const char *attack_name(enum attack attack)
{
	static const char *const names[] = { "truncate", "grow", "punch", "rewrite", "odd",
		"none" };
	return names[attack];
}

static uint32_t grown(uint32_t n_pages)
{
	uint32_t more = n_pages / 2 ? n_pages / 2 : 1;
	return n_pages + (more < MOST_GROWTH ? more : MOST_GROWTH);
}

struct control *control_create(uint32_t n_files, uint32_t n_pages)
{
	uint32_t max_pages = grown(n_pages);
	size_t head = sizeof(struct control) + n_files * sizeof(struct control_file);
	size_t size = head + (size_t)n_files * max_pages * sizeof(uint64_t);
	struct control *control = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (control == MAP_FAILED)
		return NULL;

	uint32_t page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	control->mapping_size = size;
	control->page_size = page_size;
	control->words_per_page = page_size / sizeof(uint64_t);
	control->n_files = n_files;
	control->n_pages = n_pages;
	control->max_pages = max_pages;
	_Atomic uint64_t *published = (_Atomic uint64_t *)(void *)((char *)control + head);
	for (uint32_t i = 0; i < n_files; i++) {
		struct control_file *file = &control->files[i];
		atomic_init(&file->whole, 1); /* not yet filled */
		atomic_init(&file->attack, ATTACK_NONE);
		atomic_init(&file->last_cut, ATTACK_NONE);
		file->published = published + (size_t)i * max_pages;
	}
	return control;
}

void control_destroy(struct control *control)
{
	munmap(control, control->mapping_size);
}
