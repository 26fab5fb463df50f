/* SPDX-License-Identifier: MIT */
#include "columns.h"

#include <stdio.h>

static unsigned width_up_to(const struct column *columns, size_t n, unsigned order)
{
	unsigned width = 0;
	for (size_t i = 0; i < n; i++) {
		if (columns[i].order <= order)
			width += columns[i].width + (width > 0);
	}
	return width;
}

unsigned columns_that_fit(const struct column *columns, size_t n, unsigned width)
{
	unsigned order = (unsigned)n;
	while (width > 0 && order > 0 && width_up_to(columns, n, order) > width)
		order--;
	return order;
}

void columns_write(const struct column *columns, size_t n, unsigned order, const char *const *texts,
	char *line, size_t size)
{
	size_t length = 0;
	line[0] = '\0';
	for (size_t i = 0; i < n && length < size; i++) {
		const struct column *column = &columns[i];
		if (column->order > order)
			continue;
		const bool needs_no_end = i + 1 == n && column->is_left;
		const int width = needs_no_end ? 0 : (int)column->width;
		length += (size_t)snprintf(line + length, size - length, "%s%*s",
			length > 0 ? " " : "", column->is_left ? -width : width,
			texts ? texts[i] : column->heading);
	}
}

static bool begins_letter(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

size_t count_letters(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += begins_letter(*text);
	return n;
}

void cut_letters(char *text, size_t n_letters)
{
	size_t n = 0;
	for (; *text; text++) {
		n += begins_letter(*text);
		if (n > n_letters) {
			*text = '\0';
			return;
		}
	}
}
