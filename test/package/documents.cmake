# SPDX-License-Identifier: MIT
# What the documents claim and a script can check: uffd_guard.7 shows the example as it is, commands of README.md exist,
# names are those of the header, times those of performance.md, lines fit the page. (readme_test.c compiles and runs the
# lines of C in README.md.) Links are checked by links.cmake, lists of files and the like by lists.cmake, and whether the
# manual leaves something out by manual.cmake.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/text.cmake)

read_text(${source}/README.md readme)
read_text(${source}/docs/examples/server.c server)
read_text(${source}/include/uffd_guard.h header)
read_text(${source}/include/uffd_guard_wayland.h wayland_header)
string(APPEND header "${wayland_header}")
read_text(${source}/docs/man/uffd_guard.7 overview)

# The manual shows the example: from the first #include on, without tabs, and with backslashes spelt out.
string(FIND "${server}" "#include" at)
string(SUBSTRING "${server}" ${at} -1 program)
string(REPLACE "\t" "        " program "${program}")
string(REPLACE "\\" "\\e" program "${program}")
string(FIND "${overview}" ".Bd -literal\n${program}.Ed\n" at)
if(at LESS 0)
  fail("uffd_guard.7 does not show docs/examples/server.c as it is")
endif()

foreach(command "cmake -P cmake/demo.cmake" "cmake -P cmake/check.cmake")
  string(FIND "${readme}" "${command}" at)
  string(REPLACE "cmake -P " "" script "${command}")
  if(at LESS 0 OR NOT EXISTS ${source}/${script})
    fail("README.md and the tree disagree about: ${command}")
  endif()
endforeach()

read_text(${source}/CMakeLists.txt project)
if(NOT project MATCHES "\n  VERSION ([0-9]+\\.[0-9]+)\\.")
  fail("CMakeLists.txt has no version")
endif()
is_in("${readme}" "find_package(uffd_guard ${CMAKE_MATCH_1} " there)
if(NOT there)
  fail("README.md asks find_package() for another version than ${CMAKE_MATCH_1}")
endif()

# Build options and variables of the environment have the prefix of the header's constants.
set(others)
file(GLOB files ${source}/CMakeLists.txt ${source}/cmake/*.cmake ${source}/lib/*/*.c ${source}/lib/wl_shm/*/*.h)
foreach(file ${files})
  read_text(${file} text)
  string(APPEND others "${text}")
endforeach()

file(GLOB documents ${source}/*.md ${source}/docs/*.md ${source}/docs/adopting/*.md ${source}/docs/man/*)
foreach(document ${documents})
  read_text(${document} text)
  string(REGEX REPLACE "\n\\.Dt [^\n]*" "" text "${text}") # a page's title is in capitals
  string(REGEX MATCHALL "UFFD_GUARD_[A-Z_]*[A-Z]" constants "${text}")
  string(REGEX MATCHALL "uffd_guard_[a-z_]+\\(" functions "${text}")
  string(REGEX MATCHALL "F[no] uffd_guard_[a-z_]+" marked "${text}")
  list(TRANSFORM functions REPLACE "\\(" "")
  list(TRANSFORM marked REPLACE "^.. " "")
  foreach(name ${functions} ${marked})
    is_in("${header}" "${name}" there)
    if(NOT there)
      fail("${document}: the header has no ${name}")
    endif()
  endforeach()
  foreach(name ${constants})
    is_in("${header}${others}" "${name}" there)
    if(NOT there)
      fail("${document}: there is no ${name}")
    endif()
  endforeach()
endforeach()

# ---- Times are copied from performance.md as they stand there ----

read_text(${source}/docs/performance.md performance)
set(n_times 0)
foreach(document README.md docs/adopting.md docs/compared.md)
  read_text(${source}/${document} text)
  string(REGEX MATCHALL "[0-9.,]+ (µs|ns|ms)[^a-z]" times "${text}")
  foreach(time ${times})
    string(REGEX REPLACE ".$" "" time "${time}")
    is_in("${performance}" " ${time}" there)
    if(NOT there)
      fail("${document}: docs/performance.md has no ${time}")
    endif()
    math(EXPR n_times "${n_times} + 1")
  endforeach()
endforeach()
if(n_times LESS 10)
  fail("only ${n_times} times were found: this script no longer sees them")
endif()

# ---- Lines are no longer than .editorconfig has it ----

read_text(${source}/.editorconfig text)
string(REGEX MATCH "\nmax_line_length = ([0-9]+)" most "${text}")
set(most ${CMAKE_MATCH_1})
foreach(document ${documents})
  read_text(${document} text)
  string(REPLACE "\n" ";" lines "${text}")
  foreach(line ${lines})
    string(REGEX REPLACE "[^ -~]+" "_" ascii "${line}") # CMake counts bytes: a run outside of ASCII is one column
    string(LENGTH "${ascii}" length)
    if(length GREATER most)
      string(SUBSTRING "${line}" 0 60 begin)
      fail("${document}: longer than ${most} columns: ${begin}...")
    endif()
  endforeach()
endforeach()

report_failures()
