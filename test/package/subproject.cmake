# SPDX-License-Identifier: MIT
# In another project, uffd_guard is two libraries and nothing else: no tests, programs, installation or settings of its
# own. And on another system than Linux, configure says so first.
cmake_minimum_required(VERSION 3.25)

set(build ${work}/build)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/subproject -B ${build} -G ${generator} -D CMAKE_C_COMPILER=${compiler}
  -D uffd_guard_source=${source})
run(${CMAKE_COMMAND} --build ${build})

execute_process(COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${build} OUTPUT_VARIABLE tests ECHO_OUTPUT_VARIABLE
  COMMAND_ERROR_IS_FATAL ANY)
if(NOT tests MATCHES "0 tests failed out of 2\n")
  message(FATAL_ERROR "the parent's ctest does not run its two tests and no other")
endif()

file(STRINGS ${build}/CMakeCache.txt cache REGEX "^(CMAKE_BUILD_TYPE|CPACK_[A-Z_]*):[A-Z]*=.")
if(cache)
  message(FATAL_ERROR "in the parent's cache: ${cache}")
endif()
file(GLOB_RECURSE programs ${build}/uffd-guard-* ${build}/libuffd_guard_wl_shm* ${build}/unit_*)
if(programs)
  message(FATAL_ERROR "built for nobody: ${programs}")
endif()
run(${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix)
if(EXISTS ${work}/prefix)
  message(FATAL_ERROR "something of uffd_guard is installed with the parent")
endif()

foreach(system FreeBSD Darwin OpenBSD)
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${source} -B ${work}/${system} -G ${generator} -D CMAKE_SYSTEM_NAME=${system}
    RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE said)
  if(status EQUAL 0 OR NOT said MATCHES "^CMake Error at CMakeLists.txt:[0-9]+ \\(message\\):\n *uffd_guard needs Linux: ")
    message(FATAL_ERROR "on ${system}, configure says: ${said}")
  endif()
endforeach()
