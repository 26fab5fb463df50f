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

/* The dynamic part of a file. */
struct dynamic {
	size_t n, size;
	ElfW(Dyn) entries[MOST_ENTRIES];
	char *strings; /* size of them, and a zero behind; NULL: none can be read */
};

static void read_dynamic(const struct elf_file *file, struct dynamic *dynamic)
{
	const ElfW(Phdr) *segment = find_segment(file, PT_DYNAMIC);
	const size_t n = segment ? segment->p_filesz / sizeof(dynamic->entries[0]) : 0;
	dynamic->strings = NULL;
	dynamic->n = n <= MOST_ENTRIES ? n : 0;
	if (dynamic->n > 0 &&
		read_at(file, dynamic->entries, n * sizeof(dynamic->entries[0]), segment->p_offset))
		dynamic->strings = read_strings(file, dynamic->entries, n, &dynamic->size);
}

typedef bool look_fn(const struct dynamic *dynamic, const char *name);

static bool needs(const struct dynamic *dynamic, const char *prefix)
{
	for (size_t i = 0; i < dynamic->n; i++) {
		const ElfW(Dyn) *entry = &dynamic->entries[i];
		if (entry->d_tag == DT_NEEDED && entry->d_un.d_val < dynamic->size &&
			strncmp(dynamic->strings + entry->d_un.d_val, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

/* Linkers let a name share the end of a longer one, so it need not begin behind a zero. */
static bool names(const struct dynamic *dynamic, const char *name)
{
	return memmem(dynamic->strings, dynamic->size + 1, name, strlen(name) + 1) != NULL;
}

static bool look(const char *path, look_fn *what, const char *name)
{
	static struct dynamic dynamic;
	struct elf_file file;
	if (!elf_open(&file, path))
		return false;
	read_dynamic(&file, &dynamic);
	close(file.fd);
	const bool result = dynamic.strings && what(&dynamic, name);
	free(dynamic.strings);
	return result;
}

bool elf_needs(const char *path, const char *prefix)
{
	return look(path, needs, prefix);
}

bool elf_names(const char *path, const char *name)
{
	return look(path, names, name);
}

bool elf_is_any(const char *path)
{
	char magic[SELFMAG];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const bool is_any = fd >= 0 && read(fd, magic, SELFMAG) == SELFMAG &&
			    memcmp(magic, ELFMAG, SELFMAG) == 0;
	if (fd >= 0)
		close(fd);
	return is_any;
}

bool elf_loader(const char *path, char loader[PATH_MAX])
{
	struct elf_file file;
	if (!elf_open(&file, path))
		return false;
	const ElfW(Phdr) *segment = find_segment(&file, PT_INTERP);
	const bool has_one = segment && segment->p_filesz > 0 && segment->p_filesz < PATH_MAX &&
			     read_at(&file, loader, segment->p_filesz, segment->p_offset);
	if (has_one)
		loader[segment->p_filesz] = '\0';
	close(file.fd);
	return has_one;
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
