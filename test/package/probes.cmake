# SPDX-License-Identifier: MIT
# Each probe of lib/state/probes.h is in the library, and nothing else is; docs/watching.md tells of it; and the scripts for
# bpftrace use none but those.
cmake_minimum_required(VERSION 3.25)

file(READ ${source}/lib/state/probes.h header)
string(REGEX MATCHALL "PROBE_[0-9]\\([a-z_]+, [(a-z]*(region|err)" uses "${header}")
list(TRANSFORM uses REPLACE "PROBE_[0-9]\\(([a-z_]+),.*" "\\1" OUTPUT_VARIABLE expected)
list(REMOVE_ITEM expected name)
list(SORT expected)

execute_process(COMMAND ${readelf} --notes --wide ${library} OUTPUT_VARIABLE notes COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "Provider: uffd_guard[ \n]+Name: [a-z_]+" found "${notes}")
list(TRANSFORM found REPLACE ".*Name: " "")
list(REMOVE_DUPLICATES found)
list(SORT found)

message("${found}")
if(NOT expected OR NOT found STREQUAL expected)
  message(FATAL_ERROR "lib/state/probes.h has ${expected}")
endif()

file(READ ${source}/docs/watching.md document)
foreach(probe ${expected})
  if(NOT document MATCHES "`${probe}`")
    message(FATAL_ERROR "docs/watching.md does not tell of ${probe}")
  endif()
endforeach()

file(GLOB scripts ${source}/docs/examples/bpftrace/*.bt ${source}/docs/watching.md)
foreach(script ${scripts})
  file(READ ${script} text)
  string(REGEX MATCHALL "usdt:[*]:uffd_guard:[a-z_]+" used "${text}")
  list(TRANSFORM used REPLACE ".*:" "")
  foreach(probe ${used})
    if(NOT probe IN_LIST expected)
      message(FATAL_ERROR "${script}: there is no probe ${probe}")
    endif()
  endforeach()
endforeach()
