# SPDX-License-Identifier: MIT
# The options that a program's --help names, and those that its manual page documents: the same.
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${program} --help OUTPUT_VARIABLE help ERROR_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "--[a-z][a-z-]+" in_help "${help}")
file(STRINGS ${page} lines REGEX "^\\.It Fl Fl ")
set(in_page)
foreach(line ${lines})
  string(REGEX REPLACE "^\\.It Fl Fl ([a-z-]+).*$" "--\\1" option "${line}")
  list(APPEND in_page ${option})
endforeach()

foreach(options in_help in_page)
  list(SORT ${options})
  list(REMOVE_DUPLICATES ${options})
endforeach()
if(NOT in_help OR NOT in_help STREQUAL in_page)
  message(FATAL_ERROR "--help: ${in_help}\npage:   ${in_page}")
endif()
