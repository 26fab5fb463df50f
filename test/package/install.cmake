# SPDX-License-Identifier: MIT
# Install into an empty prefix, look at what is there, and build and run programs outside this tree with it: by
# pkg-config, shared and static, and by find_package().
cmake_minimum_required(VERSION 3.25)

set(prefix ${work}/prefix)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# ---- What is installed ----

run(${CMAKE_COMMAND} --install ${build} --prefix ${prefix})
foreach(file
    ${include_dir}/uffd_guard.h
    ${lib_dir}/libuffd_guard.so ${lib_dir}/libuffd_guard.so.0 ${lib_dir}/libuffd_guard.so.${version}
    ${lib_dir}/libuffd_guard.a
    ${lib_dir}/pkgconfig/uffd_guard.pc
    ${lib_dir}/cmake/uffd_guard/uffd_guardConfig.cmake ${lib_dir}/cmake/uffd_guard/uffd_guardConfigVersion.cmake
    ${man_dir}/man7/uffd_guard.7
    ${doc_dir}/docs/examples/70-userfaultfd.rules)
  cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${prefix})
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

include(${CMAKE_CURRENT_LIST_DIR}/installed_manual.cmake)

# ---- By pkg-config ----

cmake_path(ABSOLUTE_PATH lib_dir BASE_DIRECTORY ${prefix} OUTPUT_VARIABLE libraries)
set(ENV{PKG_CONFIG_PATH} ${libraries}/pkgconfig)
set(ENV{LD_LIBRARY_PATH} ${libraries})
find_program(pkg_config pkg-config REQUIRED)

function(flags_of result)
  execute_process(COMMAND ${pkg_config} ${ARGN} uffd_guard OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ECHO STDOUT ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  set(${result} ${flags} PARENT_SCOPE)
endfunction()

flags_of(found_version --modversion)
if(NOT found_version STREQUAL version)
  message(FATAL_ERROR "uffd_guard.pc is of version ${found_version}")
endif()
flags_of(flags --cflags --libs)
run(${compiler} ${source}/test/package/consumer/consumer.c -o shared ${flags})
run(${work}/shared)
flags_of(flags --static --cflags --libs)
run(${compiler} -static ${source}/test/package/consumer/consumer.c -o static ${flags})
run(${work}/static)

# ---- By find_package() ----

run(${CMAKE_COMMAND} -S ${source}/test/package/consumer -B ${work}/consumer -G ${generator}
  -D CMAKE_C_COMPILER=${compiler} -D CMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${work}/consumer)
run(${work}/consumer/shared)
run(${work}/consumer/static)

# The examples as their own project builds them, from where they are installed.
cmake_path(ABSOLUTE_PATH doc_dir BASE_DIRECTORY ${prefix} OUTPUT_VARIABLE documents)
run(${CMAKE_COMMAND} -S ${documents}/docs/examples -B ${work}/examples -G ${generator}
  -D CMAKE_C_COMPILER=${compiler} -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_C_FLAGS=-Werror)
run(${CMAKE_COMMAND} --build ${work}/examples)
foreach(example server footprint shm-server)
  if(NOT EXISTS ${work}/examples/${example})
    message(FATAL_ERROR "not built: ${example}")
  endif()
endforeach()

# ---- Moved, and without the static library, which distributions leave out ----

# Every file once: a package of them takes no file twice.
file(STRINGS ${build}/install_manifest.txt manifest)
set(once ${manifest})
list(REMOVE_DUPLICATES once)
if(NOT manifest STREQUAL once)
  message(FATAL_ERROR "install_manifest.txt names a file twice")
endif()

file(RENAME ${prefix} ${work}/moved)
cmake_path(ABSOLUTE_PATH lib_dir BASE_DIRECTORY ${work}/moved OUTPUT_VARIABLE libraries)
set(ENV{PKG_CONFIG_PATH} ${libraries}/pkgconfig)
set(ENV{LD_LIBRARY_PATH} ${libraries})
flags_of(flags --cflags --libs)
run(${compiler} ${source}/test/package/consumer/consumer.c -o moved.program ${flags})
run(${work}/moved.program)

foreach(file ${libraries}/libuffd_guard.a ${libraries}/cmake/uffd_guard/uffd_guardStaticTargets.cmake)
  file(REMOVE ${file})
  file(REMOVE_RECURSE ${work}/consumer)
  run(${CMAKE_COMMAND} -S ${source}/test/package/consumer -B ${work}/consumer -G ${generator} -D kinds=shared
    -D CMAKE_C_COMPILER=${compiler} -D CMAKE_PREFIX_PATH=${work}/moved)
  run(${CMAKE_COMMAND} --build ${work}/consumer)
  run(${work}/consumer/shared)
endforeach()

# ---- And out again ----

file(REMOVE_RECURSE ${work}/moved)
run(${CMAKE_COMMAND} --install ${build} --prefix ${prefix})
run(${CMAKE_COMMAND} --build ${build} --target uninstall)
file(GLOB_RECURSE rest ${prefix}/*)
file(GLOB_RECURSE directories LIST_DIRECTORIES TRUE ${prefix}/*)
list(FILTER directories INCLUDE REGEX "/uffd[_-]guard(/|$)")
if(rest OR directories)
  message(FATAL_ERROR "uninstall leaves ${rest} ${directories}")
endif()
