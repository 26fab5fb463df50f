/* SPDX-License-Identifier: MIT */
/* Copying within this process by the kernel, for memory that may not bear it: where a load or store
 * of ours would be a signal, the kernel answers -EFAULT. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Copy @length bytes. *done is the bytes copied, whatever is returned: 0, -EFAULT where memory
 * cannot be read or written; or, where process_vm_readv(2) and process_vm_writev(2) are denied, why
 * there was no other way: -EMFILE, -ENFILE. */
int copy_checked(void *to, const void *from, size_t length, size_t *done);

/* All of the parts, each to the place of the same length; or false, and some may have been copied.
 */
struct iovec;
bool copy_parts(const struct iovec *places, const struct iovec *parts, int n_parts);
