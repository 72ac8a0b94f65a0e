// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_sites.c - stacks to sites: kept once, the same identity, room, and who holds what.
 */
#include "user/sites.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/names.h"
#include "user/base/util.h"

static int setup(void **state)
{
	struct sites *s;

	sites_new(&s, &toy_ops, 1 << 20);
	*state = s;
	n_resolved = 0;
	return 0;
}

static int teardown(void **state)
{
	sites_free(*state);
	return 0;
}

static void test_once(void **state)
{
	const uint64_t pcs[] = { PC(MAKE, 1), PC(PUT, 1), PC(MAIN, 1) };
	const struct site *a = sites_get(*state, pcs, 3, SITE_FOLD);
	const struct site *again = sites_get(*state, pcs, 3, SITE_FOLD);

	assert_ptr_equal(a, again);
	assert_int_equal(n_resolved, 1);
	assert_int_equal(a->frames.n, 2);
	assert_string_equal(a->frames.v[0]->function, "main.put");
	assert_string_equal(a->frames.v[1]->function, "main.main");
	assert_false(a->frames.cut);
}

/* Two ways through the allocator are one site; other lines, a cut end and kept leaves are
 * others. */
static void test_identity(void **state)
{
	const uint64_t one[] = { PC(MAKE, 1), PC(PUT, 1), PC(MAIN, 1) };
	const uint64_t other_way[] = { PC(SLOW, 1), PC(MAKE, 2), PC(PUT, 1), PC(MAIN, 1) };
	const uint64_t other_line[] = { PC(MAKE, 1), PC(PUT, 1), PC(MAIN, 2) };
	const struct site *a = sites_get(*state, one, 3, SITE_FOLD);

	assert_ptr_equal(a, sites_get(*state, other_way, 4, SITE_FOLD));
	assert_ptr_not_equal(a, sites_get(*state, other_line, 3, SITE_FOLD));
	assert_ptr_not_equal(a, sites_get(*state, one, 3, SITE_FOLD | SITE_CUT));
	assert_true(sites_get(*state, one, 3, SITE_FOLD | SITE_CUT)->frames.cut);
	assert_int_equal(sites_get(*state, one, 3, 0)->frames.n, 3);
	/* frames are shared between stacks */
	assert_ptr_equal(a->frames.v[0], sites_get(*state, other_line, 3, SITE_FOLD)->frames.v[0]);
}

static void test_same_id_elsewhere(void **state)
{
	const uint64_t pcs[] = { PC(MAKE, 1), PC(PUT, 1), PC(MAIN, 1) };
	struct sites *other;

	sites_new(&other, &toy_ops, 1 << 20);
	assert_int_equal(sites_get(*state, pcs, 3, SITE_FOLD)->id,
			 sites_get(other, pcs, 3, SITE_FOLD)->id);
	sites_free(other);
}

/* Only the runtime's frames, or nothing known behind them: then they stay. */
static void test_fold_all(void **state)
{
	const uint64_t all[] = { PC(MAKE, 1), PC(SLOW, 1) };
	const uint64_t unknown[] = { PC(MAKE, 1), 7 };

	assert_int_equal(sites_get(*state, all, 2, SITE_FOLD)->frames.n, 2);
	assert_int_equal(sites_get(*state, unknown, 2, SITE_FOLD)->frames.n, 2);
	assert_int_equal(sites_get(*state, NULL, 0, SITE_FOLD)->frames.n, 0);
}

/* Of a stack that starts a goroutine the go statement stays, though it be the runtime's: who happened
 * to allocate when the collector started its workers has not started them. */
static void test_go_statement(void **state)
{
	const uint64_t mine[] = { PC(RELEASEM, 1), PC(NEWPROC1, 1), PC(SYSTEMSTACK, 1),
				  PC(NEWPROC, 1), PC(SERVE, 1), PC(MAIN, 1) };
	const uint64_t runtimes[] = { PC(RELEASEM, 1), PC(NEWPROC1, 1), PC(SYSTEMSTACK, 1),
				      PC(WORKERS, 1), PC(SLOW, 1), PC(PUT, 1), PC(MAIN, 1) };
	const uint64_t first[] = { PC(RELEASEM, 1), PC(NEWPROC1, 1), PC(NEWPROC, 1), PC(RT0, 1) };
	const uint64_t object[] = { PC(SLOW, 1), PC(NEWPROC1, 1), PC(SYSTEMSTACK, 1),
				    PC(WORKERS, 1), PC(PUT, 1) };
	const struct frames *f = &sites_get(*state, mine, 6, SITE_FOLD)->frames;

	assert_int_equal(f->n, 2);
	assert_string_equal(f->v[0]->function, "main.serve");
	f = &sites_get(*state, runtimes, 7, SITE_FOLD)->frames;
	assert_int_equal(f->n, 4);
	assert_string_equal(f->v[0]->function, "runtime.gcBgMarkStartWorkers");
	f = &sites_get(*state, first, 4, SITE_FOLD)->frames;
	assert_int_equal(f->n, 1);
	assert_string_equal(f->v[0]->function, "runtime.rt0_go");
	f = &sites_get(*state, object, 5, SITE_FOLD)->frames;	/* made while one is started */
	assert_int_equal(f->n, 1);
	assert_string_equal(f->v[0]->function, "main.put");
	assert_int_equal(sites_get(*state, first, 3, SITE_FOLD)->frames.n, 3);	/* not known by whom */
}

/* Beyond the room a stack has no names; after a renewal it has, and what is held stays good. */
static void test_room(void **state)
{
	const struct site *kept = NULL, *site;
	struct site_store *held;
	struct sites *s;
	uint64_t n = 0;

	sites_new(&s, &toy_ops, 200000);
	do {
		const uint64_t pcs[] = { PC(PUT, 1), PC(MAIN, n) };

		site = sites_get(s, pcs, 2, SITE_FOLD);
		kept = kept ? kept : site;
		assert_true(++n < 1000000);
	} while (site->frames.n);
	assert_true(n > 500);		/* no more than 400 bytes each */
	assert_int_equal(sites_without_room(s), 1);
	for (uint64_t i = 0; i < 300; i++)	/* 100 stacks more, looked for again and again */
		assert_int_equal(sites_get(s, (uint64_t[]){ PC(PUT, 2), PC(MAIN, i % 100) }, 2,
					   SITE_FOLD)->frames.n, 0);
	assert_int_equal(sites_without_room(s), 1 + 100);
	held = sites_hold(s);
	sites_renew(s);
	assert_int_equal(sites_without_room(s), 0);
	assert_int_equal(sites_get(s, (uint64_t[]){ PC(PUT, 1), PC(MAIN, n) }, 2, 0)->frames.n, 2);
	sites_free(s);
	assert_string_equal(kept->frames.v[0]->function, "main.put");
	sites_drop(held);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_once), TEST(test_identity), TEST(test_same_id_elsewhere),
		TEST(test_fold_all), TEST(test_go_statement), TEST(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
