/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "self.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void execute(const struct command *command, int out, int error)
{
	dup2(command->output ? open(command->output, O_WRONLY) : out, STDOUT_FILENO);
	dup2(error, STDERR_FILENO);
	if (command->prepare)
		command->prepare();
	execvp(command->words[0], (char *const *)command->words);
	_exit(127);
}

void command_start(struct command *command)
{
	int out[2], error[2];
	assert_ok(pipe2(out, O_CLOEXEC));
	assert_ok(pipe2(error, O_CLOEXEC));
	command->child = fork();
	ck_assert_int_ge(command->child, 0);
	if (command->child == 0)
		execute(command, out[1], error[1]);
	close(out[1]);
	close(error[1]);
	command->out = out[0];
	command->error = error[0];
}

static void read_all(int fd, char *text, size_t size)
{
	size_t length = 0;
	for (ssize_t n; length < size - 1 && (n = read(fd, text + length, size - 1 - length)) > 0;)
		length += (size_t)n;
	text[length] = '\0';
	close(fd);
}

void command_finish(struct command *command)
{
	int status;
	read_all(command->out, command->text, sizeof(command->text));
	read_all(command->error, command->complaint, sizeof(command->complaint));
	ck_assert_int_eq(waitpid(command->child, &status, 0), command->child);
	command->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void command_run(struct command *command)
{
	command_start(command);
	command_finish(command);
}
