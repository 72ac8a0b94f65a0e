// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_memory.c - what is said of processes whose memory grows for one reason or another.
 */
#include "user/judge/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000000ull
#define MIB (1ull << 20)

enum { READINGS = 120 };

/* A process of 200 MiB, half of it live; a collection every five readings, so that its garbage goes
 * up and down. */
static struct memory_reading reading(uint64_t i)
{
	struct memory_reading r = {
		.time_ns = (100 + i) * S, .n_collections = 7 + i / 5, .goal = 160 * MIB,
		.allocated_per_s = 12.0 * MIB,
		.parts = {
			[MEMORY_LIVE] = 80 * MIB, [MEMORY_GARBAGE] = (i % 5) * 15 * MIB,
			[MEMORY_FREE] = 6 * MIB, [MEMORY_STACKS] = 4 * MIB,
			[MEMORY_RUNTIME] = 8 * MIB, [MEMORY_NOT_GO] = 12 * MIB,
		},
	};

	r.parts[MEMORY_IDLE] = 80 * MIB - r.parts[MEMORY_GARBAGE];
	return r;
}

static const struct judgement steady = { .verdict = VERDICT_STEADY };

/* change: of the reading before its parts are summed up. */
static struct diagnosis tell(void (*change)(struct memory_reading *r, uint64_t i),
			     const struct judgement *heap, uint64_t limit)
{
	struct memory_history h;
	struct memory_series *s;
	struct diagnosis d;

	memory_series_new(&s, 100 * S);
	for (uint64_t i = 0; i < READINGS; i++) {
		struct memory_reading r = reading(i);

		change(&r, i);
		for (int k = 0; k < N_MEMORY_PARTS; k++)
			r.rss += r.parts[k];
		memory_series_add(s, &r);
	}
	memory_series_history(s, &h);
	memory_tell(&h, heap, heap->verdict, limit, &d);
	memory_series_free(s);
	return d;
}

static void nothing(struct memory_reading *r, uint64_t i) { }

static void leak(struct memory_reading *r, uint64_t i)
{
	r->parts[MEMORY_LIVE] += i * MIB;
	r->goal += 2 * i * MIB;
}

/* As at GOGC=100: garbage comes up to what lives, and idle spans are what is left to that.  rss
 * grows by twice as much, no part by half of it for sure. */
static void plain_leak(struct memory_reading *r, uint64_t i)
{
	uint64_t live = 80 * MIB + i * MIB, garbage = live * (i % 8) / 7;

	r->parts[MEMORY_LIVE] = live - i * MIB / 50;
	r->parts[MEMORY_GARBAGE] = garbage;
	r->parts[MEMORY_IDLE] = live - garbage;
	r->goal = 2 * live;
}

/* Two collections in all: live heap is a step, and what is below it sinks. */
static void steps(struct memory_reading *r, uint64_t i)
{
	r->parts[MEMORY_LIVE] = i < 70 ? 10 * MIB : 200 * MIB;
	r->parts[MEMORY_GARBAGE] = (i < 70 ? i : i - 70) * 2 * MIB;
	r->parts[MEMORY_IDLE] = 0;
}

/* More than rss does, as idle spans are used. */
static void more_than_all(struct memory_reading *r, uint64_t i)
{
	r->parts[MEMORY_LIVE] += 3 * i * MIB;
	r->parts[MEMORY_GARBAGE] = 0;
	r->parts[MEMORY_IDLE] = (600 - 2 * i) * MIB;
}

/* A collection every 32 readings, so few that slopes show what has been allocated since. */
static void few_collections(struct memory_reading *r, uint64_t i)
{
	uint64_t since = (i + 8) % 32;

	r->n_collections = 7 + (i + 8) / 32;
	r->parts[MEMORY_LIVE] = (i / 32) * 2 * MIB;
	r->parts[MEMORY_GARBAGE] = since * MIB / 2 + i * MIB / 4;
	r->parts[MEMORY_IDLE] = 8 * MIB;
}

static void just_collected(struct memory_reading *r, uint64_t i)
{
	few_collections(r, i);
	if (i == READINGS - 1)
		r->parts[MEMORY_GARBAGE] = MIB / 16;
}

/* The heap doubles each time; idle spans are what it has to fill up, and it has. */
static void idle_filled(struct memory_reading *r, uint64_t i)
{
	r->parts[MEMORY_LIVE] = 80 * MIB;
	r->parts[MEMORY_GARBAGE] = i < READINGS - 3 ? 0 : (i - 1) * 3 * MIB;
	r->parts[MEMORY_IDLE] = i < READINGS - 3 ? i * 3 * MIB : 3 * MIB;
}

static void stacks(struct memory_reading *r, uint64_t i) { r->parts[MEMORY_STACKS] += i * MIB; }
static void cgo(struct memory_reading *r, uint64_t i) { r->parts[MEMORY_NOT_GO] += i * MIB; }

/* As the kernel counts files. */
static void malloc_grows(struct memory_reading *r, uint64_t i)
{
	r->outside[OUTSIDE_FILES] = 10 * MIB;
	r->outside[OUTSIDE_ANONYMOUS] = 2 * MIB + i * MIB;
	r->parts[MEMORY_NOT_GO] += i * MIB;
}

static void files_grow(struct memory_reading *r, uint64_t i)
{
	r->outside[OUTSIDE_FILES] = 10 * MIB + i * MIB;
	r->outside[OUTSIDE_ANONYMOUS] = 2 * MIB;
	r->parts[MEMORY_NOT_GO] += i * MIB;
}

static void idle(struct memory_reading *r, uint64_t i) { r->parts[MEMORY_IDLE] += 400 * MIB; }

static void waiting(struct memory_reading *r, uint64_t i)
{
	r->n_collections = 7;
	r->parts[MEMORY_GARBAGE] = i * MIB;
	r->parts[MEMORY_IDLE] = 0;
	r->goal = 400 * MIB;
}

static void headroom(struct memory_reading *r, uint64_t i)
{
	r->parts[MEMORY_GARBAGE] = 300 * MIB + (i % 30) * 10 * MIB;
	r->parts[MEMORY_IDLE] = 0;
}

static void load(struct memory_reading *r, uint64_t i)
{
	double tide = 1 + sin((double)i / 6);

	r->allocated_per_s *= tide;
	r->parts[MEMORY_LIVE] += (uint64_t)(tide * 30 * MIB);
	r->parts[MEMORY_IDLE] -= (uint64_t)(tide * 10 * MIB);
}

static void test_causes(void **state)
{
	static const struct judgement leaks = {
		.verdict = VERDICT_LEAK, .rate = { MIB, 0.9 * MIB, 1.1 * MIB, 70 },
	};
	struct diagnosis d = tell(nothing, &steady, 0);

	assert_int_equal(d.does, BEHAVIOUR_STEADY);
	assert_false(d.rss_grows || d.no_collection);
	assert_true(isnan(d.left_s.value));
	d = tell(leak, &leaks, 0);
	assert_int_equal(d.does, BEHAVIOUR_LEAKS);
	assert_true(d.rss_grows);
	assert_int_equal(d.cause, MEMORY_LIVE);
	assert_true(fabs(d.cause_rate.value / MIB - 1) < 0.01);
	d = tell(stacks, &steady, 0);
	assert_true(d.rss_grows && d.cause == MEMORY_STACKS);
	d = tell(cgo, &steady, 0);
	assert_true(d.rss_grows && d.cause == MEMORY_NOT_GO);
	assert_int_equal(d.does, BEHAVIOUR_STEADY);
	assert_int_equal(d.outside, OUTSIDE_UNKNOWN);
	d = tell(malloc_grows, &steady, 0);
	assert_true(d.rss_grows && d.cause == MEMORY_NOT_GO);
	assert_int_equal(d.outside, OUTSIDE_ANONYMOUS);
	assert_int_equal(d.cause_bytes, (2 + READINGS - 1) * MIB);
	d = tell(files_grow, &steady, 0);
	assert_true(d.rss_grows && d.cause == MEMORY_NOT_GO);
	assert_int_equal(d.outside, OUTSIDE_FILES);
	d = tell(idle, &steady, 0);
	assert_false(d.rss_grows);
	assert_int_equal(d.cause, MEMORY_IDLE);
	assert_true(d.cause_bytes > 400 * MIB);
	d = tell(headroom, &steady, 0);
	assert_false(d.rss_grows);
	assert_int_equal(d.cause, MEMORY_GARBAGE);
	d = tell(waiting, &(struct judgement){ .verdict = VERDICT_TOO_FEW }, 0);
	assert_true(d.rss_grows && d.no_collection && d.cause == MEMORY_GARBAGE);
	assert_int_equal(d.does, BEHAVIOUR_UNKNOWN);
}

/* No part is named that may have none of it, nor one that has less than half. */
static void test_shares(void **state)
{
	struct diagnosis d = tell(plain_leak, &steady, 0);

	assert_true(d.rss_grows && d.cause == MEMORY_HEAP);
	assert_true(fabs(d.cause_rate.value / MIB - 1.98) < 0.05);
	assert_true(d.cause_rate.low > MIB);
	assert_in_range(d.cause_bytes / MIB, 380, 410);
	d = tell(steps, &steady, 0);
	assert_true(d.rss_grows);
	assert_true(isnan(d.cause_rate.value) || d.cause_rate.low > 0);
	assert_int_not_equal(d.cause, MEMORY_GARBAGE);
	d = tell(more_than_all, &steady, 0);
	assert_true(d.rss_grows && d.cause == MEMORY_LIVE);
	assert_true(d.cause_rate.value > 2 * d.rss_rate.value);
}

/* Nor one that slopes show and that has it no more, nor garbage if collections have been. */
static void test_as_of_now(void **state)
{
	struct diagnosis d = tell(few_collections, &steady, 0);

	assert_true(d.rss_grows && !d.no_collection);
	assert_false(isfinite(d.cause_rate.value) && d.cause == MEMORY_GARBAGE);
	d = tell(just_collected, &steady, 0);
	assert_true(d.rss_grows);
	assert_false(isfinite(d.cause_rate.value) && d.cause == MEMORY_GARBAGE);
	d = tell(idle_filled, &steady, 0);
	assert_true(d.rss_grows && d.cause == MEMORY_HEAP);
	assert_true(isfinite(d.cause_rate.value));
}

static void test_behaviour(void **state)
{
	struct judgement heap = { .verdict = VERDICT_GROWING };

	assert_int_equal(tell(load, &steady, 0).does, BEHAVIOUR_FOLLOWS_LOAD);
	assert_int_equal(tell(nothing, &heap, 0).does, BEHAVIOUR_GROWS);
	heap.missing = MISSING_GOES_ON;
	assert_int_equal(tell(nothing, &heap, 0).does, BEHAVIOUR_WARM_UP);
	heap.missing = MISSING_LOAD;
	assert_int_equal(tell(nothing, &heap, 0).does, BEHAVIOUR_FOLLOWS_LOAD);
	heap.verdict = VERDICT_PLATEAU;
	assert_int_equal(tell(nothing, &heap, 0).does, BEHAVIOUR_PLATEAU);
}

/* To 1 GiB, by 1 MiB a second of live heap that is let double, or by what is seen of rss. */
static void test_time_left(void **state)
{
	const struct judgement leaks = {
		.verdict = VERDICT_LEAK, .rate = { MIB, 0.5 * MIB, 2 * MIB, 70 },
	};
	struct diagnosis d = tell(nothing, &leaks, 1024 * MIB);
	double room = 1024 - 190;

	assert_true(fabs(d.left_s.value - room / 2) < 1);
	assert_true(fabs(d.left_s.low - room / 4) < 1);
	assert_true(fabs(d.left_s.high - room) < 1);
	d = tell(leak, &leaks, 1024 * MIB);
	assert_true(fabs(d.left_s.value - (room - READINGS)) < 10);
	d = tell(leak, &leaks, 100 * MIB);		/* it is there */
	assert_true(d.left_s.value == 0);
	assert_true(isnan(tell(nothing, &steady, 1024 * MIB).left_s.value));
}

/* A heap of which so much more lives a second, and 20 MiB/s are allocated: a collection comes when it
 * has doubled, or after two minutes.  After seven, how long 13 more take. */
static void test_collections(void **state)
{
	static const double grows[] = { 0, 2, 8 };

	for (size_t i = 0; i < sizeof(grows) / sizeof(*grows); i++) {
		double live = 40, at = 0, last = 0, seventh = 0;
		struct gc_pacing p = { .known = true, .gc_percent = 100 };
		struct memory_history h;
		struct memory_series *s;
		unsigned n = 0;

		memory_series_new(&s, 100 * S);
		for (; n < 20; at += 0.1) {
			if (at - last >= fmin(live / 20, FORCED_S)) {
				n++;
				live = 40 + grows[i] * at;
				last = at;
			}
			if (n > 7 || (n == 7 && last < at))
				continue;
			memory_series_add(s, &(struct memory_reading){
				.time_ns = 100 * S + (uint64_t)(at * 1e9), .n_collections = n,
				.parts[MEMORY_LIVE] = (uint64_t)(live * (double)MIB) });
			p.next_s = p.every_s = live / 20;
			seventh = at;
		}
		memory_series_history(s, &h);
		memory_series_free(s);
		assert_true(fabs(memory_until_collection(&h, &p, 13) / (last - seventh) - 1) < 0.3);
		p.every_s = 119;		/* or two minutes have passed */
		assert_true(memory_until_collection(&h, &p, 11) <= p.next_s + 1200);
		p.next_s = p.every_s = NAN;
		assert_true(isnan(memory_until_collection(&h, &p, 2)));
	}
}

static void test_nothing_yet(void **state)
{
	const struct judgement heap = { .verdict = VERDICT_TOO_FEW, .rate = { NAN, NAN, NAN, 0 } };
	struct memory_history h;
	struct memory_series *s;
	struct diagnosis d;

	memory_series_new(&s, 100 * S);
	memory_series_history(s, &h);
	memory_tell(&h, &heap, VERDICT_TOO_FEW, 1024 * MIB, &d);
	assert_int_equal(d.does, BEHAVIOUR_UNKNOWN);
	assert_false(d.rss_grows || d.no_collection);
	assert_true(isnan(d.rss_rate.value) && isnan(d.left_s.value));
	memory_series_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_causes), cmocka_unit_test(test_shares),
		cmocka_unit_test(test_as_of_now), cmocka_unit_test(test_behaviour),
		cmocka_unit_test(test_time_left),
		cmocka_unit_test(test_collections),
		cmocka_unit_test(test_nothing_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
