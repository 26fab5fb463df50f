# SPDX-License-Identifier: MIT
# What documents list is what there is: each source file has its place in the description of the house, each kind of
# test, document and example in the list of such, and each reason for which a test may be skipped is one that some test
# gives.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/text.cmake)

# Each file is linked to from the document; or the directory that it lies in is, unless that is @base.
function(expect_links documents base)
  set(text)
  foreach(document ${documents})
    read_text(${source}/${document} one)
    string(APPEND text "${one}")
  endforeach()
  list(GET documents 0 document)
  cmake_path(GET document PARENT_PATH directory)
  list(JOIN documents " or " where)
  foreach(file ${ARGN})
    cmake_path(GET file PARENT_PATH parent)
    cmake_path(RELATIVE_PATH file BASE_DIRECTORY ${source}/${directory} OUTPUT_VARIABLE link)
    cmake_path(RELATIVE_PATH parent BASE_DIRECTORY ${source}/${directory} OUTPUT_VARIABLE parent_link)
    is_in("${text}" ">(${link})" there)
    is_in("${text}" ">(${parent_link})" parent_there)
    if(NOT there AND NOT (parent_there AND NOT parent STREQUAL "${source}/${base}"))
      list(APPEND failures "no link to ${link} in ${where}")
    endif()
  endforeach()
  set(failures ${failures} PARENT_SCOPE)
endfunction()

foreach(directory lib/base lib/kernel lib/file lib/state lib/pages daemon lib/calls lib/wl_shm/base lib/wl_shm/record
    lib/wl_shm/content lib/wl_shm/protocol lib/wl_shm/regions)
  file(GLOB files ${source}/${directory}/*.c)
  expect_links("docs/wl_shm.md;docs/architecture.md;docs/compositors.md" ${directory} ${files})
endforeach()
file(GLOB files ${source}/lib/wl_shm/shadows/*.c)
expect_links(docs/compositors.md lib/wl_shm/shadows ${files})
file(GLOB files ${source}/lib/wl_shm/mmap/*.c ${source}/lib/wl_shm/run/*.c)
expect_links(docs/wl_shm.md lib/wl_shm ${files})

file(GLOB files ${source}/test/*/*.c ${source}/test/*/*.sh)
expect_links("docs/wl_shm.md;docs/testing.md;docs/compositors.md" test ${files})

file(GLOB files ${source}/docs/*.md)
list(REMOVE_ITEM files ${source}/docs/README.md)
expect_links(docs/README.md docs ${files})
file(GLOB files ${source}/docs/examples/* ${source}/docs/examples/*/*.c)
expect_links(docs/README.md docs/examples ${files})

# ---- What is asked of the kernel ----

read_text(${source}/docs/kernel.md kernel)
file(GLOB files ${source}/lib/base/*.c ${source}/lib/kernel/*.c ${source}/lib/file/*.c ${source}/lib/state/*.c
  ${source}/lib/pages/*.c ${source}/lib/calls/*.c ${source}/daemon/*.c)
set(requests)
foreach(file ${files})
  read_text(${file} text)
  string(REGEX MATCHALL "(UFFDIO|MADV|MREMAP|RWF|IORING_(FEAT|SETUP)|F_[A-Z]*_?SEALS?)_?[A-Z_]*[A-Z]" found "${text}")
  list(APPEND requests ${found})
endforeach()
list(FILTER requests EXCLUDE REGEX "_MODE_") # described with the request
list(REMOVE_DUPLICATES requests)
foreach(request ${requests})
  is_in("${kernel}" "${request}" there)
  if(NOT there)
    fail("docs/kernel.md does not say what is relied upon of ${request}")
  endif()
endforeach()

# ---- Reasons for skipping ----

set(given)
file(GLOB_RECURSE files ${source}/test/*.c ${source}/test/*.h ${source}/test/*CMakeLists.txt
  ${source}/test/*.sh ${source}/test/*.py)
foreach(file ${files})
  read_text(${file} text)
  string(APPEND given "${text}")
endforeach()
function(expect_reason document reason)
  is_in("${given}" "${reason}" there)
  if(NOT there)
    list(APPEND failures "${document}: no test is skipped for this: ${reason}")
    set(failures ${failures} PARENT_SCOPE)
  endif()
endfunction()

file(STRINGS ${source}/test/kernel/skips.txt lines REGEX "^[^#]")
set(n_reasons 0)
foreach(line ${lines})
  if(NOT line MATCHES "^[^;]*; [^;]*; (.*)$")
    continue()
  endif()
  expect_reason(test/kernel/skips.txt "${CMAKE_MATCH_1}")
  math(EXPR n_reasons "${n_reasons} + 1")
endforeach()

# The patterns of is_expected_skip: 'one' | "another")
read_text(${source}/.ci/run text)
string(REGEX MATCHALL "\n    ['\"][^\n]*['\"]\\)" patterns "${text}")
foreach(pattern ${patterns})
  string(REGEX MATCHALL "'[^']+'( \\||\\))|\"[^\"]+\"( \\||\\))" reasons "${pattern}")
  foreach(reason ${reasons})
    string(REGEX REPLACE "^.(.*)['\"]( \\||\\))$" "\\1" reason "${reason}")
    string(REGEX REPLACE "^no (g\\+\\+|clang|clang\\+\\+)$" "no \${compiler}" reason "${reason}")
    expect_reason(.ci/run "${reason}")
    math(EXPR n_reasons "${n_reasons} + 1")
  endforeach()
endforeach()
if(n_reasons LESS 25)
  fail("only ${n_reasons} reasons for skipping were found: this script no longer sees them")
endif()

report_failures()
