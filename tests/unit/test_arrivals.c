// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_arrivals.c - arrivals.h: which processes are given out, and when; the one that there is is
 * this test, all that would open it is made up here.
 */
#include "user/arrivals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/go/gofile.h"
#include "user/host.h"
#include "user/process.h"
#include "user/program.h"
#include "user/target.h"

#define S 1000000000ull

static bool there;		/* the process */
static pid_t process;
static int opened;		/* programs that are */
static char a_target, a_program, a_process;

int host_pids(pid_t **pids, size_t *n)
{
	*pids = xcalloc(1, sizeof(**pids));
	(*pids)[0] = process;
	*n = there;
	return 0;
}

bool gofile_likely(int fd)
{
	return true;
}

int target_open(struct target **out, pid_t pid)
{
	assert_int_equal(pid, process);
	*out = (struct target *)&a_target;
	return 0;
}

void target_close(struct target *t)
{
}

const char *target_comm(const struct target *t)
{
	return "server";
}

const char *target_exe_path(const struct target *t)
{
	return "/proc/self/exe";
}

const char *target_exe_name(const struct target *t)
{
	return "/srv/server";
}

int program_open(struct program **out, const char *path, const char *name)
{
	opened++;
	*out = (struct program *)&a_program;
	return 0;
}

void program_close(struct program *p)
{
	opened -= p != NULL;
}

int process_of(struct process **out, struct target *t, struct program *program)
{
	*out = (struct process *)&a_process;
	return 0;
}

static void count(void *ctx, pid_t pid, struct process *p, const char *comm, const char *why)
{
	assert_int_equal(pid, process);
	assert_ptr_equal(p, &a_process);
	assert_string_equal(comm, "server");
	assert_null(why);
	++*(int *)ctx;
}

static int given_at(struct arrivals *a, uint64_t now_ns)
{
	int n = 0;

	assert_int_equal(arrivals_look(a, now_ns, 9, count, &n), 0);
	return n;
}

/* What was there before is watched at once. */
static void test_first(void **state)
{
	struct arrivals *a;

	arrivals_new(&a);
	there = true;
	assert_int_equal(given_at(a, 1 * S), 1);
	assert_int_equal(given_at(a, 3 * S), 0);
	arrivals_gone(a, process);
	assert_int_equal(given_at(a, 5 * S), 0);	/* another one of that number */
	assert_int_equal(given_at(a, 15 * S), 1);
	there = false;
	arrivals_gone(a, process);
	assert_int_equal(given_at(a, 17 * S), 0);
	assert_int_equal(opened, 0);
	arrivals_free(a);
}

/* What comes later is once it has stayed for ten seconds, however often it was seen; what does not
 * is not opened. */
static void test_brief(void **state)
{
	struct arrivals *a;

	arrivals_new(&a);
	there = false;
	assert_int_equal(given_at(a, 1 * S), 0);
	for (int again = 0; again < 2; again++) {
		uint64_t from = 3 * S + 20 * S * (uint64_t)again;

		there = true;
		for (uint64_t t = 0; t < 10 * S; t += 2 * S)
			assert_int_equal(given_at(a, from + t), 0);
		assert_int_equal(opened, 0);
		there = false;
		assert_int_equal(given_at(a, from + 10 * S), 0);
	}
	there = true;
	assert_int_equal(given_at(a, 60 * S), 0);
	assert_int_equal(given_at(a, 70 * S), 1);
	assert_int_equal(given_at(a, 80 * S), 0);
	arrivals_gone(a, process);
	arrivals_free(a);
	assert_int_equal(opened, 0);
}

/* A shell that becomes another shell with each line that it is sent, of the same file. */
static pid_t start_shell(int *in)
{
	int to[2];
	pid_t pid;

	assert_int_equal(pipe(to), 0);
	pid = fork();
	if (!pid) {
		dup2(to[0], STDIN_FILENO);
		close(to[1]);
		setenv("again", "read line && exec sh -c \"$again\" again$line", 1);
		execlp("sh", "sh", "-c", getenv("again"), "again", NULL);
		_exit(127);
	}
	close(to[0]);
	*in = to[1];
	return pid;
}

/* Until the last word of its command line is this one. */
static void wait_for(pid_t pid, const char *word)
{
	char path[32], text[512];
	bool is = false;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	while (!is) {
		FILE *f = fopen(path, "r");
		size_t n = fread(text, 1, sizeof(text), f), len = strlen(word) + 1;

		fclose(f);
		is = n >= len && !memcmp(text + n - len, word, len);
	}
}

/* What exec's the file that it runs is another program. */
static void test_exec(void **state)
{
	struct arrivals *a;
	int in;

	arrivals_new(&a);
	there = false;
	assert_int_equal(given_at(a, 1 * S), 0);
	process = start_shell(&in);
	there = true;
	wait_for(process, "again");
	assert_int_equal(given_at(a, 3 * S), 0);
	assert_int_equal(given_at(a, 12 * S), 0);
	assert_int_equal(write(in, "1\n", 2), 2);
	wait_for(process, "again1");
	assert_int_equal(given_at(a, 14 * S), 0);
	assert_int_equal(given_at(a, 23 * S), 0);
	assert_int_equal(given_at(a, 24 * S), 1);
	close(in);
	assert_int_equal(waitpid(process, NULL, 0), process);
	arrivals_gone(a, process);
	arrivals_free(a);
	process = getpid();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first), cmocka_unit_test(test_brief),
		cmocka_unit_test(test_exec),
	};

	process = getpid();

	return cmocka_run_group_tests(tests, NULL, NULL);
}
