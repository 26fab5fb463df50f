# SPDX-License-Identifier: MIT
# The functions that the header declares, those of the version script, and what the shared library exports: the same.
cmake_minimum_required(VERSION 3.25)

# Comments are cut out first: they name functions too.
file(READ ${source}/include/uffd_guard.h header)
string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" "" header "${header}")
string(REGEX MATCHALL "uffd_guard_[a-z_]+\\(" declared "${header}")
list(TRANSFORM declared REPLACE "\\($" "")

file(STRINGS ${source}/lib/uffd_guard.map mapped REGEX "^\tuffd_guard_")
list(TRANSFORM mapped REPLACE "^\t(.*);$" "\\1")

execute_process(COMMAND ${nm} -D --defined-only --format=posix ${library} OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${lines}")
set(exported)
foreach(line ${lines})
  if(line MATCHES "^([^ @]+)[^ ]* ([A-Z]) " AND NOT CMAKE_MATCH_2 STREQUAL "A") # A: the version's own name
    list(APPEND exported ${CMAKE_MATCH_1})
  endif()
endforeach()

foreach(names declared mapped exported)
  list(SORT ${names})
  list(REMOVE_DUPLICATES ${names})
endforeach()
if(NOT declared OR NOT declared STREQUAL mapped OR NOT declared STREQUAL exported)
  message(FATAL_ERROR "declared: ${declared}\nmapped:   ${mapped}\nexported: ${exported}")
endif()
