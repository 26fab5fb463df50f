#!/bin/sh
# SPDX-License-Identifier: MIT
# What ctest runs for a test that cannot be built or run here: sh skip.sh REASON
echo "SKIP: $1"
exit 77
