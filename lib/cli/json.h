/* SPDX-License-Identifier: MIT */
/*
 * Write JSON to a stream, value by value.
 *
 * Values of an object have a name. Values of an array, and the whole text, have NULL. Commas are
 * added. Errors stay in the stream: see cli_finish_output().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Set .file and leave the rest zero. */
struct json {
	FILE *file;
	bool needs_comma; /* a value stands before, in the same object or array */
	bool needs_line;  /* json_new_line() was called */
};

void json_begin_object(struct json *json, const char *name);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *name);
void json_end_array(struct json *json);

/* Control characters, quotes and backslashes are escaped. A byte that is no UTF-8 becomes U+FFFD.
 * NULL becomes null. */
void json_put_string(struct json *json, const char *name, const char *text);
void json_put_unsigned(struct json *json, const char *name, uint64_t number);
void json_put_integer(struct json *json, const char *name, int64_t number);
/* Writes nine digits. Infinity and NAN become null, since JSON has neither. */
void json_put_real(struct json *json, const char *name, double number);
void json_put_bool(struct json *json, const char *name, bool value);
void json_put_null(struct json *json, const char *name);

/* Begin a line with the next value, for readers of the text. */
void json_new_line(struct json *json);
/* End the text and its line. Another text may follow. */
void json_finish(struct json *json);
