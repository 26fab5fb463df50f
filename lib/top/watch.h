/* SPDX-License-Identifier: MIT */
#pragma once

#include "top_options.h"
#include "watched_process.h"

/* Shows the process until it ends, or the options say so, or whoever looks at it. */
enum exit_code watch(struct process *process, struct options *options);
