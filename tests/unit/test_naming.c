// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_naming.c - naming.h: what grew by the program's own profile.
 */
#include "user/naming.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/gomem/profile.h"

/* Fewer samples than a trace asks for tell nothing, however large: what has enough is not crowded
 * out by them. */
static void test_samples(void **state)
{
	struct profile_bucket buckets[] = {
		{ .size = 96, .allocs = 500, .frees = 480 },		/* 20 live, as before */
		{ .size = 20480, .allocs = 31, .frees = 30 },		/* one more */
		{ .size = 4 << 20, .allocs = 8 },			/* eight more */
		{ .size = 4096, .allocs = 40, .frees = 10 },		/* ten more, none died */
		{ .size = 512 << 10, .allocs = 9 },			/* new since, nine */
		{ .size = 1024, .allocs = 5, .frees = 9 },		/* of two collections */
	};
	const struct profile now = { .rate = 512 << 10, .v = buckets, .n = ARRAY_SIZE(buckets) };
	const struct naming_before before[] = { { 480, 20 }, { 30, 0 }, { 0, 0 }, { 30, 20 } };
	struct naming_grown grown[2];

	assert_int_equal(naming_grown(&now, before, ARRAY_SIZE(before), grown, 2), 2);
	assert_int_equal(grown[0].bucket, 4);
	assert_int_equal(grown[0].samples, 9);
	assert_int_equal(grown[1].bucket, 3);
	assert_int_equal(grown[1].samples, 10);
	assert_true(fabs(grown[1].bytes / (10 * 512 << 10) - 1) < 0.01);
	assert_int_equal(naming_grown(&now, before, ARRAY_SIZE(before), grown, 1), 1);
	assert_int_equal(grown[0].bucket, 4);
}

/* What is replaced all the time has more samples now and then: that tells of no growth, unless it
 * is more than chance gives. */
static void test_sway(void **state)
{
	struct profile_bucket buckets[] = {
		{ .size = 65536, .allocs = 1240, .frees = 1000 },	/* 40 of 200 that died */
		{ .size = 65536, .allocs = 1290, .frees = 1000 },	/* 90 */
		{ .size = 65536, .allocs = 240, .frees = 0 },		/* 40, none died */
		{ .size = 65536, .allocs = 260, .frees = 20 },		/* 40, and 20 died */
		{ .size = 65536, .allocs = 320, .frees = 80 },		/* 40, and 80 died */
	};
	const struct profile now = { .rate = 512 << 10, .v = buckets, .n = ARRAY_SIZE(buckets) };
	const struct naming_before before[] = {
		{ 200, 200 }, { 200, 200 }, { 200, 200 }, { 200, 200 }, { 200, 200 },
	};
	struct naming_grown grown[5];

	assert_int_equal(naming_grown(&now, before, ARRAY_SIZE(before), grown, 5), 3);
	assert_int_equal(grown[0].bucket, 1);
	assert_int_equal(grown[1].bucket, 2);
	assert_int_equal(grown[2].bucket, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_sway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
