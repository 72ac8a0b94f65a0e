// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_fit.c - samples that add up to what is counted, or do not.
 */
#include "user/fit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/judge/estimate.h"
#include "user/observation.h"

/* Two stacks with objects of 48 bytes, the second also with some of 64 and tiny ones, the first
 * with large ones. */
enum { N_ACCOUNTS = 5, N_STACKS = 3, N_CLASSES = 4 };

static struct obs_account accounts[N_ACCOUNTS];
static struct obs_stack stacks[N_STACKS];
static struct heap_class classes[N_CLASSES];

static void add(size_t i, uint32_t stack, uint64_t size, double live, double var)
{
	accounts[i] = (struct obs_account){
		.stack = stack, .size = size, .live = live, .old = live / 2, .live_half = live / 2,
		.n_live = (uint64_t)live / 10, .samples = 100,
		.each = 10, .live_var = { .var = var, .largest = var > 0 ? 10 : 0 } };
	stacks[stack].objects.var += var;
	stacks[stack].bytes.var += var * (double)(size * size);
	stacks[stack].new_bytes.var += var * (double)(size * size) / 2;
}

static struct observation example(void)
{
	struct observation o = { .accounts = accounts, .n_accounts = N_ACCOUNTS, .stacks = stacks,
				 .n_stacks = N_STACKS,
				 .census = { .classes = classes, .n_classes = N_CLASSES,
					     .compared_bytes = 2000000,
					     .older_bytes = 1000000,
					     .older_most = 2000000 } };

	for (size_t i = 0; i < N_STACKS; i++)
		stacks[i] = (struct obs_stack){ 0 };
	add(0, 1, 48, 600, 6000);
	add(1, 2, 48, 300, 3000);
	add(2, 2, 64, 500, 0);			/* exact */
	add(3, 2, 0, 40, 400);			/* in blocks of others */
	accounts[3].tiny = true;
	add(4, 1, 40960, 20, 100);
	for (size_t i = 0; i < N_STACKS; i++) {
		o.objects.var += stacks[i].objects.var;
		o.bytes.var += stacks[i].bytes.var;
	}
	classes[0] = (struct heap_class){ .size = 16, .recorded = 0, .most = 1000 };
	classes[1] = (struct heap_class){ .size = 48, .recorded = 90, .least = 800, .most = 1000 };
	classes[2] = (struct heap_class){ .size = 64, .recorded = 50, .tracked = 500, .least = 450,
					  .most = 450 };
	classes[3] = (struct heap_class){ .recorded = 2, .least = 0, .most = 100 };
	for (size_t i = 0; i < N_CLASSES; i++)
		classes[i].most_now = INFINITY;
	return o;
}

/* Between the bounds nothing changes, but it is known how many there may be. */
static void test_within(void **state)
{
	struct observation o = example();
	double low1 = estimate_of(300, &accounts[1].live_var, 0).low;
	double high0 = estimate_of(600, &accounts[0].live_var, 0).high;

	classes[1].least = 890;
	classes[1].most = 905;
	fit_live(&o);
	assert_true(accounts[0].live == 600 && accounts[1].live == 300);
	assert_true(accounts[0].live_var.var == 6000 && stacks[1].objects.bursts == 0);
	/* 5 that nobody explains, and what the other may have too much */
	assert_true(fabs(accounts[0].most - fmin(high0, 605 + 300 - low1)) < 1e-9);
	assert_true(accounts[0].most > 680 && accounts[0].most < 710);
	/* 10 that all may have too much, what the other may have too little, and 3 in the number of
	 * samples that somebody else may have */
	assert_true(fabs(accounts[0].least -
			 (590 - (accounts[1].most - 300) - 900 * 3 / 200.0)) < 1e-6);
	assert_true(accounts[3].most == 0);	/* nobody counts these */
	assert_int_equal(o.census.older_bytes, 2000000 - 900 * 48 - 500 * 64 - 20 * 40960);
}

/* What may have been replaced may be the other's; an exact one that no window has met may have more, too,
 * and is not scaled. */
static void test_unsure(void **state)
{
	struct observation o = example();
	double low1 = estimate_of(300, &accounts[1].live_var, 0).low;

	classes[1].least = classes[1].most = 900;
	accounts[0].live_var = (struct variance){ .missing = 10000 };
	accounts[1].replaced = 200;
	accounts[1].shared = 40;
	fit_live(&o);
	assert_true(fabs(accounts[0].most - (600 + 300 - low1 * (1 - 240 / 300.0))) < 1e-9);
	assert_true(accounts[0].live == 600);
}

/* While windows are few, what none has met may have come after the count: no count bounds it. */
static void test_few_windows(void **state)
{
	struct observation o = example();

	accounts[0].live_var = (struct variance){ .missing = 10000 };
	accounts[2].live_var = (struct variance){ .missing = 20000 };
	accounts[3].live_var = accounts[4].live_var = (struct variance){ 0 };
	o.few_windows = true;
	fit_live(&o);
	assert_true(accounts[0].live == 600 && accounts[0].most == 0);
	assert_true(accounts[2].live == 500 && accounts[2].most == 0);
	assert_true(!o.objects_bounds.known && !o.bytes_bounds.known);
}

/* All that lives was certain to be recorded, but what came since was not: the class has more. */
static void test_certain_only(void **state)
{
	struct observation o = example();

	for (size_t i = 0; i < N_ACCOUNTS; i++)
		accounts[i].live_var = (struct variance){ 0 };
	accounts[2].live_var.missing = 5;
	classes[2].least = 600;
	classes[2].most = 650;
	fit_live(&o);
	assert_true(accounts[2].live == 500 && accounts[2].live_var.missing == 150);
	assert_true(accounts[0].live_var.missing == 0);
}

/* Three samples stood for a tenth of what lived: the 87 that have come since need not.  Nor, where none
 * was there, are they more than there was. */
static void test_no_more_than_there_was(void **state)
{
	struct observation o = example();

	classes[1].recorded = 3;
	classes[1].least = 300;
	classes[1].most = 310;
	classes[1].most_now = 1200;
	fit_live(&o);
	assert_true(fabs(accounts[0].live - 800) < 1e-9 && fabs(accounts[1].live - 400) < 1e-9);
	assert_true(accounts[0].least == 0);
	assert_true(accounts[2].live == 500);
	o = example();
	classes[1].recorded = 0;
	classes[1].most_now = 450;
	classes[2].most_now = 10;		/* exact, by whatever it was missed */
	fit_live(&o);
	assert_true(fabs(accounts[0].live - 300) < 1e-9 && fabs(accounts[1].live - 150) < 1e-9);
	assert_true(accounts[2].live == 500);
}

/* All of one kind, and counted: at most the count, and nearly all of it at least. */
static void test_alone(void **state)
{
	struct observation o = example();

	accounts[1].live = accounts[1].n_live = accounts[1].samples = 0;
	accounts[1].live_var = (struct variance){ 0 };
	accounts[0].samples = 1000;
	classes[1].recorded = 60;
	classes[1].least = classes[1].most = 660;
	fit_live(&o);
	assert_true(fabs(accounts[0].live - 660) < 1e-9 && fabs(accounts[0].most - 660) < 1e-9);
	assert_true(fabs(accounts[0].least - 660 * 0.997) < 1e-6);
	o = example();
	accounts[1].live = accounts[1].n_live = accounts[1].samples = 0;
	accounts[1].live_var = (struct variance){ 0 };
	accounts[0].samples = 1000;
	classes[1].recorded = 60;
	classes[1].least = classes[1].most = 660;
	o.n_windows = 30;
	fit_live(&o);
	assert_true(fabs(accounts[0].least - 660 * 0.9) < 1e-6);
}

/* The sum over all cannot be further off than what the classes allow. */
static void test_sum(void **state)
{
	struct observation o = example();

	accounts[3].live_var = accounts[4].live_var = (struct variance){ 0 };
	classes[1].least = 890;
	classes[1].most = 905;
	fit_live(&o);
	assert_true(o.objects_bounds.known && o.bytes_bounds.known);
	assert_true(fabs(o.objects_bounds.above - 5) < 1e-9);
	assert_true(fabs(o.objects_bounds.below - 10) < 1e-9);
	assert_true(fabs(o.bytes_bounds.below - 480) < 1e-9);
	o = example();
	accounts[4].live_var = (struct variance){ 0 };
	fit_live(&o);			/* tiny ones in blocks of others hold no bytes */
	assert_true(!o.objects_bounds.known && o.bytes_bounds.known);
	o = example();
	fit_live(&o);			/* large ones have many sizes */
	assert_false(o.bytes_bounds.known);
	classes[1].recorded = NAN;
	accounts[3].live_var = accounts[4].live_var = (struct variance){ 0 };
	fit_live(&o);
	assert_true(!o.objects_bounds.known && !o.bytes_bounds.known);
}

/* What is exact stays, whatever the census says of it. */
static void test_exact(void **state)
{
	struct observation o = example();

	fit_live(&o);
	assert_true(accounts[2].live == 500 && accounts[2].most == 0);
	for (size_t i = 0; i < N_ACCOUNTS; i++)
		accounts[i].live_var = (struct variance){ 0 };
	o.census.older_bytes = 1000000;
	fit_live(&o);
	assert_int_equal(o.census.older_bytes, 1000000);
}

static void test_too_few(void **state)
{
	struct observation o = example();

	classes[1].least = 1800;
	classes[1].most = 1800;
	fit_live(&o);
	assert_true(fabs(accounts[0].live - 1200) < 1e-9);
	assert_true(fabs(accounts[1].live - 600) < 1e-9);
	assert_true(fabs(accounts[0].old - 600) < 1e-9 && fabs(accounts[0].each - 20) < 1e-9);
	/* twice the deviation, and half of the difference */
	assert_true(fabs(accounts[0].live_var.var - 4 * 6000) < 1e-6);
	assert_true(fabs(accounts[0].live_var.bursts - 300 * 300) < 1e-6);
	assert_true(fabs(stacks[1].objects.bursts - 300 * 300) < 1e-6);
	assert_true(stacks[1].bytes.bursts > 47.9 * 47.9 * 300 * 300);
	assert_true(o.objects.bursts > 449 * 449 && o.objects.bursts < 451 * 451);
	assert_int_equal(o.census.older_bytes, 2000000 - 1800 * 48 - 500 * 64 - 20 * 40960);
}

static void test_too_many(void **state)
{
	struct observation o = example();

	classes[1].least = 0;
	classes[1].most = 450;
	fit_live(&o);
	assert_true(fabs(accounts[0].live - 300) < 1e-9);
	assert_true(fabs(accounts[1].live - 150) < 1e-9);
	assert_int_equal(o.census.older_bytes, 2000000 - 450 * 48 - 500 * 64 - 20 * 40960);
}

/* Since the count, half as many have come again: the bounds go with them. */
static void test_growth(void **state)
{
	struct observation o = example();

	classes[1].recorded = 60;
	classes[1].least = 1200;
	classes[1].most = 1200;
	fit_live(&o);
	assert_true(fabs(accounts[0].live - 1200) < 1e-9);
	assert_int_equal(o.census.older_bytes, 2000000 - 1200 * 48 - 500 * 64 - 20 * 40960);
}

/* Exact ones of the class are not to blame. */
static void test_mixed(void **state)
{
	struct observation o = example();

	accounts[1].live_var = (struct variance){ 0 };
	classes[1].least = classes[1].most = 1200;
	fit_live(&o);
	assert_true(accounts[1].live == 300);
	assert_true(fabs(accounts[0].live - 900) < 1e-9);
}

/* Two stacks whose samples have all died, and a class that lives: 200 of it may be older. */
static struct observation died(void)
{
	struct observation o = example();

	for (size_t i = 0; i < 2; i++) {
		accounts[i].live = accounts[i].old = accounts[i].n_live = accounts[i].samples = 0;
		accounts[i].live_var = (struct variance){ .largest = 10 };
	}
	o.objects.missing = o.bytes.missing = 5;
	classes[1] = (struct heap_class){ .size = 48, .least = 800, .most = 1000,
					  .most_now = INFINITY };
	return o;
}

/* What was counted and is not older was allocated when nobody listened: each stack of the class may
 * have it, and nobody says that it is older. */
static void test_hidden(void **state)
{
	struct observation o = died();

	accounts[1].live_var.missing = 100;
	fit_live(&o);
	assert_true(estimate_of(0, &accounts[0].live_var, 0).high >= 1000);
	assert_true(accounts[1].live_var.missing == 1000 && accounts[1].most == 0);
	assert_true(stacks[1].objects.missing == 1000 && stacks[1].bytes.missing == 48000);
	assert_true(stacks[1].new_bytes.missing == 48000);
	assert_true(accounts[2].live_var.missing == 0);
	assert_true(o.objects.missing == 1005 && o.bytes.missing == 48005);
	assert_int_equal(o.census.older_bytes, 2000000 - 800 * 48 - 500 * 64 - 20 * 40960);
	o = died();
	classes[1].tracked = 750;		/* they have died since */
	fit_live(&o);
	assert_true(accounts[0].live_var.missing == 250);
	o = died();
	classes[1].least = 0;			/* all may be older */
	fit_live(&o);
	assert_true(accounts[0].live_var.missing == 0 && o.objects.missing == 5);
	assert_int_equal(o.census.older_bytes, 2000000 - 500 * 64 - 20 * 40960);
}

/* Of stacks that were never seen, the sum over all has it; of large ones, all bytes there are. */
static void test_hidden_nowhere(void **state)
{
	struct observation o = died();

	o.accounts = &accounts[2];
	o.n_accounts = 1;
	o.n_windows = 5;
	classes[3] = (struct heap_class){ .live_objects = 10, .live_bytes = 500000, .least = 4,
					  .most = 10 };
	fit_live(&o);
	assert_true(accounts[2].live_var.missing == 0);
	assert_true(o.objects_bounds.known && o.objects_bounds.above == 1010);
	assert_true(o.bytes_bounds.above == 548000);
	assert_true(o.objects.missing == 1015 && o.bytes.missing == 548005);
	assert_int_equal(o.census.older_bytes, 2000000 - 800 * 48 - 500 * 64 - 4 * 50000);
	o = died();
	o.accounts = &accounts[2];
	o.n_accounts = 1;
	fit_live(&o);				/* all were recorded */
	assert_true(o.objects.missing == 5 && o.census.older_bytes == 1000000);
}

/* No more is older than lived at the attach. */
static void test_older_most(void **state)
{
	struct observation o = example();

	o.census.older_most = 1234;
	fit_live(&o);
	assert_int_equal(o.census.older_bytes, 1234);
}

static void test_not_known(void **state)
{
	struct observation o = example();

	classes[1].recorded = NAN;
	classes[1].least = 5000;
	fit_live(&o);
	assert_true(accounts[0].live == 600 && accounts[0].most == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_within), cmocka_unit_test(test_unsure),
		cmocka_unit_test(test_few_windows), cmocka_unit_test(test_certain_only),
		cmocka_unit_test(test_no_more_than_there_was), cmocka_unit_test(test_alone),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_too_few), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_growth), cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_not_known), cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_hidden_nowhere), cmocka_unit_test(test_older_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
