// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_heapgrowth.c - when the heap is looked at beside a trace, with looks that are made by hand.
 */
#include "user/heapgrowth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/heap/heap.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/looker.h"

#define MS 1000000ull
#define S 1000000000ull
#define SMALL (1ull << 20)
#define LARGE (4ull << 30)

/* ---- the process that looks ------------------------------------------------------------------ */

static struct looker {
	struct looker_order order;	/* the last one */
	struct heap_seed seeds[LOOKER_SEEDS];
	size_t n_seeds;
	struct heapmap maps[LOOKER_SLOTS];
	struct looker_cost cost;
	unsigned n_started, n_taken;
	bool cannot_start, over;	/* over: the look that was ordered last */
	int err;
} lk;

int looker_new(struct looker **out, struct process *p)
{
	*out = &lk;
	return lk.cannot_start ? -ENOMEM : 0;
}

void looker_free(struct looker *l) { }
int looker_fd(const struct looker *l) { return -1; }
struct heap_seed *looker_seeds(struct looker *l) { return l->seeds; }
const struct looker_cost *looker_cost(const struct looker *l) { return &l->cost; }

int looker_start(struct looker *l, const struct looker_order *order, size_t n_seeds)
{
	assert_int_equal(l->n_started, l->n_taken);	/* one at a time */
	l->order = *order;
	l->n_seeds = n_seeds;
	l->n_started++;
	return 0;
}

int looker_result(struct looker *l, const struct heapmap **out)
{
	struct heapmap *m = &l->maps[l->order.slot];

	if (!l->over)
		return -EAGAIN;
	l->n_taken++;
	if (l->err)
		return l->err;
	*m = (struct heapmap){ .from_ns = (int64_t)(l->n_taken * S),
			       .to_ns = (int64_t)(l->n_taken * S),
			       .cost = { .seconds = 0.5, .bytes_read = 100 } };
	*out = m;
	return 0;
}

/* ---- a trace --------------------------------------------------------------------------------- */

static struct heapgrowth *g;
static struct heapgrowth_moment at;

static size_t seeds(void *ctx, struct heap_seed *out, size_t max)
{
	assert_true(max >= 1);
	out[0] = (struct heap_seed){ 0xc000000000, 0x4711 };
	return 1;
}

static int setup(void **state)
{
	const struct heapgrowth_options opt = { .max_bytes = 12345, .seeds = seeds };

	memset(&lk, 0, sizeof(lk));
	at = (struct heapgrowth_moment){ .now_ns = 100 * S, .live_bytes = SMALL };
	heapgrowth_new(&g, &opt, at.now_ns);
	return 0;
}

static int teardown(void **state)
{
	heapgrowth_free(g);
	return 0;
}

static void turn_after(uint64_t ns)
{
	at.now_ns += ns;
	heapgrowth_turn(g, &at);
}

/* The one that has been ordered takes so long. */
static void look_takes(uint64_t ns)
{
	lk.over = true;
	turn_after(ns);
	lk.over = false;
}

static void pump(void *ctx)
{
	++*(unsigned *)ctx;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_small(void **state)
{
	struct looks_cost cost;

	turn_after(900 * MS);
	assert_int_equal(lk.n_started, 0);
	turn_after(200 * MS);
	assert_int_equal(lk.n_started, 1);
	assert_int_equal(lk.order.max_bytes, 12345);
	assert_true(lk.order.rate > 0);
	assert_int_equal(lk.order.slot, 0);
	assert_int_equal(lk.n_seeds, 1);
	assert_int_equal(lk.seeds[0].typ, 0x4711);
	turn_after(20 * MS);
	lk.cost = (struct looker_cost){ 1.5, 77 };
	look_takes(30 * MS);
	assert_null(heapgrowth_view(g));	/* of one look */
	turn_after(60 * S);
	assert_int_equal(lk.n_started, 1);	/* nothing grows */
	at.grows = true;
	turn_after(1 * S);
	assert_int_equal(lk.n_started, 2);
	look_takes(40 * MS);
	assert_true(heapgrowth_view(g)->span.s == 1);
	assert_int_equal(lk.order.slot, 1);
	assert_true(lk.order.of_all);
	turn_after(5 * S);
	assert_int_equal(lk.n_started, 2);
	turn_after(6 * S);
	look_takes(40 * MS);
	assert_int_equal(lk.order.slot, 2);	/* the first stays, and so does the one that is shown */
	assert_true(heapgrowth_view(g)->span.s == 2);
	heapgrowth_cost(g, &cost);
	assert_int_equal(cost.n_looks, 3);
	assert_int_equal(cost.n_failed, 0);
	assert_int_equal(cost.bytes_read, 300);
	assert_true(cost.seconds == 1.5 && cost.cpu_s == 1.5);
	assert_int_equal(cost.rss, 77);
	assert_int_equal(cost.n_classes, 0);
}

/* While nobody can say yet whether it grows there are two looks at any time, and ever fewer. */
static void test_early(void **state)
{
	at.early = true;
	turn_after(1 * S);
	look_takes(1 * S);
	turn_after(40 * S);
	assert_int_equal(lk.n_started, 1);	/* a fiftieth of the time */
	turn_after(11 * S);
	assert_int_equal(lk.n_started, 2);
	look_takes(150 * MS);
	assert_non_null(heapgrowth_view(g));
	turn_after(40 * S);
	assert_int_equal(lk.n_started, 2);
	turn_after(15 * S);
	assert_int_equal(lk.n_started, 3);
	look_takes(150 * MS);
	at.early = false;
	turn_after(500 * S);
	assert_int_equal(lk.n_started, 3);
}

/* Not at the attach, and a fiftieth of the time at most. */
static void test_large(void **state)
{
	at.live_bytes = LARGE;
	turn_after(100 * S);
	assert_int_equal(lk.n_started, 0);
	at.grows = true;
	turn_after(1 * S);
	assert_int_equal(lk.n_started, 1);
	look_takes(10 * S);
	turn_after(400 * S);
	assert_int_equal(lk.n_started, 1);
	turn_after(110 * S);
	assert_int_equal(lk.n_started, 2);
}

/* Of a large heap those that grow; when more do, the looks before are no measure any more. */
static void test_classes(void **state)
{
	struct looks_cost cost;

	at.live_bytes = LARGE;
	at.grows = at.classes[5] = true;
	turn_after(2 * S);
	assert_false(lk.order.of_all);
	assert_true(lk.order.classes[5] && !lk.order.classes[7]);
	look_takes(10 * MS);
	at.classes[5] = false;		/* for a while */
	turn_after(11 * S);
	assert_true(lk.order.classes[5]);
	look_takes(10 * MS);
	assert_true(heapgrowth_view(g)->span.s == 1);
	at.classes[7] = true;
	turn_after(11 * S);
	assert_true(lk.order.classes[5] && lk.order.classes[7]);
	lk.err = -EBADMSG;
	look_takes(10 * MS);
	lk.err = 0;
	turn_after(11 * S);
	look_takes(10 * MS);
	assert_ptr_equal(heapgrowth_view(g)->now, &lk.maps[1]);	/* as it was */
	assert_int_equal(heapmap_time_ns(heapgrowth_view(g)->now), 2 * S);
	turn_after(11 * S);
	assert_int_equal(lk.order.slot, 3);
	look_takes(10 * MS);
	assert_ptr_equal(heapgrowth_view(g)->before, &lk.maps[2]);
	assert_true(heapgrowth_view(g)->span.s == 1);
	heapgrowth_cost(g, &cost);
	assert_int_equal(cost.n_classes, 2);
}

/* A look that takes long begins so early that it is over by the end. */
static void test_end(void **state)
{
	struct looks_cost cost;
	unsigned n_pumped = 0;

	at.end_ns = at.now_ns + 100 * S;
	at.grows = true;
	turn_after(2 * S);
	look_takes(4 * S);
	turn_after(80 * S);
	assert_int_equal(lk.n_started, 1);
	turn_after(10 * S);
	assert_int_equal(lk.n_started, 2);
	heapgrowth_cost(g, &cost);
	assert_true(cost.under_way);
	look_takes(500 * MS);
	heapgrowth_cost(g, &cost);
	assert_false(cost.under_way);
	assert_non_null(heapgrowth_view(g));
	turn_after(3 * S);
	assert_true(at.now_ns < at.end_ns);
	assert_int_equal(lk.n_started, 2);	/* though there was time for another */
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_int_equal(lk.n_started, 2);
	assert_int_equal(n_pumped, 0);
}

/* Of a trace that may end at any time: it goes on for the last look. */
static void test_end_unknown(void **state)
{
	assert_int_equal(heapgrowth_last_ns(NULL), 0);
	assert_int_equal(heapgrowth_last_ns(g), 0);	/* there is nothing to compare it with */
	turn_after(2 * S);
	look_takes(50 * MS);
	assert_int_equal(heapgrowth_last_ns(g), 0);	/* that of the report is as quick */
	at.grows = true;
	turn_after(11 * S);
	look_takes(150 * MS);
	at.grows = false;
	turn_after(100 * S);
	assert_int_equal(lk.n_started, 2);	/* nothing grows, and nobody knows of an end */
	at.end_ns = at.now_ns + heapgrowth_last_ns(g);
	assert_true(at.end_ns >= at.now_ns + 300 * MS);
	turn_after(10 * MS);
	assert_int_equal(lk.n_started, 3);
	look_takes(200 * MS);
	assert_true(at.now_ns < at.end_ns);
	assert_true(heapgrowth_view(g)->span.s == 2);
}

/* Likewise while the first look is under way, of which nobody knows how long it takes: the second
 * follows it, and no time is lost behind that. */
static void test_end_first(void **state)
{
	turn_after(2 * S);
	at.end_ns = at.now_ns + heapgrowth_last_ns(g);
	assert_true(at.end_ns >= at.now_ns + 60 * S);
	at.ending = true;
	turn_after(20 * MS);
	assert_false(heapgrowth_has_ended(g, at.end_ns));
	look_takes(2 * S);
	assert_int_equal(lk.n_started, 2);
	assert_false(heapgrowth_has_ended(g, at.end_ns));
	look_takes(2 * S);
	assert_true(heapgrowth_has_ended(g, at.end_ns));
	assert_int_equal(lk.n_started, 2);
	assert_true(heapgrowth_view(g)->span.s == 1);
}

/* What is under way then is for the end as well; what fails is not tried again. */
static void test_end_later(void **state)
{
	at.grows = true;
	turn_after(2 * S);
	look_takes(1 * S);
	turn_after(60 * S);
	assert_int_equal(lk.n_started, 2);
	at.end_ns = at.now_ns + heapgrowth_last_ns(g);
	at.ending = true;
	assert_true(at.end_ns > at.now_ns && at.end_ns < at.now_ns + 10 * S);
	turn_after(20 * MS);
	assert_false(heapgrowth_has_ended(g, at.end_ns));
	lk.err = -EBADMSG;
	look_takes(1 * S);
	assert_true(heapgrowth_has_ended(g, at.end_ns));
	turn_after(1 * S);
	assert_int_equal(lk.n_started, 2);
}

/* A look that fails is followed by none, and a quick one by that of the report. */
static void test_end_none(void **state)
{
	assert_true(heapgrowth_has_ended(NULL, 0));
	assert_true(heapgrowth_has_ended(g, at.now_ns));
	turn_after(2 * S);
	at.end_ns = at.now_ns + 60 * S;
	at.ending = true;
	assert_false(heapgrowth_has_ended(g, at.end_ns));
	look_takes(50 * MS);
	assert_true(heapgrowth_has_ended(g, at.end_ns));
	assert_int_equal(lk.n_started, 1);
}

/* The last look begins earlier where there is more to be read than there was. */
static void test_end_grown(void **state)
{
	at.end_ns = at.now_ns + 600 * S;
	turn_after(2 * S);
	look_takes(150 * MS);
	at.live_bytes += 3200 * SMALL;		/* ten seconds, at the rate of looks */
	turn_after(570 * S);
	assert_int_equal(lk.n_started, 1);
	turn_after(9 * S);
	assert_int_equal(lk.n_started, 2);
	look_takes(15 * S);
	assert_non_null(heapgrowth_view(g));
	turn_after(1 * S);
	assert_int_equal(lk.n_started, 2);
}

/* That other classes have begun to grow when it is time for the last look makes none of it: what
 * there was is compared. */
static void test_end_classes(void **state)
{
	at.live_bytes = LARGE;
	at.grows = at.classes[5] = true;
	turn_after(2 * S);
	look_takes(1 * S);
	turn_after(1 * S);
	at.classes[7] = true;
	at.end_ns = at.now_ns + heapgrowth_last_ns(g);
	turn_after(10 * MS);
	assert_true(lk.order.classes[5] && !lk.order.classes[7]);
	look_takes(1 * S);
	assert_non_null(heapgrowth_view(g));
}

/* Likewise the second look, where it is for a report; of those that follow other reports make more. */
static void test_report_classes(void **state)
{
	unsigned n_pumped = 0;

	at.live_bytes = LARGE;
	at.grows = at.classes[5] = true;
	turn_after(2 * S);
	look_takes(10 * MS);
	at.classes[7] = true;
	at.now_ns += 1 * S;
	lk.over = true;
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_true(lk.order.classes[5] && !lk.order.classes[7]);
	turn_after(10 * MS);
	lk.over = false;
	assert_non_null(heapgrowth_view(g));
	at.now_ns += 1 * S;
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_true(lk.order.classes[5] && lk.order.classes[7]);
}

/* For a report only what nobody notices, and not for each of many reports. */
static void test_finish(void **state)
{
	unsigned n_pumped = 0;

	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_int_equal(lk.n_started, 0);	/* there is nothing to compare it with */
	turn_after(2 * S);
	look_takes(50 * MS);
	turn_after(900 * MS);
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_int_equal(lk.n_started, 1);
	turn_after(200 * MS);
	lk.over = true;
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_int_equal(lk.n_started, 2);
	assert_non_null(heapgrowth_view(g));
	assert_int_equal(n_pumped, 0);
}

/* One that should have been quick and is not is not waited for. */
static void test_patience(void **state)
{
	unsigned n_pumped = 0;
	uint64_t begin;

	turn_after(2 * S);
	look_takes(50 * MS);
	at.now_ns = now_ns();
	begin = at.now_ns;
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_int_equal(lk.n_started, 2);
	assert_true(n_pumped > 0);
	assert_true(now_ns() - begin >= 200 * MS);
	assert_null(heapgrowth_view(g));
	lk.over = true;
	turn_after(1 * S);
	assert_non_null(heapgrowth_view(g));
}

/* Nobody waits for the end of a look that takes long, unless that was to be over by then. */
static void test_slow(void **state)
{
	unsigned n_pumped = 0;

	turn_after(2 * S);
	heapgrowth_finish(g, &at, pump, &n_pumped);	/* the first one */
	assert_int_equal(n_pumped, 0);
	look_takes(3 * S);
	at.grows = true;
	turn_after(200 * S);
	assert_int_equal(lk.n_started, 2);
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_int_equal(n_pumped, 0);
	at.now_ns = now_ns();
	at.end_ns = at.now_ns + 100 * S;		/* Ctrl-C comes before */
	heapgrowth_finish(g, &at, pump, &n_pumped);
	assert_true(n_pumped > 0);
	assert_int_equal(lk.n_started, 2);
}

static void pump_for_a_second(void *ctx)
{
	lk.over = now_ns() - *(uint64_t *)ctx >= 1 * S;
}

/* On a busy machine: what was to be over when the end comes is waited for. */
static void test_late(void **state)
{
	turn_after(2 * S);
	look_takes(3 * S);
	at.grows = true;
	turn_after(200 * S);
	assert_int_equal(lk.n_started, 2);
	at.now_ns = at.end_ns = now_ns();
	heapgrowth_finish(g, &at, pump_for_a_second, &at.end_ns);
	assert_non_null(heapgrowth_view(g));
}

/* What fails is tried again, what is gone is not. */
static void test_failed(void **state)
{
	struct looks_cost cost;

	turn_after(2 * S);
	lk.err = -EBADMSG;
	look_takes(10 * MS);
	turn_after(200 * MS);
	assert_int_equal(lk.n_started, 2);
	lk.err = 0;
	look_takes(200 * MS);
	at.grows = true;
	turn_after(11 * S);
	look_takes(10 * MS);
	assert_non_null(heapgrowth_view(g));
	turn_after(11 * S);
	lk.err = -EPIPE;
	look_takes(10 * MS);
	assert_int_equal(lk.n_started, 4);
	turn_after(100 * S);
	assert_int_equal(lk.n_started, 4);
	assert_non_null(heapgrowth_view(g));	/* what there is stays */
	heapgrowth_cost(g, &cost);
	assert_int_equal(cost.n_failed, 2);
}

static void test_none(void **state)
{
	const struct heapgrowth_options opt = { 0 };
	struct looks_cost cost;
	struct heapgrowth *none;

	lk.cannot_start = true;
	heapgrowth_new(&none, &opt, at.now_ns);
	at.now_ns += 10 * S;
	heapgrowth_turn(none, &at);
	heapgrowth_finish(none, &at, pump, NULL);
	assert_int_equal(lk.n_started, 0);
	assert_null(heapgrowth_view(none));
	heapgrowth_free(none);
	heapgrowth_free(NULL);
	assert_null(heapgrowth_view(NULL));
	heapgrowth_cost(NULL, &cost);
	assert_int_equal(cost.n_looks, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small), TEST(test_early), TEST(test_large), TEST(test_classes), TEST(test_end),
		TEST(test_end_unknown), TEST(test_end_first), TEST(test_end_later),
		TEST(test_end_none), TEST(test_end_grown), TEST(test_end_classes),
		TEST(test_report_classes), TEST(test_finish),
		TEST(test_patience), TEST(test_slow), TEST(test_late), TEST(test_failed), TEST(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
