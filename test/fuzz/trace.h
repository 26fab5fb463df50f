/* SPDX-License-Identifier: MIT */
/* What has been done so far, in words, and the verdict when something is wrong. */
#pragma once

#include <stdbool.h>

void trace_reset(bool is_shown);   /* shown: on standard error as it happens */
void trace_name(const char *name); /* of the input to come */
__attribute__((format(printf, 1, 2))) void trace(const char *format, ...);
/* All of it, on standard error. Async-signal-safe. */
void trace_show(void);

/* A promise was broken: says which, what led there, and aborts. */
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
