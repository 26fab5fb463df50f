# SPDX-License-Identifier: MIT
# cmake -P cmake/check.cmake: build with warnings as errors, and run all tests.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

dependencies(compiler make pkg-config liburing libseccomp wayland-server ncursesw check fuse3 json-c)
build(check -DUFFD_GUARD_TESTS=ON -DUFFD_GUARD_WAYLAND=ON -DUFFD_GUARD_WERROR=ON)

# Side by side, and one more than there are processors, since tests wait for a third of their time. But few: some wait for
# what must come within a time.
cmake_host_system_information(RESULT n_processors QUERY NUMBER_OF_LOGICAL_CORES)
math(EXPR n_tests_at_once "${n_processors} + 1")
if(n_tests_at_once GREATER 4)
  set(n_tests_at_once 4)
endif()
execute_process(
  COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${source}/build/check --parallel ${n_tests_at_once} --output-on-failure
  RESULT_VARIABLE status)

# Each reason once; which tests gave it stands in the log.
set(log ${source}/build/check/Testing/Temporary/LastTest.log)
set(text)
if(EXISTS ${log})
  file(READ ${log} text)
endif()
string(REGEX REPLACE "[][;]" " " text "${text}") # which lists take for their own
string(REGEX MATCHALL "\nSKIP: [^\n]*" reasons "${text}")
list(TRANSFORM reasons REPLACE "\nSKIP: " "")
list(SORT reasons)
list(REMOVE_DUPLICATES reasons)
if(reasons)
  list(JOIN reasons "\n     " text)
  message(STATUS "Not tested here, or not in full (${log} says which):\n     ${text}")
endif()
if(NOT status EQUAL 0)
  message(FATAL_ERROR "Tests failed")
endif()
