/* SPDX-License-Identifier: MIT */
#pragma once

/* Where the reader (the calling thread) and the threads that answer its faults run. */
enum place { PLACE_ANYWHERE, PLACE_SAME_CORE, PLACE_TWO_CORES };

/* 0 or a negative errno; -ENODEV: there is only one core. */
int place_threads(enum place place);
