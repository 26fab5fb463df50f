# SPDX-License-Identifier: MIT
# The library against the interface of the last release that has the same SONAME, which is kept in abi/: nothing may be
# gone or changed. What has come since is as it should be. Interfaces of other SONAMEs were other libraries'.
#   cmake -D source=... -D library=... -D work=... -P abi.cmake
#   cmake -D source=... -D library=... -D work=... -D version=... -P abi.cmake    abi/ gets this version's, when released
cmake_minimum_required(VERSION 3.25)

set(directory ${source}/test/package/abi)
set(interface ${work}/uffd_guard.abi)

# Without debug information there are no types to compare.
execute_process(COMMAND readelf --dynamic --section-headers --wide ${library} OUTPUT_VARIABLE elf COMMAND_ERROR_IS_FATAL ANY)
if(NOT elf MATCHES "\\.debug_info")
  message("SKIP: the library has no debug information")
  return()
endif()
string(REGEX MATCH "Library soname: .([^]]+)" soname "${elf}")
set(soname ${CMAKE_MATCH_1})

# What the header shows of the library, and nothing of the directory, of lines or of who calls which file what. Both
# sides are written so: abidiff would not see changes in a library that it reads through --headers-dir itself.
execute_process(COMMAND abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed --no-parameter-names
  --exported-interfaces-only --headers-dir ${source}/include --drop-private-types ${library}
  OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE " path='${source}/" " path='" text "${text}")
file(WRITE ${interface} "${text}")

file(GLOB released RELATIVE ${directory} ${directory}/uffd_guard-*.abi)
list(REMOVE_ITEM released uffd_guard-${version}.abi) # about to be written anew
list(SORT released COMPARE NATURAL ORDER DESCENDING)
set(compared FALSE)
foreach(file ${released})
  file(STRINGS ${directory}/${file} has_soname REGEX "<abi-corpus .* soname='${soname}'>")
  if(has_soname AND NOT compared)
    set(compared TRUE)
    message(STATUS "Comparing with ${file}")
    execute_process(COMMAND abidiff --no-added-syms --suppressions ${directory}/allowed.suppr
      ${directory}/${file} ${interface} RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "Programs made with the library of ${file} might not run with this one. docs/packaging.md "
        "says what may be changed, and how.")
    endif()
  endif()
endforeach()
if(NOT compared)
  message(STATUS "No release had the SONAME ${soname}")
endif()

if(version) # or its interface stays as it is
  execute_process(COMMAND git -c safe.directory=* -C ${source} rev-parse --verify --quiet refs/tags/v${version}
    RESULT_VARIABLE status OUTPUT_QUIET)
  if(status EQUAL 0)
    message(FATAL_ERROR "v${version} is released. Raise the version in CMakeLists.txt")
  endif()
  file(COPY_FILE ${interface} ${directory}/uffd_guard-${version}.abi)
  message(STATUS "Written: test/package/abi/uffd_guard-${version}.abi")
endif()
