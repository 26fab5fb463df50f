/* SPDX-License-Identifier: MIT */
#pragma once

/* Of a name that is clean. */
void print_json_string(const char *text);
