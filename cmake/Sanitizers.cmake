# SPDX-License-Identifier: MIT
# -DUFFD_GUARD_SANITIZE=address,undefined or =thread
set(UFFD_GUARD_SANITIZE "" CACHE STRING "Sanitizers to build everything with")

if(UFFD_GUARD_SANITIZE)
  add_compile_options(-fsanitize=${UFFD_GUARD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    $<$<C_COMPILER_ID:GNU>:-Wno-tsan>) # fences are few, and none of them is what a test relies on
  add_link_options(-fsanitize=${UFFD_GUARD_SANITIZE})
endif()
