# SPDX-License-Identifier: MIT
# For scripts that read documents: all that is wrong is said at the end, not only the first of it.

set(failures)
macro(fail text)
  list(APPEND failures "${text}")
endmacro()

function(report_failures)
  if(failures)
    list(JOIN failures "\n  " text)
    message(FATAL_ERROR "\n  ${text}")
  endif()
endfunction()

# Lists and brackets mean something to CMake: make them harmless.
function(read_text file result)
  file(READ ${file} text)
  string(REPLACE ";" "," text "${text}")
  string(REPLACE "[" "<" text "${text}")
  string(REPLACE "]" ">" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

function(is_in text part result)
  string(FIND "${text}" "${part}" at)
  if(at LESS 0)
    set(${result} FALSE PARENT_SCOPE)
  else()
    set(${result} TRUE PARENT_SCOPE)
  endif()
endfunction()
