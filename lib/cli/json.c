/* SPDX-License-Identifier: MIT */
/*
 * Clients choose the bytes of strings: names of processes and files. So strings are decoded as
 * UTF-8, and what is written is always valid. DEL and U+0080 to U+009F are escaped too, which JSON
 * does not demand, since a terminal may take them for orders.
 */
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- Strings ---- */

/* The number of bytes of a character whose first byte is @first; 0: no character begins so. */
static size_t length_after(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc0 || first > 0xf7)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static bool is_character(uint32_t value, size_t length)
{
	static const uint32_t least[] = { UINT32_MAX, 0, 0x80, 0x800, 0x10000 };
	const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
	return value >= least[length] && value <= 0x10ffff && !is_surrogate;
}

/* The number of bytes of the first character of @text; 0: it is no UTF-8, a surrogate, or longer
 * than necessary. */
static size_t decode(const unsigned char *text, uint32_t *character)
{
	const size_t length = length_after(text[0]);
	uint32_t value = length > 1 ? text[0] & (0x7fu >> length) : text[0];
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0; /* the 0 at the end of the text fails here too */
		value = value << 6 | (text[i] & 0x3fu);
	}
	*character = value;
	return is_character(value, length) ? length : 0;
}

static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

static void write_string(FILE *file, const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t character;
	fputc('"', file);
	for (size_t length; *at; at += length ? length : 1) {
		length = decode(at, &character);
		if (length == 0)
			fputs("\\ufffd", file);
		else if (character == '"' || character == '\\')
			fprintf(file, "\\%c", (int)character);
		else if (is_control(character))
			fprintf(file, "\\u%04" PRIx32, character);
		else
			fwrite(at, 1, length, file);
	}
	fputc('"', file);
}

/* ---- Values ---- */

static void begin_value(struct json *json, const char *name)
{
	if (json->needs_comma)
		fputc(',', json->file);
	if (json->needs_line)
		fputc('\n', json->file);
	json->needs_comma = true;
	json->needs_line = false;
	if (name) {
		write_string(json->file, name);
		fputc(':', json->file);
	}
}

static void open_bracket(struct json *json, const char *name, char bracket)
{
	begin_value(json, name);
	fputc(bracket, json->file);
	json->needs_comma = false;
}

static void close_bracket(struct json *json, char bracket)
{
	fputc(bracket, json->file);
	json->needs_comma = true;
}

void json_begin_object(struct json *json, const char *name)
{
	open_bracket(json, name, '{');
}

void json_end_object(struct json *json)
{
	close_bracket(json, '}');
}

void json_begin_array(struct json *json, const char *name)
{
	open_bracket(json, name, '[');
}

void json_end_array(struct json *json)
{
	close_bracket(json, ']');
}

void json_put_string(struct json *json, const char *name, const char *text)
{
	if (!text) {
		json_put_null(json, name);
		return;
	}
	begin_value(json, name);
	write_string(json->file, text);
}

void json_put_unsigned(struct json *json, const char *name, uint64_t number)
{
	begin_value(json, name);
	fprintf(json->file, "%" PRIu64, number);
}

void json_put_integer(struct json *json, const char *name, int64_t number)
{
	begin_value(json, name);
	fprintf(json->file, "%" PRId64, number);
}

void json_put_real(struct json *json, const char *name, double number)
{
	if (!isfinite(number)) {
		json_put_null(json, name);
		return;
	}
	begin_value(json, name);
	fprintf(json->file, "%.9g", number);
}

void json_put_bool(struct json *json, const char *name, bool value)
{
	begin_value(json, name);
	fputs(value ? "true" : "false", json->file);
}

void json_put_null(struct json *json, const char *name)
{
	begin_value(json, name);
	fputs("null", json->file);
}

void json_new_line(struct json *json)
{
	json->needs_line = true;
}

void json_finish(struct json *json)
{
	fputc('\n', json->file);
	*json = (struct json){ .file = json->file };
}
