// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_lookturn.c - lookturn.h: who is first, and that nobody waits for ever.
 */
#include "user/lookturn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "user/base/util.h"

#define S 1000000000ull
#define KIB 1024.0

/* The one whose turn it is. */
static size_t first(const struct look_claim *v, size_t n, uint64_t now)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (lookturn_before(&v[i], &v[best], now))
			best = i;
	return best;
}

/* What leaks before what only grows, and of the same the fastest, unless others have waited longer. */
static void test_order(void **state)
{
	struct look_claim v[] = {
		{ false, 10 * KIB, 100 * S }, { false, 50 * KIB, 100 * S },
		{ true, 20 * KIB, 100 * S }, { false, 1 * KIB, 100 * S },
	};

	assert_int_equal(first(v, 4, 100 * S), 2);	/* as soon as they have come */
	assert_int_equal(first(v, 4, 400 * S), 2);
	v[2].leaks = false;
	assert_int_equal(first(v, 4, 400 * S), 1);
	v[1].since_ns = 390 * S;
	assert_int_equal(first(v, 4, 400 * S), 2);
	v[3].leaks = true;
	assert_int_equal(first(v, 4, 400 * S), 3);
}

/* Of 26 processes that grow the leak, which comes last, is the next. */
static void test_leak_comes_last(void **state)
{
	struct look_claim v[26];

	for (size_t i = 0; i < 25; i++)
		v[i] = (struct look_claim){ false, (5 + (double)i) * KIB, 100 * S };
	v[25] = (struct look_claim){ true, 400 * KIB, 300 * S };
	assert_int_equal(first(v, 26, 301 * S), 25);
}

/* What is slow gets its turn, though faster ones come again and again; and so does that of which no
 * rate is certain. */
static void test_starves_nobody(void **state)
{
	struct look_claim v[] = { { false, 1 * KIB, 0 }, { false, 1024 * KIB, 0 }, { false, -5, 0 } };
	uint64_t now = 0;
	unsigned had[3] = { 0 };

	while (!had[2] && now < 100000000ull * S) {
		size_t i = first(v, ARRAY_SIZE(v), now);

		had[i]++;
		v[i].since_ns = now;		/* it claims anew */
		now += 300 * S;
	}
	assert_true(had[0] && had[1] > had[0] && had[2]);
}

static void test_pauses(void **state)
{
	assert_int_equal(lookturn_pause_ns(0, true), 0);
	assert_int_equal(lookturn_pause_ns(0.25, false), 125 * S);
	assert_int_equal(lookturn_pause_ns(0.25, true), 50 * S);
	assert_int_equal(lookturn_pause_ns(60, false), 300 * S);
	assert_int_equal(lookturn_pause_ns(60, true), 300 * S);
	assert_int_equal(lookturn_rest_ns(0.25, 0), 25 * S);
	assert_int_equal(lookturn_rest_ns(0.25, 1), 50 * S);
	assert_int_equal(lookturn_rest_ns(0, 3), 8 * S);
	assert_int_equal(lookturn_rest_ns(0.25, 1000), 3600 * S);
	assert_int_equal(lookturn_rest_ns(100, 1000), 10000 * S);	/* a hundredth in any case */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order), cmocka_unit_test(test_leak_comes_last),
		cmocka_unit_test(test_starves_nobody), cmocka_unit_test(test_pauses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
