# SPDX-License-Identifier: MIT
# cmake -P cmake/packages.cmake: Debian's packages of what is here, in build/packages.
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

dependencies(compiler make pkg-config liburing libseccomp wayland-server dpkg-shlibdeps file)
if(NOT DEFINED ENV{SOURCE_DATE_EPOCH}) # the last commit's, so that the same tree makes the same packages
  execute_process(COMMAND git -c safe.directory=* -C ${source} log -1 --format=%ct OUTPUT_VARIABLE epoch
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(epoch)
    set(ENV{SOURCE_DATE_EPOCH} ${epoch})
  endif()
endif()

build(packages -C ${source}/cmake/debian/cache.cmake)
execute_process(COMMAND ${CMAKE_CPACK_COMMAND} WORKING_DIRECTORY ${source}/build/packages COMMAND_ERROR_IS_FATAL ANY)
