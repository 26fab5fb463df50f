/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/shm_stats.h"

void report_text(const struct shm_stats *stats, const char *command);
void report_json(const struct shm_stats *stats);
