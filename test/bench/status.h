/* SPDX-License-Identifier: MIT */
#pragma once

/* Bytes of this process, by their name in /proc/self/status ("RssAnon:"); 0: it is not there. */
double status_bytes(const char *name);
