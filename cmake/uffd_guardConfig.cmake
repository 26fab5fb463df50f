# SPDX-License-Identifier: MIT
# uffd_guard::uffd_guard         the shared library
# uffd_guard::uffd_guard_static  the static one; only where it is installed, and Threads, liburing and libseccomp are found,
#                                since it links with them. find_package(uffd_guard COMPONENTS static) makes their absence
#                                an error
include(${CMAKE_CURRENT_LIST_DIR}/uffd_guardSharedTargets.cmake)

find_package(Threads QUIET)
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(LIBURING QUIET IMPORTED_TARGET liburing>=2.3)
  pkg_check_modules(LIBSECCOMP QUIET IMPORTED_TARGET libseccomp>=2.5)
endif()
# Distributions may leave out the archive alone, or this file with it.
get_filename_component(uffd_guard_archive ${CMAKE_CURRENT_LIST_DIR}/../../libuffd_guard.a ABSOLUTE)
if(EXISTS ${uffd_guard_archive} AND EXISTS ${CMAKE_CURRENT_LIST_DIR}/uffd_guardStaticTargets.cmake
    AND TARGET Threads::Threads AND TARGET PkgConfig::LIBURING AND TARGET PkgConfig::LIBSECCOMP)
  include(${CMAKE_CURRENT_LIST_DIR}/uffd_guardStaticTargets.cmake)
  set(uffd_guard_static_FOUND TRUE)
endif()
unset(uffd_guard_archive)
set(uffd_guard_shared_FOUND TRUE)

foreach(component ${uffd_guard_FIND_COMPONENTS})
  if(uffd_guard_FIND_REQUIRED_${component} AND NOT uffd_guard_${component}_FOUND)
    set(uffd_guard_FOUND FALSE)
    set(uffd_guard_NOT_FOUND_MESSAGE "component ${component} is not there (static needs libuffd_guard.a, Threads and, by pkg-config, liburing and libseccomp)")
  endif()
endforeach()
