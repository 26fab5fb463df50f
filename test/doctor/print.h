/* SPDX-License-Identifier: MIT */
/* What was found, what to change, and what it comes to: for people and for programs. */
#pragma once

#include "facts.h"

void print_text(const struct facts *facts);
void print_json(const struct facts *facts);
