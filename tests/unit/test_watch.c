// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_watch.c - probes go when they must, and not before; the tracer is made of counters here.
 */
#include "user/tracer/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/tracer/tracer.h"

static atomic_ullong n_recorded, n_dropped, n_unheard;
static atomic_uint n_asked, ended, detached;
static uint64_t ended_ns;

void tracer_hits_made(const struct tracer *tr, struct tracer_hits *out)
{
	n_asked++;
	*out = (struct tracer_hits){ n_recorded, n_dropped, n_unheard };
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
	n_asked = ended = detached = 0;
	assert_int_equal(watch_new(&w, NULL), 0);
	watch_hold(w);
	watch_set(w, order);
	watch_release(w);
	return w;
}

static void until_asked(unsigned times)
{
	unsigned before = n_asked;

	while (n_asked - before < times)
		pause_ms();
}

static void until_gone(struct watch *w)
{
	uint64_t when;

	while (!watch_gone(w, &when))
		pause_ms();
	assert_in_range(when, 1, now_ns());
	assert_false(watch_gone(w, &when));
}

static void test_end(void **state)
{
	const uint64_t end = now_ns() + 20000000;
	const struct watch_order order = { .groups = TRACER_HEAP, .burst = true, .end_ns = end,
					   .limit_ns = 1e9, .ns_recorded = 1, .ns_dropped = 1 };
	struct watch *w = watch_over(&order);

	until_gone(w);
	assert_int_equal(ended, TRACER_HEAP);
	assert_int_equal(detached, 0);
	assert_true(ended_ns >= end);
	watch_free(w);
}

/* Recorded hits have a price and the others another; what was not asked to go stays. */
static void test_limit(void **state)
{
	const struct watch_order order = {
		.groups = TRACER_HEAP | TRACER_GOROUTINES, .end_ns = UINT64_MAX, .limit_ns = 1000,
		.ns_recorded = 10, .ns_dropped = 1,
	};
	struct watch *w = watch_over(&order);
	uint64_t when;

	n_recorded += 99;
	n_dropped += 5;
	n_unheard += 4;
	until_asked(3);
	assert_false(watch_gone(w, &when));
	assert_int_equal(detached | ended, 0);
	n_unheard++;
	until_gone(w);
	assert_int_equal(detached, TRACER_HEAP | TRACER_GOROUTINES);
	assert_int_equal(ended, 0);
	watch_free(w);
}

/* The next order begins to count anew. */
static void test_next_order(void **state)
{
	struct watch_order order = { .groups = TRACER_HEAP, .burst = true, .end_ns = UINT64_MAX,
				     .limit_ns = 100, .ns_recorded = 1, .ns_dropped = 1 };
	struct watch *w = watch_over(&order);
	uint64_t when;

	for (int i = 0; i < 5; i++) {
		n_recorded += 99;
		watch_hold(w);
		watch_set(w, &order);
		watch_release(w);
	}
	until_asked(3);
	assert_false(watch_gone(w, &when));
	n_recorded += 100;
	until_gone(w);
	order.groups = 0;
	watch_hold(w);
	watch_set(w, &order);
	watch_release(w);
	assert_false(watch_gone(w, &when));
	watch_free(w);
	assert_int_equal(ended, TRACER_HEAP);
}

/* While it is held nothing goes, however late it is. */
static void test_hold(void **state)
{
	const struct watch_order order = { .groups = TRACER_HEAP, .burst = true, .end_ns = 1,
					   .limit_ns = 1 };
	struct watch *w;

	n_asked = ended = 0;
	assert_int_equal(watch_new(&w, NULL), 0);
	watch_hold(w);
	watch_set(w, &order);
	for (int i = 0; i < 5; i++)
		pause_ms();
	assert_int_equal(ended, 0);
	watch_release(w);
	until_gone(w);
	assert_int_equal(ended, TRACER_HEAP);
	watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_next_order),
		cmocka_unit_test(test_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
