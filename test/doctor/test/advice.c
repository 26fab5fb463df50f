/* SPDX-License-Identifier: MIT */
/* What the doctor concludes from the facts of invented machines, one row each. */
#include "../blame.h"
#include "../changes.h"
#include "../findings.h"

#include "../../unit/unit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <uffd_guard.h>

/* ---- Machines ---- */

static void set(struct facts *facts, enum attempt_id id, int err)
{
	facts->attempts[id] = (struct attempt){ .was_made = true, .err = err };
}

/* Linux 6.18, root: everything works. */
static struct facts machine_of_root(void)
{
	struct facts facts = {
		.release = "6.18.1",
		.kernel = 6018,
		.user_name = "root",
		.capabilities = UINT64_MAX,
		.has_device_driver = true,
		.has_device_node = true,
		.device_mode = 0600,
		.device_owner = "root",
		.device_group = "root",
		.device_minor = 126,
		.io_uring_group = -1,
		.max_map_count = 65530,
		.thp = "madvise",
		.open_files = { 65536, 65536 },
		.locked_memory = { 8 << 20, 8 << 20 },
		.guard_features = UFFD_GUARD_FEATURE_LAZY | UFFD_GUARD_FEATURE_IO_URING,
		.step = STEP_END,
	};
	for (unsigned i = 0; i < N_ATTEMPTS; i++)
		set(&facts, (enum attempt_id)i, 0);
	facts.attempts[ATTEMPT_EAGER] = (struct attempt){ .was_made = false };
	return facts;
}

/* The same for a user without rights. */
static struct facts machine_of_user(void)
{
	struct facts facts = machine_of_root();
	facts.user = 1000;
	strcpy(facts.user_name, "ada");
	facts.capabilities = 0;
	set(&facts, ATTEMPT_DEVICE_OPEN, -EACCES);
	set(&facts, ATTEMPT_DEVICE, -EACCES);
	set(&facts, ATTEMPT_SYSCALL, -EPERM);
	set(&facts, ATTEMPT_GUARD_KERNEL_FAULTS, -EPERM);
	set(&facts, ATTEMPT_SYSCALL_READS, -EFAULT);
	return facts;
}

/* Everything that needs a userfaultfd fails, as @err says. */
static struct facts machine_without(int err)
{
	static const enum attempt_id ids[] = { ATTEMPT_SYSCALL, ATTEMPT_SYSCALL_USER, ATTEMPT_FILL,
		ATTEMPT_MOVE, ATTEMPT_RING_READ, ATTEMPT_GUARD, ATTEMPT_GUARD_KERNEL_FAULTS,
		ATTEMPT_LAZY, ATTEMPT_SYSCALL_READS };
	struct facts facts = machine_of_user();
	for (size_t i = 0; i < n_elements(ids); i++)
		set(&facts, ids[i], err);
	set(&facts, ATTEMPT_EAGER, -EOPNOTSUPP);
	facts.step = STEP_CREATE;
	facts.guard_features = 0;
	return facts;
}

/* ---- Who denies ---- */

static const struct blame_row {
	unsigned kernel;
	int64_t sysctl, seccomp;
	bool has_device;
	int any, user; /* what userfaultfd(2) answers: for all faults, for user-mode ones */
	int signal;
	enum blame blame;
} blame_rows[] = {
	{ 6018, 0, 0, true, -EPERM, 0, 0, BLAME_NOBODY },
	{ 6018, 0, 2, true, -EPERM, -EPERM, 0, BLAME_SECCOMP },
	{ 6018, 0, 2, true, -ENOSYS, -ENOSYS, 0, BLAME_SECCOMP },
	{ 6018, UNKNOWN, 2, true, -ENOSYS, -ENOSYS, 0, BLAME_SECCOMP },
	{ 6018, 0, 2, true, 0, 0, SIGSYS, BLAME_SECCOMP },
	{ 6018, 0, 0, true, -EPERM, -EPERM, 0, BLAME_SECURITY_MODULE },
	{ 6018, 0, 2, true, -EACCES, -EACCES, 0, BLAME_SECURITY_MODULE },
	{ 6018, UNKNOWN, 0, false, -ENOSYS, -ENOSYS, 0, BLAME_KERNEL },
	{ 6018, UNKNOWN, 2, false, -ENOSYS, -ENOSYS, 0, BLAME_KERNEL },
	{ 5001, UNKNOWN, 2, false, -ENOSYS, -ENOSYS, 0, BLAME_UNKNOWN },
	{ 4002, UNKNOWN, 0, false, -ENOSYS, -ENOSYS, 0, BLAME_KERNEL },
	{ 5010, 0, 0, false, -EPERM, -EINVAL, 0, BLAME_SYSCTL },
	{ 5010, 1, 0, false, 0, -EINVAL, 0, BLAME_NOBODY },
	{ 5010, 1, 2, false, -EPERM, -EINVAL, 0, BLAME_SECCOMP },
	{ 6018, 0, 0, true, -EMFILE, -EMFILE, 0, BLAME_LIMIT },
};

START_TEST(denial_of_userfaultfd_is_blamed_on_who_denies)
{
	const struct blame_row *row = &blame_rows[_i];
	struct facts facts = machine_without(row->user);
	facts.kernel = row->kernel;
	facts.unprivileged_userfaultfd = row->sysctl;
	facts.seccomp = row->seccomp;
	facts.has_device_driver = facts.has_device_node = row->has_device;
	set(&facts, ATTEMPT_SYSCALL, row->any);
	facts.attempts[ATTEMPT_SYSCALL].signal = row->signal;
	facts.attempts[ATTEMPT_SYSCALL_USER].signal = row->signal;
	ck_assert_int_eq(blame_for_userfaultfd(&facts), row->blame);
}
END_TEST

static const struct ring_row {
	unsigned kernel;
	int64_t sysctl, seccomp;
	bool is_in_group;
	int err;
	enum blame blame;
} ring_rows[] = {
	{ 6018, 0, 0, false, 0, BLAME_NOBODY },
	{ 6018, 1, 0, false, -EPERM, BLAME_SYSCTL },
	{ 6018, 1, 2, true, -EPERM, BLAME_SECCOMP },
	{ 6018, 2, 0, true, -EPERM, BLAME_SYSCTL },
	{ 6018, 0, 2, false, -EPERM, BLAME_SECCOMP },
	{ 6018, 0, 2, false, -ENOSYS, BLAME_SECCOMP },
	{ 6018, UNKNOWN, 2, false, -ENOSYS, BLAME_KERNEL },
	{ 6001, UNKNOWN, 0, false, -ENOSYS, BLAME_KERNEL },
	{ 6001, UNKNOWN, 2, false, -ENOSYS, BLAME_UNKNOWN },
	{ 5004, UNKNOWN, 0, false, -ENOMEM, BLAME_LIMIT },
};

START_TEST(denial_of_io_uring_is_blamed_on_who_denies)
{
	const struct ring_row *row = &ring_rows[_i];
	struct facts facts = machine_of_user();
	facts.kernel = row->kernel;
	facts.io_uring_disabled = row->sysctl;
	facts.seccomp = row->seccomp;
	facts.is_in_uring_group = row->is_in_group;
	set(&facts, ATTEMPT_RING, row->err);
	ck_assert_int_eq(blame_for_io_uring(&facts), row->blame);
}
END_TEST

static const struct device_row {
	int open, use;
	bool has_driver;
	enum blame blame;
} device_rows[] = {
	{ 0, 0, true, BLAME_NOBODY },
	{ -EACCES, -EACCES, true, BLAME_FILE_MODE },
	{ -ENOENT, -ENOENT, true, BLAME_NO_NODE },
	{ -ENOENT, -ENOENT, false, BLAME_KERNEL },
	{ -ENXIO, -ENXIO, false, BLAME_KERNEL },
	{ -EPERM, -EPERM, true, BLAME_CGROUP },
	{ 0, -EPERM, true, BLAME_SECCOMP },
	{ 0, -EACCES, true, BLAME_SECURITY_MODULE },
};

START_TEST(denial_of_the_device_is_blamed_on_who_denies)
{
	const struct device_row *row = &device_rows[_i];
	struct facts facts = machine_of_user();
	facts.seccomp = 2;
	facts.has_device_driver = row->has_driver;
	set(&facts, ATTEMPT_DEVICE_OPEN, row->open);
	set(&facts, ATTEMPT_DEVICE, row->use);
	ck_assert_int_eq(blame_for_device(&facts), row->blame);
}
END_TEST

/* ---- What it means ---- */

static const struct finding *finding_of(struct finding findings[N_FINDINGS], const char *id)
{
	for (unsigned i = 0; i < N_FINDINGS; i++) {
		if (strcmp(findings[i].id, id) == 0)
			return &findings[i];
	}
	ck_abort_msg("no finding is called %s", id);
	return NULL;
}

START_TEST(nothing_is_wrong_where_everything_works)
{
	struct facts facts = machine_of_root();
	struct finding findings[N_FINDINGS];
	facts.guard_features |= UFFD_GUARD_FEATURE_SANDBOX;
	findings_make(&facts, findings);
	for (unsigned i = 0; i < N_FINDINGS; i++)
		ck_assert_msg(findings[i].state == STATE_OK, "%s: %s", findings[i].id,
			findings[i].meaning);
	struct change changes[MOST_CHANGES];
	ck_assert_uint_eq(changes_make(&facts, changes), 0);
}
END_TEST

/* Each attempt, ending in each way: a machine for both kinds of users. */
static void for_each_failure(void (*look)(const struct facts *facts))
{
	static const int errors[] = { -EPERM, -EACCES, -ENOSYS, -EINVAL, -EFAULT, -EAGAIN, -ENOMEM,
		-EOPNOTSUPP, -EBADMSG, -EHWPOISON };
	for (unsigned i = 0; i < N_ATTEMPTS * n_elements(errors); i++) {
		struct facts facts = i % 2 ? machine_of_root() : machine_of_user();
		struct attempt *attempt = &facts.attempts[i % N_ATTEMPTS];
		facts.seccomp = i % 3;
		facts.step = (enum step)(i % N_STEPS);
		set(&facts, (enum attempt_id)(i % N_ATTEMPTS), errors[i / N_ATTEMPTS]);
		look(&facts);
		attempt->signal = i % 5 ? SIGSYS : SIGBUS;
		look(&facts);
		attempt->has_hung = true;
		look(&facts);
	}
}

static void assert_meanings_fit(const struct facts *facts)
{
	struct finding findings[N_FINDINGS];
	findings_make(facts, findings);
	for (unsigned i = 0; i < N_FINDINGS; i++) {
		ck_assert_msg(strlen(findings[i].meaning) < FINDING_WIDTH, "cut: %s",
			findings[i].meaning);
		ck_assert_msg(*findings[i].meaning, "%s has no meaning", findings[i].id);
	}
}

START_TEST(every_meaning_fits_into_its_line)
{
	for_each_failure(assert_meanings_fit);
	struct facts facts = machine_without(-EPERM);
	assert_meanings_fit(&facts);
	memset(facts.device_owner, 'o', sizeof(facts.device_owner) - 1);
	memset(facts.device_group, 'g', sizeof(facts.device_group) - 1);
	facts.max_map_count = INT32_MAX;
	facts.open_files = (struct limit){ 1024, UINT64_MAX };
	facts.kernel = 5004;
	facts.locked_memory = (struct limit){ 65535, 65535 };
	facts.overcommit_memory = 2;
	facts.is_thp_disabled = true;
	set(&facts, ATTEMPT_HUGETLB, 0);
	assert_meanings_fit(&facts);
}
END_TEST

START_TEST(user_without_rights_is_told_to_populate)
{
	struct facts facts = machine_of_user();
	struct finding findings[N_FINDINGS];
	char verdict[300];
	findings_make(&facts, findings);
	ck_assert_int_eq(finding_of(findings, "syscall")->state, STATE_LIMITED);
	ck_assert_int_eq(finding_of(findings, "kernel_faults")->state, STATE_LIMITED);
	ck_assert(verdict_works(&facts));
	ck_assert_ptr_nonnull(strstr(verdict_text(&facts, verdict, sizeof(verdict)), "populate"));
}
END_TEST

/* Whether one answers in /dev/shm, whether files there are read past it, and what is said. */
START_TEST(scanner_is_told_by_whether_it_stops_somebody)
{
	static const struct {
		bool has_hung;
		int past, read;
		enum state state;
		const char *part;
	} rows[] = {
		{ false, 0, 0, STATE_OK, "none holds up" },
		{ false, -EPERM, 0, STATE_OK, "none holds up" },
		{ true, 0, 0, STATE_MISSING, "UFFD_GUARD_PAST_SCANNERS=1" },
		{ true, -ENOSYS, 0, STATE_MISSING, "holds up calls in /dev/shm (ENOSYS)" },
		{ false, -EACCES, -EACCES, STATE_UNKNOWN, "no file" },
	};
	for (size_t i = 0; i < n_elements(rows); i++) {
		struct facts facts = machine_of_user();
		struct finding findings[N_FINDINGS];
		set(&facts, ATTEMPT_VIEW, rows[i].past);
		set(&facts, ATTEMPT_SHM_READ, rows[i].read);
		facts.attempts[ATTEMPT_SHM_READ].has_hung = rows[i].has_hung;
		findings_make(&facts, findings);
		const struct finding *finding = finding_of(findings, "scanners");
		ck_assert_int_eq(finding->state, rows[i].state);
		ck_assert_msg(strstr(finding->meaning, rows[i].part), "%s", finding->meaning);
	}
}
END_TEST

START_TEST(verdict_names_who_denies_and_what_works_instead)
{
	struct facts facts = machine_without(-EPERM);
	char verdict[300];
	facts.seccomp = 2;
	ck_assert(!verdict_works(&facts));
	verdict_text(&facts, verdict, sizeof(verdict));
	ck_assert_ptr_nonnull(strstr(verdict, "does not work here"));
	ck_assert_ptr_nonnull(strstr(verdict, "seccomp filter"));
	ck_assert_ptr_null(strstr(verdict, "EAGER"));

	set(&facts, ATTEMPT_EAGER, 0);
	verdict_text(&facts, verdict, sizeof(verdict));
	ck_assert_ptr_nonnull(strstr(verdict, "EAGER"));
	ck_assert(!verdict_works(&facts));
}
END_TEST

START_TEST(verdict_names_the_step_that_failed)
{
	struct facts facts = machine_of_root();
	char verdict[300];
	facts.step = STEP_READ_LOST;
	facts.attempts[ATTEMPT_LAZY].signal = SIGBUS;
	verdict_text(&facts, verdict, sizeof(verdict));
	ck_assert_ptr_nonnull(strstr(verdict, "past the end"));
	ck_assert_ptr_nonnull(strstr(verdict, "SIGBUS"));
}
END_TEST

/* ---- What to change ---- */

/* NULL if there is none of that name. */
static const struct change *change_of(const struct facts *facts, const char *id)
{
	static struct change changes[MOST_CHANGES];
	unsigned n = changes_make(facts, changes);
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(changes[i].id, id) == 0)
			return &changes[i];
	}
	return NULL;
}

static bool commands(const struct change *change, const char *part)
{
	for (unsigned i = 0; change && i < change->n_commands; i++) {
		if (strstr(change->commands[i], part))
			return true;
	}
	return false;
}

static void assert_commands_fit(const struct facts *facts)
{
	struct change changes[MOST_CHANGES];
	unsigned n = changes_make(facts, changes);
	for (unsigned i = 0; i < n; i++) {
		const struct change *change = &changes[i];
		ck_assert_uint_le(change->n_commands, MOST_COMMANDS);
		ck_assert_msg(
			strlen(change->why) < sizeof(change->why) - 1, "cut: %s", change->why);
		for (unsigned j = 0; j < change->n_commands; j++)
			ck_assert_msg(strlen(change->commands[j]) < sizeof(change->commands[j]) - 1,
				"cut: %s", change->commands[j]);
	}
}

START_TEST(every_command_is_whole)
{
	static const char *const containers[] = { "", "docker", "podman", "flatpak", "kubernetes",
		"lxc" };
	for_each_failure(assert_commands_fit);
	for (size_t i = 0; i < n_elements(containers); i++) {
		struct facts facts = machine_without(-EPERM);
		facts.seccomp = 2;
		strcpy(facts.container, containers[i]);
		set(&facts, ATTEMPT_RING, -EPERM);
		assert_commands_fit(&facts);
		facts.kernel = 5015;
		assert_commands_fit(&facts);
		facts.overcommit_memory = 2;
		facts.open_files = (struct limit){ 10, 20 };
		facts.max_map_count = 10;
		assert_commands_fit(&facts);
	}
}
END_TEST

START_TEST(device_is_opened_to_the_users_group)
{
	struct facts facts = machine_of_user();
	const struct change *change = change_of(&facts, "device");
	ck_assert(commands(change, "70-userfaultfd.rules"));
	ck_assert(commands(change, "usermod --append --groups uffd ada"));
	ck_assert(!change->is_needed);

	facts = machine_without(-EPERM);
	facts.seccomp = 2;
	change = change_of(&facts, "device");
	ck_assert_ptr_nonnull(change);
	ck_assert(change->is_needed);
}
END_TEST

START_TEST(rule_of_the_command_is_that_of_the_example)
{
	struct facts facts = machine_of_user();
	const struct change *change = change_of(&facts, "device");
	char line[300];
	bool is_there = false;
	FILE *rules = fopen(RULES, "re");
	if (!rules) { /* as in a guest, to which programs alone are copied */
		unit_skip("the sources are not here");
		return;
	}
	while (fgets(line, sizeof(line), rules)) {
		line[strcspn(line, "\n")] = '\0';
		is_there |= *line && *line != '#' && commands(change, line);
	}
	fclose(rules);
	ck_assert(is_there);
}
END_TEST

START_TEST(name_that_a_shell_would_not_take_is_not_given_to_one)
{
	static const char *const names[] = { "", "a b", "x;reboot", "$(reboot)", "-r", "nobody" };
	for (size_t i = 0; i < n_elements(names); i++) {
		struct facts facts = machine_of_user();
		strcpy(facts.user_name, names[i]);
		ck_assert(commands(change_of(&facts, "device"), "--groups uffd USER"));
	}
}
END_TEST

START_TEST(container_is_given_the_device_where_there_is_one)
{
	struct facts facts = machine_without(-EPERM);
	facts.seccomp = 2;
	strcpy(facts.container, "docker");
	facts.has_device_node = false;
	set(&facts, ATTEMPT_DEVICE_OPEN, -ENOENT);
	ck_assert(commands(change_of(&facts, "seccomp_filter"), "--device /dev/userfaultfd"));
	ck_assert_ptr_null(change_of(&facts, "device"));

	facts.kernel = 5015;
	facts.has_device_driver = false;
	ck_assert(commands(change_of(&facts, "seccomp_filter"), "--security-opt seccomp="));
}
END_TEST

START_TEST(container_that_has_the_device_is_given_its_group)
{
	struct facts facts = machine_without(-EPERM);
	facts.seccomp = 2;
	strcpy(facts.container, "docker");
	ck_assert_ptr_null(change_of(&facts, "seccomp_filter"));
	const struct change *change = change_of(&facts, "device");
	ck_assert(commands(change, "--group-add"));
	ck_assert(change->is_needed);
}
END_TEST

START_TEST(too_few_descriptors_are_what_is_needed)
{
	struct facts facts = machine_of_user();
	facts.open_files = (struct limit){ 12, 12 };
	set(&facts, ATTEMPT_LAZY, -EMFILE);
	const struct change *change = change_of(&facts, "open_files");
	ck_assert_ptr_nonnull(change);
	ck_assert(change->is_needed);
	change = change_of(&facts, "device");
	ck_assert_ptr_nonnull(change);
	ck_assert(!change->is_needed);
}
END_TEST

START_TEST(sysctl_is_for_kernels_without_the_device)
{
	struct facts facts = machine_of_user();
	ck_assert_ptr_null(change_of(&facts, "sysctl"));

	facts.kernel = 5015;
	facts.has_device_driver = facts.has_device_node = false;
	set(&facts, ATTEMPT_DEVICE_OPEN, -ENOENT);
	const struct change *change = change_of(&facts, "sysctl");
	ck_assert(commands(change, "vm.unprivileged_userfaultfd=1"));
	ck_assert(!change->is_needed);
}
END_TEST

START_TEST(ring_is_opened_to_a_group)
{
	struct facts facts = machine_of_user();
	facts.io_uring_disabled = 2;
	set(&facts, ATTEMPT_RING, -EPERM);
	const struct change *change = change_of(&facts, "io_uring");
	ck_assert(commands(change, "kernel.io_uring_disabled=1\\nkernel.io_uring_group=%s"));
	ck_assert(commands(change, "--groups io_uring ada"));
	ck_assert(!change->is_needed);
}
END_TEST

static TCase *blame_case(void)
{
	TCase *tcase = tcase_create("blame");
	tcase_add_loop_test(
		tcase, denial_of_userfaultfd_is_blamed_on_who_denies, 0, n_elements(blame_rows));
	tcase_add_loop_test(
		tcase, denial_of_io_uring_is_blamed_on_who_denies, 0, n_elements(ring_rows));
	tcase_add_loop_test(
		tcase, denial_of_the_device_is_blamed_on_who_denies, 0, n_elements(device_rows));
	return tcase;
}

static TCase *findings_case(void)
{
	TCase *tcase = tcase_create("findings");
	tcase_add_test(tcase, nothing_is_wrong_where_everything_works);
	tcase_add_test(tcase, every_meaning_fits_into_its_line);
	tcase_add_test(tcase, user_without_rights_is_told_to_populate);
	tcase_add_test(tcase, scanner_is_told_by_whether_it_stops_somebody);
	tcase_add_test(tcase, verdict_names_who_denies_and_what_works_instead);
	tcase_add_test(tcase, verdict_names_the_step_that_failed);
	return tcase;
}

static TCase *changes_case(void)
{
	TCase *tcase = tcase_create("changes");
	tcase_add_test(tcase, every_command_is_whole);
	tcase_add_test(tcase, device_is_opened_to_the_users_group);
	tcase_add_test(tcase, rule_of_the_command_is_that_of_the_example);
	tcase_add_test(tcase, name_that_a_shell_would_not_take_is_not_given_to_one);
	tcase_add_test(tcase, container_is_given_the_device_where_there_is_one);
	tcase_add_test(tcase, container_that_has_the_device_is_given_its_group);
	tcase_add_test(tcase, too_few_descriptors_are_what_is_needed);
	tcase_add_test(tcase, sysctl_is_for_kernels_without_the_device);
	tcase_add_test(tcase, ring_is_opened_to_a_group);
	return tcase;
}

UNIT_MAIN("doctor", blame_case, findings_case, changes_case)
