# SPDX-License-Identifier: MIT
# What distributions build packages from is of the project's version, and needs what it needs.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/text.cmake)

read_text(${source}/CMakeLists.txt project)
if(NOT project MATCHES "\n  VERSION ([0-9.]+)\n")
  fail("CMakeLists.txt has no version")
endif()
set(version ${CMAKE_MATCH_1})

read_text(${source}/debian/changelog changelog)
string(FIND "${changelog}" "uffd-guard (${version}-" at)
if(NOT at EQUAL 0)
  fail("debian/changelog does not begin with ${version}")
endif()
read_text(${source}/cmake/uffd_guard.spec spec)
if(NOT spec MATCHES "\nVersion: +${version}\n")
  fail("cmake/uffd_guard.spec is not of version ${version}")
endif()

# Each version node of the library, with the release that brought it.
file(STRINGS ${source}/lib/uffd_guard.map nodes REGEX "^UFFD_GUARD_[0-9.]+ ")
read_text(${source}/debian/libuffd-guard0.symbols symbols)
foreach(node ${nodes})
  string(REGEX REPLACE "^(UFFD_GUARD_([0-9.]+)) .*" "\n (symver)\\1 \\2\n" line "${node}")
  is_in("${symbols}" "${line}" there)
  if(NOT there)
    fail("debian/libuffd-guard0.symbols does not have ${node}")
  endif()
endforeach()

# The releases of libraries that the build asks for.
read_text(${source}/cmake/Parts.cmake parts)
read_text(${source}/debian/control control)
foreach(library liburing libseccomp)
  if(NOT parts MATCHES "module_of_${library} ${library}>=([0-9.]+)")
    fail("cmake/Parts.cmake does not say which ${library} is needed")
  endif()
  set(release ${CMAKE_MATCH_1})
  is_in("${control}" "${library}-dev (>= ${release})" in_control)
  is_in("${spec}" "${library}-devel >= ${release}" in_spec)
  if(NOT in_control OR NOT in_spec)
    fail("debian/control and cmake/uffd_guard.spec do not both ask for ${library} ${release}")
  endif()
endforeach()

report_failures()
