/* SPDX-License-Identifier: MIT */
/*
 * What install.c does with a userfaultfd, without one (EAGER): copy in place, by the kernel, which
 * minds what the program has done to the memory; and where it refuses, put other pages there.
 */
#include "pages/install_plain.h"

#include "kernel/copy.h"
#include "pages/mapping.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Where pages cannot be written to (the program has taken write access away, or is denied the
 * system call), others are put in their place. */
static int put_in_place(uintptr_t start, const void *source, size_t length, int protection)
{
	void *fresh =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		return -ENOMEM;
	memcpy(fresh, source, length);
	madvise(fresh, length, MADV_NOHUGEPAGE);
	if (madvise(fresh, length, MADV_WIPEONFORK) < 0 ||
		madvise(fresh, length, MADV_DONTDUMP) < 0 ||
		mprotect(fresh, length, protection) < 0) {
		munmap(fresh, length);
		return -ENOMEM;
	}
	return mapping_put_over(start, fresh, length) ? -ENOMEM : 0;
}

int install_plain_copy(uintptr_t start, const void *source, size_t length, size_t *done)
{
	int err = copy_checked((void *)start, source, length, done);
	if (err)
		err = put_in_place(
			start, source, length, err == -EFAULT ? PROT_READ : PROT_READ | PROT_WRITE);
	*done = err ? 0 : length;
	return err;
}

int install_plain_zeros(uintptr_t start, size_t length, size_t *done)
{
	int err = mapping_drop(start, length);
	*done = err ? 0 : length;
	return err;
}
