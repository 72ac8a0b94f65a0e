// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_roster.c - who came and who went from one reading of the table to the next.
 */
#include "user/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

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
	struct goroutine v[64] = { { .goid = 1, .gopc = THERE },
				   { .goid = 2, .gopc = HERE, .system = true } };
	struct goroutines gs = { .v = v, .n = 2, .n_unreadable = n_unreadable };

	for (uint64_t goid = from; goid < to; goid++)
		v[gs.n++] = (struct goroutine){ .goid = goid, .gopc = HERE };
	roster_read(r, &gs, time_ns);
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
		cmocka_unit_test(test_come_and_go), cmocka_unit_test(test_not_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
