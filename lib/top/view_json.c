/* SPDX-License-Identifier: MIT */
/* Show each interval as one JSON object on one line, for programs. */
#include "views.h"

#include "cli/json.h"

static void write_counters(struct json *json, const struct interval *interval)
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
	json_begin_object(json, "total");
	for (size_t i = 0; i < n; i++)
		json_put_unsigned(json, counters[i].name, counters[i].total);
	json_end_object(json);
	json_begin_object(json, "per_second");
	for (size_t i = 0; i < n; i++)
		json_put_real(json, counters[i].name, interval_rate(interval, counters[i].change));
	json_end_object(json);
}

static void write_latency(struct json *json, const struct latency *latency)
{
	if (latency->n_faults == 0) {
		json_put_null(json, "fault_ns_below");
		return;
	}
	json_begin_object(json, "fault_ns_below");
	json_put_real(json, "p50", latency->p50);
	json_put_real(json, "p99", latency->p99);
	json_put_real(json, "all", latency->longest);
	json_end_object(json);
}

static void write_reasons(struct json *json, uint32_t reasons)
{
	unsigned at = 0;
	json_begin_array(json, "reasons");
	for (const char *name; (name = next_reason(reasons, &at));)
		json_put_string(json, NULL, name);
	json_end_array(json);
}

static void write_region(struct json *json, const struct shown_region *region)
{
	json_begin_object(json, NULL);
	json_put_unsigned(json, "guard", region->guard);
	json_put_unsigned(json, "number", region->number);
	json_put_unsigned(json, "length", region->length);
	json_put_unsigned(json, "bytes_resident", region->bytes_resident);
	json_put_real(json, "faults_per_second", region->faults);
	json_put_unsigned(json, "losses", region->losses);
	json_put_unsigned(json, "new_losses", region->new_losses);
	json_put_string(json, "mode", mode_name(region->mode));
	write_reasons(json, region->reasons);
	json_put_string(json, "file", region->name);
	json_end_object(json);
}

static void write_head(
	struct json *json, const struct process *process, const struct interval *interval)
{
	json_put_integer(json, "pid", process->pid);
	json_put_string(json, "command", process->command);
	json_put_real(json, "seconds", interval->seconds);
	json_put_bool(json, "is_whole_life", interval->is_whole_life);
	json_put_real(json, "age", interval->age);
	json_put_unsigned(json, "guards", interval->n_guards);
	json_put_unsigned(json, "regions", interval->now.named.regions);
	json_put_unsigned(json, "bytes_resident", interval->now.named.bytes_resident);
}

static void show_json(
	const struct process *process, struct interval *interval, struct options *options)
{
	struct json json = { .file = stdout };
	interval_sort(interval, options->sort);
	json_begin_object(&json, NULL);
	write_head(&json, process, interval);
	write_counters(&json, interval);
	write_latency(&json, &interval->latency);
	json_begin_array(&json, "listed");
	for (size_t i = 0; i < interval->n_regions; i++)
		write_region(&json, &interval->regions[i]);
	json_end_array(&json);
	json_end_object(&json);
	json_finish(&json);
}

const struct view view_json = { .show = show_json, .wait = view_wait };
