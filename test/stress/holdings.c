/* SPDX-License-Identifier: MIT */
/*
 * Check that the server does not grow. What it holds is sampled each second, by quarters of the
 * run. In the first quarter regions and caches fill. From the second to the last nothing may be
 * added. A tenth and some MiB are allowed, since allocators need not give memory back.
 */
#include "holdings.h"

#include "judge.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>

#define ALLOWED_BYTES (UINT64_C(8) << 20)
#define ALLOWED_SHARE 10 /* a tenth */

/* ---- Sampling ---- */

static bool read_status(struct holdings *holdings)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t kib;
	unsigned n = 0;
	if (!status)
		return false;
	while (fgets(line, sizeof(line), status)) {
		if (sscanf(line, "VmRSS: %" SCNu64, &kib) == 1) {
			holdings->rss = kib << 10;
			n++;
		} else if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1) {
			holdings->rss_anon = kib << 10;
			n++;
		}
	}
	fclose(status);
	return n == 2;
}

static bool count_descriptors(uint64_t *n_fds)
{
	DIR *fds = opendir("/proc/self/fd");
	if (!fds)
		return false;
	*n_fds = 0;
	while (readdir(fds))
		++*n_fds;
	closedir(fds);
	*n_fds -= 3; /* ".", ".." and the directory itself */
	return true;
}

bool holdings_take(struct holdings *holdings)
{
	return read_status(holdings) && count_descriptors(&holdings->n_fds);
}

static void raise_to(uint64_t *most, uint64_t value)
{
	if (value > *most)
		*most = value;
}

void growth_add(struct growth *growth, unsigned quarter, const struct holdings *holdings)
{
	if (quarter >= GROWTH_QUARTERS)
		quarter = GROWTH_QUARTERS - 1;
	struct holdings *most = &growth->most[quarter];
	raise_to(&most->rss, holdings->rss);
	raise_to(&most->rss_anon, holdings->rss_anon);
	raise_to(&most->n_fds, holdings->n_fds);
	growth->n_samples[quarter]++;
}

/* ---- Judging ---- */

static void judge_growth_of(
	struct judge *judge, const char *what, uint64_t before, uint64_t after, uint64_t allowed)
{
	if (after > before + allowed)
		judge_report(judge, VIOLATION_GREW,
			"%s: %" PRIu64 " in the second quarter, %" PRIu64
			" in the last; expected %" PRIu64 " more at most",
			what, before, after, allowed);
}

static uint64_t allowed_bytes(uint64_t before)
{
	return before / ALLOWED_SHARE + ALLOWED_BYTES;
}

void growth_judge(const struct growth *growth, struct judge *judge, unsigned n_mapping)
{
	const struct holdings *before = &growth->most[1], *after = &growth->most[3];
	unsigned n = growth->n_samples[1] < growth->n_samples[3] ? growth->n_samples[1]
								 : growth->n_samples[3];
	judge_count(judge, CHECK_GROWTH, n);
	if (n == 0)
		return;
	judge_growth_of(judge, "bytes of memory (VmRSS)", before->rss, after->rss,
		allowed_bytes(before->rss));
	judge_growth_of(judge, "bytes of memory of its own (RssAnon)", before->rss_anon,
		after->rss_anon, allowed_bytes(before->rss_anon));
	judge_growth_of(judge, "open files", before->n_fds, after->n_fds, n_mapping);
}
