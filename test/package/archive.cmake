# SPDX-License-Identifier: MIT
# Of the static library, a program sees what the header declares and nothing else: one with functions of the same names
# as some within the library can be linked with it.
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${nm} -g --defined-only --format=posix ${archive} OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${lines}")
set(n 0)
foreach(line ${lines})
  if(line MATCHES "^uffd_guard_")
    math(EXPR n "${n} + 1")
  elseif(line MATCHES "^([^ ]+) [A-Z]")
    message(SEND_ERROR "${archive} defines ${CMAKE_MATCH_1}")
  endif()
endforeach()
if(n EQUAL 0)
  message(FATAL_ERROR "${archive} defines no function of the header")
endif()

execute_process(COMMAND ${compiler} -I${source}/include ${source}/test/package/same_names.c ${archive} -luring -lseccomp
  -pthread -ldl -o ${work}/same_names COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${work}/same_names COMMAND_ERROR_IS_FATAL ANY)
