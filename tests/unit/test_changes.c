// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_changes.c - changes.h: what is told when.
 */
#include "user/changes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define S 1000000000ull

enum { QUIET, GROWS, LEAKS };

static int setup(void **state)
{
	static struct changes c;

	changes_init(&c);
	*state = &c;
	return 0;
}

static int teardown(void **state)
{
	changes_fini(*state);
	return 0;
}

static void test_held(void **state)
{
	struct changes *c = *state;

	assert_false(changes_tell(c, 7, QUIET, 10 * S, 0));
	assert_false(changes_tell(c, 7, QUIET, 10 * S, 100 * S));	/* as it was from the begin */
	assert_false(changes_tell(c, 7, GROWS, 10 * S, 200 * S));
	assert_false(changes_tell(c, 7, GROWS, 10 * S, 209 * S));
	assert_int_equal(changes_told(c, 7), QUIET);
	assert_true(changes_tell(c, 7, GROWS, 10 * S, 210 * S));
	assert_int_equal(changes_told(c, 7), GROWS);
	assert_false(changes_tell(c, 7, GROWS, 10 * S, 300 * S));	/* once */
	assert_false(changes_tell(c, 8, LEAKS, 10 * S, 300 * S));	/* each by itself */
	assert_false(changes_tell(c, 7, LEAKS, 10 * S, 300 * S));
	assert_false(changes_tell(c, 7, GROWS, 10 * S, 305 * S));
	assert_false(changes_tell(c, 7, LEAKS, 10 * S, 309 * S));	/* begins anew */
	assert_true(changes_tell(c, 8, LEAKS, 10 * S, 310 * S));
	assert_false(changes_tell(c, 7, LEAKS, 10 * S, 318 * S));
	assert_true(changes_tell(c, 7, LEAKS, 10 * S, 319 * S));
}

/* What is better has to hold for longer; and longer still what has been told often. */
static void test_better(void **state)
{
	struct changes *c = *state;

	changes_tell(c, 7, LEAKS, 10 * S, 0);
	assert_true(changes_tell(c, 7, LEAKS, 10 * S, 10 * S));
	assert_false(changes_tell(c, 7, QUIET, 10 * S, 20 * S));
	assert_false(changes_tell(c, 7, QUIET, 10 * S, 59 * S));
	assert_true(changes_tell(c, 7, QUIET, 10 * S, 60 * S));
	assert_false(changes_tell(c, 7, LEAKS, 10 * S, 100 * S));
	assert_false(changes_tell(c, 7, LEAKS, 10 * S, 119 * S));
	assert_true(changes_tell(c, 7, LEAKS, 10 * S, 120 * S));
	assert_false(changes_tell(c, 7, QUIET, 10 * S, 200 * S));
	assert_false(changes_tell(c, 7, QUIET, 10 * S, 359 * S));
	assert_true(changes_tell(c, 7, QUIET, 10 * S, 360 * S));
}

/* A verdict that flutters as fast as it can be told for three days. */
static void test_flutter(void **state)
{
	struct changes *c = *state;
	unsigned n = 0, wanted = LEAKS;

	for (uint64_t t = 0; t < 3 * 86400; t += 5) {
		if (changes_tell(c, 7, wanted, 10 * S, t * S)) {
			n++;
			wanted = wanted ? QUIET : LEAKS;
		}
	}
	assert_in_range(n, 8, 24);
	n = 0;
	for (uint64_t t = 0; t < 86400; t += 5)
		n += changes_tell(c, 9, t / 5 % 2 ? LEAKS : QUIET, 10 * S, t * S);
	assert_int_equal(n, 0);
}

/* Nothing to hold: at once. */
static void test_at_once(void **state)
{
	struct changes c;

	changes_init(&c);
	assert_true(changes_tell(&c, 7, GROWS, 0, 5));
	assert_true(changes_tell(&c, 7, QUIET, 0, 5));
	assert_false(changes_tell(&c, 7, QUIET, 0, 6));
	changes_fini(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_held), TEST(test_better), TEST(test_flutter), TEST(test_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
