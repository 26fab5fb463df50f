# SPDX-License-Identifier: MIT
# cmake --build BUILD --target uninstall: removes what the last `cmake --install` of that build has installed, and the
# directories of ours that are empty then.
cmake_policy(VERSION 3.25)

set(manifest ${build}/install_manifest.txt)
if(NOT EXISTS ${manifest})
  message(FATAL_ERROR "Nothing was installed from here: there is no ${manifest}")
endif()
file(STRINGS ${manifest} files)
set(directories)
foreach(file ${files})
  set(file $ENV{DESTDIR}${file})
  if(EXISTS ${file} OR IS_SYMLINK ${file})
    message(STATUS "Removing: ${file}")
    file(REMOVE ${file})
  endif()
  cmake_path(GET file PARENT_PATH directory)
  while(directory MATCHES "/uffd[_-]guard(/|$)")
    list(APPEND directories ${directory})
    cmake_path(GET directory PARENT_PATH directory)
  endwhile()
endforeach()

# The longest first: what is in a directory goes before it.
list(REMOVE_DUPLICATES directories)
list(SORT directories ORDER DESCENDING)
foreach(directory ${directories})
  file(GLOB rest LIST_DIRECTORIES TRUE ${directory}/*)
  if(IS_DIRECTORY ${directory} AND NOT rest)
    file(REMOVE_RECURSE ${directory})
  endif()
endforeach()
