# SPDX-License-Identifier: MIT
# Each probe of lib/probes.h is in the library, and so its users find it; nothing else is.
cmake_minimum_required(VERSION 3.25)

file(READ ${source}/lib/probes.h header)
string(REGEX MATCHALL "PROBE_[0-9]\\([a-z_]+, [(a-z]*(region|err)" uses "${header}")
list(TRANSFORM uses REPLACE "PROBE_[0-9]\\(([a-z_]+),.*" "\\1" OUTPUT_VARIABLE expected)
list(REMOVE_ITEM expected name)
list(SORT expected)

execute_process(COMMAND ${readelf} --notes --wide ${library} OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "Provider: uffd_guard[ \n]+Name: [a-z_]+" found "${notes}")
list(TRANSFORM found REPLACE ".*Name: " "")
list(REMOVE_DUPLICATES found)
list(SORT found)

message("${found}")
if(NOT expected OR NOT found STREQUAL expected)
  message(FATAL_ERROR "lib/probes.h has ${expected}")
endif()
