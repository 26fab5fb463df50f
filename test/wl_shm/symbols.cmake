# SPDX-License-Identifier: MIT
# Functions of wl_shm that libwayland-server exports, or a later one does, and what our library exports: the same.
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
# Later releases than 1.21 have these; ours has them always.
list(APPEND family wl_shm_buffer_ref wl_shm_buffer_unref)
list(REMOVE_DUPLICATES family)
list(SORT family)
exports_of(exported ${ours} "[A-Za-z_][A-Za-z0-9_]*")
if(NOT family OR NOT family STREQUAL exported)
  message(FATAL_ERROR "libwayland: ${family}\nours:       ${exported}")
endif()
