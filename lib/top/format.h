/* SPDX-License-Identifier: MIT */
/* Write numbers for people, in few letters. Each function answers @text. */
#pragma once

#define FORMAT_LETTERS 24

char *format_bytes(char text[FORMAT_LETTERS], double bytes); /* 12.3 MiB */
char *format_count(char text[FORMAT_LETTERS], double count); /* 12.3k */
char *format_ns(char text[FORMAT_LETTERS], double ns);	     /* 12.3 us */
char *format_age(char text[FORMAT_LETTERS], double seconds); /* 1:02:03 */
