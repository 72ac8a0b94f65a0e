// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_tally.c - cycles made by hand, and what is told of them.
 */
#include "user/tally.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/gomem/census.h"
#include "user/gomem/census_poll.h"
#include "user/gomem/gomem.h"
#include "user/model.h"

#define S 1000000000ull
#define START (100 * S)

/* ---- the census ------------------------------------------------------------------------------ */

static struct census_counts counts;
static struct census_cycle cycle;
static int failure;		/* of the next reading */
static struct census_counts at_attach;
static int failure_at_attach;
static uint32_t gen_at_attach;
static bool whole;

int census_read(struct gomem *gm, const uint8_t *raw, struct census_past *past,
		struct census_mark *mark)
{
	mark->counts = counts;
	return failure;
}

bool census_add(struct census *c, const struct census_mark *mark, struct census_cycle *out)
{
	c->n_missed += !whole;
	c->last = *mark;
	if (whole)
		*out = cycle;
	return whole;
}

static int seen;		/* what the next look says */

void census_poll_new(struct census_poll **out, struct gomem *gm)
{
	*out = NULL;
}

void census_poll_free(struct census_poll *p) {}

int census_poll_look(struct census_poll *p, uint64_t now_ns, struct census_mark *mark,
		     uint64_t *next_ns)
{
	*mark = (struct census_mark){ .gen = 4, .time_ns = now_ns };
	*next_ns = now_ns + 5;
	return seen;
}

/* ---------------------------------------------------------------------------------------------- */

/* What there was at the attach. */
int census_allocs(struct gomem *gm, struct census_reading *out)
{
	*out = (struct census_reading){ .counts = at_attach, .above[5] = 2 };
	return failure_at_attach;
}

int gomem_sweepgen(struct gomem *gm, uint32_t *gen)
{
	*gen = gen_at_attach;
	return 0;
}

static int setup(void **state)
{
	struct tally *t;

	counts = (struct census_counts){ 0 };
	cycle = (struct census_cycle){ 0 };
	failure = 0;
	whole = true;
	at_attach = (struct census_counts){ .n_alloc[5] = 1000, .n_free[5] = 900,
					    .n_alloc[6] = 50, .n_alloc[0] = 3,
					    .large_alloc_bytes = 1500000,
					    .large_free_bytes = 300000 };
	failure_at_attach = 0;
	gen_at_attach = 2;
	tally_new(&t, NULL, START);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	tally_free(*state);
	return 0;
}

/* 48-byte objects, 10 more each second; large ones that shrink; 50 objects of 64 bytes as ever. */
static void run(struct tally *t, uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		counts.n_alloc[5] = 1000 * i;
		cycle.time_ns = START + (i - 1) * S;
		cycle.live[5] = 70 + 10 * i;
		cycle.live[6] = 50;
		cycle.live[0] = 3;
		cycle.large_bytes = 1000000 - 1000 * i;
		cycle.bytes = cycle.live[5] * 48 + 50 * 64 + cycle.large_bytes;
		tally_mark(t, (uint32_t)(2 * i), START + i * S, NULL);
	}
}

static void test_nothing_yet(void **state)
{
	struct heap_census c;

	whole = false;
	tally_mark(*state, 2, START + S, NULL);
	tally_fill(*state, &c);
	assert_int_equal(c.n_cycles, 0);
	assert_int_equal(c.n_missed, 1);
	assert_null(c.classes);
}

static void test_classes(void **state)
{
	struct heap_census c;

	run(*state, 31);
	tally_fill(*state, &c);
	assert_int_equal(c.n_cycles, 31);
	assert_int_equal(c.live_bytes, 380 * 48 + 3200 + 969000);
	assert_true(c.alloc_span_s == 30);
	assert_true(fabs(c.rate.value - (480 - 1000)) < 1e-6);
	assert_int_equal(c.n_classes, 3);
	assert_int_equal(c.classes[0].size, 48);
	assert_int_equal(c.classes[0].live_objects, 380);
	assert_int_equal(c.classes[0].live_bytes, 380 * 48);
	assert_int_equal(c.classes[0].alloc_objects, 30000);
	assert_true(fabs(c.classes[0].rate.value - 480) < 1e-6);
	assert_int_equal(c.classes[0].rate.samples, 21);	/* of the last two thirds */
	assert_int_equal(c.classes[1].size, 64);
	assert_true(c.classes[1].rate.value == 0);
	assert_int_equal(c.classes[2].size, 0);
	assert_int_equal(c.classes[2].live_objects, 3);
	assert_int_equal(c.classes[2].live_bytes, 969000);
	assert_true(c.classes[2].rate.high < 0);
	free(c.classes);
}

static const double none[CENSUS_CLASSES];

/* What is tracked is compared with the same mark phase only, and never with less than nothing. */
static void test_older(void **state)
{
	struct heap_census c;

	tally_tracked(*state, 4, 1000, none, none, none);
	run(*state, 1);
	tally_fill(*state, &c);
	assert_true(c.older_bytes == UNKNOWN_U64);
	free(c.classes);
	run(*state, 2);
	tally_fill(*state, &c);
	assert_int_equal(c.older_bytes, c.live_bytes - 1000);
	free(c.classes);
	assert_int_equal(c.older_most, 80 * 48 + 50 * 64 + 998000);
	tally_tracked(*state, 6, 1e12, none, none, none);
	run(*state, 3);
	tally_fill(*state, &c);
	assert_int_equal(c.older_bytes, 0);
	free(c.classes);
}

/* What lives and is older than the attach was there in each cycle that was tracked, besides what is
 * known to be younger: however many that is thought to stand for. */
static void test_least_and_most(void **state)
{
	double tracked[CENSUS_CLASSES] = { [5] = 30, [6] = 60 };
	double recorded[CENSUS_CLASSES] = { [5] = 3, [6] = 6 };
	double sure[CENSUS_CLASSES] = { [5] = 2, [6] = 6 };
	struct heap_census c;

	run(*state, 1);
	tally_fill(*state, &c);
	assert_true(isnan(c.classes[0].recorded));
	free(c.classes);
	tally_tracked(*state, 4, 1000, tracked, recorded, sure); /* 90 of 48 bytes, 50 of 64 */
	run(*state, 2);
	tracked[5] = 45;
	recorded[5] = 4;
	sure[5] = 4;
	tally_tracked(*state, 8, 1000, tracked, recorded, sure); /* 110 */
	run(*state, 4);
	run(*state, 5);					/* nobody has looked */
	tally_fill(*state, &c);
	assert_true(c.classes[0].live_objects == 120);
	assert_true(c.classes[0].recorded == 4);
	assert_true(c.classes[0].most == 110 && c.classes[0].least == 110 - 80);
	assert_true(c.classes[1].recorded == 6);
	assert_true(c.classes[1].most == 50 && c.classes[1].least == 6);
	free(c.classes);
	sure[5] = 90;
	tally_tracked(*state, 10, 1000, tracked, recorded, sure); /* 120 */
	run(*state, 5);
	tally_fill(*state, &c);
	assert_true(c.classes[0].most == 120 && c.classes[0].least == 90);
	free(c.classes);
	tally_tracked(*state, 14, 1000, tracked, recorded, sure); /* 140 */
	run(*state, 7);
	tally_fill(*state, &c);
	assert_true(c.classes[0].most == 140 && c.classes[0].least == 140 - (120 - 90));
	free(c.classes);
}

/* What lives now was there when the last mark phase began, as long as the last look is of that one. */
static void test_most_now(void **state)
{
	struct heap_census c;

	tally_tracked(*state, 4, 1000, none, none, none);
	run(*state, 2);
	tally_tracked(*state, 6, 1000, none, none, none);
	counts.n_free[5] = 1800;
	run(*state, 3);				/* gen 6: 3000 allocated, 1800 free */
	tally_fill(*state, &c);
	assert_true(c.classes[0].most == 100 && c.classes[0].most_now == 1200);
	free(c.classes);
	tally_tracked(*state, 8, 1000, none, none, none);
	tally_fill(*state, &c);
	assert_true(c.classes[0].most_now == 1200);
	free(c.classes);
	tally_tracked(*state, 10, 1000, none, none, none);
	tally_fill(*state, &c);
	assert_true(c.classes[0].most_now == INFINITY);
	free(c.classes);
}

/* Nor is it more than there was at the attach: nothing, in a program that has just been started. */
static void test_older_than_attach(void **state)
{
	double tracked[CENSUS_CLASSES] = { [5] = 30, [6] = 60 };
	double recorded[CENSUS_CLASSES] = { [5] = 3, [6] = 6 }, sure[CENSUS_CLASSES] = { [5] = 30 };
	struct heap_census c;
	struct tally *t;

	failure_at_attach = -EAGAIN;
	for (gen_at_attach = 0; gen_at_attach < 4; gen_at_attach += 2) {
		tally_new(&t, NULL, START);
		run(t, 1);
		tally_tracked(t, 4, 1000, tracked, recorded, sure);
		run(t, 2);
		tally_fill(t, &c);
		assert_true(c.classes[0].least == (gen_at_attach ? 30 : 90));
		free(c.classes);
		tally_free(t);
	}
	failure_at_attach = 0;
	at_attach.n_alloc[5] = 920;
	tally_new(&t, NULL, START);
	run(t, 1);
	tally_tracked(t, 4, 1000, tracked, recorded, sure);
	run(t, 2);
	tally_fill(t, &c);
	assert_true(c.classes[0].least == 90 - 22);
	free(c.classes);
	tally_free(t);
}

/* Nor are more bytes than lived then, or in the first cycle, even if nothing is tracked. */
static void test_older_most(void **state)
{
	struct heap_census c;
	struct tally *t;

	for (failure_at_attach = 0; failure_at_attach >= -1; failure_at_attach--) {
		at_attach.n_alloc[5] = 920;
		at_attach.large_free_bytes = 1400000;
		tally_new(&t, NULL, START);
		run(t, 1);			/* 80 of 48 bytes, 999 kB large */
		tally_tracked(t, 4, 0, none, none, none);
		run(t, 2);
		tally_fill(t, &c);
		assert_int_equal(c.older_most, failure_at_attach ? 80 * 48 + 3200 + 998000 :
								   22 * 48 + 3200 + 100000);
		assert_int_equal(c.older_bytes, c.older_most);
		assert_true(c.classes[0].tracked == 0 && c.classes[0].most == 90);
		free(c.classes);
		tally_free(t);
	}
}

/* A reading that fails is not there; counts that seem to fall have not risen. */
static void test_unread(void **state)
{
	struct heap_census c;

	failure = -EFAULT;
	run(*state, 3);
	tally_fill(*state, &c);
	assert_int_equal(c.n_cycles, 0);
	failure = 0;
	counts.n_alloc[7] = 100;
	run(*state, 1);
	counts.n_alloc[7] = 90;
	cycle.live[7] = 9;
	run(*state, 1);
	tally_fill(*state, &c);
	assert_int_equal(c.classes[2].size, 80);
	assert_int_equal(c.classes[2].alloc_objects, 0);
	free(c.classes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* What is known between bounds only grows between bounds; what nobody saw begin is no cycle. */
static void test_look(void **state)
{
	struct heap_census c;
	uint64_t next;

	seen = 0;
	assert_int_equal(tally_look(*state, START + S, &next), 0);
	assert_int_equal(next, START + S + 5);
	tally_fill(*state, &c);
	assert_int_equal(c.n_cycles, 0);
	seen = -ENOTSUP;
	assert_int_equal(tally_look(*state, START + S, &next), -ENOTSUP);
	seen = 1;
	for (uint64_t i = 1; i <= 31; i++) {
		cycle.time_ns = START + (i - 1) * S;
		cycle.live[5] = 70 + 10 * i;
		cycle.below[5] = cycle.above[5] = 20;
		assert_int_equal(tally_look(*state, START + i * S, &next), 1);
	}
	tally_fill(*state, &c);
	assert_int_equal(c.n_cycles, 31);
	assert_int_equal(c.classes[0].size, 48);
	assert_true(fabs(c.classes[0].rate.value - 480) < 1e-6);
	assert_true(c.classes[0].rate.low < 400 && c.classes[0].rate.high > 560);
	free(c.classes);
}

/* One that began later counts what another has seen from then on. */
static void test_follow(void **state)
{
	struct heap_census c;
	struct tally *later;
	uint64_t next;

	seen = 1;
	for (uint64_t i = 1; i <= 51; i++) {
		cycle.time_ns = START + i * S;
		cycle.live[5] = 70 + 10 * i;
		assert_int_equal(tally_look(*state, START + i * S, &next), 1);
		if (i == 21)
			tally_new(&later, NULL, START + 21 * S);
		if (i > 21)
			tally_follow(later, *state);
	}
	tally_fill(later, &c);
	assert_int_equal(c.n_cycles, 30);
	assert_true(fabs(c.classes[0].rate.value - 480) < 1e-6);
	free(c.classes);
	tally_free(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_yet), TEST(test_classes), TEST(test_older),
		TEST(test_least_and_most), TEST(test_most_now), TEST(test_older_than_attach),
		TEST(test_older_most), TEST(test_unread),
		TEST(test_look), TEST(test_follow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
