/* SPDX-License-Identifier: MIT */
/*
 * The doctor as users run it. What it says of this machine is compared with what the library does,
 * also with things denied. --unprivileged makes it give up root by itself.
 */
#include "../../support/command.h"
#include "../../support/fixture.h"
#include "../../support/json_text.h"
#include "../../support/nobody.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEW_REQUEST	  0xAA00 /* of /dev/userfaultfd */
#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static bool is_unprivileged; /* --user nobody, and we are root */

/* ---- Running it ---- */

static const char *denied; /* what test/support/without denies to the doctor; NULL: nothing */

/* @command->words are the arguments. */
static void run_doctor(struct command *command)
{
	const char *words[COMMAND_WORDS] = { NULL };
	unsigned n = 0;
	if (denied) {
		words[n++] = WITHOUT;
		words[n++] = denied;
	}
	words[n++] = DOCTOR;
	if (is_unprivileged)
		words[n++] = "--unprivileged";
	for (unsigned i = 0; command->words[i]; i++)
		words[n++] = command->words[i];
	memcpy(command->words, words, sizeof(words));
	command_run(command);
}

/* ---- What it says ---- */

static void assert_mentions(const struct command *run, const char *path, const char *part)
{
	char value[1024];
	ck_assert_msg(json_find(run->text, path, value, sizeof(value)), "no %s", path);
	ck_assert_msg(strstr(value, part), "%s is %s", path, value);
}

static void assert_is_sane(const struct command *run)
{
	ck_assert_str_eq(run->complaint, "");
	assert_is_json(run->text);
	ck_assert_msg(run->exit_code == 0 || run->exit_code == 1, "%d", run->exit_code);
	assert_json_has(run->text, "/works", run->exit_code == 0 ? "true" : "false");
}

static void drop_privileges(void)
{
	if (!is_unprivileged)
		return;
	assert_ok(become_user(NOBODY));
}

/* The features of a guard in a process of the tested user, or 0. */
static uint32_t features_of_library(void)
{
	struct uffd_guard *guard;
	int status;
	pid_t child = fork();
	if (child == 0) {
		drop_privileges();
		_exit(uffd_guard_create(NULL, &guard) ? 0 : (int)uffd_guard_features(guard));
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return (uint32_t)WEXITSTATUS(status);
}

START_TEST(exit_code_says_whether_the_library_works)
{
	struct command run = { .words = { "--json" } };
	run_doctor(&run);
	assert_is_sane(&run);
	ck_assert_int_eq(run.exit_code, features_of_library() & UFFD_GUARD_FEATURE_LAZY ? 0 : 1);
}
END_TEST

START_TEST(findings_are_those_of_the_library)
{
	static const struct {
		uint32_t feature;
		const char *attempt;
	} rows[] = {
		{ UFFD_GUARD_FEATURE_LAZY, "/attempts/guard/works" },
		{ UFFD_GUARD_FEATURE_KERNEL_FAULTS, "/attempts/guard_kernel_faults/works" },
		{ UFFD_GUARD_FEATURE_KERNEL_FAULTS, "/attempts/syscall_reads/works" },
		{ UFFD_GUARD_FEATURE_MOVE, "/attempts/move/works" },
		{ UFFD_GUARD_FEATURE_IO_URING, "/attempts/ring/works" },
	};
	struct command run = { .words = { "--json" } };
	uint32_t features = features_of_library();
	run_doctor(&run);
	assert_is_sane(&run);
	for (size_t i = 0; i < N_ELEMENTS(rows) && features; i++)
		assert_json_has(
			run.text, rows[i].attempt, features & rows[i].feature ? "true" : "false");
}
END_TEST

START_TEST(every_finding_has_a_state_and_a_meaning)
{
	static const char *const ids[] = { "kernel", "device", "syscall", "fill", "kernel_faults",
		"move", "io_uring", "io_uring_read", "sandbox", "stores", "scanners", "statx",
		"huge_pages", "hugetlb", "overcommit", "open_files", "mappings", "locked_memory",
		"realtime", "eager", "end_to_end" };
	struct command run = { .words = { "--json" } };
	run_doctor(&run);
	assert_is_sane(&run);
	for (size_t i = 0; i < N_ELEMENTS(ids); i++) {
		char path[64], value[1024];
		snprintf(path, sizeof(path), "/findings/%s/state", ids[i]);
		ck_assert(json_find(run.text, path, value, sizeof(value)));
		ck_assert_msg(strstr("ok limited missing unknown", value), "%s: %s", path, value);
		snprintf(path, sizeof(path), "/findings/%s/meaning", ids[i]);
		ck_assert(json_find(run.text, path, value, sizeof(value)));
	}
}
END_TEST

START_TEST(last_line_is_the_verdict)
{
	struct command run = { .words = { NULL } };
	run_doctor(&run);
	ck_assert_str_eq(run.complaint, "");
	size_t length = strlen(run.text);
	ck_assert_uint_gt(length, 2);
	ck_assert_int_eq(run.text[length - 1], '\n');
	run.text[length - 1] = '\0';
	const char *last = strrchr(run.text, '\n') + 1;
	const char *begin =
		run.exit_code == 0 ? "uffd_guard works here" : "uffd_guard does not work here: ";
	ck_assert_msg(strncmp(last, begin, strlen(begin)) == 0, "%d: %s", run.exit_code, last);
}
END_TEST

/* ---- Things denied ---- */

START_TEST(denied_userfaultfd_is_blamed_on_the_filter)
{
	struct command run = { .words = { "--json" } };
	denied = "userfaultfd";
	run_doctor(&run);
	assert_is_sane(&run);
	ck_assert_int_eq(run.exit_code, 1);
	assert_json_has(run.text, "/attempts/syscall_user_mode/error", "EPERM");
	assert_json_has(run.text, "/findings/syscall/state", "missing");
	assert_mentions(&run, "/findings/syscall/meaning", "seccomp filter");
	assert_mentions(&run, "/verdict", "seccomp filter");
	assert_json_has(run.text, "/changes/0/id", "seccomp_filter");
	assert_json_has(run.text, "/changes/0/needed", "true");
}
END_TEST

START_TEST(denied_io_uring_is_no_obstacle)
{
	struct command run = { .words = { "--json" } };
	denied = "io_uring";
	run_doctor(&run);
	assert_is_sane(&run);
	ck_assert_int_eq(run.exit_code, features_of_library() & UFFD_GUARD_FEATURE_LAZY ? 0 : 1);
	assert_json_has(run.text, "/attempts/ring/error", "EPERM");
	assert_json_has(run.text, "/findings/io_uring/state", "missing");
	assert_mentions(&run, "/findings/io_uring/meaning", "seccomp filter");
}
END_TEST

START_TEST(denied_filters_are_told)
{
	struct command run = { .words = { "--json" } };
	denied = "seccomp";
	run_doctor(&run);
	assert_is_sane(&run);
	assert_json_has(run.text, "/attempts/filter/error", "EPERM");
	assert_json_has(run.text, "/findings/sandbox/state", "missing");
}
END_TEST

START_TEST(denied_moves_are_told)
{
	struct command run = { .words = { "--json" } };
	if (!(features_of_library() & UFFD_GUARD_FEATURE_MOVE))
		return;
	denied = "move";
	run_doctor(&run);
	assert_is_sane(&run);
	assert_json_has(run.text, "/attempts/move/error", "EPERM");
	assert_json_has(run.text, "/findings/move/state", "missing");
	assert_json_has(run.text, "/works", "true");
}
END_TEST

static void filter(uint32_t action, int nr)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter || seccomp_rule_add(filter, action, nr, 0) || seccomp_load(filter))
		_exit(126);
	seccomp_release(filter);
}

static void lie_about_userfaultfd(void)
{
	filter(SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(userfaultfd));
}

static bool has_sysctl(void)
{
	return access("/proc/sys/vm/unprivileged_userfaultfd", F_OK) == 0;
}

START_TEST(filter_that_says_enosys_is_not_taken_for_the_kernel)
{
	struct command run = { .words = { "--json" }, .prepare = lie_about_userfaultfd };
	run_doctor(&run);
	assert_is_sane(&run);
	assert_json_has(run.text, "/attempts/syscall/error", "ENOSYS");
	assert_mentions(&run, "/findings/syscall/meaning",
		has_sysctl() ? "by a seccomp filter" : "by the kernel");
}
END_TEST

static void kill_who_asks(void)
{
	const struct rlimit no_limit = { RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_CORE, &no_limit);
	filter(SCMP_ACT_KILL_PROCESS, SCMP_SYS(userfaultfd));
}

START_TEST(filter_that_kills_does_not_kill_the_doctor)
{
	char number[12];
	struct command run = { .words = { "--json" }, .prepare = kill_who_asks };
	run_doctor(&run);
	assert_is_sane(&run);
	snprintf(number, sizeof(number), "%d", SIGSYS);
	assert_json_has(run.text, "/attempts/syscall/signal", number);
	assert_mentions(&run, "/findings/syscall/meaning", "kills who asks");
}
END_TEST

static void deny_pipes(void)
{
	filter(SCMP_ACT_ERRNO(EMFILE), SCMP_SYS(pipe2));
}

START_TEST(who_cannot_find_out_says_so)
{
	struct command run = { .words = { "--json" }, .prepare = deny_pipes };
	run_doctor(&run);
	ck_assert_int_eq(run.exit_code, 3);
	ck_assert_str_eq(run.text, "");
	ck_assert_ptr_nonnull(strstr(run.complaint, "uffd-guard-doctor: cannot start a process"));
}
END_TEST

/* ---- As a program ---- */

START_TEST(wrong_usage_is_explained)
{
	static const char *const wrong[] = { "--jso n", "--json=x", "extra", "-x" };
	for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
		struct command run = { .words = { wrong[i] } };
		run_doctor(&run);
		ck_assert_int_eq(run.exit_code, 2);
		ck_assert_str_eq(run.text, "");
		ck_assert_ptr_nonnull(strstr(run.complaint, "--help"));
	}
}
END_TEST

START_TEST(help_and_version_are_answered)
{
	struct command help = { .words = { "--help" } }, version = { .words = { "--version" } };
	run_doctor(&help);
	ck_assert_int_eq(help.exit_code, 0);
	ck_assert_ptr_nonnull(strstr(help.text, "--unprivileged"));
	run_doctor(&version);
	ck_assert_int_eq(version.exit_code, 0);
	ck_assert_int_eq(strncmp(version.text, "uffd-guard-doctor ", 18), 0);
}
END_TEST

START_TEST(full_disk_is_an_error)
{
	struct command run = { .words = { NULL }, .output = "/dev/full" };
	run_doctor(&run);
	ck_assert_int_eq(run.exit_code, 3);
	ck_assert_ptr_nonnull(strstr(run.complaint, "cannot write"));
}
END_TEST

/* ---- No trace ---- */

static unsigned count_entries(const char *path)
{
	DIR *directory = opendir(path);
	ck_assert_ptr_nonnull(directory);
	unsigned n = 0;
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

START_TEST(no_file_and_no_process_is_left_behind)
{
	char directory[] = "/tmp/uffd-guard-doctor-XXXXXX";
	struct command run = { .words = { "--json" }, .prepare = kill_who_asks };
	ck_assert_ptr_nonnull(mkdtemp(directory));
	assert_ok(chmod(directory, 0777));
	assert_ok(chdir(directory));
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* processes that it leaves become our children */
	run_doctor(&run);
	assert_is_sane(&run);
	ck_assert_uint_eq(count_entries("."), 2);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	assert_ok(chdir("/"));
	assert_ok(rmdir(directory));
}
END_TEST

/* ---- Colours ---- */

static int terminal; /* the end that a terminal emulator has */

static void take_terminal(void)
{
	int fd = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	dup2(fd, STDOUT_FILENO);
	setenv("TERM", "xterm", 1);
}

static void take_terminal_without_colours(void)
{
	take_terminal();
	setenv("NO_COLOR", "1", 1);
}

/* As a terminal emulator does. */
static void *read_terminal(void *text)
{
	size_t length = 0;
	for (ssize_t n; (n = read(terminal, (char *)text + length, 32767 - length)) > 0;)
		length += (size_t)n;
	return NULL;
}

static bool prints_colours(void (*prepare)(void))
{
	static char text[32768];
	struct command run = { .prepare = prepare };
	pthread_t reader;
	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(terminal, 0);
	assert_ok(grantpt(terminal));
	assert_ok(unlockpt(terminal));
	int keep = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
	memset(text, 0, sizeof(text));
	assert_ok(pthread_create(&reader, NULL, read_terminal, text));
	run_doctor(&run);
	close(keep); /* the last one: the reader gets EIO */
	assert_ok(pthread_join(reader, NULL));
	close(terminal);
	ck_assert_ptr_nonnull(strstr(text, "userfaultfd"));
	return strchr(text, '\033') != NULL;
}

START_TEST(colours_are_for_terminals_that_want_them)
{
	struct command run = { .words = { NULL } };
	run_doctor(&run);
	ck_assert_ptr_null(strchr(run.text, '\033'));
	ck_assert(prints_colours(take_terminal));
	ck_assert(!prints_colours(take_terminal_without_colours));
}
END_TEST

static TCase *words_case(void)
{
	TCase *tcase = tcase_create("what it says");
	tcase_add_test(tcase, exit_code_says_whether_the_library_works);
	tcase_add_test(tcase, findings_are_those_of_the_library);
	tcase_add_test(tcase, every_finding_has_a_state_and_a_meaning);
	tcase_add_test(tcase, last_line_is_the_verdict);
	return tcase;
}

static TCase *denied_case(void)
{
	TCase *tcase = tcase_create("denied");
	tcase_add_test(tcase, denied_userfaultfd_is_blamed_on_the_filter);
	tcase_add_test(tcase, denied_io_uring_is_no_obstacle);
	tcase_add_test(tcase, denied_filters_are_told);
	tcase_add_test(tcase, denied_moves_are_told);
	tcase_add_test(tcase, filter_that_says_enosys_is_not_taken_for_the_kernel);
	tcase_add_test(tcase, filter_that_kills_does_not_kill_the_doctor);
	tcase_add_test(tcase, who_cannot_find_out_says_so);
	return tcase;
}

static TCase *program_case(void)
{
	TCase *tcase = tcase_create("program");
	tcase_add_test(tcase, wrong_usage_is_explained);
	tcase_add_test(tcase, help_and_version_are_answered);
	tcase_add_test(tcase, full_disk_is_an_error);
	tcase_add_test(tcase, no_file_and_no_process_is_left_behind);
	tcase_add_test(tcase, colours_are_for_terminals_that_want_them);
	return tcase;
}

/* Stays root, so that the program can be reached wherever it was built. */
int main(int argc, char **argv)
{
	runner_case_fn *const cases[] = { words_case, denied_case, program_case };
	bool wants_nobody = argc == 3 && strcmp(argv[2], "nobody") == 0;
	is_unprivileged = wants_nobody && runner_is_root();
	return runner_main(is_unprivileged ? 1 : argc, argv, "doctor", cases, N_ELEMENTS(cases));
}
