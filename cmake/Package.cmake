# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: header, both libraries, pkg-config file, CMake package, man pages, documents.
# Components are what distributions make packages of: lib, dev, tools, wl_shm, doc (cmake --install --component).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/uffd_guard)

# ---- Libraries and header ----

# Two exports, because only the static library drags its dependencies to whoever links with it.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME dev) # below, what says nothing else is for who builds with the library
install(TARGETS uffd_guard EXPORT shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  COMPONENT lib NAMELINK_COMPONENT dev)
if(UFFD_GUARD_HAS_STATIC)
  install(TARGETS uffd_guard_static EXPORT static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT static FILE uffd_guardStaticTargets.cmake NAMESPACE uffd_guard:: DESTINATION ${package_dir})
endif()
install(FILES include/uffd_guard.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# The installed tools find the library beside them, wherever the prefix is.
foreach(program uffd-guard-bench uffd-guard-doctor uffd-guard-stress uffd-guard-top)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
    if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" AND NOT IS_ABSOLUTE "${CMAKE_INSTALL_BINDIR}")
      file(RELATIVE_PATH from_bin_to_lib /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
      set_target_properties(${program} PROPERTIES INSTALL_RPATH "\$ORIGIN/${from_bin_to_lib}")
    endif()
  endif()
endforeach()

if(UFFD_GUARD_HAS_WAYLAND)
  # Where the loader looks: programs can be linked with the one, and into programs with file capabilities the loader lets
  # the other by its name alone. The third stands in front of mmap(2), and is for uffd-guard-run.
  install(TARGETS uffd_guard_wl_shm LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT wl_shm)
  install(TARGETS uffd_guard_mmap LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/uffd_guard COMPONENT wl_shm)
  install(TARGETS uffd_guard_wayland LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT wayland)
  install(FILES include/uffd_guard_wayland.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
  if(UFFD_GUARD_TOOLS)
    install(TARGETS uffd-guard-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT wl_shm)
  endif()
endif()

# What shells complete: cmake/completions.sh makes these files.
function(install_completions program component)
  set(files ${PROJECT_SOURCE_DIR}/cmake/completions)
  install(FILES ${files}/${program}.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ${program}
    COMPONENT ${component})
  install(FILES ${files}/${program}.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
    COMPONENT ${component})
  install(FILES ${files}/_${program} DESTINATION ${UFFD_GUARD_ZSH_COMPLETIONS} COMPONENT ${component})
endfunction()
set(UFFD_GUARD_ZSH_COMPLETIONS ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING "Where zsh looks for completions")

foreach(program uffd-guard-bench uffd-guard-doctor uffd-guard-stress uffd-guard-top)
  if(TARGET ${program})
    install_completions(${program} tools)
  endif()
endforeach()
if(TARGET uffd-guard-run)
  install_completions(uffd-guard-run wl_shm)
endif()

# ---- CMake package ----

install(EXPORT shared FILE uffd_guardSharedTargets.cmake NAMESPACE uffd_guard:: DESTINATION ${package_dir})
write_basic_package_version_file(uffd_guardConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/uffd_guardConfig.cmake ${PROJECT_BINARY_DIR}/uffd_guardConfigVersion.cmake DESTINATION ${package_dir})

# ---- pkg-config ----

# The prefix is where the file lies, so an installation can be moved, unless a directory is absolute.
set(pc_PREFIX "${CMAKE_INSTALL_PREFIX}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  file(RELATIVE_PATH from_pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" from_pc_to_prefix "${from_pc_to_prefix}")
  set(pc_PREFIX "\${pcfiledir}/${from_pc_to_prefix}")
endif()
foreach(dir INCLUDEDIR LIBDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(pc_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(pc_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
configure_file(cmake/uffd_guard.pc.in uffd_guard.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/uffd_guard.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# ---- Documents ----

include(Manual)
install(FILES LICENSE README.md CONTRIBUTING.md NEWS.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc
  PATTERN man EXCLUDE
  PATTERN 70-userfaultfd.rules EXCLUDE
  PATTERN session EXCLUDE
  PATTERN system EXCLUDE)
# Who may fault in the kernel is a matter of who runs programs, and uffd-guard-doctor points there.
install(FILES docs/examples/70-userfaultfd.rules DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs/examples COMPONENT tools)
install(DIRECTORY docs/examples/system DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs/examples COMPONENT tools)
if(UFFD_GUARD_HAS_WAYLAND)
  # No permissions of the source: those are of who unpacked it, by his umask.
  install(DIRECTORY docs/examples/session DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs/examples COMPONENT wayland
    PATTERN *.sh EXCLUDE)
  install(PROGRAMS docs/examples/session/all-compositors.sh DESTINATION ${CMAKE_INSTALL_DOCDIR}/docs/examples/session
    COMPONENT wayland)
endif()
# And where udev, systemd, AppArmor and display managers look for them: it is the system's owner who decides on that.
option(UFFD_GUARD_SYSTEM_FILES
  "Install the rule for udev, the group for sysusers.d, the abstraction for AppArmor, and a session of sway" OFF)
if(UFFD_GUARD_SYSTEM_FILES)
  install(FILES docs/examples/70-userfaultfd.rules DESTINATION lib/udev/rules.d COMPONENT tools)
  install(FILES docs/examples/system/uffd.conf DESTINATION lib/sysusers.d COMPONENT tools)
  install(FILES docs/examples/system/apparmor DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/apparmor.d/abstractions
    RENAME uffd-guard COMPONENT tools)
  if(TARGET uffd-guard-run)
    install(FILES docs/examples/session/sway-guarded.desktop DESTINATION ${CMAKE_INSTALL_DATADIR}/wayland-sessions
      COMPONENT wl_shm)
  endif()
endif()

# ---- What is only of the project itself ----

if(PROJECT_IS_TOP_LEVEL)
  include(DebianPackages)
  add_custom_target(docs-html COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/cmake/docs_html.py ${PROJECT_SOURCE_DIR}
    ${PROJECT_BINARY_DIR}/html USES_TERMINAL VERBATIM)
  add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -D build=${PROJECT_BINARY_DIR}
    -P ${PROJECT_SOURCE_DIR}/cmake/uninstall.cmake USES_TERMINAL VERBATIM)
endif()
