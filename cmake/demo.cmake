# SPDX-License-Identifier: MIT
# cmake -P cmake/demo.cmake: from a fresh checkout to a server that hostile clients attack for ten seconds.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

dependencies(compiler make pkg-config liburing libseccomp)
build(demo -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DUFFD_GUARD_TOOLS=ON)

message(STATUS "Attacking a server for ten seconds")
execute_process(COMMAND ${source}/build/demo/test/stress/uffd-guard-stress --seconds 10 RESULT_VARIABLE status)
if(status EQUAL 3)
  message(FATAL_ERROR "The demo could not run; the reason stands above. If it is \"Operation not permitted\", then "
    "userfaultfd is denied here (containers often do that, by a seccomp filter); if it is \"Function not "
    "implemented\", then this kernel has none, or a filter pretends so. uffd_guard needs it. "
    "${source}/build/demo/test/doctor/uffd-guard-doctor says who denies it, and what to change.")
elseif(NOT status EQUAL 0)
  message(FATAL_ERROR "uffd-guard-stress found a violation, or ended by a signal: ${status}")
endif()

message("
The programs are in build/demo. What you may want to try next:
  build/demo/test/doctor/uffd-guard-doctor     whether all of this machine is as it should be
  build/demo/test/bench/uffd-guard-bench       what it costs, beside what servers do today
  build/demo/test/stress/uffd-guard-stress --help
README.md says how it is installed, and which call goes where in a server.")
