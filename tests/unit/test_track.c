// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_track.c - the live set against a model: a small world of objects that knows who lives.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "user/base/util.h"
#include "user/object.h"
#include "user/track/track.h"

enum { SLOTS = 1 << 17, SLOT_BYTES = 16, BASE = 0xc000000 };

/* Slot i stands for the object at BASE + 16 i (+ offset of a tiny one). */
struct world {
	bool marked[SLOTS];	/* by the last collection */
	uint32_t gen;
	uint64_t lost;		/* records, so far */
	unsigned n_asked;
	bool unknown;		/* liveness is not readable */
	uint32_t next_gen;	/* a collection that ends while it is looked at, 0: none */
	unsigned n_batches, max_batches; /* looks end after so many, 0: never */
	uint64_t forgotten[64];	/* stacks that are to be sent again */
	unsigned n_forgotten;
	struct flow {		/* as told by the live set */
		unsigned n_born, n_died, n_thinned;
		double live;	/* weight */
		uint64_t key, birth_ns;	/* of the last one */
	} flow;
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
		else if (w->unknown)
			v[i].liveness = LIVENESS_UNKNOWN;
		else
			v[i].liveness = w->marked[(v[i].addr - BASE) / SLOT_BYTES] ? LIVENESS_LIVE
										    : LIVENESS_DEAD;
	}
	w->n_batches += n > 0;
	if (n && w->next_gen) {
		w->gen = w->next_gen;
		w->next_gen = 0;
		w->lost += 5;
	}
	return 0;
}

static uint64_t lost(void *ctx)
{
	return ((struct world *)ctx)->lost;
}

static bool interrupted(void *ctx)
{
	const struct world *w = ctx;

	return w->max_batches && w->n_batches >= w->max_batches;
}

static void forget_stack(void *ctx, uint64_t id)
{
	struct world *w = ctx;

	w->forgotten[w->n_forgotten++ % 64] = id;
}

static void born(void *ctx, uint64_t key, uint64_t birth_ns, double weight)
{
	struct flow *f = &((struct world *)ctx)->flow;

	f->n_born++;
	f->live += weight;
	f->key = key;
	f->birth_ns = birth_ns;
}

static void died(void *ctx, uint64_t key, uint64_t birth_ns, double weight)
{
	struct flow *f = &((struct world *)ctx)->flow;

	f->n_died++;
	f->live -= weight;
	f->key = key;
	f->birth_ns = birth_ns;
}

static void thinned(void *ctx)
{
	struct flow *f = &((struct world *)ctx)->flow;

	*f = (struct flow){ .n_thinned = f->n_thinned + 1 };
}

static struct track *new_small_track(struct world *w, size_t max_bytes)
{
	const struct track_ops ops = { .ctx = w, .seed = 1, .alive = alive, .lost = lost,
				       .interrupted = interrupted, .forget_stack = forget_stack,
				       .born = born, .died = died, .thinned = thinned };
	struct track *tr = NULL;

	memset(w, 0, sizeof(*w));
	w->gen = 4;
	assert_int_equal(track_new(&tr, &ops, max_bytes), 0);
	return tr;
}

static struct track *new_track(struct world *w)
{
	return new_small_track(w, MEMORY);
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

/* A new g of its own for each goroutine, unless feed_go_on() says which. */
static uint64_t g_of(uint64_t goid)
{
	return 0xc000000000 + goid * 512;
}

static void feed_go_on(struct track *tr, uint64_t on, uint64_t goid, uint64_t stack, uint64_t time)
{
	struct gl_gostart g = { .h = { .kind = GL_REC_GOSTART, .len = sizeof(g) }, .g = on,
				.goid = goid, .stack = stack };

	track_gostart(tr, &g, time);
}

static void feed_go(struct track *tr, uint64_t goid, uint64_t stack, uint64_t time)
{
	feed_go_on(tr, g_of(goid), goid, stack, time);
}

static void feed_goend(struct track *tr, uint64_t goid)
{
	struct gl_goend g = { .h = { .kind = GL_REC_GOEND, .len = sizeof(g) }, .g = g_of(goid) };

	track_goend(tr, &g);
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
	struct track_sum sum;

	feed_stack(tr, 7, 5);
	for (int i = 0; i < 1000; i++) {
		feed_alloc(tr, &w, BASE + i * SLOT_BYTES, 7, 99, 16);
		w.marked[i] = i % 3 == 0;
	}
	track_snapshot(tr, 3000, 0, &s);
	assert_int_equal(account(&s, 7, 99, 16)->young, 1000);
	assert_int_equal(account(&s, 7, 99, 16)->live, 0);
	assert_int_equal(account(&s, 7, 99, 16)->samples, 0);
	track_snapshot_fini(&s);

	w.gen += 2;
	track_look(tr, 4000);
	track_snapshot(tr, 5000, 0, &s);
	assert_int_equal(account(&s, 7, 99, 16)->live, 334);
	assert_int_equal(account(&s, 7, 99, 16)->samples, 334);
	track_sum(tr, 2000 + (1 << 24), &sum);
	assert_true(sum.bytes == 334 * 16 && sum.objects[0] == 334 && sum.sure[0] == 334);
	track_sum(tr, 2000 + (1 << 24) - 1, &sum);	/* it may have been later */
	assert_true(sum.objects[0] == 334 && sum.sure[0] == 0);
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
	track_snapshot(tr, 3000, 0, &s);
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
	track_snapshot(tr, 3000, 0, &s);
	assert_int_equal(account(&s, 1, 0x10, 32)->young, 1);
	track_snapshot_fini(&s);
	track_free(tr);
}

static uint64_t n_doubtful(struct track *tr)
{
	struct track_snapshot s;
	uint64_t n = 0;

	track_snapshot(tr, 4000, 0, &s);
	for (size_t i = 0; i < s.n_accounts; i++)
		n += s.accounts[i].doubtful;
	assert_int_equal(s.loss.doubtful, n);
	track_snapshot_fini(&s);
	return n;
}

/* Ends a collection, looks if told to. */
static void collect(struct track *tr, struct world *w, bool look)
{
	w->gen += 2;
	if (look)
		assert_int_equal(track_look(tr, 3000), 0);
}

/* Losses while a collection goes by unseen: what lived before the gap may have died in it and been
 * replaced; what was born before its end as well; what was born after is safe. */
static void test_doubtful(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;
	struct track_sum sum;

	memset(w.marked, true, sizeof(w.marked));
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	collect(tr, &w, true);
	feed_alloc(tr, &w, BASE + 16, 2, 0x10, 16);	/* since the last look, before the gap */
	collect(tr, &w, false);
	collect(tr, &w, false);
	feed_alloc(tr, &w, BASE + 32, 3, 0x10, 16);
	w.lost = 5;
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(account(&s, 1, 0x10, 16)->doubtful, 1);
	assert_int_equal(account(&s, 2, 0x10, 16)->doubtful, 1);
	assert_int_equal(account(&s, 3, 0x10, 16)->doubtful, 0);
	assert_int_equal(account(&s, 3, 0x10, 16)->live, 1);
	assert_int_equal(s.loss.doubtful, 2);
	assert_int_equal(s.gc_cycles, 4);
	track_sum(tr, UINT64_MAX, &sum);
	assert_true(sum.objects[0] == 3 && sum.sure[0] == 1);
	track_snapshot_fini(&s);
	feed_alloc(tr, &w, BASE + 16, 2, 0x10, 16);	/* another one: there is no doubt of it */
	assert_int_equal(n_doubtful(tr), 1);
	track_free(tr);
}

/* Losses do no harm to what every collection is looked at for, a missed collection none without
 * losses, and a loss none to what was born after it was noticed. */
static void test_not_doubtful(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);

	memset(w.marked, true, sizeof(w.marked));
	w.lost = 7;
	collect(tr, &w, true);
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	collect(tr, &w, false);
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 0);
	w.lost = 100;
	collect(tr, &w, true);
	w.lost = 200;
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 0);
	track_free(tr);
}

/* A look that could not tell is none; the loss was noticed by it. */
static void test_doubt_unknown(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	memset(w.marked, true, sizeof(w.marked));
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	w.unknown = true;
	w.lost = 1;
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(s.loss.liveness_unknown, 1);
	track_snapshot_fini(&s);
	w.unknown = false;
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 1);
	track_free(tr);
}

/* A collection ends during the look, and then something is lost: the answers may be those of either
 * collection, the loss belongs to the later one. */
static void test_doubt_overtaken(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);

	memset(w.marked, true, sizeof(w.marked));
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	w.gen += 2;
	feed_alloc(tr, &w, BASE + 16, 1, 0x10, 16);
	w.next_gen = 8;
	assert_int_equal(track_look(tr, 3000), 0);
	assert_int_equal(n_doubtful(tr), 1);	/* was it asked for after 6, or after 8? */
	feed_alloc(tr, &w, BASE + 32, 1, 0x10, 16);
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 2);	/* the second one was born before 8 */
	track_free(tr);
}

/* An allocation whose address is not known may be anybody's successor. */
static void test_doubt_unplaced(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);

	memset(w.marked, true, sizeof(w.marked));
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	collect(tr, &w, false);
	feed_alloc(tr, &w, 0, 1, 0x10, 16);
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 1);
	track_free(tr);
}

/* No more are doubtful than records were lost; but one may have begun a block of tiny objects. */
static void test_doubt_bound(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	memset(w.marked, true, sizeof(w.marked));
	for (int i = 0; i < 100; i++)
		feed_alloc(tr, &w, BASE + i * 16, 1, 0x10, 16);
	feed_alloc(tr, &w, BASE + 1600, 1, 0, 4);
	feed_alloc(tr, &w, BASE + 1604, 1, 0, 4);
	feed_alloc(tr, &w, BASE + 1608, 1, 0, 4);
	collect(tr, &w, false);
	w.lost = 1;
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(account(&s, 1, 0x10, 16)->doubtful, 1);
	assert_int_equal(account(&s, 1, 0, 0)->doubtful, 2);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* On purpose not everything is recorded: one missed collection is enough, however few are lost. */
static void test_doubt_unseen(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);

	memset(w.marked, true, sizeof(w.marked));
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	collect(tr, &w, false);
	track_unseen_from(tr, w.gen + 2);
	collect(tr, &w, true);		/* all that could have taken its place was seen */
	assert_int_equal(n_doubtful(tr), 0);
	collect(tr, &w, true);
	feed_alloc(tr, &w, BASE + 16, 1, 0x10, 16);
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 0);
	feed_alloc(tr, &w, BASE + 32, 1, 0x10, 16);
	collect(tr, &w, false);
	feed_alloc(tr, &w, BASE + 48, 1, 0x10, 16);
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 3);
	track_free(tr);
}

/* Everything is recorded again: what may have taken an object's place before is still in doubt. */
static void test_doubt_seen_again(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);

	memset(w.marked, true, sizeof(w.marked));
	track_unseen_from(tr, w.gen);
	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	collect(tr, &w, false);
	track_seen_from(tr, w.gen);
	feed_alloc(tr, &w, BASE + 16, 1, 0x10, 16);
	collect(tr, &w, false);
	collect(tr, &w, true);
	assert_int_equal(n_doubtful(tr), 1);
	track_free(tr);
}

/* What dies is in doubt, what does not is not: by what became of others at looks that missed
 * none. */
static void test_replaced(void **state)
{
	enum { N = 100, CYCLES = 20 };
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	track_unseen_from(tr, w.gen);
	for (int c = 0; c < CYCLES; c++) {
		for (int i = 0; i < N; i++) {
			if (!c)
				feed_alloc(tr, &w, BASE + i * 16, 1, 0x10, 16);
			w.marked[i] = true;
			feed_alloc(tr, &w, BASE + (N + i) * 16, 2, 0x10, 16);
			w.marked[N + i] = c % 2;	/* lives for two */
		}
		collect(tr, &w, true);
	}
	collect(tr, &w, false);
	memset(w.marked, true, sizeof(w.marked));
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_true(account(&s, 1, 0x10, 16)->doubtful == N);
	assert_true(account(&s, 1, 0x10, 16)->replaced < 0.2);
	assert_true(account(&s, 2, 0x10, 16)->doubtful == N);
	assert_true(account(&s, 2, 0x10, 16)->replaced > 0.3 * N);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* ---- weights -------------------------------------------------------------------------------- */

static unsigned class_of(uint64_t slot_bytes)
{
	return slot_bytes <= 16 ? 2 : slot_bytes <= 32 << 10 ? 3 : 0;
}

static struct track *new_weighing_track(struct world *w)
{
	const struct track_ops ops = { .ctx = w, .seed = 1, .alive = alive, .lost = lost,
				       .class_of = class_of };
	struct track *tr;

	memset(w, 0, sizeof(*w));
	w->gen = 4;
	memset(w->marked, true, sizeof(w->marked));
	assert_int_equal(track_new(&tr, &ops, MEMORY), 0);
	return tr;
}

static void feed_sample(struct track *tr, const struct world *w, uint64_t addr, uint64_t stack,
			uint64_t size, double chance)
{
	struct gl_alloc a = { .h = { .kind = GL_REC_ALLOC, .len = sizeof(a) }, .addr = addr,
			      .stack = stack, .typ = size < 16 ? 0 : 0x10, .size = size,
			      .gen = w->gen, .chance = (uint32_t)(chance * 4294967296.0) };

	track_alloc(tr, &a, size < 16 ? 16 : size, size < 16, 2000);
}

/* Every sample stands for as many as its chance says: chances are kept with few bits. */
static void test_chance(void **state)
{
	static const double chances[] = { 0.5, 1 / 3.0, 0.999, 1e-3, 3.14159e-6, 0x1p-30 };
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;

	for (size_t i = 0; i < ARRAY_SIZE(chances); i++)
		feed_sample(tr, &w, BASE + i * 16, i, 16, chances[i]);
	feed_sample(tr, &w, BASE + 16 * 16, 77, 16, 0.99999);
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	for (size_t i = 0; i < ARRAY_SIZE(chances); i++) {
		const struct obs_account *a = account(&s, i, 0x10, 16);

		assert_float_equal(a->live * chances[i], 1, 1e-3);
		assert_float_equal(a->allocs * chances[i], 1, 1e-3);
		assert_int_equal(a->samples, 1);
	}
	assert_true(account(&s, 77, 0x10, 16)->live == 1);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Samples add up to what was allocated: class by class, and not to that of a class without any. */
static void test_strata(void **state)
{
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	uint64_t allocs[STRATA_CLASSES] = { 5, 6, 3000, 50000 };

	for (uint64_t i = 0; i < 100; i++) {
		feed_sample(tr, &w, BASE + i * 16, 1, 16, 0.05);
		feed_sample(tr, &w, BASE + (100 + i) * 16, 2, 48, i < 60 ? 0.01 : 0.02);
	}
	feed_sample(tr, &w, BASE + 300 * 16, 3, 64 << 10, 0);	/* certain */
	feed_sample(tr, &w, BASE + 301 * 16, 4, 4, 0.05);	/* opens a block */
	feed_sample(tr, &w, BASE + 302 * 16 + 8, 5, 4, 0.05);	/* does not */
	track_stratum(tr, allocs, 1, false);
	feed_sample(tr, &w, BASE + 303 * 16, 6, 16, 0.05);	/* no count of it yet */
	memset(w.marked, false, 50);
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_float_equal(account(&s, 1, 0x10, 16)->live, 50 * 3000 / 101.0, 1);
	assert_float_equal(account(&s, 1, 0x10, 16)->allocs, 100 * 3000 / 101.0, 20);
	assert_float_equal(account(&s, 2, 0x10, 48)->live, 50000, 10);
	assert_float_equal(account(&s, 2, 0x10, 48)->allocs, 50000, 10);
	assert_true(account(&s, 3, 0x10, 64 << 10)->live == 1);
	assert_float_equal(account(&s, 4, 0, 16)->live, 3000 / 101.0, 0.1);
	assert_float_equal(account(&s, 5, 0, 0)->live, 3000 / 101.0, 0.1);
	assert_float_equal(account(&s, 6, 0x10, 16)->live, 20, 0.1);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Bursts: windows of a hundredth of the time, in which everything is recorded; and so many of them
 * that strata are joined. */
static void test_bursts(void **state)
{
	enum { WINDOWS = 1000 };
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	uint64_t allocs[STRATA_CLASSES] = { 0, 0, 5000 };

	track_stratum(tr, NULL, 1, true);
	for (uint64_t i = 0; i < WINDOWS; i++) {
		for (uint64_t k = 0; k < 40 + i % 21; k++)
			feed_sample(tr, &w, BASE + (i * 64 + k) * 16, k < 10, 16, 0);
		track_stratum(tr, allocs, 0.01, true);
	}
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_float_equal(account(&s, 0, 0x10, 16)->live + account(&s, 1, 0x10, 16)->live,
			   WINDOWS * 5000, 100);
	assert_float_equal(account(&s, 1, 0x10, 16)->live, WINDOWS * 1000, 3000);
	assert_float_equal(account(&s, 1, 0x10, 16)->allocs, WINDOWS * 1000, 3000);
	assert_int_equal(account(&s, 1, 0x10, 16)->samples, WINDOWS * 10);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Bursts have begun and no window is in: what was counted since may be anybody's of the class, and
 * of all classes at once. */
static void test_before_the_first_window(void **state)
{
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	const struct obs_account *a;
	const struct obs_stack *st;

	for (uint64_t i = 0; i < 30; i++)
		feed_sample(tr, &w, BASE + i * 64, i / 20, i % 2 ? 48 : 16, 0);
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_true(account(&s, 0, 0x10, 48)->live_var.missing == 0 && !s.few_windows);
	track_snapshot_fini(&s);
	track_stratum(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 15, 15 }, 1, true);
	track_so_far(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 700, 20000 });
	track_snapshot(tr, 4000, 0, &s);
	a = account(&s, 0, 0x10, 48);
	st = &s.stacks[a->stack];
	assert_true(s.few_windows);
	assert_true(a->live == 10 && a->live_var.missing == 20000);
	assert_true(account(&s, 1, 0x10, 48)->live_var.missing == 20000);
	assert_true(account(&s, 0, 0x10, 16)->live_var.missing == 700);
	assert_true(st->objects.missing == 20700);
	assert_true(st->bytes.missing == 20000 * 48 + 700 * 16);
	assert_true(st->new_bytes.missing == st->bytes.missing);
	assert_true(s.objects.missing == 20700);
	assert_true(s.bytes.missing == 20000 * 48 + 700 * 16);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* The probes were gone for a moment, twice: what is missing of the count may be anybody's of its
 * class, and of all classes at once.  A tiny object inside of a block is counted nowhere, and each
 * block that is missing may have held sixteen. */
static void test_gone(void **state)
{
	static const uint64_t allocs[STRATA_CLASSES] = { 7, 0, 4, 9 };
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	const struct obs_stack *st;

	feed_sample(tr, &w, BASE, 1, 16, 0);
	feed_sample(tr, &w, BASE + 32, 2, 48, 0);
	feed_sample(tr, &w, BASE + 96, 2, 8, 0);
	feed_sample(tr, &w, BASE + 104, 2, 8, 0);
	collect(tr, &w, true);
	track_stratum(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 30, 30 }, 1, false);
	feed_sample(tr, &w, BASE, 1, 16, 0);
	track_snapshot(tr, 4000, 0, &s);
	assert_true(account(&s, 2, 0x10, 48)->live_var.missing == 0);
	assert_true(s.objects.missing == 0);
	track_snapshot_fini(&s);
	track_stratum(tr, allocs, 0.99, false);
	track_stratum(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 0, 5 }, 0.5, false);
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_true(account(&s, 1, 0x10, 16)->live == 1);
	assert_true(account(&s, 1, 0x10, 16)->live_var.missing == 3);
	assert_true(account(&s, 2, 0x10, 48)->live_var.missing == 14);
	assert_true(account(&s, 2, 0x10, 48)->live_var.var == 0);
	assert_true(account(&s, 2, 0, 16)->live_var.missing == 3);
	assert_true(account(&s, 2, 0, 0)->live_var.missing == 16 * 3);
	st = &s.stacks[account(&s, 2, 0x10, 48)->stack];
	assert_true(st->objects.missing == 16 * 3 + 14);
	assert_true(st->bytes.missing == 3 * 16 + 14 * 48);
	assert_true(st->new_bytes.missing == st->bytes.missing);
	assert_true(s.objects.missing == 16 * 3 + 14);
	assert_true(s.bytes.missing == 3 * 16 + 14 * 48);
	assert_false(s.few_windows);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* From the moment that some are left to chance, who had all recorded may have more than that: what of
 * the class has no sample, or three times what the heaviest one stands for.  No longer when all are
 * recorded again. */
static void test_unchosen(void **state)
{
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	const struct obs_stack *st;

	feed_sample(tr, &w, BASE, 1, 16, 0);
	feed_sample(tr, &w, BASE + 32, 2, 48, 0);
	collect(tr, &w, true);
	track_unseen_from(tr, w.gen);
	track_stratum(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 3, 1 }, 1, false);
	track_snapshot(tr, 4000, 0, &s);
	assert_true(s.objects.missing == 0);	/* nothing has been allocated since */
	track_snapshot_fini(&s);
	track_so_far(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 30, 200 });
	track_snapshot(tr, 4000, 0, &s);
	assert_true(account(&s, 1, 0x10, 16)->live == 1);
	assert_true(account(&s, 1, 0x10, 16)->live_var.missing == 30);
	assert_true(account(&s, 2, 0x10, 48)->live_var.missing == 200);
	assert_true(account(&s, 2, 0x10, 48)->live_var.largest == 0);
	st = &s.stacks[account(&s, 2, 0x10, 48)->stack];
	assert_true(st->bytes.missing == 200 * 48 && st->new_bytes.missing == 200 * 48);
	track_snapshot_fini(&s);
	feed_sample(tr, &w, BASE + 96, 3, 48, 1 / 32.0);
	track_stratum(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 30, 100 }, 1, false);
	track_seen_from(tr, w.gen);
	track_stratum(tr, (uint64_t[STRATA_CLASSES]){ 0, 0, 1000, 5 }, 1, false);
	track_snapshot(tr, 4000, 0, &s);
	assert_true(account(&s, 1, 0x10, 16)->live_var.missing == 30);
	assert_true(account(&s, 2, 0x10, 48)->live_var.missing == 100);
	assert_true(account(&s, 3, 0x10, 48)->live_var.missing == 0);
	assert_true(account(&s, 3, 0x10, 48)->live_var.largest > 0);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* What is certain has no variance; what was chosen by chance has that of its weights, in its
 * account, its stack and all together. */
static void test_variance(void **state)
{
	enum { N = 50 };
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	const struct obs_stack *st;

	for (uint64_t i = 0; i < N; i++) {
		feed_sample(tr, &w, BASE + i * 16, 1, 16, 0.25);
		feed_sample(tr, &w, BASE + (N + i) * 16, 1, 48, 0.5);
		feed_sample(tr, &w, BASE + (2 * N + i) * 16, 2, 48, 0);
	}
	feed_sample(tr, &w, BASE + 3 * N * 16, 3, 48, 0.5);
	w.marked[3 * N] = false;
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	st = &s.stacks[account(&s, 1, 0x10, 16)->stack];
	assert_float_equal(account(&s, 1, 0x10, 16)->live_var.var, N * 12, 1e-6);
	assert_float_equal(account(&s, 1, 0x10, 16)->live_var.largest, sqrt(12), 1e-6);
	assert_float_equal(st->objects.var, N * (12 + 2), 1e-6);
	assert_float_equal(st->bytes.var, N * (12 * 16 * 16 + 2 * 48 * 48), 1e-3);
	assert_true(account(&s, 2, 0x10, 48)->live_var.var == 0);
	assert_true(s.stacks[account(&s, 2, 0x10, 48)->stack].bytes.var == 0);
	/* nothing of it lives, but one may */
	assert_float_equal(account(&s, 3, 0x10, 48)->live_var.largest, sqrt(2), 1e-6);
	assert_true(account(&s, 3, 0x10, 48)->live_var.var == 0);
	assert_float_equal(s.objects.var, N * (12 + 2), 1e-6);
	assert_float_equal(s.bytes.var, st->bytes.var, 1e-3);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* In bursts, runs have a variance that steady allocations do not have, however many samples there
 * are; two kinds of objects of one stack that come in the same runs have the same luck. */
static void test_variance_of_windows(void **state)
{
	enum { WINDOWS = 40, EACH = 20 };
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	const struct obs_account *steady, *runs;

	track_stratum(tr, NULL, 1, true);
	for (uint64_t i = 0, addr = BASE; i < WINDOWS; i++) {
		for (uint64_t k = 0; k < EACH; k++, addr += 16)
			feed_sample(tr, &w, addr, 1, 16, 0);
		for (uint64_t k = 0; i % 4 == 0 && k < 4 * EACH; k++, addr += 32) {
			feed_sample(tr, &w, addr, 2, 48, 0);
			feed_sample(tr, &w, addr + 16, 2, 64, 0);
		}
		track_stratum(tr, NULL, 0.01, true);
	}
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	steady = account(&s, 1, 0x10, 16);
	runs = account(&s, 2, 0x10, 48);
	assert_float_equal(steady->live, 100 * EACH * WINDOWS, 1);
	assert_float_equal(runs->live, steady->live, 1);
	assert_true(sqrt(steady->live_var.bursts) < 0.1 * steady->live);
	assert_true(sqrt(runs->live_var.bursts) > 0.25 * runs->live);
	assert_float_equal(s.stacks[runs->stack].objects.bursts / runs->live_var.bursts, 4, 1e-3);
	assert_float_equal(s.stacks[runs->stack].bytes.bursts / runs->live_var.bursts,
			   (48 + 64) * (48 + 64), 1e-3 * 10000);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Of what lives, what was born before a moment. */
static void test_old(void **state)
{
	struct world w;
	struct track *tr = new_weighing_track(&w);
	struct track_snapshot s;
	const uint64_t unit = 1 << 24, moment = 2000 + 100 * unit;

	for (uint64_t i = 0; i < 10; i++) {
		struct gl_alloc a = { .addr = BASE + i * 16, .stack = 1, .typ = 0x10, .size = 16,
				      .gen = w.gen, .chance = 1u << 30 };

		track_alloc(tr, &a, 16, false, i < 3 ? 2000 + 2 * unit : moment + 2 * unit);
	}
	w.marked[0] = false;
	collect(tr, &w, true);
	track_count_aged(tr, moment);
	track_snapshot(tr, 4000, moment, &s);
	assert_float_equal(account(&s, 1, 0x10, 16)->aged, 8, 1e-6);
	assert_int_equal(account(&s, 1, 0x10, 16)->n_aged, 2);
	assert_float_equal(account(&s, 1, 0x10, 16)->old, 8, 1e-6);
	assert_int_equal(account(&s, 1, 0x10, 16)->n_old, 2);
	assert_float_equal(account(&s, 1, 0x10, 16)->each, 4, 1e-6);
	assert_float_equal(s.stacks[1].new_bytes.var, 7 * 12 * 256, 1e-3);
	assert_int_equal(account(&s, 1, 0x10, 16)->oldest_ns, 2000 + 2 * unit);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* What was not looked at stays as it was, and is looked at by the next look. */
static void test_interrupted(void **state)
{
	struct world w;
	struct track *tr = new_small_track(&w, 256 << 10);
	struct track_snapshot s;

	for (int i = 0; i < 1000; i++)
		feed_alloc(tr, &w, BASE + i * 16, 1, 0x10, 16);
	w.gen += 2;
	w.max_batches = 2;
	assert_int_equal(track_look(tr, 3000), -EINTR);
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(s.looked_ns, 0);
	assert_int_equal(w.n_batches, 2);
	assert_in_range(w.n_asked, 100, 900);
	assert_int_equal(account(&s, 1, 0x10, 16)->young, 1000 - w.n_asked);
	assert_int_equal(s.loss.liveness_unknown, 1000 - w.n_asked);
	track_snapshot_fini(&s);
	w.max_batches = 0;
	assert_int_equal(track_look(tr, 3100), 0);
	assert_int_equal(w.n_asked, 1000);
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(account(&s, 1, 0x10, 16)->young, 0);
	assert_int_equal(s.loss.liveness_unknown, 0);
	assert_int_equal(s.looked_ns, 3100);
	assert_int_equal(s.gc_cycles, 1);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* ---- little memory -------------------------------------------------------------------------- */

/* Nobody is hidden who comes when there is no room any more: x() fills it and drops all but one,
 * then y() gets the same addresses, and no look tells of it. */
static void test_full(void **state)
{
	enum { N_X = 100000, N_Y = 4010 };
	struct world w;
	struct track *tr = new_small_track(&w, 256 << 10);
	struct track_snapshot s;

	for (int i = 0; i < N_X; i++)
		feed_alloc(tr, &w, BASE + i * 16, 1, 0x10, 16);
	collect(tr, &w, false);
	for (int i = 1; i <= N_Y; i++)
		feed_alloc(tr, &w, BASE + i * 16, 2, 0x10, 16);
	memset(w.marked, true, N_Y + 1);
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_in_range(account(&s, 1, 0x10, 16)->live, 0, s.one_in);
	assert_in_range(account(&s, 2, 0x10, 16)->live, N_Y * 7 / 10, N_Y * 13 / 10);
	assert_int_equal(account(&s, 2, 0x10, 16)->samples * s.one_in,
			 account(&s, 2, 0x10, 16)->live);
	assert_int_equal(account(&s, 1, 0x10, 16)->allocs, N_X);
	assert_int_equal(account(&s, 2, 0x10, 16)->allocs, N_Y);
	assert_true(s.one_in > 1);
	assert_int_equal(n_doubtful(tr), 0);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Early and late are treated alike, and large objects are all followed. */
static void test_fair(void **state)
{
	enum { N = 60000, N_LARGE = 50 };
	struct world w;
	struct track *tr = new_small_track(&w, 256 << 10);
	struct track_snapshot s;

	memset(w.marked, true, sizeof(w.marked));
	for (int i = 0; i < N; i++)
		feed_alloc(tr, &w, BASE + i * 16, 1, 0x10, 16);
	for (int i = 0; i < N; i++)
		feed_alloc(tr, &w, BASE + (N + i) * 16, 2, 0x10, 16);
	for (int i = 0; i < N_LARGE; i++)
		feed_alloc(tr, &w, BASE + (2 * N + i) * 16, 3, 0x10, 1 << 20);
	collect(tr, &w, true);
	track_snapshot(tr, 4000, 0, &s);
	assert_in_range(account(&s, 1, 0x10, 16)->live, N * 8 / 10, N * 12 / 10);
	assert_in_range(account(&s, 2, 0x10, 16)->live, N * 8 / 10, N * 12 / 10);
	assert_int_equal(account(&s, 3, 0x10, 1 << 20)->live, N_LARGE);
	assert_int_equal(account(&s, 3, 0x10, 1 << 20)->samples, N_LARGE);
	assert_in_range(s.one_in, 16, 128);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Nor can large objects fill everything. */
static void test_many_large(void **state)
{
	enum { N = 30000 };
	struct world w;
	struct track *tr = new_small_track(&w, 256 << 10);
	struct track_snapshot s;

	for (int i = 0; i < N; i++)
		feed_alloc(tr, &w, BASE + i * 16, 1, 0x10, 40 << 10);
	feed_alloc(tr, &w, BASE + N * 16, 2, 0x10, 1 << 20);
	track_snapshot(tr, 4000, 0, &s);
	assert_in_range(account(&s, 1, 0x10, 40 << 10)->young, N * 8 / 10, N * 12 / 10);
	assert_int_equal(account(&s, 2, 0x10, 1 << 20)->young, 1);
	assert_true(s.all_above >= 40 << 10 && s.all_above < 1 << 20);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Sites that come and go make room for others, and what they allocated is not forgotten; a stack
 * that was given up is asked for again. */
static void test_recycled(void **state)
{
	enum { N = 20000 };
	struct world w;
	struct track *tr = new_small_track(&w, 256 << 10);
	struct track_snapshot s;
	uint64_t allocs, pcs_known = 0;
	const uint64_t *pcs;
	uint32_t n, flags;

	for (uint64_t i = 1; i <= N; i++) {
		feed_stack(tr, i, 10);
		feed_alloc(tr, &w, BASE, i, i, 16);	/* ends the one before */
	}
	feed_alloc(tr, &w, BASE + 16, 7, 7, 16);	/* sent long ago */
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(account(&s, N, N, 16)->young, 1);
	assert_int_equal(account(&s, 7, 7, 16)->young, 1);
	assert_int_equal(s.loss.stacks_full + s.loss.accounts_full, 0);
	allocs = s.loss.forgotten_allocs;
	for (size_t i = 0; i < s.n_accounts; i++)
		allocs += s.accounts[i].allocs;
	for (size_t i = 0; i < s.n_stacks; i++) {
		allocs += s.stacks[i].other_allocs;
		pcs_known += s.stacks[i].n_pcs == 10;
	}
	assert_int_equal(allocs, N + 1);
	assert_in_range(pcs_known, 50, 1000);
	assert_true(w.n_forgotten > N / 2);
	assert_int_equal(w.forgotten[(w.n_forgotten - 1) % 64], 7);
	assert_false(track_find_stack(tr, 7, &pcs, &n, &flags));
	assert_true(track_find_stack(tr, N, &pcs, &n, &flags));
	assert_int_equal(n, 10);
	assert_int_equal(pcs[3], N * 1000 + 3);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Buffers of random sizes have as many accounts as there are sizes of slots. */
static void test_slot_sizes(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	for (int i = 0; i < 1000; i++) {
		struct gl_alloc a = { .addr = BASE + i * 16, .stack = 1, .typ = 0x10,
				      .size = 1000 + i % 24, .gen = w.gen };

		track_alloc(tr, &a, 1024, false, 2000);
	}
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(s.n_accounts, 1);
	assert_int_equal(s.accounts[0].young, 1000);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* An allocation of which nothing is known but the address ends what was there. */
static void test_unsized(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_alloc(tr, &w, BASE, 1, 0x10, 16);
	feed_alloc(tr, &w, BASE + 16, 2, 0, 4);
	feed_alloc(tr, &w, BASE + 20, 2, 0, 4);
	track_end(tr, BASE);
	track_end(tr, BASE + 16);
	track_snapshot(tr, 4000, 0, &s);
	assert_int_equal(account(&s, 1, 0x10, 16)->young, 0);
	assert_int_equal(account(&s, 2, 0, 16)->young, 0);
	assert_int_equal(account(&s, 2, 0, 0)->young, 0);
	assert_int_equal(s.loss.unsized, 2);
	track_snapshot_fini(&s);
	track_free(tr);
}

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* Many of everything.  Only the sanitizers count bytes; tables while they grow: test_table.c. */
static void test_memory(void **state)
{
	enum { MAX = 4 << 20 };
	struct world w;
	struct track *tr;
	size_t before = 0;

	if (__sanitizer_get_current_allocated_bytes)
		before = __sanitizer_get_current_allocated_bytes();
	tr = new_small_track(&w, MAX);
	for (uint64_t i = 1; i < 100000; i++) {
		feed_stack(tr, i, 90);
		feed_alloc(tr, &w, BASE + i * 16, i, i, 16);
		feed_alloc(tr, &w, BASE + i * 16 + 8, i, 0, 1);
		feed_go(tr, i, i, 1500);
	}
	if (before)
		assert_in_range(__sanitizer_get_current_allocated_bytes() - before, MAX / 3, MAX);
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
	track_snapshot(tr, 3000, 0, &s);
	assert_int_equal(account(&s, 1, 0, 16)->live, 2);
	assert_int_equal(account(&s, 1, 0, 16)->shared, 1);
	assert_int_equal(account(&s, 1, 0, 0)->live, 1);
	assert_int_equal(account(&s, 1, 0, 0)->shared, 1);
	track_snapshot_fini(&s);

	feed_alloc(tr, &w, BASE, 1, 0, 8);		/* block 0 was free again, unseen */
	track_snapshot(tr, 3000, 0, &s);
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
	track_snapshot(tr, 3000, 0, &s);
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
	track_snapshot(tr, 3000, 0, &s);
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
	track_snapshot(tr, 3000, 0, &s);
	assert_int_equal(s.n_started, 2);
	assert_int_equal(s.started[0].goid, 20);
	assert_int_equal(s.started[1].goid, 25);
	assert_int_equal(s.stacks[s.started[0].stack].started, 2);
	assert_int_equal(s.stacks[s.started[0].stack].ended, 1);
	assert_int_equal(s.stacks[s.started[0].stack].n_pcs, 3);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* A g that starts another goroutine has ended the one before, seen or not, held or not. */
static void test_g_again(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_stack(tr, 5, 3);
	feed_go(tr, 20, 5, 1500);
	feed_go_on(tr, g_of(20), 21, 5, 1501);
	track_hold_ended(tr);
	feed_go_on(tr, g_of(20), 22, 5, 1502);
	track_snapshot(tr, 2000, 0, &s);
	assert_int_equal(s.n_started, 2);
	assert_int_equal(s.started[0].goid, 21);
	assert_true(s.started[0].ended);
	assert_int_equal(s.started[1].goid, 22);
	assert_false(s.started[1].ended);
	assert_int_equal(s.stacks[s.started[1].stack].started, 3);
	assert_int_equal(s.stacks[s.started[1].stack].ended, 2);
	track_snapshot_fini(&s);
	feed_goend(tr, 20);		/* of its g, on which 22 runs */
	track_snapshot(tr, 2100, 0, &s);
	assert_int_equal(s.n_started, 0);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* What ends while it is held is known until the next snapshot, with the stack that started it. */
static void test_hold_ended(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_stack(tr, 5, 3);
	feed_go(tr, 20, 5, 1500);
	feed_go(tr, 21, 5, 1501);
	feed_goend(tr, 20);
	track_hold_ended(tr);
	feed_goend(tr, 21);
	feed_goend(tr, 21);		/* a second end is none */
	feed_go(tr, 22, 5, 1600);
	feed_goend(tr, 22);
	feed_go(tr, 23, 5, 1700);
	track_snapshot(tr, 2000, 0, &s);
	assert_int_equal(s.n_started, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(s.started[i].goid, 21 + i);
		assert_int_equal(s.started[i].ended, i < 2);
		assert_int_equal(s.stacks[s.started[i].stack].id, 5);
	}
	assert_int_equal(s.stacks[s.started[0].stack].started, 4);
	assert_int_equal(s.stacks[s.started[0].stack].ended, 3);
	track_snapshot_fini(&s);
	feed_goend(tr, 23);
	track_snapshot(tr, 2100, 0, &s);	/* nobody asked to hold anything since */
	assert_int_equal(s.n_started, 0);
	track_snapshot_fini(&s);
	track_free(tr);
}

/* Who is not in the table has ended, unless it started after the table was read. */
static void test_running(void **state)
{
	const uint64_t goids[] = { 20, 22, 99 };
	struct world w;
	struct track *tr = new_track(&w);
	struct track_snapshot s;

	feed_stack(tr, 5, 3);
	for (uint64_t goid = 20; goid < 24; goid++)
		feed_go(tr, goid, 5, (1500 + goid) * 1000000);
	track_running(tr, goids, ARRAY_SIZE(goids), 1523000000);
	track_snapshot(tr, 2000, 0, &s);
	assert_int_equal(s.n_started, 3);
	assert_int_equal(s.started[0].goid, 20);
	assert_int_equal(s.started[1].goid, 22);
	assert_int_equal(s.started[2].goid, 23);
	assert_int_equal(s.stacks[s.started[0].stack].ended, 1);
	track_snapshot_fini(&s);
	feed_goend(tr, 21);		/* it is not known any more */
	track_running(tr, NULL, 0, 3000000000);
	track_snapshot(tr, 2100, 0, &s);
	assert_int_equal(s.n_started, 0);
	track_snapshot_fini(&s);
	track_free(tr);
}

static void mark(struct world *w, uint64_t addr, bool marked)
{
	w->marked[(addr - BASE) / SLOT_BYTES] = marked;
}

/* What a look finds is told once; its end, too, whether a look or a successor shows it; garbage
 * that no look found is not. */
static void test_births_and_deaths(void **state)
{
	struct world w;
	struct track *tr = new_track(&w);

	feed_stack(tr, 5, 3);
	for (uint64_t i = 0; i < 4; i++)
		feed_alloc(tr, &w, BASE + 64 * i, 5, 7, 64);
	for (uint64_t i = 0; i < 3; i++)
		mark(&w, BASE + 64 * i, true);
	w.gen = 6;
	assert_int_equal(track_look(tr, 3000), 0);
	assert_int_equal(w.flow.n_born, 3);
	assert_int_equal(w.flow.n_died, 0);
	assert_int_equal(w.flow.birth_ns, 2000);
	mark(&w, BASE, false);
	w.gen = 8;
	assert_int_equal(track_look(tr, 4000), 0);
	assert_int_equal(w.flow.n_born, 3);
	assert_int_equal(w.flow.n_died, 1);
	feed_alloc(tr, &w, BASE + 64, 5, 7, 64);	/* where another lived */
	assert_int_equal(w.flow.n_died, 2);
	assert_true(w.flow.live == 1);
	assert_int_equal(w.flow.n_thinned, 0);
	track_free(tr);
}

/* Seen by a chance of 1 in 10, 2,000 of them are told as 20,000, and nothing is left when all have
 * died, though by then it is known that they stood for twice as many. */
static void test_births_weighed(void **state)
{
	enum { N = 2000 };
	uint64_t allocs[STRATA_CLASSES] = { [0] = 40000 };
	struct world w;
	struct track *tr = new_track(&w);

	feed_stack(tr, 5, 3);
	for (uint64_t i = 0; i < N; i++) {
		struct gl_alloc a = { .h = { .kind = GL_REC_ALLOC, .len = sizeof(a) },
				      .addr = BASE + 64 * i, .stack = 5, .typ = 7, .size = 64,
				      .gen = w.gen, .chance = UINT32_MAX / 10 };

		track_alloc(tr, &a, 64, false, 2000);
		mark(&w, a.addr, true);
	}
	w.gen = 6;
	assert_int_equal(track_look(tr, 3000), 0);
	assert_int_equal(w.flow.n_born, N);
	assert_true(fabs(w.flow.live / (10 * N) - 1) < .005);
	track_stratum(tr, allocs, 1, false);
	memset(w.marked, 0, sizeof(w.marked));
	w.gen = 8;
	assert_int_equal(track_look(tr, 4000), 0);
	assert_int_equal(w.flow.n_died, N);
	assert_true(fabs(w.flow.live) < 1e-6);
	track_free(tr);
}

/* Where fewer are followed nobody dies of it: what is left is told anew, for as many. */
static void test_births_thinned(void **state)
{
	enum { N = 20000 };
	struct world w;
	struct track *tr = new_small_track(&w, 1 << 20);
	uint64_t i = 0;

	feed_stack(tr, 5, 3);
	for (; i < N / 4; i++) {
		feed_alloc(tr, &w, BASE + 64 * i, 5, 7, 64);
		mark(&w, BASE + 64 * i, true);
	}
	w.gen = 6;
	assert_int_equal(track_look(tr, 3000), 0);
	assert_int_equal(w.flow.n_born, N / 4);
	for (; i < N; i++)
		feed_alloc(tr, &w, BASE + 64 * i, 5, 7, 64);
	assert_true(w.flow.n_thinned > 0);
	assert_int_equal(w.flow.n_died, 0);
	assert_true(w.flow.n_born < N / 4);
	assert_true(fabs(w.flow.live / (N / 4) - 1) < .1);
	track_free(tr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_and_dead), cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_too_young), cmocka_unit_test(test_doubtful),
		cmocka_unit_test(test_not_doubtful), cmocka_unit_test(test_doubt_unknown),
		cmocka_unit_test(test_doubt_overtaken), cmocka_unit_test(test_doubt_unplaced),
		cmocka_unit_test(test_doubt_bound), cmocka_unit_test(test_doubt_unseen),
		cmocka_unit_test(test_doubt_seen_again), cmocka_unit_test(test_replaced),
		 cmocka_unit_test(test_chance),
		cmocka_unit_test(test_strata), cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_before_the_first_window),
		cmocka_unit_test(test_gone), cmocka_unit_test(test_unchosen),
		cmocka_unit_test(test_variance), cmocka_unit_test(test_variance_of_windows),
		cmocka_unit_test(test_old),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_full), cmocka_unit_test(test_fair),
		cmocka_unit_test(test_many_large), cmocka_unit_test(test_recycled),
		cmocka_unit_test(test_slot_sizes), cmocka_unit_test(test_unsized),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_tiny), cmocka_unit_test(test_tiny_reuse),
		cmocka_unit_test(test_tiny_alone), cmocka_unit_test(test_goroutines),
		cmocka_unit_test(test_g_again), cmocka_unit_test(test_hold_ended),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_births_and_deaths), cmocka_unit_test(test_births_weighed),
		cmocka_unit_test(test_births_thinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
