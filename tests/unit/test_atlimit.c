// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_atlimit.c - atlimit.h: when a share of a limit is passed, and how soon it is looked again.
 */
#include "user/atlimit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "user/memlimit.h"

#define MS 1000000ull

static bool reading(struct at_limit *a, uint64_t percent, uint64_t ms)
{
	const struct memlimit m = { .bytes = 1000, .used = 10 * percent, .of = "cgroup" };

	return at_limit_passed(a, &m, ms * MS);
}

/* Once, and again only when it had come down by 5 points. */
static void test_once(void **state)
{
	struct at_limit a = { .percent = 90 };

	assert_false(reading(&a, 89, 1000));
	assert_true(reading(&a, 90, 2000));
	assert_false(reading(&a, 91, 3000));
	assert_false(reading(&a, 86, 4000));
	assert_false(reading(&a, 95, 5000));
	assert_false(reading(&a, 85, 6000));
	assert_false(reading(&a, 89, 7000));
	assert_true(reading(&a, 99, 8000));
	assert_false(reading(&a, 100, 9000));
}

static void test_from_the_begin(void **state)
{
	struct at_limit a = { .percent = 90 };

	assert_true(reading(&a, 97, 1000));
	assert_false(reading(&a, 97, 2000));
}

/* Often where it is near, more often where it grows fast. */
static void test_pace(void **state)
{
	struct at_limit a = { .percent = 90 };

	reading(&a, 10, 1000);
	assert_int_equal(a.next_ns, 1500 * MS);
	reading(&a, 10, 1500);
	assert_int_equal(a.next_ns, 2000 * MS);
	reading(&a, 70, 2000);		/* 20 points left at 120 a second */
	assert_true(a.next_ns > 2041 * MS && a.next_ns < 2042 * MS);
	reading(&a, 70, 2050);
	assert_int_equal(a.next_ns, 2150 * MS);
	reading(&a, 89, 2151);
	assert_int_equal(a.next_ns, 2171 * MS);
	reading(&a, 60, 2171);
	assert_int_equal(a.next_ns, 2671 * MS);
	at_limit_unknown(&a, 3000 * MS);
	assert_int_equal(a.next_ns, 3500 * MS);
}

/* A limit of nothing is used up. */
static void test_zero(void **state)
{
	const struct memlimit m = { .bytes = 0, .used = 0, .of = "cgroup" };
	struct at_limit a = { .percent = 100 };

	assert_true(at_limit_passed(&a, &m, MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once), cmocka_unit_test(test_from_the_begin),
		cmocka_unit_test(test_pace), cmocka_unit_test(test_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
