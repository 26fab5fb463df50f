/* SPDX-License-Identifier: MIT */
/* Copying within this process by the kernel, for memory that may not bear it: where a store of ours
 * would be a signal, the kernel answers -EFAULT. */
#pragma once

#include <stddef.h>

/* Copy @length bytes. *done is the bytes copied, whatever is returned: 0, -EFAULT where memory
 * cannot be read or written, or -EPERM, -ENOSYS where process_vm_writev(2) is denied. */
int copy_checked(void *to, const void *from, size_t length, size_t *done);
