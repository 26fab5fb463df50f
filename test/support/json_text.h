/* SPDX-License-Identifier: MIT */
/* Read what a program has written as JSON, by json-c. A text that is not JSON in UTF-8 fails the
 * test. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* Give the value to json_object_put(). */
struct json_object *json_read(const char *text);
void assert_is_json(const char *text);

/* Write the value at @path, such as "/attempts/guard/error" or "/listed/0/mode": a string without
 * quotes, other values as JSON. False: there is nothing at @path. */
bool json_find(const char *text, const char *path, char *value, size_t size);

void assert_json_has(const char *text, const char *path, const char *expected);
