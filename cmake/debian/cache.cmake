# SPDX-License-Identifier: MIT
# cmake -C cmake/debian/cache.cmake: how a build is configured that packages are made of. Flags are Debian's, as
# dpkg-buildflags knows them; directories are those of its policy.
get_filename_component(source ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)

function(flags_of result)
  set(flags)
  foreach(name ${ARGN})
    execute_process(COMMAND ${CMAKE_COMMAND} -E env DEB_BUILD_MAINT_OPTIONS=hardening=+bindnow dpkg-buildflags --get ${name}
      WORKING_DIRECTORY ${source} OUTPUT_VARIABLE output OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    string(APPEND flags " ${output}")
  endforeach()
  set(${result} "${flags}" PARENT_SCOPE)
endfunction()

flags_of(compile CFLAGS CPPFLAGS)
flags_of(link LDFLAGS)
set(CMAKE_C_FLAGS "${compile}" CACHE STRING "")
set(CMAKE_EXE_LINKER_FLAGS "${link}" CACHE STRING "")
set(CMAKE_SHARED_LINKER_FLAGS "${link}" CACHE STRING "")
set(CMAKE_MODULE_LINKER_FLAGS "${link}" CACHE STRING "")

set(CMAKE_INSTALL_PREFIX /usr CACHE PATH "")
set(CMAKE_INSTALL_DOCDIR share/doc/uffd-guard CACHE PATH "")
set(CMAKE_SKIP_INSTALL_RPATH ON CACHE BOOL "") # the loader looks there by itself
set(UFFD_GUARD_ZSH_COMPLETIONS share/zsh/vendor-completions CACHE STRING "")
set(BUILD_TESTING OFF CACHE BOOL "")
