// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_roster.c - who came and who went from one reading of the table to the next.
 */
#include "user/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/gomem/gomem.h"
#include "user/judge/window.h"

#define S 1000000000ull

enum { HERE = 0x1000, THERE = 0x2000 };

/* Goroutines of HERE from one goid to another, one of THERE, one of the runtime's own. */
static void read_table(struct roster *r, uint64_t from, uint64_t to, size_t n_unreadable,
		       uint64_t time_ns)
{
	static const char *const states[] = { "chan send", "select" };
	struct goroutine v[64] = { { .goid = 1, .gopc = THERE, .state = "running" },
				   { .goid = 2, .gopc = HERE, .state = "idle", .system = true } };
	struct goroutines gs = { .v = v, .n = 2, .n_unreadable = n_unreadable };

	for (uint64_t goid = from; goid < to; goid++)
		v[gs.n++] = (struct goroutine){ .goid = goid, .gopc = HERE, .startpc = HERE + 1,
						 .state = states[goid % 3 == 0] };
	roster_read(r, &gs, time_ns);
}

static void assert_waiting(const struct roster *r, uint64_t gopc, const char *state, uint64_t n)
{
	const struct roster_waiting *w = NULL;
	uint64_t found = 0;

	while ((w = roster_waiting(r, w)))
		if (w->gopc == gopc && !strcmp(w->state, state)) {
			found += w->n;
			assert_int_equal(w->startpc, gopc == HERE ? HERE + 1 : 0);
			assert_int_equal(w->main, gopc == THERE);
		}
	assert_int_equal(found, n);
}

/* As of the last reading that was whole, without the runtime's own. */
static void test_waiting(void **state)
{
	struct roster *r;

	roster_new(&r, 10 * S, 1 << 20);
	assert_null(roster_waiting(r, NULL));
	read_table(r, 10, 20, 0, 11 * S);
	read_table(r, 12, 30, 0, 12 * S);
	read_table(r, 12, 20, 1, 13 * S);
	assert_waiting(r, HERE, "select", 6);
	assert_waiting(r, HERE, "chan send", 12);
	assert_waiting(r, HERE, "idle", 0);
	assert_waiting(r, THERE, "running", 1);
	roster_free(r);
}

static void test_come_and_go(void **state)
{
	struct window_flow f;
	struct window_span span;
	struct roster *r;

	roster_new(&r, 10 * S, 1 << 20);
	read_table(r, 10, 20, 0, 11 * S);	/* all older */
	for (uint64_t i = 2; i <= 9; i++)
		read_table(r, 10 + i, 20 + 2 * i, 0, (10 + i) * S);
	window_span(roster_window(r), &span);
	window_flow(roster_window(r), HERE, &f);
	assert_int_equal(span.n_looks, 9);
	assert_true(f.live.sum == 19);
	assert_true(f.late.born.sum - f.late.died.sum == 6);	/* in six seconds */
	window_flow(roster_window(r), THERE, &f);
	assert_true(f.live.sum == 1 && f.late.born.sum == 0 && f.late.died.sum == 0);
	roster_free(r);
}

/* Who is missing in a table that is not whole may run. */
static void test_not_whole(void **state)
{
	struct window_flow f;
	struct roster *r;

	roster_new(&r, 10 * S, 1 << 20);
	read_table(r, 10, 20, 0, 11 * S);
	read_table(r, 15, 20, 1, 12 * S);
	window_flow(roster_window(r), HERE, &f);
	assert_true(f.live.sum == 10);
	read_table(r, 15, 20, 0, 13 * S);
	window_flow(roster_window(r), HERE, &f);
	assert_true(f.live.sum == 5);
	roster_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_waiting), cmocka_unit_test(test_not_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
