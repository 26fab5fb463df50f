/* SPDX-License-Identifier: MIT */
/* For programs: one JSON object, on one line, for each interval. Names are clean by now; what is
 * left to escape is what JSON itself takes for its own. */
#include "view.h"

#include "print_json.h"

#include <stdio.h>

void print_json_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static void print_counters(const struct interval *interval)
{
	const struct {
		const char *name;
		uint64_t total, change;
	} counters[] = {
#define COUNTER(name) { #name, interval->now.named.name, interval->change.named.name }
		COUNTER(faults),
		COUNTER(wakeups),
		COUNTER(pages_copied),
		COUNTER(pages_moved),
		COUNTER(pages_zeroed),
		COUNTER(bytes_read),
		COUNTER(bytes_refreshed),
		COUNTER(bytes_written_back),
		COUNTER(pages_evicted),
		COUNTER(events),
		COUNTER(losses),
		COUNTER(retries),
#undef COUNTER
	};
	const size_t n = sizeof(counters) / sizeof(counters[0]);
	printf(",\"total\":{");
	for (size_t i = 0; i < n; i++)
		printf("%s\"%s\":%llu", i ? "," : "", counters[i].name,
			(unsigned long long)counters[i].total);
	printf("},\"per_second\":{");
	for (size_t i = 0; i < n; i++)
		printf("%s\"%s\":%.3f", i ? "," : "", counters[i].name,
			interval_rate(interval, counters[i].change));
	putchar('}');
}

static void print_latency(const struct latency *latency)
{
	if (latency->n_faults == 0)
		printf(",\"fault_ns_below\":null");
	else
		printf(",\"fault_ns_below\":{\"p50\":%.0f,\"p99\":%.0f,\"all\":%.0f}", latency->p50,
			latency->p99, latency->longest);
}

static void print_reasons(uint32_t reasons)
{
	unsigned at = 0;
	const char *separator = "";
	printf(",\"reasons\":[");
	for (const char *name; (name = next_reason(reasons, &at)); separator = ",")
		printf("%s\"%s\"", separator, name);
	putchar(']');
}

static void print_region(const struct shown_region *region)
{
	printf("{\"guard\":%llu,\"number\":%llu,\"length\":%llu,\"bytes_resident\":%llu,"
	       "\"faults_per_second\":%.3f,\"losses\":%llu,\"new_losses\":%llu,\"mode\":\"%s\"",
		(unsigned long long)region->guard, (unsigned long long)region->number,
		(unsigned long long)region->length, (unsigned long long)region->bytes_resident,
		region->faults, (unsigned long long)region->losses,
		(unsigned long long)region->new_losses, mode_name(region->mode));
	print_reasons(region->reasons);
	printf(",\"file\":");
	print_json_string(region->name);
	putchar('}');
}

static void show_json(
	const struct process *process, struct interval *interval, struct options *options)
{
	interval_sort(interval, options->sort);
	printf("{\"pid\":%d,\"command\":", (int)process->pid);
	print_json_string(process->command);
	printf(",\"seconds\":%.3f,\"is_whole_life\":%s,\"age\":%.3f,\"guards\":%zu,\"regions\":%"
	       "llu,"
	       "\"bytes_resident\":%llu",
		interval->seconds, interval->is_whole_life ? "true" : "false", interval->age,
		interval->n_guards, (unsigned long long)interval->now.named.regions,
		(unsigned long long)interval->now.named.bytes_resident);
	print_counters(interval);
	print_latency(&interval->latency);
	printf(",\"listed\":[");
	for (size_t i = 0; i < interval->n_regions; i++) {
		if (i > 0)
			putchar(',');
		print_region(&interval->regions[i]);
	}
	puts("]}");
}

const struct view view_json = { .show = show_json, .wait = view_wait };
