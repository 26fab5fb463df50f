/* SPDX-License-Identifier: MIT */
/* A second processor is free, or forbidden to this process, or busy with another. And whether
 * others have disturbed a row: /proc/stat says what all have used, in hundredths of a second. */
#include "beside.h"

#include "../support/time_ns.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t spinner;

static int allow_one(void)
{
	cpu_set_t allowed, one;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++) {
		if (CPU_ISSET(i, &allowed))
			CPU_SET(i, &one);
	}
	return sched_setaffinity(0, sizeof(one), &one) < 0 ? -errno : 0;
}

/* It may run on the processor that we do not, and ends with us. */
static int start_spinner(void)
{
	spinner = fork();
	if (spinner != 0)
		return spinner < 0 ? -errno : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (volatile unsigned n = 0;;)
		n = n + 1;
}

int beside_begin(enum beside beside)
{
	return beside == BESIDE_ONE ? allow_one() : beside == BESIDE_BUSY ? start_spinner() : 0;
}

void beside_end(void)
{
	if (spinner <= 0)
		return;
	kill(spinner, SIGKILL);
	waitpid(spinner, NULL, 0);
	spinner = 0;
}

static uint64_t read_machine(void)
{
	unsigned long long user = 0, nice = 0, system = 0, idle, wait, irq = 0, soft = 0, steal = 0;
	FILE *file = fopen("/proc/stat", "re");
	if (!file)
		return 0;
	if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
		    &idle, &wait, &irq, &soft, &steal) < 8)
		user = nice = system = irq = soft = steal = 0;
	fclose(file);
	return (user + nice + system + irq + soft + steal) * NS_PER_S /
	       (uint64_t)sysconf(_SC_CLK_TCK);
}

struct others others_note(void)
{
	struct timespec own;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	return (struct others){ .ns = clock_ns(),
		.machine_ns = read_machine(),
		.own_ns = (uint64_t)own.tv_sec * NS_PER_S + (uint64_t)own.tv_nsec };
}

double others_since(const struct others *before, enum beside beside)
{
	const struct others now = others_note();
	const double ns = (double)(now.ns - before->ns);
	const double used = (double)(now.machine_ns - before->machine_ns) -
			    (double)(now.own_ns - before->own_ns);
	return ns > 0 ? used / ns - (beside == BESIDE_BUSY) : 0;
}
