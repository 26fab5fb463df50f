# SPDX-License-Identifier: MIT
# Of install.cmake: every program that was installed has its page, every page is of something, can be shown, and is
# found by the name of each function.

set(manual ${prefix}/${man_dir})
file(GLOB programs RELATIVE ${prefix}/bin ${prefix}/bin/*)
foreach(program ${programs})
  run(${prefix}/bin/${program} --version) # finds its library
  if(NOT EXISTS ${manual}/man1/${program}.1)
    message(FATAL_ERROR "no manual page of ${program}")
  endif()
endforeach()

file(GLOB pages RELATIVE ${manual} ${manual}/man*/*)
find_program(mandoc mandoc)
foreach(page ${pages})
  cmake_path(GET page STEM LAST_ONLY name)
  if(page MATCHES "^man1/" AND NOT name IN_LIST programs)
    message(FATAL_ERROR "${page} is installed, but not its program")
  endif()
  if(mandoc)
    execute_process(COMMAND ${mandoc} -T html ${page} WORKING_DIRECTORY ${manual}
      OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    string(FIND "${text}" "${name}" at)
    if(at LESS 0)
      message(FATAL_ERROR "mandoc does not show ${name} for ${page}:\n${text}")
    endif()
  endif()
endforeach()

# As a person would. Where man is missing, or a stub, there is at least a file of the right name.
file(STRINGS ${source}/lib/uffd_guard.map functions REGEX "^\tuffd_guard_")
list(TRANSFORM functions REPLACE "^\t(.*);$" "\\1")
find_program(man man)
execute_process(COMMAND ${man} -M ${manual} -w 7 uffd_guard OUTPUT_VARIABLE found ERROR_QUIET)
foreach(function ${functions})
  if(NOT EXISTS ${manual}/man3/${function}.3)
    message(FATAL_ERROR "man 3 ${function} will find nothing")
  endif()
  if(found)
    execute_process(COMMAND ${man} -M ${manual} 3 ${function} OUTPUT_VARIABLE text
      COMMAND_ERROR_IS_FATAL ANY)
    string(FIND "${text}" "${function}(" at)
    if(at LESS 0)
      message(FATAL_ERROR "man 3 ${function} shows something else:\n${text}")
    endif()
  endif()
endforeach()
