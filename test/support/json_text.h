/* SPDX-License-Identifier: MIT */
/* What a program has written as JSON, read by json-c. A text that is not JSON in UTF-8 fails the
 * test. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* Yours to give to json_object_put(). */
struct json_object *json_read(const char *text);
void assert_is_json(const char *text);

/* The value at @path, such as "/attempts/guard/error" or "/listed/0/mode": a string as it is, all
 * else as JSON has it. False: there is nothing at @path. */
bool json_find(const char *text, const char *path, char *value, size_t size);

void assert_json_has(const char *text, const char *path, const char *expected);
