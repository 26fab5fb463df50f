/* SPDX-License-Identifier: MIT */
#pragma once

/* Write a line to standard error, as compositors do. libwayland's own log function is not public.
 */
__attribute__((format(printf, 1, 2))) void shm_log(const char *format, ...);
