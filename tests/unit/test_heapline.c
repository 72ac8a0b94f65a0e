// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_heapline.c - heapline.h: what of a heap has a line, and when.
 */
#include "user/heapline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct heap_line l;
static struct heap_change c;
static bool anew;

static int setup(void **state)
{
	l = (struct heap_line){ 0 };
	c = (struct heap_change){ 0 };
	return 0;
}

/* The heap has been judged; a line that is due is written. */
static bool tells(void)
{
	bool due = heapline_is_due(&l, &c, &anew);

	if (due)
		heapline_told(&l, c.told, c.leaking);
	return due;
}

static bool changes_to(unsigned told)
{
	bool due;

	c.told = told;
	c.changed = true;
	due = tells();
	c.changed = false;
	return due;
}

static void test_changes(void **state)
{
	assert_false(tells());
	assert_true(changes_to(GROWS) && anew);
	assert_false(tells());
	assert_true(changes_to(LEAKS));
	assert_false(anew);		/* what the looks told is of the same time */
	c.other_classes = true;
	c.leaking = 7;
	assert_true(tells());
	assert_int_equal(l.leaking, 7);
	c.other_classes = false;
	assert_true(changes_to(CALM));
	c.other_classes = true;		/* none leaks any more */
	assert_false(tells());
}

/* What is told with goroutines is untold as growth of the heap, until they explain it no more. */
static void test_untold(void **state)
{
	c.of_goroutines = true;
	c.leaking = 3;
	assert_false(changes_to(GROWS));
	assert_true(anew);
	assert_int_equal(l.shown, CALM);
	assert_int_equal(l.leaking, 3);	/* the goroutines' line tells it */
	assert_false(tells());
	assert_false(anew);		/* what is looked at meanwhile stays */
	c.of_goroutines = false;
	assert_true(tells());		/* though nothing changes now */
	assert_int_equal(l.shown, GROWS);
	assert_false(tells());
}

/* Growth that was told becomes a leak with goroutines beside it, which end. */
static void test_untold_worse(void **state)
{
	assert_true(changes_to(GROWS));
	c.of_goroutines = true;
	assert_false(changes_to(LEAKS));
	assert_false(tells());
	c.of_goroutines = false;
	assert_true(tells());
	assert_int_equal(l.shown, LEAKS);
}

/* That it has become better is not untold; and growth that ended with the goroutines never was. */
static void test_untold_better(void **state)
{
	assert_true(changes_to(LEAKS));
	c.of_goroutines = true;
	assert_false(changes_to(GROWS));
	c.of_goroutines = false;
	assert_false(tells());
	setup(NULL);
	c.of_goroutines = true;
	assert_false(changes_to(GROWS));
	c.of_goroutines = false;
	assert_false(changes_to(CALM));
	assert_false(tells());
}

/* What may be accepted waits for looks, and is not untold meanwhile, nor once it is accepted. */
static void test_untold_held(void **state)
{
	c.suppresses = true;
	assert_false(changes_to(GROWS));
	assert_true(l.held && anew);
	assert_false(tells());
	assert_false(changes_to(LEAKS));
	assert_false(anew);
	l.held = false;
	l.accepted = true;
	assert_false(tells());
	assert_false(changes_to(CALM));
	assert_false(l.held || l.accepted);
	c.of_goroutines = true;
	assert_false(changes_to(GROWS));
	c.of_goroutines = false;
	assert_false(tells());		/* told without them, it may be accepted as well */
	assert_true(l.held);
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_changes), TEST(test_untold), TEST(test_untold_worse),
		TEST(test_untold_better), TEST(test_untold_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
