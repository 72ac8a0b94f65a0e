// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_plant.c - the child that closes what holds probes, on kernels that have close_range(2) and
 * on such that have not.
 */
#include "user/tracer/plant.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/util.h"

enum { HANGS_S = 20, N_TIMES = 50 };

/* For this process and its children, for good. */
static int forbid_close_range(int with)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)with),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = { ARRAY_SIZE(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/* What was held has gone, and errno is what it was.  Returns what is wrong, 0: nothing. */
static int close_some(void)
{
	char byte;

	for (int i = 0; i < N_TIMES; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC))
			return 2;
		errno = EDOM;
		close_for_good(fds[1]);
		if (errno != EDOM)
			return 3;
		if (read(fds[0], &byte, 1))	/* nobody can write there any more */
			return 4;
		close(fds[0]);
	}
	return 0;
}

static void check(int with)
{
	const char *preload = getenv("LD_PRELOAD");
	int status;
	pid_t pid;

	if (preload && strstr(preload, "valgrind")) {
		print_message("skipped: valgrind has no such clone(2)\n");
		skip();
	}
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		alarm(HANGS_S);
		_exit(with && forbid_close_range(with) ? 77 : close_some());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void test_close_range(void **state)
{
	check(0);
}

/* Linux 5.8; a container whose filter is older than the call. */
static void test_without(void **state)
{
	check(ENOSYS);
	check(EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_range), cmocka_unit_test(test_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
