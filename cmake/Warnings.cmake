# SPDX-License-Identifier: MIT
# Warnings for all code of the project. UFFD_GUARD_WERROR makes them errors: for developers and CI, not for packagers.
option(UFFD_GUARD_WERROR "Treat warnings as errors" OFF)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef
  -Wwrite-strings -Wpointer-arith -Wvla -Wformat=2)
add_compile_options($<$<C_COMPILER_ID:GNU>:-Wno-psabi>) # gcc's notes on i386, of what changed in its release 11
if(UFFD_GUARD_WERROR)
  add_compile_options(-Werror)
endif()
