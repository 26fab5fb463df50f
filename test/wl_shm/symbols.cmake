# SPDX-License-Identifier: MIT
# Functions of wl_shm that libwayland-server exports, and what our library exports: the same.
cmake_minimum_required(VERSION 3.25)

function(exports_of result library pattern)
  execute_process(COMMAND ${nm} -D --defined-only --format=posix ${library} OUTPUT_VARIABLE lines
    COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${lines}")
  set(names)
  foreach(line ${lines})
    if(line MATCHES "^(${pattern})[^ ]* T ")
      list(APPEND names ${CMAKE_MATCH_1})
    endif()
  endforeach()
  list(SORT names)
  set(${result} ${names} PARENT_SCOPE)
endfunction()

exports_of(family ${theirs} "wl_shm_[a-z_]+|wl_display_init_shm|wl_display_add_shm_format")
exports_of(exported ${ours} "[A-Za-z_][A-Za-z0-9_]*")
if(NOT family OR NOT family STREQUAL exported)
  message(FATAL_ERROR "libwayland: ${family}\nours:       ${exported}")
endif()
