/* SPDX-License-Identifier: MIT */
/*
 * Where a tracer may listen in: static probes (USDT) of the provider uffd_guard, for bpftrace, perf
 * or gdb. Each is one nop, with a note in the library that says where it is and where its arguments
 * are. Without UFFD_GUARD_HAS_PROBES there is nothing, and no argument is evaluated.
 *
 * Probes of a region begin with two arguments that name it: the address of its data, and the
 * user_data of whoever mapped it, which may stand for a client. Offsets and lengths are bytes of
 * the region. docs/watching.md lists them for their readers.
 */
#pragma once

#ifdef UFFD_GUARD_HAS_PROBES
#include <sys/sdt.h>
#ifdef __clang__ /* which finds a GNU extension where the macros of sdt.h are used, not there */
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#if __has_warning("-Wc23-extensions") /* so it is called since clang 19 */
#pragma clang diagnostic ignored "-Wc23-extensions"
#endif
#endif
#define PROBE_1(name, a)	     DTRACE_PROBE1(uffd_guard, name, a)
#define PROBE_3(name, a, b, c)	     DTRACE_PROBE3(uffd_guard, name, a, b, c)
#define PROBE_4(name, a, b, c, d)    DTRACE_PROBE4(uffd_guard, name, a, b, c, d)
#define PROBE_5(name, a, b, c, d, e) DTRACE_PROBE5(uffd_guard, name, a, b, c, d, e)
#else
#define PROBE_1(name, a)	     ((void)0)
#define PROBE_3(name, a, b, c)	     ((void)0)
#define PROBE_4(name, a, b, c, d)    ((void)0)
#define PROBE_5(name, a, b, c, d, e) ((void)0)
#endif

/* The handler has turned to a fault. */
#define PROBE_FAULT(region, offset)                                                                \
	PROBE_3(fault, (region)->range.start, (region)->user_data, offset)

/* Pages are in place, and whoever waited for them is awake; @length 0: none could be made. On any
 * thread. */
#define PROBE_FILL(region, offset, length)                                                         \
	PROBE_4(fill, (region)->range.start, (region)->user_data, offset, length)

/* A call of refresh or update begins; of many ranges or rectangles, what covers them. */
#define PROBE_REFRESH_BEGIN(region, offset, length)                                                \
	PROBE_4(refresh_begin, (region)->range.start, (region)->user_data, offset, length)
#define PROBE_REFRESH_END(region, result)                                                          \
	PROBE_3(refresh_end, (region)->range.start, (region)->user_data, result)

/* Bytes read as zeros that should not; @reasons are UFFD_GUARD_LOST_*. */
#define PROBE_LOSS(region, reasons, offset, length)                                                \
	PROBE_5(loss, (region)->range.start, (region)->user_data, reasons, offset, length)

/* The handler cannot go on, because of @err. */
#define PROBE_GIVE_UP(err) PROBE_1(give_up, err)
