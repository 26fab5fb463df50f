# SPDX-License-Identifier: MIT
# Manual pages: all of docs/man that is about something built. `man 3 NAME` is to work for each function, and many have
# a page in common: it is linked to (.so) from each other name of its NAME section, and nowhere else are these listed.
include(${CMAKE_CURRENT_LIST_DIR}/page_names.cmake)

# A page is where that is which it is about: Package.cmake says what the components are.
function(component_of_page result name section)
  if(name MATCHES "^(uffd-guard-run|uffd_guard_wl_shm)$")
    set(${result} wl_shm PARENT_SCOPE)
  elseif(name STREQUAL uffd_guard_wayland)
    set(${result} wayland PARENT_SCOPE)
  elseif(section EQUAL 1)
    set(${result} tools PARENT_SCOPE)
  else()
    set(${result} dev PARENT_SCOPE)
  endif()
endfunction()

function(install_page page name section)
  set(directory ${CMAKE_INSTALL_MANDIR}/man${section})
  component_of_page(component ${name} ${section})
  install(FILES ${page} DESTINATION ${directory} COMPONENT ${component})
  read_page_names(${page} others)
  list(REMOVE_ITEM others ${name})
  foreach(other ${others})
    set(link ${PROJECT_BINARY_DIR}/man/${other}.${section})
    file(CONFIGURE OUTPUT ${link} CONTENT ".so man${section}/${name}.${section}\n")
    install(FILES ${link} DESTINATION ${directory} COMPONENT ${component})
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
