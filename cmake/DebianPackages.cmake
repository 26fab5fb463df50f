# SPDX-License-Identifier: MIT
# What cpack makes of the components: packages as Debian would split them. `cmake -P cmake/packages.cmake` configures,
# builds and packs as they should be; docs/packaging.md says what is in which.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME uffd-guard)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each package has its own
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS # not those of who builds
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# ---- What is in the control files of all ----

# Who answers for them says so as to Debian's own tools.
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "uffd_guard authors <uffd-guard@uffd-guard.invalid>")
if(DEFINED ENV{DEBFULLNAME} AND DEFINED ENV{DEBEMAIL})
  set(CPACK_DEBIAN_PACKAGE_MAINTAINER "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_DEBIAN_PACKAGE_SOURCE uffd-guard)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# ---- How they depend on one another, and on others ----

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP) # and there are no groups
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON) # always the very same version
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}) # finds libuffd_guard.so.0 before it is installed

set(triggers ${PROJECT_SOURCE_DIR}/cmake/debian/triggers) # for libraries where the loader looks
get_target_property(soversion uffd_guard SOVERSION)

# debian_package(<component> <package> <section> <Multi-Arch> DEPENDS <component>... DESCRIPTION <line>...)
# The first line of the description is the synopsis.
macro(debian_package component package section multi_arch)
  cmake_parse_arguments(package "" "" "DEPENDS;DESCRIPTION" ${ARGN})
  string(TOUPPER ${component} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${component})
  list(JOIN package_DESCRIPTION "\n" CPACK_COMPONENT_${upper}_DESCRIPTION)
  set(CPACK_COMPONENT_${upper}_DEPENDS ${package_DEPENDS})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${upper}_MULTIARCH ${multi_arch})
endmacro()

set(CPACK_COMPONENTS_ALL)
debian_package(lib libuffd-guard${soversion} libs same
  DESCRIPTION
  "read memory that clients share, without SIGBUS"
  "A client that shares memory with a server can truncate the file behind it,"
  "and the server's next read ends in SIGBUS. This library reads such memory"
  "through pages registered with userfaultfd: bytes that are gone read as zeros,"
  "and the server is told which. It needs no signal handler and no seal."
  "."
  "This package contains the shared library.")
# What others are to depend on when they link with it. cpack's own shlibs would name the libraries of uffd-guard-run too.
file(CONFIGURE OUTPUT debian/shlibs @ONLY
  CONTENT "libuffd_guard @soversion@ libuffd-guard@soversion@ (>= @PROJECT_VERSION@)\n")
set(CPACK_DEBIAN_LIB_PACKAGE_CONTROL_EXTRA ${triggers} ${PROJECT_BINARY_DIR}/debian/shlibs
  ${PROJECT_BINARY_DIR}/_CPack_Packages/${CMAKE_SYSTEM_NAME}/DEB/symbols) # by contents.cmake

debian_package(dev libuffd-guard-dev libdevel same DEPENDS lib
  DESCRIPTION
  "read memory that clients share, without SIGBUS (development files)"
  "A client that shares memory with a server can truncate the file behind it,"
  "and the server's next read ends in SIGBUS. This library reads such memory"
  "through pages registered with userfaultfd."
  "."
  "This package contains the header, the static library, files for pkg-config"
  "and CMake, and manual pages.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "liburing-dev (>= 2.3), libseccomp-dev (>= 2.5)") # uffd_guard.pc requires them
set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS uffd-guard-doc)

if(UFFD_GUARD_TOOLS)
  debian_package(tools uffd-guard-tools utils foreign DEPENDS lib
    DESCRIPTION
    "try and measure userfaultfd and the library uffd_guard"
    "uffd-guard-doctor tells whether userfaultfd works on this machine, who denies"
    "what, and what to change. uffd-guard-stress lets hostile clients attack their"
    "files while threads read them, and judges every word. uffd-guard-bench measures"
    "what the library costs beside other ways to the same end.")
endif()

if(TARGET uffd_guard_wl_shm)
  debian_package(wayland uffd-guard-wayland x11 no DEPENDS lib
    DESCRIPTION
    "guard Wayland compositors that map client memory themselves"
    "A library to be put in front of a Wayland compositor that has a wl_shm of its"
    "own, such as KWin, Mir and those on wlroots: a client that truncates the file"
    "behind a buffer gets a protocol error, and the compositor no SIGBUS."
    "."
    "It defines nothing but wl_display_create(), and can be let into compositors"
    "with file capabilities; that is off by default. See uffd_guard_wayland(7).")
  set(CPACK_DEBIAN_WAYLAND_PACKAGE_CONTROL_EXTRA ${triggers})
  debian_package(wl_shm uffd-guard-wl-shm x11 no DEPENDS lib wayland
    DESCRIPTION
    "guard a Wayland compositor against clients that truncate their buffers"
    "uffd-guard-run starts a Wayland compositor that nobody recompiled with"
    "libwayland's shared memory guarded: a client that truncates the file behind"
    "a buffer gets a protocol error, and the compositor no SIGBUS."
    "."
    "This package contains the program, and the libraries that it puts in front.")
  set(CPACK_DEBIAN_WL_SHM_PACKAGE_CONTROL_EXTRA ${triggers})
endif()

debian_package(doc uffd-guard-doc doc foreign
  DESCRIPTION
  "read memory that clients share, without SIGBUS (documents)"
  "A client that shares memory with a server can truncate the file behind it,"
  "and the server's next read ends in SIGBUS. The library uffd_guard reads such"
  "memory through pages registered with userfaultfd."
  "."
  "This package contains documents on how it works, how to adopt it and what it"
  "costs, and examples.")
set(CPACK_DEBIAN_DOC_PACKAGE_ARCHITECTURE all)

# ---- What cpack does not do by itself ----

set(CPACK_UFFD_GUARD_SOURCE ${PROJECT_SOURCE_DIR})
set(CPACK_UFFD_GUARD_SOVERSION ${soversion})
set(CPACK_UFFD_GUARD_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/debian/check.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/contents.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/debian/control.cmake)
include(CPack)
