/* SPDX-License-Identifier: MIT */
/* Print for people: a line for each finding, the changes, and the verdict as the last line. Colours
 * are used only on a terminal. */
#include "cli/terminal.h"

#include "changes.h"
#include "findings.h"
#include "print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_WIDTH  100
#define INDENT	    8
#define MEANING	    30 /* where a finding's meaning begins */
#define LEAST_WORDS 20 /* columns for them; a terminal that is narrower breaks lines itself */

/* ---- Colours ---- */

static bool has_colours(void)
{
	const char *no_color = getenv("NO_COLOR");
	return !(no_color && *no_color) && terminal_can_redraw(STDOUT_FILENO);
}

static const char *colour_of(enum state state)
{
	static const char *const colours[] = { "32", "33", "31", "35" };
	return colours[state];
}

static void print_in_colour(const char *colour, const char *text, int width)
{
	if (has_colours())
		printf("\033[%sm%-*s\033[0m", colour, width, text);
	else
		printf("%-*s", width, text);
}

/* ---- Lines ---- */

static size_t width(void)
{
	const unsigned columns = terminal_columns(STDOUT_FILENO);
	return columns && columns < MOST_WIDTH ? columns : MOST_WIDTH;
}

/* As many words as fit into a line, and all following lines indented by @indent, like this one. */
static void print_wrapped(const char *text, size_t indent)
{
	const size_t end = width() > indent + LEAST_WORDS ? width() : indent + LEAST_WORDS;
	size_t column = indent;
	for (; *text; text += strspn(text, " ")) {
		size_t length = strcspn(text, " ");
		bool is_first = column == indent;
		if (!is_first && column + 1 + length > end) {
			printf("\n%*s", (int)indent, "");
			column = indent;
			is_first = true;
		}
		printf("%s%.*s", is_first ? "" : " ", (int)length, text);
		column += length + !is_first;
		text += length;
	}
	putchar('\n');
}

/* ---- Findings ---- */

static void print_head(const struct facts *facts)
{
	printf("uffd-guard-doctor %s on Linux %s, for user %u", UFFD_GUARD_VERSION, facts->release,
		(unsigned)facts->user);
	if (facts->user_name[0])
		printf(" (%s)", facts->user_name);
	if (facts->container[0])
		printf(", in a container (%s)", facts->container);
	puts("\n");
}

static void print_findings(const struct facts *facts)
{
	struct finding findings[N_FINDINGS];
	findings_make(facts, findings);
	for (unsigned i = 0; i < N_FINDINGS; i++) {
		printf("%-21s", findings[i].title);
		print_in_colour(colour_of(findings[i].state), state_name(findings[i].state), 9);
		print_wrapped(findings[i].meaning, MEANING);
	}
}

/* ---- Changes ---- */

static void print_change(const struct change *change, const char *label)
{
	putchar('\n');
	print_in_colour("1", label, INDENT);
	print_wrapped(change->why, INDENT);
	for (unsigned i = 0; i < change->n_commands; i++)
		printf("%*s%s\n", INDENT + 4, "", change->commands[i]);
}

static void print_changes(const struct facts *facts)
{
	struct change changes[MOST_CHANGES];
	unsigned n = changes_make(facts, changes);
	if (n)
		puts("\nWhat to change, as root (USER, SERVICE: the server's)");
	/* Only the first needed change is marked "needed"; the others are alternatives, marked
	 * "or". */
	for (unsigned i = 0; i < n; i++)
		print_change(&changes[i], !changes[i].is_needed ? "better" : i ? "or" : "needed");
}

void print_text(const struct facts *facts)
{
	char verdict[300];
	verdict_text(facts, verdict, sizeof(verdict));
	print_head(facts);
	print_findings(facts);
	print_changes(facts);
	putchar('\n');
	print_in_colour(colour_of(verdict_works(facts) ? STATE_OK : STATE_MISSING), verdict, 0);
	puts(".");
}
