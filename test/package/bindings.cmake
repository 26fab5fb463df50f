# SPDX-License-Identifier: MIT
# What generators of bindings need of the header: constants are numbers, which cffi takes and bindgen gives a type;
# comments behind members and flags are of the kind that is carried over; there is no code, and no type of an option's
# making.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/text.cmake)

read_text(${source}/include/uffd_guard.h header)
string(REGEX MATCHALL "\n#define UFFD_GUARD_[^\n]*" definitions "${header}")
set(n_numbers 0)
foreach(definition ${definitions})
  if(definition MATCHES "UFFD_GUARD_H$" OR definition MATCHES "UFFD_GUARD_VERSION_NUMBER\\(")
    continue()
  endif()
  if(NOT definition MATCHES "^\n#define UFFD_GUARD_[A-Z_]+[ \t]+(0x[0-9a-f]+u|[0-9]+)([ \t]*/\\*\\*<[^\n]*)?$")
    fail("no plain number, or a comment that bindings lose:${definition}")
  endif()
  math(EXPR n_numbers "${n_numbers} + 1")
endforeach()
if(n_numbers LESS 25)
  fail("only ${n_numbers} constants were found: this script no longer sees them")
endif()

# Behind a member: /**< is of that member.
string(REGEX MATCHALL "\n\t[^\n*]*,[ \t]+/\\*[^\n]*" comments "${header}") # read_text() has made commas of semicolons
foreach(comment ${comments})
  if(NOT comment MATCHES "/\\*\\*<")
    fail("bindings lose the comment:${comment}")
  endif()
endforeach()

if(header MATCHES "\n(static|inline)[^\n]*")
  fail("code:${CMAKE_MATCH_0}")
endif()
if(header MATCHES "\n\t[a-z0-9_ ]+ : [0-9]+,")
  fail("a bit field:${CMAKE_MATCH_0}")
endif()

report_failures()
