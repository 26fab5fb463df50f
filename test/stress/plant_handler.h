/* SPDX-License-Identifier: MIT */
/* Loads that wait for a thread named as the library's handler, which sleeps or is not let run. */
#pragma once

struct judge;

/* The handler sleeps while a processor is busy. To be reported. */
void plant_sleeping_handler(struct judge *judge);
/* The handler could run, and another thread has its processor. To be excused: what goes wrong is
 * reported to @judge. */
void plant_starved_handler(struct judge *judge);
/* The same for ever: excused, and in the end reported. */
void plant_handler_starved_for_ever(struct judge *judge);
/* All threads stand still for a while, the watchdog too, right after a load has begun. To be
 * excused. */
void plant_standstill(struct judge *judge);
