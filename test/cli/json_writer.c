/* SPDX-License-Identifier: MIT */
/* The writer of JSON. What it writes is read back by json-c, which takes only JSON in UTF-8. */
#include "cli/json.h"

#include "../support/json_text.h"
#include "../unit/unit.h"

#include <math.h>
#include <string.h>

static char *text;
static size_t length;

static struct json start(void)
{
	struct json json = { .file = open_memstream(&text, &length) };
	ck_assert_ptr_nonnull(json.file);
	return json;
}

/* Answers what was written. The caller frees it. */
static char *finish(struct json *json)
{
	assert_ok(fclose(json->file));
	return text;
}

static struct json_object *finish_and_read(struct json *json)
{
	char *written = finish(json);
	struct json_object *value = json_read(written);
	free(written);
	return value;
}

static void assert_writes(struct json *json, const char *expected)
{
	char *written = finish(json);
	ck_assert_str_eq(written, expected);
	free(written);
}

/* Write @string, and read @expected back. */
static void assert_string_is_read_as(const char *string, const char *expected)
{
	struct json json = start();
	json_put_string(&json, NULL, string);
	struct json_object *value = finish_and_read(&json);
	ck_assert_str_eq(json_object_get_string(value), expected);
	json_object_put(value);
}

/* ---- Strings ---- */

START_TEST(text_is_read_as_it_was)
{
	static const char *const rows[] = { "", "weston", "with \"quotes\"", "a\\b", "\\\"", "a/b",
		"\u00e9\u20ac\U0001f600", "\U0010ffff", "tab\tand\nline\r\x01\x1f", "\x7f",
		"\xc2\x80\xc2\x9b\xc2\x9f", "\u2028" };
	for (size_t i = 0; i < n_elements(rows); i++)
		assert_string_is_read_as(rows[i], rows[i]);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_are_replaced_one_by_one)
{
	static const struct {
		const char *bytes, *expected;
	} rows[] = {
		{ "\xff", "\ufffd" },
		{ "a\x80z", "a\ufffdz" },
		{ "a\xc3", "a\ufffd" },			  /* cut off at the end */
		{ "\xe2\x82", "\ufffd\ufffd" },		  /* the same */
		{ "\xe2\x82z", "\ufffd\ufffdz" },	  /* and in the midst */
		{ "\xc0\xaf", "\ufffd\ufffd" },		  /* '/', longer than it need be */
		{ "\xe0\x80\xaf", "\ufffd\ufffd\ufffd" }, /* the same */
		{ "\xf0\x80\x80\xaf", "\ufffd\ufffd\ufffd\ufffd" },
		{ "\xed\xa0\x80", "\ufffd\ufffd\ufffd" },	    /* a surrogate */
		{ "\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd" }, /* above U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", "\ufffd\ufffd\ufffd\ufffd\ufffd" },
	};
	for (size_t i = 0; i < n_elements(rows); i++)
		assert_string_is_read_as(rows[i].bytes, rows[i].expected);
}
END_TEST

START_TEST(every_byte_alone_and_in_pairs_is_valid_json)
{
	for (unsigned first = 1; first < 256; first++) {
		for (unsigned second = 0; second < 256; second++) {
			const char bytes[] = { (char)first, (char)second, '\0' };
			struct json json = start();
			json_put_string(&json, NULL, bytes);
			json_object_put(finish_and_read(&json));
		}
	}
}
END_TEST

START_TEST(terminal_finds_no_orders_in_a_string)
{
	struct json json = start();
	json_put_string(&json, NULL, "\x1b[2J\x7f\xc2\x9b");
	assert_writes(&json, "\"\\u001b[2J\\u007f\\u009b\"");
}
END_TEST

START_TEST(names_are_escaped_as_strings_are)
{
	struct json json = start();
	json_begin_object(&json, NULL);
	json_put_bool(&json, "a \"name\"\n\xff", true);
	json_end_object(&json);
	assert_writes(&json, "{\"a \\\"name\\\"\\u000a\\ufffd\":true}");
}
END_TEST

/* ---- Numbers ---- */

START_TEST(numbers_are_written_in_full)
{
	struct json json = start();
	json_begin_array(&json, NULL);
	json_put_unsigned(&json, NULL, UINT64_MAX);
	json_put_integer(&json, NULL, INT64_MIN);
	json_put_integer(&json, NULL, -1);
	json_put_real(&json, NULL, 0.5);
	json_put_real(&json, NULL, 123456789);
	json_put_real(&json, NULL, -2);
	json_end_array(&json);
	assert_writes(&json, "[18446744073709551615,-9223372036854775808,-1,0.5,123456789,-2]");
}
END_TEST

START_TEST(what_json_has_no_number_for_is_null)
{
	struct json json = start();
	json_begin_array(&json, NULL);
	json_put_real(&json, NULL, NAN);
	json_put_real(&json, NULL, INFINITY);
	json_put_real(&json, NULL, -INFINITY);
	json_put_string(&json, NULL, NULL);
	json_put_null(&json, NULL);
	json_end_array(&json);
	assert_writes(&json, "[null,null,null,null,null]");
}
END_TEST

START_TEST(very_large_and_very_small_numbers_are_valid)
{
	static const double rows[] = { 1e300, 1e-300, 123456789012., 0.000012345678 };
	for (size_t i = 0; i < n_elements(rows); i++) {
		struct json json = start();
		json_put_real(&json, NULL, rows[i]);
		struct json_object *value = finish_and_read(&json);
		ck_assert_double_le(fabs(json_object_get_double(value) / rows[i] - 1), 1e-8);
		json_object_put(value);
	}
}
END_TEST

/* ---- Nesting ---- */

START_TEST(commas_stand_between_values_and_nowhere_else)
{
	struct json json = start();
	json_begin_object(&json, NULL);
	json_begin_object(&json, "empty");
	json_end_object(&json);
	json_begin_array(&json, "list");
	json_begin_array(&json, NULL);
	json_end_array(&json);
	json_begin_object(&json, NULL);
	json_put_bool(&json, "a", false);
	json_put_null(&json, "b");
	json_end_object(&json);
	json_put_unsigned(&json, NULL, 1);
	json_end_array(&json);
	json_put_string(&json, "last", "x");
	json_end_object(&json);
	assert_writes(
		&json, "{\"empty\":{},\"list\":[[],{\"a\":false,\"b\":null},1],\"last\":\"x\"}");
}
END_TEST

START_TEST(texts_and_values_begin_lines_where_they_shall)
{
	struct json json = start();
	json_begin_array(&json, NULL);
	json_new_line(&json);
	json_put_unsigned(&json, NULL, 1);
	json_new_line(&json);
	json_put_unsigned(&json, NULL, 2);
	json_end_array(&json);
	json_finish(&json);
	json_begin_object(&json, NULL);
	json_end_object(&json);
	json_finish(&json);
	assert_writes(&json, "[\n1,\n2]\n{}\n");
}
END_TEST

static TCase *json_case(void)
{
	TCase *tcase = tcase_create("json");
	tcase_add_test(tcase, text_is_read_as_it_was);
	tcase_add_test(tcase, bytes_that_are_no_utf8_are_replaced_one_by_one);
	tcase_add_test(tcase, every_byte_alone_and_in_pairs_is_valid_json);
	tcase_add_test(tcase, terminal_finds_no_orders_in_a_string);
	tcase_add_test(tcase, names_are_escaped_as_strings_are);
	tcase_add_test(tcase, numbers_are_written_in_full);
	tcase_add_test(tcase, what_json_has_no_number_for_is_null);
	tcase_add_test(tcase, very_large_and_very_small_numbers_are_valid);
	tcase_add_test(tcase, commas_stand_between_values_and_nowhere_else);
	tcase_add_test(tcase, texts_and_values_begin_lines_where_they_shall);
	return tcase;
}

UNIT_MAIN("json_writer", json_case)
