/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <stdio.h>

static char *format_scaled(
	char text[FORMAT_LETTERS], double value, double step, const char *const *units, int n_units)
{
	int unit = 0;
	while (value >= step * 0.9995 && unit < n_units - 1) {
		value /= step;
		unit++;
	}
	const int n_decimals = value < 99.95 && value != (double)(long)value ? 1 : 0;
	snprintf(text, FORMAT_LETTERS, "%.*f%s", n_decimals, value, units[unit]);
	return text;
}

char *format_bytes(char text[FORMAT_LETTERS], double bytes)
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB" };
	return format_scaled(text, bytes, 1024, units, 6);
}

char *format_count(char text[FORMAT_LETTERS], double count)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };
	return format_scaled(text, count, 1000, units, 5);
}

char *format_ns(char text[FORMAT_LETTERS], double ns)
{
	static const char *const units[] = { " ns", " us", " ms", " s" };
	return format_scaled(text, ns, 1000, units, 4);
}

char *format_age(char text[FORMAT_LETTERS], double seconds)
{
	const unsigned long s = (unsigned long)seconds;
	snprintf(text, FORMAT_LETTERS, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	return text;
}
