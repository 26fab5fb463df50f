# SPDX-License-Identifier: MIT
# The options that a program's --help names, and those that its manual page documents: the same. And where both say a
# number for what is taken without the option, "(10)" or "(64K; ...", that is the same too.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/text.cmake)

execute_process(COMMAND ${program} --help OUTPUT_VARIABLE help ERROR_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE ";" "," help "${help}")
read_text(${page} manual)
string(REGEX MATCHALL "--[a-z][a-z-]+" in_help "${help}")
string(REGEX MATCHALL "\n\\.It Fl Fl [a-z-]+" in_page "${manual}")
list(TRANSFORM in_page REPLACE "\n.It Fl Fl " "--")

# Of the text from an option to the next, or to the section's end.
function(find_default text start next result)
  set(${result} "" PARENT_SCOPE)
  string(FIND "${text}" "${start}" at)
  if(at LESS 0)
    return()
  endif()
  string(LENGTH "${start}" length)
  math(EXPR at "${at} + ${length}")
  string(SUBSTRING "${text}" ${at} -1 text)
  string(REGEX REPLACE "${next}.*" "" text "${text}")
  if(text MATCHES "\\(([0-9]+[kKMG]?)[),]")
    set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
  endif()
endfunction()

foreach(options in_help in_page)
  list(SORT ${options})
  list(REMOVE_DUPLICATES ${options})
endforeach()
if(NOT in_help OR NOT in_help STREQUAL in_page)
  fail("--help: ${in_help}")
  fail("page:   ${in_page}")
endif()

foreach(option ${in_page})
  string(REPLACE "--" "" name ${option})
  find_default("${help}" "\n  ${option} " "\n(  --|\n)" default_in_help)
  find_default("${manual}" "\n.It Fl Fl ${name}" "\n(.It Fl Fl|.S[hs])" default_in_page)
  if(NOT default_in_help STREQUAL default_in_page)
    fail("${option}: (${default_in_help}) by --help, (${default_in_page}) on the page")
  endif()
endforeach()

report_failures()
