/* SPDX-License-Identifier: MIT */
#pragma once

#include "top_options.h"
#include "watched_process.h"

/* Show the process until it ends, as often as --count says, or until the user leaves. */
enum exit_code watch(struct process *process, struct options *options);
