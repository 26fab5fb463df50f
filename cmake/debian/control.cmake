# SPDX-License-Identifier: MIT
# Run by cpack when the packages are made, before it hands them out. It has put in what is no longer done, scripts that
# call ldconfig (a trigger does), and before release 3.31 it cannot say Multi-Arch. So they are opened once more; and
# as they are closed, no time in them is later than $SOURCE_DATE_EPOCH, where that is set.
cmake_policy(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(add_multi_arch control)
  file(READ ${control} text)
  foreach(component ${CPACK_COMPONENTS_ALL})
    string(TOUPPER ${component} upper)
    set(name "\nPackage: ${CPACK_DEBIAN_${upper}_PACKAGE_NAME}\n")
    if(CPACK_DEBIAN_${upper}_MULTIARCH AND NOT text MATCHES "\nMulti-Arch: ")
      string(REPLACE "${name}" "${name}Multi-Arch: ${CPACK_DEBIAN_${upper}_MULTIARCH}\n" text "${text}")
    endif()
  endforeach()
  file(WRITE ${control} "${text}")
endfunction()

foreach(package ${CPACK_PACKAGE_FILES})
  set(opened ${package}.opened)
  file(REMOVE_RECURSE ${opened})
  run(dpkg-deb --raw-extract ${package} ${opened})
  file(REMOVE ${opened}/DEBIAN/postinst ${opened}/DEBIAN/postrm)
  add_multi_arch(${opened}/DEBIAN/control)
  run(dpkg-deb --root-owner-group -Zxz --build ${opened} ${package})
  file(REMOVE_RECURSE ${opened})
endforeach()
