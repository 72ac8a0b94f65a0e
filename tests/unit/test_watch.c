// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_watch.c - probes go when they must, and not before; the tracer is made of counters here.
 */
#include "user/tracer/watch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/tracer/tracer.h"

static atomic_ullong n_recorded, n_dropped, n_unheard;
static atomic_uint n_asked, begun, ended, detached;
static uint64_t ended_ns;
static int begin_err;

void tracer_hits_made(const struct tracer *tr, struct tracer_hits *out)
{
	n_asked++;
	*out = (struct tracer_hits){ n_recorded, n_dropped, n_unheard };
}

int tracer_burst_begin(struct tracer *tr, unsigned int groups, const struct tracer_subset *subset,
		       const char *path, pid_t pid)
{
	assert_int_equal(subset->bits[0], 5);
	assert_string_equal(path, "file");
	assert_int_equal(pid, 42);
	if (!begin_err)
		begun |= groups;
	return begin_err;
}

void tracer_burst_end(struct tracer *tr, unsigned int groups)
{
	ended_ns = now_ns();
	ended |= groups;
}

void tracer_detach(struct tracer *tr, unsigned int groups)
{
	detached |= groups;
}

static void pause_ms(void)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

static struct watch *watch_over(const struct watch_order *order)
{
	struct watch *w;

	n_recorded = n_dropped = n_unheard = 1000;	/* what was before does not count */
	n_asked = begun = ended = detached = 0;
	assert_int_equal(watch_new(&w, NULL), 0);
	watch_hold(w);
	assert_true(watch_set(w, order));
	watch_release(w);
	return w;
}

static void until_asked(unsigned times)
{
	unsigned before = n_asked;

	while (n_asked - before < times)
		pause_ms();
}

static struct watch_outcome until_gone(struct watch *w)
{
	struct watch_outcome o;

	do {
		pause_ms();
		watch_ask(w, &o);
	} while (!o.gone_ns);
	assert_in_range(o.gone_ns, 1, now_ns());
	return o;
}

static struct watch_outcome until_settled(struct watch *w)
{
	struct watch_outcome o;

	do {
		pause_ms();
		watch_ask(w, &o);
	} while (!o.opened_ns && !o.err);
	return o;
}

static const struct tracer_subset some = { { 5 } };

static struct watch_order window(uint64_t length_ns, double limit_ns)
{
	return (struct watch_order){
		.groups = TRACER_HEAP, .window = &some, .length_ns = length_ns, .path = "file",
		.pid = 42, .limit_ns = limit_ns, .ns_recorded = 1, .ns_dropped = 1,
	};
}

static void test_window(void **state)
{
	const struct watch_order order = window(20000000, 1e9);
	struct watch *w = watch_over(&order);
	struct watch_outcome o = until_gone(w);

	assert_int_equal(begun, TRACER_HEAP);
	assert_int_equal(ended, TRACER_HEAP);
	assert_int_equal(detached, 0);
	assert_int_equal(o.err, 0);
	assert_true(o.gone_ns >= o.opened_ns + order.length_ns);
	assert_true(ended_ns >= o.gone_ns);
	watch_free(w);
}

static void test_window_refused(void **state)
{
	const struct watch_order order = window(20000000, 1e9);
	struct watch_outcome o;
	struct watch *w;

	begin_err = -EINVAL;
	w = watch_over(&order);
	o = until_settled(w);
	assert_int_equal(o.err, -EINVAL);
	assert_int_equal(o.opened_ns | o.gone_ns, 0);
	watch_free(w);
	assert_int_equal(ended | detached, 0);
	begin_err = 0;
}

/* A window that has cost too much is cut short. */
static void test_window_cut(void **state)
{
	const struct watch_order order = window(UINT64_MAX / 4, 1000);
	struct watch *w = watch_over(&order);

	until_settled(w);
	n_recorded += 1000;
	until_gone(w);
	assert_int_equal(ended, TRACER_HEAP);
	watch_free(w);
}

/* Recorded hits have a price and the others another; what was not asked to go stays. */
static void test_limit(void **state)
{
	const struct watch_order order = {
		.groups = TRACER_HEAP | TRACER_GOROUTINES, .limit_ns = 1000, .ns_recorded = 10,
		.ns_dropped = 1,
	};
	struct watch *w = watch_over(&order);
	struct watch_outcome o;

	n_recorded += 99;
	n_dropped += 5;
	n_unheard += 4;
	until_asked(3);
	watch_ask(w, &o);
	assert_int_equal(o.gone_ns, 0);
	assert_int_equal(detached | ended, 0);
	n_unheard++;
	o = until_gone(w);
	assert_int_equal(o.gone, order.groups);
	watch_hold(w);
	watch_ask(w, &o);
	assert_int_equal(o.gone_ns, 0);		/* it does not wait for the lock */
	watch_ask_held(w, &o);
	assert_int_equal(o.gone, order.groups);
	watch_release(w);
	assert_int_equal(detached, TRACER_HEAP | TRACER_GOROUTINES);
	assert_int_equal(begun | ended, 0);
	assert_int_equal(o.opened_ns, 0);
	watch_free(w);
}

/* The next order begins to count anew; none is taken until the owner knows that groups have gone. */
static void test_next_order(void **state)
{
	struct watch_order order = { .groups = TRACER_HEAP, .limit_ns = 100, .ns_recorded = 1,
				     .ns_dropped = 1 };
	struct watch *w = watch_over(&order);
	struct watch_outcome o;

	for (int i = 0; i < 5; i++) {
		n_recorded += 99;
		watch_hold(w);
		assert_true(watch_set(w, &order));
		watch_release(w);
	}
	until_asked(3);
	watch_ask(w, &o);
	assert_int_equal(o.gone_ns, 0);
	n_recorded += 100;
	while (!detached)
		pause_ms();
	watch_hold(w);
	assert_false(watch_set(w, &order));
	watch_release(w);
	until_gone(w);
	watch_hold(w);
	assert_true(watch_set(w, &order));
	watch_release(w);
	watch_ask(w, &o);
	assert_int_equal(o.gone_ns, 0);
	watch_free(w);
}

/* While it is held nothing comes or goes, however late it is, and nobody waits for an answer. */
static void test_hold(void **state)
{
	struct watch_order order = window(1, 1e9);
	struct watch_outcome o;
	struct watch *w;

	begun = ended = 0;
	assert_int_equal(watch_new(&w, NULL), 0);
	watch_hold(w);
	assert_true(watch_set(w, &order));
	for (int i = 0; i < 5; i++)
		pause_ms();
	assert_int_equal(begun | ended, 0);
	watch_release(w);
	until_gone(w);
	assert_int_equal(ended, TRACER_HEAP);
	watch_hold(w);
	watch_ask(w, &o);
	assert_int_equal(o.gone_ns, 0);
	watch_release(w);
	watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_window_refused),
		cmocka_unit_test(test_window_cut),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_next_order),
		cmocka_unit_test(test_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
