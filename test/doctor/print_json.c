/* SPDX-License-Identifier: MIT */
/* What a program reads: one JSON object. Names stay; sentences may change. What is not known is
 * null. */
#include "blame.h"
#include "changes.h"
#include "findings.h"
#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* ---- Values ---- */

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c >= 0x7f) /* names of users need not be UTF-8 */
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_text_or_null(const char *name, const char *text)
{
	printf("\"%s\":", name);
	if (text && *text)
		print_string(text);
	else
		fputs("null", stdout);
	putchar(',');
}

static void print_number(const char *name, int64_t value)
{
	if (value == UNKNOWN)
		printf("\"%s\":null,", name);
	else
		printf("\"%s\":%" PRId64 ",", name, value);
}

static void print_bool(const char *name, bool value)
{
	printf("\"%s\":%s,", name, value ? "true" : "false");
}

static void print_bound(uint64_t bound)
{
	if (bound == UINT64_MAX)
		fputs("null", stdout);
	else
		printf("%" PRIu64, bound);
}

static void print_limit(const char *name, const struct limit *limit)
{
	printf("\"%s\":{\"soft\":", name);
	print_bound(limit->soft);
	fputs(",\"hard\":", stdout);
	print_bound(limit->hard);
	fputs("},", stdout);
}

/* ---- Parts ---- */

static void print_head(const struct facts *facts)
{
	char verdict[300];
	verdict_text(facts, verdict, sizeof(verdict));
	print_text_or_null("version", UFFD_GUARD_VERSION);
	print_bool("works", verdict_works(facts));
	print_text_or_null("verdict", verdict);
	print_text_or_null("system", facts->release);
	print_number("user", facts->user);
	print_text_or_null("container", facts->container);
}

static void print_findings(const struct facts *facts)
{
	struct finding findings[N_FINDINGS];
	findings_make(facts, findings);
	fputs("\n\"findings\":{", stdout);
	for (unsigned i = 0; i < N_FINDINGS; i++) {
		printf("%s\n\"%s\":{\"state\":\"%s\",\"meaning\":", i ? "," : "", findings[i].id,
			state_name(findings[i].state));
		print_string(findings[i].meaning);
		putchar('}');
	}
	fputs("},", stdout);
}

static void print_change(const struct change *change)
{
	printf("\n{\"id\":\"%s\",", change->id);
	print_bool("needed", change->is_needed);
	print_text_or_null("why", change->why);
	fputs("\"commands\":[", stdout);
	for (unsigned i = 0; i < change->n_commands; i++) {
		fputs(i ? "," : "", stdout);
		print_string(change->commands[i]);
	}
	fputs("]}", stdout);
}

static void print_changes(const struct facts *facts)
{
	struct change changes[MOST_CHANGES];
	unsigned n = changes_make(facts, changes);
	fputs("\n\"changes\":[", stdout);
	for (unsigned i = 0; i < n; i++) {
		fputs(i ? "," : "", stdout);
		print_change(&changes[i]);
	}
	fputs("],", stdout);
}

static void print_facts(const struct facts *facts)
{
	fputs("\n\"facts\":{", stdout);
	print_number("page_size", sysconf(_SC_PAGESIZE));
	print_number("seccomp", facts->seccomp);
	print_number("no_new_privs", facts->no_new_privs);
	print_number("unprivileged_userfaultfd", facts->unprivileged_userfaultfd);
	print_number("io_uring_disabled", facts->io_uring_disabled);
	print_number("io_uring_group", facts->io_uring_group);
	print_number("max_map_count", facts->max_map_count);
	print_number("overcommit_memory", facts->overcommit_memory);
	print_number("huge_pages", facts->huge_pages);
	print_number("huge_pages_free", facts->huge_pages_free);
	print_text_or_null("transparent_huge_pages", facts->thp);
	print_limit("open_files", &facts->open_files);
	print_limit("locked_memory", &facts->locked_memory);
	print_limit("realtime_priority", &facts->realtime_priority);
	printf("\"userfaultfd_features\":%" PRIu64 ",\"guard_features\":%" PRIu32 "},",
		facts->uffd_features, facts->guard_features);
}

static void print_attempt(const struct attempt *attempt)
{
	if (!attempt->was_made) {
		fputs("null", stdout);
		return;
	}
	bool was_ended = attempt->has_hung || attempt->signal;
	putchar('{');
	print_bool("works", !was_ended && !attempt->err);
	print_text_or_null("error", !was_ended && attempt->err ? error_name(attempt->err) : NULL);
	print_number("signal", attempt->signal && !attempt->has_hung ? attempt->signal : UNKNOWN);
	printf("\"hung\":%s}", attempt->has_hung ? "true" : "false");
}

static void print_attempts(const struct facts *facts)
{
	fputs("\n\"attempts\":{", stdout);
	for (unsigned i = 0; i < N_ATTEMPTS; i++) {
		printf("%s\n\"%s\":", i ? "," : "", attempt_name((enum attempt_id)i));
		print_attempt(&facts->attempts[i]);
	}
	putchar('}');
}

void print_json(const struct facts *facts)
{
	putchar('{');
	print_head(facts);
	print_findings(facts);
	print_changes(facts);
	print_facts(facts);
	print_attempts(facts);
	puts("}");
}
