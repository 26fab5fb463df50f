/* SPDX-License-Identifier: MIT */
#pragma once

#include "facts.h"

enum state { STATE_OK, STATE_LIMITED, STATE_MISSING, STATE_UNKNOWN };
const char *state_name(enum state state);

#define FINDING_WIDTH 70 /* of a meaning, so that the whole line has at most 100 columns */

struct finding {
	const char *id;	   /* for programs; stable */
	const char *title; /* for people */
	enum state state;
	char meaning[FINDING_WIDTH + 1]; /* for a server */
};

#define N_FINDINGS 21
void findings_make(const struct facts *facts, struct finding findings[N_FINDINGS]);

/* ---- What it comes to ---- */

/* Whether a guard works as it does by default. */
bool verdict_works(const struct facts *facts);
const char *verdict_text(const struct facts *facts, char *text, size_t size);
