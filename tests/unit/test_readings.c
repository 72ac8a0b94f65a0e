// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_readings.c - accounts of memory over time: what rss is made of, and when collections come.
 */
#include "user/readings.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "user/judge/memory.h"
#include "user/model.h"

#define S 1000000000ull
#define MIB (1ull << 20)

/* Allocates 2 MiB a second. */
static struct memory_account account(uint64_t second)
{
	return (struct memory_account){
		.known = true, .rss = 100 * MIB, .rss_files = 7 * MIB,
		.live_heap = 40 * MIB, .heap_alloc = 50 * MIB,
		.heap_inuse = 56 * MIB, .heap_idle = 30 * MIB, .heap_released = 12 * MIB,
		.stacks = 3 * MIB, .runtime = 5 * MIB, .not_go = 18 * MIB, .num_gc = 9,
		.total_alloc = 1000 * MIB + 2 * MIB * second, .next_gc = 80 * MIB };
}

static struct gc_pacing pacing_of(uint64_t seconds, struct gc_pacing p)
{
	struct readings *r;

	readings_new(&r, 100 * S);
	for (uint64_t i = 0; i < seconds; i++) {
		struct memory_account m = account(i);

		readings_add(r, &m, (100 + i) * S);
	}
	readings_pace(r, 40 * MIB, &p);
	readings_free(r);
	return p;
}

static void test_next_collection(void **state)
{
	struct gc_pacing p = { .known = true, .gc_percent = 100, .memory_limit = UNKNOWN_U64,
			       .heap_live = 50 * MIB, .trigger = 80 * MIB, .since_s = 7 };
	struct gc_pacing now = pacing_of(40, p);

	assert_true(fabs(now.next_s - 15) < 0.01 && fabs(now.every_s - 20) < 0.01);
	p.trigger = 4000 * MIB;				/* only after two minutes */
	now = pacing_of(40, p);
	assert_true(fabs(now.next_s - 113) < 0.01 && fabs(now.every_s - 120) < 0.01);
	p.since_s = NAN;				/* not before there was one */
	assert_true(fabs(pacing_of(40, p).next_s - 3950.0 / 2) < 0.01);
	p.gc_percent = -1;
	p.trigger = UNKNOWN_U64;
	now = pacing_of(40, p);
	assert_true(isnan(now.next_s) && isnan(now.every_s));
	p = (struct gc_pacing){ .known = true, .gc_percent = 100, .trigger = 80 * MIB,
				.heap_live = 81 * MIB, .since_s = 3 };
	assert_true(pacing_of(40, p).next_s == 0);	/* it is there */
	p.heap_live = 50 * MIB;
	assert_true(isnan(pacing_of(1, p).next_s));	/* no rate yet */
	assert_true(isnan(pacing_of(1, p).every_s));
}

/* 8 KiB each 7 s and no collection so far: what is said of the first one counts down with the time. */
static void test_first_collection_counts_down(void **state)
{
	const uint64_t trigger = 2 * MIB, lump = 8 << 10, end = trigger / lump * 7;
	struct readings *r;

	readings_new(&r, 100 * S);
	for (uint64_t i = 0; i < end; i++) {
		struct memory_account m = account(0);
		struct gc_pacing p = { .known = true, .gc_percent = 100, .trigger = trigger,
				       .memory_limit = UNKNOWN_U64, .since_s = NAN };

		p.heap_live = i / 7 * lump;
		m.total_alloc = p.heap_live;
		readings_add(r, &m, (100 + i) * S);
		readings_pace(r, 0, &p);
		if (i < 10)
			assert_true(isnan(p.next_s));
		if (i > 300)
			assert_true(fabs(p.next_s - (double)(end - i)) <
				    0.1 * (double)(end - i) + 15);
	}
	readings_free(r);
}

/* Of a moment in which nothing happened to be allocated nothing is known, unless two minutes are
 * over. */
static void test_moment(void **state)
{
	struct gc_pacing p = { .known = true, .gc_percent = 100, .memory_limit = UNKNOWN_U64,
			       .heap_live = 50 * MIB, .trigger = 80 * MIB, .since_s = 0.4 };
	struct memory_account m = account(0);
	struct readings *r;

	readings_new(&r, 100 * S);
	readings_add(r, &m, 100 * S);
	readings_add(r, &m, 100 * S + S / 30);
	readings_pace(r, 40 * MIB, &p);
	assert_true(isnan(p.next_s) && isnan(p.every_s));
	p.since_s = 121;
	readings_pace(r, 40 * MIB, &p);
	assert_true(p.next_s == 0);
	p.since_s = 7;
	readings_add(r, &m, 103 * S);			/* nor for so long that it would matter */
	readings_pace(r, 40 * MIB, &p);
	assert_true(fabs(p.next_s - 113) < 0.01 && fabs(p.every_s - 120) < 0.01);
	readings_free(r);
}

static void test_parts(void **state)
{
	struct memory_account m = account(0), unknown = { .rss = 1 };
	struct memory_history h;
	struct readings *r;

	readings_new(&r, 100 * S);
	readings_add(r, &m, 100 * S);
	readings_add(r, &unknown, 101 * S);
	readings_history(r, &m, &h);
	assert_int_equal(h.last.rss, 100 * MIB);
	assert_int_equal(h.last.parts[MEMORY_LIVE], 40 * MIB);
	assert_int_equal(h.last.parts[MEMORY_GARBAGE], 10 * MIB);
	assert_int_equal(h.last.parts[MEMORY_FREE], 6 * MIB);
	assert_int_equal(h.last.parts[MEMORY_IDLE], 18 * MIB);
	assert_int_equal(h.last.parts[MEMORY_NOT_GO], 18 * MIB);
	m.mapped_known = true;
	m.files = 11 * MIB;
	m.anonymous = 20 * MIB;
	assert_int_equal(h.last.outside[OUTSIDE_FILES], 7 * MIB);
	assert_int_equal(h.last.outside[OUTSIDE_ANONYMOUS], 11 * MIB);
	readings_history(r, &m, &h);
	assert_int_equal(h.last.parts[MEMORY_NOT_GO], 31 * MIB);
	assert_int_equal(h.last.outside[OUTSIDE_FILES], 11 * MIB);
	assert_int_equal(h.last.outside[OUTSIDE_ANONYMOUS], 20 * MIB);
	readings_free(r);
}

/* What is touched for the first time is Go's. */
static void test_touched(void **state)
{
	struct memory_history h;
	struct readings *r;

	readings_new(&r, 100 * S);
	for (uint64_t i = 0; i < 60; i++) {
		struct memory_account m = account(i);

		/* 60 MiB of 118 are there; then one more each second. */
		m.rss = (60 + i) * MIB;
		m.not_go = (int64_t)m.rss - 82 * (int64_t)MIB;
		m.mapped_known = i % 5 == 0;
		m.files = 11 * MIB;
		m.anonymous = 20 * MIB;
		m.not_resident = (int64_t)(11 + 20) * (int64_t)MIB - m.not_go;
		readings_add(r, &m, (100 + i) * S);
		readings_history(r, &m, &h);
	}
	assert_true(h.rss.late.value > 0.9 * MIB);
	assert_true(fabs(h.parts[MEMORY_NOT_GO].late.value) < 0.1 * MIB);
	readings_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_collection),
		cmocka_unit_test(test_first_collection_counts_down),
		cmocka_unit_test(test_moment),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
