# SPDX-License-Identifier: MIT
# Makes one object of all objects of an archive, in which names are local that are hidden in the shared library.
#   cmake -D archive=... -D compiler=... -D flags=... -D ar=... -D objcopy=... -P hide_names.cmake
cmake_policy(VERSION 3.25)

cmake_path(GET archive PARENT_PATH directory)
set(object ${directory}/uffd_guard.o)
separate_arguments(flags NATIVE_COMMAND "${flags}")
# -r cannot be combined with what only programs and shared libraries have.
list(FILTER flags EXCLUDE REGEX "^(-pie|-static-pie|-static|-shared)$")
set(whole -Wl,--whole-archive ${archive} -Wl,--no-whole-archive)
# What was put off until the link (-flto) is compiled here: gcc does so if it is told, clang if it is asked for the same.
# Functions that the compiler puts into each object, as get_pc_thunk of 32-bit x86, must not be thrown away in favour of
# a program's own: names that are local cannot be had from there. Only GNU's linker has that option.
foreach(own_functions -Wl,--force-group-allocation "")
  foreach(option -flinker-output=nolto-rel -flto=thin -flto "")
    execute_process(COMMAND ${compiler} ${flags} ${option} -r -nostdlib ${own_functions} -o ${object} ${whole}
      RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE said)
    if(status EQUAL 0)
      break()
    endif()
  endforeach()
  if(status EQUAL 0)
    break()
  endif()
endforeach()
if(NOT status EQUAL 0)
  message(FATAL_ERROR "cannot make one object of ${archive}: ${said}")
endif()
execute_process(COMMAND ${objcopy} --localize-hidden ${object} COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE ${archive})
execute_process(COMMAND ${ar} qcD ${archive} ${object} COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE ${object})
