/* SPDX-License-Identifier: MIT */
/* Filling pages without a userfaultfd, as the kernel refuses one thing or the other. */
#include "pages/install_plain.h"

#include "../support/inject.h"
#include "../support/self.h"
#include "base/page.h"
#include "unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static unsigned char *map_page(void)
{
	void *page =
		mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	return page;
}

/* Where the program has taken write access away, others are put in their place; or cannot be. */
START_TEST(page_that_cannot_be_put_in_anothers_place_leaves_that_as_it_is)
{
	const struct {
		int nr;
		unsigned arg;
		uint32_t value;
	} refused[] = {
		{ SYS_mmap, 3, MAP_PRIVATE | MAP_ANONYMOUS },
		{ SYS_madvise, 2, MADV_WIPEONFORK },
		{ SYS_mremap, 3, MREMAP_MAYMOVE | MREMAP_FIXED },
	};
	atomic_bool fails = true;
	size_t done = 1;
	if (IS_SANITIZED && refused[_i].nr == SYS_mmap) {
		unit_skip("a sanitizer needs mappings of its own");
		return;
	}
	unsigned char *data = map_page(), *source = map_page();
	data[0] = 1;
	source[0] = 2;
	assert_ok(mprotect(data, page_size(), PROT_READ));
	inject_syscall(refused[_i].nr, refused[_i].arg, refused[_i].value, inject_while_on, &fails);
	ck_assert_int_eq(install_plain_copy((uintptr_t)data, source, page_size(), &done), -ENOMEM);
	ck_assert_uint_eq(done, 0);
	ck_assert_int_eq(data[0], 1);
	atomic_store(&fails, false);
	assert_ok(install_plain_copy((uintptr_t)data, source, page_size(), &done));
	ck_assert_uint_eq(done, page_size());
	ck_assert_int_eq(data[0], 2);
	munmap(data, page_size());
	munmap(source, page_size());
}
END_TEST

static TCase *plain_case(void)
{
	TCase *tcase = tcase_create("plain");
	tcase_add_loop_test(
		tcase, page_that_cannot_be_put_in_anothers_place_leaves_that_as_it_is, 0, 3);
	return tcase;
}

UNIT_MAIN("install_plain", plain_case)
