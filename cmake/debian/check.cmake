# SPDX-License-Identifier: MIT
# Read by cpack before it begins. Where files go was decided when the build was configured: for multiarch's directories
# the prefix must have been /usr then.
if(CPACK_GENERATOR STREQUAL "DEB" AND NOT CPACK_UFFD_GUARD_PREFIX STREQUAL "/usr")
  message(FATAL_ERROR "Packages are made in a build directory of their own: cmake -P cmake/packages.cmake does that. "
    "(This one has CMAKE_INSTALL_PREFIX=${CPACK_UFFD_GUARD_PREFIX}; it must be /usr.)")
endif()
