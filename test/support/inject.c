/* SPDX-License-Identifier: MIT */
#include "inject.h"

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>

struct inject {
	atomic_int notify_fd;
	inject_fn *fn;
	void *data;
};

static void *supervise(void *data)
{
	struct inject *inject = data;
	struct seccomp_notif *call;
	struct seccomp_notif_resp *answer;
	assert_ok(seccomp_notify_alloc(&call, &answer));

	/* Wait in memory: the descriptor comes from the thread that loads the filter. */
	while (atomic_load(&inject->notify_fd) < 0)
		sched_yield();
	int fd = atomic_load(&inject->notify_fd);

	for (unsigned n = 0;; n++) {
		*call = (struct seccomp_notif){ .id = 0 }; /* or the kernel refuses it */
		if (seccomp_notify_receive(fd, call) < 0)
			continue;
		struct injected_call seen = { .thread = (pid_t)call->pid, .n_before = n };
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

void inject_syscall(int nr, unsigned arg, uint32_t value, inject_fn *fn, void *data)
{
	struct inject *inject = malloc(sizeof(*inject));
	*inject = (struct inject){ .notify_fd = -1, .fn = fn, .data = data };

	pthread_t supervisor;
	assert_ok(pthread_create(&supervisor, NULL, supervise, inject));
	pthread_detach(supervisor);

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
