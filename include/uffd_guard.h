/* SPDX-License-Identifier: MIT */
/*
 * uffd_guard: read memory that a client shares with you as a file descriptor, whatever it does to
 * the file.
 *
 * A region is a snapshot of (part of) a file in anonymous memory of this process. Pages are read
 * from the file when they are first touched; bytes that the file no longer has read as zero. No
 * access to a live region ever raises a signal. The snapshot moves on when you say so:
 * uffd_guard_refresh().
 *
 * All functions may be called from any thread at any time, except that a region (guard) must not be
 * in use by another thread while it is unmapped (destroyed). A thread that is
 * cancelled in one goes on to its end, and ends before the next. All return 0 or a negative errno
 * unless said otherwise. Bad input changes nothing. Where memory runs out in the middle (-ENOMEM) a
 * part may be done, and the call may be repeated. Common to all that return an error:
 *
 * - -EINVAL: a NULL argument that must not be NULL, an unknown flag
 * - -E2BIG: an options struct from a newer header sets something that this library does not know
 * - -ECHILD: the guard was created before a fork(), and this is the child. Its regions read as
 *   zeros here
 * - -EIO: the handler thread has given up (UFFD_GUARD_LOST_HANDLER); only unmap, destroy, dispatch
 *   and the getters go on working, and pages not yet filled read as zeros. It does so too when the
 *   program closes the guard's descriptors, as daemons do with all that they do not know: close
 *   these before uffd_guard_create(). None of the guard's is 0, 1 or 2, and what the program opens
 *   in their place is not touched
 *
 * Since 0.1 unless a function says otherwise.
 */
#ifndef UFFD_GUARD_H
#define UFFD_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- Version ---- */

/* Of this header. */
#define UFFD_GUARD_VERSION_MAJOR 0
#define UFFD_GUARD_VERSION_MINOR 2
#define UFFD_GUARD_VERSION_PATCH 0

/** A version as one number that can be compared, also by the preprocessor. */
#define UFFD_GUARD_VERSION_NUMBER(major, minor, patch) (((major) << 16) | ((minor) << 8) | (patch))

/** The same number, of the library that was loaded. Since: 0.2 */
uint32_t uffd_guard_version(void);

/** One userfaultfd, one handler thread, any number of regions. */
struct uffd_guard;

/** One guarded mapping of one file. */
struct uffd_guard_region;

/* ---- Guards ---- */

/* Flags of struct uffd_guard_options. */
/* clang-format off */
#define UFFD_GUARD_ALLOW_EAGER           0x1u /**< where userfaultfd is denied, go on without: regions are EAGER */
#define UFFD_GUARD_USER_FAULTS_ONLY      0x2u /**< do not even try for kernel-mode faults */
#define UFFD_GUARD_REQUIRE_KERNEL_FAULTS 0x4u /**< -EPERM unless system calls may touch unfilled pages */
#define UFFD_GUARD_NO_IO_URING           0x8u /**< the handler waits with poll(2) */
#define UFFD_GUARD_NO_SANDBOX            0x10u /**< the handler thread keeps its rights; for a later filter with TSYNC */
#define UFFD_GUARD_NO_EVENTS             0x20u /**< losses are told by take_losses only; get_fd is never readable. Since: 0.2 */
#define UFFD_GUARD_NO_COPIERS            0x40u /**< no second thread shares copies of 1 MiB and more with the calling thread. Since: 0.2 */
/* clang-format on */

/** How a guard is made. Set size to sizeof(struct uffd_guard_options) and what you do not need to
 * 0. */
struct uffd_guard_options {
	size_t size;		   /**< sizeof(struct uffd_guard_options) */
	uint32_t flags;		   /**< UFFD_GUARD_* above */
	uint32_t read_deadline_ms; /**< milliseconds, for files that can block
				      (UFFD_GUARD_MAP_ANY_FILE): of a fault, and of a
				      whole call; 0: 100 */
	uint64_t max_resident; /**< bytes of filled pages over all regions; 0: no bound; taken for
				    64 pages if less. Kept at each moment, but for what threads
				    are just filling (2 MiB each). Pages that were not waited for
				    lately are evicted, whoever fills, and are fresh snapshots when
				    they come back; also pages populated for a system call. One
				    exception: in regions with UFFD_GUARD_MAP_WRITE, pages stored
				    to and not written back stay, also beyond the bound. Without
				    UFFD_GUARD_FEATURE_KERNEL_FAULTS, where system calls store
				    unseen, pages populated there count as stored to.
				    In EAGER nothing is evicted: bytes beyond the bound read as
				    zeros, and are reported as UFFD_GUARD_LOST_NO_MEMORY */
	void (*log)(int level, const char *message,
		void *data);  /**< level as in syslog(3). Called on the thread
   that called us, never from the handler thread. NULL: no log */
	void *log_data;	      /**< comes back in log */
	uint32_t max_regions; /**< mapped at a time; -ENFILE from map beyond. 0: as many as leave
				 the process a quarter of its descriptors (RLIMIT_NOFILE, as
				 it is when map is called); regions that keep none do not count.
				 Since: 0.2 */
	uint32_t reserved;    /**< 0 */
};

/* What uffd_guard_features() answers. */
/** System calls may touch pages that were never read. */
#define UFFD_GUARD_FEATURE_KERNEL_FAULTS 0x1u
#define UFFD_GUARD_FEATURE_LAZY		 0x2u  /**< userfaultfd works */
#define UFFD_GUARD_FEATURE_MOVE		 0x4u  /**< the kernel has UFFDIO_MOVE (6.8) */
#define UFFD_GUARD_FEATURE_IO_URING	 0x8u  /**< the handler waits with io_uring */
#define UFFD_GUARD_FEATURE_SANDBOX	 0x10u /**< the handler thread is confined: see below */

/**
 * Open a userfaultfd and start its handler thread.
 *
 * The thread is named "uffd-guard", blocks all signals, and has the scheduling policy, priority and
 * CPU affinity of the calling thread: create the guard from the thread that will read, or from one
 * as urgent. The userfaultfd is /dev/userfaultfd where it may be opened, else the system call, else
 * the user-mode-only kind that everybody gets.
 *
 * Where the process may do so, the thread confines itself with a seccomp filter, and its ring with
 * restrictions: it can neither open, connect nor execute. Other threads, and their no_new_privs,
 * stay as they are. A program that puts a filter on all its threads (SECCOMP_FILTER_FLAG_TSYNC)
 * does so before, or uses UFFD_GUARD_NO_SANDBOX: where a thread has a filter of its own, the kernel
 * refuses that.
 *
 * @param options NULL for the defaults
 * @param guard set on success; yours, to be given back with uffd_guard_destroy()
 *
 * Errors: -EINVAL also for USER_FAULTS_ONLY with REQUIRE_KERNEL_FAULTS; -EPERM where userfaultfd is
 * denied, or kernel-mode faults are with REQUIRE_KERNEL_FAULTS; -ENOSYS on a kernel without
 * userfaultfd, where a seccomp filter answers as such a kernel would (Podman's does), and under
 * valgrind, where one thread runs at a time: allow EAGER there; -EFBIG where RLIMIT_FSIZE is less
 * than a page and there is no /dev/zero; -EMFILE, -ENFILE, -ENOMEM, -EAGAIN (no more threads, as
 * after unshare(CLONE_NEWPID))
 */
int uffd_guard_create(const struct uffd_guard_options *options, struct uffd_guard **guard);

/**
 * Stop the handler thread and close the userfaultfd. If regions are still mapped, the last
 * uffd_guard_unmap() does that: until then they stay guarded, and functions that take a region go
 * on working; losses are told by uffd_guard_region_take_losses() only. The guard itself may not be
 * used any more. May be called from within on_event, which is not called again then. NULL is a
 * no-op; so is the call in a forked child, whose copy of the memory goes with exec or exit.
 */
void uffd_guard_destroy(struct uffd_guard *guard);

/** UFFD_GUARD_FEATURE_*: what this machine and this user allow, as found by uffd_guard_create(). */
uint32_t uffd_guard_features(const struct uffd_guard *guard);

/* ---- Regions ---- */

/* Flags of struct uffd_guard_map_options. */
/** Stores are meant: eviction spares them, uffd_guard_write_back() saves them; refresh and discard
 * drop what was not written back. */
#define UFFD_GUARD_MAP_WRITE 0x1u
/** The file itself, where that is safe; see enum uffd_guard_mode. Else as without the flag. */
#define UFFD_GUARD_MAP_DIRECT 0x2u
/** With DIRECT: try to add F_SEAL_SHRINK. Never waits for the client: one that is writing to its
 * file at this moment can hold a seal up as long as it likes. Then the region is LAZY, and becomes
 * DIRECT at the first refresh or update after the seal has come; with UFFD_GUARD_MAP_WRITE, where
 * that would drop stores, at the next resize() or make_direct(). */
#define UFFD_GUARD_MAP_SEAL 0x4u
/** Accept regular files that are not memory (tmpfs, hugetlbfs) too, on a disk, a network or FUSE.
 * They are read by io_uring, and no longer than read_deadline_ms waited for. */
#define UFFD_GUARD_MAP_ANY_FILE 0x8u
/** Exactly at .addr, or -EEXIST; never clobbers. */
#define UFFD_GUARD_MAP_FIXED_NOREPLACE 0x10u
/** As if uffd_guard_populate() of all followed. */
#define UFFD_GUARD_MAP_POPULATE 0x20u
/** With DIRECT: all of it live, or -EPERM; for shared pixmaps, fences, control memory. Since: 0.2
 */
#define UFFD_GUARD_MAP_ONLY_DIRECT 0x40u

/** How a region is made. Set size to sizeof(struct uffd_guard_map_options) and what you do not
 * need to 0. */
struct uffd_guard_map_options {
	size_t size;	 /**< sizeof(struct uffd_guard_map_options) */
	uint32_t flags;	 /**< UFFD_GUARD_MAP_* */
	void *addr;	 /**< with FIXED_NOREPLACE, page aligned; else NULL */
	uint64_t offset; /**< bytes into the file; page aligned */
	size_t reserve;	 /**< bytes of address space kept, so that resize() up to here never moves
			    the data; 0: length. Not less than length */
	uint64_t max_resident; /**< bytes of filled pages of this region; 0: none but the guard's
				  bound */
	void *user_data;       /**< comes back in events */
};

/**
 * Guard length bytes of the file behind fd.
 *
 * The file may be shorter, now or later: what it does not have reads as zero. Bytes past length in
 * the last page, and up to the reserve, read as zero too. The guard keeps a descriptor of its own
 * where it needs one (see uffd_guard_region_get_fd()); fd may be closed afterwards, and its file
 * offset is never moved. The memory can be stored to;
 * without UFFD_GUARD_MAP_WRITE such stores are merely lost at the next refresh.
 *
 * Holes of the file stay holes when they are read, but for ramfs, which makes pages of them as for
 * read(2). A scanner of files (fanotify(7), FAN_ACCESS_PERM) that watches a tmpfs and does not
 * answer holds up a call that reads such a file until read_deadline_ms has passed; then the file is
 * read past it. A fault that it holds up ends in zeros and UFFD_GUARD_LOST_TIMED_OUT. Other regions
 * go on, and memfds have no scanner. A client that has the kernel keep its file's pages locked
 * again and again, longer than read_deadline_ms within a second, loses them likewise. See
 * docs/embedding.md for what EAGER needs, and who may wait.
 *
 * @param guard from uffd_guard_create()
 * @param fd a memfd (hugetlb too), or a file on tmpfs, ramfs (Linux 6.8) or hugetlbfs, open for
 * reading; with UFFD_GUARD_MAP_ANY_FILE any regular file
 * @param length bytes, > 0
 * @param options NULL for the defaults
 * @param region set on success; yours, to be given back with uffd_guard_unmap()
 *
 * Errors: -EBADF not a descriptor, or O_PATH; -EACCES open for writing only; -ENODEV not a regular
 * file of the kinds above (pipe, socket, directory, device, memfd_secret, dma-buf, file on another
 * file system); -EINVAL length 0, offset or addr not page aligned, addr without FIXED_NOREPLACE,
 * SEAL or ONLY_DIRECT without DIRECT, reserve < length; -EPERM ONLY_DIRECT, and not all is DIRECT
 * (also where the client holds SEAL up);
 * -EOPNOTSUPP ANY_FILE, and the file is one that can block, but the guard has no io_uring;
 * -EOVERFLOW offset + length or offset + reserve beyond what a file offset holds; -EEXIST
 * FIXED_NOREPLACE and something is mapped there; -EMFILE, -ENFILE (also of a server whose files
 * were unmapped and cannot be closed, since it does not answer), -ENOMEM (memory, or
 * vm.max_map_count)
 */
int uffd_guard_map(struct uffd_guard *guard, int fd, size_t length,
	const struct uffd_guard_map_options *options, struct uffd_guard_region **region);

/**
 * Take the mapping away and close its descriptor. NULL is a no-op. Never waits for a client. No
 * event of the region is delivered afterwards: if another thread is delivering one at this moment,
 * the call waits until on_event returns, so do not hold a lock here that your on_event takes. May
 * be called from within on_event. In a forked child: a no-op.
 */
void uffd_guard_unmap(struct uffd_guard_region *region);

/** The first byte. The same for the whole life of the region. */
void *uffd_guard_region_data(const struct uffd_guard_region *region);

/** Bytes, as given to uffd_guard_map() or the last uffd_guard_resize(). */
size_t uffd_guard_region_length(const struct uffd_guard_region *region);

enum uffd_guard_mode {
	/** Pages are read when first touched, and stay as they are until refreshed. */
	UFFD_GUARD_MODE_LAZY,
	/** With UFFD_GUARD_MAP_DIRECT, a file on tmpfs (no hugetlb) that has F_SEAL_SHRINK and
	 * covers the length: the file's own pages, always up to date; refresh and populate have
	 * nothing to do. Judged again by resize(): what lies behind the file's end then is as in
	 * LAZY. A hole that is read becomes memory of the client's file. The last page shows the
	 * file also behind the length. Without UFFD_GUARD_MAP_WRITE, a page stored to is a copy
	 * from then on, until it is discarded. A child of fork() goes on seeing the file. Not where
	 * vm.overcommit_memory was 2 when the guard was created: there a hole may get no page. */
	UFFD_GUARD_MODE_DIRECT,
	/** With UFFD_GUARD_ALLOW_EAGER, where userfaultfd is denied: nothing tells when a page is
	 * touched, so all data of the file is read by map, and again by refresh, discard (which
	 * gives no memory back) and resize, for their range. Holes cost neither memory nor, from
	 * Linux 6.5 on, time. What the file does not have then is reported then, touched or not.
	 * System calls may touch all pages. */
	UFFD_GUARD_MODE_EAGER
};

/** How it is done now. resize() and make_direct() change it, and a refresh or update after a seal
 * has come (UFFD_GUARD_MAP_SEAL). */
enum uffd_guard_mode uffd_guard_region_mode(const struct uffd_guard_region *region);

/**
 * Judge again whether the region can be the file itself, now: also one that was mapped without
 * UFFD_GUARD_MAP_DIRECT, and from now on at each resize(). Stores that were not written back are
 * gone from what becomes DIRECT. Since: 0.2
 *
 * @param region from uffd_guard_map()
 * @param flags 0, or UFFD_GUARD_MAP_SEAL
 * @return 1 if all of the region is DIRECT, 0 if not, or -EINVAL for another flag
 */
int uffd_guard_region_make_direct(struct uffd_guard_region *region, uint32_t flags);

/** The guard's own descriptor of the file, borrowed until unmap: do not close it. -EBADF where the
 * guard keeps none: where map finds all of the region DIRECT, and the file as long as the reserve.
 * Since: 0.2 */
int uffd_guard_region_get_fd(const struct uffd_guard_region *region);

/* ---- Content ---- */

/** A range of bytes of a region. */
struct uffd_guard_span {
	uint64_t offset, length;
};

/**
 * Bring length bytes from offset up to date with the file.
 *
 * After the call no byte of the range is older than the call. Pages never read stay unread and cost
 * nothing; filled pages are overwritten in place, to the byte. Stores of yours in the range are
 * dropped. Other threads may be reading: they see old or new bytes. Filled bytes that the file no
 * longer has become zeros, and are reported as UFFD_GUARD_LOST_TRUNCATED.
 * What was populated stays there throughout, for system calls of other threads.
 *
 * @param region from uffd_guard_map()
 * @param offset bytes of the region
 * @param length bytes; 0 does nothing
 *
 * Errors: -ERANGE not inside the region; -ENOMEM
 */
int uffd_guard_refresh(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

/** The same for many ranges, in any order, overlapping or not. -ERANGE if any is outside, and then
 * none is done. */
int uffd_guard_refresh_spans(
	struct uffd_guard_region *region, const struct uffd_guard_span *spans, size_t n_spans);

/** A rectangle of pixels in a region. The library chooses how it reads them. One without width or
 * height is empty: nothing is done for it, whatever its offset is. Since: 0.2 */
struct uffd_guard_rect {
	uint64_t offset; /**< of the first byte, in bytes of the region */
	uint64_t stride; /**< bytes from a row to the next */
	uint64_t width;	 /**< bytes of a row */
	uint64_t height; /**< rows */
};

/** As uffd_guard_refresh_spans(), for rectangles. Errors besides: -ENOMEM. Since: 0.2 */
int uffd_guard_refresh_rects(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects);

/**
 * Up to date and present: refresh what is filled, fill what is not. What every commit wants. Pages
 * of holes stay free of cost. Since: 0.2
 *
 * @param region from uffd_guard_map()
 * @param offset bytes of the region
 * @param length bytes; 0 does nothing
 *
 * Errors: -ERANGE not inside the region; -ENOMEM
 */
int uffd_guard_update(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

/** The same for rectangles, in any order, overlapping or not. -ERANGE if any is outside, and then
 * none is done; -ENOMEM. Since: 0.2 */
int uffd_guard_update_rects(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects);

/**
 * The client has changed these bytes: note it, and read nothing yet. The first of three steps of
 * uffd_guard_update(), for a server that learns of changes long before it looks, or never looks (a
 * surface that is hidden or scanned out). Costs microseconds, and holds no memory that grows.
 *
 * Between mark and uffd_guard_ensure() bytes may be old or new. A region remembers 64 rectangles;
 * when more are marked, bytes between the marked ones may come over too. refresh, update and
 * discard of a range clear the marks in it. Any thread, any order. Since: 0.2
 *
 * @param region from uffd_guard_map()
 * @param rects in any order, overlapping or not
 * @param n_rects how many
 *
 * Errors: -ERANGE if any is outside the region, and then none is marked; -ENOMEM
 */
int uffd_guard_mark_rects(
	struct uffd_guard_region *region, const struct uffd_guard_rect *rects, size_t n_rects);

/** Optional second step: the guard's own threads may start to bring over what is marked. Returns at
 * once. A mark that comes after it is brought over again. Since: 0.2 */
int uffd_guard_begin(struct uffd_guard_region *region);

/**
 * The third step, before each look: afterwards no byte of the range is older than the latest mark
 * of it, and all of its pages are present. Where nothing is marked or absent it makes no system
 * call. Since: 0.2
 *
 * @param region from uffd_guard_map()
 * @param offset bytes of the region
 * @param length bytes; 0 does nothing
 *
 * Errors: -ERANGE not inside the region; -ENOMEM
 */
int uffd_guard_ensure(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

/**
 * Fill the pages of the range that are not filled yet, on the calling thread, also such as the
 * program has given back with madvise(2). Needed before a
 * pointer into the region is handed to a system call or a driver where
 * UFFD_GUARD_FEATURE_KERNEL_FAULTS is missing (they would see EFAULT). Bytes that the file does not
 * have are zeros, and are reported as UFFD_GUARD_LOST_TRUNCATED.
 *
 * @param region from uffd_guard_map()
 * @param offset bytes of the region
 * @param length bytes; 0 does nothing
 *
 * Errors: -ERANGE not inside the region; -ENOMEM
 */
int uffd_guard_populate(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

/**
 * Give the memory of the range back: its bytes are as if never read, and stores that were not
 * written back are gone. Whole pages are freed; bytes of a page that is only partly in the range
 * are refreshed instead.
 *
 * @param region from uffd_guard_map()
 * @param offset bytes of the region
 * @param length bytes; 0 does nothing
 *
 * Errors: -ERANGE not inside the region; -ENOMEM
 */
int uffd_guard_discard(struct uffd_guard_region *region, uint64_t offset, uint64_t length);

/**
 * One copy, file to buffer, past the region's own pages: for uploads. Zero-fills where the file
 * has no data; if that is because the file has ended, it is also reported as
 * UFFD_GUARD_LOST_TRUNCATED.
 *
 * @param region from uffd_guard_map()
 * @param offset bytes of the region
 * @param buffer must not lie in a guarded region
 * @param length bytes of buffer
 * @return bytes of real data (holes are data), or: -ERANGE not inside the region; -EFAULT bad
 * buffer; an I/O error
 */
ssize_t uffd_guard_read(
	struct uffd_guard_region *region, uint64_t offset, void *buffer, size_t length);

/**
 * The same for a rectangle: row k lands at buffer + k * buffer_stride. Since: 0.2
 *
 * @param region from uffd_guard_map()
 * @param rect of the region
 * @param buffer must not lie in a guarded region
 * @param buffer_stride bytes from a row in buffer to the next; not less than the width
 * @return as uffd_guard_read(); bytes between the rows are not counted
 */
ssize_t uffd_guard_read_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	void *buffer, size_t buffer_stride);

/**
 * One copy, buffer to file, past the region's own pages, which stay as they are: screen capture
 * into a client's buffer. Reads and fills nothing, never grows the file. After a few calls the
 * region keeps a mapping of the file until resize() or unmap(); while it does, the kernel refuses
 * the client F_SEAL_WRITE with EBUSY. Since: 0.2
 *
 * @param region mapped with UFFD_GUARD_MAP_WRITE
 * @param offset bytes of the region
 * @param buffer may be anything that can be read
 * @param length bytes of buffer
 * @return the bytes from offset that the file now has: fewer than length where it ends, or where an
 * error came after them. Or an error as of uffd_guard_write_back(); -EFAULT bad buffer
 */
ssize_t uffd_guard_write(
	struct uffd_guard_region *region, uint64_t offset, const void *buffer, size_t length);

/**
 * The same for a rectangle: row k comes from buffer + k * buffer_stride. Since: 0.2
 *
 * @param region mapped with UFFD_GUARD_MAP_WRITE
 * @param rect of the region
 * @param buffer may be anything that can be read
 * @param buffer_stride bytes from a row in buffer to the next; not less than the width
 * @return as uffd_guard_write(); bytes between the rows are not counted
 */
ssize_t uffd_guard_write_rect(struct uffd_guard_region *region, const struct uffd_guard_rect *rect,
	const void *buffer, size_t buffer_stride);

/**
 * Store the region's bytes back into the file: screen capture into a client's buffer. Never grows
 * the file. Pages that were not filled, by a touch or ahead of one, are not written; nor are pages
 * of zeros where the file has a hole. So give the range that you have stored to.
 *
 * @param region from uffd_guard_map()
 * @param offset bytes of the region
 * @param length bytes
 * @return the bytes from offset that the file now has as the region does: fewer than length where
 * the file ends, or where an error came after them, which the next call from there on returns. Or:
 * -EACCES not mapped with UFFD_GUARD_MAP_WRITE; -ERANGE not inside the region; -EPERM the file is
 * sealed against writing; -ENOSPC its file system is full; -ETIMEDOUT its client has held up those
 * who read it; -EFAULT the program has taken away the right to read the region; -EOPNOTSUPP it is
 * on a network or FUSE (to respect its end one would have to wait for its server); -EBADF the
 * descriptor given to uffd_guard_map() was read-only; -EMFILE, -ENFILE where process_vm_readv(2)
 * and process_vm_writev(2) are denied: then a pipe is needed; -ENOMEM
 */
ssize_t uffd_guard_write_back(struct uffd_guard_region *region, uint64_t offset, size_t length);

/**
 * Change the length. The data never moves. Bytes that come into the region are as if never read;
 * bytes that leave it are given back and read as zero.
 *
 * @param region from uffd_guard_map()
 * @param length bytes, > 0
 *
 * Errors: -EINVAL length 0; -ENOSPC beyond the reserve; -ENOMEM
 */
int uffd_guard_resize(struct uffd_guard_region *region, size_t length);

/* ---- Losses ---- */

/* Why bytes read as zero that should not. */
/* clang-format off */
#define UFFD_GUARD_LOST_TRUNCATED 0x1u /**< bytes were asked for where the file had ended */
#define UFFD_GUARD_LOST_IO_ERROR  0x2u /**< the file could not be read; see uffd_guard_event.error */
#define UFFD_GUARD_LOST_TIMED_OUT 0x4u /**< the file did not answer within the deadline */
#define UFFD_GUARD_LOST_NO_MEMORY 0x8u /**< no memory for the page; in EAGER also: beyond max_resident */
#define UFFD_GUARD_LOST_HANDLER   0x10u /**< the handler gave up; what was not filled reads as zeros */
/* clang-format on */

/**
 * Reasons (UFFD_GUARD_LOST_*) since the last call, and clears them: the begin/end shape of wl_shm
 * in one line. Does not take events away. Set before the thread that faulted goes on.
 */
uint32_t uffd_guard_region_take_losses(struct uffd_guard_region *region);

/** A loss. Valid during on_event. */
struct uffd_guard_event {
	struct uffd_guard_region *region;
	void *user_data;  /**< of struct uffd_guard_map_options */
	uint32_t reasons; /**< UFFD_GUARD_LOST_* */
	int error;	  /**< negative errno of an I/O error, else 0 */
	uint64_t offset,
		length; /**< bytes of the region that read as zeros; adjacent losses are merged */
};

/** A descriptor that is readable while events wait; for epoll, wl_event_loop. Owned by the guard:
 * do not read it. */
int uffd_guard_get_fd(const struct uffd_guard *guard);

/**
 * Call on_event for each loss that waits, on this thread and without any lock that a fault needs.
 * Within on_event any function may be called, also uffd_guard_unmap() of any region. Bytes that are
 * lost while uffd_guard_map() fills (POPULATE, EAGER) may be told of before it returns. Losses that
 * nobody dispatches are kept: beyond about a thousand as one covering range for each region.
 *
 * @return the number of events delivered, or: -EINVAL, -ECHILD, -ENOMEM (nothing is lost)
 */
int uffd_guard_dispatch(struct uffd_guard *guard,
	void (*on_event)(const struct uffd_guard_event *event, void *data), void *data);

/* ---- Statistics ---- */

/** Counters since the guard was created; regions, bytes_resident and bytes_kept are of this moment.
 */
struct uffd_guard_stats {
	size_t size;	       /**< sizeof(struct uffd_guard_stats), set by the caller */
	uint64_t regions;      /**< mapped now */
	uint64_t faults;       /**< messages of the userfaultfd that were answered */
	uint64_t wakeups;      /**< times the handler woke up */
	uint64_t pages_copied; /**< filled with bytes of a file, one by one */
	uint64_t pages_moved;  /**< filled as (part of) a huge page */
	uint64_t
		pages_zeroed; /**< filled with the shared page of zeros: holes, past the end, losses
			       */
	uint64_t bytes_read;  /**< from files, to fill pages and by uffd_guard_read() */
	uint64_t bytes_refreshed;    /**< from files, into filled pages */
	uint64_t bytes_written_back; /**< into files */
	uint64_t bytes_resident; /**< memory held by filled pages now; pages of zeros hold none */
	uint64_t pages_evicted;	 /**< taken away to stay within max_resident */
	uint64_t events;	 /**< delivered by uffd_guard_dispatch() */
	uint64_t losses;	 /**< ranges lost, before merging */
	uint64_t retries;	 /**< fills that the kernel asked to repeat */
	uint64_t fault_ns[48]; /**< log2 histogram: [i] counts faults answered in [2^i, 2^(i+1)) ns,
				  from the moment the handler read the message to the moment the
				  thread was woken */
	uint64_t pages_reused; /**< of pages_moved: that regions had given back before */
	uint64_t bytes_kept;   /**< memory that regions have given back, kept to be filled again: at
				  most 32 MiB, which the kernel takes first when it is short of
				  memory */
};

/**
 * Copy the counters out. Writes no more than stats->size bytes, and zeros what this library does
 * not know. Errors: -EINVAL also for a size below sizeof(size_t)
 */
int uffd_guard_get_stats(const struct uffd_guard *guard, struct uffd_guard_stats *stats);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
