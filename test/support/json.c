/* SPDX-License-Identifier: MIT */
/* Every function takes the text where something begins, and returns where it ends, or NULL if it is
 * not that. */
#include "json.h"

#include <stdio.h>
#include <string.h>

static const char *skip_value(const char *text);

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t\r\n");
}

static const char *skip_escape(const char *text)
{
	if (*text == 'u')
		return strspn(text + 1, "0123456789abcdefABCDEF") >= 4 ? text + 5 : NULL;
	return *text && strchr("\"\\/bfnrt", *text) ? text + 1 : NULL;
}

static const char *skip_string(const char *text)
{
	if (*text++ != '"')
		return NULL;
	while (text && *text != '"') {
		if ((unsigned char)*text < ' ')
			return NULL;
		text = *text == '\\' ? skip_escape(text + 1) : text + 1;
	}
	return text ? text + 1 : NULL;
}

static const char *skip_number(const char *text)
{
	const char *digits = text + (*text == '-');
	size_t n = strspn(digits, "0123456789"), n_decimals = 1;
	bool is_whole = digits[n] != '.';
	if (!is_whole)
		n_decimals = strspn(digits + n + 1, "0123456789");
	if (n == 0 || (n > 1 && *digits == '0') || n_decimals == 0)
		return NULL;
	return digits + n + (is_whole ? 0 : 1 + n_decimals); /* ours have no exponents */
}

static const char *skip_word(const char *text)
{
	static const char *const words[] = { "true", "false", "null" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncmp(text, words[i], strlen(words[i])) == 0)
			return text + strlen(words[i]);
	}
	return NULL;
}

/* "key": and the space behind it. */
static const char *skip_key(const char *text)
{
	text = skip_string(text);
	text = text ? skip_space(text) : NULL;
	return text && *text == ':' ? skip_space(text + 1) : NULL;
}

/* From behind the bracket. */
static const char *skip_items(const char *text, char end)
{
	text = skip_space(text);
	if (*text == end)
		return text + 1;
	for (;;) {
		if (end == '}')
			text = skip_key(text);
		text = text ? skip_value(text) : NULL;
		text = text ? skip_space(text) : NULL;
		if (!text || (*text != ',' && *text != end))
			return NULL;
		if (*text++ == end)
			return text;
		text = skip_space(text);
	}
}

static const char *skip_value(const char *text)
{
	switch (*text) {
	case '{':
		return skip_items(text + 1, '}');
	case '[':
		return skip_items(text + 1, ']');
	case '"':
		return skip_string(text);
	default:
		return *text == '-' || (*text >= '0' && *text <= '9') ? skip_number(text)
								      : skip_word(text);
	}
}

bool json_is_valid(const char *text)
{
	const char *end = skip_value(skip_space(text));
	return end && *skip_space(end) == '\0';
}

/* ---- Finding; in a text that is valid ---- */

static const char *find_member(const char *text, const char *name, size_t length)
{
	text = skip_space(text + 1);
	while (*text == '"') {
		bool is_it = strncmp(text + 1, name, length) == 0 && text[1 + length] == '"';
		text = skip_key(text);
		if (is_it)
			return text;
		text = skip_space(skip_value(text));
		text = skip_space(text + (*text == ','));
	}
	return NULL;
}

static const char *find_element(const char *text, unsigned number)
{
	text = skip_space(text + 1);
	for (; *text != ']' && number > 0; number--) {
		text = skip_space(skip_value(text));
		text = skip_space(text + (*text == ','));
	}
	return *text == ']' ? NULL : text;
}

const char *json_get(const char *text, const char *path, char *value, size_t size)
{
	text = skip_space(text);
	for (unsigned number; text && *path;) {
		size_t length = strcspn(path, ".");
		if (*text == '{')
			text = find_member(text, path, length);
		else if (*text == '[' && sscanf(path, "%u", &number) == 1)
			text = find_element(text, number);
		else
			text = NULL;
		path += length + (path[length] == '.');
	}
	if (!text)
		return NULL;
	const char *end = skip_value(text);
	bool is_string = *text == '"';
	snprintf(value, size, "%.*s", (int)(end - text) - 2 * is_string, text + is_string);
	return value;
}
