# SPDX-License-Identifier: MIT
# Static probes for tracers (lib/state/probes.h): AUTO where <sys/sdt.h> is (Debian: systemtap-sdt-dev), ON, OFF.
set(UFFD_GUARD_PROBES AUTO CACHE STRING "Static probes for tracers: AUTO, ON or OFF")
set_property(CACHE UFFD_GUARD_PROBES PROPERTY STRINGS AUTO ON OFF)

set(UFFD_GUARD_HAS_PROBES FALSE)
if(UFFD_GUARD_PROBES)
  find_path(SYS_SDT_DIR sys/sdt.h)
  if(SYS_SDT_DIR)
    set(UFFD_GUARD_HAS_PROBES TRUE)
  endif()
endif()
if(UFFD_GUARD_PROBES AND NOT UFFD_GUARD_PROBES STREQUAL "AUTO" AND NOT UFFD_GUARD_HAS_PROBES)
  message(FATAL_ERROR "UFFD_GUARD_PROBES is ON, but there is no <sys/sdt.h> (Debian: systemtap-sdt-dev)")
endif()
