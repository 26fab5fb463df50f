# SPDX-License-Identifier: MIT
# cmake -P cmake/check.cmake: build with warnings as errors, and run all tests.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

dependencies(compiler make pkg-config liburing libseccomp wayland-server ncursesw check fuse3 json-c)
build(check -DUFFD_GUARD_TESTS=ON -DUFFD_GUARD_WAYLAND=ON -DUFFD_GUARD_WERROR=ON)

# Side by side, but few: some wait for what must come within a time. ctest's summary comes last.
cmake_host_system_information(RESULT n_tests_at_once QUERY NUMBER_OF_LOGICAL_CORES)
if(n_tests_at_once GREATER 4)
  set(n_tests_at_once 4)
endif()
execute_process(
  COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${source}/build/check --parallel ${n_tests_at_once} --output-on-failure
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "Tests failed")
endif()
