# SPDX-License-Identifier: MIT
# What a manual page is called: the names in its NAME section.
function(read_page_names page result)
  file(READ ${page} text)
  string(REGEX REPLACE "^.*\n\\.Sh NAME\n" "" text "${text}")
  string(REGEX REPLACE "\n\\.Nd .*$" "" text "${text}")
  string(REGEX MATCHALL "\\.Nm [^ \n]+" names "${text}")
  list(TRANSFORM names REPLACE "^\\.Nm " "")
  set(${result} ${names} PARENT_SCOPE)
endfunction()
