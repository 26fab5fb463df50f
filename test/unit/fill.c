/* SPDX-License-Identifier: MIT */
/*
 * Making pages of a file's bytes, where the kernel refuses: it has no memory, or the file cannot be
 * read. The guard is a real one; its handler has nothing to do, since only pages that are there are
 * looked at.
 *
 * A trial is told in letters, one a page. Of the file: 'd' data, '0' zeros, 'e' data in its first
 * half, where the file ends. Of the region: '.' absent, 'd' as in the file, '0' zeros.
 */
#include "pages/fill.h"

#include "../support/inject.h"
#include "../support/room.h"
#include "../support/tmpfs_file.h"
#include "base/page.h"
#include "base/watch.h"
#include "kernel/staging.h"
#include "kernel/uffd.h"
#include "state/guard.h"
#include "state/region.h"
#include "unit.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOST_PAGES 40
#define FOR_EVER   1000

/* Calls of one kind: so many succeed, then so many fail. */
struct refusal {
	unsigned long request; /* of ioctl(2), or READ of the file */
	unsigned n_granted, n_refused;
	int err;
};

/* A read gets no more than four pages in its first step. */
#define READ 0

struct trial {
	const char *what; /* it shows */
	const char *file;
	const char *before; /* what is in place already; NULL: nothing */
	const char *after;
	const char *lost; /* '-' nothing, 'T' truncated, 'M' no memory, 'L' late, 'I' I/O error;
			     NULL: nothing at all */
	enum fill_asked asked;
	size_t page, first, n_pages; /* of struct fill; n_pages 0: all */
	size_t n_resized;	     /* the region has this many pages only; 0: all */
	bool is_uneven;		     /* of its last page it has half */
	bool is_handler, is_gone, is_on_tmpfs, has_met_scanner;
	struct refusal refusals[2];
	bool is_staging_given; /* afterwards it has no memory */
	int err;
	size_t asked_end;
	size_t n_twice; /* pages that were filled and were there already */
};

struct stage {
	struct uffd_guard *guard;
	struct uffd_guard_region *region;
	struct staging *staging;
	size_t n_pages, length, file_length;
	struct refusal refusals[2];
	char lost[MOST_PAGES + 1];
};

/* ---- Files and refusals ---- */

static void write_file(struct stage *stage, int fd, const char *letters)
{
	static char page[65536];
	ck_assert_uint_le(page_size(), sizeof(page));
	for (size_t i = 0; letters[i]; i++) {
		const size_t length = letters[i] == 'e' ? page_size() / 2 : page_size();
		memset(page, letters[i] == '0' ? 0 : (int)i + 1, length);
		ck_assert_int_eq(write(fd, page, length), (ssize_t)length);
		stage->file_length += length;
	}
}

/* On the supervisor's thread. */
static int refuse(const struct injected_call *call, void *data)
{
	struct stage *stage = data;
	for (size_t i = 0; i < n_elements(stage->refusals); i++) {
		struct refusal *refusal = &stage->refusals[i];
		const bool is_it = call->nr != SYS_ioctl || call->args[1] == refusal->request;
		if (!is_it || refusal->n_refused == 0)
			continue;
		if (refusal->n_granted > 0) {
			refusal->n_granted--;
			continue;
		}
		refusal->n_refused--;
		return refusal->err;
	}
	return INJECT_CONTINUE;
}

static void begin_refusing(struct stage *stage, const struct trial *trial)
{
	if (trial->refusals[0].n_refused == 0)
		return;
	memcpy(stage->refusals, trial->refusals, sizeof(stage->refusals));
	if (trial->refusals[0].request == READ)
		inject_syscall(SYS_pread64, 0, (uint32_t)stage->region->source.fd, refuse, stage);
	else
		inject_syscall(SYS_ioctl, 0, (uint32_t)stage->guard->uffd.fd, refuse, stage);
}

/* ---- Stages ---- */

/* With more patience than a busy machine takes: of a read that took long nothing more is read. */
static int guard_start(struct stage *stage)
{
	const struct uffd_guard_options options = { .size = sizeof(options),
		.read_deadline_ms = 60000 };
	const int err = uffd_guard_create(&options, &stage->guard);
	if (err) {
		ck_assert(err == -EPERM || err == -ENOSYS);
		unit_skip("userfaultfd is denied");
	}
	return err;
}

/* What is filled in one go ends where a huge page may: here no region goes across such a border. */
static void *find_border(void)
{
	char *room = find_room(2 * STAGING_SIZE);
	ck_assert_ptr_ne(room, MAP_FAILED);
	return room + (STAGING_SIZE - (uintptr_t)room % STAGING_SIZE) % STAGING_SIZE;
}

static void map_at_border(struct stage *stage, int fd)
{
	const struct uffd_guard_map_options options = { .size = sizeof(options),
		.flags = UFFD_GUARD_MAP_FIXED_NOREPLACE,
		.addr = find_border() };
	assert_ok(uffd_guard_map(stage->guard, fd, stage->length, &options, &stage->region));
}

static void map_file(struct stage *stage, int fd, const struct trial *trial)
{
	const size_t page = page_size();
	stage->n_pages = strlen(trial->after);
	stage->length = stage->n_pages * page - (trial->is_uneven ? page / 2 : 0);
	map_at_border(stage, fd);
	if (trial->n_resized) {
		stage->length = trial->n_resized * page;
		assert_ok(uffd_guard_resize(stage->region, stage->length));
	}
	memset(stage->lost, '-', stage->n_pages);
}

/* False after unit_skip(). */
static bool stage_start(struct stage *stage, const struct trial *trial)
{
	*stage = (struct stage){ .staging = staging_create() };
	const int fd =
		trial->is_on_tmpfs ? open_on_tmpfs(O_RDWR) : memfd_create("fill", MFD_CLOEXEC);
	if (fd < 0) {
		unit_skip(NO_TMPFS);
		return false;
	}
	write_file(stage, fd, trial->file);
	if (guard_start(stage) == 0)
		map_file(stage, fd, trial);
	close(fd);
	return stage->region != NULL;
}

static void stage_stop(struct stage *stage)
{
	uffd_guard_unmap(stage->region);
	uffd_guard_destroy(stage->guard);
	staging_destroy(stage->staging);
}

static int run_fill(struct stage *stage, struct fill *fill, size_t first, size_t n_pages)
{
	fill->region = stage->region;
	fill->staging = stage->staging;
	const uint32_t ticket = epoch_enter(&stage->region->fills);
	const int err = fill_pages(fill, first, n_pages);
	epoch_leave(&stage->region->fills, ticket);
	return err;
}

static void fill_before(struct stage *stage, const char *letters)
{
	for (size_t i = 0; letters && letters[i]; i++) {
		struct fill one = { .asked = ASKED_ALL };
		if (letters[i] != '.')
			assert_ok(run_fill(stage, &one, i, 1));
	}
}

/* ---- What is seen afterwards ---- */

static bool is_all(const unsigned char *bytes, size_t length, unsigned char value)
{
	return bytes[0] == value && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static bool is_resident(const void *page)
{
	unsigned char residence;
	assert_ok(mincore((void *)page, page_size(), &residence));
	return residence & 1;
}

/* '?': what the region has is not what presence says, or not what the file has. */
static char letter_of(const struct stage *stage, const char *file, size_t page)
{
	static const char letters[] = {
		[PRESENCE_ABSENT] = '.', [PRESENCE_ZERO] = '0', [PRESENCE_HELD] = 'd'
	};
	const unsigned char *bytes =
		(const unsigned char *)region_address(stage->region, page * page_size());
	const size_t half = page_size() / 2;
	size_t n;
	const char letter = letters[presence_run(&stage->region->presence, page, 1, &n)];
	const bool is_data = letter == 'd';
	const unsigned char value = is_data ? (unsigned char)(page + 1) : 0;
	if (is_resident(bytes) != (letter != '.'))
		return '?';
	if (letter != '.' &&
		!(is_all(bytes, half, value) &&
			is_all(bytes + half, half, is_data && file[page] == 'e' ? 0 : value)))
		return '?';
	return letter;
}

static void assert_pages(const struct stage *stage, const struct trial *trial)
{
	char seen[MOST_PAGES + 1] = "";
	for (size_t i = 0; i < stage->n_pages; i++)
		seen[i] = letter_of(stage, trial->file, i);
	ck_assert_msg(strcmp(seen, trial->after) == 0, "%s: pages are %s, not %s", trial->what,
		seen, trial->after);
}

static size_t count(const char *letters, char letter)
{
	size_t n = 0;
	for (; *letters; letters++)
		n += *letters == letter;
	return n;
}

static struct uffd_guard_stats stats_of(const struct stage *stage)
{
	struct uffd_guard_stats stats = { .size = sizeof(stats) };
	assert_ok(uffd_guard_get_stats(stage->guard, &stats));
	return stats;
}

static void assert_counted(const struct stage *stage, const struct trial *trial)
{
	const struct uffd_guard_stats stats = stats_of(stage);
	const size_t n_held = count(trial->after, 'd'), n_zero = count(trial->after, '0');
	ck_assert_uint_eq(stats.bytes_resident, n_held * page_size());
	ck_assert_msg(stats.pages_copied + stats.pages_zeroed == n_held + n_zero + trial->n_twice,
		"%s: %ju copied, %ju zeroed", trial->what, (uintmax_t)stats.pages_copied,
		(uintmax_t)stats.pages_zeroed);
}

static char letter_of_loss(const struct uffd_guard_event *event)
{
	switch (event->reasons) {
	case UFFD_GUARD_LOST_TRUNCATED:
		return 'T';
	case UFFD_GUARD_LOST_NO_MEMORY:
		return 'M';
	case UFFD_GUARD_LOST_TIMED_OUT:
		return 'L';
	case UFFD_GUARD_LOST_IO_ERROR:
		return event->error == -EIO ? 'I' : '?';
	default:
		return '?';
	}
}

/* Whole pages, but for where the file ends, and where the region does. */
static void note_loss(const struct uffd_guard_event *event, void *data)
{
	struct stage *stage = data;
	const uint64_t end = event->offset + event->length;
	ck_assert(event->offset % page_size() == 0 || event->offset == stage->file_length);
	ck_assert(end % page_size() == 0 || end == stage->length);
	const size_t first = event->offset / page_size();
	memset(stage->lost + first, letter_of_loss(event), page_ceil(end) / page_size() - first);
}

static void assert_losses(struct stage *stage, const struct trial *trial)
{
	uffd_guard_dispatch(stage->guard, note_loss, stage);
	const size_t n_none = count(stage->lost, '-');
	if (trial->lost)
		ck_assert_msg(strcmp(stage->lost, trial->lost) == 0, "%s: lost are %s, not %s",
			trial->what, stage->lost, trial->lost);
	else
		ck_assert_msg(
			n_none == stage->n_pages, "%s: lost are %s", trial->what, stage->lost);
}

/* It is only ever the handler's, and only where the kernel refuses. */
static void assert_staging(const struct stage *stage, const struct trial *trial)
{
	if (trial->is_handler && trial->refusals[0].n_refused > 0)
		ck_assert_int_eq(is_resident(stage->staging->memory), !trial->is_staging_given);
}

/* ---- Trials ---- */

#define COPIES UFFDIO_COPY
#define ZEROS  UFFDIO_ZEROPAGE

static const struct trial trials[] = {
	/* Whoever waits for a page is awake with all that follows on it. */
	{ .what = "pages that follow on the asked one",
		.file = "dd0ddd0d",
		.asked = ASKED_PAGE,
		.page = 3,
		.after = "dd0ddd0d",
		.asked_end = 8 },
	{ .what = "pages behind one that was there already",
		.file = "dddddddd",
		.before = "....d...",
		.asked = ASKED_PAGE,
		.page = 1,
		.first = 1,
		.n_pages = 7,
		.after = ".ddddddd",
		.asked_end = 4 },
	{ .what = "the asked one is the last of a piece",
		.file = "0ddd",
		.asked = ASKED_PAGE,
		.page = 3,
		.after = "0ddd",
		.asked_end = 4 },
	{ .what = "pages that nobody asked for",
		.file = "dd0d",
		.asked = ASKED_NONE,
		.after = "dd0d" },
	{ .what = "the asked one is there already",
		.file = "dddddddd",
		.before = "..d.....",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.is_gone = true,
		.after = "..dd....",
		.asked_end = 4,
		.n_twice = 1 },
	{ .what = "the asked one is filled whatever presence says",
		.file = "dddddddd",
		.before = "..d.....",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.after = "..dd....",
		.asked_end = 4,
		.n_twice = 1 },
	{ .what = "no more than the range, where all is asked for",
		.file = "dddddddd",
		.asked = ASKED_ALL,
		.first = 2,
		.n_pages = 2,
		.after = "..dd...." },
	{ .what = "and the one before it only if it is absent",
		.file = "dddd",
		.before = "..d.",
		.asked = ASKED_PAGE,
		.page = 3,
		.first = 2,
		.n_pages = 2,
		.after = "..dd",
		.asked_end = 4 },
	{ .what = "no more than the range",
		.file = "dddddddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.after = "..dd....",
		.asked_end = 4 },
	{ .what = "a page that is there is not read again",
		.file = "dddddd",
		.before = "...d..",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 4,
		.after = "..dddd",
		.asked_end = 3 },
	/* No memory for the page table of a page of zeros. */
	{ .what = "a caller is told",
		.file = "0000",
		.asked = ASKED_ALL,
		.refusals = { { ZEROS, 0, 1, -ENOMEM } },
		.after = "....",
		.err = -ENOMEM },
	{ .what = "a caller who waits for one is told",
		.file = "d000",
		.asked = ASKED_PAGE,
		.page = 1,
		.refusals = { { ZEROS, 0, 1, -ENOMEM } },
		.after = "d...",
		.err = -ENOMEM },
	{ .what = "a caller who waits for another is not",
		.file = "d000",
		.asked = ASKED_PAGE,
		.page = 0,
		.refusals = { { ZEROS, 0, FOR_EVER, -ENOMEM } },
		.after = "d...",
		.asked_end = 1 },
	{ .what = "the handler gives its staging",
		.file = "0000",
		.asked = ASKED_PAGE,
		.page = 1,
		.is_handler = true,
		.refusals = { { ZEROS, 0, 1, -ENOMEM } },
		.is_staging_given = true,
		.after = "0000",
		.asked_end = 4 },
	{ .what = "what the staging held is not used",
		.file = "0d0d",
		.asked = ASKED_PAGE,
		.page = 0,
		.is_handler = true,
		.refusals = { { ZEROS, 0, 1, -ENOMEM } },
		.is_staging_given = true,
		.after = "0...",
		.asked_end = 1 },
	{ .what = "the handler has nothing else to give",
		.file = "0000",
		.asked = ASKED_PAGE,
		.page = 0,
		.is_handler = true,
		.refusals = { { ZEROS, 0, 2, -ENOMEM } },
		.is_staging_given = true,
		.after = "....",
		.err = -ENOMEM },
	{ .what = "the handler keeps its staging for what nobody asked",
		.file = "00000000",
		.before = ".....0..",
		.asked = ASKED_PAGE,
		.page = 4,
		.first = 4,
		.n_pages = 4,
		.is_handler = true,
		.is_gone = true,
		.refusals = { { ZEROS, 2, FOR_EVER, -ENOMEM } },
		.after = "....00..",
		.asked_end = 6,
		.n_twice = 1 },
	{ .what = "nobody waits, nobody is told",
		.file = "0000",
		.asked = ASKED_NONE,
		.is_handler = true,
		.refusals = { { ZEROS, 0, FOR_EVER, -ENOMEM } },
		.after = "...." },
	{ .what = "nothing is asked again for what is not mapped",
		.file = "0000",
		.asked = ASKED_ALL,
		.refusals = { { ZEROS, 0, FOR_EVER, -ENOENT } },
		.after = "...." },

	/* No memory for a page of data. */
	{ .what = "whoever waits gets zeros, and that one only",
		.file = "dddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.refusals = { { COPIES, 0, FOR_EVER, -ENOMEM } },
		.after = "..0.",
		.lost = "--M-",
		.asked_end = 3 },
	{ .what = "who wants all gets zeros for all",
		.file = "dddd",
		.asked = ASKED_ALL,
		.refusals = { { COPIES, 0, FOR_EVER, -ENOMEM } },
		.after = "0000",
		.lost = "MMMM" },
	{ .what = "what nobody asked for stays absent",
		.file = "dddd",
		.asked = ASKED_NONE,
		.refusals = { { COPIES, 0, FOR_EVER, -ENOMEM } },
		.after = "...." },
	{ .what = "behind what was copied",
		.file = "dddddddd",
		.before = ".....d..",
		.asked = ASKED_PAGE,
		.page = 4,
		.first = 4,
		.n_pages = 4,
		.is_gone = true,
		.refusals = { { COPIES, 2, FOR_EVER, -ENOMEM } },
		.after = "....dd..",
		.asked_end = 6,
		.n_twice = 1 },
	{ .what = "nor for zeros",
		.file = "dd0ddd0d",
		.asked = ASKED_PAGE,
		.page = 3,
		.refusals = { { COPIES, 1, FOR_EVER, -ENOMEM }, { ZEROS, 1, FOR_EVER, -ENOMEM } },
		.after = "dd0.....",
		.lost = "---M----",
		.err = -ENOMEM },
	{ .what = "what is not mapped is not lost",
		.file = "dddd",
		.asked = ASKED_ALL,
		.refusals = { { COPIES, 0, FOR_EVER, -ENOENT } },
		.after = "...." },

	/* The file ends. */
	{ .what = "where it ends within the asked page",
		.file = "ddde",
		.asked = ASKED_PAGE,
		.page = 3,
		.n_pages = 4,
		.after = "dddd0000",
		.lost = "---TTTTT",
		.asked_end = 4 },
	{ .what = "before the asked page",
		.file = "ddde",
		.asked = ASKED_PAGE,
		.page = 6,
		.first = 6,
		.n_pages = 1,
		.after = "......00",
		.lost = "------TT",
		.asked_end = 8 },
	{ .what = "behind the asked page",
		.file = "ddde",
		.asked = ASKED_PAGE,
		.page = 0,
		.after = "ddd.....",
		.asked_end = 3 },
	{ .what = "where all is asked for",
		.file = "ddde",
		.asked = ASKED_ALL,
		.after = "dddd0000",
		.lost = "---TTTTT" },
	{ .what = "where a part is asked for",
		.file = "ddde",
		.asked = ASKED_ALL,
		.n_pages = 6,
		.after = "dddd00..",
		.lost = "---TTT--" },
	{ .what = "sixteen pages of zeros for one",
		.file = "d",
		.asked = ASKED_PAGE,
		.page = 1,
		.first = 1,
		.n_pages = 1,
		.after = ".0000000000000000.......................",
		.lost = "-TTTTTTTTTTTTTTTT-----------------------",
		.asked_end = 17 },
	{ .what = "and no further than to what is there",
		.file = "d",
		.before = ".....0..",
		.asked = ASKED_PAGE,
		.page = 1,
		.first = 1,
		.n_pages = 1,
		.after = ".00000..",
		.lost = "-TTTTT--",
		.asked_end = 5 },
	{ .what = "up to the end of a region that ends within a page",
		.file = "d",
		.asked = ASKED_PAGE,
		.page = 1,
		.first = 1,
		.n_pages = 1,
		.is_uneven = true,
		.after = ".000",
		.lost = "-TTT",
		.asked_end = 4 },
	{ .what = "zeros end where the region does, not its reserve",
		.file = "d",
		.asked = ASKED_PAGE,
		.page = 1,
		.first = 1,
		.n_pages = 1,
		.n_resized = 4,
		.after = ".000....",
		.lost = "-TTT----",
		.asked_end = 4 },
	{ .what = "a caller is told that there are no zeros for what is lost",
		.file = "d",
		.asked = ASKED_PAGE,
		.page = 1,
		.first = 1,
		.n_pages = 1,
		.refusals = { { ZEROS, 0, FOR_EVER, -ENOMEM } },
		.after = "....",
		.lost = "-TTT",
		.err = -ENOMEM },
	{ .what = "behind the end of the region are zeros",
		.file = "dddddddd",
		.asked = ASKED_ALL,
		.n_pages = 4,
		.n_resized = 2,
		.after = "dd00...." },
	{ .what = "behind what could not be filled nothing is",
		.file = "00dddddd",
		.asked = ASKED_ALL,
		.n_pages = 4,
		.n_resized = 2,
		.refusals = { { ZEROS, 0, 1, -ENOMEM } },
		.after = "........",
		.err = -ENOMEM },
	{ .what = "behind the end of the region nothing can be lost",
		.file = "dddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.n_resized = 2,
		.after = "..00",
		.asked_end = 4 },

	/* The file cannot be read. */
	{ .what = "that page is lost and the next is not",
		.file = "dddddddd",
		.asked = ASKED_ALL,
		.refusals = { { READ, 1, 1, -EIO } },
		.after = "dddd0ddd",
		.lost = "----I---" },
	{ .what = "nothing is read ahead then",
		.file = "dddddddd",
		.asked = ASKED_NONE,
		.refusals = { { READ, 1, 1, -EIO } },
		.after = "dddd...." },
	{ .what = "nothing is read ahead of the asked one then",
		.file = "dddddddd",
		.asked = ASKED_PAGE,
		.page = 0,
		.refusals = { { READ, 1, 1, -EIO } },
		.after = "dddd....",
		.asked_end = 4 },
	{ .what = "nor is what was before it a reason to",
		.file = "dddddddddddddddd",
		.asked = ASKED_PAGE,
		.page = 8,
		.first = 8,
		.n_pages = 8,
		.refusals = { { READ, 1, 1, -EIO } },
		.after = "........dddd....",
		.asked_end = 12 },
	{ .what = "the asked one is tried",
		.file = "dddddddd",
		.asked = ASKED_PAGE,
		.page = 6,
		.refusals = { { READ, 1, 1, -EIO } },
		.after = "dddd.ddd",
		.asked_end = 8 },
	{ .what = "the asked one is lost",
		.file = "dddddddd",
		.asked = ASKED_PAGE,
		.page = 4,
		.refusals = { { READ, 1, 1, -EIO } },
		.after = "dddd0...",
		.lost = "----I---",
		.asked_end = 5 },
	{ .what = "a staging without memory",
		.file = "dddd",
		.asked = ASKED_ALL,
		.refusals = { { READ, 0, 1, -EFAULT } },
		.after = "0ddd",
		.lost = "M---" },
	{ .what = "late for one page is late for all",
		.file = "dddddddd",
		.asked = ASKED_ALL,
		.refusals = { { READ, 1, 1, -ETIMEDOUT } },
		.after = "dddd0000",
		.lost = "----LLLL" },
	{ .what = "what is late is not read ahead",
		.file = "dddddddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.refusals = { { READ, 1, 1, -ETIMEDOUT } },
		.after = "dddd....",
		.asked_end = 4 },

	/* A scanner of files was met that does not answer. */
	{ .what = "the handler asks no other",
		.file = "dddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.is_handler = true,
		.is_on_tmpfs = true,
		.has_met_scanner = true,
		.after = "..0.",
		.lost = "--L-",
		.asked_end = 3 },
	{ .what = "the handler asks no other for the pages before",
		.file = "dddd",
		.asked = ASKED_PAGE,
		.page = 3,
		.first = 2,
		.n_pages = 2,
		.is_handler = true,
		.is_on_tmpfs = true,
		.has_met_scanner = true,
		.after = "...0",
		.lost = "---L",
		.asked_end = 4 },
	{ .what = "a caller does",
		.file = "dddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.is_on_tmpfs = true,
		.has_met_scanner = true,
		.after = "..dd",
		.asked_end = 4 },
	{ .what = "no scanner is asked about a memfd",
		.file = "dddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.is_handler = true,
		.has_met_scanner = true,
		.after = "..dd",
		.asked_end = 4 },
	{ .what = "no scanner was met",
		.file = "dddd",
		.asked = ASKED_PAGE,
		.page = 2,
		.first = 2,
		.n_pages = 2,
		.is_handler = true,
		.is_on_tmpfs = true,
		.after = "..dd",
		.asked_end = 4 },
};

START_TEST(pages_are_filled_as_far_as_can_be)
{
	const struct trial *trial = &trials[_i];
	struct stage stage;
	if (trial->refusals[0].n_refused > 0 && trial->refusals[0].request == READ &&
		page_size() != 4096) {
		unit_skip("a first step of reading is not four pages");
		return;
	}
	if (!stage_start(&stage, trial))
		return;
	fill_before(&stage, trial->before);
	atomic_store(&stage.guard->has_met_scanner, trial->has_met_scanner);
	ck_assert_int_eq(source_may_be_scanned(&stage.region->source), trial->is_on_tmpfs);
	begin_refusing(&stage, trial);
	struct fill fill = {
		.asked = trial->asked,
		.page = trial->page,
		.is_handler = trial->is_handler,
		.is_gone = trial->is_gone,
		.asked_end = 77,
	};
	const size_t n_pages = trial->n_pages ? trial->n_pages : stage.n_pages - trial->first;
	const int err = run_fill(&stage, &fill, trial->first, n_pages);
	ck_assert_msg(err == trial->err, "%s: %d, not %d", trial->what, err, trial->err);
	ck_assert_msg(fill.asked_end == trial->asked_end,
		"%s: answered are pages up to %zu, not %zu", trial->what, fill.asked_end,
		trial->asked_end);
	assert_pages(&stage, trial);
	assert_losses(&stage, trial);
	assert_counted(&stage, trial);
	assert_staging(&stage, trial);
	stage_stop(&stage);
}
END_TEST

/* ---- Reads that another thread takes over ---- */

struct taken {
	struct stage stage;
	struct watch watch;
	atomic_uint n_reads;
};

/* On the supervisor's thread, which is the other one. */
static int take_over(const struct injected_call *call, void *data)
{
	struct taken *taken = data;
	(void)call;
	atomic_fetch_add(&taken->n_reads, 1);
	watch_move(&taken->watch, atomic_load(&taken->watch.state), WATCH_TAKEN);
	return INJECT_CONTINUE;
}

static const struct trial tmpfs_trial = {
	.what = "taken over", .file = "dddddddd", .after = "........", .is_on_tmpfs = true
};
static const struct trial memfd_trial = {
	.what = "not watched", .file = "dddddddd", .after = "dddddddd"
};

static int fill_watched(struct taken *taken, const struct trial *trial, size_t n_pages)
{
	struct fill fill = { .asked = ASKED_PAGE, .is_handler = true, .watch = &taken->watch };
	inject_syscall(SYS_pread64, 0, (uint32_t)taken->stage.region->source.fd, take_over, taken);
	const int err = run_fill(&taken->stage, &fill, 0, n_pages);
	assert_losses(&taken->stage, trial);
	return err;
}

/* All that the fill names is that thread's then. */
START_TEST(nothing_is_done_after_a_read_that_was_taken_over)
{
	struct taken taken = { .n_reads = 0 };
	watch_init(&taken.watch);
	if (!stage_start(&taken.stage, &tmpfs_trial))
		return;
	ck_assert_int_eq(fill_watched(&taken, &tmpfs_trial, taken.stage.n_pages), WATCH_ERR_TAKEN);
	ck_assert_uint_eq(atomic_load(&taken.n_reads), 1);
	assert_pages(&taken.stage, &tmpfs_trial);
	stage_stop(&taken.stage);
}
END_TEST

/* No scanner can hold a memfd's reads up. The asked page and those that follow are one read, in
 * steps. */
START_TEST(read_of_a_memfd_is_not_watched)
{
	static const size_t n_pages[] = { 1, 2, 8 };
	struct taken taken = { .n_reads = 0 };
	watch_init(&taken.watch);
	if (!stage_start(&taken.stage, &memfd_trial))
		return;
	assert_ok(fill_watched(&taken, &memfd_trial, n_pages[_i]));
	if (page_size() == 4096)
		ck_assert_uint_eq(atomic_load(&taken.n_reads), n_pages[_i] <= 4 ? 1 : 2);
	ck_assert_uint_eq(presence_count_absent(&taken.stage.region->presence, n_pages[_i], 8),
		8 - n_pages[_i]);
	stage_stop(&taken.stage);
}
END_TEST

static TCase *taken_case(void)
{
	TCase *tcase = tcase_create("taken");
	tcase_add_test(tcase, nothing_is_done_after_a_read_that_was_taken_over);
	tcase_add_loop_test(tcase, read_of_a_memfd_is_not_watched, 0, 3);
	return tcase;
}

/* ---- Holes ---- */

static uint64_t read_to_fill(size_t n_pages, enum fill_asked asked)
{
	struct stage stage = { .staging = staging_create(), .length = n_pages * page_size() };
	struct uffd_guard_stats stats = { .size = 0 };
	const int fd = memfd_create("hole", MFD_CLOEXEC);
	assert_ok(ftruncate(fd, (off_t)stage.length));
	if (guard_start(&stage) == 0) {
		map_at_border(&stage, fd);
		struct fill all = { .asked = asked };
		assert_ok(run_fill(&stage, &all, 0, n_pages));
		stats = stats_of(&stage);
		ck_assert_uint_eq(stats.pages_zeroed, n_pages);
		stage_stop(&stage);
	}
	close(fd);
	return stage.guard ? stats.bytes_read / page_size() : UINT64_MAX;
}

/* Callers who want all of it: from 64 KiB on, where to look costs less than to read. */
START_TEST(hole_is_looked_for_before_much_is_read)
{
	const size_t n_looked_at = ((size_t)64 << 10) / page_size();
	if (read_to_fill(1, ASKED_ALL) == UINT64_MAX)
		return;
	ck_assert_uint_eq(read_to_fill(n_looked_at, ASKED_ALL), 0);
	ck_assert_uint_eq(read_to_fill(n_looked_at + 1, ASKED_ALL), 0);
	ck_assert_uint_eq(read_to_fill(n_looked_at - 1, ASKED_ALL), n_looked_at - 1);
	ck_assert_uint_eq(read_to_fill(n_looked_at, ASKED_PAGE), n_looked_at);
}
END_TEST

static TCase *holes_case(void)
{
	TCase *tcase = tcase_create("holes");
	tcase_add_test(tcase, hole_is_looked_for_before_much_is_read);
	return tcase;
}

/* ---- Huge pages ---- */

/* Two of them, behind a first part that is none; page i has the value i + 1 in all its bytes. */
struct huge {
	struct stage stage;
	size_t n, first; /* pages of a huge one, and before the first */
};

static unsigned char value_of(size_t page)
{
	return (unsigned char)(page % 255 + 1);
}

static void write_huge(int fd, size_t n_pages, size_t zero)
{
	char *bytes = malloc(n_pages * page_size());
	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n_pages; i++)
		memset(bytes + i * page_size(), i == zero ? 0 : value_of(i), page_size());
	ck_assert_int_eq(write(fd, bytes, n_pages * page_size()), (ssize_t)(n_pages * page_size()));
	free(bytes);
}

/* Page @zero of the first is zeros. False after unit_skip(). */
static bool huge_start(struct huge *huge, size_t zero)
{
	*huge = (struct huge){ .n = STAGING_SIZE / page_size() };
	struct stage *stage = &huge->stage;
	stage->staging = staging_create();
	if (guard_start(stage))
		return false;
	const int fd = memfd_create("huge", MFD_CLOEXEC);
	const size_t n_pages = 3 * huge->n;
	write_huge(fd, n_pages, n_pages);
	assert_ok(uffd_guard_map(stage->guard, fd, n_pages * page_size(), NULL, &stage->region));
	huge->first = (STAGING_SIZE - stage->region->range.start % STAGING_SIZE) % STAGING_SIZE /
		      page_size();
	if (zero < huge->n) {
		assert_ok(lseek(fd, 0, SEEK_SET));
		write_huge(fd, n_pages, huge->first + zero);
	}
	close(fd);
	if (!staging_prepare(stage->staging, &stage->region->source.file, NULL, true) ||
		!(uffd_guard_features(stage->guard) & UFFD_GUARD_FEATURE_MOVE)) {
		unit_skip("no huge page was moved");
		stage_stop(stage);
		return false;
	}
	return true;
}

static void assert_huge(const struct huge *huge, size_t first, size_t n_pages, size_t zero)
{
	for (size_t i = first; i < first + n_pages; i++) {
		const void *bytes =
			(const void *)region_address(huge->stage.region, i * page_size());
		const unsigned char value = i == huge->first + zero ? 0 : value_of(i);
		ck_assert(page_is_present(&huge->stage.region->presence, i));
		ck_assert(is_resident(bytes));
		ck_assert(is_all(bytes, page_size(), value));
	}
}

START_TEST(huge_page_of_data_is_moved)
{
	struct huge huge;
	if (!huge_start(&huge, SIZE_MAX))
		return;
	struct stage *stage = &huge.stage;
	const struct presence *presence = &stage->region->presence;
	struct fill fill = { .asked = ASKED_PAGE, .page = huge.first + 3 };
	assert_ok(run_fill(stage, &fill, huge.first, huge.n));
	const struct uffd_guard_stats stats = stats_of(stage);
	ck_assert_uint_eq(fill.asked_end, huge.first + huge.n);
	ck_assert_uint_eq(stats.pages_moved, huge.n);
	ck_assert_uint_eq(stats.pages_copied, 0);
	ck_assert_uint_eq(stats.pages_reused, 0);
	ck_assert_uint_eq(stats.bytes_resident, STAGING_SIZE);
	ck_assert_uint_eq(presence_next_huge(presence, 0, 3 * huge.n), huge.first);
	ck_assert_int_eq(stage->staging->pages, STAGING_GONE);
	assert_huge(&huge, huge.first, huge.n, SIZE_MAX);
	stage_stop(stage);
}
END_TEST

/* The kernel moves what is before it, page by page, or nothing. */
START_TEST(huge_page_with_something_in_its_way_is_copied_from_there_on)
{
	static const size_t pages[] = { 0, 7, 511 };
	struct huge huge;
	if (!huge_start(&huge, SIZE_MAX))
		return;
	struct stage *stage = &huge.stage;
	const size_t page = huge.first + pages[_i];
	struct fill one = { .asked = ASKED_ALL };
	assert_ok(run_fill(stage, &one, page, 1));
	assert_ok(staging_give_back(stage->staging));
	struct fill fill = { .asked = ASKED_PAGE, .page = page, .is_gone = true };
	assert_ok(run_fill(stage, &fill, huge.first, huge.n));
	const struct uffd_guard_stats stats = stats_of(stage);
	ck_assert_uint_eq(fill.asked_end, huge.first + huge.n);
	ck_assert_uint_le(stats.pages_moved, pages[_i]);
	ck_assert_uint_eq(stats.pages_copied, 1 + huge.n - stats.pages_moved);
	ck_assert_uint_eq(stats.bytes_resident, STAGING_SIZE);
	ck_assert_uint_eq(presence_next_huge(&stage->region->presence, 0, 3 * huge.n), 3 * huge.n);
	ck_assert_int_eq(
		stage->staging->pages, stats.pages_moved > 0 ? STAGING_GONE : STAGING_HUGE);
	assert_huge(&huge, huge.first, huge.n, SIZE_MAX);
	stage_stop(stage);
}
END_TEST

/* It may be a hole, which costs no memory. */
START_TEST(huge_page_with_zeros_is_copied)
{
	static const size_t zeros[] = { 0, 1, 300, 511 };
	const size_t zero = zeros[_i];
	struct huge huge;
	if (!huge_start(&huge, zero))
		return;
	struct stage *stage = &huge.stage;
	struct fill fill = { .asked = ASKED_ALL };
	assert_ok(run_fill(stage, &fill, huge.first, huge.n));
	const struct uffd_guard_stats stats = stats_of(stage);
	ck_assert_uint_eq(stats.pages_moved, 0);
	ck_assert_uint_eq(stats.pages_zeroed, 1);
	ck_assert_uint_eq(stats.pages_copied, huge.n - 1);
	assert_huge(&huge, huge.first, huge.n, zero);
	stage_stop(stage);
}
END_TEST

/* What is read in one go ends where a huge page does. */
START_TEST(range_of_many_huge_pages_is_filled_in_pieces)
{
	struct huge huge;
	if (!huge_start(&huge, SIZE_MAX))
		return;
	struct stage *stage = &huge.stage;
	struct fill fill = { .asked = ASKED_ALL };
	const size_t first = huge.first + 100;
	assert_ok(run_fill(stage, &fill, first, 3 * huge.n - first));
	ck_assert_uint_eq(stats_of(stage).pages_moved, huge.n * (huge.first ? 1 : 2));
	assert_huge(&huge, first, 3 * huge.n - first, SIZE_MAX);
	stage_stop(stage);
}
END_TEST

START_TEST(file_that_ends_within_the_last_page_of_a_huge_one)
{
	struct huge huge;
	if (!huge_start(&huge, SIZE_MAX))
		return;
	struct stage *stage = &huge.stage;
	const size_t last = huge.first + huge.n - 1, half = page_size() / 2;
	assert_ok(ftruncate(stage->region->source.fd, (off_t)(last * page_size() + half)));
	struct fill fill = { .asked = ASKED_ALL };
	assert_ok(run_fill(stage, &fill, huge.first, huge.n));
	ck_assert_uint_eq(stats_of(stage).pages_moved, 0);
	assert_huge(&huge, huge.first, huge.n - 1, SIZE_MAX);
	const unsigned char *bytes =
		(const unsigned char *)region_address(stage->region, last * page_size());
	ck_assert(is_all(bytes, half, value_of(last)));
	ck_assert(is_all(bytes + half, half, 0));
	stage_stop(stage);
}
END_TEST

START_TEST(rest_of_a_huge_page_for_which_there_is_no_memory_is_told)
{
	struct huge huge;
	if (!huge_start(&huge, SIZE_MAX))
		return;
	struct stage *stage = &huge.stage;
	const struct trial nothing = { .refusals = { { COPIES, 0, FOR_EVER, -ENOMEM },
					       { ZEROS, 0, FOR_EVER, -ENOMEM } } };
	struct fill one = { .asked = ASKED_ALL };
	assert_ok(run_fill(stage, &one, huge.first + 7, 1));
	assert_ok(staging_give_back(stage->staging));
	begin_refusing(stage, &nothing);
	struct fill fill = { .asked = ASKED_ALL, .is_gone = true };
	ck_assert_int_eq(run_fill(stage, &fill, huge.first, huge.n), -ENOMEM);
	stage_stop(stage);
}
END_TEST

static TCase *huge_case(void)
{
	TCase *tcase = tcase_create("huge");
	tcase_add_test(tcase, huge_page_of_data_is_moved);
	tcase_add_loop_test(
		tcase, huge_page_with_something_in_its_way_is_copied_from_there_on, 0, 3);
	tcase_add_loop_test(tcase, huge_page_with_zeros_is_copied, 0, 4);
	tcase_add_test(tcase, range_of_many_huge_pages_is_filled_in_pieces);
	tcase_add_test(tcase, file_that_ends_within_the_last_page_of_a_huge_one);
	tcase_add_test(tcase, rest_of_a_huge_page_for_which_there_is_no_memory_is_told);
	return tcase;
}

static TCase *trials_case(void)
{
	TCase *tcase = tcase_create("trials");
	tcase_add_loop_test(tcase, pages_are_filled_as_far_as_can_be, 0, (int)n_elements(trials));
	return tcase;
}

UNIT_MAIN("fill", trials_case, taken_case, holes_case, huge_case)
