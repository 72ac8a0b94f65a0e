// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_aging.c - aging.h: who is older than so much time, or so many collections.
 */
#include "user/aging.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_time(void **state)
{
	struct aging *a;

	aging_new(&a, 100, 0);
	aging_look(a, 1, 1000);
	assert_int_equal(aging_before(a, 1050), 950);
	assert_int_equal(aging_before(a, 50), 0);
	aging_free(a);
}

/* Looks at 100, 200 ... each after one collection more. */
static void test_cycles(void **state)
{
	struct aging *a;

	aging_new(&a, 0, 3);
	for (uint64_t c = 1; c <= 10; c++) {
		aging_look(a, c, 100 * c);
		assert_int_equal(aging_before(a, 100 * c), c > 3 ? 100 * (c - 3) : 0);
	}
	aging_free(a);
}

/* Several collections between two looks: what was born in between has seen one of them for certain.
 * Several looks after one: the last one is before the next collection, too. */
static void test_skipped(void **state)
{
	struct aging *a;

	aging_new(&a, 0, 2);
	aging_look(a, 1, 100);
	aging_look(a, 2, 200);
	aging_look(a, 5, 500);
	assert_int_equal(aging_before(a, 500), 200);	/* cycle 3 began behind 200 */
	aging_look(a, 5, 550);
	aging_look(a, 6, 600);
	assert_int_equal(aging_before(a, 600), 200);
	aging_look(a, 7, 700);
	assert_int_equal(aging_before(a, 700), 550);
	aging_look(a, 1000, 800);
	assert_int_equal(aging_before(a, 800), 700);
	aging_free(a);
}

static void test_one(void **state)
{
	struct aging *a;

	aging_new(&a, 0, 1);
	assert_int_equal(aging_before(a, 100), 0);
	aging_look(a, 1, 100);
	aging_look(a, 2, 200);
	assert_int_equal(aging_before(a, 250), 100);
	aging_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time), cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_skipped), cmocka_unit_test(test_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
