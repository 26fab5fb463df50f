/* SPDX-License-Identifier: MIT */
/* Print one JSON object for programs. Names are stable, sentences are not. Unknown values are null.
 */
#include "blame.h"
#include "changes.h"
#include "findings.h"
#include "print.h"

#include "cli/json.h"

#include <unistd.h>

/* ---- Values ---- */

static void write_text(struct json *json, const char *name, const char *text)
{
	json_put_string(json, name, text && *text ? text : NULL);
}

static void write_number(struct json *json, const char *name, int64_t value)
{
	if (value == UNKNOWN)
		json_put_null(json, name);
	else
		json_put_integer(json, name, value);
}

static void write_bound(struct json *json, const char *name, uint64_t bound)
{
	if (bound == UINT64_MAX)
		json_put_null(json, name);
	else
		json_put_unsigned(json, name, bound);
}

static void write_limit(struct json *json, const char *name, const struct limit *limit)
{
	json_begin_object(json, name);
	write_bound(json, "soft", limit->soft);
	write_bound(json, "hard", limit->hard);
	json_end_object(json);
}

/* ---- Parts ---- */

static void write_head(struct json *json, const struct facts *facts)
{
	char verdict[300];
	verdict_text(facts, verdict, sizeof(verdict));
	json_put_string(json, "version", UFFD_GUARD_VERSION);
	json_put_bool(json, "works", verdict_works(facts));
	write_text(json, "verdict", verdict);
	write_text(json, "system", facts->release);
	write_number(json, "user", facts->user);
	write_text(json, "container", facts->container);
}

static void write_findings(struct json *json, const struct facts *facts)
{
	struct finding findings[N_FINDINGS];
	findings_make(facts, findings);
	json_new_line(json);
	json_begin_object(json, "findings");
	for (unsigned i = 0; i < N_FINDINGS; i++) {
		json_new_line(json);
		json_begin_object(json, findings[i].id);
		json_put_string(json, "state", state_name(findings[i].state));
		json_put_string(json, "meaning", findings[i].meaning);
		json_end_object(json);
	}
	json_end_object(json);
}

static void write_change(struct json *json, const struct change *change)
{
	json_new_line(json);
	json_begin_object(json, NULL);
	json_put_string(json, "id", change->id);
	json_put_bool(json, "needed", change->is_needed);
	write_text(json, "why", change->why);
	json_begin_array(json, "commands");
	for (unsigned i = 0; i < change->n_commands; i++)
		json_put_string(json, NULL, change->commands[i]);
	json_end_array(json);
	json_end_object(json);
}

static void write_changes(struct json *json, const struct facts *facts)
{
	struct change changes[MOST_CHANGES];
	unsigned n = changes_make(facts, changes);
	json_new_line(json);
	json_begin_array(json, "changes");
	for (unsigned i = 0; i < n; i++)
		write_change(json, &changes[i]);
	json_end_array(json);
}

static void write_facts(struct json *json, const struct facts *facts)
{
	json_new_line(json);
	json_begin_object(json, "facts");
	write_number(json, "page_size", sysconf(_SC_PAGESIZE));
	write_number(json, "seccomp", facts->seccomp);
	write_number(json, "no_new_privs", facts->no_new_privs);
	write_number(json, "unprivileged_userfaultfd", facts->unprivileged_userfaultfd);
	write_number(json, "io_uring_disabled", facts->io_uring_disabled);
	write_number(json, "io_uring_group", facts->io_uring_group);
	write_number(json, "max_map_count", facts->max_map_count);
	write_number(json, "overcommit_memory", facts->overcommit_memory);
	write_number(json, "huge_pages", facts->huge_pages);
	write_number(json, "huge_pages_free", facts->huge_pages_free);
	write_text(json, "transparent_huge_pages", facts->thp);
	write_limit(json, "open_files", &facts->open_files);
	write_limit(json, "locked_memory", &facts->locked_memory);
	write_limit(json, "realtime_priority", &facts->realtime_priority);
	json_put_unsigned(json, "userfaultfd_features", facts->uffd_features);
	json_put_unsigned(json, "guard_features", facts->guard_features);
	json_end_object(json);
}

static void write_attempt(struct json *json, const char *name, const struct attempt *attempt)
{
	const bool was_ended = attempt->has_hung || attempt->signal;
	json_new_line(json);
	if (!attempt->was_made) {
		json_put_null(json, name);
		return;
	}
	json_begin_object(json, name);
	json_put_bool(json, "works", !was_ended && !attempt->err);
	write_text(json, "error", !was_ended && attempt->err ? error_name(attempt->err) : NULL);
	write_number(
		json, "signal", attempt->signal && !attempt->has_hung ? attempt->signal : UNKNOWN);
	json_put_bool(json, "hung", attempt->has_hung);
	json_end_object(json);
}

static void write_attempts(struct json *json, const struct facts *facts)
{
	json_new_line(json);
	json_begin_object(json, "attempts");
	for (unsigned i = 0; i < N_ATTEMPTS; i++)
		write_attempt(json, attempt_name((enum attempt_id)i), &facts->attempts[i]);
	json_end_object(json);
}

void print_json(const struct facts *facts)
{
	struct json json = { .file = stdout };
	json_begin_object(&json, NULL);
	write_head(&json, facts);
	write_findings(&json, facts);
	write_changes(&json, facts);
	write_facts(&json, facts);
	write_attempts(&json, facts);
	json_end_object(&json);
	json_finish(&json);
}
