/* SPDX-License-Identifier: MIT */
/* Tables whose least important columns are left out where a terminal is narrow. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct column {
	const char *heading;
	unsigned width;
	bool is_left;	/* begins at the left of its width, with blanks behind it */
	unsigned order; /* the column with the greatest is left out first */
};

/* The greatest order for which all columns that have no greater one fit into @width letters. 0
 * letters: there is no end. */
unsigned columns_that_fit(const struct column *columns, size_t n, unsigned width);

/* Write the @texts of the columns that have no greater @order, a blank between them, to @line.
 * NULL: the headings. */
void columns_write(const struct column *columns, size_t n, unsigned order, const char *const *texts,
	char *line, size_t size);

/* The letters that @text has on a terminal, and the text up to such a letter: UTF-8 has letters of
 * several bytes. */
size_t count_letters(const char *text);
void cut_letters(char *text, size_t n_letters);
