/* SPDX-License-Identifier: MIT */
/* Signals are blocked and waited for, without a handler, so that nothing that is measured gets
 * EINTR. */
#include "interrupt.h"

#include <signal.h>
#include <stdbool.h>
#include <time.h>

#define NS_PER_S 1000000000u

static sigset_t expected;
static int came;

static bool is_ignored(int number)
{
	struct sigaction action;
	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void interrupt_expect(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	sigemptyset(&expected);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!is_ignored(numbers[i]))
			sigaddset(&expected, numbers[i]);
	}
	sigprocmask(SIG_BLOCK, &expected, NULL);
}

int interrupt_wait(uint64_t ns)
{
	const struct timespec pause = { .tv_sec = (time_t)(ns / NS_PER_S),
		.tv_nsec = (long)(ns % NS_PER_S) };
	if (came)
		return came;
	const int number = sigtimedwait(&expected, NULL, &pause);
	if (number > 0) {
		came = number;
		sigprocmask(SIG_UNBLOCK, &expected, NULL);
	}
	return came;
}

int interrupt_came(void)
{
	return interrupt_wait(0);
}

int interrupt_exit_code(int signal_number)
{
	return 128 + signal_number;
}
