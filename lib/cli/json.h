/* SPDX-License-Identifier: MIT */
/*
 * JSON, written as it comes: nothing is kept, so a value that was written cannot be taken back.
 *
 * Each value has a name when it stands in an object, and NULL when it stands in an array or is the
 * whole text. Commas are this writer's. Errors of the stream stay in it: see cli_finish_output().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Set .file; all else begins as zero. */
struct json {
	FILE *file;
	bool needs_comma; /* a value stands before, in the same object or array */
	bool needs_line;  /* json_new_line() was called */
};

void json_begin_object(struct json *json, const char *name);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *name);
void json_end_array(struct json *json);

/* Control characters and what JSON takes for its own are escaped. A byte that is no UTF-8 becomes
 * U+FFFD. NULL is null. */
void json_put_string(struct json *json, const char *name, const char *text);
void json_put_unsigned(struct json *json, const char *name, uint64_t number);
void json_put_integer(struct json *json, const char *name, int64_t number);
/* Nine digits. Infinity and what is no number are null, since JSON has neither. */
void json_put_real(struct json *json, const char *name, double number);
void json_put_bool(struct json *json, const char *name, bool value);
void json_put_null(struct json *json, const char *name);

/* The next value begins a line, for people who look at the text. */
void json_new_line(struct json *json);
/* The end of the text, and of its line. Another one may follow. */
void json_finish(struct json *json);
