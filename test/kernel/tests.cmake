# SPDX-License-Identifier: MIT
# cmake -D BUILD=<build directory> -D OUT=<directory> [-D ONLY=<regex>] [-D EXCEPT=<regex>] -P tests.cmake
# What ctest has under the labels unit and scenario: OUT/tests.sh has a line `run NAME PROGRAM ARGUMENT...` for each,
# OUT/programs the files these need, which the guest finds in /test/bin. So a test is run in other kernels as soon as
# ctest knows it.
cmake_policy(VERSION 3.25)

find_program(ctest ctest REQUIRED)
execute_process(COMMAND ${ctest} --test-dir ${BUILD} --show-only=json-v1 -L "^(unit|scenario)$"
  OUTPUT_VARIABLE json COMMAND_ERROR_IS_FATAL ANY)

# A word of a command line, quoted for sh.
function(quote_word result word)
  string(REPLACE "'" "'\\''" word "${word}")
  set(${result} " '${word}'" PARENT_SCOPE)
endfunction()

# These run programs from where they were built, and read the corpus there.
set(not_there "^(scenario\\.(doctor\\..*|fuzz\\.corpus|.*\\.cli)|compared)$")

set(lines)
set(programs)
string(JSON n_tests LENGTH "${json}" tests)
foreach(i RANGE 1 ${n_tests})
  math(EXPR i "${i} - 1")
  string(JSON name GET "${json}" tests ${i} name)
  if(name MATCHES "${not_there}" OR (ONLY AND NOT name MATCHES "${ONLY}") OR (EXCEPT AND name MATCHES "${EXCEPT}"))
    continue()
  endif()
  string(JSON n_words ERROR_VARIABLE is_not_built LENGTH "${json}" tests ${i} command)
  if(is_not_built)
    message(FATAL_ERROR "The program of ${name} is not built")
  endif()

  string(APPEND lines "run ${name}")
  foreach(j RANGE 1 ${n_words})
    math(EXPR j "${j} - 1")
    string(JSON word GET "${json}" tests ${i} command ${j})
    if(IS_ABSOLUTE "${word}" AND EXISTS "${word}")
      list(APPEND programs "${word}")
      get_filename_component(word "${word}" NAME)
    endif()
    quote_word(quoted "${word}")
    string(APPEND lines "${quoted}")
  endforeach()
  string(APPEND lines "\n")
endforeach()

list(REMOVE_DUPLICATES programs)
list(JOIN programs "\n" programs)
file(WRITE ${OUT}/tests.sh "${lines}")
file(WRITE ${OUT}/programs "${programs}\n")
