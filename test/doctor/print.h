/* SPDX-License-Identifier: MIT */
/* Print findings, changes and verdict: as text for people, as JSON for programs. */
#pragma once

#include "facts.h"

void print_text(const struct facts *facts);
void print_json(const struct facts *facts);
