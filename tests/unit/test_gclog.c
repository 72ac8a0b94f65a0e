// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_gclog.c - collections as somebody else tells of them: those before the begin, those that
 * were missed, and more than there is room for.
 */
#include "user/gclog.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "user/base/limits.h"
#include "user/gomem/gctrace.h"
#include "user/observation.h"

/* What the next look finds. */
static int next;
static uint64_t next_missed;
static uint32_t number;

struct gctrace *gctrace_open(struct gomem *gm)
{
	number = 0;
	return NULL;
}

void gctrace_close(struct gctrace *t) { }

int gctrace_look(struct gctrace *t, struct gc_cycle *out, uint64_t *n_missed)
{
	*n_missed = next_missed;
	number += (uint32_t)next_missed;
	for (int i = 0; i < next; i++)
		out[i] = (struct gc_cycle){ .number = ++number };
	return next;
}

static void look(struct gclog *l, int n, uint64_t n_missed)
{
	next = n;
	next_missed = n_missed;
	gclog_look(l);
}

static struct gclog *begin(int n, uint64_t n_missed)
{
	struct gclog *l;

	next = n;
	next_missed = n_missed;
	gclog_new(&l, NULL);
	return l;
}

static void test_since_the_begin(void **state)
{
	struct observation o = { 0 };
	struct gclog *l = begin(200, 7);

	look(l, 0, 0);
	look(l, 2, 0);
	look(l, -EAGAIN, 0);
	look(l, 3, 5);
	gclog_fill(l, &o);
	assert_true(o.gc_known);
	assert_int_equal(o.n_gc, 5);
	assert_int_equal(o.gc_missed, 5);
	assert_int_equal(o.gc[0].number, 208);
	assert_int_equal(o.gc[2].number, 215);
	free(o.gc);
	gclog_free(l);
}

static void test_not_told(void **state)
{
	struct observation o = { 0 };
	struct gclog *l = begin(-ENOENT, 0);

	gclog_fill(l, &o);
	assert_false(o.gc_known);
	free(o.gc);
	o = (struct observation){ 0 };
	look(l, 9, 0);			/* before the begin, as far as is known */
	look(l, 1, 0);
	gclog_fill(l, &o);
	assert_int_equal(o.n_gc, 1);
	assert_int_equal(o.gc[0].number, 10);
	free(o.gc);
	gclog_free(l);
}

static void test_room(void **state)
{
	struct observation o = { 0 };
	struct gclog *l = begin(0, 0);

	for (int i = 0; i < 40; i++)
		look(l, GCTRACE_MOST, 0);
	gclog_fill(l, &o);
	assert_int_equal(o.n_gc, MAX_GC_CYCLES);
	assert_int_equal(o.gc_missed, 40 * GCTRACE_MOST - MAX_GC_CYCLES);
	assert_int_equal(o.gc[MAX_GC_CYCLES - 1].number, 40 * GCTRACE_MOST);
	free(o.gc);
	gclog_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_since_the_begin),
		cmocka_unit_test(test_not_told),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
