/* SPDX-License-Identifier: MIT */
#include "json_text.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* Where it is strict, json-c 0.18 takes every byte above 127 for a control character. */
static bool is_strict_of_use(const char *text)
{
	while (*text && (unsigned char)*text < 128)
		text++;
	return !*text || json_c_version_num() != ((0 << 16) | (18 << 8));
}

struct json_object *json_read(const char *text)
{
	struct json_tokener *tokener = json_tokener_new();
	json_tokener_set_flags(tokener,
		JSON_TOKENER_VALIDATE_UTF8 | (is_strict_of_use(text) ? JSON_TOKENER_STRICT : 0));
	/* Pass the 0 too: only it ends a text that is a single number. */
	struct json_object *root = json_tokener_parse_ex(tokener, text, (int)strlen(text) + 1);
	const enum json_tokener_error err = json_tokener_get_error(tokener);
	ck_assert_msg(err == json_tokener_success, "%s, after %zu bytes: %.1000s",
		json_tokener_error_desc(err), json_tokener_get_parse_end(tokener), text);
	json_tokener_free(tokener);
	return root;
}

void assert_is_json(const char *text)
{
	json_object_put(json_read(text));
}

bool json_find(const char *text, const char *path, char *value, size_t size)
{
	struct json_object *root = json_read(text), *found;
	const bool is_there = json_pointer_get(root, path, &found) == 0;
	if (is_there)
		snprintf(value, size, "%s", found ? json_object_get_string(found) : "null");
	json_object_put(root);
	return is_there;
}

void assert_json_has(const char *text, const char *path, const char *expected)
{
	char value[1024];
	ck_assert_msg(json_find(text, path, value, sizeof(value)), "no %s in %.1000s", path, text);
	ck_assert_msg(strcmp(value, expected) == 0, "%s is %s, not %s", path, value, expected);
}
