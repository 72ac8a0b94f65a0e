// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_findings.c - observations filled by hand, and what becomes of them.
 */
#include "user/findings.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "include/gobpfleak.h"
#include "tests/golden/heapmaps.h"
#include "tests/unit/names.h"
#include "user/flows.h"
#include "user/heapview.h"
#include "user/judge/trend.h"
#include "user/judge/window.h"
#include "user/observation.h"
#include "user/suppress.h"

#define S 1000000000ull

static uint64_t pcs[] = {
	PC(MAKE, 1), PC(PUT, 1), PC(MAIN, 1),			/* stack 1 */
	PC(SLOW, 9), PC(MAKE, 2), PC(PUT, 1), PC(MAIN, 1),	/* stack 2: the same site */
	PC(SERVE, 5), PC(MAIN, 3),				/* stack 3: starts goroutines */
};

static struct obs_stack stacks[] = {
	{ 0 },
	{ .id = 1, .first_pc = 0, .n_pcs = 3 },
	{ .id = 2, .first_pc = 3, .n_pcs = 4 },
	{ .id = 3, .first_pc = 7, .n_pcs = 2, .started = 10, .ended = 4, .half_live = 2 },
};

static struct obs_account accounts[] = {
	{ .stack = 1, .typ = BYTES, .size = 1024, .live = 100, .young = 5, .doubtful = 9,
	  .replaced = 2,
	  .allocs = 200, .samples = 100, .live_first = 40, .live_half = 60, .oldest_ns = 90 * S },
	{ .stack = 2, .typ = BYTES, .size = 1024, .live = 10, .allocs = 11, .samples = 10,
	  .live_half = 10, .oldest_ns = 80 * S },
	{ .stack = 2, .typ = SESSION, .size = 48, .live = 1, .allocs = 1, .samples = 1 },
};

static char *states[] = { "chan send", "running" };

static uint64_t table_pcs[] = { PC(FANOUT, 44), PC(SERVE, 1) };

static struct obs_goroutine table[] = {
	{ .goid = 1, .gopc = 0, .startpc = PC(MAIN, 0), .before_attach = true, .state = 1 },
	{ .goid = 7, .gopc = PC(SERVE, 5), .start_ns = 50 * S, .stack = 3, .n_pcs = 2,
	  .waitsince_ns = 60 * S, .stack_bytes = 2048 },
	{ .goid = 8, .gopc = PC(SERVE, 5), .start_ns = 55 * S, .stack = 3, .n_pcs = 2,
	  .waitsince_ns = 70 * S, .stack_bytes = 8192 },
	{ .goid = 9, .gopc = PC(SERVE, 5), .start_ns = 56 * S, .stack = 3, .system = true },
	{ .goid = 10, .gopc = PC(SERVE, 5), .before_attach = true, .n_pcs = 2 },
	{ .goid = 11, .gopc = PC(SERVE, 5) },	/* not seen to start, and yet not older */
};

static struct observation example(void)
{
	return (struct observation){
		.target = { .pid = 42, .exe = "/srv/api", .comm = "api", .go_version = "go1.27.4" },
		.heap = true, .goroutines = true, .table_known = true, .one_in = 1,
		.attach_ns = 10 * S, .time_ns = 110 * S, .looked_ns = 100 * S,
		.heap_half_ns = 50 * S, .go_half_ns = 60 * S, .gc_cycles = 20, .gc_cycles_half = 9,
		.cost = { .hits = 1000, .ns_per_hit = 500, .look_ns = 250000000, .own_cpu_s = 1,
			  .own_rss = 4096 },
		.stacks = stacks, .n_stacks = ARRAY_SIZE(stacks), .pcs = pcs,
		.accounts = accounts, .n_accounts = ARRAY_SIZE(accounts),
		.table = table, .n_table = ARRAY_SIZE(table), .table_pcs = table_pcs,
		.states = states, .n_states = ARRAY_SIZE(states),
	};
}

static int setup(void **state)
{
	struct sites *s;

	sites_new(&s, &toy_ops, 1 << 20);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	sites_free(*state);
	return 0;
}

static void test_heap(void **state)
{
	struct observation o = example();
	struct findings *f = findings_make(&o, *state);
	const struct heap_site *s = &f->sites[0];

	assert_int_equal(f->n_sites, 1);	/* both ways lead to the same frames */
	assert_string_equal(s->stack.v[0]->function, "main.put");
	assert_true(s->live.value == 111);
	assert_true(s->live_bytes.value == 110 * 1024 + 48);
	assert_int_equal(s->young_bytes, 5 * 1024);
	assert_true(s->doubtful == 9);
	assert_true(s->allocs == 212);
	assert_int_equal(s->live.samples, 111);
	assert_int_equal(s->growth_bytes, 60 * 1024 + 10 * 1024 + 48);
	assert_true(s->oldest_s == 30);
	assert_true(s->rate_span_s == 50);
	assert_true(fabs(s->rate.value - (40 * 1024 + 48) / 50.0) < 1e-9);
	assert_int_equal(s->n_parts, 2);	/* not three: type and size are the same */
	assert_string_equal(s->parts[0].type, "[]uint8");
	assert_true(s->parts[0].live.value == 110);
	assert_string_equal(s->parts[1].how, "new");
	findings_free(f);
}

/* What is exact is its own limit, but for what is in doubt. */
static void test_exact(void **state)
{
	struct observation o = example();
	struct findings *f;
	const struct heap_site *s;

	accounts[0].replaced = 0;
	f = findings_make(&o, *state);
	s = &f->sites[0];
	assert_true(s->live.low == 111 && s->live.high == 111);
	assert_true(s->live_bytes.low == 110 * 1024 + 48);
	assert_true(s->live_bytes.high == s->live_bytes.low);
	assert_true(s->rate.low == s->rate.value && s->rate.high == s->rate.value);
	assert_true(s->parts[0].live.low == 110 && s->parts[0].live.high == 110);
	assert_true(f->live_bytes.low == f->live_bytes.high && f->live.value == 111);
	assert_true(f->sample_bytes == 1);
	findings_free(f);
	accounts[0].replaced = 2;
	f = findings_make(&o, *state);
	s = &f->sites[0];
	assert_true(fabs(s->live.low - 109) < 1e-9 && s->live.high == 111);
	assert_true(fabs(s->live_bytes.low - (108 * 1024 + 48)) < 1e-6);
	assert_true(fabs(s->rate.low - (s->rate.value - 2 * 1024 / 50.0)) < 1e-9);
	assert_true(s->rate.high == s->rate.value);
	assert_true(fabs(f->live.low - 109) < 1e-9);
	findings_free(f);
}

/* Two ways that lead to the same frames: what was recorded throughout adds up as chance does, what
 * was recorded in bursts as if both had come in the same windows. */
static void test_intervals(void **state)
{
	struct observation o = example();
	struct obs_stack some[ARRAY_SIZE(stacks)];
	struct findings *f;
	const struct heap_site *s;
	double half[2];

	memcpy(some, stacks, sizeof(some));
	o.stacks = some;
	for (size_t i = 0; i < 2; i++) {
		some[1].objects = some[2].objects = (struct variance){ .var = i ? 0 : 50,
								       .bursts = i ? 50 : 0 };
		some[1].bytes = some[2].bytes = (struct variance){ .var = 5e7, .largest = 1024 };
		f = findings_make(&o, *state);
		s = &f->sites[0];
		assert_true(s->live.low < 109 && s->live.high > 111);
		assert_true(s->live_bytes.low < 108 * 1024 && s->live_bytes.high > 111 * 1024);
		assert_true(f->live.low == f->live.value - 2);	/* o.objects says so */
		half[i] = s->live.high - s->live.value;
		findings_free(f);
	}
	assert_true(half[1] > 1.35 * half[0] && half[1] < 1.5 * half[0]);
}

/* A site that grows, of which some have died: both are uncertain. */
static void test_rate_interval(void **state)
{
	struct observation o = example();
	struct obs_stack some[ARRAY_SIZE(stacks)];
	struct obs_account one = { .stack = 1, .typ = BYTES, .size = 1000, .live = 1000,
				   .samples = 100, .live_half = 500, .old = 400,
				   .live_var = { .var = 9000 } };
	struct findings *f;
	const struct heap_site *s;

	memcpy(some, stacks, sizeof(some));
	some[1].bytes = (struct variance){ .var = 9000e6, .largest = 9500 };
	some[1].new_bytes = (struct variance){ .var = 5400e6, .largest = 9500 };
	o.stacks = some;
	o.accounts = &one;
	o.n_accounts = 1;
	f = findings_make(&o, *state);
	s = &f->sites[0];
	assert_true(fabs(s->rate.value - 500000 / 50.0) < 1e-6);
	/* 600,000 born, 100,000 died: standard errors 73,000 and 30,000 */
	assert_true(s->rate.low > (500000 - 2.1 * 79000) / 50);
	assert_true(s->rate.low < (500000 - 1.7 * 79000) / 50);
	assert_true(s->rate.high > (500000 + 1.8 * 79000) / 50);
	assert_true(s->rate.high < (500000 + 2.4 * 79000) / 50);
	findings_free(f);
}

static void test_alloc_of_others(void **state)
{
	struct observation o = example();
	struct findings *f;

	stacks[3].other_allocs = 7;
	stacks[3].other_bytes = 70;
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 2);
	assert_int_equal(f->sites[1].allocs, 7);
	assert_int_equal(f->sites[1].alloc_bytes, 70);
	findings_free(f);
	stacks[3].other_allocs = 0;
}

/* No rate from a moment: neither from too few collections nor from too little time. */
static void test_rate_too_early(void **state)
{
	struct observation o = example();
	struct findings *f;

	o.gc_cycles_half = 18;
	f = findings_make(&o, *state);
	assert_true(isnan(f->sites[0].rate.value));
	findings_free(f);
	o = example();
	o.heap_half_ns = 99 * S;
	o.go_half_ns = 109 * S;
	f = findings_make(&o, *state);
	assert_true(isnan(f->sites[0].rate.value));
	assert_true(isnan(f->gsites[0].rate_per_s));
	findings_free(f);
}

static const struct goroutine_site *gsite(const struct findings *f, bool before, bool unseen)
{
	for (size_t i = 0; i < f->n_gsites; i++)
		if (f->gsites[i].before_attach == before && f->gsites[i].start_unseen == unseen &&
		    strcmp(f->gsites[i].stack.v[0]->function, "main.main"))
			return &f->gsites[i];
	fail();
	return NULL;
}

/* ---- what is older than the attach ----------------------------------------------------------- */

static uint64_t older_pcs[] = {
	PC(SLOW, 9), PC(PUT, 1), PC(MAIN, 1),	/* the site of stack 1 */
	PC(SLOW, 9), PC(FANOUT, 45), PC(MAIN, 2),
};

static struct observation older_example(struct obs_older *v, size_t n)
{
	struct observation o = example();

	o.before = (struct obs_before){ .rate = 4096, .v = v, .n = n, .pcs = older_pcs };
	return o;
}

static void test_older(void **state)
{
	struct obs_older v[] = {
		{ 0, 3, .size = 1024, .chance = 1, .least = 4, .samples = 5, .most = 6 },
		{ 0, 3, .size = 48, .chance = 0.5, .least = 50, .samples = 50, .most = 50 },
		{ 3, 3, .size = 65536, .chance = 1, .least = 2, .samples = 2, .most = 2 },
	};
	struct observation o = older_example(v, ARRAY_SIZE(v));
	struct findings *f = findings_make(&o, *state);
	const struct older_site *fanout = &f->older[0], *put = &f->older[1];

	assert_int_equal(f->older_rate, 4096);
	assert_int_equal(f->n_older, 2);
	assert_false(f->older_scaled);
	assert_string_equal(fanout->stack.v[0]->function, "main.fanout");
	assert_false(fanout->traced);
	assert_true(fanout->bytes.low == 131072 && fanout->bytes.value == 131072 &&
		    fanout->bytes.high == 131072);
	/* what is traced is as it was */
	assert_int_equal(f->n_sites, 1);
	assert_true(f->sites[0].live.value == 111);
	assert_ptr_equal(f->sites[0].older, put);
	assert_true(put->traced);
	assert_true(put->id == f->sites[0].id);
	assert_true(put->objects.value == 105);
	assert_true(put->bytes.value == 5 * 1024 + 100 * 48);
	assert_int_equal(put->bytes.samples, 55);
	/* 4 to 6, and 100 with a standard deviation of 10 */
	assert_true(put->objects.low > 80 && put->objects.low < 90);
	assert_true(put->objects.high > 120 && put->objects.high < 135);
	assert_true(put->bytes.low > 4 * 1024 + 70 * 48 && put->bytes.low < 4 * 1024 + 90 * 48);
	assert_true(put->bytes.high > 6 * 1024 + 110 * 48 && put->bytes.high < 6 * 1024 + 130 * 48);
	assert_true(f->older_named.value == fanout->bytes.value + put->bytes.value);
	findings_free(f);
}

/* No more has names than the census says there is: what is certain stays, as long as it can. */
static void test_older_scaled(void **state)
{
	struct obs_older v[] = {
		{ 0, 3, .size = 1024, .chance = 1, .least = 10, .samples = 10, .most = 10 },
		{ 3, 3, .size = 1024, .chance = 1, .least = 10, .samples = 30, .most = 50 },
	};
	static const struct { unsigned room, bytes[2], low; } rows[] = {
		{ 60, { 30, 10 }, 10 }, { 40, { 30, 10 }, 10 }, { 30, { 20, 10 }, 10 },
		{ 20, { 10, 10 }, 10 }, { 10, { 5, 5 }, 5 }, { 0, { 0, 0 }, 0 },
	};

	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		struct observation o = older_example(v, ARRAY_SIZE(v));
		struct findings *f;

		o.census = (struct heap_census){ .n_cycles = 5, .live_bytes = 1 << 20,
						 .older_bytes = rows[k].room << 10,
						 .older_most = rows[k].room << 10 };
		f = findings_make(&o, *state);
		assert_int_equal(f->older_scaled, rows[k].room < 40);
		for (size_t i = 0; i < f->n_older; i++) {
			const struct older_site *s = &f->older[i];

			assert_true(s->bytes.value == s->objects.value * 1024);
			assert_true(s->bytes.low == rows[k].low << 10);
			assert_true(s->bytes.high >= s->bytes.value);
			assert_true(s->bytes.high <= f->older_bytes.high);
		}
		assert_true(f->older[0].bytes.value == rows[k].bytes[0] << 10);
		assert_true(f->older[1].bytes.value == rows[k].bytes[1] << 10);
		assert_true(f->older_named.value == (rows[k].bytes[0] + rows[k].bytes[1]) << 10);
		assert_true(f->older_named.low <= f->older_named.value);
		assert_true(f->older_named.high <= f->older_bytes.high);
		findings_free(f);
	}
}

/* However little of what was seen may be there, no more is older than lived, now and at the
 * attach. */
static void test_older_at_most(void **state)
{
	struct observation o = example();
	struct findings *f;

	o.bytes = (struct variance){ .bursts = 1e12, .largest = 1e6 };
	o.census = (struct heap_census){ .n_cycles = 5, .live_bytes = 2000,
					 .compared_bytes = 1000, .older_bytes = 990,
					 .older_most = 2000 };
	f = findings_make(&o, *state);
	assert_true(f->live_bytes.value - f->live_bytes.low > 10);
	assert_true(f->older_bytes.value == 990 && f->older_bytes.low == 0);
	assert_true(f->older_bytes.high == 1000);
	findings_free(f);
	o.census.older_most = 995;
	f = findings_make(&o, *state);
	assert_true(f->older_bytes.value == 990 && f->older_bytes.high == 995);
	findings_free(f);
	o.bytes.missing = 990;		/* that lives and that nobody has seen */
	o.bytes.bursts = o.bytes.largest = 0;
	f = findings_make(&o, *state);
	assert_true(f->older_bytes.low == 0);
	findings_free(f);
}

/* The runtime counts all that lives: more of it was not seen, whatever samples leave open. */
static void test_live_at_most(void **state)
{
	struct observation o = example();
	struct obs_stack some[ARRAY_SIZE(stacks)];
	struct findings *f;

	memcpy(some, stacks, sizeof(some));
	some[1].bytes = some[2].bytes = (struct variance){ .var = 1e10, .largest = 1e5 };
	o.stacks = some;
	o.bytes = (struct variance){ .bursts = 1e12, .largest = 1e6 };
	o.census = (struct heap_census){ .n_cycles = 5, .live_bytes = 115 * 1024,
					 .compared_bytes = 116 * 1024, .older_bytes = 1024,
					 .older_most = 2048 };
	f = findings_make(&o, *state);
	assert_true(f->live_bytes.value == 110 * 1024 + 48 && f->live_bytes.high == 116 * 1024);
	assert_true(f->sites[0].live_bytes.high == 116 * 1024);
	assert_true(f->older_bytes.low == 0);	/* more may have been seen */
	findings_free(f);
	o.memory = (struct memory_account){ .known = true, .live_heap = 120 * 1024 };
	f = findings_make(&o, *state);
	assert_true(f->live_bytes.high == 120 * 1024);
	findings_free(f);
	o.census.n_cycles = 0;			/* not counted */
	f = findings_make(&o, *state);
	assert_true(f->live_bytes.high > 1e6);
	findings_free(f);
}

static void test_no_older(void **state)
{
	struct observation o = example();
	struct findings *f = findings_make(&o, *state);

	assert_int_equal(f->older_rate, 0);
	assert_int_equal(f->n_older, 0);
	assert_null(f->sites[0].older);
	findings_free(f);
}

/* What was lost may have been any goroutine; nothing is said of it where not all are seen. */
static void test_goroutines_lost(void **state)
{
	struct observation o = example();
	struct findings *f;

	memset(o.loss, 0, sizeof(o.loss));
	f = findings_make(&o, *state);
	assert_int_equal(f->go_events_lost, 0);
	findings_free(f);
	o.loss[COVERAGE_LOST_RING] = 17;
	o.loss[COVERAGE_GOROUTINES_FORGOTTEN] = 3;
	f = findings_make(&o, *state);
	assert_int_equal(f->go_events_lost, 20);
	findings_free(f);
	o.starts_missed = true;
	f = findings_make(&o, *state);
	assert_true(f->go_events_lost == UNKNOWN_U64);
	findings_free(f);
}

static void test_goroutines(void **state)
{
	struct observation o = example();
	struct findings *f = findings_make(&o, *state);
	const struct goroutine_site *s = gsite(f, false, false);

	assert_int_equal(f->n_gsites, 4);
	assert_int_equal(s->live, 2);
	assert_int_equal(s->started, 9);	/* the runtime's own is nobody's */
	assert_int_equal(s->ended, 4);
	assert_true(s->oldest_s == 60);
	assert_int_equal(s->stack_bytes, 2048 + 8192);
	assert_true(s->rate_per_s == 4 / 50.0);
	assert_int_equal(s->stack.n, 2);
	assert_int_equal(s->n_places, 1);
	assert_int_equal(s->places[0].live, 2);
	assert_string_equal(s->places[0].state, "chan send");
	assert_string_equal(s->places[0].stack.v[0]->function, "main.fanout");
	assert_true(s->places[0].longest_wait_s == 50);
	s = gsite(f, true, false);
	assert_int_equal(s->live, 1);
	assert_int_equal(s->stack.n, 1);
	assert_true(s->oldest_s == 100);
	assert_int_equal(gsite(f, false, true)->live, 1);
	findings_free(f);
}

/* Where only some are seen to start, what one go statement has started is one site; of the stacks of
 * those that were seen it has what they have in common. */
static void test_starts_missed(void **state)
{
	uint64_t more_pcs[ARRAY_SIZE(pcs) + 2];
	struct obs_stack more[] = { stacks[0], stacks[1], stacks[2], stacks[3],
				    { .id = 4, .first_pc = ARRAY_SIZE(pcs), .n_pcs = 2,
				      .started = 3, .ended = 3 } };
	struct obs_goroutine gs[ARRAY_SIZE(table)];
	struct observation o = example();
	const struct goroutine_site *s;
	struct findings *f;

	memcpy(gs, table, sizeof(gs));
	memcpy(more_pcs, pcs, sizeof(pcs));
	more_pcs[ARRAY_SIZE(pcs)] = PC(SERVE, 5);
	more_pcs[ARRAY_SIZE(pcs) + 1] = PC(PUT, 1);
	o.pcs = more_pcs;
	o.stacks = more;
	o.n_stacks = ARRAY_SIZE(more);
	o.table = gs;
	o.starts_missed = true;
	o.n_starts = 12345;
	for (int round = 0; round < 3; round++) {
		gs[2].stack = round == 1 ? 4 : 3;
		gs[1].start_ns = gs[2].start_ns = round == 2 ? 0 : 50 * S;
		f = findings_make(&o, *state);
		s = gsite(f, false, round == 2);
		assert_int_equal(f->n_gsites, 3);
		assert_int_equal(s->live, 3);
		assert_true(s->started == UNKNOWN_U64 && s->ended == UNKNOWN_U64);
		assert_true(isnan(s->rate_per_s));
		assert_int_equal(s->samples, round == 2 ? 0 : 2);
		assert_int_equal(s->stack.n, round == 0 ? 2 : 1);
		assert_int_equal(s->stack.cut, round == 1);
		assert_string_equal(s->stack.v[0]->function, "main.serve");
		assert_int_equal(gsite(f, true, false)->live, 1);
		assert_true(f->starts_missed);
		assert_int_equal(f->n_starts, 12345);
		findings_free(f);
	}
}

/* The main goroutine has no go statement: the function it began with. */
static void test_main_goroutine(void **state)
{
	struct observation o = example();
	struct findings *f;

	o.n_table = 1;
	o.n_accounts = 0;
	o.n_stacks = 1;
	f = findings_make(&o, *state);
	assert_int_equal(f->n_gsites, 1);
	assert_string_equal(f->gsites[0].stack.v[f->gsites[0].stack.n - 1]->function, "main.main");
	findings_free(f);
}

static void test_table_unknown(void **state)
{
	struct obs_started started[] = { { 7, 3, 50 * S, false }, { 8, 3, 55 * S, false } };
	struct observation o = example();
	struct findings *f;

	o.table_known = false;
	o.n_table = 0;
	o.started = started;
	o.n_started = 2;
	o.gone = "exited";
	f = findings_make(&o, *state);
	assert_int_equal(f->n_gsites, 1);
	assert_int_equal(f->gsites[0].live, 2);
	assert_string_equal(f->gsites[0].places[0].state, "?");
	assert_string_equal(f->gone, "exited");
	findings_free(f);
}

static uint64_t runtimes_pcs[] = {
	PC(RELEASEM, 1), PC(NEWPROC1, 1), PC(SYSTEMSTACK, 1), PC(WORKERS, 1), PC(SLOW, 1), PC(PUT, 1),
	PC(RELEASEM, 1), PC(NEWPROC1, 1), PC(SYSTEMSTACK, 1), PC(NEWPROC, 1), PC(RT0, 1),
};

/* Goroutines that the runtime starts are nobody's, whoever allocated when it did, and whether the
 * table can tell what they are or not; but for the main one. */
static void test_started_by_runtime(void **state)
{
	struct obs_started started[] = { { 1, 2, 50 * S, false }, { 5, 1, 50 * S, false } };
	struct obs_stack of[] = { { 0 }, { .id = 1, .n_pcs = 6, .started = 3, .ended = 1 },
				  { .id = 2, .first_pc = 6, .n_pcs = 5, .started = 1 } };
	struct obs_goroutine gs[] = {
		{ .goid = 1, .startpc = PC(MAIN, 0), .start_ns = 50 * S, .stack = 2, .state = 1 },
		{ .goid = 5, .gopc = PC(WORKERS, 1), .start_ns = 50 * S, .stack = 1, .system = true },
	};
	struct observation o = example();
	struct findings *f;

	o.pcs = runtimes_pcs;
	o.stacks = of;
	o.n_stacks = ARRAY_SIZE(of);
	o.n_accounts = 0;
	o.started = started;
	o.n_started = ARRAY_SIZE(started);
	o.table = gs;
	o.n_table = ARRAY_SIZE(gs);
	for (int known = 0; known < 2; known++) {
		o.table_known = known;
		o.n_table = known ? ARRAY_SIZE(gs) : 0;
		f = findings_make(&o, *state);
		assert_int_equal(f->n_gsites, 1);
		assert_int_equal(f->gsites[0].live, 1);
		assert_int_equal(f->gsites[0].stack.n, 1);
		assert_string_equal(f->gsites[0].stack.v[0]->function, "runtime.rt0_go");
		findings_free(f);
	}
	gs[1].system = false;		/* as one that runs finalizers */
	f = findings_make(&o, *state);
	assert_int_equal(f->n_gsites, 2);
	findings_free(f);
}

static void test_coverage_and_cost(void **state)
{
	struct observation o = example();
	struct findings *f;

	o.loss[COVERAGE_LOST_RING] = 17;
	o.cost.spent_ns = 0.02 * (double)(o.time_ns - o.attach_ns);
	o.cost.budget_percent = 3;
	f = findings_make(&o, *state);
	assert_int_equal(f->n_coverage, N_COVERAGE - 2);	/* the profile is a look's */
	for (size_t i = 0; i < f->n_coverage; i++)
		assert_int_equal(f->coverage[i].value,
				 strcmp(f->coverage[i].name, "lost_ring") ? 0 : 17);
	assert_true(f->cost.hits_per_s == 10);
	assert_true(fabs(f->cost.target_percent - 2) < 1e-12);
	assert_true(f->cost.budget_percent == 3);
	assert_true(f->cost.own_cpu_percent == 1);
	assert_true(f->cost.look_s == 0.25);
	findings_free(f);
}

/* Before the first burst 0 is no number of anything. */
static void test_unheard(void **state)
{
	struct observation o = example();
	struct obs_source source = { .source = SOURCE_BURST, .from_ns = o.attach_ns };
	struct findings *f;

	o.sources = &source;
	o.n_sources = 1;
	f = findings_make(&o, *state);		/* what was recorded was listened to */
	assert_true(!f->unheard && f->live_known);
	findings_free(f);
	o.n_accounts = 0;
	for (int none = 0; none < 2; none++) {
		source.source = none ? SOURCE_NONE : SOURCE_BURST;
		f = findings_make(&o, *state);
		assert_true(f->unheard && !f->live_known && !f->growth_known);
		assert_true(isnan(f->older_bytes.value));
		findings_free(f);
	}
	source = (struct obs_source){ .source = SOURCE_BURST, .n_windows = 1 };
	f = findings_make(&o, *state);
	assert_true(!f->unheard && f->live_known);
	findings_free(f);
}

/* What began before the attach began with it; what goes on lasts until now. */
static void test_listened(void **state)
{
	struct observation o = example();
	struct obs_source sources[] = {
		{ .source = SOURCE_BURST, .from_ns = o.attach_ns - 5, .to_ns = o.attach_ns + S,
		  .n_windows = 4, .open_ns = 7 * S },
		{ .goroutines = true, .source = SOURCE_NONE, .from_ns = o.attach_ns + 2 * S,
		  .distance = 77 },
	};
	struct findings *f;

	o.sources = sources;
	o.n_sources = 2;
	o.n_sources_left_out = 5;
	f = findings_make(&o, *state);
	assert_int_equal(f->n_listened, 2);
	assert_int_equal(f->listened_left_out, 5);
	assert_string_equal(f->listened[0].source, "burst");
	assert_false(f->listened[0].goroutines);
	assert_true(f->listened[0].from_s == 0 && f->listened[0].to_s == 1);
	assert_true(f->listened[0].windows == 4 && f->listened[0].open_s == 7);
	assert_string_equal(f->listened[1].source, "none");
	assert_true(f->listened[1].goroutines);
	assert_true(f->listened[1].from_s == 2 && f->listened[1].to_s == f->attached_s);
	assert_int_equal(f->listened[1].distance, 77);
	findings_free(f);
}

/* Two findings at once, of observations and sites that are gone. */
static void test_kept(void **state)
{
	struct observation o = example();
	struct findings *a, *b;
	struct heap_class class = { .size = 48, .live_objects = 7 };
	struct sites *s;

	sites_new(&s, &toy_ops, 1 << 20);
	o.census = (struct heap_census){ .n_cycles = 3, .classes = &class, .n_classes = 1 };
	o.target.comm = xstrdup("short-lived");
	a = findings_make(&o, s);
	free((char *)o.target.comm);
	o.target.comm = "api";
	accounts[0].live++;
	class.live_objects = 8;
	b = findings_make(&o, s);
	accounts[0].live--;
	sites_free(s);
	assert_string_equal(a->target.comm, "short-lived");
	assert_int_equal(a->census.n_cycles, 3);
	assert_int_equal(a->census.classes[0].live_objects, 7);
	assert_int_equal(b->census.classes[0].live_objects, 8);
	assert_int_equal(a->sites[0].id, b->sites[0].id);
	assert_true(a->sites[0].live.value + 1 == b->sites[0].live.value);
	assert_string_equal(a->sites[0].stack.v[1]->function, "main.main");
	assert_string_equal(b->gsites[0].places[0].state, "chan send");
	findings_free(a);
	findings_free(b);
}

/* Ten thousand places at one site, and parts: found by hash. */
static void test_many(void **state)
{
	enum { MANY = 20000 };
	struct obs_account *many = xcalloc(MANY, sizeof(*many));
	struct obs_goroutine *gs = xcalloc(MANY, sizeof(*gs));
	uint64_t *where = xcalloc(MANY, sizeof(*where));
	struct observation o = example();
	struct findings *f;

	for (size_t i = 0; i < MANY; i++) {
		many[i] = (struct obs_account){
			.stack = 1, .typ = BYTES, .size = i + 1, .live = 1 };
		gs[i] = (struct obs_goroutine){ .goid = i + 1, .gopc = PC(SERVE, 5),
						.before_attach = true, .first_pc = i, .n_pcs = 1 };
		where[i] = PC(FANOUT, i);
	}
	o.accounts = many;
	o.table = gs;
	o.n_accounts = o.n_table = MANY;
	o.table_pcs = where;
	sites_free(*state);
	sites_new((struct sites **)state, &toy_ops, 64 << 20);
	f = findings_make(&o, *state);
	assert_int_equal(f->sites[0].n_parts, MANY);
	assert_int_equal(gsite(f, true, false)->n_places, MANY);
	findings_free(f);
	free(many);
	free(gs);
	free(where);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

enum { KEY = 77, CYCLES = 40, PER_CYCLE = 5 };

/* What evidence is made from: a minute with 40 collections, at each of which so many objects of
 * account 0 (1 KiB each) have been born and stay. */
struct story {
	struct window *objects, *goroutines;
	struct trend *census;
	struct obs_growth classes[2];	/* large ones, 1 KiB */
	unsigned n_born;	/* objects a cycle */
	unsigned n_started;	/* goroutines of SERVE, likewise */
	bool flat;		/* and nothing grows by the census */
};

static void tell_story(struct story *s)
{
	window_new(&s->objects, 10 * S, 1 << 20);
	window_new(&s->goroutines, 10 * S, 1 << 20);
	trend_new(&s->census, 1);
	for (uint64_t i = 1; i <= CYCLES; i++) {
		uint64_t now = 10 * S + i * 60 * S / CYCLES;
		uint64_t bytes = 10240000 + (s->flat ? 0 : i * s->n_born * 1024);

		window_look(s->objects, now);
		window_look(s->goroutines, now);
		for (unsigned k = 0; k < s->n_born; k++)
			window_birth(s->objects, KEY, now, 1);
		for (unsigned k = 0; k < s->n_started; k++)
			window_birth(s->goroutines, PC(SERVE, 5), now, 1);
		trend_add(s->census, now, &bytes, NULL, NULL);
	}
}

static void add_evidence(struct story *s, struct observation *o)
{
	struct growth g;

	tell_story(s);
	trend_growth(s->census, 0, 10 * S, &g);
	s->classes[0] = (struct obs_growth){ .live = { .late = { NAN, NAN, NAN, 0 } } };
	s->classes[0].live.values = s->classes[0].live.late;
	s->classes[1] = (struct obs_growth){ .size = 1024, .object_bytes = 1024, .live = g };
	o->evidence = (struct obs_evidence){
		.known = true, .min_cycles = 12, .min_s = 30, .classes = s->classes,
		.n_classes = 2, .heap = { .object_bytes = 1024, .live = g } };
	accounts[0].key = KEY;
	flows_of_accounts(s->objects, o);
	flows_of_goroutines(s->goroutines, o);
}

static void end_story(struct story *s, struct observation *o)
{
	window_free(s->objects);
	window_free(s->goroutines);
	trend_free(s->census);
	free(o->evidence.accounts.v);
	free(o->evidence.goroutines.v);
	accounts[0].key = 0;
}

/* The census and the samples agree on who leaks, and how fast. */
static void test_leak(void **state)
{
	struct story s = { .n_born = PER_CYCLE };
	struct observation o = example();
	const double rate = PER_CYCLE * 1024 * CYCLES / 60.0;
	const struct finding *found;
	struct findings *f;

	add_evidence(&s, &o);
	f = findings_make(&o, *state);
	assert_true(f->verdicts.known);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 1);
	found = &f->verdicts.findings[0];
	assert_int_equal(found->verdict, VERDICT_LEAK);
	assert_int_equal(found->site, 0);
	assert_int_equal(found->gsite, NO_INDEX);
	assert_int_equal(found->n_sites, 1);
	assert_int_equal(f->sites[0].is.verdict, VERDICT_LEAK);
	assert_int_equal(f->sites[0].finding, 0);
	assert_true(found->rate.low <= rate && rate <= found->rate.high);
	assert_true(f->verdicts.explained.value > .9 && f->verdicts.explained.value < 1.1);
	findings_free(f);
	end_story(&s, &o);
}

/* The same objects in a class that does not grow take the place of older ones. */
static void test_replacing(void **state)
{
	struct story s = { .n_born = PER_CYCLE, .flat = true };
	struct observation o = example();
	struct findings *f;

	add_evidence(&s, &o);
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.n_findings, 0);
	assert_int_equal(f->verdicts.verdict, VERDICT_STEADY);
	assert_int_equal(f->sites[0].is.verdict, VERDICT_STEADY);
	assert_true(f->sites[0].is.replacing);
	assert_int_equal(f->sites[0].finding, NO_INDEX);
	findings_free(f);
	end_story(&s, &o);
}

/* What all of it may have been replaced by need not grow. */
static void test_may_be_others(void **state)
{
	struct story s = { .n_born = PER_CYCLE };
	struct observation o = example();
	const double before = accounts[0].replaced;
	struct findings *f;

	add_evidence(&s, &o);
	accounts[0].replaced = accounts[0].live;
	f = findings_make(&o, *state);
	assert_int_equal(f->sites[0].is.verdict, VERDICT_GROWING);
	assert_int_equal(f->sites[0].is.missing, MISSING_RATE);
	findings_free(f);
	accounts[0].replaced = before;
	end_story(&s, &o);
}

/* Nothing is a leak before its time; a look judges nothing. */
static void test_verdict_too_early(void **state)
{
	struct story s = { .n_born = PER_CYCLE };
	struct observation o = example();
	struct findings *f;

	add_evidence(&s, &o);
	o.evidence.min_s = 180;
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.verdict, VERDICT_GROWING);
	assert_int_equal(f->sites[0].is.missing, MISSING_TIME);
	assert_true(fabs(f->sites[0].is.watch_s - 120) < 2);
	findings_free(f);
	o.evidence.min_cycles = CYCLES + 1;
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.verdict, VERDICT_TOO_FEW);
	assert_int_equal(f->verdicts.n_findings, 0);
	findings_free(f);
	o.gc_cycles = CYCLES + 1;		/* what lived in the last one is not known yet */
	f = findings_make(&o, *state);
	assert_int_not_equal(f->verdicts.verdict, VERDICT_TOO_FEW);
	findings_free(f);
	o.evidence.known = false;
	f = findings_make(&o, *state);
	assert_false(f->verdicts.known);
	findings_free(f);
	o.evidence.known = true;
	end_story(&s, &o);
}

/* All sites of one go statement are told the same: those of before the attach, too. */
static void test_goroutine_leak(void **state)
{
	struct story s = { .n_started = 2, .flat = true };
	struct observation o = example();
	size_t n = 0;
	const struct finding *found;
	struct findings *f;

	add_evidence(&s, &o);
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 1);
	found = &f->verdicts.findings[0];
	assert_int_equal(found->site, NO_INDEX);
	assert_true(fabs(found->is.rate.value - 2 * CYCLES / 60.0) < .01);
	assert_int_equal(f->gsites[found->gsite].gopc, PC(SERVE, 5));
	for (size_t i = 0; i < f->n_gsites; i++) {
		bool serve = f->gsites[i].gopc == PC(SERVE, 5);

		n += serve;
		assert_int_equal(f->gsites[i].is.verdict == VERDICT_LEAK, serve);
	}
	assert_int_equal(n, found->n_gsites);
	assert_true(n > 1);
	findings_free(f);
	end_story(&s, &o);
}

static void lose_table(struct observation *o)
{
	o->gone = "exited";
	o->table_known = false;
	o->n_table = 0;
}

/* Of goroutines that cannot be found any more nothing but the verdict is left; what else is found
 * keeps its number. */
static void test_leak_of_unknown(void **state)
{
	struct story s = { .n_started = 90, .n_born = PER_CYCLE };
	struct observation o = example();
	struct findings *f;

	add_evidence(&s, &o);
	lose_table(&o);
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 1);
	assert_int_equal(f->filtered.n_findings, 0);	/* no filter has left it out */
	assert_int_equal(f->verdicts.findings[0].site, 0);
	assert_int_equal(f->sites[0].finding, 0);
	findings_free(f);
	end_story(&s, &o);
	s = (struct story){ .n_started = 2, .flat = true };
	o = example();
	add_evidence(&s, &o);
	lose_table(&o);
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 0);
	assert_int_equal(f->filtered.n_findings, 0);
	findings_free(f);
	end_story(&s, &o);
}

/* What the runtime makes for goroutines belongs to those that grow, and what else the same place
 * allocates does not; where none grow it is nobody's leak. */
static void test_descriptors(void **state)
{
	struct story s = { .n_born = PER_CYCLE, .n_started = 2 };
	struct observation o = example();
	struct findings *f;

	accounts[0].typ = DESCRIPTOR;
	add_evidence(&s, &o);
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.n_findings, 1);
	assert_int_equal(f->verdicts.findings[0].n_sites, 1);
	assert_true(f->verdicts.findings[0].gsite != NO_INDEX);
	assert_int_equal(f->sites[0].finding, 0);
	assert_int_equal(f->n_sites, 1);	/* the one that allocates bytes, too */
	findings_free(f);
	end_story(&s, &o);
	s = (struct story){ .n_born = PER_CYCLE };
	o = example();
	add_evidence(&s, &o);
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.n_findings, 0);
	findings_free(f);
	end_story(&s, &o);
	accounts[0].typ = BYTES;
}

/* ---- what is suppressed ---------------------------------------------------------------------- */

static struct suppress *accepting(const char *patterns)
{
	char path[] = "/tmp/test_findings.XXXXXX";
	struct suppress *s = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, patterns, strlen(patterns)), strlen(patterns));
	close(fd);
	assert_int_equal(suppress_read(&s, path), 0);
	unlink(path);
	return s;
}

/* The leak of the heap is accepted, that of goroutines not: the site has no row and is no finding,
 * its growth is explained, and what is told of all has it. */
static void test_suppressed(void **state)
{
	struct story s = { .n_born = PER_CYCLE, .n_started = 2 };
	struct observation o = example();
	struct findings *f;

	add_evidence(&s, &o);
	o.suppress = accepting("heap: main.put < main.main\n");
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 0);
	assert_int_equal(f->n_sites_suppressed, 1);
	assert_true(f->sites[0].suppressed && f->sites[0].live.value == 111);
	assert_true(f->live.value == 111);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 1);
	assert_true(f->verdicts.findings[0].gsite != NO_INDEX);
	assert_true(f->verdicts.explained.value > .9 && f->verdicts.explained.value < 1.1);
	assert_string_equal(f->suppressed_by, suppress_path(o.suppress));
	findings_free(f);
	suppress_free(o.suppress);
	end_story(&s, &o);
}

/* What grew by type has a name, grew, and is not accepted. */
static void test_grown(void **state)
{
	struct heapmap now = later_look(), before = earlier_look();
	struct observation o = example();
	struct heap_view view;
	struct findings *f;

	f = findings_make(&o, *state);
	assert_int_equal(f->n_grown, 0);
	findings_free(f);
	heapview_make(&now, &before, &view);
	o.growth = &view;
	f = findings_make(&o, *state);
	assert_true(f->n_grown >= 2 && f->n_grown < view.n_rows);
	assert_string_equal(f->grown[0]->type->name, "mw.Bucket");
	for (size_t i = 0; i < f->n_grown; i++)
		assert_true(f->grown[i]->type->name &&
			    f->grown[i]->amount.bytes_per_s.value > 0);
	findings_free(f);
	o.suppress = accepting("type:mw.*\n");
	f = findings_make(&o, *state);
	assert_string_not_equal(f->grown[0]->type->name, "mw.Bucket");
	findings_free(f);
	suppress_free(o.suppress);
	heapview_fini(&view);
}

/* All goroutines of that statement but one that is older than the attach, of which the callers are
 * not known: it stays in the table, and is no leak. */
static void test_suppressed_goroutines(void **state)
{
	struct story s = { .n_started = 2, .flat = true };
	struct observation o = example();
	struct findings *f;

	add_evidence(&s, &o);
	o.suppress = accepting("goroutine: main.serve < main.main\n");
	table[5].start_ns = 57 * S;
	table[5].stack = 3;
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.verdict, VERDICT_STEADY);
	assert_int_equal(f->verdicts.n_findings, 0);
	assert_int_equal(f->n_gsites_suppressed, 1);
	assert_int_equal(f->gsites[f->n_gsites].live, 3);
	assert_int_equal(f->gsites[f->n_gsites].finding, NO_INDEX);
	for (size_t i = 0; i < f->n_gsites; i++)
		assert_true(f->gsites[i].gopc != PC(SERVE, 5) || f->gsites[i].before_attach);
	findings_free(f);
	table[5].start_ns = table[5].stack = 0;	/* not seen to start: it may be any */
	f = findings_make(&o, *state);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 1);
	assert_false(f->gsites[f->verdicts.findings[0].gsite].suppressed);
	assert_true(f->verdicts.findings[0].gsite < f->n_gsites);
	findings_free(f);
	suppress_free(o.suppress);
	end_story(&s, &o);
}

/* ---- filters --------------------------------------------------------------------------------- */

static void test_filter_size(void **state)
{
	struct observation o = example();
	struct findings *f;

	o.filter = (struct filter){ .set = true, .min_object = 100 };
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 1);
	assert_true(f->sites[0].live.value == 110 && f->live.value == 110);
	assert_true(f->sites[0].live_bytes.value == 110 * 1024);
	assert_int_equal(f->sites[0].n_parts, 1);
	assert_true(fabs(f->sites[0].rate.value - 40 * 1024 / 50.0) < 1e-9);
	assert_true(f->filtered.heap.live == 1 && f->filtered.heap.live_bytes == 48);
	assert_int_equal(f->filtered.heap.sites, 0);	/* it has others, too */
	assert_true(f->sample_bytes > 0);
	findings_free(f);
	o.filter = (struct filter){ .set = true, .max_object = 100 };
	f = findings_make(&o, *state);
	assert_true(f->sites[0].live.value == 1 && f->filtered.heap.live == 110);
	assert_true(f->filtered.heap.young == 5);
	findings_free(f);
	o.filter = (struct filter){ .set = true, .min_object = 100, .max_object = 200 };
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 0);
	assert_int_equal(f->filtered.heap.sites, 1);
	assert_true(f->filtered.heap.live == 111 && f->live.value == 0);
	findings_free(f);
}

/* The young ones go, and what is left grows as fast as all. */
static void test_filter_age(void **state)
{
	struct observation o = example();
	struct findings *f;

	o.filter = (struct filter){ .set = true, .older_cycles = 5 };
	accounts[0].aged = accounts[0].n_aged = 30;
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 1);
	assert_true(f->sites[0].live.value == 30 && f->sites[0].live.samples == 30);
	assert_true(f->sites[0].young == 0);
	assert_true(fabs(f->sites[0].doubtful - 9 * 30 / 100.0) < 1e-9);
	assert_int_equal(f->sites[0].growth_bytes, 60 * 1024);
	assert_true(fabs(f->sites[0].rate.value - 40 * 1024 / 50.0) < 1e-9);
	assert_true(f->filtered.heap.live == 81 && f->filtered.heap.young == 5);
	findings_free(f);
	accounts[0].aged = accounts[0].n_aged = 0;
}

/* A leak that is not shown is one: the verdict knows it. */
static void test_filter_findings(void **state)
{
	struct story s = { .n_born = PER_CYCLE };
	struct observation o = example();
	struct findings *f;

	add_evidence(&s, &o);
	o.filter = (struct filter){ .set = true, .max_object = 100 };
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 1);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 1);	/* some of it is shown */
	assert_int_equal(f->verdicts.findings[0].site, 0);
	assert_int_equal(f->sites[0].is.verdict, VERDICT_LEAK);
	findings_free(f);
	o.filter.max_object = 10;
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 0);
	assert_int_equal(f->verdicts.verdict, VERDICT_LEAK);
	assert_int_equal(f->verdicts.n_findings, 0);
	assert_int_equal(f->filtered.n_findings, 1);
	assert_int_equal(f->filtered.n_leaks, 1);
	findings_free(f);
	end_story(&s, &o);
}

/* The site grows by 820 bytes a second as told by its row, and leaks 3,413 as judged. */
static void test_filter_rate(void **state)
{
	struct story s = { .n_born = PER_CYCLE, .n_started = 2 };
	struct observation o = example();
	struct findings *f;

	o.filter = (struct filter){ .set = true, .min_rate = 821 };
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 0);
	assert_int_equal(f->n_sites_slow, 1);
	assert_true(f->live.value == 111);
	findings_free(f);
	add_evidence(&s, &o);
	f = findings_make(&o, *state);		/* part of a finding that is fast enough */
	assert_int_equal(f->n_sites, 1);
	assert_int_equal(f->filtered.n_findings, 1);	/* of goroutines, whose stacks are small */
	assert_int_equal(f->verdicts.n_findings, 1);
	assert_int_equal(f->verdicts.findings[0].site, 0);
	findings_free(f);
	o.filter = (struct filter){ .set = true, .min_rate = 5000, .min_goroutine_rate = 1 };
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 0);
	assert_int_equal(f->n_sites_slow, 1);
	assert_int_equal(f->verdicts.n_findings, 1);
	assert_true(f->verdicts.findings[0].gsite < f->n_gsites);
	assert_int_equal(f->filtered.n_leaks, 1);
	findings_free(f);
	o.filter = (struct filter){ .set = true, .min_goroutine_rate = 2 };
	f = findings_make(&o, *state);
	assert_int_equal(f->n_sites, 1);
	assert_int_equal(f->filtered.n_leaks, 1);
	assert_int_equal(f->n_gsites_slow, 1);
	findings_free(f);
	end_story(&s, &o);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_heap), TEST(test_exact), TEST(test_intervals),
		TEST(test_rate_interval), TEST(test_alloc_of_others), TEST(test_rate_too_early),
		TEST(test_older), TEST(test_older_scaled), TEST(test_older_at_most),
		TEST(test_live_at_most), TEST(test_no_older),
		TEST(test_goroutines), TEST(test_goroutines_lost), TEST(test_starts_missed),
		TEST(test_main_goroutine), TEST(test_table_unknown), TEST(test_started_by_runtime),
		TEST(test_coverage_and_cost), TEST(test_unheard),
		TEST(test_listened), TEST(test_kept), TEST(test_many),
		TEST(test_leak), TEST(test_replacing), TEST(test_may_be_others),
		TEST(test_verdict_too_early),
		TEST(test_goroutine_leak), TEST(test_leak_of_unknown), TEST(test_descriptors),
		TEST(test_suppressed), TEST(test_grown), TEST(test_suppressed_goroutines),
		TEST(test_filter_size), TEST(test_filter_age), TEST(test_filter_findings),
		TEST(test_filter_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
