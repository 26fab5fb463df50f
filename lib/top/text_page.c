/* SPDX-License-Identifier: MIT */
/* Compose a page of text about an interval: what all guards do together, then their regions. */
#include "text_page.h"

#include "columns.h"
#include "format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_LETTERS 256
#define PART_LETTERS 64
#define HEAD_LETTERS 8

struct page {
	const struct interval *interval;
	unsigned width; /* in letters; 0: lines have no end */
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
	if (page->width)
		cut_letters(line, page->width);
	page->put_line(style, line, page->data);
}

/* A line whose parts go on in another one, below the first part, where the page ends. */
struct line {
	const struct page *page;
	enum line_style style;
	char text[LINE_LETTERS];
	size_t length;
};

static struct line begin_line(const struct page *page, enum line_style style, const char *head)
{
	struct line line = { .page = page, .style = style };
	line.length = (size_t)snprintf(line.text, sizeof(line.text), "%-*s", HEAD_LETTERS, head);
	return line;
}

static void end_line(const struct line *line)
{
	put(line->page, line->style, "%s", line->text);
}

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	char part[PART_LETTERS];
	va_list args;
	va_start(args, format);
	vsnprintf(part, sizeof(part), format, args);
	va_end(args);
	if (line->page->width && line->length + 1 + strlen(part) > line->page->width) {
		end_line(line);
		*line = begin_line(line->page, line->style, "");
	}
	line->length += (size_t)snprintf(
		line->text + line->length, sizeof(line->text) - line->length, " %s", part);
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
		format_age(age, interval->age), interval->is_whole_life ? "averages" : span);
}

static void put_faults(const struct page *page)
{
	const struct latency *latency = &page->interval->latency;
	struct line line = begin_line(page, LINE_PLAIN, "faults");
	add(&line, "%8s/s", rate(page, page->interval->change.named.faults).text);
	if (latency->n_faults > 0) {
		add(&line, " half below %s,", ns(latency->p50).text);
		add(&line, "99 %% below %s,", ns(latency->p99).text);
		add(&line, "all below %s", ns(latency->longest).text);
	}
	end_line(&line);
}

static void put_pages(const struct page *page)
{
	const struct stats *change = &page->interval->change.named;
	struct line line = begin_line(page, LINE_PLAIN, "pages");
	add(&line, "%8s/s copied", rate(page, change->pages_copied).text);
	add(&line, "%8s/s moved", rate(page, change->pages_moved).text);
	add(&line, "%8s/s zeros", rate(page, change->pages_zeroed).text);
	add(&line, "%8s/s evicted", rate(page, change->pages_evicted).text);
	end_line(&line);
}

static void put_files(const struct page *page)
{
	const struct stats *change = &page->interval->change.named;
	struct line line = begin_line(page, LINE_PLAIN, "files");
	add(&line, "%8s/s read", byte_rate(page, change->bytes_read).text);
	add(&line, "%8s/s refreshed", byte_rate(page, change->bytes_refreshed).text);
	add(&line, "%8s/s written back", byte_rate(page, change->bytes_written_back).text);
	end_line(&line);
}

static void put_sums(const struct page *page)
{
	const struct stats *change = &page->interval->change.named,
			   *now = &page->interval->now.named;
	put_pages(page);
	put_files(page);
	put(page, change->losses ? LINE_LOSING : LINE_PLAIN, "%-*s %8s/s  %llu in all",
		HEAD_LETTERS, "losses", rate(page, change->losses).text,
		(unsigned long long)now->losses);
	put(page, LINE_PLAIN, "%-*s %8s    in %llu region%s", HEAD_LETTERS, "resident",
		bytes(now->bytes_resident).text, (unsigned long long)now->regions,
		now->regions == 1 ? "" : "s");
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

/* The file comes last, so its width is what is left; so much is kept for it. */
static const struct column columns[] = {
	{ "region", 8, false, 0 },
	{ "length", 10, false, 4 },
	{ "resident", 10, false, 0 },
	{ "faults/s", 9, false, 3 },
	{ "losses", 9, false, 1 },
	{ "mode", 7, true, 2 },
	{ "file", 20, true, 0 },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* The reasons stand behind the file or, if there is no room, in a line of their own. */
static void put_reasons(
	const struct page *page, enum line_style style, char *line, uint32_t reasons)
{
	char text[80];
	join_reasons(reasons, text, sizeof(text));
	const size_t length = count_letters(line) + strlen("  lost: ") + strlen(text);
	if (text[0] && (page->width == 0 || length <= page->width)) {
		put(page, style, "%s  lost: %s", line, text);
		return;
	}
	put(page, style, "%s", line);
	if (text[0])
		put(page, style, "%8s lost: %s", "", text);
}

static void put_region(const struct page *page, unsigned order, const struct shown_region *region)
{
	char line[LINE_LETTERS], number[48], faults[FORMAT_LETTERS], losses[FORMAT_LETTERS];
	const struct number length = bytes(region->length),
			    resident = bytes(region->bytes_resident);
	name_region(page->interval, region, number, sizeof(number));
	snprintf(losses, sizeof(losses), "%llu", (unsigned long long)region->losses);
	const char *const texts[N_COLUMNS] = { number, length.text, resident.text,
		format_count(faults, region->faults), losses, mode_name(region->mode),
		region->name };
	columns_write(columns, N_COLUMNS, order, texts, line, sizeof(line));
	put_reasons(page, region->new_losses ? LINE_LOSING : LINE_PLAIN, line, region->reasons);
}

static void put_regions(const struct page *page)
{
	const struct interval *interval = page->interval;
	const unsigned order = columns_that_fit(columns, N_COLUMNS, page->width);
	char heading[LINE_LETTERS];
	columns_write(columns, N_COLUMNS, order, NULL, heading, sizeof(heading));
	put(page, LINE_HEADING, "%s", heading);
	for (size_t i = 0; i < interval->n_regions; i++)
		put_region(page, order, &interval->regions[i]);
	if (interval->now.named.regions > interval->n_regions)
		put(page, LINE_PLAIN, "%8s and %llu more, which the table has no room for", "",
			(unsigned long long)(interval->now.named.regions - interval->n_regions));
}

void page_compose(const struct process *process, const struct interval *interval, unsigned width,
	put_line_fn *put_line, void *data)
{
	const struct page page = {
		.interval = interval, .width = width, .put_line = put_line, .data = data
	};
	put_title(&page, process);
	put_faults(&page);
	put_sums(&page);
	put(&page, LINE_PLAIN, "%s", "");
	put_regions(&page);
}
