/* SPDX-License-Identifier: MIT */
/*
 * uffd-guard-top as users run it, beside processes that publish something, nothing, or nonsense.
 * Most tests let it watch themselves.
 */
#include "../support/command.h"
#include "../support/fixture.h"
#include "../support/fuse_file.h"
#include "../support/json_text.h"
#include "../support/nobody.h"
#include "base/published.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGUMENTS 6
#define LONELY_USER    64999 /* no other process runs as this user */

static const char *top = "uffd-guard-top"; /* the program; --top */

static void opt_in(void)
{
	assert_ok(setenv("UFFD_GUARD_STATS", "1", true));
}

/* ---- Running it ---- */

static struct command *prepare_top(const char *const arguments[MOST_ARGUMENTS], pid_t pid)
{
	static struct command command;
	static char number[16];
	unsigned n = 1;
	command = (struct command){ .words = { top } };
	for (unsigned i = 0; i < MOST_ARGUMENTS && arguments[i]; i++)
		command.words[n++] = arguments[i];
	snprintf(number, sizeof(number), "%d", (int)pid);
	if (pid)
		command.words[n++] = number;
	return &command;
}

static struct command *run_top(const char *const arguments[MOST_ARGUMENTS], pid_t pid)
{
	struct command *command = prepare_top(arguments, pid);
	command_run(command);
	return command;
}

#define PREPARE(pid, ...) prepare_top((const char *const[MOST_ARGUMENTS]){ __VA_ARGS__ }, pid)
#define RUN(pid, ...)	  run_top((const char *const[MOST_ARGUMENTS]){ __VA_ARGS__ }, pid)

static void assert_exits(const struct command *run, int exit_code)
{
	ck_assert_msg(
		run->exit_code == exit_code, "%d: %s%s", run->exit_code, run->text, run->complaint);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* ---- One that can be watched ---- */

START_TEST(json_says_what_the_guard_does)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 16 }));
	fixture_truncate(&f, 15);
	assert_ok(uffd_guard_populate(f.region, 0, 16 * f.page));
	const struct command *run = RUN(getpid(), "--json", "--once");
	assert_exits(run, 0);
	ck_assert_str_eq(run->complaint, "");
	assert_is_json(run->text);
	assert_json_has(run->text, "/guards", "1");
	assert_json_has(run->text, "/regions", "1");
	assert_json_has(run->text, "/is_whole_life", "true");
	assert_json_has(run->text, "/total/losses", "1");
	assert_json_has(run->text, "/total/pages_copied", "15");
	assert_json_has(run->text, "/listed/0/losses", "1");
	assert_json_has(run->text, "/listed/0/reasons/0", "truncated");
	assert_json_has(run->text, "/listed/0/mode", "lazy");
	char bytes[32];
	snprintf(bytes, sizeof(bytes), "%zu", 15 * f.page);
	assert_json_has(run->text, "/bytes_resident", bytes);
	assert_json_has(run->text, "/listed/0/bytes_resident", bytes);
	fixture_stop(&f);
}
END_TEST

START_TEST(pipe_gets_a_heading_and_a_line_for_each_interval)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 2 }));
	const struct command *run = RUN(getpid(), "--interval", "0.05", "--count", "3");
	assert_exits(run, 0);
	ck_assert_uint_eq(count_lines(run->text), 4);
	ck_assert_ptr_nonnull(strstr(run->text, "faults/s"));
	ck_assert_ptr_null(strchr(run->text, '\x1b'));
	run = RUN(getpid(), "--interval", "0.05", "--count", "3", "--json");
	assert_exits(run, 0);
	ck_assert_uint_eq(count_lines(run->text), 3);
	fixture_stop(&f);
}
END_TEST

START_TEST(once_prints_the_page)
{
	struct fixture f;
	opt_in();
	ck_assert(fixture_start(&f, &(struct fixture_options){ .n_pages = 2 }));
	const struct command *run = RUN(getpid(), "--once");
	assert_exits(run, 0);
	ck_assert_ptr_nonnull(strstr(run->text, "1 guard for 0:00:"));
	ck_assert_ptr_nonnull(strstr(run->text, "memfd:"));
	fixture_stop(&f);
}
END_TEST

START_TEST(all_guards_of_a_process_are_shown)
{
	struct fixture a, b;
	opt_in();
	ck_assert(fixture_start(&a, &(struct fixture_options){ .n_pages = 1 }));
	ck_assert(fixture_start(&b, &(struct fixture_options){ .n_pages = 3 }));
	const struct command *run = RUN(getpid(), "--json", "--once", "--sort", "length");
	assert_json_has(run->text, "/guards", "2");
	assert_json_has(run->text, "/regions", "2");
	assert_json_has(run->text, "/listed/0/guard", "2");
	assert_json_has(run->text, "/listed/1/guard", "1");
	fixture_stop(&a);
	fixture_stop(&b);
}
END_TEST

START_TEST(names_of_clients_give_the_terminal_no_orders)
{
	static const char name[] = "\x1b[2J\x1b]0;x\x07\n\xff\"\\\xc2\x9b";
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	struct uffd_guard_region *region;
	int fd = memfd_create(name, MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	assert_ok(uffd_guard_map(guard, fd, 4096, NULL, &region));

	const struct command *run = RUN(getpid(), "--json", "--once");
	assert_exits(run, 0);
	assert_is_json(run->text);
	assert_json_has(run->text, "/listed/0/file", "memfd:?[2J?]0;x???\"\\?");
	run = RUN(getpid(), "--once");
	ck_assert_ptr_nonnull(strstr(run->text, "memfd:?[2J?]0;x???\"\\?\n"));
	for (const char *c = run->text; *c; c++)
		ck_assert(*c == '\n' || (*c >= ' ' && *c <= '~'));
	uffd_guard_unmap(region);
	uffd_guard_destroy(guard);
}
END_TEST

/* ---- Processes that end, and others ---- */

static bool is_listed(pid_t pid)
{
	const struct command *run = RUN(0, "--list", "--json");
	char path[32], value[32] = "", expected[16];
	snprintf(expected, sizeof(expected), "%d", (int)pid);
	assert_exits(run, 0);
	assert_is_json(run->text);
	bool is_there = true;
	for (unsigned i = 0; is_there && strcmp(value, expected) != 0; i++) {
		snprintf(path, sizeof(path), "/%u/pid", i);
		is_there = json_find(run->text, path, value, sizeof(value));
	}
	return is_there;
}

/* Start a process that publishes until it is killed. */
static pid_t start_other(void)
{
	int ready[2];
	char c;
	assert_ok(pipe2(ready, O_CLOEXEC));
	pid_t pid = fork();
	if (pid == 0) {
		opt_in();
		guard_start(0);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void stop_other(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(process_that_dies_meanwhile_is_told)
{
	char c;
	const pid_t other = start_other();
	struct command *run = PREPARE(other, "--interval", "0.05");
	command_start(run);
	for (unsigned n_lines = 0; n_lines < 2;
		n_lines += c == '\n') /* until it shows the first interval */
		ck_assert_int_eq(read(run->out, &c, 1), 1);
	stop_other(other);
	command_finish(run);
	assert_exits(run, 1);
	ck_assert_ptr_nonnull(strstr(run->complaint, "has ended"));
}
END_TEST

START_TEST(guards_may_go_and_come_while_they_are_watched)
{
	char line[4096];
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	struct command *run = PREPARE(getpid(), "--interval", "0.05", "--json");
	command_start(run);
	FILE *out = fdopen(run->out, "r");
	ck_assert_ptr_nonnull(out);
	static const char *const expected[] = { "\"guards\":1,", "\"guards\":0,", "\"guards\":1," };
	for (unsigned i = 0; i < 3; i++) {
		if (i == 1)
			uffd_guard_destroy(guard);
		if (i == 2)
			guard = guard_start(0);
		do
			ck_assert_ptr_nonnull(fgets(line, sizeof(line), out));
		while (!strstr(line, expected[i]));
	}
	kill(run->child, SIGTERM);
	ck_assert_int_eq(waitpid(run->child, NULL, 0), run->child);
	fclose(out);
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(process_without_the_variable_is_told_what_to_do)
{
	struct uffd_guard *guard = guard_start(0);
	const struct command *run = RUN(getpid(), "--once");
	assert_exits(run, 3);
	ck_assert_str_eq(run->text, "");
	ck_assert_ptr_nonnull(strstr(run->complaint, "UFFD_GUARD_STATS=1"));
	ck_assert(!is_listed(getpid()));
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(process_that_is_not_there_is_told)
{
	pid_t pid = start_other();
	stop_other(pid);
	const struct command *run = RUN(pid, "--once");
	assert_exits(run, 3);
	ck_assert_ptr_nonnull(strstr(run->complaint, "there is no process"));
}
END_TEST

START_TEST(child_of_a_fork_is_not_taken_for_its_parent)
{
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	ck_assert(is_listed(getpid()));
	ck_assert(!is_listed(child));
	assert_exits(RUN(child, "--once"), 3);
	stop_other(child);
	uffd_guard_destroy(guard);
}
END_TEST

START_TEST(of_several_processes_one_is_to_be_chosen)
{
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	pid_t other = start_other();
	const struct command *run = RUN(0, "--once");
	assert_exits(run, 2);
	ck_assert_str_eq(run->text, "");
	ck_assert_ptr_nonnull(strstr(run->complaint, "which?"));
	stop_other(other);
	uffd_guard_destroy(guard);
}
END_TEST

/* ---- Nonsense under the right name ---- */

static int make_page(const struct published *page, size_t size, int seals)
{
	int fd = memfd_create(PUBLISHED_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, page, size, 0), (ssize_t)size);
	assert_ok(fcntl(fd, F_ADD_SEALS, seals));
	return fd;
}

START_TEST(memfds_of_others_are_not_believed)
{
	static struct published page;
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	page = (struct published){ .magic = PUBLISHED_MAGIC,
		.version = PUBLISHED_VERSION,
		.pid = (uint32_t)getpid(),
		.guard = 1 };
	int fd = make_page(&page, 100, seals); /* too short */
	assert_exits(RUN(getpid(), "--once"), 3);
	close(fd);
	fd = make_page(&page, sizeof(page), 0); /* may be cut off */
	assert_exits(RUN(getpid(), "--once"), 3);
	close(fd);
	page.version++;
	fd = make_page(&page, sizeof(page), seals);
	const struct command *run = RUN(getpid(), "--once");
	assert_exits(run, 3);
	ck_assert_ptr_nonnull(strstr(run->complaint, "version"));
	close(fd);
	page.version--;
	page.magic++;
	fd = make_page(&page, sizeof(page), seals);
	assert_exits(RUN(getpid(), "--once"), 3);
	close(fd);
	page.magic--;
	fd = make_page(&page, sizeof(page), seals); /* indistinguishable from a real page */
	assert_exits(RUN(getpid(), "--once"), 0);
	close(fd);
}
END_TEST

/* Start a process that publishes, and has this file open too. The test's own descriptor is closed:
 * a command that is started would wait for the file too, when exec(3) closes it. */
static pid_t start_other_with(struct fuse_file *file)
{
	const pid_t other = start_other();
	fuse_file_close(file);
	return other;
}

/* With a mount of its own, any user can have a file of this name that never answers. */
START_TEST(file_that_is_named_like_a_page_and_does_not_answer_stops_nobody)
{
	struct fuse_file *file =
		fuse_file_start_as("memfd:" PUBLISHED_NAME " (deleted)", 16, false);
	if (!file)
		return;
	const pid_t other = start_other_with(file);
	fuse_file_behave(file, FUSE_STALLS);
	ck_assert(is_listed(other));
	assert_exits(RUN(other, "--once"), 0);
	ck_assert_uint_eq(fuse_file_count_held(file), 0);
	fuse_file_behave(file, FUSE_ANSWERS);
	stop_other(other);
	fuse_file_stop(file);
}
END_TEST

START_TEST(nonsense_is_shown_without_harm)
{
	static struct published page;
	memset(&page, 0xff, sizeof(page));
	page.magic = PUBLISHED_MAGIC;
	page.version = PUBLISHED_VERSION;
	page.pid = (uint32_t)getpid();
	int fd = make_page(&page, sizeof(page), F_SEAL_SHRINK | F_SEAL_GROW);
	const struct command *run = RUN(getpid(), "--once", "--json");
	assert_exits(run, 0);
	assert_is_json(run->text);
	assert_json_has(run->text, "/listed/1023/mode", "unknown");
	assert_exits(RUN(getpid(), "--once"), 0);
	assert_exits(RUN(getpid(), "--count", "2", "--interval", "0.05"), 0);
	close(fd);
}
END_TEST

/* ---- A user who has one process to watch, or none. Root only. ---- */

START_TEST(without_a_process_to_watch_it_is_said_how_to_start_one)
{
	assert_ok(become_user(LONELY_USER));
	if (!runner_can_run(top))
		return;
	const struct command *run = RUN(0, "--once");
	assert_exits(run, 3);
	ck_assert_ptr_nonnull(strstr(run->complaint, "UFFD_GUARD_STATS=1"));
	run = RUN(0, "--list", "--json");
	assert_exits(run, 0);
	ck_assert_str_eq(run->text, "[]\n");
	run = RUN(1, "--once");
	assert_exits(run, 3);
	ck_assert_ptr_nonnull(strstr(run->complaint, "not yours"));
}
END_TEST

START_TEST(only_process_is_found)
{
	assert_ok(become_user(LONELY_USER));
	if (!runner_can_run(top))
		return;
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	const struct command *run = RUN(0, "--once", "--json");
	assert_exits(run, 0);
	assert_json_has(run->text, "/pid", pid);
	uffd_guard_destroy(guard);
}
END_TEST

/* ---- The command line ---- */

START_TEST(wrong_usage_is_told)
{
	static const char *const rows[][MOST_ARGUMENTS] = {
		{ "--nonsense" },
		{ "--interval" },
		{ "--interval", "0" },
		{ "--interval", "nan" },
		{ "--interval", "1s" },
		{ "--count", "0" },
		{ "--count", "-1" },
		{ "--sort", "colour" },
		{ "weston" },
		{ "0" },
		{ "1", "2" },
		{ "--list", "1" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct command *run = run_top(rows[i], 0);
		assert_exits(run, 2);
		ck_assert_str_eq(run->text, "");
		ck_assert_ptr_nonnull(strstr(run->complaint, "--help"));
	}
}
END_TEST

START_TEST(output_that_cannot_be_written_is_an_error)
{
	opt_in();
	struct uffd_guard *guard = guard_start(0);
	struct command *run = PREPARE(getpid(), "--json", "--once");
	run->output = "/dev/full";
	command_run(run);
	assert_exits(run, 3);
	ck_assert_ptr_nonnull(strstr(run->complaint, "No space left on device"));
	uffd_guard_destroy(guard);
}
END_TEST

static TCase *top_case(void)
{
	TCase *tcase = tcase_create("top");
	if (!runner_can_run(top))
		exit(77); /* SKIP_RETURN_CODE in CMake */
	tcase_add_test(tcase, json_says_what_the_guard_does);
	tcase_add_test(tcase, pipe_gets_a_heading_and_a_line_for_each_interval);
	tcase_add_test(tcase, once_prints_the_page);
	tcase_add_test(tcase, all_guards_of_a_process_are_shown);
	tcase_add_test(tcase, names_of_clients_give_the_terminal_no_orders);
	tcase_add_test(tcase, process_that_dies_meanwhile_is_told);
	tcase_add_test(tcase, guards_may_go_and_come_while_they_are_watched);
	tcase_add_test(tcase, process_without_the_variable_is_told_what_to_do);
	tcase_add_test(tcase, process_that_is_not_there_is_told);
	tcase_add_test(tcase, child_of_a_fork_is_not_taken_for_its_parent);
	tcase_add_test(tcase, of_several_processes_one_is_to_be_chosen);
	tcase_add_test(tcase, memfds_of_others_are_not_believed);
	tcase_add_test(tcase, file_that_is_named_like_a_page_and_does_not_answer_stops_nobody);
	tcase_add_test(tcase, nonsense_is_shown_without_harm);
	if (runner_is_root()) {
		tcase_add_test(tcase, without_a_process_to_watch_it_is_said_how_to_start_one);
		tcase_add_test(tcase, only_process_is_found);
	}
	tcase_add_test(tcase, wrong_usage_is_told);
	tcase_add_test(tcase, output_that_cannot_be_written_is_an_error);
	return tcase;
}

int main(int argc, char **argv)
{
	runner_case_fn *const cases[] = { top_case };
	if (argc > 2 && strcmp(argv[argc - 2], "--top") == 0) {
		top = argv[argc - 1];
		argc -= 2;
	}
	return runner_main(argc, argv, "top", cases, 1);
}
