/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct inject {
	atomic_int notify_fd;
	inject_fn *fn;
	void *data;
	struct seccomp_notif *call;
	struct seccomp_notif_resp *answer;
};

static void *supervise(void *data)
{
	struct inject *inject = data;
	struct seccomp_notif *call = inject->call;
	struct seccomp_notif_resp *answer = inject->answer;

	/* Wait for the descriptor in memory, since the thread that loads the filter cannot make
	 * calls then. From then on a thread that holds a lock may be waiting for this one: neither
	 * assert nor allocate here. */
	while (atomic_load(&inject->notify_fd) < 0)
		sched_yield();
	int fd = atomic_load(&inject->notify_fd);

	for (unsigned n = 0;;) {
		*call = (struct seccomp_notif){
			.id = 0
		}; /* the kernel refuses a struct that is not zero */
		if (seccomp_notify_receive(fd, call) < 0)
			continue;
		struct injected_call seen = {
			.nr = call->data.nr, .thread = (pid_t)call->pid, .n_before = n++
		};
		for (int i = 0; i < 6; i++)
			seen.args[i] = call->data.args[i];
		int result = inject->fn(&seen, inject->data);
		*answer = (struct seccomp_notif_resp){
			.id = call->id,
			.error = result == INJECT_CONTINUE ? 0 : result,
			.flags = result == INJECT_CONTINUE ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
		};
		seccomp_notify_respond(fd, answer);
	}
	return NULL;
}

/* Start the supervisor before the filter, so that it is not under it. */
static struct inject *start_supervisor(inject_fn *fn, void *data)
{
	struct inject *inject = malloc(sizeof(*inject));
	*inject = (struct inject){ .notify_fd = -1, .fn = fn, .data = data };
	assert_ok(seccomp_notify_alloc(&inject->call, &inject->answer));

	pthread_t supervisor;
	assert_ok(pthread_create(&supervisor, NULL, supervise, inject));
	pthread_detach(supervisor);
	return inject;
}

void inject_syscall(int nr, unsigned arg, uint32_t value, inject_fn *fn, void *data)
{
	struct inject *inject = start_supervisor(fn, data);
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	ck_assert_ptr_nonnull(filter);
	assert_ok(seccomp_rule_add(filter, SCMP_ACT_NOTIFY, nr, 1,
		SCMP_CMP(arg, SCMP_CMP_MASKED_EQ, UINT32_MAX, value)));
	assert_ok(seccomp_load(filter));
	atomic_store(&inject->notify_fd, fcntl(seccomp_notify_fd(filter), F_DUPFD_CLOEXEC, 0));
	seccomp_release(filter);
}

void inject_ioctl(unsigned long request, inject_fn *fn, void *data)
{
	inject_syscall(SYS_ioctl, 1, (uint32_t)request, fn, data);
}

/* The leak sanitizer stops all threads at the end, the supervisor too, and then makes system calls.
 * Answer 1 to switch it off. */
static bool is_any_syscall_injected;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return is_any_syscall_injected;
}

#define IF_CALL_IS(nr, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), (skip), 0)

/* Written by hand, since libseccomp asks for no listener if notification is the default action. */
void inject_any_syscall(inject_fn *fn, void *data)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		IF_CALL_IS(SYS_futex, 5),
		IF_CALL_IS(SYS_exit, 4),
		IF_CALL_IS(SYS_exit_group, 3),
		IF_CALL_IS(SYS_rt_sigreturn, 2),
		IF_CALL_IS(SYS_sched_yield, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	struct inject *inject = start_supervisor(fn, data);
	is_any_syscall_injected = true;

	assert_ok(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	int fd = (int)syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	atomic_store(&inject->notify_fd, fd); /* before another call, which would wait for it */
	ck_assert_int_ge(fd, 0);
}

uint32_t inject_look_at(uint64_t address)
{
	uint32_t value = 0;
	const struct iovec to = { &value, sizeof(value) };
	const struct iovec from = { (void *)(uintptr_t)address, sizeof(value) };
	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) < 0 ? 0 : value;
}

int inject_while_on(const struct injected_call *call, void *data)
{
	(void)call;
	return atomic_load((atomic_bool *)data) ? -EINVAL : INJECT_CONTINUE;
}

int inject_hold_first(const struct injected_call *call, void *data)
{
	struct hold *hold = data;
	if (call->n_before == 0) {
		sem_post(&hold->is_held);
		sem_wait(&hold->may_go);
	}
	return INJECT_CONTINUE;
}

void hold_init(struct hold *hold)
{
	sem_init(&hold->is_held, 0, 0);
	sem_init(&hold->may_go, 0, 0);
}

void inject_hold_ioctl(unsigned long request, struct hold *hold)
{
	hold_init(hold);
	inject_ioctl(request, inject_hold_first, hold);
}
