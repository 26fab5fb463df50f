/* SPDX-License-Identifier: MIT */
/* Compose a page of text about an interval: what all guards do together, then their regions. */
#include "text_page.h"

#include "format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_LETTERS 256

struct page {
	const struct interval *interval;
	put_line_fn *put_line;
	void *data;
};

__attribute__((format(printf, 3, 4))) static void put(
	const struct page *page, enum line_style style, const char *format, ...)
{
	char line[LINE_LETTERS];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	page->put_line(style, line, page->data);
}

struct number {
	char text[FORMAT_LETTERS];
};

static struct number rate(const struct page *page, uint64_t change)
{
	struct number number;
	format_count(number.text, interval_rate(page->interval, change));
	return number;
}

static struct number byte_rate(const struct page *page, uint64_t change)
{
	struct number number;
	format_bytes(number.text, interval_rate(page->interval, change));
	return number;
}

static struct number bytes(uint64_t n)
{
	struct number number;
	format_bytes(number.text, (double)n);
	return number;
}

static struct number ns(double n)
{
	struct number number;
	format_ns(number.text, n);
	return number;
}

static void put_title(const struct page *page, const struct process *process)
{
	const struct interval *interval = page->interval;
	char age[FORMAT_LETTERS], span[FORMAT_LETTERS + 16];
	snprintf(span, sizeof(span), "over %.1f s", interval->seconds);
	put(page, LINE_TITLE, "%s (%d), %zu guard%s for %s; %s", process->command,
		(int)process->pid, interval->n_guards, interval->n_guards == 1 ? "" : "s",
		format_age(age, interval->age),
		interval->is_whole_life ? "averages of all that time" : span);
}

static void put_faults(const struct page *page)
{
	const struct latency *latency = &page->interval->latency;
	const struct number faults = rate(page, page->interval->change.named.faults);
	if (latency->n_faults == 0)
		put(page, LINE_PLAIN, "faults    %8s /s", faults.text);
	else
		put(page, LINE_PLAIN,
			"faults    %8s /s   half below %s, 99 %% below %s, all below %s",
			faults.text, ns(latency->p50).text, ns(latency->p99).text,
			ns(latency->longest).text);
}

static void put_sums(const struct page *page)
{
	const struct stats *change = &page->interval->change.named,
			   *now = &page->interval->now.named;
	put(page, LINE_PLAIN,
		"pages     %8s /s copied   %8s /s moved   %8s /s zeros   %8s /s evicted",
		rate(page, change->pages_copied).text, rate(page, change->pages_moved).text,
		rate(page, change->pages_zeroed).text, rate(page, change->pages_evicted).text);
	put(page, LINE_PLAIN, "files   %10s/s read   %10s/s refreshed   %10s/s written back",
		byte_rate(page, change->bytes_read).text,
		byte_rate(page, change->bytes_refreshed).text,
		byte_rate(page, change->bytes_written_back).text);
	put(page, change->losses ? LINE_LOSING : LINE_PLAIN, "losses    %8s /s   %llu in all",
		rate(page, change->losses).text, (unsigned long long)now->losses);
	put(page, LINE_PLAIN, "resident%10s   in %llu region%s", bytes(now->bytes_resident).text,
		(unsigned long long)now->regions, now->regions == 1 ? "" : "s");
}

/* truncated,io_error */
static void join_reasons(uint32_t reasons, char *text, size_t size)
{
	unsigned at = 0;
	text[0] = '\0';
	for (const char *name; (name = next_reason(reasons, &at));) {
		if (text[0])
			strncat(text, ",", size - strlen(text) - 1);
		strncat(text, name, size - strlen(text) - 1);
	}
}

/* Name the guard too if there are several. */
static void name_region(
	const struct interval *interval, const struct shown_region *region, char *text, size_t size)
{
	const unsigned long long guard = region->guard, number = region->number;
	if (interval->n_guards > 1)
		snprintf(text, size, "%llu.%llu", guard, number);
	else
		snprintf(text, size, "%llu", number);
}

static void put_region(const struct page *page, const struct shown_region *region)
{
	char number[48], reasons[80], faults[FORMAT_LETTERS];
	name_region(page->interval, region, number, sizeof(number));
	join_reasons(region->reasons, reasons, sizeof(reasons));
	put(page, region->new_losses ? LINE_LOSING : LINE_PLAIN,
		"%8s %10s %10s %9s %9llu %-7s %s%s%s", number, bytes(region->length).text,
		bytes(region->bytes_resident).text, format_count(faults, region->faults),
		(unsigned long long)region->losses, mode_name(region->mode), region->name,
		reasons[0] ? "  lost: " : "", reasons);
}

static void put_regions(const struct page *page)
{
	const struct interval *interval = page->interval;
	put(page, LINE_HEADING, "%8s %10s %10s %9s %9s %-7s %s", "region", "length", "resident",
		"faults/s", "losses", "mode", "file");
	for (size_t i = 0; i < interval->n_regions; i++)
		put_region(page, &interval->regions[i]);
	if (interval->now.named.regions > interval->n_regions)
		put(page, LINE_PLAIN, "%8s and %llu more, which the table has no room for", "",
			(unsigned long long)(interval->now.named.regions - interval->n_regions));
}

void page_compose(const struct process *process, const struct interval *interval,
	put_line_fn *put_line, void *data)
{
	const struct page page = { .interval = interval, .put_line = put_line, .data = data };
	put_title(&page, process);
	put_faults(&page);
	put_sums(&page);
	put(&page, LINE_PLAIN, "%s", "");
	put_regions(&page);
}
