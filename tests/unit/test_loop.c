// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_loop.c - loop.h: who is called when, and what interrupts long work.
 */
#include "user/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/util.h"

struct seen {
	int fd, n_fd, n_signals, signal;
	bool from_terminal;
};

static void on_fd(void *ctx)
{
	struct seen *s = ctx;
	char c;

	assert_int_equal(read(s->fd, &c, 1), 1);
	s->n_fd++;
}

static void on_signal(void *ctx, int signo, bool from_terminal)
{
	struct seen *s = ctx;

	s->n_signals++;
	s->signal = signo;
	s->from_terminal = from_terminal;
}

static void test_calls(void **state)
{
	static const int signals[] = { SIGTERM, SIGUSR1, 0 };
	struct seen s = { .from_terminal = true };
	struct loop *l;
	int pipe_fds[2];

	assert_int_equal(pipe(pipe_fds), 0);
	s.fd = pipe_fds[0];
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(loop_add(l, s.fd, on_fd, &s), 0);
	assert_int_equal(loop_signals(l, signals, on_signal, &s), 0);
	assert_int_equal(write(pipe_fds[1], "ab", 2), 2);
	assert_int_equal(loop_wait(l), 0);
	assert_int_equal(loop_wait(l), 0);	/* what was not read is told again */
	assert_int_equal(s.n_fd, 2);
	assert_int_equal(s.n_signals, 0);
	raise(SIGUSR1);
	assert_int_equal(loop_wait(l), 0);
	assert_int_equal(s.n_signals, 1);
	assert_int_equal(s.signal, SIGUSR1);
	assert_false(s.from_terminal);
	loop_close(l);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* Only what is to end the work interrupts it, and asking does not use the signal up. */
static void test_interrupted(void **state)
{
	static const int ends[] = { SIGTERM, 0 }, asks[] = { SIGUSR1, 0 };
	struct seen s = { 0 };
	struct loop *l;
	sigset_t waiting;
	uint64_t before;
	bool interrupted;

	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(loop_signals(l, ends, on_signal, &s), 0);
	assert_int_equal(loop_signals(l, asks, on_signal, &s), 0);
	loop_interrupt_on(l, ends);
	assert_false(loop_interrupted(l));
	raise(SIGUSR1);
	assert_false(loop_interrupted(l));
	raise(SIGTERM);
	assert_true(loop_interrupted(l));
	assert_true(loop_interrupted(l));
	before = now_ns();
	while (s.n_signals < 2)
		assert_int_equal(loop_wait(l), 0);
	assert_false(loop_interrupted(l));
	raise(SIGTERM);		/* its echo, unless we were kept from a processor for so long */
	interrupted = loop_interrupted(l);
	if (now_ns() - before < LOOP_ECHO_NS) {
		assert_false(interrupted);
		assert_int_equal(sigpending(&waiting), 0);
		assert_false(sigismember(&waiting, SIGTERM));
	}
	loop_interrupt_at(l, now_ns() + (uint64_t)3600 * 1000000000);
	assert_false(loop_interrupted(l));
	loop_interrupt_at(l, now_ns());
	assert_true(loop_interrupted(l));
	loop_close(l);
}

/* What comes soon after the first and from no terminal. */
static void test_echo(void **state)
{
	uint64_t first = now_ns();
	bool is = loop_is_echo(first, false);

	if (now_ns() - first < LOOP_ECHO_NS)
		assert_true(is);
	assert_false(loop_is_echo(0, false));
	assert_false(loop_is_echo(now_ns(), true));
	assert_false(loop_is_echo(now_ns() - LOOP_ECHO_NS, false));
}

/* Until that time and no longer; what is ready is done before. */
static void test_wait_until(void **state)
{
	struct seen s = { 0 };
	struct loop *l;
	int pipe_fds[2];
	uint64_t begin = now_ns();

	assert_int_equal(pipe(pipe_fds), 0);
	s.fd = pipe_fds[0];
	assert_int_equal(loop_open(&l), 0);
	assert_int_equal(loop_add(l, s.fd, on_fd, &s), 0);
	assert_int_equal(loop_wait_until(l, begin + 2000000), 0);
	assert_true(now_ns() >= begin + 2000000);
	assert_int_equal(loop_wait_until(l, begin), 0);	/* is over already */
	assert_int_equal(s.n_fd, 0);
	assert_int_equal(write(pipe_fds[1], "a", 1), 1);
	assert_int_equal(loop_wait_until(l, UINT64_MAX), 0);
	assert_int_equal(s.n_fd, 1);
	loop_close(l);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_wait_until),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
