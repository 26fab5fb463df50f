# SPDX-License-Identifier: MIT
# cmake -P cmake/check.cmake: build with warnings as errors, and run all tests.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

dependencies(compiler make pkg-config liburing libseccomp check fuse3)
build(check -DBUILD_TESTING=ON -DUFFD_GUARD_TOOLS=ON -DUFFD_GUARD_WERROR=ON)

# ctest's summary comes last.
execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${source}/build/check --output-on-failure
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "Tests failed")
endif()
