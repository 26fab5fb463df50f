# SPDX-License-Identifier: MIT
# Run by cpack when each component's files lie in a directory of its own, before they are packed: what Debian's policy
# asks for and `cmake --install` does not do.
cmake_policy(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# As dh_strip does. Of the static library, symbols are all there is to link with.
function(strip_all root)
  file(GLOB_RECURSE programs ${root}/bin/* ${root}/lib/*.so*)
  file(GLOB_RECURSE archives ${root}/lib/*.a)
  foreach(file ${programs})
    if(NOT IS_SYMLINK ${file})
      run(strip --remove-section=.comment --remove-section=.note ${file})
    endif()
  endforeach()
  foreach(file ${archives})
    run(strip --strip-debug --remove-section=.comment --remove-section=.note --enable-deterministic-archives ${file})
  endforeach()
endfunction()

# A page may be a link to another.
function(compress_pages root)
  file(GLOB pages ${root}/share/man/man*/*)
  foreach(page ${pages})
    if(IS_SYMLINK ${page})
      file(READ_SYMLINK ${page} target)
      file(REMOVE ${page})
      file(CREATE_LINK ${target}.gz ${page}.gz SYMBOLIC)
    else()
      run(gzip -9n ${page})
    endif()
  endforeach()
endfunction()

# $SOURCE_DATE_EPOCH, where it is set, is the time of all that is built.
function(write_changelog file)
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
  set(version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
  file(WRITE ${file} "${CPACK_DEBIAN_PACKAGE_SOURCE} (${version}) unstable; urgency=medium\n\n"
    "  * Release ${CPACK_PACKAGE_VERSION}.\n\n -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${date}\n")
  run(gzip -9n ${file})
endfunction()

function(write_documents package root)
  set(directory ${root}/share/doc/${package})
  file(MAKE_DIRECTORY ${directory})
  file(COPY_FILE ${CPACK_UFFD_GUARD_SOURCE}/debian/copyright ${directory}/copyright)
  write_changelog(${directory}/changelog.Debian)
  file(CHMOD ${directory}/copyright ${directory}/changelog.Debian.gz
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  file(REMOVE ${root}/share/doc/uffd-guard/LICENSE) # is the copyright above
endfunction()

# The release in which each function came is that in the name of its version node: who links with old functions only
# may run with an old library.
function(write_symbols package root)
  file(STRINGS ${CPACK_UFFD_GUARD_SOURCE}/lib/uffd_guard.map nodes REGEX "^UFFD_GUARD_[0-9.]+ ")
  list(TRANSFORM nodes REPLACE "^(UFFD_GUARD_([0-9.]+)) .*" " (symver)\\1 \\2\n")
  list(JOIN nodes "" nodes)
  file(GLOB library ${root}/lib/*/libuffd_guard.so.${CPACK_PACKAGE_VERSION})
  set(symbols ${CPACK_TOPLEVEL_DIRECTORY}/symbols)
  file(WRITE ${symbols}.template "libuffd_guard.so.${CPACK_UFFD_GUARD_SOVERSION} ${package} #MINVER#\n"
    "* Build-Depends-Package: libuffd-guard-dev\n${nodes}")
  # 4: symbols that are new, or gone, are an error.
  run(dpkg-gensymbols -c4 -q -p${package} -v${CPACK_PACKAGE_VERSION} -I${symbols}.template -O${symbols} -e${library})
endfunction()

foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  set(root ${CPACK_TEMPORARY_DIRECTORY}/${component}/usr)
  strip_all(${root})
  compress_pages(${root})
  write_documents(${package} ${root})
  if(component STREQUAL "lib")
    write_symbols(${package} ${root})
  endif()
endforeach()
