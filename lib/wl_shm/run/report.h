/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/shm_stats.h"

void report_text(const struct stats *stats, const char *command);
void report_json(const struct stats *stats);
