# SPDX-License-Identifier: MIT
# Manual pages: all of docs/man that is about something built. `man 3 NAME` is to work for each function, and many have
# a page in common: it is linked to (.so) from each other name of its NAME section, and nowhere else are these listed.
include(${CMAKE_CURRENT_LIST_DIR}/page_names.cmake)

function(install_page page name section)
  set(directory ${CMAKE_INSTALL_MANDIR}/man${section})
  install(FILES ${page} DESTINATION ${directory})
  read_page_names(${page} others)
  list(REMOVE_ITEM others ${name})
  foreach(other ${others})
    set(link ${PROJECT_BINARY_DIR}/man/${other}.${section})
    file(CONFIGURE OUTPUT ${link} CONTENT ".so man${section}/${name}.${section}\n")
    install(FILES ${link} DESTINATION ${directory})
  endforeach()
endfunction()

file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.[1-9])
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${pages})
foreach(page ${pages})
  cmake_path(GET page STEM LAST_ONLY name)
  cmake_path(GET page EXTENSION LAST_ONLY section)
  string(REPLACE "." "" section ${section})
  # Functions are the library's; other pages have the name of the program or library that they are about.
  if(section EQUAL 3 OR TARGET ${name})
    install_page(${page} ${name} ${section})
  endif()
endforeach()
