/* SPDX-License-Identifier: MIT */
/* What a program's file says of the libraries that it needs. The file may be broken: then it needs
 * none, and execve(2) will tell what is wrong. */
#include "run/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_SEGMENTS 128
#define MOST_ENTRIES  1024
#define MOST_STRINGS  ((size_t)4 << 20)

struct elf_file {
	int fd;
	size_t n_segments;
	ElfW(Phdr) segments[MOST_SEGMENTS];
};

static bool read_at(const struct elf_file *file, void *to, size_t length, uint64_t offset)
{
	return pread(file->fd, to, length, (off_t)offset) == (ssize_t)length;
}

static bool elf_open(struct elf_file *file, const char *path)
{
	ElfW(Ehdr) header;
	*file = (struct elf_file){ .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (file->fd < 0)
		return false;
	if (!read_at(file, &header, sizeof(header), 0) ||
		memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
		header.e_phentsize != sizeof(file->segments[0]) || header.e_phnum > MOST_SEGMENTS ||
		!read_at(file, file->segments, header.e_phnum * sizeof(file->segments[0]),
			header.e_phoff)) {
		close(file->fd);
		return false;
	}
	file->n_segments = header.e_phnum;
	return true;
}

static const ElfW(Phdr) * find_segment(const struct elf_file *file, uint32_t type)
{
	for (size_t i = 0; i < file->n_segments; i++) {
		if (file->segments[i].p_type == type)
			return &file->segments[i];
	}
	return NULL;
}

static uint64_t offset_of(const struct elf_file *file, uint64_t address)
{
	for (size_t i = 0; i < file->n_segments; i++) {
		const ElfW(Phdr) *segment = &file->segments[i];
		if (segment->p_type == PT_LOAD && address >= segment->p_vaddr &&
			address - segment->p_vaddr < segment->p_filesz)
			return address - segment->p_vaddr + segment->p_offset;
	}
	return 0;
}

static uint64_t value_of(const ElfW(Dyn) * entries, size_t n, int64_t tag)
{
	for (size_t i = 0; i < n; i++) {
		if (entries[i].d_tag == tag)
			return entries[i].d_un.d_val;
	}
	return 0;
}

/* Answers the strings, with a zero behind them, or NULL. */
static char *read_strings(
	const struct elf_file *file, const ElfW(Dyn) * entries, size_t n, size_t *size)
{
	*size = value_of(entries, n, DT_STRSZ);
	const uint64_t offset = offset_of(file, value_of(entries, n, DT_STRTAB));
	char *strings = *size > 0 && *size <= MOST_STRINGS ? calloc(1, *size + 1) : NULL;
	if (strings && !read_at(file, strings, *size, offset)) {
		free(strings);
		return NULL;
	}
	return strings;
}

static bool is_needed(const struct elf_file *file, const char *prefix)
{
	static ElfW(Dyn) entries[MOST_ENTRIES];
	const ElfW(Phdr) *dynamic = find_segment(file, PT_DYNAMIC);
	const size_t n = dynamic ? dynamic->p_filesz / sizeof(entries[0]) : 0;
	size_t size;
	if (n == 0 || n > MOST_ENTRIES ||
		!read_at(file, entries, n * sizeof(entries[0]), dynamic->p_offset))
		return false;
	char *strings = read_strings(file, entries, n, &size);
	bool is_found = false;
	for (size_t i = 0; strings && i < n; i++) {
		if (entries[i].d_tag == DT_NEEDED && entries[i].d_un.d_val < size)
			is_found |= strncmp(strings + entries[i].d_un.d_val, prefix,
					    strlen(prefix)) == 0;
	}
	free(strings);
	return is_found;
}

bool elf_needs(const char *path, const char *prefix)
{
	struct elf_file file;
	if (!elf_open(&file, path))
		return false;
	const bool needs = is_needed(&file, prefix);
	close(file.fd);
	return needs;
}

bool elf_is_static(const char *path)
{
	struct elf_file file;
	if (!elf_open(&file, path))
		return false;
	const bool is_static = !find_segment(&file, PT_INTERP);
	close(file.fd);
	return is_static;
}
