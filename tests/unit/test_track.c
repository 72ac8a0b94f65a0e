// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_track.c - the live set against a model: a small world of objects that knows who lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/object.h"
#include "user/track/track.h"

enum { SLOTS = 4096, SLOT_BYTES = 16, BASE = 0xc000000 };

/* Slot i stands for the object at BASE + 16 i (+ offset of a tiny one). */
struct world {
	bool marked[SLOTS];	/* by the last collection */
	uint32_t gen;
	uint64_t lost;		/* records, so far */
	unsigned n_asked;
	unsigned n_before_interrupt; /* batches, 0: never */
	uint64_t forgotten[64];	/* stacks that are to be sent again */
	unsigned n_forgotten;
};

enum { MEMORY = 32 << 20 };

static int alive(void *ctx, struct object *v, size_t n, uint32_t *gen)
{
	struct world *w = ctx;

	*gen = w->gen;
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || v[i - 1].addr < v[i].addr);	/* sorted */
		assert_true(v[i].size > 0);
		w->n_asked++;
		if (v[i].gen == w->gen)
			v[i].liveness = LIVENESS_TOO_YOUNG;
		else
			v[i].liveness = w->marked[(v[i].addr - BASE) / SLOT_BYTES] ? LIVENESS_LIVE
										    : LIVENESS_DEAD;
	}
	return 0;
}

static uint64_t lost(void *ctx)
{
	return ((struct world *)ctx)->lost;
}

static struct track *new_track(struct world *w)
{
	const struct track_ops ops = { .ctx = w, .alive = alive, .lost = lost };
	struct track *tr = NULL;

	memset(w, 0, sizeof(*w));
	w->gen = 4;
	assert_int_equal(track_new(&tr, &ops, MEMORY), 0);
	return tr;
}

static void feed_stack(struct track *tr, uint64_t id, uint32_t n)
{
	struct gl_stack s = { .h = { .kind = GL_REC_STACK, .len = sizeof(s) }, .id = id, .n = n };

	for (uint32_t i = 0; i < n; i++)
		s.pcs[i] = id * 1000 + i;
	track_stack(tr, &s);
}

static void feed_alloc(struct track *tr, const struct world *w, uint64_t addr, uint64_t stack,
		       uint64_t typ, uint64_t size)
{
	struct gl_alloc a = { .h = { .kind = GL_REC_ALLOC, .len = sizeof(a) }, .addr = addr,
			      .stack = stack, .typ = typ, .size = size, .gen = w->gen };

	bool tiny = size < 16 && !typ;

	track_alloc(tr, &a, tiny ? 16 : size, tiny, 2000);
}

static const struct obs_account *account(const struct track_snapshot *s, uint64_t stack,
					 uint64_t typ, uint64_t size)
{
	for (size_t i = 0; i < s->n_accounts; i++)
		if (s->stacks[s->accounts[i].stack].id == stack && s->accounts[i].typ == typ &&
		    s->accounts[i].size == size)
			return &s->accounts[i];
	fail_msg("no account of stack %d", (int)stack);
	return NULL;
}

static void test_live_and_dead(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_stack(tr, 7, 5);
	for (int i = 0; i < 1000; i++) {
		feed_alloc(tr, &w, BASE + i * SLOT_BYTES, 7, 99, 16);
		w.marked[i] = i % 3 == 0;
	}
	track_snapshot(tr, 3000, &s);
	assert_int_equal(account(&s, 7, 99, 16)->young, 1000);
	assert_int_equal(account(&s, 7, 99, 16)->live, 0);
	track_snapshot_fini(&s);

	w.gen += 2;
	track_look(tr, 4000);
	track_snapshot(tr, 5000, &s);
	assert_int_equal(account(&s, 7, 99, 16)->live, 334);
	assert_int_equal(account(&s, 7, 99, 16)->young, 0);
	assert_int_equal(account(&s, 7, 99, 16)->allocs, 1000);
	assert_int_equal(account(&s, 7, 99, 16)->oldest_ns, 2000);
	assert_int_equal(s.gc_cycles, 1);
	assert_int_equal(s.stacks[account(&s, 7, 99, 16)->stack].n_pcs, 5);
	assert_int_equal(s.pcs[s.stacks[account(&s, 7, 99, 16)->stack].first_pc + 4], 7004);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* A slot that is used again belongs to the new object, also when the collection between was
 * missed. */
static void test_reuse(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_alloc(tr, &w, BASE, 1, 0x10, 32);
	w.gen += 2;		/* goes by unseen; the object dies */
	feed_alloc(tr, &w, BASE, 2, 0x10, 32);
	w.gen += 2;
	w.marked[0] = true;
	track_look(tr, 3000);
	track_snapshot(tr, 3000, &s);
	assert_int_equal(account(&s, 1, 0x10, 32)->live, 0);
	assert_int_equal(account(&s, 1, 0x10, 32)->young, 0);
	assert_int_equal(account(&s, 2, 0x10, 32)->live, 1);
	assert_int_equal(s.loss.doubtful, 0);
	track_snapshot_fini(&s);
	track_free(tr);
}

static void test_too_young(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	w.gen += 2;
	feed_alloc(tr, &w, BASE, 1, 0x10, 32);	/* born after the mark that w.gen stands for */
	track_look(tr, 3000);
	track_snapshot(tr, 3000, &s);
	assert_int_equal(account(&s, 1, 0x10, 32)->young, 1);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Losses together with a missed collection make what was there before doubtful. */
static void test_doubtful(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	w.marked[0] = w.marked[1] = true;
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	w.gen += 2;
	track_look(tr, 3000);
	w.gen += 4;
	feed_alloc(tr, &w, BASE + 16, 1, 0x10, 16);
	w.gen += 2;
	w.lost = 5;
	track_look(tr, 4000);
	track_snapshot(tr, 4000, &s);
	assert_int_equal(account(&s, 1, 0x10, 16)->live, 2);
	assert_int_equal(s.loss.doubtful, 1);
	assert_int_equal(s.gc_cycles, 4);
	track_snapshot_fini(&s);
	track_free(tr);
}

static void test_tiny(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_alloc(tr, &w, BASE, 1, 0, 8);		/* opens block 0 */
	feed_alloc(tr, &w, BASE + 8, 1, 0, 8);		/* in it */
	feed_alloc(tr, &w, BASE + 32, 1, 0, 8);		/* alone in block 2 */
	w.marked[0] = w.marked[2] = true;
	w.gen += 2;
	track_look(tr, 3000);
	track_snapshot(tr, 3000, &s);
	assert_int_equal(account(&s, 1, 0, 16)->live, 2);
	assert_int_equal(account(&s, 1, 0, 16)->shared, 1);
	assert_int_equal(account(&s, 1, 0, 0)->live, 1);
	assert_int_equal(account(&s, 1, 0, 0)->shared, 1);
	track_snapshot_fini(&s);

	feed_alloc(tr, &w, BASE, 1, 0, 8);		/* block 0 was free again, unseen */
	track_snapshot(tr, 3000, &s);
	assert_int_equal(account(&s, 1, 0, 16)->live, 1);
	assert_int_equal(account(&s, 1, 0, 16)->shared, 0);
	assert_int_equal(account(&s, 1, 0, 0)->live, 0);
	assert_int_equal(account(&s, 1, 0, 0)->shared, 0);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* A block that is used again belongs to its new objects, also when the collection between was
 * missed. */
static void test_tiny_reuse(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_alloc(tr, &w, BASE, 1, 0, 8);
	feed_alloc(tr, &w, BASE + 8, 1, 0, 8);
	feed_alloc(tr, &w, BASE + 16, 3, 0x10, 8);	/* not tiny: two slots of 8 bytes */
	feed_alloc(tr, &w, BASE + 24, 3, 0x10, 8);
	w.gen += 2;		/* goes by unseen; all die */
	feed_alloc(tr, &w, BASE, 2, 0, 8);
	feed_alloc(tr, &w, BASE + 16, 4, 0x10, 8);	/* says nothing of its neighbour */
	w.gen += 2;
	w.marked[0] = w.marked[1] = true;
	track_look(tr, 3000);
	track_snapshot(tr, 3000, &s);
	assert_int_equal(account(&s, 1, 0, 16)->live, 0);
	assert_int_equal(account(&s, 1, 0, 0)->live, 0);
	assert_int_equal(account(&s, 2, 0, 16)->live, 1);
	assert_int_equal(account(&s, 2, 0, 16)->shared, 0);
	assert_int_equal(account(&s, 3, 0x10, 8)->live, 1);
	assert_int_equal(account(&s, 4, 0x10, 8)->live, 1);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Under the race detector a tiny object lies at the end of a block of its own. */
static void test_tiny_alone(void **state)
{
	struct world w = { .gen = 4 };
	const struct track_ops ops = { .ctx = &w, .alive = alive, .lost = lost,
				       .tiny_alone = true };
	struct track_snapshot s;
	struct track *tr;

	assert_int_equal(track_new(&tr, &ops, MEMORY), 0);
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);		/* not tiny, the whole block */
	feed_alloc(tr, &w, BASE + 16 + 8, 1, 0, 8);
	w.gen += 2;
	feed_alloc(tr, &w, BASE + 12, 2, 0, 4);		/* both blocks are used again */
	feed_alloc(tr, &w, BASE + 16 + 15, 2, 0, 1);
	w.gen += 2;
	w.marked[0] = w.marked[1] = true;
	track_look(tr, 3000);
	track_snapshot(tr, 3000, &s);
	assert_int_equal(account(&s, 1, 0x10, 16)->live, 0);
	assert_int_equal(account(&s, 1, 0, 16)->live, 0);
	for (size_t i = 0; i < s.n_accounts; i++)
		if (s.stacks[s.accounts[i].stack].id == 2) {
			assert_int_equal(s.accounts[i].live, 2);
			assert_int_equal(s.accounts[i].size, 16);
			assert_int_equal(s.accounts[i].shared, 0);
		}
	track_snapshot_fini(&s);
	track_free(tr);
}

static void feed_go(struct track *tr, uint64_t goid, uint64_t stack, uint64_t time)
{
	struct gl_gostart g = { .h = { .kind = GL_REC_GOSTART, .len = sizeof(g) }, .goid = goid,
				.stack = stack, .time_ns = time };

	track_gostart(tr, &g);
}

static void feed_goend(struct track *tr, uint64_t goid)
{
	struct gl_goend g = { .h = { .kind = GL_REC_GOEND, .len = sizeof(g) }, .goid = goid };

	track_goend(tr, &g);
}

static void test_goroutines(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_go(tr, 30, 5, 1500);	/* before its stack: that may be lost and sent again */
	feed_stack(tr, 5, 3);
	feed_go(tr, 20, 5, 1600);
	feed_go(tr, 25, 6, 1700);
	feed_goend(tr, 30);
	feed_goend(tr, 4);		/* older than the attach */
	track_snapshot(tr, 3000, &s);
	assert_int_equal(s.n_started, 2);
	assert_int_equal(s.started[0].goid, 20);
	assert_int_equal(s.started[1].goid, 25);
	assert_int_equal(s.stacks[s.started[0].stack].started, 2);
	assert_int_equal(s.stacks[s.started[0].stack].ended, 1);
	assert_int_equal(s.stacks[s.started[0].stack].n_pcs, 3);
	track_snapshot_fini(&s);
	track_free(tr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_and_dead), cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_too_young), cmocka_unit_test(test_doubtful),
		cmocka_unit_test(test_tiny), cmocka_unit_test(test_tiny_reuse),
		cmocka_unit_test(test_tiny_alone), cmocka_unit_test(test_goroutines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
