// SPDX-License-Identifier: BSD-2-Clause
/*
 * launch.c - the only use of ptrace: a child of our own, between its exec and its first
 * instruction. At that moment its image is mapped, so that the load bias is known and probes can be
 * planted.
 */
#include "user/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/base/util.h"

enum { EXIT_NOT_RUN = 127, EXIT_SIGNAL = 128 };

/*
 * As execvp() finds it, but what the kernel does not know how to run is not given to /bin/sh: a
 * binary cut short would become a shell that stumbles over it.
 */
static void run(char *const argv[])
{
	const char *path = getenv("PATH"), *end;
	int denied = 0;

	if (strchr(argv[0], '/') || !path) {
		execv(argv[0], argv);
		return;
	}
	for (errno = ENOENT; path; path = *end ? end + 1 : NULL) {
		char *file;

		end = strchrnul(path, ':');
		file = xasprintf("%.*s%s%s", (int)(end - path), path, end > path ? "/" : "./",
				 argv[0]);
		execv(file, argv);
		free(file);
		if (errno == EACCES)
			denied = errno;
		else if (errno != ENOENT && errno != ENOTDIR)
			return;
	}
	if (denied)
		errno = denied;
}

static void __attribute__((noreturn)) child(char *const argv[])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL)) {
		say_error("%s: cannot be held before its first instruction (ptrace: %s); start it "
			  "yourself and trace it with -p", argv[0], strerror(errno));
		_exit(EXIT_NOT_RUN);
	}
	run(argv);
	say_error("%s: cannot be started: %s", argv[0], strerror(errno));
	_exit(EXIT_NOT_RUN);
}

/* A signal that arrives before the exec is passed on. */
static int wait_for_exec(pid_t pid)
{
	int status;

	for (;;) {
		if (waitpid(pid, &status, 0) < 0) {
			if (errno == EINTR)
				continue;
			return 0;
		}
		if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGTRAP)
			return status;
		ptrace(PTRACE_CONT, pid, NULL, (void *)(long)WSTOPSIG(status));
	}
}

int launch(pid_t *pid, char *const argv[])
{
	pid_t p;
	int status;

	/* Who started us may not want to hear of its children; the kernel forgets their exit codes
	 * then. */
	signal(SIGCHLD, SIG_DFL);
	p = fork();
	if (p < 0) {
		say_error("fork: %s", strerror(errno));
		return -errno;
	}
	if (!p)
		child(argv);
	status = wait_for_exec(p);
	if (WIFSTOPPED(status)) {
		*pid = p;
		return 0;
	}
	if (WIFSIGNALED(status))
		say_error("%s: ended by %s before its first instruction; is the file whole?",
			  argv[0], strsignal(WTERMSIG(status)));
	return -ENOEXEC;	/* the child has said why */
}

int launch_continue(pid_t pid)
{
	if (!ptrace(PTRACE_DETACH, pid, NULL, NULL))
		return 0;
	say_error("process %d: cannot be let go: %s", (int)pid, strerror(errno));
	return -errno;
}

int launch_status(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

void launch_abort(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
