/* SPDX-License-Identifier: MIT */
/* As much of JSON as tells whether a text is some, and finds a value in it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool json_is_valid(const char *text);

/* The value at @path, such as "attempts.guard.error", with strings as they are between their
 * quotes; or NULL. An element of a list is its number. Written to @value. */
const char *json_get(const char *text, const char *path, char *value, size_t size);
