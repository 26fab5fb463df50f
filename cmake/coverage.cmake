# SPDX-License-Identifier: MIT
# cmake -P cmake/coverage.cmake: what tests run of each file, by gcc's gcov. Builds in build/coverage, and leaves the table
# in build/coverage/coverage.txt, and beside each object gcov's copy of the source with how often each line ran. Children
# that end by _exit() or exec leave no counts. COVERAGE_TESTS, a regular expression, says which tests; the default is most
# of them once or twice, which takes some ten minutes. Then what is not run of the core is compared with
# test/coverage/uncovered.txt, which says why.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/dependencies.cmake)

set(tests "^unit\\.|^scenario\\.[a-z_]+\\.(uring\\.root|poll\\.nobody|eager\\.root)$|^scenario\\.(fuzz|doctor|top|interrupted)|^wl_shm\\.")
# Root alone may scan files, and with io_uring a worker waits for the scanner.
string(APPEND tests "|^scenario\\.(inquiry|relief|scanned)\\.poll\\.root$")
if(DEFINED ENV{COVERAGE_TESTS})
  set(tests $ENV{COVERAGE_TESTS})
endif()
set(work ${source}/build/coverage)

dependencies(compiler make pkg-config liburing libseccomp wayland-server check fuse3 json-c)
set(ENV{CC} gcc)
build(coverage -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS=--coverage -fprofile-update=atomic" -DUFFD_GUARD_TOOLS=ON)
file(GLOB_RECURSE old ${work}/*.gcda ${work}/*.gcov)
if(old)
  file(REMOVE ${old})
endif()
# Tests that run as nobody count too. Not those of the symbols that a library exports, here it has gcov's; nor of growth,
# which counts in a build of its own.
execute_process(COMMAND sh -c "find '${work}' -type d -exec chmod a+rwx {} +; umask 0; exec \"$@\"" sh
  ${CMAKE_CTEST_COMMAND} --test-dir ${work} -R "${tests}" -E "^wl_shm\\.(growth|symbols)$" --output-on-failure RESULT_VARIABLE status)

# ---- The table ----

function(pad text width)
  string(LENGTH "${text}" length)
  math(EXPR n "${width} - ${length}")
  if(n GREATER 0)
    string(REPEAT " " ${n} spaces)
  endif()
  set(padded "${spaces}${text}" PARENT_SCOPE)
endfunction()

function(make_row lines of_lines branches of_branches name)
  set(row)
  foreach(value "${lines} %" ${of_lines} "${branches} %" ${of_branches})
    pad("${value}" 10)
    string(APPEND row "${padded}")
  endforeach()
  set(row "${row}  ${name}\n" PARENT_SCOPE)
endfunction()

# gcov's words: "File '...'", "Lines executed:93.33% of 801", "Branches ...", "Taken at least once:77.42% of 434".
file(GLOB_RECURSE counts ${work}/*.gcda)
list(SORT counts)
set(names)
foreach(file ${counts})
  cmake_path(GET file PARENT_PATH directory)
  execute_process(COMMAND gcov -b -f -s ${source} -r ${file} WORKING_DIRECTORY ${directory} OUTPUT_VARIABLE text ERROR_QUIET)
  string(REGEX MATCH "File '((lib|daemon)/[^']*[.]c)'\nLines executed:([0-9.]+)% of ([0-9]+)" found "${text}")
  if(NOT found)
    continue()
  endif()
  set(name ${CMAKE_MATCH_1})
  set(lines ${CMAKE_MATCH_3})
  set(of_lines ${CMAKE_MATCH_4})
  if(DEFINED most_${name} AND NOT lines GREATER most_${name}) # built twice, for a test of its own
    continue()
  endif()
  list(APPEND names ${name})
  set(most_${name} ${lines})
  set(idle_${name})
  set(branches -)
  set(of_branches 0)
  if(text MATCHES "File '${name}'\nLines executed:[^\n]*\n(Branches executed:[^\n]*\nTaken at least once:([0-9.]+)% of ([0-9]+))")
    set(branches ${CMAKE_MATCH_2})
    set(of_branches ${CMAKE_MATCH_3})
  endif()
  string(REGEX MATCHALL "Function '[^']*'\nLines executed:0.00% of" functions "${text}")
  list(TRANSFORM functions REPLACE "Function '([^']*)'.*" "\\1")
  file(READ ${source}/${name} code)
  foreach(function ${functions})
    if(code MATCHES "\n[a-z][^\n;]*[ *]${function}\\(") # and not a header's
      string(APPEND idle_${name} "  ${name}: ${function}\n")
    endif()
  endforeach()
  make_row(${lines} ${of_lines} ${branches} ${of_branches} ${name})
  set(row_${name} "${row}")
endforeach()

list(REMOVE_DUPLICATES names)
list(SORT names)
set(table "     lines        of  branches        of  file\n")
set(idle)
foreach(name ${names})
  string(APPEND table "${row_${name}}")
  string(APPEND idle "${idle_${name}}")
endforeach()
if(idle)
  string(APPEND table "\nFunctions that nothing has run:\n${idle}")
endif()
file(WRITE ${work}/coverage.txt "${table}")
message("${table}")

# ---- What is not run, and why ----

set(unknown 0)
find_program(python3 python3)
if(NOT DEFINED ENV{COVERAGE_TESTS} AND python3)
  execute_process(COMMAND ${python3} ${source}/test/coverage/uncovered.py ${source} ${work} RESULT_VARIABLE unknown)
endif()

if(NOT names)
  message(FATAL_ERROR "No counts were found")
elseif(NOT status EQUAL 0)
  message(FATAL_ERROR "Tests failed; what they ran is counted all the same")
elseif(NOT unknown EQUAL 0)
  message(FATAL_ERROR "Write a test, or a row of test/coverage/uncovered.txt that says why there is none")
endif()
