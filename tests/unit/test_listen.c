// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_listen.c - what is planted and removed, and what the owner is told, in which order; the
 * tracer, its watch and the clock are this test's, the budget is the real one.
 */
#include "user/listen.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/budget.h"
#include "user/tracer/watch.h"

#define S 1000000000ull
#define MS 1000000ull

static struct world {
	struct listen *l;
	struct budget *b;
	uint64_t clock;
	char log[4096];			/* what was done and told, a word each */

	/* the program */
	double allocs_per_s, starts_per_s;
	uint64_t profile_bytes;
	bool unreadable;

	/* the probes */
	unsigned planted;		/* for all the time */
	int attach_err;
	uint64_t distance;
	struct tracer_hits hits;
	uint64_t goroutine_hits;
	double wakes;
	struct watch_order order;
	struct watch_outcome outcome;
	bool held, told, busy;		/* busy: the watch holds its lock */
	double open, ns;		/* as told last */
} w;

static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	size_t n = strlen(w.log);
	va_list ap;

	va_start(ap, fmt);
	if (n && n < sizeof(w.log) - 1)
		w.log[n++] = ' ';
	vsnprintf(w.log + n, sizeof(w.log) - n, fmt, ap);
	va_end(ap);
}

static void assert_done(const char *what)
{
	assert_string_equal(w.log, what);
	w.log[0] = '\0';
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	ts->tv_sec = (time_t)(w.clock / S);
	ts->tv_nsec = (long)(w.clock % S);
	return 0;
}

/* ---- the tracer ------------------------------------------------------------------------------ */

static const char *names(unsigned groups)
{
	static char text[32];

	snprintf(text, sizeof(text), "%s%s%s%s", groups & TRACER_COLLECTOR ? "c" : "",
		 groups & TRACER_GOROUTINES ? "g" : "", groups & TRACER_PROFILE ? "p" : "",
		 groups & TRACER_HEAP ? "h" : "");
	return text;
}

int tracer_attach(struct tracer *tr, unsigned int groups, const char *path, pid_t pid)
{
	assert_true(w.held);
	assert_string_equal(path, "file");
	assert_int_equal(pid, 42);
	assert_int_equal(w.planted & groups, 0);
	if (w.attach_err)
		return w.attach_err;
	w.planted |= groups;
	note("+%s", names(groups));
	return 0;
}

void tracer_detach(struct tracer *tr, unsigned int groups)
{
	note("-%s", names(groups & w.planted));
	w.planted &= ~groups;
}

void tracer_sample(struct tracer *tr, uint64_t distance) { w.distance = distance; }
void tracer_hits_made(const struct tracer *tr, struct tracer_hits *out) { *out = w.hits; }
uint64_t tracer_goroutine_hits(const struct tracer *tr) { return w.goroutine_hits; }

void tracer_cost(const struct tracer *tr, struct tracer_cost *out)
{
	*out = (struct tracer_cost){ .ns_recorded = 1000, .ns_dropped = 500 };
}

int watch_new(struct watch **out, struct tracer *tr)
{
	*out = (struct watch *)&w;
	return 0;
}

void watch_free(struct watch *x) {}

void watch_hold(struct watch *x)
{
	assert_false(w.held);
	w.held = true;
}

void watch_release(struct watch *x) { w.held = false; }

bool watch_set(struct watch *x, const struct watch_order *order)
{
	assert_true(w.held);
	if (w.outcome.gone_ns && !w.told)
		return false;
	w.order = *order;
	w.outcome = (struct watch_outcome){ 0 };
	w.told = false;
	if (order->window)
		note("window:%s", names(order->groups));
	return true;
}

void watch_ask(struct watch *x, struct watch_outcome *out)
{
	*out = w.busy ? (struct watch_outcome){ 0 } : w.outcome;
	w.told |= out->gone_ns != 0;
}

void watch_ask_held(struct watch *x, struct watch_outcome *out)
{
	assert_true(w.held);
	*out = w.outcome;
	w.told |= out->gone_ns != 0;
}

/* ---- the owner ------------------------------------------------------------------------------- */

static bool count(void *ctx, struct budget_counts *out)
{
	double s = (double)w.clock / S;

	*out = (struct budget_counts){
		.time_ns = w.clock, .allocs = (uint64_t)(w.allocs_per_s * s),
		.alloc_bytes = (uint64_t)(w.allocs_per_s * s) * 64,
		.starts = (uint64_t)(w.starts_per_s * s), .profile_bytes = w.profile_bytes,
	};
	return !w.unreadable;
}

static double wakes(void *ctx) { return w.wakes; }
static void unseen(void *ctx, bool goroutines) { note("unseen:%s", goroutines ? "g" : "h"); }
static void seen(void *ctx, bool goroutines) { note("seen:%s", goroutines ? "g" : "h"); }

static void window(void *ctx, uint64_t open_ns)
{
	w.ns = (double)open_ns;
	note("told");
}

static void stretch(void *ctx, double open, bool bursts)
{
	assert_true(open > 0 && open <= 1);
	w.open = open;
	note("stretch%s", bursts ? ":b" : "");
}

static const struct listen_ops ops = { .count = count, .wakes = wakes, .unseen = unseen,
				       .seen = seen, .window = window, .stretch = stretch };

/* ---- setup ----------------------------------------------------------------------------------- */

/* The price is known if price is. */
static int start(const struct budget_setup *setup, bool price)
{
	const struct listen_setup ls = {
		.tracer = NULL, .path = "file", .pid = 42,
		.wanted = TRACER_COLLECTOR | (setup->heap ? TRACER_HEAP | TRACER_PROFILE : 0) |
			  (setup->goroutines ? TRACER_GOROUTINES : 0),
		.n_probes = { 4, 3, 2, 5 }, .ops = ops,
	};
	struct listen_setup mine = ls;
	struct budget_counts from, to;
	struct budget_price p;

	budget_new(&w.b, setup);
	count(NULL, &from);
	w.clock += S / 10;
	count(NULL, &to);
	if (price)
		budget_price(w.b, &from, &to, &p);
	mine.budget = w.b;
	listen_new(&w.l, &mine);
	return listen_start(w.l);
}

static struct budget_setup one_percent(void)
{
	return (struct budget_setup){
		.percent = 1, .heap = true, .goroutines = true, .forced = N_SOURCES,
		.distance = BUDGET_ANY, .can_burst = true, .n_heap = 4, .n_go = 2, .seed = 1 };
}

static int setup_world(void **state)
{
	w = (struct world){ .clock = 1000 * S };
	return 0;
}

static int teardown(void **state)
{
	listen_free(w.l);
	budget_drop(w.b);
	return 0;
}

/* 20 ms of the program, in which so many hits are recorded. */
static void tick(uint64_t recorded)
{
	w.clock += 20 * MS;
	w.hits.recorded += recorded;
	assert_int_equal(listen_turn(w.l), 0);
	assert_false(w.held);
}

static const struct obs_source *row(bool goroutines, size_t i)
{
	static struct obs_source *rows;
	uint64_t left_out;
	size_t n;

	free(rows);
	rows = listen_sources(w.l, &n, &left_out);
	for (size_t k = 0; k < n; k++)
		if (rows[k].goroutines == goroutines && !i--)
			return &rows[k];
	return NULL;
}

/* ---- the tests ------------------------------------------------------------------------------- */

/* All that is affordable: planted once, and nobody is told of anything. */
static void test_every(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 1000;
	assert_int_equal(start(&setup, true), 0);
	assert_done("+c +g +h");
	for (int i = 0; i < 200; i++)
		tick(20);
	assert_done("");
	assert_int_equal(w.order.groups, TRACER_HEAP | TRACER_GOROUTINES);
	assert_null(w.order.window);
	assert_true(listen_saw_all(w.l, false) && listen_saw_all(w.l, true));
	assert_int_equal(row(false, 0)->source, SOURCE_EVERY);
	assert_int_equal(row(true, 0)->source, SOURCE_EVERY);
	assert_null(row(false, 1));
	assert_true(listen_spent(w.l) == 4000 * 1000 + 2 * 9 * 20000.0);
	listen_stop(w.l);
	assert_done("-cgh");
}

/* What hits of goroutines take besides is stated, and paid for: 700 are within 1 % of a core, and are
 * not with as much again for each. */
static void test_wakes(void **state)
{
	const struct budget_setup setup = one_percent();

	w.starts_per_s = 350;
	w.wakes = 0.25;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 200; i++) {
		w.goroutine_hits += 14;
		tick(14);
	}
	assert_true(listen_spent(w.l) == 200 * 14 * 1250 + 2 * 9 * 20000.0);
	assert_true(w.planted & TRACER_GOROUTINES);
	w.wakes = 20;
	for (int i = 0; i < 200; i++) {
		w.goroutine_hits += 14;
		tick(14);
	}
	assert_false(w.planted & TRACER_GOROUTINES);
}

static void test_halves(void **state)
{
	struct budget_setup setup = one_percent();

	setup.goroutines = false;
	assert_int_equal(start(&setup, true), 0);
	assert_done("+c +h");
	assert_null(row(true, 0));
	listen_stop(w.l);
	listen_free(w.l);
	budget_drop(w.b);
	setup = one_percent();
	setup.heap = false;
	w.log[0] = '\0';
	assert_int_equal(start(&setup, true), 0);
	assert_done("+c +g");
	assert_null(row(false, 0));
}

static void test_refused(void **state)
{
	const struct budget_setup setup = one_percent();

	w.attach_err = -EPERM;
	assert_int_equal(start(&setup, true), -EPERM);
	assert_int_equal(w.planted, 0);
	listen_stop(w.l);
}

/* Ticks until the window is ordered, at most so many. */
static void until_window(int most)
{
	while (!w.order.window && most--)
		tick(0);
	assert_non_null(w.order.window);
}

static void open_and_close(uint64_t ns, uint64_t recorded)
{
	w.outcome.opened_ns = w.clock;
	w.clock += ns;
	w.hits.recorded += recorded;
	w.outcome.gone_ns = w.clock;
	w.order.groups = 0;
	w.order.window = NULL;
}

/* What was missed is told before anything is planted; each window to its owner, and each period with
 * the share of it that windows were open. */
static void test_bursts(void **state)
{
	const struct budget_setup setup = one_percent();
	uint64_t began;

	w.allocs_per_s = 3e6;
	assert_int_equal(start(&setup, true), 0);
	assert_done("unseen:h stretch:b +c +g");
	began = w.clock;
	assert_false(listen_saw_all(w.l, false));
	assert_true(listen_saw_all(w.l, true));
	until_window(60);
	assert_done("window:h");
	assert_int_equal(w.order.pid, 42);
	assert_in_range(w.order.length_ns, MS, 20 * MS);
	assert_true(listen_window_ns(w.l) == 0);
	w.outcome.opened_ns = w.clock;
	w.clock += 2 * MS;
	assert_true(listen_window_ns(w.l) == 2 * MS);
	w.clock -= 2 * MS;
	open_and_close(6 * MS, 5000);
	assert_true(listen_window_ns(w.l) == 6 * MS);
	tick(0);
	assert_true(w.ns == 6 * MS);
	assert_true(listen_window_ns(w.l) == 0);
	while (w.clock - began < 1100 * MS)
		tick(0);
	assert_int_equal(strncmp(w.log, "told stretch:b", 14), 0);
	assert_true(w.open > 0.005 && w.open < 0.007);
	assert_int_equal(row(false, 0)->source, SOURCE_BURST);
	assert_int_equal(row(false, 0)->n_windows, 1);
	assert_int_equal(row(false, 0)->open_ns, 6 * MS);
	assert_int_equal(row(true, 0)->n_windows, 0);
	assert_int_equal(w.planted, TRACER_COLLECTOR | TRACER_GOROUTINES);
}

/* Windows of some size classes only are a source of their own. */
static void test_focus(void **state)
{
	const struct budget_setup setup = one_percent();
	const struct tracer_subset some = { { 3 } };

	w.allocs_per_s = 3e6;
	assert_int_equal(start(&setup, true), 0);
	until_window(60);
	open_and_close(5 * MS, 100);
	tick(0);
	listen_focus(w.l, &some);
	listen_focus(w.l, &some);
	assert_false(w.held);
	assert_false(row(false, 0)->focused);
	assert_int_equal(row(false, 0)->to_ns, w.clock);
	assert_true(row(false, 1)->focused);
	assert_null(row(false, 2));
	until_window(100);
	assert_int_equal(w.order.window->bits[0], 3);
	open_and_close(5 * MS, 100);
	tick(0);
	assert_int_equal(row(false, 0)->n_windows, 1);
	assert_int_equal(row(false, 1)->n_windows, 1);
}

/* A window that could not be opened is none; the next one speaks for its time. */
static void test_window_refused(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 3e6;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 3; i++) {
		until_window(100);
		w.outcome.err = -EBUSY;
		w.order.groups = 0;
		w.order.window = NULL;
	}
	assert_done("unseen:h stretch:b +c +g window:h window:h window:h");
	until_window(100);
	open_and_close(5 * MS, 100);
	w.log[0] = '\0';
	for (int i = 0; i < 80; i++)
		tick(0);
	assert_int_equal(strncmp(w.log, "told stretch:b", 14), 0);
	assert_true(w.open < 0.0025);
	assert_int_equal(row(false, 0)->n_windows, 1);
}

/* The end comes while a window is open. */
static void test_stop_in_window(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 3e6;
	assert_int_equal(start(&setup, true), 0);
	until_window(60);
	w.outcome.opened_ns = w.clock;
	w.clock += 3 * MS;
	w.log[0] = '\0';
	listen_stop(w.l);
	assert_done("-cg told stretch:b");
	assert_true(w.ns == 3 * MS);
	assert_int_equal(w.order.groups, 0);
}

/* A rise: cheaper at once, better again when it has been calm. */
static void test_rise_and_fall(void **state)
{
	const struct budget_setup setup = one_percent();
	int ticks = 0;

	w.allocs_per_s = 1000;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 100; i++)
		tick(20);
	w.log[0] = '\0';
	w.allocs_per_s = 3e6;
	for (; !w.log[0] && ticks < 5; ticks++)
		tick(20000);
	assert_done("unseen:h -h stretch:b");
	assert_in_range(ticks, 1, 5);
	assert_int_equal(w.planted, TRACER_COLLECTOR | TRACER_GOROUTINES);
	assert_int_equal(row(false, 0)->to_ns, row(false, 1)->from_ns);
	w.allocs_per_s = 100;
	for (int i = 0; i < 1000 && w.planted != (TRACER_COLLECTOR | TRACER_GOROUTINES |
						  TRACER_HEAP); i++) {
		if (w.order.window)
			open_and_close(5 * MS, 1);
		tick(2);
	}
	assert_non_null(strstr(w.log, "stretch +h seen:h"));
	assert_int_equal(row(false, 2)->source, SOURCE_EVERY);
	assert_int_equal(row(false, 2)->to_ns, 0);
}

/* The watch removes what it was told to watch over. */
static void watch_removes(void)
{
	w.outcome.gone_ns = w.clock;
	w.outcome.gone = w.order.groups;
	w.planted &= ~w.order.groups;
	w.order.groups = 0;
}

/* The watch has removed what cost too much before the turn. */
static void test_overrun(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 1000;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 100; i++)
		tick(20);
	w.log[0] = '\0';
	w.allocs_per_s = 3e6;
	watch_removes();
	tick(9000);
	assert_done("unseen:h unseen:g stretch:b +g seen:g");
	assert_false(listen_saw_all(w.l, false) || listen_saw_all(w.l, true));
	assert_true(w.open < 1);
}

/* It is just removing it when the turn asks, and the choice becomes another one in that turn: once
 * the watch is held, it is known. */
static void test_overrun_unseen(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 1000;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 100; i++)
		tick(20);
	w.log[0] = '\0';
	w.allocs_per_s = 3e6;
	watch_removes();
	w.busy = true;
	tick(20000);
	assert_done("unseen:h unseen:g stretch:b +g seen:g");
	assert_true(w.open < 1);
	assert_int_equal(w.planted, TRACER_COLLECTOR | TRACER_GOROUTINES);
}

/* What has been planted since the order that it carried out is still there. */
static void test_overrun_of_before(void **state)
{
	struct budget_setup setup = one_percent();

	w.allocs_per_s = 3e6;
	w.profile_bytes = 512 << 10;
	setup.goroutines = false;
	assert_int_equal(start(&setup, true), 0);
	tick(0);
	assert_done("unseen:h stretch +c +p");
	w.order.groups = TRACER_HEAP;	/* of before */
	w.outcome = (struct watch_outcome){ .gone_ns = w.clock, .gone = TRACER_HEAP };
	tick(0);
	assert_done("");
	assert_int_equal(w.planted, TRACER_COLLECTOR | TRACER_PROFILE);
}

/* The end comes before the next turn. */
static void test_overrun_at_end(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 1000;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 100; i++)
		tick(20);
	w.log[0] = '\0';
	watch_removes();
	w.clock += 20 * MS;
	listen_stop(w.l);
	assert_done("-c unseen:h unseen:g stretch");
	assert_true(w.open > 0.98 && w.open < 1);
	assert_false(listen_saw_all(w.l, false) || listen_saw_all(w.l, true));
}

/* It removed it, and yet it is still the best choice: it comes back, and what passed in between was
 * missed. */
static void test_overrun_replants(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 1000;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 100; i++)
		tick(20);
	w.log[0] = '\0';
	watch_removes();
	tick(20);
	assert_done("unseen:h unseen:g +g +h stretch seen:h seen:g");
	assert_true(w.open > 0.98 && w.open < 1);
	assert_int_equal(w.planted, TRACER_COLLECTOR | TRACER_GOROUTINES | TRACER_HEAP);
	assert_false(listen_saw_all(w.l, false) || listen_saw_all(w.l, true));
}

/* Goroutines are what costs too much, and what is done about that is done about them alone: the
 * heap's probes, removed with theirs, come back, and only its owner is told. */
static void test_overrun_of_goroutines(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 1000;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 100; i++)
		tick(20);
	w.log[0] = '\0';
	w.starts_per_s = 300000;
	watch_removes();
	w.goroutine_hits += 9000;
	tick(9000);
	assert_done("unseen:h unseen:g +h stretch seen:h");
	assert_true(w.open > 0.98 && w.open < 1);
	assert_false(listen_saw_all(w.l, false) || listen_saw_all(w.l, true));
	assert_null(row(false, 1));
	assert_int_equal(row(true, 1)->source, SOURCE_BURST);
	w.log[0] = '\0';
	w.starts_per_s = 0;
	for (int i = 0; i < 1000 && !(w.planted & TRACER_GOROUTINES); i++) {
		if (w.order.window)
			open_and_close(5 * MS, 1);
		tick(20);
	}
	assert_null(strstr(w.log, "stretch"));	/* nothing more was missed of the heap */
	assert_non_null(strstr(w.log, "+g seen:g"));
}

/* The profiler's samples: a stretch each second, so that they are scaled to what there was. */
static void test_profile(void **state)
{
	const struct budget_setup setup = one_percent();

	w.allocs_per_s = 3e6;
	w.profile_bytes = 512 << 10;
	assert_int_equal(start(&setup, true), 0);
	assert_done("unseen:h stretch +c +g +p");
	for (int i = 0; i < 155; i++)
		tick(6);
	assert_done("stretch stretch stretch");
	assert_true(w.open == 1);
	w.profile_bytes = 0;
	for (int i = 0; i < 60; i++)
		tick(0);
	assert_non_null(strstr(w.log, "-p stretch:b"));
}

/* Without bursts there is nothing cheaper. */
static void test_none(void **state)
{
	struct budget_setup setup = one_percent();

	setup.can_burst = false;
	w.allocs_per_s = 3e6;
	w.starts_per_s = 50000;
	assert_int_equal(start(&setup, true), 0);
	assert_done("unseen:h unseen:g stretch +c");
	for (int i = 0; i < 100; i++)
		tick(1);
	assert_done("");
	assert_int_equal(row(false, 0)->source, SOURCE_NONE);
	assert_int_equal(row(true, 0)->source, SOURCE_NONE);
}

/* At any price: nothing is watched. */
static void test_forced(void **state)
{
	struct budget_setup setup = one_percent();

	setup.forced = SOURCE_EVERY;
	setup.distance = 0;
	w.allocs_per_s = 3e6;
	assert_int_equal(start(&setup, false), 0);
	for (int i = 0; i < 100; i++)
		tick(60000);
	assert_done("+c +g +h");
	assert_int_equal(w.order.groups, 0);
	listen_free(w.l);
	budget_drop(w.b);
	w.planted = 0;
	w.log[0] = '\0';
	setup.forced = SOURCE_SAMPLE;
	setup.distance = 4096;
	assert_int_equal(start(&setup, true), 0);
	assert_done("unseen:h stretch +c +g +h");
	assert_int_equal(w.distance, 4096);
	assert_int_equal(row(false, 0)->distance, 4096);
}

/* More changes than rows: the oldest that are over are left out, those that go on are not. */
static void test_rows(void **state)
{
	const struct budget_setup setup = one_percent();
	uint64_t left_out = 0;
	size_t n = 0;

	w.allocs_per_s = 3e6;
	w.profile_bytes = 512 << 10;
	assert_int_equal(start(&setup, true), 0);
	for (int i = 0; i < 2000000 && !left_out; i++) {
		if (i % 30000 == 0)
			w.profile_bytes = w.profile_bytes ? 0 : 512 << 10;
		if (w.order.window)
			open_and_close(5 * MS, 1);
		tick(0);
		w.log[0] = '\0';
		free(listen_sources(w.l, &n, &left_out));
	}
	assert_int_equal(n, MAX_SOURCES);
	assert_int_equal(left_out, 1);
	assert_non_null(row(true, 0));
	assert_int_equal(row(true, 0)->to_ns, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every), TEST(test_wakes), TEST(test_halves), TEST(test_refused), TEST(test_bursts),
		TEST(test_focus), TEST(test_window_refused), TEST(test_stop_in_window), TEST(test_rise_and_fall),
		TEST(test_overrun), TEST(test_overrun_unseen), TEST(test_overrun_of_before),
		TEST(test_overrun_at_end), TEST(test_overrun_replants),
		TEST(test_overrun_of_goroutines), TEST(test_profile), TEST(test_none),
		TEST(test_forced), TEST(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
