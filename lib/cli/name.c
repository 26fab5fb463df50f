/* SPDX-License-Identifier: MIT */
/*
 * Clients name their files with any bytes, among them those that a terminal takes for orders.
 * name_clean() keeps UTF-8 that leaves a mark on the screen where it stands. Each byte of anything
 * else becomes a question mark.
 */
#include "name.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define N_ELEMENTS(list) (sizeof(list) / sizeof((list)[0]))

struct span {
	uint32_t first, last;
};

/* Valid characters that are not shown: controls, and those that have no width or turn the direction
 * of writing. */
static const struct span unshown[] = {
	{ 0x00, 0x1f },
	{ 0x7f, 0x9f },
	{ 0xad, 0xad },
	{ 0x34f, 0x34f },
	{ 0x61c, 0x61c },
	{ 0x180b, 0x180f },
	{ 0x200b, 0x200f },
	{ 0x2028, 0x202e },
	{ 0x2060, 0x206f },
	{ 0xd800, 0xdfff },
	{ 0xfe00, 0xfe0f },
	{ 0xfeff, 0xfeff },
	{ 0xfff0, 0xfffb },
	{ 0xfffe, 0xffff },
	{ 0xe0000, 0xe0fff },
};

static bool is_shown(uint32_t character)
{
	for (size_t i = 0; i < N_ELEMENTS(unshown); i++) {
		if (character >= unshown[i].first && character <= unshown[i].last)
			return false;
	}
	return true;
}

/* The number of bytes of the character at @text; 0: it is not valid. */
static size_t decode(const unsigned char *text, size_t size, uint32_t *character)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = text[0] < 0x80		   ? 1
			: (text[0] & 0xe0) == 0xc0 ? 2
			: (text[0] & 0xf0) == 0xe0 ? 3
			: (text[0] & 0xf8) == 0xf0 ? 4
						   : 0;
	if (length == 0 || length > size)
		return 0;
	*character = length == 1 ? text[0] : text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (text[i] & 0x3f);
	}
	return *character >= least[length] && *character <= 0x10ffff ? length : 0;
}

void name_clean(const char *raw, size_t size, char *clean)
{
	const unsigned char *text = (const unsigned char *)raw;
	size = strnlen(raw, size);
	for (size_t i = 0, n; i < size; i += n) {
		uint32_t character;
		n = decode(text + i, size - i, &character);
		if (n > 0 && is_shown(character)) {
			memcpy(clean, raw + i, n);
			clean += n;
		} else {
			n = n ? n : 1;
			*clean++ = '?';
		}
	}
	*clean = '\0';
}

void name_shorten(char *name)
{
	static const char prefix[] = "/memfd:", suffix[] = " (deleted)";
	size_t length = strlen(name);
	const size_t n_suffix = sizeof(suffix) - 1;
	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
		return;
	memmove(name, name + 1, length--);
	if (length > n_suffix && strcmp(name + length - n_suffix, suffix) == 0)
		name[length - n_suffix] = '\0';
}
