// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_burst.c - programs of loops and clocks under windows that slow them down: what the records
 * stand for adds up to what there would have been.
 */
#include "user/burst.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"

enum { SEED = 1 };

enum { CLASS = 5, OTHER = 6, MAX_G = 64 };

#define HIT_NS 1000.0
#define OPEN_NS 5e6

/* Goroutine i makes its objects this often if nothing slows it, ns; 0: none. */
struct program {
	double every_ns[MAX_G];
	unsigned class[MAX_G];
	bool clock[MAX_G];		/* driven by time, not by how fast it gets on */
};

struct sums {
	double by_g[MAX_G], by_class[BURST_CLASSES];
	uint64_t n;
	uint64_t last;			/* address */
	bool in_order;
};

static void sum_up(void *ctx, const struct burst_record *r)
{
	struct sums *s = ctx;
	double weight = r->rec.chance ? 0x1p32 / r->rec.chance : 1;

	s->by_g[r->rec.g - 1] += weight;
	s->by_class[r->class] += weight;
	s->in_order = (!s->n || s->in_order) && r->rec.addr > s->last;
	s->last = r->rec.addr;
	s->n++;
}

static void add(struct burst *w, uint64_t g, unsigned class, uint32_t chance)
{
	static uint64_t addr = 0xc000000000;
	const struct burst_record r = {
		.rec = { .addr = addr += 64, .g = g, .chance = chance }, .bytes = 64,
		.class = (uint8_t)class,
	};

	assert_true(burst_add(w, &r));
}

/* What the goroutine gets done in the window: each object takes a hit longer, unless there is time
 * between two anyhow. */
static unsigned done(const struct program *p, unsigned i, double hit_ns)
{
	double each = p->every_ns[i] + (p->clock[i] ? 0 : hit_ns);

	return (unsigned)lround(OPEN_NS / each);
}

/* real: what a hit takes in truth. */
static struct sums run(const struct program *p, double real, bool known)
{
	double expected[BURST_CLASSES] = { 0 };
	const struct burst_facts facts = { .hit_ns = HIT_NS, .open_ns = OPEN_NS, .over = true,
					    .expected = known ? expected : NULL };
	struct sums s = { 0 };
	struct burst *w;
	uint64_t n = 0;

	burst_new(&w, SEED);
	for (unsigned i = 0; i < MAX_G; i++) {
		if (!(p->every_ns[i] > 0))
			continue;
		expected[p->class[i]] += OPEN_NS / p->every_ns[i];
		for (unsigned k = 0; k < done(p, i, real); k++, n++)
			add(w, i + 1, p->class[i], 0);
	}
	assert_int_equal(burst_n(w), n);
	burst_feed(w, &facts, sum_up, &s);
	assert_int_equal(burst_n(w), 0);
	assert_true(s.n <= n);	/* what stands for less than itself is left out by chance */
	assert_true(s.in_order);
	burst_free(w);
	for (unsigned i = 0; i < MAX_G && known; i++)	/* as will be done by who knows the truth */
		if (s.by_class[p->class[i]] > 0)
			s.by_g[i] *= expected[p->class[i]] / s.by_class[p->class[i]];
	return s;
}

static void assert_share(double got, double want, double by)
{
	if (!(fabs(got - want) <= by * want))
		fail_msg("%g is not %g +- %g%%", got, want, 100 * by);
}

/* Two loops of 100 ns beside a clock of 1 ms, of one class: scaled alike, the clock would be taken
 * for eleven times what it is.  However wrong the cost of a hit. */
static void test_loops_and_a_clock(void **state)
{
	static const double wrong[] = { 0.7, 0.9, 1, 1.1, 1.5 };
	const struct program p = { .every_ns = { 100, 100, 1e6 }, .clock = { false, false, true },
				   .class = { CLASS, CLASS, CLASS } };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct sums s = run(&p, HIT_NS * wrong[i], true);

		assert_share(s.by_g[2], 5, 0.002);
		assert_share(s.by_g[0], 50000, 0.002);
		assert_share(s.by_g[1], 50000, 0.002);
		assert_share(s.by_class[CLASS], 100005, 0.002);
	}
}

/* What leaks in the loop itself, and what leaks by the clock in a class of its own. */
static void test_classes(void **state)
{
	const struct program p = { .every_ns = { 100, 1e6, 20000 }, .clock = { false, true, true },
				   .class = { CLASS, OTHER, OTHER } };
	struct sums s = run(&p, HIT_NS, true);

	assert_share(s.by_g[0], 50000, 0.002);
	assert_share(s.by_g[1], 5, 0.06);
	assert_share(s.by_g[2], 250, 0.06);	/* 250 hits: it seems a twentieth slower */
}

/* Goroutines that are slowed a little: the cost of a hit tells by how much. */
static void test_warm(void **state)
{
	struct program p = { .every_ns = { 0 } };
	struct sums s;

	for (unsigned i = 0; i < 40; i++) {
		p.every_ns[i] = 10000 + 1000 * i;
		p.class[i] = CLASS;
	}
	s = run(&p, HIT_NS, true);
	for (unsigned i = 0; i < 40; i++)
		assert_share(s.by_g[i], OPEN_NS / p.every_ns[i], 0.05);
}

/* The others do less in the window as well, since they wait for the slow ones, or more, as it happens:
 * a class without slow ones tells.  What counts is how they relate. */
static void test_others_do_less_or_more(void **state)
{
	static const double times[] = { 0.5, 0.8, 1.25, 2 };

	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		double expected[BURST_CLASSES] = { [CLASS] = 51000, [OTHER] = 10000 }, g;
		const struct burst_facts facts = { .hit_ns = HIT_NS, .open_ns = OPEN_NS,
						   .expected = expected, .over = true };
		struct sums s = { 0 };
		struct burst *w;

		burst_new(&w, SEED);
		for (unsigned k = 0; k < 4500; k++)	/* which were 50000 */
			add(w, 1, CLASS, 0);
		for (unsigned k = 0; k < 500 * times[i]; k++)
			add(w, 2 + k % 10, CLASS, 0);	/* 500 */
		for (unsigned k = 0; k < 10000 * times[i]; k++)
			add(w, 12 + k % 50, OTHER, 0);
		expected[CLASS] -= 500;
		burst_feed(w, &facts, sum_up, &s);
		g = expected[CLASS] / s.by_class[CLASS];	/* as it will be scaled */
		assert_share(g * s.by_g[0], 50000, 0.01);
		assert_share(g * (s.by_class[CLASS] - s.by_g[0]), 500, 0.1);
		burst_free(w);
	}
}

/* Without the runtime's counts the cost of a hit is all there is. */
static void test_unknown(void **state)
{
	const struct program p = { .every_ns = { 500, 1e6 }, .clock = { false, true },
				   .class = { CLASS, CLASS } };
	struct sums s = run(&p, HIT_NS, false);

	assert_share(s.by_g[0], 10000, 0.01);
	assert_share(s.by_g[1], 5, 0.01);
}

/* The runtime counts less than there are records: none stands for less than itself. */
static void test_fewer_than_recorded(void **state)
{
	const struct program p = { .every_ns = { 100, 1e6 }, .clock = { false, true },
				   .class = { CLASS, OTHER } };
	struct burst *w;
	struct sums s = { 0 };
	double expected[BURST_CLASSES] = { [CLASS] = 10 };
	const struct burst_facts facts = { .hit_ns = HIT_NS, .open_ns = OPEN_NS,
					    .expected = expected, .over = true };

	burst_new(&w, SEED);
	for (unsigned k = 0; k < done(&p, 0, HIT_NS); k++)
		add(w, 1, CLASS, 0);
	burst_feed(w, &facts, sum_up, &s);
	assert_true(s.by_g[0] == s.n);
	burst_free(w);
}

/* What one window happens to meet does not decide: they are weighed together. */
static void test_uneven_windows(void **state)
{
	double expected[BURST_CLASSES] = { [CLASS] = 20000 };
	const struct burst_facts facts = { .hit_ns = HIT_NS, .open_ns = OPEN_NS,
					   .expected = expected, .over = true };
	struct sums s = { 0 };
	struct burst *w;

	burst_new(&w, SEED);
	for (unsigned i = 0; i < 200; i++) {
		/* a program that works in every other window, for twice the mean */
		for (unsigned k = 0; k < (i % 2 ? 4000 : 4); k++)
			add(w, 1, CLASS, 0);
		if (i == 150)
			memset(&s, 0, sizeof(s));
		burst_feed(w, &facts, sum_up, &s);
	}
	assert_share(s.by_g[0], 50 * 20000, 0.1);
	burst_free(w);
}

/* Drawn by chance in the window as well: both chances count. */
static void test_drawn(void **state)
{
	double expected[BURST_CLASSES] = { [CLASS] = 40000 };
	const struct burst_facts facts = { .hit_ns = HIT_NS, .open_ns = OPEN_NS,
					    .expected = expected, .over = true };
	struct sums s = { 0 };
	struct burst *w;

	burst_new(&w, SEED);
	for (unsigned k = 0; k < 2000; k++)
		add(w, 1, CLASS, 1u << 30);
	add(w, 2, CLASS, 1u << 30);
	burst_feed(w, &facts, sum_up, &s);
	assert_share(s.by_g[1], 4, 0.001);
	assert_share(s.by_g[0], 39996, 0.001);
	burst_free(w);
}

/* Fed in the middle of the window, and at its end: hits before count for how slow one was, and what
 * there was before for how much it stands for. */
static void test_two_parts(void **state)
{
	double expected[BURST_CLASSES] = { [CLASS] = 25000 };
	struct burst_facts facts = { .hit_ns = HIT_NS, .open_ns = OPEN_NS / 2,
				      .expected = expected };
	struct sums s = { 0 };
	struct burst *w;

	burst_new(&w, SEED);
	for (unsigned k = 0; k < 2270; k++)
		add(w, 1, CLASS, 0);
	burst_feed(w, &facts, sum_up, &s);
	assert_share(s.by_g[0], 25000, 0.002);
	for (unsigned k = 0; k < 10; k++)
		add(w, 1, CLASS, 0);
	facts.open_ns = OPEN_NS;
	facts.over = true;
	expected[CLASS] = 1000;
	memset(&s, 0, sizeof(s));
	burst_feed(w, &facts, sum_up, &s);
	assert_share(s.by_g[0], 10 * 26000.0 / 2280, 0.002);
	add(w, 1, CLASS, 0);	/* in the next window it is not slow */
	memset(&s, 0, sizeof(s));
	burst_feed(w, &facts, sum_up, &s);
	assert_share(s.by_g[0], 1, 0.001);
	burst_free(w);
}

static void test_full(void **state)
{
	const struct burst_record r = { .rec = { .addr = 64, .g = 1 } };
	const struct burst_facts facts = { .hit_ns = HIT_NS, .open_ns = OPEN_NS };
	struct sums s = { 0 };
	struct burst *w;

	burst_new(&w, SEED);
	for (unsigned i = 0; i < BURST_RECORDS; i++)
		assert_true(burst_add(w, &r));
	assert_false(burst_add(w, &r));
	burst_feed(w, &facts, sum_up, &s);
	assert_true(burst_add(w, &r));
	burst_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loops_and_a_clock),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_warm),
		cmocka_unit_test(test_others_do_less_or_more),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_fewer_than_recorded),
		cmocka_unit_test(test_uneven_windows),
		cmocka_unit_test(test_drawn),
		cmocka_unit_test(test_two_parts),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
