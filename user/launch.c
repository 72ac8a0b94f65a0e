// SPDX-License-Identifier: BSD-2-Clause
/*
 * launch.c - the only use of ptrace: a child of our own, between its exec and its first
 * instruction. At that moment its image is mapped, so that the load bias is known and probes can be
 * planted.
 */
#include "user/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/util.h"

enum { EXIT_NOT_RUN = 127 };

static void __attribute__((noreturn)) child(char *const argv[])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		execvp(argv[0], argv);
	say_error("%s: cannot be started: %s", argv[0], strerror(errno));
	_exit(EXIT_NOT_RUN);
}

int launch(pid_t *pid, char *const argv[])
{
	pid_t p = fork();
	int status;

	if (p < 0) {
		say_error("fork: %s", strerror(errno));
		return -errno;
	}
	if (!p)
		child(argv);
	while (waitpid(p, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
		*pid = p;
		return 0;
	}
	if (!WIFEXITED(status) && !WIFSIGNALED(status))
		launch_abort(p);
	return -ENOENT;		/* the child has said why */
}

int launch_continue(pid_t pid)
{
	return ptrace(PTRACE_DETACH, pid, NULL, NULL) ? -errno : 0;
}

void launch_abort(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
