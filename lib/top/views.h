/* SPDX-License-Identifier: MIT */
#pragma once

#include "view_base.h"

extern const struct view view_lines, view_page, view_json, view_screen;
