// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_series.c - counts over time at remembered moments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/util.h"

#include "user/judge/series.h"

enum { START = 1000, MEMORY = 1 << 20 };

static void note(struct series *s, uint64_t now, uint64_t key, uint64_t value)
{
	if (!series_due(s, now))
		return;
	series_begin(s, now);
	series_add(s, key, value);
}

/* Whenever it is asked, a moment near the middle is there, with its values. */
static void test_middle(void **state)
{
	struct series_moment m;
	struct series *s;

	assert_int_equal(series_new(&s, START, MEMORY), 0);
	assert_false(series_due(s, START));
	assert_false(series_middle(s, START + 10, &m));
	assert_false(series_first(s, &m));
	for (uint64_t t = 100; t <= 1000000; t += 100) {
		note(s, START + t, 7, t);
		if (t < 1000)
			continue;
		assert_true(series_middle(s, START + t, &m));
		assert_in_range(m.time_ns - START, t * 35 / 100, t * 72 / 100);
		assert_int_equal(series_at(s, m, 7), m.time_ns - START);
		assert_int_equal(series_at(s, m, 8), 0);
	}
	assert_true(series_first(s, &m));
	assert_int_equal(m.time_ns, START + 100);
	assert_int_equal(series_at(s, m, 7), 100);
	series_free(s);
}

/* The moment itself is not the middle. */
static void test_before(void **state)
{
	struct series_moment m;
	struct series *s;

	series_new(&s, START, MEMORY);
	note(s, START + 100, 7, 3);
	assert_false(series_middle(s, START + 100, &m));
	assert_true(series_middle(s, START + 101, &m));
	series_free(s);
}

/* From the newest back to the first, which is never forgotten. */
static void test_earlier(void **state)
{
	static const uint64_t want[] = { 80, 40, 10 };
	struct series_moment m;
	struct series *s;

	series_new(&s, START, MEMORY);
	for (uint64_t t = 10; t <= 160; t *= 2)
		note(s, START + t, 7, t);
	assert_true(series_middle(s, START + 320, &m));
	assert_int_equal(m.time_ns, START + 160);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_true(series_before(s, m, &m));
		assert_int_equal(m.time_ns, START + want[i]);
		assert_int_equal(series_at(s, m, 7), want[i]);
	}
	assert_false(series_before(s, m, &m));
	series_free(s);
}

/* A key that is not added to a later moment counts 0 there, and key 0 is a key. */
static void test_keys(void **state)
{
	struct series_moment m;
	struct series *s;

	series_new(&s, START, MEMORY);
	note(s, START + 100, 7, 3);
	note(s, START + 200, 0, 5);
	assert_true(series_middle(s, START + 400, &m));
	assert_int_equal(m.time_ns, START + 200);
	assert_int_equal(series_at(s, m, 7), 0);
	assert_int_equal(series_at(s, m, 0), 5);
	series_free(s);
}

/* Counts that do not fit: rather no moment than one in which some seem to be 0. */
static void test_full(void **state)
{
	struct series_moment m;
	struct series *s;

	series_new(&s, START, 16 << 10);
	series_begin(s, START + 100);
	for (uint64_t key = 1; key < 1000; key++)
		series_add(s, key, 1);
	assert_false(series_first(s, &m));
	assert_false(series_middle(s, START + 200, &m));
	assert_false(series_due(s, START + 139));
	assert_true(series_due(s, START + 140));
	note(s, START + 140, 7, 1);
	assert_false(series_first(s, &m));
	assert_true(series_middle(s, START + 200, &m));
	series_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_middle), cmocka_unit_test(test_before),
		cmocka_unit_test(test_keys), cmocka_unit_test(test_full),
		cmocka_unit_test(test_earlier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
