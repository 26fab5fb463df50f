/* SPDX-License-Identifier: MIT */
/* Runs a program as the leader of a session on a terminal, hangs up when it has said "ready", and
 * ends with its status: for run.sh. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void lead_session(int terminal, char **argv)
{
	const int fd = open(ptsname(terminal), O_RDWR);
	close(terminal);
	setsid();
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(125);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	close(fd);
	execv(argv[0], argv);
	_exit(126);
}

static void wait_until_ready(int terminal)
{
	char line[256] = "";
	size_t length = 0;
	while (length < sizeof(line) - 1 && !strstr(line, "ready")) {
		ssize_t n = read(terminal, line + length, sizeof(line) - 1 - length);
		if (n <= 0)
			return;
		length += (size_t)n;
	}
}

int main(int argc, char **argv)
{
	const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int status;
	if (argc < 2 || terminal < 0 || grantpt(terminal) < 0 || unlockpt(terminal) < 0) {
		perror("terminal");
		return 77;
	}
	const pid_t leader = fork();
	if (leader == 0)
		lead_session(terminal, argv + 1);
	wait_until_ready(terminal);
	close(terminal);
	if (leader < 0 || waitpid(leader, &status, 0) < 0)
		return 1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
