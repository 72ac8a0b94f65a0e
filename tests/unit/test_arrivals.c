// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_arrivals.c - arrivals.h: which processes are given out, and when; the one that there is is
 * this test, all that would open it is made up here.
 */
#include "user/arrivals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
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
static int opened;		/* programs that are */
static char a_target, a_program, a_process;

int host_pids(pid_t **pids, size_t *n)
{
	*pids = xcalloc(1, sizeof(**pids));
	(*pids)[0] = getpid();
	*n = there;
	return 0;
}

bool gofile_likely(int fd)
{
	return true;
}

int target_open(struct target **out, pid_t pid)
{
	assert_int_equal(pid, getpid());
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
	assert_int_equal(pid, getpid());
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
	arrivals_gone(a, getpid());
	assert_int_equal(given_at(a, 5 * S), 0);	/* another one of that number */
	assert_int_equal(given_at(a, 15 * S), 1);
	there = false;
	arrivals_gone(a, getpid());
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
	arrivals_gone(a, getpid());
	arrivals_free(a);
	assert_int_equal(opened, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first), cmocka_unit_test(test_brief),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
