// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_judge.c - verdicts on simulated programs: healthy ones of fifteen and more shapes, each with
 * the attach transient, and leaks; the census with some noise, the samples with their luck.
 *
 * Time is in seconds since the attach; a collection every STEP_S, or ever more rarely.  All with
 * fixed seeds.
 */
#include "user/judge/judge.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"

enum {
	N_LOOKS = 66, RUNS = 30, OBJECT = 96,
	N_RARE = 13,		/* collections of a heap that grows, */
	MEMORY = 2 << 20, MAX_SITES = 3, KEYS = MAX_SITES + 1,
};
#define STEP_S 3.0
#define WINDOW_S (N_LOOKS * STEP_S)
#define RARER 1.4		/* each at so many times the time of the one before */
#define FOREVER 1e9
#define START 1000000000000ull

/* ---- chance ---------------------------------------------------------------------------------- */

static uint64_t seed;

static double uniform(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}

static double exponential(double mean)
{
	return -mean * log(uniform());
}

static double gauss(void)
{
	return sqrt(-2 * log(uniform())) * cos(6.283185307 * uniform());
}

/* ---- a program ------------------------------------------------------------------------------- */

struct object {
	unsigned site;
	double birth, death;
};

struct program {
	struct object *v;
	size_t n, cap;
};

static void born(struct program *p, unsigned site, double birth, double lifetime)
{
	p->v = grow(p->v, p->n, &p->cap, sizeof(*p->v));
	p->v[p->n++] = (struct object){ site, birth, birth + lifetime };
}

/* At a rate that is so many times the greatest one. */
static void births(struct program *p, unsigned site, double from, double per_s,
		   double (*share)(double t), double (*lifetime)(double birth))
{
	for (double t = from + exponential(1 / per_s); t < WINDOW_S; t += exponential(1 / per_s))
		if (!share || uniform() < share(t))
			born(p, site, t, lifetime(t));
}

static double forever(double t) { return FOREVER; }
static double short_life(double t) { return exponential(2); }
static double medium_life(double t) { return exponential(30); }
static double long_life(double t) { return exponential(WINDOW_S); }
static double very_long_life(double t) { return exponential(5 * WINDOW_S); }
static double ttl(double t) { return 60; }
static double long_ttl(double t) { return 2.2 * WINDOW_S; }
static double cache_life(double t) { return 72; }
static double slow_cache_life(double t) { return exponential(120); }
static double request(double t) { return exponential(10); }
static double pool_life(double t) { return 2 * STEP_S * uniform(); }
static double until_cleared(double t) { return 41 - fmod(t + 1e6 * 41, 41); }
static double until_returned(double t) { return 10; }

static double warm_up(double t) { return exp(-t / 12); }
static double sawtooth(double t) { return fmod(t + 4000, 40) / 40; }
static double tide(double t) { return 0.5 + 0.5 * sin(t / 7); }
static double ramp(double t) { return 0.2 + 0.8 * t / WINDOW_S; }
static double batches(double t) { return fmod(t + 4000, 20) < 1; }
static double small_batches(double t) { return fmod(t, 8) < 0.4; }
static double config(double t) { return t > 30 && t < 33; }

/* Healthy ones.  What lived at the attach is there because it was born before. */
static void steady_short(struct program *p) { births(p, 0, -20, 60, NULL, short_life); }
static void steady_medium(struct program *p) { births(p, 0, -300, 30, NULL, medium_life); }
static void steady_long(struct program *p) { births(p, 0, -900, 10, NULL, long_life); }
static void steady_very_long(struct program *p) { births(p, 0, -5000, 4, NULL, very_long_life); }
static void cache_ttl(struct program *p) { births(p, 0, -100, 20, NULL, ttl); }
static void cache_full(struct program *p) { births(p, 0, -600, 20, NULL, long_ttl); }
static void cache_filling(struct program *p) { births(p, 0, 0, 20, NULL, cache_life); }
static void cache_random(struct program *p) { births(p, 0, 0, 20, NULL, slow_cache_life); }
static void warming(struct program *p) { births(p, 0, 0, 60, warm_up, forever); }
static void pools(struct program *p) { births(p, 0, -200, 40, NULL, pool_life); }
static void batch_return(struct program *p) { births(p, 0, -60, 300, batches, until_returned); }
static void sawtooth_load(struct program *p) { births(p, 0, -90, 60, sawtooth, request); }
static void tidal_load(struct program *p) { births(p, 0, -90, 60, tide, request); }
static void ramping_load(struct program *p) { births(p, 0, -90, 200, ramp, request); }
static void after(struct program *p) { births(p, 0, 10, 20, NULL, ttl); }
static void cleared(struct program *p) { births(p, 0, -80, 20, NULL, until_cleared); }
static void configured(struct program *p) { births(p, 0, 0, 200, config, forever); }

static void constant(struct program *p)
{
	for (int i = 0; i < 2000; i++)
		born(p, 0, -100, FOREVER);
}

/* Leaks, so many objects of them a second. */
static double leak_per_s;

static void leak(struct program *p) { births(p, 0, -60, leak_per_s, NULL, forever); }

static void leak_in_churn(struct program *p)
{
	leak(p);
	births(p, 0, -60, 10 * leak_per_s, NULL, short_life);
}

static void leak_by_load(struct program *p) { births(p, 0, 0, 2 * leak_per_s, tide, forever); }

static void leak_in_batches(struct program *p)
{
	births(p, 0, 0, 20 * leak_per_s, small_batches, forever);
}

/* Twice as much comes as is taken, the oldest first: a queue that gets longer. */
static double until_taken(double t) { return t + 60; }

static void leak_in_queue(struct program *p)
{
	births(p, 0, -60, 2 * leak_per_s, NULL, until_taken);
}

/* A full cache of the same size of object beside it, all of which is older than the attach. */
static void leak_beside_cache(struct program *p)
{
	leak(p);
	births(p, 1, -600, leak_per_s / 2, NULL, long_ttl);
}

static void leak_beside_requests(struct program *p)
{
	leak(p);
	births(p, 1, -100, 5 * leak_per_s, NULL, medium_life);
}

/* ---- the tool looks at it -------------------------------------------------------------------- */

struct trace {
	struct window *w;
	struct trend *t;
	struct window_span span;
	struct window_flow flows[MAX_SITES];
	struct judge_part parts[MAX_SITES];
	struct judge_site sites[MAX_SITES];
	struct judge_class classes[2];
	struct judge_result result;
	uint64_t callers[1];
	uint8_t owners[1];
	double truth;		/* growth of site 0 since the begin of part 2, bytes a second */
};

static uint64_t ns(double t)
{
	return START + (uint64_t)(int64_t)(t * 1e9);
}

static size_t n_looks;			/* collections, */
static double looks_s[N_LOOKS + 1];	/* from 1 on, and when they are */

static void collect(bool rarely)
{
	n_looks = rarely ? N_RARE : N_LOOKS;
	for (size_t k = 1; k <= n_looks; k++)
		looks_s[k] = rarely ? WINDOW_S / pow(RARER, (double)(n_looks - k)) :
				      (double)k * STEP_S;
}

/* The first look at or behind a time; 0: before the attach. */
static size_t look_of(double t)
{
	size_t before = 0, at = n_looks;

	if (t <= 0)
		return 0;
	if (t >= WINDOW_S)
		return n_looks + 1;
	while (at - before > 1) {
		size_t middle = (before + at) / 2;

		if (looks_s[middle] >= t)
			at = middle;
		else
			before = middle;
	}
	return at;
}

static bool lives(const struct object *o, double t)
{
	return o->birth <= t && o->death > t;
}

/* What happens until each look: sums over all objects, and a list of those that are sampled. */
struct events {
	int64_t n_live[N_LOOKS + 2];	/* by how much it changes */
	uint64_t n_alloc[N_LOOKS + 2];
	struct object *v;		/* sampled ones */
	size_t n, cap;
	size_t births[N_LOOKS + 2], deaths[N_LOOKS + 2]; /* first of a list; index + 1 */
	size_t *next_birth, *next_death;
};

static void sample(struct events *e, const struct object *o)
{
	e->v = grow(e->v, e->n, &e->cap, sizeof(*e->v));
	e->v[e->n++] = *o;
}

static void link_samples(struct events *e)
{
	e->next_birth = xcalloc(e->n + 1, sizeof(size_t));
	e->next_death = xcalloc(e->n + 1, sizeof(size_t));
	for (size_t i = 0; i < e->n; i++) {
		size_t from = look_of(e->v[i].birth), to = look_of(e->v[i].death);

		if (from == to)
			continue;	/* no look sees it */
		e->next_birth[i] = e->births[from];
		e->births[from] = i + 1;
		e->next_death[i] = e->deaths[to];
		e->deaths[to] = i + 1;
	}
}

static void make_events(const struct program *p, double weight, struct events *e)
{
	memset(e, 0, sizeof(*e));
	for (size_t i = 0; i < p->n; i++) {
		const struct object *o = &p->v[i];

		e->n_live[look_of(o->birth)]++;
		e->n_live[look_of(o->death)]--;
		e->n_alloc[look_of(o->birth)]++;
		if (o->birth > 0 && uniform() < 1 / weight)
			sample(e, o);
	}
	link_samples(e);
}

static double weighed = 1;	/* what a sample is said to stand for, of what it does */

static void look(struct trace *x, const struct events *e, size_t k, double weight)
{
	weight *= weighed;
	window_look(x->w, ns(looks_s[k]));
	for (size_t i = e->births[k]; i; i = e->next_birth[i - 1])
		window_birth(x->w, e->v[i - 1].site, ns(e->v[i - 1].birth), weight);
	for (size_t i = e->deaths[k]; i; i = e->next_death[i - 1])
		window_death(x->w, e->v[i - 1].site, ns(e->v[i - 1].birth), weight);
}

static void watch(struct trace *x, const struct program *p, double weight, double noise)
{
	struct events e;
	int64_t n = 0;
	uint64_t n_alloc = 0;

	make_events(p, weight, &e);
	n += e.n_live[0];
	for (size_t k = 1; k <= n_looks; k++) {
		double live = (double)(n += e.n_live[k]) + 500 + noise * gauss();
		uint64_t bytes = (uint64_t)fmax(live, 0) * OBJECT;

		n_alloc += e.n_alloc[k];
		trend_add(x->t, ns(looks_s[k]), (uint64_t[]){
			  bytes, bytes + (uint64_t)(fabs(gauss()) * 5000), n_alloc }, NULL, NULL);
		look(x, &e, k, weight);
	}
	free(e.v);
	free(e.next_birth);
	free(e.next_death);
}

static bool types_known;	/* the heap is looked at by type soon after the attach and at the end */

/* What the objects of each site have grown between the looks, of that which has grown most: they
 * are of one type, some of which may be missed by either look. */
static struct estimate type_growth(const struct program *p)
{
	const double first = 1.5, span = WINDOW_S - first;
	double most = 0, all = 0;

	for (unsigned site = 0; site < MAX_SITES; site++) {
		double n = 0, live = 0;

		for (size_t i = 0; i < p->n; i++) {
			if (p->v[i].site != site)
				continue;
			n += lives(&p->v[i], WINDOW_S) - lives(&p->v[i], first);
			live += lives(&p->v[i], WINDOW_S);
		}
		if (n > most) {
			most = n;
			all = live;
		}
	}
	if (!types_known || most <= 0)
		return (struct estimate){ 0 };
	return (struct estimate){ most * OBJECT / span, (most - all / 100) * OBJECT / span,
				  (most + all / 100) * OBJECT / span, 0 };
}

static void judge_trace(struct trace *x)
{
	struct growth load;
	struct judge_input in = {
		.limits = { .min_cycles = 12, .min_s = 180 },
		.classes = &x->classes[0], .n_classes = 1, .heap = &x->classes[1],
		.sites = x->sites, .n_sites = MAX_SITES,
	};

	window_span(x->w, &in.sites_span);
	x->span = in.sites_span;
	for (size_t i = 0; i < 2; i++)
		trend_growth(x->t, i, START, &x->classes[i].bytes);
	x->classes[0].object_bytes = OBJECT;
	trend_growth(x->t, 2, START, &load);
	memcpy(x->classes[0].load, load.part, sizeof(load.part));
	x->callers[0] = 1;
	x->owners[0] = 0;
	for (size_t i = 0; i < MAX_SITES; i++) {
		window_flow(x->w, i, &x->flows[i]);
		x->parts[i] = (struct judge_part){ .object_bytes = OBJECT,
						   .objects = &x->flows[i] };
		x->sites[i] = (struct judge_site){ .parts = &x->parts[i], .n_parts = 1,
						   .callers = x->callers,
						   .owners = x->owners, .n_callers = 1 };
	}
	judge(&in, &x->result);
}

/* One run of a program with that seed. */
static void run(struct trace *x, void (*shape)(struct program *p), uint64_t run_seed, double weight)
{
	struct program p = { 0 };

	memset(x, 0, sizeof(*x));
	seed = run_seed * 7919 + 1;
	window_new(&x->w, START, MEMORY);
	trend_new(&x->t, 3);
	shape(&p);
	watch(x, &p, weight, 6);
	x->classes[0].type = type_growth(&p);
	judge_trace(x);
	/* whatever luck stacks had */
	assert_true(x->classes[0].unseen.value <= fmax(x->classes[0].is.rate.value, 0));
	for (size_t i = 0; i < p.n; i++)
		if (!p.v[i].site)
			x->truth += (lives(&p.v[i], WINDOW_S) -
				     lives(&p.v[i], WINDOW_S - x->span.late_s)) *
				    OBJECT / x->span.late_s;
	free(p.v);
}

static void done(struct trace *x)
{
	free(x->result.findings);
	window_free(x->w);
	trend_free(x->t);
}

static int evenly(void **state)
{
	collect(false);
	return 0;
}

static const struct {
	const char *name;
	void (*shape)(struct program *p);
} healthy[] = {
	{ "steady, short lives", steady_short }, { "steady, medium lives", steady_medium },
	{ "steady, long lives", steady_long }, { "steady, very long lives", steady_very_long },
	{ "TTL cache", cache_ttl }, { "full LRU", cache_full }, { "LRU to its cap", cache_filling },
	{ "cache with random eviction", cache_random }, { "warm-up", warming }, { "pools", pools },
	{ "batch and return", batch_return }, { "sawtooth load", sawtooth_load },
	{ "tidal load", tidal_load }, { "ramping load", ramping_load }, { "time.After", after },
	{ "cleared map", cleared }, { "configuration", configured }, { "constant", constant },
};

static unsigned judged(const struct judgement *is, enum verdict verdict)
{
	return is->verdict == verdict;
}

static void healthy_ones(void)
{
	static const double weights[] = { 1, 20 };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(healthy); i++) {
		unsigned n = 0, n_classes = 0;
		struct trace x;

		for (unsigned k = 0; k < RUNS; k++) {
			run(&x, healthy[i / 2].shape, k, weights[i % 2]);
			n += judged(&x.sites[0].is, VERDICT_LEAK);
			n_classes += judged(&x.classes[0].is, VERDICT_LEAK);
			done(&x);
		}
		print_message("%-28s leaks: %u, by class alone %u\n", healthy[i / 2].name, n,
			      n_classes);
		assert_int_equal(n, 0);
		assert_in_range(n_classes, 0, RUNS / 25);
	}
}

/* Not one run of a healthy program is a leak, and hardly any by its census alone; whether its types
 * are known or not. */
static void test_healthy(void **state)
{
	types_known = *state;
	healthy_ones();
	types_known = false;
}

/* Nor where most collections come at the begin. */
static void test_healthy_rare(void **state)
{
	collect(true);
	healthy_ones();
}

static const struct {
	const char *name;
	void (*shape)(struct program *p);
} leaks[] = {
	{ "leak", leak }, { "leak in churn", leak_in_churn },
	{ "leak following load", leak_by_load },
	{ "leak in batches", leak_in_batches }, { "leak beside a full cache", leak_beside_cache },
	{ "leak beside requests", leak_beside_requests },
};

struct found {
	unsigned n[3];		/* of those with 15, 40, 200 samples, */
	unsigned n_runs;	/* of so many */
	unsigned n_held;	/* rates, of all */
};

static struct found find_leaks(void)
{
	static const double samples[] = { 15, 40, 200 };
	struct found f = { .n_runs = RUNS * ARRAY_SIZE(leaks) };

	for (size_t i = 0; i < 3 * ARRAY_SIZE(leaks); i++) {
		const double weight = 30;
		unsigned n = 0, held = 0;
		struct trace x;

		leak_per_s = samples[i % 3] * weight / WINDOW_S;
		for (unsigned k = 0; k < RUNS; k++) {
			const struct estimate *e = &x.sites[0].is.rate;

			run(&x, leaks[i / 3].shape, k, weight);
			n += judged(&x.sites[0].is, VERDICT_LEAK);
			held += e->low <= leak_per_s * OBJECT && leak_per_s * OBJECT <= e->high;
			done(&x);
		}
		print_message("%-28s %3.0f samples: found %u, in interval %u of %u\n",
			      leaks[i / 3].name, samples[i % 3], n, held, RUNS);
		f.n[i % 3] += n;
		f.n_held += held;
	}
	return f;
}

static void test_leaks(void **state)
{
	struct found f = find_leaks();

	assert_true(f.n[0] * 3 >= f.n_runs);
	assert_true(f.n[1] * 100 >= f.n_runs * 97);
	assert_int_equal(f.n[2], f.n_runs);
	assert_true(f.n_held * 100 >= 3 * f.n_runs * 93);
}

/* Of 13 collections two are in the last third of the time. */
static void test_leaks_rare(void **state)
{
	struct found f;

	collect(true);
	f = find_leaks();
	assert_true(f.n[2] * 100 >= f.n_runs * 90);
	assert_true(f.n_held * 100 >= 3 * f.n_runs * 93);
}

/* Old objects of a queue die, as those of a population in balance do; but its class only grows. */
static void test_queue(void **state)
{
	unsigned n = 0;
	struct trace x;

	leak_per_s = 200 * 30 / WINDOW_S;
	for (unsigned k = 0; k < RUNS; k++) {
		run(&x, leak_in_queue, k, 30);
		n += judged(&x.sites[0].is, VERDICT_LEAK);
		done(&x);
	}
	assert_true(n * 10 >= RUNS * 9);
}

/* What the others are called, and why. */
static void test_words(void **state)
{
	struct trace x;

	run(&x, cache_full, 1, 5);
	assert_int_equal(x.sites[0].is.verdict, VERDICT_STEADY);
	assert_true(x.sites[0].is.replacing);
	assert_int_equal(x.result.verdict, VERDICT_STEADY);
	assert_int_equal(x.result.n_findings, 0);
	done(&x);
	run(&x, warming, 1, 5);
	assert_int_equal(x.sites[0].is.verdict, VERDICT_PLATEAU);
	assert_int_equal(x.classes[0].is.verdict, VERDICT_PLATEAU);
	done(&x);
	run(&x, cache_ttl, 1, 5);
	assert_int_equal(x.sites[0].is.verdict, VERDICT_CHURN);
	done(&x);
	run(&x, ramping_load, 1, 1);
	assert_int_equal(x.classes[0].is.verdict, VERDICT_GROWING);
	assert_true(x.classes[0].is.missing & MISSING_LOAD);
	done(&x);
	run(&x, cache_random, 1, 1);
	assert_int_equal(x.sites[0].is.verdict, VERDICT_GROWING);
	assert_true(x.sites[0].is.missing & MISSING_OLD_STAY);
	assert_true(fabs(x.sites[0].is.watch_s - WINDOW_S / 2) < 1);
	done(&x);
	run(&x, constant, 1, 5);		/* older than the attach all of it */
	assert_int_equal(x.sites[0].is.verdict, VERDICT_TOO_FEW);
	assert_int_equal(x.result.verdict, VERDICT_STEADY);
	done(&x);
}

/* A leak as it is reported: one finding, the share that it explains, lifetime, detection limit. */
static void test_result(void **state)
{
	struct trace x;
	double rate;

	leak_per_s = 20;
	rate = leak_per_s * OBJECT;
	run(&x, leak_beside_requests, 3, 20);
	assert_int_equal(x.result.verdict, VERDICT_LEAK);
	assert_int_equal(x.result.n_findings, 1);
	assert_int_equal(x.result.findings[0].first_site, 0);
	assert_int_equal(x.result.findings[0].n_sites, 1);
	assert_int_equal(x.sites[0].finding, 0);
	assert_int_equal(x.sites[1].finding, NO_FINDING);
	assert_int_equal(x.sites[1].is.verdict, VERDICT_CHURN);
	assert_int_equal(x.sites[2].is.verdict, VERDICT_TOO_FEW);
	assert_true(x.result.explained.low < 1 && x.result.explained.high > 0.95);
	assert_true(x.sites[0].is.lifetime_s > WINDOW_S);
	assert_true(x.classes[0].detectable < rate / 3);
	assert_true(x.classes[0].is.rate.low < rate && rate < x.classes[0].is.rate.high);
	assert_true(x.classes[0].unseen.value == 0);
	done(&x);
}

/* Growth of which no stack is seen. */
static void test_unseen(void **state)
{
	struct trace x;

	leak_per_s = 20;
	run(&x, leak, 3, 1e9);
	assert_int_equal(x.sites[0].is.verdict, VERDICT_TOO_FEW);
	assert_int_equal(x.classes[0].is.verdict, VERDICT_LEAK);
	assert_int_equal(x.result.verdict, VERDICT_LEAK);
	assert_true(x.classes[0].unseen.low > 0.8 * 20 * OBJECT);
	assert_int_equal(x.result.n_findings, 1);	/* of the class, and there is no rest */
	assert_int_equal(x.result.findings[0].class, 0);
	assert_true(x.result.unseen.value == 0);
	assert_true(fabs(x.result.explained.value - 1) < 0.1);
	done(&x);
}

/* Windows that were open for less than they should have been: samples stand for a fifth less than they
 * do, and the class knows. */
static void test_weighed_low(void **state)
{
	unsigned held = 0;
	double bias = 0;
	struct trace x;

	leak_per_s = 20;
	weighed = 0.8;
	for (unsigned i = 0; i < RUNS; i++) {
		run(&x, leak_in_churn, i, 4);
		held += x.sites[0].is.rate.low <= x.truth && x.truth <= x.sites[0].is.rate.high;
		bias += (x.sites[0].is.rate.value / x.truth - 1) / RUNS;
		done(&x);
	}
	weighed = 1;
	assert_in_range(held, RUNS * 93 / 100, RUNS);
	assert_true(fabs(bias) < 0.1);
}

/* Some samples, which could be all of the leak or nothing, do not take the class's word away: 2 and 7
 * of them. */
static void test_few_samples(void **state)
{
	static const double weights[] = { 505, 337 };
	struct trace x;

	leak_per_s = 20;
	for (size_t i = 0; i < ARRAY_SIZE(weights); i++) {
		run(&x, leak, 3, weights[i]);
		assert_in_range(x.sites[0].is.rate.samples, 1, 8);
		assert_true(x.sites[0].is.verdict < VERDICT_GROWING);
		assert_int_equal(x.classes[0].is.verdict, VERDICT_LEAK);
		assert_true(x.classes[0].unseen.value == 0);
		assert_int_equal(x.result.verdict, VERDICT_LEAK);
		assert_int_equal(x.result.n_findings, 1);
		assert_int_equal(x.result.findings[0].class, 0);
		assert_true(fabs(x.result.explained.value - 1) < 0.1);
		done(&x);
	}
}

/* Nor is there a stack, but a type that grows. */
static void test_unseen_type(void **state)
{
	struct trace x;

	leak_per_s = 20;
	types_known = true;
	run(&x, leak, 3, 1e9);
	types_known = false;
	assert_int_equal(x.result.n_findings, 1);
	assert_int_equal(x.result.findings[0].verdict, VERDICT_LEAK);
	assert_int_equal(x.result.findings[0].class, 0);
	assert_true(x.result.findings[0].first_site == NO_FINDING);
	assert_true(x.result.findings[0].group == NO_FINDING);
	assert_int_equal(x.classes[0].finding, 0);
	assert_true(x.result.explained.value > 0.9);
	done(&x);
	run(&x, leak, 3, 20);		/* it has stacks */
	assert_int_equal(x.result.n_findings, 1);
	assert_true(x.result.findings[0].class == NO_FINDING);
	assert_true(x.classes[0].finding == NO_FINDING);
	done(&x);
}

/* A class of objects of 100 bytes in a heap of 50 MB, 600 seconds: so many bytes a second in each
 * part. */
static struct judge_class class_of(double first, double second, double third, double width)
{
	double late = (second + third) / 2;

	return (struct judge_class){
		.object_bytes = 100,
		.bytes = {
			.late = { late, late - width, late + width, 80 }, .change = late,
			.part = { first, second, third }, .level = { 1e6, 1e6, 1e6 },
			.part_s = { 200, 200, 200 },
			.seconds = 600, .late_s = 400, .n = 120,
		},
	};
}

static struct judgement alone(struct judge_class c)
{
	static const struct growth heap = { .level = { 5e7, 5e7, 5e7 } };

	judge_class(&c, &heap, &(struct judge_limits){ 12, 180 });
	return c.is;
}

/* Shapes of growth that only the census sees. */
static void test_class_alone(void **state)
{
	struct judgement is = alone(class_of(5000, 5000, 5000, 50));
	struct judge_class c;

	assert_int_equal(is.verdict, VERDICT_LEAK);
	assert_true(is.rate.low < 4950 && is.rate.high > 5050);	/* by chance of requests */
	is = alone(class_of(5000, 5000, 5000, 6000));
	assert_int_equal(is.verdict, VERDICT_STEADY);
	is = alone(class_of(1800, 1800, 1800, 50));	/* a hundredth of the heap */
	assert_int_equal(is.verdict, VERDICT_GROWING);
	assert_int_equal(is.missing, MISSING_SHARE);
	c = class_of(1800, 1800, 1800, 50);		/* that are of one type */
	c.type = (struct estimate){ 1500, 1000, 2000, 0 };
	is = alone(c);
	assert_int_equal(is.verdict, VERDICT_LEAK);
	c.type.low = 800;				/* it need not be half of it */
	is = alone(c);
	assert_int_equal(is.missing, MISSING_SHARE);
	c = class_of(8000, 7000, 4500, 50);		/* a cache that fills */
	c.type = (struct estimate){ 6500, 6500, 6500, 0 };
	is = alone(c);
	assert_int_equal(is.missing, MISSING_GOES_ON);
	is = alone(class_of(100, 100, 100, 5));		/* 40 KB */
	assert_int_equal(is.verdict, VERDICT_STEADY);
	is = alone(class_of(8000, 7000, 4500, 50));
	assert_int_equal(is.missing, MISSING_GOES_ON);
	is = alone(class_of(6000, 4800, 3900, 50));	/* 3 MB more to come */
	assert_int_equal(is.missing, MISSING_GOES_ON);
	is = alone(class_of(60000, 56000, 52000, 500));	/* 140 MB more to come */
	assert_int_equal(is.verdict, VERDICT_LEAK);
	is = alone(class_of(5000, 20, -10, 50));
	assert_int_equal(is.verdict, VERDICT_PLATEAU);
	c = class_of(5000, 5000, 5000, 50);		/* the last moments are back where it was */
	c.bytes.change = 0;
	is = alone(c);
	assert_int_equal(is.missing, MISSING_GOES_ON);
	c = class_of(5000, 5000, 5000, 50);
	c.bytes.seconds = 170;
	is = alone(c);
	assert_int_equal(is.missing, MISSING_TIME);
	assert_true(fabs(is.watch_s - 10) < 1e-6);
	c.bytes.n = 6;
	is = alone(c);
	assert_int_equal(is.verdict, VERDICT_TOO_FEW);
	assert_true(fabs(is.watch_s - 170) < 1e-6);
}

/* ---- made by hand ---------------------------------------------------------------------------- */

struct hand {
	struct window *w;
	struct trend *t;
	uint64_t bytes;
	struct window_flow flows[8];
	struct judge_part parts[8];
	struct judge_site sites[8];
	struct judge_group groups[8];
	struct judge_class classes[2];
	struct judge_input in;
	struct judge_result out;
};

static struct hand *hand_new(void)
{
	struct hand *h = xcalloc(1, sizeof(*h));

	window_new(&h->w, START, MEMORY);
	trend_new(&h->t, 1);
	return h;
}

static void hand_free(struct hand *h)
{
	free(h->out.findings);
	window_free(h->w);
	trend_free(h->t);
	free(h);
}

static void hand_look(struct hand *h, unsigned k)
{
	window_look(h->w, ns(k * STEP_S));
	trend_add(h->t, ns(k * STEP_S), &h->bytes, NULL, NULL);
}

/* Sites and groups that were fed under the keys 0 to 7. */
static void hand_judge(struct hand *h, size_t n_sites, size_t n_groups)
{
	if (!h->in.limits.min_cycles)
		h->in.limits = (struct judge_limits){ 12, 60 };
	h->in.classes = h->classes;
	h->in.n_classes = 1;
	h->in.heap = &h->classes[1];
	h->classes[0].object_bytes = OBJECT;
	window_span(h->w, &h->in.sites_span);
	h->in.groups_span = h->in.sites_span;
	for (size_t i = 0; i < 2; i++)
		trend_growth(h->t, 0, START, &h->classes[i].bytes);
	for (size_t i = 0; i < 8; i++) {
		window_flow(h->w, i, &h->flows[i]);
		h->parts[i] = (struct judge_part){ .objects = &h->flows[i],
						   .object_bytes = OBJECT };
		h->sites[i].parts = &h->parts[i];
		h->sites[i].n_parts = 1;
		h->groups[i].goroutines = &h->flows[i];
	}
	h->in.sites = h->sites;
	h->in.n_sites = n_sites;
	h->in.groups = h->groups;
	h->in.n_groups = n_groups;
	free(h->out.findings);
	judge(&h->in, &h->out);
}

static void births_at(struct hand *h, uint64_t key, unsigned k, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		window_birth(h->w, key, ns(k * STEP_S), 1);
}

/* Of all classes together, where one of them grows, or none. */
static struct judgement together(double slope, double of_class)
{
	struct judge_class class = class_of(of_class, of_class, of_class, 5);
	struct judge_class heap = class_of(slope, slope, slope, 50);
	struct judge_input in = { .limits = { 12, 180 }, .classes = &class, .n_classes = 1,
				  .heap = &heap };
	struct judge_result out;

	heap.bytes.values = heap.bytes.late;
	for (size_t i = 0; i < 3; i++)
		heap.bytes.level[i] = 40e6;
	judge(&in, &out);
	free(out.findings);
	assert_int_equal(out.verdict, heap.is.verdict);
	return heap.is;
}

static void test_heap_alone(void **state)
{
	struct judgement is = together(5000, 5);	/* a twentieth of the heap */

	assert_int_equal(is.verdict, VERDICT_GROWING);
	assert_int_equal(is.missing, MISSING_SHARE);
	assert_int_equal(together(5000, 4000).verdict, VERDICT_LEAK);
	assert_int_equal(together(30000, 5).verdict, VERDICT_LEAK);
}

/* ---- classes beside each other --------------------------------------------------------------- */

enum { BESIDE = 3, EVERY_S = 20, FIRST_S = 30 };	/* collections, as one of 80 requests a second */

/* Objects of each size at a time since the process began, attached to after FIRST_S. */
struct sizes {
	double bytes[BESIDE];
	double (*live[BESIDE])(double t);
	double sway;			/* of the first one */
};

static double each_s(double from, double to, double per_s) { return fmax(to - from, 0) * per_s; }
/* What is put there since the begin lives for 180 s; from the 125th on it is of the larger size. */
static double of_short_keys(double t) { return each_s(fmax(t - 180, 0), fmin(t, 125), 80); }
static double of_long_keys(double t) { return each_s(fmax(t - 180, 125), t, 80); }
static double level(double t) { return 10000; }
static double little(double t) { return 20; }
static double leaked(double t) { return 80 * t; }
static double drains(double t) { return fmax(120000 - 200 * t, 0); }

/* How often one of them is called a leak, of the judgements of so many seconds; the last one stays. */
static unsigned count_leaks(const struct sizes *s, double seconds, struct judge_class c[BESIDE])
{
	uint64_t bytes[BESIDE + 1];
	unsigned n = 0;
	struct trend *t;

	trend_new(&t, BESIDE + 1);
	for (double at = FIRST_S; at <= seconds; at += EVERY_S) {
		struct judge_class heap = { 0 };
		struct judge_input in = { .limits = { 12, 180 }, .classes = c,
					  .n_classes = BESIDE, .heap = &heap };
		struct judge_result out;

		bytes[BESIDE] = 0;
		for (size_t i = 0; i < BESIDE; i++) {
			double live = s->live[i](at) + (i ? 0 : s->sway * gauss());

			bytes[i] = (uint64_t)(fmax(live, 0) * s->bytes[i]);
			bytes[BESIDE] += bytes[i];
		}
		trend_add(t, ns(at), bytes, NULL, NULL);
		for (size_t i = 0; i < BESIDE; i++) {
			c[i] = (struct judge_class){ .object_bytes = s->bytes[i] };
			trend_growth(t, i, ns(FIRST_S), &c[i].bytes);
		}
		trend_growth(t, BESIDE, ns(FIRST_S), &heap.bytes);
		judge(&in, &out);
		free(out.findings);
		for (size_t i = 0; i < BESIDE; i++)
			n += c[i].is.verdict == VERDICT_LEAK;
	}
	trend_free(t);
	return n;
}

/* A cache whose values get a byte longer moves on to the next class; what leaks beside one that is
 * level, or sways, does not. */
static void test_moved(void **state)
{
	struct sizes s = { { 224, 240, 1024 }, { of_short_keys, of_long_keys, level }, 0 };
	struct judge_class c[BESIDE];

	assert_int_equal(count_leaks(&s, 300, c), 0);
	assert_int_equal(c[1].is.verdict, VERDICT_GROWING);
	assert_true(c[1].is.missing & MISSING_SHRINKS);
	s.live[0] = level;
	assert_true(count_leaks(&s, 330, c) > 0);
	assert_int_equal(c[1].is.verdict, VERDICT_LEAK);
	s.live[1] = leaked;
	seed = 1;
	for (unsigned i = 0; i < RUNS; i++) {
		s.sway = 100 * i;		/* up to 14 times what comes between collections */
		count_leaks(&s, 600, c);
		assert_int_equal(c[1].is.verdict, VERDICT_LEAK);
	}
}

/* What is a leak beside what shrinks by more is one only once that has come to its end. */
static void test_drained(void **state)
{
	struct sizes s = { { 1024, 64, 96 }, { drains, leaked, little }, 0 };
	struct judge_class c[BESIDE];

	assert_int_equal(count_leaks(&s, 550, c), 0);
	assert_true(c[1].is.missing & MISSING_SHRINKS);
	assert_true(count_leaks(&s, 2400, c) > 0);
	assert_int_equal(c[1].is.verdict, VERDICT_LEAK);
}

/* Leaks of one thing in three classes next to each other. */
static void test_side_by_side(void **state)
{
	const struct sizes s = { { 80, 48, 96 }, { leaked, leaked, leaked }, 50 };
	struct judge_class c[BESIDE];

	count_leaks(&s, 400, c);
	for (size_t i = 0; i < BESIDE; i++)
		assert_int_equal(c[i].is.verdict, VERDICT_LEAK);
}

/* Overflow buckets of a map, by two looks; but it grows faster since. */
static void test_worn(void **state)
{
	struct judge_class c = class_of(5000, 5000, 5000, 50);
	struct judgement is;

	c.worn = (struct estimate){ 4900, 4800, 5000, 0 };
	is = alone(c);
	assert_int_equal(is.verdict, VERDICT_GROWING);
	assert_int_equal(is.missing, MISSING_SIZES);
	c.worn.low = 2400;
	is = alone(c);
	assert_int_equal(is.verdict, VERDICT_LEAK);
	c.worn.low = 2600;
	c.type = (struct estimate){ 2700, 2650, 2800, 0 };	/* and a type of the program */
	is = alone(c);
	assert_int_equal(is.verdict, VERDICT_LEAK);
}

/* A class that grows by little of the heap yet is no finding; no leak as fast as that is said to show. */
static void test_hidden(void **state)
{
	struct judge_class class = class_of(1800, 1800, 1800, 50);
	struct judge_class heap = class_of(1800, 1800, 1800, 50);
	struct judge_input in = { .limits = { 12, 180 }, .classes = &class, .n_classes = 1,
				  .heap = &heap };
	struct judge_result out;

	heap.bytes.values = heap.bytes.late;
	for (size_t i = 0; i < 3; i++)
		heap.bytes.level[i] = 5e7;
	judge(&in, &out);
	free(out.findings);
	assert_int_equal(class.is.missing, MISSING_SHARE);
	assert_int_equal(out.n_findings, 0);
	assert_true(class.detectable < 1800 && out.detectable >= class.is.rate.high);
}

/* One class that sways hides no leak in the others. */
static void test_hidden_in_one(void **state)
{
	struct judge_class classes[20], heap = class_of(0, 0, 0, 50);
	struct judge_input in = { .limits = { 12, 180 }, .classes = classes, .n_classes = 20,
				  .heap = &heap };
	struct judge_result out;

	for (size_t i = 0; i < 20; i++)
		classes[i] = class_of(0, 0, 0, i == 7 ? 100000 : 50);
	heap.bytes.values = heap.bytes.late;
	judge(&in, &out);
	free(out.findings);
	assert_true(out.detectable == classes[7].detectable);
	assert_true(out.detectable_mostly == classes[6].detectable);
	assert_true(out.detectable_mostly < out.detectable / 100);
	in.n_classes = 0;
	judge(&in, &out);
	free(out.findings);
	assert_true(isnan(out.detectable) && isnan(out.detectable_mostly));
}

/* Nothing is said before there were 12 collections, no leak called before the time is over; and it
 * is said how long that takes. */
static void test_early(void **state)
{
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 30; k++) {
		h->bytes += 40 * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, 40);
		hand_judge(h, 1, 0);
		if (k < 12) {
			assert_int_equal(h->sites[0].is.verdict, VERDICT_TOO_FEW);
			assert_true(fabs(h->sites[0].is.watch_s - (60 - k * STEP_S)) < 0.1);
		} else if (k < 20) {
			assert_int_equal(h->sites[0].is.verdict, VERDICT_GROWING);
			assert_true(h->sites[0].is.missing & MISSING_TIME);
			assert_true(fabs(h->sites[0].is.watch_s - (60 - k * STEP_S)) < 0.1);
		} else {
			assert_int_equal(h->sites[0].is.verdict, VERDICT_LEAK);
			assert_int_equal(h->sites[0].is.missing, 0);
		}
	}
	hand_free(h);
}

/* Whatever is asked for, two looks tell nothing of growth, and nothing of its absence. */
static void test_two_looks(void **state)
{
	struct hand *h = hand_new();

	h->in.limits = (struct judge_limits){ 1, 1 };
	for (unsigned k = 1; k <= 3; k++) {
		hand_look(h, k);
		births_at(h, 0, k, 40);
		hand_judge(h, 1, 1);
		assert_int_equal(h->sites[0].is.missing & MISSING_CYCLES, k < 3 ? MISSING_CYCLES : 0);
		assert_int_equal(h->groups[0].is.missing & MISSING_CYCLES, k < 3 ? MISSING_CYCLES : 0);
		assert_true((h->sites[0].is.verdict == VERDICT_TOO_FEW) == (k < 3));
		assert_true((h->groups[0].is.verdict == VERDICT_TOO_FEW) == (k < 3));
		assert_int_equal(h->out.verdict >= VERDICT_GROWING, k == 3);
	}
	hand_free(h);
}

/* A class leaks and no stack explains it: the first has some samples, which leave open that it does,
 * the second so many that it cannot be. */
static void test_who_may_be_it(void **state)
{
	enum { LOOKS = 30, WEIGHT = 100 };
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= LOOKS; k++) {
		h->bytes += 40 * OBJECT;
		hand_look(h, k);
		if (k <= LOOKS / 3 || k % 10 == 0)
			window_birth(h->w, 0, ns(k * STEP_S), WEIGHT);
		if (k < LOOKS / 6)
			births_at(h, 1, k, 40);
	}
	hand_judge(h, 2, 0);
	assert_int_equal(h->classes[0].is.verdict, VERDICT_LEAK);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].class, 0);
	assert_int_equal(h->sites[0].is.verdict, VERDICT_TOO_FEW);
	assert_true(h->sites[1].is.verdict >= VERDICT_STEADY);
	hand_free(h);
}

/* Of three sites of one finding, then of it all, then of the other one, too: growth that is
 * suppressed is explained. */
static void suppress_some(struct hand *h)
{
	h->sites[0].suppressed = true;
	hand_judge(h, 8, 0);
	assert_int_equal(h->out.n_findings, 2);
	assert_int_equal(h->out.findings[0].n_sites, 2);
	assert_int_equal(h->sites[0].finding, NO_FINDING);
	assert_int_equal(h->sites[h->out.findings[0].first_site].finding, 0);
	h->sites[1].suppressed = h->sites[2].suppressed = true;
	hand_judge(h, 8, 0);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].first_site, 3);
	assert_int_equal(h->out.verdict, VERDICT_LEAK);
	h->sites[3].suppressed = true;
	hand_judge(h, 8, 0);
	assert_int_equal(h->out.n_findings, 0);
	assert_int_equal(h->out.verdict, VERDICT_STEADY);
	assert_true(h->out.explained.value > 0.95 && h->out.explained.value < 1.05);
	assert_true(h->out.unseen.value < 1);
}

/* Three sites of one constructor leak in step, two objects each time or one; a fourth leaks in step
 * as well, below main only, and healthy ones are below main, too. */
static void test_together(void **state)
{
	enum { LEAF = 100, NEW = 10, HANDLE = 20, MAIN = 30, OTHER = 40 };
	static const uint64_t stacks[][4] = {
		{ LEAF, NEW, HANDLE, MAIN }, { LEAF + 1, NEW, HANDLE, MAIN },
		{ NEW, HANDLE, MAIN }, { OTHER, HANDLE, OTHER, MAIN },
		{ OTHER + 1, HANDLE, OTHER, MAIN }, { OTHER + 2, HANDLE, OTHER, MAIN },
		{ OTHER + 3, HANDLE, OTHER, MAIN }, { OTHER + 4, HANDLE, OTHER, MAIN },
	};
	static const uint8_t owners[4];
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		unsigned n = 4 + k * 7 % 5;

		h->bytes += 5 * n * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, 2 * n);
		births_at(h, 1, k, n);
		births_at(h, 2, k, n);
		births_at(h, 3, k, n);
		for (uint64_t i = 4; i < 8; i++)
			births_at(h, i, k, k == 1 ? 50 : 0);
	}
	for (size_t i = 0; i < 8; i++) {
		h->sites[i].callers = stacks[i];
		h->sites[i].owners = owners;
		h->sites[i].n_callers = i == 2 ? 3 : 4;
	}
	hand_judge(h, 8, 0);
	assert_int_equal(h->out.n_findings, 2);
	assert_int_equal(h->out.findings[0].n_sites, 3);
	assert_int_equal(h->out.findings[0].first_site, 0);
	assert_int_equal(h->out.findings[0].caller, NEW);
	assert_int_equal(h->out.findings[1].n_sites, 1);
	assert_int_equal(h->out.findings[1].first_site, 3);
	assert_int_equal(h->out.findings[1].caller, 0);
	assert_int_equal(h->sites[2].finding, 0);
	assert_true(fabs(h->out.findings[0].rate.value / h->out.findings[1].rate.value - 4) < 0.1);
	assert_true(h->out.explained.value > 0.95 && h->out.explained.value < 1.05);
	suppress_some(h);
	hand_free(h);
}

/* Two sites leak in step, and nothing else is below their callers: whether they are one finding. */
static void test_parting(void **state)
{
	enum { LEAF = 1, PRINT, NEW, HANDLE, SERVE, MAIN };
	static const struct {
		uint64_t a[5], b[5];		/* 0: the end */
		uint8_t owners[5];		/* of both */
		size_t n_findings;
	} rows[] = {
		/* SERVE only hands on: two leaks */
		{ { LEAF, SERVE, MAIN }, { NEW, SERVE, MAIN }, { 0 }, 2 },
		/* it calls the library, as code of its own would: one */
		{ { LEAF, SERVE, MAIN }, { NEW, SERVE, MAIN }, { 2, 0, 0 }, 1 },
		/* and so does what it calls: two */
		{ { PRINT, LEAF, SERVE, MAIN }, { PRINT, NEW, SERVE, MAIN }, { 2, 0, 0, 0 }, 2 },
		/* one helper called from two places that share nothing below MAIN */
		{ { PRINT, NEW, MAIN }, { PRINT, HANDLE, MAIN }, { 2, 0, 0 }, 2 },
		/* two lines of one function */
		{ { NEW, SERVE, MAIN }, { NEW, SERVE, MAIN }, { 0 }, 1 },
		/* a constructor, and what it calls */
		{ { NEW, SERVE, MAIN }, { LEAF, NEW, SERVE, MAIN }, { 0 }, 1 },
		/* what the goroutine began with */
		{ { LEAF, MAIN }, { NEW, MAIN }, { 2, 0 }, 2 },
		{ { LEAF, SERVE, MAIN }, { NEW, SERVE, HANDLE }, { 2, 0, 0 }, 2 },
	};
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		unsigned n = 4 + k * 7 % 5;

		h->bytes += 2 * n * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, n);
		births_at(h, 1, k, n);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		h->sites[0].callers = rows[i].a;
		h->sites[1].callers = rows[i].b;
		for (size_t k = 0; k < 2; k++) {
			h->sites[k].owners = rows[i].owners;
			h->sites[k].n_callers = 0;
			while (h->sites[k].callers[h->sites[k].n_callers])
				h->sites[k].n_callers++;
		}
		hand_judge(h, 2, 0);
		assert_int_equal(h->out.n_findings, rows[i].n_findings);
	}
	hand_free(h);
}

/* What goroutines hold goes with them, but only if all that are together are suppressed. */
static void suppress_goroutines(struct hand *h)
{
	h->groups[0].function = h->groups[1].function = 30;
	h->groups[0].suppressed = true;
	hand_judge(h, 2, 2);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].group, 1);
	assert_int_equal(h->out.findings[0].n_sites, 2);
	assert_false(h->sites[0].suppressed);
	h->groups[1].suppressed = true;
	hand_judge(h, 2, 2);
	assert_int_equal(h->out.n_findings, 0);
	assert_true(h->sites[0].suppressed && h->sites[1].suppressed);
	assert_int_equal(h->sites[0].is.verdict, VERDICT_LEAK);
	assert_int_equal(h->out.verdict, VERDICT_STEADY);
}

/* Buckets of maps that leak with what holds the maps; readers and writers of connections. */
static void test_in_step(void **state)
{
	static const uint64_t stacks[][3] = { { 1, 10, 30 }, { 2, 10, 30 } };
	static const uint8_t owners[3] = { 1 };		/* 10 makes them, by what it calls */
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		unsigned n = 4 + k * 7 % 5;

		h->bytes += 2 * n * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, n);
		births_at(h, 1, k, n);
	}
	for (size_t i = 0; i < 2; i++) {
		h->sites[i].callers = stacks[i];
		h->sites[i].owners = owners;
		h->sites[i].n_callers = 3;
		h->groups[i].creator = 77;
		h->groups[i].waiting[WAIT_STRONG] = 200;
		h->groups[i].bytes_each = 8192;
	}
	h->sites[1].container = CONTAINER_MAP;
	hand_judge(h, 2, 2);
	assert_int_equal(h->sites[1].is.verdict, VERDICT_LEAK);
	assert_int_equal(h->out.n_findings, 2);
	assert_int_equal(h->out.findings[0].n_sites, 0);
	assert_true(h->groups[0].finding == 0 && h->groups[1].finding == 0);
	assert_int_equal(h->out.findings[1].n_sites, 2);
	suppress_goroutines(h);
	hand_free(h);
}

/* Goroutines that are looked at half as often as what they allocate. */
static void test_other_steps(void **state)
{
	static const uint64_t stack[] = { 10, 77 };
	static const uint8_t owners[2];
	struct window_span *span;
	struct window_flow rare;
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		unsigned n = k < 20 ? 2 : 12;

		h->bytes += n * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, n);
	}
	h->sites[0].callers = stack;
	h->sites[0].owners = owners;
	h->sites[0].n_callers = 2;
	h->groups[0].function = 77;
	h->groups[0].waiting[WAIT_STRONG] = 200;
	hand_judge(h, 1, 1);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].n_sites, 1);

	span = &h->in.groups_span;
	assert_true(span->n_steps >= 6);
	rare = h->flows[0];
	for (size_t i = 0; i < span->n_steps; i++) {
		struct weights *to = &rare.step[i / 2].born, *from = &h->flows[0].step[i].born;

		*to = (struct weights){ from->sum + (i % 2) * to->sum,
					from->squares + (i % 2) * to->squares };
		span->step_s[i / 2] = span->step_s[i] + (i % 2) * span->step_s[i / 2];
	}
	span->n_steps = (span->n_steps + 1) / 2;
	h->groups[0].goroutines = &rare;
	free(h->out.findings);
	judge(&h->in, &h->out);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].n_sites, 1);
	hand_free(h);
}

/* Three groups in step, of which the first and largest may be connections: what leaks speaks for all
 * if it has most of the growth, and for itself if not; so does what they hold, if they do not. */
static void test_apart(void **state)
{
	static const uint64_t stack[] = { 1, 30 };
	static const uint8_t owners[2];
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		h->bytes += 3 * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, 3);
		births_at(h, 1, k, 2);
		births_at(h, 2, k, 2);
	}
	for (size_t i = 0; i < 3; i++) {
		h->groups[i].creator = 77;
		h->groups[i].bytes_each = 2048;
		h->groups[i].waiting[i ? WAIT_STRONG : WAIT_WEAK] = i ? 80 : 120;
	}
	hand_judge(h, 0, 3);
	assert_int_equal(h->groups[0].is.verdict, VERDICT_GROWING);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].verdict, VERDICT_LEAK);
	assert_int_equal(h->out.findings[0].group, 1);

	h->groups[2].waiting[WAIT_WEAK] = 120;
	hand_judge(h, 0, 3);
	assert_int_equal(h->out.n_findings, 2);
	assert_int_equal(h->out.findings[0].verdict, VERDICT_LEAK);
	assert_int_equal(h->out.findings[1].verdict, VERDICT_GROWING);
	assert_int_equal(h->out.findings[1].group, 0);
	assert_int_equal(h->groups[1].finding, 0);
	assert_int_equal(h->groups[2].finding, 1);
	assert_true(fabs(h->out.findings[1].rate.value / h->out.findings[0].rate.value - 2.5) < 0.1);

	h->groups[1].waiting[WAIT_WEAK] = 120;
	h->groups[0].function = stack[1];
	h->sites[0].callers = stack;
	h->sites[0].owners = owners;
	h->sites[0].n_callers = 2;
	hand_judge(h, 1, 3);
	assert_int_equal(h->out.n_findings, 2);
	assert_int_equal(h->out.findings[0].verdict, VERDICT_LEAK);
	assert_int_equal(h->out.findings[0].group, NO_FINDING);
	assert_int_equal(h->out.findings[1].verdict, VERDICT_GROWING);
	assert_int_equal(h->out.findings[1].n_sites, 0);
	assert_true(h->out.explained.value > 0.9);
	hand_free(h);
}

/* Arrays of containers, each time a larger one: objects of 96, 192 ... bytes. */
static void test_container(void **state)
{
	enum { N_SIZES = 7, N = 16 };
	struct judge_part parts[N_SIZES];
	struct judge_site site = {
		.parts = parts, .n_parts = N_SIZES, .container = CONTAINER_SLICE,
	};
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 42; k++) {
		unsigned size = (k - 1) / 7;	/* a larger one every 7 looks */

		hand_look(h, k);
		if ((k - 1) % 7)
			continue;
		births_at(h, size, k, N);
		for (unsigned i = 0; size && i < N; i++)
			window_death(h->w, size - 1, ns((k - 7) * STEP_S), 1);
		h->bytes += (uint64_t)N * OBJECT << size;
		if (k != 22 && k != 29)
			continue;
		for (unsigned i = 0; i < N_SIZES; i++)
			parts[i] = (struct judge_part){ .objects = &h->flows[i],
							.object_bytes = OBJECT << i };
		hand_judge(h, 0, 0);
		h->in.sites = &site;
		h->in.n_sites = 1;
		free(h->out.findings);
		judge(&h->in, &h->out);
		assert_int_equal(site.is.verdict, VERDICT_LEAK);
	}
	site.container = CONTAINER_NONE;	/* by hand */
	hand_judge(h, 0, 0);
	h->in.sites = &site;
	h->in.n_sites = 1;
	free(h->out.findings);
	judge(&h->in, &h->out);
	assert_int_equal(site.is.verdict, VERDICT_LEAK);
	for (unsigned i = 0; i < N; i++)		/* and smaller again */
		window_death(h->w, 5, ns(36 * STEP_S), 1);
	births_at(h, 1, 42, N);
	hand_judge(h, 0, 0);
	h->in.sites = &site;
	h->in.n_sites = 1;
	free(h->out.findings);
	judge(&h->in, &h->out);
	assert_true(site.is.verdict < VERDICT_GROWING);
	hand_free(h);
}

/* An array that doubles now and then in a heap that sways by more than it has: it has grown three
 * times, and yet nobody knows how fast it grows. */
static void test_doubt(void **state)
{
	enum { N_SIZES = 4 };
	struct judge_part parts[N_SIZES];
	struct judge_site site = {
		.parts = parts, .n_parts = N_SIZES, .container = CONTAINER_SLICE,
	};
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		unsigned size = (k - 1) / 11;

		h->bytes = (20000 + (k * 7 % 5) * 1000 + (k > 36) * 5000) * OBJECT;
		hand_look(h, k);
		if ((k - 1) % 11)
			continue;
		births_at(h, size, k, 1);
		if (size)
			window_death(h->w, size - 1, ns((k - 11) * STEP_S), 1);
	}
	hand_judge(h, 0, 0);
	for (unsigned i = 0; i < N_SIZES; i++)
		parts[i] = (struct judge_part){ .objects = &h->flows[i],
						.object_bytes = OBJECT << i };
	h->in.sites = &site;
	h->in.n_sites = 1;
	free(h->out.findings);
	judge(&h->in, &h->out);
	assert_true(site.is.rate.value > 0 && site.is.rate.low <= 0);
	assert_int_equal(site.is.verdict, VERDICT_GROWING);
	assert_int_equal(site.is.missing, MISSING_RATE);
	assert_int_not_equal(h->out.verdict, VERDICT_LEAK);
	hand_free(h);
}

/* All samples of a stack have died, and its class grows: what is kept came when nobody listened, and may
 * be of this stack.  Where another one shows most of the growth, it is what it seems. */
static void test_doubtful_churn(void **state)
{
	static const enum verdict verdicts[] = { VERDICT_TOO_FEW, VERDICT_CHURN };

	for (unsigned seen = 0; seen < 2; seen++) {
		struct hand *h = hand_new();

		for (unsigned k = 1; k <= 40; k++) {
			h->bytes += 200 * OBJECT;
			hand_look(h, k);
			if (k > 1)
				window_death(h->w, 0, ns((k - 1) * STEP_S), 1);
			if (k < 40)
				births_at(h, 0, k, 1);
			births_at(h, 1, k, seen * 200);
		}
		h->sites[0].n_allocated = 39;
		hand_judge(h, 2, 0);
		assert_int_equal(h->classes[0].is.verdict, VERDICT_LEAK);
		assert_int_equal(h->sites[0].is.verdict, verdicts[seen]);
		assert_true((h->out.findings[0].class == NO_FINDING) == seen);
		hand_free(h);
	}
}

/* What lives in the slots of what was seen may be others' by now, as that of a leak beside garbage of the
 * same size is, if collections follow each other faster than looks do. */
static void test_replaced(void **state)
{
	struct hand *h = hand_new();
	double low;

	for (unsigned k = 1; k <= 40; k++) {
		h->bytes += 20 * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, 20);
	}
	hand_judge(h, 1, 0);
	low = h->sites[0].is.rate.low;
	h->sites[0].replaced = .1;
	hand_judge(h, 1, 0);
	assert_int_equal(h->sites[0].is.verdict, VERDICT_LEAK);
	assert_true(h->sites[0].is.rate.low < .95 * low && h->sites[0].is.rate.low > .8 * low);
	h->sites[0].replaced = .999;
	hand_judge(h, 1, 0);
	assert_int_equal(h->sites[0].is.verdict, VERDICT_GROWING);
	assert_int_equal(h->sites[0].is.missing, MISSING_RATE);
	hand_free(h);
}

/* Ever more buckets of a map may be the wear of always as many entries. */
static void test_map(void **state)
{
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		h->bytes += 20 * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, 20);
	}
	hand_judge(h, 1, 0);
	assert_int_equal(h->sites[0].is.verdict, VERDICT_LEAK);
	h->sites[0].container = CONTAINER_MAP;
	hand_judge(h, 1, 0);
	assert_int_equal(h->sites[0].is.verdict, VERDICT_GROWING);
	assert_int_equal(h->sites[0].is.missing, MISSING_SIZES);
	hand_free(h);
}

enum { LEAKING, POOL, CONNECTIONS, NIL, DAEMON, FLEETING, POLLERS, FOUND };

static void goroutines(struct hand *h, unsigned k)
{
	births_at(h, LEAKING, k, 3);
	for (unsigned i = 0; i < 64 && k == 1; i++)
		window_birth(h->w, POOL, 0, 1);		/* older than the attach */
	births_at(h, CONNECTIONS, k, k % 9 ? 0 : 7);
	births_at(h, NIL, k, k % 15 == 1 ? 5 : 0);
	births_at(h, DAEMON, k, k == 1);
	births_at(h, FLEETING, k, 20);
	for (unsigned i = 0; i < 20 && k > 1; i++)
		window_death(h->w, FLEETING, ns((k - 1) * STEP_S), 1);
	births_at(h, POLLERS, k, 4);
	births_at(h, FOUND, k, k == 5);
}

/* Goroutines that wait in all ways. */
static void test_goroutines(void **state)
{
	static const enum verdict wanted[] = {
		[LEAKING] = VERDICT_LEAK, [POOL] = VERDICT_STEADY,
		[CONNECTIONS] = VERDICT_GROWING, [NIL] = VERDICT_LEAK,
		[DAEMON] = VERDICT_STEADY, [FLEETING] = VERDICT_CHURN,
		[POLLERS] = VERDICT_LEAK, [FOUND] = VERDICT_LEAK,
	};
	static const struct {
		enum wait_class class;
		uint64_t n;
	} waits[] = {
		{ WAIT_STRONG, 120 }, { WAIT_STRONG, 64 }, { WAIT_WEAK, 28 }, { WAIT_CERTAIN, 15 },
		{ WAIT_CERTAIN, 1 }, { WAIT_STRONG, 20 }, { WAIT_WEAK, 160 }, { WAIT_LEAKED, 1 },
	};
	static const uint64_t stack[] = { 5, 77 }, other[] = { 6, 78 };
	static const uint8_t owners[2];
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		h->bytes += 3 * OBJECT;
		hand_look(h, k);
		goroutines(h, k);
	}
	for (size_t i = 0; i < 8; i++) {
		h->groups[i].waiting[waits[i].class] = waits[i].n;
		h->groups[i].bytes_each = 2048;
	}
	h->groups[LEAKING].function = 77;
	h->groups[CONNECTIONS].creator = h->groups[NIL].creator = 88;	/* not in step */
	h->sites[0].callers = stack;		/* what the leaking ones allocate */
	h->sites[0].owners = owners;
	h->sites[0].n_callers = 2;
	hand_judge(h, 1, 8);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(h->groups[i].is.verdict, wanted[i]);
	assert_true(h->groups[NIL].is.certain && h->groups[FOUND].is.certain);
	assert_false(h->groups[LEAKING].is.certain);
	assert_true(fabs(h->groups[LEAKING].is.rate.value - 1) < 0.1);
	assert_int_equal(h->out.n_findings, 5);
	assert_int_equal(h->out.findings[0].group, POLLERS);	/* more of them */
	assert_int_equal(h->out.findings[1].group, LEAKING);
	assert_int_equal(h->out.findings[1].n_sites, 1);
	assert_int_equal(h->out.findings[4].group, CONNECTIONS);

	h->sites[0].callers = other;		/* a descriptor, which somebody else made */
	h->sites[0].of_goroutines = true;
	hand_judge(h, 1, 8);
	assert_int_equal(h->out.findings[0].n_sites, 1);
	hand_judge(h, 1, 0);
	assert_int_equal(h->out.n_findings, 0);
	hand_free(h);
}

/* No more have come for a third of the time: the leak is over, and that is what the rate says. */
static void test_goroutines_end(void **state)
{
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 60; k++) {
		hand_look(h, k);
		births_at(h, 0, k, k <= 36 ? 3 : 0);
	}
	h->groups[0].waiting[WAIT_STRONG] = 108;
	hand_judge(h, 0, 1);
	assert_int_equal(h->groups[0].is.verdict, VERDICT_PLATEAU);
	assert_int_equal(h->groups[0].is.missing, 0);
	assert_true(h->groups[0].is.rate.value == 0 && h->groups[0].is.rate.low <= 0);
	assert_int_equal(h->out.n_findings, 0);
	assert_int_equal(h->out.verdict, VERDICT_STEADY);
	hand_free(h);
}

/* That some wait for what cannot come is no leak: of two daemons and a pool no more come, be they
 * from the start or not; nor is it where others came than those that wait so; nor known at once. */
static void test_stuck(void **state)
{
	enum { DAEMONS, LATER, ENDED, OTHERS, MORE, N };
	static const uint64_t stuck[N] = { 3, 8, 20, 2, 10 };
	struct hand *h = hand_new();

	h->in.limits = (struct judge_limits){ 12, 200 };
	for (unsigned k = 1; k <= 60; k++) {
		hand_look(h, k);
		for (unsigned i = 0; i < 3 && k == 1; i++)
			window_birth(h->w, DAEMONS, 0, 1);
		births_at(h, LATER, k, k == 25 ? 8 : 0);
		births_at(h, ENDED, k, k <= 20);
		births_at(h, OTHERS, k, k % 7 == 0);
		births_at(h, MORE, k, k % 5 == 0);
		for (size_t i = 0; i < N; i++)
			h->groups[i].waiting[WAIT_CERTAIN] = stuck[i];
		if (k == 20)
			hand_judge(h, 0, N);
		for (size_t i = 0; i < N && k == 20; i++)
			assert_true(h->groups[i].is.verdict < VERDICT_LEAK);
	}
	h->in.limits.min_s = 100;
	hand_judge(h, 0, N);
	for (size_t i = 0; i < N; i++) {
		assert_true(h->groups[i].is.certain);
		assert_int_equal(h->groups[i].is.verdict == VERDICT_LEAK, i == MORE);
		assert_true(i == MORE || h->groups[i].is.verdict < VERDICT_GROWING);
	}
	assert_int_equal(h->out.n_findings, 1);
	h->groups[DAEMONS].waiting[WAIT_LEAKED] = 1;	/* the runtime says so */
	hand_judge(h, 0, N);
	assert_int_equal(h->groups[DAEMONS].is.verdict, VERDICT_LEAK);
	hand_free(h);
}

/* A class of which no stack is known, beside goroutines that leak: what they hold, or not. */
static void test_class_of_goroutines(void **state)
{
	struct hand *h = hand_new();

	for (unsigned k = 1; k <= 40; k++) {
		h->bytes += 300 * OBJECT;
		hand_look(h, k);
		births_at(h, 0, k, 3);
	}
	h->groups[0].waiting[WAIT_STRONG] = 120;
	hand_judge(h, 0, 1);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].group, 0);
	hand_judge(h, 0, 0);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].class, 0);
	assert_int_equal(h->out.findings[0].verdict, VERDICT_LEAK);
	h->classes[0].load[1] = 1;	/* with the load */
	h->classes[0].load[2] = 9;
	hand_judge(h, 0, 0);
	assert_int_equal(h->out.n_findings, 1);
	assert_int_equal(h->out.findings[0].verdict, VERDICT_GROWING);
	assert_int_equal(h->classes[0].is.missing, MISSING_LOAD);
	h->classes[0].load[1] = 0;
	h->classes[0].type = (struct estimate){ OBJECT, OBJECT, OBJECT, 0 };
	hand_judge(h, 0, 1);		/* of the program */
	assert_int_equal(h->out.n_findings, 2);
	h->classes[0].of_runtime = true;	/* but more descriptors */
	hand_judge(h, 0, 1);
	assert_int_equal(h->out.n_findings, 1);
	assert_true(h->out.explained.value > 0.9);
	h->classes[0].load[1] = 1;	/* which lack something by themselves */
	hand_judge(h, 0, 1);
	assert_int_equal(h->classes[0].is.verdict, VERDICT_GROWING);
	assert_int_equal(h->out.findings[0].verdict, VERDICT_LEAK);
	assert_true(h->out.explained.value > 0.9 && h->out.growing.value == 0);
	h->classes[0].load[1] = 0;
	hand_judge(h, 0, 0);
	assert_int_equal(h->out.n_findings, 1);
	hand_free(h);
}

/* Where there is no room for more keys births are lost, until nobody lives at one of the others. */
static void test_window_room(void **state)
{
	struct window *w;
	uint64_t key = 1;

	window_new(&w, 0, 64 << 10);
	window_look(w, 2);
	for (; !window_lost(w); key++)
		window_birth(w, key, 1, 1);
	assert_in_range(key, 20, 1000);
	window_birth(w, key, 1, 1);
	assert_int_equal(window_lost(w), 2);
	window_birth(w, 1, 1, 1);
	window_death(w, 1, 1, 1);
	window_birth(w, key, 1, 1);
	assert_int_equal(window_lost(w), 3);
	window_death(w, 1, 1, 1);
	window_birth(w, key, 1, 1);
	assert_int_equal(window_lost(w), 3);
	window_birth(w, key + 1, 1, 1);
	assert_int_equal(window_lost(w), 4);
	window_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_room),
		cmocka_unit_test(test_healthy),
		cmocka_unit_test_prestate(test_healthy, "with types"),
		cmocka_unit_test_teardown(test_healthy_rare, evenly),
		cmocka_unit_test(test_leaks),
		cmocka_unit_test_teardown(test_leaks_rare, evenly),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_weighed_low),
		cmocka_unit_test(test_few_samples),
		cmocka_unit_test(test_unseen_type),
		cmocka_unit_test(test_class_alone),
		cmocka_unit_test(test_heap_alone),
		cmocka_unit_test(test_hidden), cmocka_unit_test(test_hidden_in_one),
		cmocka_unit_test(test_moved), cmocka_unit_test(test_drained),
		cmocka_unit_test(test_side_by_side), cmocka_unit_test(test_worn),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_two_looks),
		cmocka_unit_test(test_who_may_be_it),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_parting), cmocka_unit_test(test_apart),
		cmocka_unit_test(test_in_step),
		cmocka_unit_test(test_other_steps),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_doubt), cmocka_unit_test(test_doubtful_churn),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_goroutines),
		cmocka_unit_test(test_goroutines_end),
		cmocka_unit_test(test_stuck),
		cmocka_unit_test(test_class_of_goroutines),
	};

	collect(false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
