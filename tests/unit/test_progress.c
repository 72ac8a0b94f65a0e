// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_progress.c - what is said of a trace before it is over.
 */
#include "user/progress.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/model.h"

#define MIB (1ull << 20)

static void expect_wait(const struct memory_account *m, double age_s, uint64_t n, const char *want)
{
	char *text = progress_wait(m, age_s, n);

	if (want)
		assert_string_equal(text, want);
	else
		assert_null(text);
	free(text);
}

/* Two minutes after the last one is no time where there was none. */
static void test_wait_for_the_first(void **state)
{
	struct memory_account m = {
		.known = true, .total_alloc = MIB, .next_gc = 4 * MIB,
		.pacing = { .known = true, .gc_percent = 100, .heap_live = MIB,
			    .trigger = 3 * MIB, .since_s = NAN } };

	expect_wait(&m, 600, 12, "none has come in the 10m00s since it started: the first comes by a "
				 "heap of 4MiB, in about 20m00s if it goes on allocating so, then "
				 "each two minutes at the latest");
	expect_wait(&m, 600, 1, "none has come in the 10m00s since it started: the first comes by a "
				"heap of 4MiB, in about 20m00s if it goes on allocating so");
	expect_wait(&m, 3, 12, NULL);			/* it has only begun */
	expect_wait(&m, NAN, 12, NULL);
	m.pacing.gc_percent = -1;
	m.pacing.trigger = UNKNOWN_U64;
	expect_wait(&m, 600, 12, "none comes by itself (GOGC=off)");
	m.known = false;
	expect_wait(&m, 600, 12, NULL);
}

static void test_wait_for_the_next(void **state)
{
	struct memory_account m = {
		.known = true, .total_alloc = MIB, .next_gc = 4 * MIB, .num_gc = 10,
		.pacing = { .known = true, .gc_percent = 100, .heap_live = MIB,
			    .trigger = 3 * MIB, .since_s = 1 } };

	expect_wait(&m, 1000, 12, "they have come some 1m40s apart since it started: 12 may take "
				  "20m00s");
	expect_wait(&m, 5000, 12, "they have come some 2m00s apart since it started: 12 may take "
				  "24m00s");		/* the first was late */
	expect_wait(&m, 290, 12, NULL);			/* often enough */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait_for_the_first),
		cmocka_unit_test(test_wait_for_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
