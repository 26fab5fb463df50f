/* SPDX-License-Identifier: MIT */
#pragma once

/* A line on standard error, where compositors put theirs. libwayland's own log is not public. */
__attribute__((format(printf, 1, 2))) void shm_log(const char *format, ...);
