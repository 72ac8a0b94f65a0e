// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_census_poll.c - a collector made of arithmetic, looked at as the real one is: whatever it
 * does and however late the looks are, what is told of a mark phase lies within its bounds.
 */
#include "user/gomem/census_poll.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/gomem/census.h"
#include "user/gomem/gomem_internal.h"

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

enum { CALM = 5, BUSY = 2, READING_US = 40 };

/* ---- the collector --------------------------------------------------------------------------- */

/* Two classes, of which some part leaks: objects a second. */
static const struct { unsigned size_class; double rate, leak; } classes[] = {
	{ CALM, 50000, 300 }, { BUSY, 5000000, 3000 },
};

static struct world {
	uint64_t now;
	uint64_t period, stop, mark, sweep;	/* how long a cycle takes, and its parts */
	uint64_t started, marked;		/* the cycle that runs or ran last */
	uint64_t over;				/* its mark phase ends */
	uint64_t stopped;			/* so long the world has been, with this one */
	uint32_t gen;
	uint64_t forced;			/* cycle that starts for another reason; 0: none */
	uint64_t clock_off;			/* of its clock from ours */
	bool no_sweep_state, no_trigger;
	double freed[ARRAY_SIZE(classes)], to_free[ARRAY_SIZE(classes)];
	size_t n_calls;
	int err;
} w;

/* The time for which the world was not stopped. */
static uint64_t running(uint64_t t)
{
	return (t < w.marked ? w.marked : t) - w.stopped;
}

static double allocated(unsigned i, uint64_t t)
{
	return classes[i].rate * (double)running(t) / 1e9;
}

static double leaked(unsigned i)
{
	return classes[i].leak * (double)running(w.marked) / 1e9;
}

/* What a mark phase that began then leaves to be freed. */
static void end_mark(void)
{
	w.gen += 2;
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		w.freed[i] = w.to_free[i];
		w.to_free[i] = allocated(i, w.marked) - leaked(i);
	}
}

static bool marking(void)
{
	return w.now >= w.marked && w.now < w.over;
}

static void advance(uint64_t to)
{
	while (true) {
		uint64_t next = w.started + w.period;

		if (w.forced > w.started && w.forced < next)
			next = w.forced > w.over + w.sweep ? w.forced : w.over + w.sweep;
		if (w.now < w.over && to >= w.over) {
			w.now = w.over;
			end_mark();
		} else if (to >= next) {
			w.now = next;
			w.started = next;
			w.marked = next + w.stop;
			w.over = w.marked + w.mark;
			w.stopped += w.stop;
		} else {
			break;
		}
	}
	w.now = to;
}

static double freed_by_now(unsigned i)
{
	double part = (double)(w.now - w.over) / (double)w.sweep;

	if (w.now < w.over || part > 1)
		part = 1;
	return w.freed[i] + part * (w.to_free[i] - w.freed[i]);
}

int gomem_gc(const struct gomem *gm, struct gomem_gc *out)
{
	uint64_t in_cycle = w.now > w.over ? w.now - w.over : 0;

	w.n_calls++;
	*out = (struct gomem_gc){
		.gen = w.gen, .phase = marking(), .start_ns = w.started + w.clock_off,
		.mark_ns = w.now > w.marked ? w.marked + w.clock_off : 1,
		.swept = !w.no_sweep_state && w.now >= w.over + w.sweep,
		.heap_live = 1000000 + in_cycle,	/* a byte a ns */
	};
	return w.err;
}

int gomem_trigger(const struct gomem *gm, uint64_t *bytes)
{
	w.n_calls++;
	*bytes = w.no_trigger ? UINT64_MAX : 1000000 + w.period - w.mark - w.stop;
	return 0;
}

static void count(struct census_reading *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		r->counts.n_alloc[classes[i].size_class] = (uint64_t)allocated(i, w.now);
		r->counts.n_free[classes[i].size_class] = (uint64_t)freed_by_now(i);
	}
}

/* What the busy class has handed over in between is not certain. */
int gomem_read_counts(struct gomem *gm, uint32_t gen, struct census_reading *out,
		      struct gomem_gc *gc)
{
	struct census_reading end = { 0 };

	w.n_calls++;		/* and that of gomem_gc() */
	*out = (struct census_reading){ .begin_ns = w.now };
	count(out);
	advance(w.now + READING_US * US);
	count(&end);
	out->end_ns = w.now;
	out->above[BUSY] = end.counts.n_alloc[BUSY] - out->counts.n_alloc[BUSY];
	out->sweeping = end.counts.n_free[BUSY] != out->counts.n_free[BUSY];
	gomem_gc(gm, gc);
	return 0;
}

/* What census.c asks, but not here. */
bool gomem_heapstats_sane(const struct go_layout *lo)
{
	return false;
}

void gomem_add_ring(const struct go_layout *lo, const uint8_t *ring, struct census_counts *c) {}

int gomem_add_cached(struct gomem *gm, struct census_counts *c, struct gomem_cached *cached)
{
	return -EFAULT;
}

int gomem_sweepgen(struct gomem *gm, uint32_t *gen)
{
	return -EFAULT;
}

int target_read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	return -EFAULT;
}

uint64_t golayout_class_size(unsigned size_class)
{
	return 8 * size_class;
}

uint64_t golayout_span_objects(unsigned size_class)
{
	return 1024 / size_class;
}

int gomem_counts_since(struct gomem *gm, uint32_t gen, struct census_reading *out, bool *emptied)
{
	return -EFAULT;
}

/* ---- somebody who looks ---------------------------------------------------------------------- */

struct result {
	size_t n_marks, n_cycles;
	uint64_t n_missed;
	double worst[2];	/* how far live was off, as a part of what is leaked in a second */
	double widest[2];	/* bounds of live, objects */
};

static int setup(void **state)
{
	w = (struct world){
		.now = 10 * S, .started = 10 * S - 60 * MS, .marked = 10 * S - 60 * MS,
		.over = 10 * S - 55 * MS, .gen = 20,
		.period = 100 * MS, .stop = 50 * US, .mark = 5 * MS, .sweep = 10 * MS,
	};
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		w.to_free[i] = w.freed[i] = allocated(i, w.marked) - leaked(i);
	return 0;
}

static void check_cycle(const struct census_cycle *cycle, const double *leaks, struct result *r)
{
	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		unsigned c = classes[i].size_class;
		double live = (double)cycle->live[c], truth = leaks[i];
		double off = fabs(live - truth) / classes[i].leak;
		double wide = (double)(cycle->below[c] + cycle->above[c]);

		assert_true(live - (double)cycle->below[c] <= truth + 2);
		assert_true(live + (double)cycle->above[c] >= truth - 2);
		r->worst[i] = off > r->worst[i] ? off : r->worst[i];
		r->widest[i] = wide > r->widest[i] ? wide : r->widest[i];
	}
}

/* late: each look comes so much too late at most. */
static struct result look(uint64_t seconds, uint64_t late)
{
	uint64_t end = w.now + seconds * S, seed = 1, next;
	double leaks[2][ARRAY_SIZE(classes)] = { 0 };	/* at the last two mark phases */
	struct census_cycle cycle;
	struct census_mark mark;
	struct census_poll *p;
	struct result r = { 0 };
	struct census c = { 0 };

	census_poll_new(&p, NULL);
	while (w.now < end) {
		uint64_t now = w.now;
		int seen = census_poll_look(p, now, &mark, &next);

		assert_true(seen >= 0);
		assert_true(next >= now + 200 * US && next <= now + 2 * S);
		if (seen) {
			r.n_marks++;
			memcpy(leaks[0], leaks[1], sizeof(leaks[0]));
			for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
				leaks[1][i] = leaked(i);
			if (census_add(&c, &mark, &cycle)) {
				r.n_cycles++;
				check_cycle(&cycle, leaks[0], &r);
			}
		}
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		advance((next > w.now ? next : w.now) + (late ? (seed >> 33) % late : 0));
	}
	r.n_missed = c.n_missed;
	census_poll_free(p);
	return r;
}

/* The busy class is seen to a part of what it allocates in a millisecond. */
static void test_regular(void **state)
{
	struct result r = look(30, 0);

	assert_true(r.n_cycles >= 295);
	assert_int_equal(r.n_missed, 0);
	assert_true(w.n_calls <= 30 * 500 + 500);
	assert_true(r.widest[0] < 100 && r.widest[1] < 10000);
	assert_true(r.worst[0] < 0.1 && r.worst[1] < 0.1);
}

/* Twelve collections a minute: few looks, and still next to the begin of each mark phase. */
static void test_calm(void **state)
{
	struct result r;

	w.period = 5 * S;
	w.n_calls = 0;
	r = look(600, 0);
	assert_true(r.n_cycles >= 115);
	assert_int_equal(r.n_missed, 0);
	assert_true(w.n_calls <= 35 * r.n_cycles);
	assert_true(r.widest[0] < 100 && r.widest[1] < 10000);
	assert_true(r.worst[0] < 0.1 && r.worst[1] < 0.1);
}

/* A machine that gives the processor to others. */
static void test_late(void **state)
{
	struct result r = look(30, 4 * MS);

	assert_true(r.n_cycles >= 280);
	assert_true(r.worst[0] < 0.1 && r.worst[1] < 0.1);
	r = look(30, 30 * MS);		/* longer than a mark phase: what it left had been swept */
	assert_true(r.n_cycles >= 200);
	assert_true(r.worst[0] < 0.2);
}

/* Nobody tells whether all has been swept: only what is seen while it is marked counts. */
static void test_no_sweep_state(void **state)
{
	struct result r;

	w.no_sweep_state = true;
	r = look(30, 3 * MS);
	assert_true(r.n_cycles >= 250);
	w.mark = 300 * US;
	r = look(30, 30 * MS);
	assert_true(r.n_missed > r.n_cycles);
}

/* Of a program that collects 500 times a second some cycles are seen, and few reads made. */
static void test_fast(void **state)
{
	struct result r;

	w.period = 2 * MS;
	w.mark = 300 * US;
	w.sweep = 500 * US;
	r = look(20, 100 * US);
	assert_true(w.n_calls <= 20 * 500 + 500);
	assert_true(r.n_cycles >= 60);
	assert_true(r.n_missed > 5000);
}

/* Once in two minutes, and in between for reasons that cannot be foreseen. */
static void test_unforeseen(void **state)
{
	struct result r;

	w.period = 120 * S;
	w.no_trigger = true;
	for (int i = 1; i < 20; i++) {
		w.forced = w.now + (uint64_t)i * 37 * MS;
		r = look(2, MS);
	}
	w.forced = 0;
	r = look(700, MS);
	assert_true(r.n_cycles >= 4 && !r.n_missed);
	assert_true(w.n_calls <= 740 * 10);
}

/* Its clock is not ours: the middle is as good as anything, and the bounds hold. */
static void test_other_clock(void **state)
{
	struct result r;

	w.clock_off = 3600 * S;
	r = look(30, MS);
	assert_true(r.n_cycles >= 290);
	assert_true(r.worst[0] < 1);
}

static void test_errors(void **state)
{
	struct census_mark mark;
	struct census_poll *p;
	uint64_t next;

	census_poll_new(&p, NULL);
	w.err = -ENOTSUP;
	assert_int_equal(census_poll_look(p, w.now, &mark, &next), -ENOTSUP);
	w.err = -ESRCH;
	assert_int_equal(census_poll_look(p, w.now, &mark, &next), -ESRCH);
	census_poll_free(p);
	census_poll_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_regular, setup),
		cmocka_unit_test_setup(test_calm, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_no_sweep_state, setup),
		cmocka_unit_test_setup(test_fast, setup),
		cmocka_unit_test_setup(test_unforeseen, setup),
		cmocka_unit_test_setup(test_other_clock, setup),
		cmocka_unit_test_setup(test_errors, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
