// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_focus.c - which probes are needed for what grows.
 */
#include "user/focus.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/model.h"
#include "user/probe/plan.h"
#include "user/tracer/tracer.h"

enum { MALLOCGC, SC2, SC4, SC5, SC5_SCAN, SLOW, START, N };	/* classes 2: 16, 4: 32, 5: 48 bytes */

static struct plan_probe probes[N] = {
	[MALLOCGC] = { .wire.kind = GL_PROBE_ALLOC },
	[SC2] = { .wire.kind = GL_PROBE_ALLOC, .size_class = 2, .tiny = true },
	[SC4] = { .wire.kind = GL_PROBE_ALLOC, .size_class = 4 },
	[SC5] = { .wire.kind = GL_PROBE_ALLOC, .size_class = 5 },
	[SC5_SCAN] = { .wire.kind = GL_PROBE_ALLOC, .size_class = 5 },
	[SLOW] = { .wire.kind = GL_PROBE_ALLOC },
	[START] = { .wire.kind = GL_PROBE_GOSTART, .size_class = 4 },
};
static const struct plan plan = { .probes = probes, .n = N };

static struct heap_class classes[] = {
	{ .size = 16, .alloc_objects = 5000, .rate = { 0, -1, 1, 9 } },
	{ .size = 32, .alloc_objects = 4000, .rate = { NAN, NAN, NAN, 0 } },
	{ .size = 48, .alloc_objects = 800, .rate = { 5, -1, 9, 9 } },
	{ .size = 1024, .alloc_objects = 150, .rate = { 0, -2, 2, 9 } },
	{ .size = 0, .alloc_objects = 50, .rate = { 0, 0, 0, 9 } },
};
static const struct heap_census census = { .classes = classes, .n_classes = 5 };

static struct tracer_subset all(void)
{
	return (struct tracer_subset){ { (1 << N) - 1 } };
}

static void test_nothing_grows(void **state)
{
	struct tracer_subset out = all();
	bool growing[CENSUS_CLASSES] = { false };

	assert_false(focus_find(&plan, &census, growing, &out));
	assert_int_equal(out.bits[0], all().bits[0]);
}

/* What makes objects of any class stays; what grew once is listened to for good. */
static void test_one_grows(void **state)
{
	const uint64_t want = 1 << MALLOCGC | 1 << SC5 | 1 << SC5_SCAN | 1 << SLOW | 1 << START;
	struct tracer_subset out = all();
	bool growing[CENSUS_CLASSES] = { false };

	classes[2].rate.low = 1;
	assert_true(focus_find(&plan, &census, growing, &out));
	assert_int_equal(out.bits[0], want);
	classes[2].rate.low = -1;
	out = all();
	assert_true(focus_find(&plan, &census, growing, &out));
	assert_int_equal(out.bits[0], want);
	assert_true(growing[5] && !growing[2] && !growing[4]);
}

/* If most objects would be listened to all the same, all are. */
static void test_of_no_use(void **state)
{
	struct tracer_subset out = all();
	bool growing[CENSUS_CLASSES] = { false };

	classes[0].rate.low = classes[2].rate.low = 1;
	classes[1].alloc_objects = 100;
	assert_false(focus_find(&plan, &census, growing, &out));
	assert_int_equal(out.bits[0], all().bits[0]);
	classes[0].rate.low = classes[2].rate.low = -1;
	classes[1].alloc_objects = 4000;
}

/* Before Go 1.27 one function makes all. */
static void test_one_function(void **state)
{
	const struct plan old = { .probes = probes, .n = 1 };
	struct tracer_subset out = all();
	bool growing[CENSUS_CLASSES] = { false };

	classes[2].rate.low = 1;
	assert_false(focus_find(&old, &census, growing, &out));
	classes[2].rate.low = -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_grows),
		cmocka_unit_test(test_one_grows),
		cmocka_unit_test(test_of_no_use),
		cmocka_unit_test(test_one_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
