// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_budget.c - choices by price, and programs whose rates do what they like: what they were made
 * to pay stays below the budget.
 */
#include "user/budget.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"

#define S 1000000000ull
#define MS 1000000ull

static const struct budget_costs costs = { .hit = 1500, .dropped = 750, .planting = 20000 };

static struct budget_setup setup_of(double percent)
{
	return (struct budget_setup){
		.percent = percent, .heap = true, .goroutines = true, .forced = N_SOURCES,
		.distance = BUDGET_ANY, .can_burst = true, .n_heap = 4, .n_go = 2, .seed = 42,
	};
}

/* ---- the first choice ------------------------------------------------------------------------ */

struct first {
	double allocs, starts;		/* a second; objects of 64 bytes */
	uint64_t profile_bytes;
	struct budget_setup setup;
};

static struct budget_choice first_choice(const struct first *f, struct budget_price *price)
{
	const struct budget_counts from = { .time_ns = S }, to = {
		.time_ns = 2 * S, .allocs = (uint64_t)f->allocs,
		.alloc_bytes = (uint64_t)f->allocs * 64, .starts = (uint64_t)f->starts,
		.profile_bytes = f->profile_bytes,
	};
	struct budget_choice c;
	struct budget *b;

	budget_new(&b, &f->setup);
	budget_set_costs(b, &costs);
	budget_price(b, &from, &to, price);
	budget_start(b, 2 * S);
	c = *budget_choice(b);
	budget_drop(b);
	return c;
}

static void assert_first(const struct first *f, enum source heap, enum source goroutines)
{
	struct budget_price price;
	struct budget_choice c = first_choice(f, &price);

	if (c.heap != heap || c.goroutines != goroutines)
		fail_msg("%g allocations a second, %g starts: %s and %s instead of %s and %s",
			 f->allocs, f->starts, source_names[c.heap], source_names[c.goroutines],
			 source_names[heap], source_names[goroutines]);
}

/* At 1.5 us a hit, 1 % of a core are 6,667 hits a second. */
static void test_price(void **state)
{
	const struct first f = { .allocs = 10000, .starts = 100, .setup = setup_of(1) };
	struct budget_price price;

	first_choice(&f, &price);
	assert_true(fabs(price.heap - 1.5) < 1e-9);
	assert_true(fabs(price.goroutines - 0.03) < 1e-9);
	assert_true(fabs(price.allocs - 10000) < 1e-9 && fabs(price.starts - 100) < 1e-9);
}

/* What hits take besides, and it stays as it was where it is not known. */
static void test_wakes(void **state)
{
	struct budget_costs woken = costs;
	const struct budget_counts from = { .time_ns = S }, to = { .time_ns = 2 * S, .starts = 1000 };
	const struct budget_setup setup = setup_of(1);
	struct budget_price price;
	struct budget *b;

	woken.wakes = 0.5;
	budget_new(&b, &setup);
	budget_set_costs(b, &woken);
	budget_price(b, &from, &to, &price);
	assert_true(fabs(price.goroutines - 1000 * 2 * 1.5 * 1.5e-6 * 100) < 1e-9);
	woken.wakes = NAN;
	budget_set_costs(b, &woken);
	assert_true(budget_costs(b)->wakes == 0.5);
	budget_drop(b);
}

static void test_first_choice(void **state)
{
	struct first f = { .allocs = 5000, .starts = 10, .setup = setup_of(1) };

	assert_first(&f, SOURCE_EVERY, SOURCE_EVERY);
	f.allocs = 9000;
	assert_first(&f, SOURCE_SAMPLE, SOURCE_EVERY);
	f.allocs = 3e6;
	assert_first(&f, SOURCE_BURST, SOURCE_EVERY);
	f.profile_bytes = 512 << 10;
	assert_first(&f, SOURCE_PROFILE, SOURCE_EVERY);
	f.starts = 50000;
	assert_first(&f, SOURCE_PROFILE, SOURCE_BURST);
	f.allocs = 100;
	assert_first(&f, SOURCE_EVERY, SOURCE_BURST);
	f.allocs = 3e6;
	f.profile_bytes = 0;
	f.setup.can_burst = false;
	assert_first(&f, SOURCE_NONE, SOURCE_NONE);
	f.setup = setup_of(100);
	f.allocs = 500000;
	f.starts = 10000;
	assert_first(&f, SOURCE_EVERY, SOURCE_EVERY);
	f.setup.heap = false;
	assert_first(&f, SOURCE_NONE, SOURCE_EVERY);
	f.setup.heap = true;
	f.setup.goroutines = false;
	assert_first(&f, SOURCE_EVERY, SOURCE_NONE);
}

/* What is forced is taken at any price, where it is to be had at all. */
static void test_forced(void **state)
{
	struct first f = { .allocs = 3e6, .starts = 50000, .setup = setup_of(1) };
	struct budget_price price;

	f.setup.forced = SOURCE_EVERY;
	assert_first(&f, SOURCE_EVERY, SOURCE_EVERY);
	f.setup.forced = SOURCE_SAMPLE;
	assert_first(&f, SOURCE_SAMPLE, SOURCE_EVERY);
	f.setup.forced = SOURCE_PROFILE;
	assert_first(&f, SOURCE_NONE, SOURCE_BURST);
	f.profile_bytes = 512 << 10;
	assert_first(&f, SOURCE_PROFILE, SOURCE_BURST);
	f.allocs = f.starts = 1;
	f.setup.forced = SOURCE_BURST;
	assert_first(&f, SOURCE_BURST, SOURCE_EVERY);
	f.setup.can_burst = false;
	assert_first(&f, SOURCE_NONE, SOURCE_EVERY);
	f.setup = setup_of(1);
	f.setup.distance = 4096;
	assert_first(&f, SOURCE_SAMPLE, SOURCE_EVERY);
	assert_int_equal(first_choice(&f, &price).distance, 4096);
	f.allocs = 3e6;
	assert_first(&f, SOURCE_PROFILE, SOURCE_EVERY);
	f.profile_bytes = 0;
	assert_first(&f, SOURCE_BURST, SOURCE_EVERY);
	assert_int_equal(first_choice(&f, &price).distance, 4096);
}

/* As many samples as are affordable: the distance is no more than twice what it must be. */
static void test_distance(void **state)
{
	for (double allocs = 6000; allocs < 10000; allocs += 500) {
		const struct first f = { .allocs = allocs, .setup = setup_of(1) };
		struct budget_price price;
		struct budget_choice c = first_choice(&f, &price);
		double kept = fmin(allocs, allocs * 64 / (double)c.distance), cost;

		assert_int_equal(c.heap, SOURCE_SAMPLE);
		cost = allocs * 750 + kept * 750;
		assert_in_range((uint64_t)cost, 0, 10000000);
		assert_true(allocs * 750 + 2 * kept * 750 > 0.75e7 || kept >= allocs);
	}
}

/* ---- programs -------------------------------------------------------------------------------- */

struct program {
	double (*allocs)(double s);	/* a second and thread, unless traced */
	double (*starts)(double s);	/* a second, likewise; NULL: none */
	double threads;
	uint64_t profile_bytes;
	struct budget_setup setup;
	bool unknown;			/* no price before, and no counts */
	double slowed_ns;		/* what a start that is seen takes, beyond its hits */
};

/* What was seen when the program had run for so long. */
struct run {
	double spent_ns, most_over_ns;	/* at any time beyond what may have been spent by then */
	double lost_ns;			/* likewise, to the program, by starts that were seen */
	double allocs, starts;		/* done */
	double seconds[N_SOURCES];	/* that the heap was listened to like this */
	double seen;			/* allocations recorded in windows */
	double changed_s;		/* when the choice was last another one */
	unsigned n_windows, n_changes;
	enum source heap, goroutines;	/* at the end */
};

struct machine {
	const struct program *p;
	struct budget *b;
	struct run *out;
	uint64_t now;
	uint64_t opened_ns;		/* 0: no window is open */
	double opened_spent;
	struct budget_window window;
	struct budget_counts counts;
	double bytes;
};

static enum source source_now(const struct machine *m, enum source s)
{
	if (s != SOURCE_BURST)
		return s;
	return m->opened_ns ? SOURCE_EVERY : SOURCE_NONE;
}

/* One step: who is trapped does less. */
static void step(struct machine *m, uint64_t dt)
{
	const struct budget_choice *c = budget_choice(m->b);
	double s = (double)m->now / S, wanted = m->p->allocs(s), per_hit = 0, kept = 1, done;
	double starts = m->p->starts ? m->p->starts(s) * dt / S : 0;

	switch (source_now(m, c->heap)) {
	case SOURCE_EVERY:
		per_hit = costs.hit;
		break;
	case SOURCE_SAMPLE:
		kept = fmin(1, 64 / (double)c->distance);
		per_hit = costs.dropped + kept * (costs.hit - costs.dropped);
		break;
	case SOURCE_PROFILE:
		kept = fmin(1, 64 / (double)m->p->profile_bytes);
		per_hit = kept * costs.hit;
		break;
	default:
		kept = 0;
	}
	done = wanted / (1 + wanted * per_hit / S) * m->p->threads * dt / S;
	m->out->spent_ns += done * per_hit;
	if (m->opened_ns)
		m->out->seen += done * kept;
	if (source_now(m, c->goroutines) == SOURCE_EVERY) {
		double hits = c->goroutines == SOURCE_BURST ? 1 : 2;	/* no ends in windows */

		if (m->p->slowed_ns)
			starts /= 1 + starts / (double)dt * (costs.hit + m->p->slowed_ns);
		m->out->spent_ns += starts * hits * costs.hit;
		m->out->lost_ns += starts * (hits * costs.hit + m->p->slowed_ns);
	}
	m->out->allocs += done;
	m->out->starts += starts;
	m->bytes += done * 64;
	m->out->seconds[c->heap] += (double)dt / S;
	m->now += dt;
}

static void read_counts(struct machine *m)
{
	m->counts = (struct budget_counts){
		.time_ns = m->now, .allocs = (uint64_t)m->out->allocs,
		.alloc_bytes = (uint64_t)m->bytes, .starts = (uint64_t)m->out->starts,
		.profile_bytes = m->p->profile_bytes,
	};
}

static void open_window(struct machine *m)
{
	const struct budget_choice *c = budget_choice(m->b);

	budget_window(m->b, &m->window);
	m->opened_ns = m->now;
	m->out->n_windows++;
	m->out->spent_ns += 2 * costs.planting * ((c->heap == SOURCE_BURST ? 4 : 0) +
						  (c->goroutines == SOURCE_BURST ? 2 : 0));
	m->opened_spent = m->out->spent_ns;
}

/* What tracing does every tick, and what watches over a window. */
static void control(struct machine *m, bool tick)
{
	unsigned int wants;

	if (m->opened_ns && (m->now - m->opened_ns >= m->window.length_ns ||
			     m->out->spent_ns - m->opened_spent >= m->window.max_ns)) {
		budget_window_end(m->b, m->now, m->out->spent_ns, m->now - m->opened_ns);
		m->opened_ns = 0;
	}
	if (!tick)
		return;
	wants = budget_tick(m->b, m->now, m->out->spent_ns);
	if (wants & BUDGET_WINDOW)
		open_window(m);
	if (!(wants & BUDGET_COUNT))
		return;
	read_counts(m);
	if (budget_count(m->b, m->p->unknown ? NULL : &m->counts)) {
		m->out->n_changes++;
		m->out->changed_s = (double)m->now / S;
	}
}

static void start(struct machine *m, const struct program *p, struct run *out)
{
	struct budget_counts from;
	struct budget_price price;

	*out = (struct run){ 0 };
	*m = (struct machine){ .p = p, .out = out, .now = S };
	budget_new(&m->b, &p->setup);
	budget_set_costs(m->b, &costs);
	read_counts(m);
	from = m->counts;
	m->out->allocs += p->allocs(1) * p->threads / 10;
	m->bytes += p->allocs(1) * p->threads / 10 * 64;
	m->out->starts += p->starts ? p->starts(1) / 10 : 0;
	m->now += S / 10;
	read_counts(m);
	if (!p->unknown)
		budget_price(m->b, &from, &m->counts, &price);
	budget_start(m->b, m->now);
}

static struct run run(const struct program *p, double seconds)
{
	struct machine m;
	struct run out;
	uint64_t began;
	double over;

	start(&m, p, &out);
	began = m.now;
	for (unsigned i = 1; i <= seconds * 1000; i++) {
		step(&m, MS);
		control(&m, i % 20 == 0);
		over = out.spent_ns - (double)(m.now - began) * p->setup.percent / 100;
		out.most_over_ns = fmax(out.most_over_ns, over);
	}
	out.heap = budget_choice(m.b)->heap;
	out.goroutines = budget_choice(m.b)->goroutines;
	budget_drop(m.b);
	return out;
}

/* Of one core. */
static double percent(const struct run *r, double seconds)
{
	return r->spent_ns / seconds / S * 100;
}

static double steady_3m(double s) { return 1.5e6; }
static double steady_5k(double s) { return 2500; }
static double jumps(double s) { return s < 30 ? 2500 : 1.5e6; }
static double falls(double s) { return s < 10 ? 1.5e6 : 1000; }
static double saw(double s) { return fmod(s, 20) < 0.1 ? 1.5e6 : 500; }
static double blinks(double s) { return fmod(s, 1) < 0.5 ? 1.5e6 : 500; }
static double spikes(double s) { return fmod(s, 0.011) < 0.002 ? 3e6 : 1e5; }
static double slow_rise(double s) { return 1000 * exp(s / 10); }
static double few(double s) { return 100; }
static double fifty_thousand(double s) { return 50000; }
static double ten_thousand(double s) { return 10000; }
static double go_jumps(double s) { return s < 20 ? 100 : 50000; }

/* Steady programs: the source is the right one from the begin and stays, and most of the budget is
 * used where there is more to be had for it. */
static void test_steady(void **state)
{
	struct program p = { .allocs = steady_3m, .threads = 2, .setup = setup_of(1) };
	struct run r = run(&p, 60);

	assert_int_equal(r.n_changes, 0);
	assert_int_equal(r.heap, SOURCE_BURST);
	assert_true(percent(&r, 60) < 1 && percent(&r, 60) > 0.7);
	assert_in_range(r.n_windows, 40, 61);
	assert_true(r.seen > 0.7 * 60 * 6000);
	p.allocs = steady_5k;
	r = run(&p, 60);
	assert_int_equal(r.n_changes, 0);
	assert_int_equal(r.heap, SOURCE_EVERY);
	assert_true(percent(&r, 60) < 1);
}

/* However small the budget and large the machine: then windows are rare. */
static void test_budgets(void **state)
{
	static const double percents[] = { 0.05, 0.2, 1, 5, 50 }, threads[] = { 1, 8, 64 };

	for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(threads); k++) {
			const struct program p = { .allocs = steady_3m, .threads = threads[k],
						   .setup = setup_of(percents[i]) };
			struct run r = run(&p, 600);

			if (percent(&r, 600) > percents[i])
				fail_msg("%g threads, %g%%: cost %g%%", threads[k], percents[i],
					 percent(&r, 600));
			assert_true(r.n_windows >= 3);
		}
	}
}

/* Never more than the budget by what a sudden rise costs until it is noticed: 20 ms and a little of
 * all threads, and what the account may hold. */
static void assert_never_over(const struct run *r, const struct program *p, const char *name)
{
	double may = 0.03 * S * p->threads + 0.6 * S * p->setup.percent / 100;

	if (r->most_over_ns > may)
		fail_msg("%s: %g ms over the budget, not %g", name, r->most_over_ns / MS, may / MS);
}

static void test_never_over(void **state)
{
	static const struct { const char *name; double (*allocs)(double s); } all[] = {
		{ "steady", steady_3m }, { "jumps", jumps }, { "falls", falls }, { "saw", saw },
		{ "blinks", blinks }, { "spikes", spikes }, { "slow rise", slow_rise },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		for (int k = 0; k < 8; k++) {
			struct program p = { .allocs = all[i].allocs, .threads = k & 1 ? 2 : 16,
					     .setup = setup_of(k & 2 ? 1 : 0.2),
					     .unknown = k & 4 };
			struct run r = run(&p, 120);

			assert_never_over(&r, &p, all[i].name);
		}
	}
}

/* A jump is answered within 100 ms, and what it cost is paid back. */
static void test_jump(void **state)
{
	const struct program p = { .allocs = jumps, .threads = 2, .setup = setup_of(1) };
	struct run before = run(&p, 28.9), at = run(&p, 29), after = run(&p, 90);

	assert_int_equal(before.heap, SOURCE_EVERY);
	assert_int_equal(after.heap, SOURCE_BURST);
	assert_true(after.changed_s < 30.1);
	assert_true(after.n_windows > 10);
	assert_true(percent(&at, 29) < 1 && percent(&after, 90) < 1);
}

/* What has become affordable is taken, but not at once; who jumps up and down waits longer. */
static void test_more(void **state)
{
	struct program p = { .allocs = falls, .threads = 2, .setup = setup_of(1) };
	struct run r = run(&p, 12), later = run(&p, 40);

	assert_int_equal(r.heap, SOURCE_BURST);
	assert_int_equal(later.heap, SOURCE_EVERY);
	assert_int_equal(later.n_changes, 1);
	p.allocs = saw;
	r = run(&p, 600);
	assert_in_range(r.n_changes, 3, 9);
	assert_true(percent(&r, 600) < 1);
}

static void test_goroutines(void **state)
{
	struct program p = { .allocs = few, .starts = fifty_thousand, .threads = 2,
			     .setup = setup_of(1) };
	struct run r = run(&p, 60);

	assert_int_equal(r.goroutines, SOURCE_BURST);
	assert_int_equal(r.heap, SOURCE_EVERY);
	assert_true(percent(&r, 60) < 1);
	assert_in_range(r.n_windows, 40, 61);
	/* enough of them, and no more */
	assert_true(r.spent_ns > 0.9 * r.n_windows * 1000 * costs.hit);
	assert_true(r.spent_ns < 1.1 * (r.n_windows * (1000 * costs.hit + 4 * costs.planting) +
				       r.allocs * costs.hit));
	p.starts = go_jumps;
	r = run(&p, 60);
	assert_int_equal(r.goroutines, SOURCE_BURST);
	assert_int_equal(r.heap, SOURCE_EVERY);
	assert_true(r.changed_s < 20.1);
	assert_true(percent(&r, 60) < 1);
	p.allocs = steady_3m;
	r = run(&p, 60);
	assert_int_equal(r.goroutines, SOURCE_BURST);
	assert_int_equal(r.heap, SOURCE_BURST);
	assert_true(percent(&r, 60) < 1);
}

/* A start that is seen holds the program up for three times as long as the hit takes. */
static void test_slowed(void **state)
{
	struct program p = { .allocs = few, .starts = ten_thousand, .threads = 2,
			     .setup = setup_of(0.15), .slowed_ns = 2 * costs.hit };
	struct run r = run(&p, 60), unslowed;

	assert_int_equal(r.goroutines, SOURCE_BURST);
	assert_in_range(r.n_windows, 40, 61);
	assert_true(r.lost_ns / 60 / S < 0.0021);	/* the first windows did not know */
	assert_true(r.lost_ns / 60 / S > 0.00075);
	p.slowed_ns = 0;
	unslowed = run(&p, 60);
	assert_true(unslowed.lost_ns / 60 / S > 0.0008);	/* takes what it may */
}

/* The profiler is switched off while it is listened to, and on again. */
static void test_profiler_goes(void **state)
{
	struct program p = { .allocs = steady_3m, .threads = 2, .profile_bytes = 512 << 10,
			     .setup = setup_of(1) };
	struct machine m;
	struct run out;

	start(&m, &p, &out);
	for (unsigned i = 1; i <= 60000; i++) {
		if (i == 10000)
			p.profile_bytes = 0;
		if (i == 30000)
			p.profile_bytes = 512 << 10;
		step(&m, MS);
		control(&m, i % 20 == 0);
		if (i == 9000 || i == 60000)
			assert_int_equal(budget_choice(m.b)->heap, SOURCE_PROFILE);
		if (i == 12000)
			assert_int_equal(budget_choice(m.b)->heap, SOURCE_BURST);
	}
	assert_true(percent(&out, 60) < 1);
	budget_drop(m.b);
}

/* Windows fall on all phases of what the program does once a second. */
static void test_phase(void **state)
{
	const struct program p = { .allocs = steady_3m, .threads = 2, .setup = setup_of(1) };
	unsigned bins[10] = { 0 };
	struct machine m;
	struct run out;

	start(&m, &p, &out);
	for (unsigned i = 1, n = 0; i <= 1000000; i++) {
		step(&m, MS);
		control(&m, i % 20 == 0);
		if (out.n_windows != n)
			bins[m.now / (S / 10) % 10]++;
		n = out.n_windows;
	}
	budget_drop(m.b);
	for (int i = 0; i < 10; i++)
		assert_in_range(bins[i], 50, 150);
}

/* Ticks until a window is due; when that is. */
static uint64_t until_window(struct budget *b, uint64_t now, double spent_ns)
{
	const uint64_t give_up = now + 60 * S;

	while (now < give_up && !(budget_tick(b, now, spent_ns) & BUDGET_WINDOW))
		now += 20 * MS;
	return now;
}

/* The first hits, of a program that hardly did anything, were dear; a flood begins, and its first
 * window seems to have taken 13 processors where there are two: that cannot be, and is no reason to
 * listen less from then on. */
static void test_dear_begin(void **state)
{
	const struct budget_counts from = { .time_ns = S / 2 }, to = { .time_ns = S, .allocs = 10 };
	struct budget_setup setup = setup_of(1);
	struct budget_costs dear = costs;
	struct budget_price price;
	struct budget_window w;
	struct budget *b;
	uint64_t first, second;

	setup.processors = 2;
	setup.forced = SOURCE_BURST;
	setup.goroutines = false;
	dear.hit = 25000;
	budget_new(&b, &setup);
	budget_set_costs(b, &dear);
	budget_price(b, &from, &to, &price);
	budget_start(b, S);
	first = until_window(b, S, 0);
	budget_window_end(b, first + 7 * MS, 95 * MS, 7 * MS);
	budget_set_costs(b, &costs);
	second = until_window(b, first + 20 * MS, 95 * MS);
	assert_in_range(second - first, 0, 3 * S);
	budget_window(b, &w);
	assert_in_range(w.length_ns, 10 * MS, 100 * MS);
	budget_drop(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_price), cmocka_unit_test(test_wakes),
		cmocka_unit_test(test_first_choice),
		cmocka_unit_test(test_forced),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_budgets),
		cmocka_unit_test(test_never_over),
		cmocka_unit_test(test_jump),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_goroutines),
		cmocka_unit_test(test_slowed),
		cmocka_unit_test(test_profiler_goes),
		cmocka_unit_test(test_phase), cmocka_unit_test(test_dear_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
