// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_profile.c - profile.h on buckets made by hand in this process.
 *
 * The target is this process, with a hook before each read.  Records are laid out as up to Go 1.26
 * or as in 1.27.
 */
#include "user/gomem/profile.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/gomem.h"
#include "user/target.h"

enum { N = 40, BIAS = 0x1000, STACK = 34, MIB = 1 << 20 };

struct old_cycle { uint64_t allocs, frees, alloc_bytes, free_bytes; };
struct new_cycle { uint64_t allocs, frees; };

struct bucket {			/* the header, the stack and the record behind each other */
	uint64_t next, allnext, typ, hash, size, nstk;
	uint64_t words[STACK + 16];
};

static struct world {
	uint32_t sweepgen;
	uint64_t arenas;
	uint64_t mbuckets, rate;
	struct bucket b[N];
} w;

static struct go_layout lo;
static struct gomem *gm;
static size_t cycle_words;	/* of a record */
static void (*hook)(uint64_t addr);
static size_t n_reads;

/* ---- the neighbours -------------------------------------------------------------------------- */

struct target { int unused; };
static struct target target;

pid_t target_pid(const struct target *t)
{
	return getpid();
}

const char *target_gone(const struct target *t)
{
	return NULL;
}

int target_say_unreadable(const struct target *t, int err)
{
	return err;
}

int target_read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };

	n_reads++;
	if (hook)
		hook(addr);
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

size_t target_read_many(const struct target *t, struct target_read *reads, size_t n)
{
	size_t ok = 0;

	for (size_t i = 0; i < n; i++) {
		reads[i].ok = !target_read(t, reads[i].addr, reads[i].buf, reads[i].len);
		ok += reads[i].ok;
	}
	return ok;
}

/* ---- the world ------------------------------------------------------------------------------- */

static uint64_t vaddr(const void *p)
{
	return (uint64_t)(uintptr_t)p - BIAS;
}

/* cycle 0: published; 1 to 3: not yet. */
static uint64_t *cycle(struct bucket *b, size_t i)
{
	return b->words + b->nstk + i * cycle_words;
}

static void set_counts(size_t i, size_t c, uint64_t allocs, uint64_t frees)
{
	cycle(&w.b[i], c)[0] = allocs;
	cycle(&w.b[i], c)[1] = frees;
}

/* Puts bucket i, of which nothing is known yet, in front of the list. */
static void add(size_t i, uint64_t size, size_t nstk)
{
	struct bucket *b = &w.b[i];

	*b = (struct bucket){ .allnext = w.mbuckets, .typ = 1, .size = size, .nstk = nstk };
	for (size_t k = 0; k < nstk; k++)
		b->words[k] = BIAS + 1000 * (i + 1) + k;
	w.mbuckets = (uint64_t)(uintptr_t)b;
}

static void make(bool bytes_too)
{
	/* what the check of gomem_open() asks for, and no more */
	struct { uint64_t words[20]; } *span = NULL;

	memset(&lo, 0, sizeof(lo));
	memset(&w, 0, sizeof(w));
	lo.mspan_size = sizeof(*span);
	lo.mspan_startaddr = lo.mspan_npages = lo.mspan_limit = lo.mspan_elemsize = 0;
	lo.mspan_freeindex = 8;
	lo.mspan_nelems = 16;
	lo.g_size = 200;
	w.sweepgen = 4;
	w.arenas = 1 << 20;
	w.rate = 1;
	lo.sweepgen = vaddr(&w.sweepgen);
	lo.arenas = vaddr(&w.arenas);
	lo.mheap = lo.allglen = lo.allgptr = 1;
	lo.mbuckets = vaddr(&w.mbuckets);
	lo.memprofilerate = vaddr(&w.rate);
	lo.bucket_allnext = offsetof(struct bucket, allnext);
	lo.bucket_typ = offsetof(struct bucket, typ);
	lo.bucket_objectsize = offsetof(struct bucket, size);
	lo.bucket_nstk = offsetof(struct bucket, nstk);
	lo.bucket_size = offsetof(struct bucket, words);
	cycle_words = (bytes_too ? sizeof(struct old_cycle) : sizeof(struct new_cycle)) / 8;
	lo.memrecordcycle_size = (int32_t)(8 * cycle_words);
	lo.memrecordcycle_allocs = 0;
	lo.memrecordcycle_frees = 8;
	lo.memrecord_active = 0;
	lo.memrecord_future = lo.memrecordcycle_size;
	lo.memrecord_size = 4 * lo.memrecordcycle_size;
	hook = NULL;
	n_reads = 0;
	assert_int_equal(gomem_open(&gm, &target, NULL, &lo, BIAS), 0);
}

static int setup_old(void **state)
{
	make(true);
	return 0;
}

static int setup_new(void **state)
{
	make(false);
	return 0;
}

static int teardown(void **state)
{
	gomem_close(gm);
	return 0;
}

static struct profile_reader *reader(size_t max_bytes)
{
	const struct profile_limits limits = { .max_bytes = max_bytes };

	return profile_open(gm, &limits);
}

static void assert_bucket(const struct profile *p, size_t i, uint64_t size, uint64_t allocs,
			  uint64_t frees, uint64_t new_allocs, uint64_t new_frees)
{
	assert_true(i < p->n);
	assert_int_equal(p->v[i].size, size);
	assert_int_equal(p->v[i].allocs, allocs);
	assert_int_equal(p->v[i].frees, frees);
	assert_int_equal(p->v[i].new_allocs, new_allocs);
	assert_int_equal(p->v[i].new_frees, new_frees);
}

static void assert_refused(int err)
{
	struct profile_reader *r = reader(MIB);
	const struct profile *p;

	assert_int_equal(profile_look(r, &p), err);
	profile_close(r);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_looks(void **state)
{
	struct profile_reader *r = reader(MIB);
	const struct profile *p;
	uint64_t rate;

	w.rate = 512 << 10;
	assert_int_equal(profile_rate(gm, &rate), 0);
	assert_int_equal(rate, 512 << 10);
	add(0, 64, 3);
	add(1, 48, 0);
	set_counts(0, 0, 10, 4);
	set_counts(0, 1, 1, 0);
	set_counts(0, 2, 2, 1);
	set_counts(0, 3, 4, 2);
	set_counts(1, 0, 7, 7);
	assert_int_equal(profile_look(r, &p), 0);
	assert_int_equal(p->rate, 512 << 10);
	assert_int_equal(p->n, 2);
	assert_true(p->settled);
	assert_bucket(p, 0, 64, 10, 4, 7, 3);
	assert_bucket(p, 1, 48, 7, 7, 0, 0);
	assert_int_equal(p->v[0].n_pcs, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(p->pcs[p->v[0].first_pc + i], 1000 + i);
	assert_int_equal(p->v[1].n_pcs, 0);

	/* what is new comes behind what was there; that has other counts */
	add(2, 16, STACK);
	set_counts(2, 3, 5, 0);
	set_counts(0, 0, 11, 4);
	n_reads = 0;
	assert_int_equal(profile_look(r, &p), 0);
	assert_int_equal(p->n, 3);
	assert_bucket(p, 0, 64, 11, 4, 7, 3);
	assert_bucket(p, 2, 16, 0, 0, 5, 0);
	assert_int_equal(p->pcs[p->v[2].first_pc + STACK - 1], 3000 + STACK - 1);
	assert_true(n_reads < 20);
	profile_close(r);
}

/* MemProfile publishes everything where no collection has published anything. */
static void test_before_first_collection(void **state)
{
	struct profile_reader *r = reader(MIB);
	const struct profile *p;

	add(0, 64, 1);
	add(1, 32, 1);
	set_counts(0, 1, 3, 0);
	set_counts(1, 3, 4, 1);
	assert_int_equal(profile_look(r, &p), 0);
	assert_bucket(p, 0, 64, 3, 0, 0, 0);
	assert_bucket(p, 1, 32, 4, 1, 0, 0);
	set_counts(0, 0, 3, 1);
	set_counts(0, 1, 0, 0);
	assert_int_equal(profile_look(r, &p), 0);
	assert_bucket(p, 0, 64, 3, 1, 0, 0);
	assert_bucket(p, 1, 32, 0, 0, 4, 1);
	profile_close(r);
}

static void test_off(void **state)
{
	uint64_t rate;

	add(0, 64, 1);
	w.rate = 0;
	assert_int_equal(profile_rate(gm, &rate), 0);
	assert_int_equal(rate, 0);
	assert_refused(-ENOENT);
	w.rate = (uint64_t)-1;
	assert_int_equal(profile_rate(gm, &rate), 0);
	assert_int_equal(rate, 0);
	w.rate = 1;
	lo.mbuckets = 0;
	assert_int_equal(profile_rate(gm, &rate), -ENOENT);
	assert_refused(-ENOENT);
}

/* Each entry but the first leads on, to the one before; the first to that one. */
static void test_cycles(void **state)
{
	for (size_t length = 1; length <= N; length++) {
		for (size_t back = 0; back < length; back++) {
			w.mbuckets = 0;
			for (size_t i = 0; i < length; i++)
				add(i, 16, 1);
			w.b[0].allnext = (uint64_t)(uintptr_t)&w.b[back];
			assert_refused(-EBADMSG);
		}
	}
}

static void test_hostile(void **state)
{
	add(0, 64, 1);
	add(1, 64, 2);
	w.b[0].typ = 2;
	assert_refused(-EBADMSG);
	w.b[0].typ = 1;
	w.b[0].nstk = MAX_PROFILE_STACK + 1;
	assert_refused(-EBADMSG);
	w.b[0].nstk = UINT64_MAX / 8;
	assert_refused(-EBADMSG);
	w.b[0].nstk = 1;
	w.b[0].size = 1ull << 47;
	assert_refused(-EBADMSG);
	w.b[0].size = 64;
	w.b[1].allnext = (uint64_t)(uintptr_t)&w.b[0] + 4;
	assert_refused(-EBADMSG);
	w.b[1].allnext = 1ull << 46;
	assert_refused(-EFAULT);
	w.b[1].allnext = (uint64_t)(uintptr_t)&w.b[0];
	lo.memrecord_future = 1 << 20;
	assert_refused(-ENOENT);
	lo.memrecord_future = lo.memrecordcycle_size;
	lo.bucket_size = 1 << 20;
	assert_refused(-ENOENT);
	lo.bucket_size = -1;
	assert_refused(-ENOENT);
}

/* A list that could not be read whole is read on at the next look. */
static void test_again(void **state)
{
	struct profile_reader *r = reader(MIB);
	const struct profile *p;

	for (size_t i = 0; i < N; i++)
		add(i, 16 + i, i % 5);
	w.b[10].typ = 3;
	assert_int_equal(profile_look(r, &p), -EBADMSG);
	w.b[10].typ = 1;
	assert_int_equal(profile_look(r, &p), 0);
	assert_int_equal(p->n, N);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(p->v[i].size, 16 + i);
		assert_int_equal(p->v[i].n_pcs, i % 5);
		for (size_t k = 0; k < i % 5; k++)
			assert_int_equal(p->pcs[p->v[i].first_pc + k], 1000 * (i + 1) + k);
	}
	profile_close(r);
}

static void test_room(void **state)
{
	struct profile_reader *r = reader(10 * (sizeof(struct profile_bucket) + 8 + 4 * 8));
	const struct profile *p;

	for (size_t i = 0; i < N; i++)
		add(i, 16 + i, 4);
	assert_int_equal(profile_look(r, &p), 0);
	assert_int_equal(p->n, 10);
	assert_int_equal(p->n_left_out, N - 10);
	assert_int_equal(p->v[9].size, 25);
	assert_int_equal(profile_look(r, &p), 0);
	assert_int_equal(p->n_left_out, N - 10);
	profile_close(r);
}

/* A collection publishes: some buckets have it, others not yet. */
static size_t published;

static void publish_next(uint64_t addr)
{
	if (published < N && addr == (uint64_t)(uintptr_t)w.b[N - 1].words + 8) {
		uint64_t *from = cycle(&w.b[published], 1), *to = cycle(&w.b[published], 0);

		to[0] += from[0];
		from[0] = 0;
		published += N / 2;
	}
}

static void test_published_meanwhile(void **state)
{
	struct profile_reader *r = reader(MIB);
	const struct profile *p;

	for (size_t i = 0; i < N; i++) {
		add(i, 16, 1);
		set_counts(i, 0, 1, 0);
		set_counts(i, 1, 1, 0);
	}
	published = 0;
	hook = publish_next;
	assert_int_equal(profile_look(r, &p), 0);
	assert_int_equal(published, N);
	assert_true(p->settled);
	assert_bucket(p, 0, 16, 2, 0, 0, 0);
	assert_bucket(p, N / 2, 16, 2, 0, 0, 0);
	assert_bucket(p, 1, 16, 1, 0, 1, 0);
	profile_close(r);
}

static void publish_always(uint64_t addr)
{
	if (addr == (uint64_t)(uintptr_t)w.b[0].words + 8)
		cycle(&w.b[0], 0)[0]++;
}

static void test_never_settled(void **state)
{
	struct profile_reader *r = reader(MIB);
	const struct profile *p;

	add(0, 16, 1);
	hook = publish_always;
	assert_int_equal(profile_look(r, &p), 0);
	assert_false(p->settled);
	profile_close(r);
}

static bool yes(void *ctx)
{
	return true;
}

static void test_interrupted(void **state)
{
	const struct profile_limits limits = { .max_bytes = MIB, .interrupted = yes };
	struct profile_reader *r = profile_open(gm, &limits);
	const struct profile *p;

	add(0, 16, 1);
	assert_int_equal(profile_look(r, &p), -EINTR);
	profile_close(r);
}

/* By the formula of runtime/pprof: 1 - exp(-size / rate). */
static void test_chance(void **state)
{
	static const struct { uint64_t rate, size; double chance; } rows[] = {
		{ 1, 48, 1 }, { 0, 48, 1 }, { 512 << 10, 0, 1 },
		{ 512 << 10, 512 << 10, 0.63212055882855767 },
		{ 512 << 10, 16, 3.051711246844961e-05 },
		{ 512 << 10, 1 << 20, 0.86466471676338730 },
		{ 512 << 10, 1 << 30, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		double chance = profile_chance(rows[i].rate, rows[i].size);

		assert_true(fabs(chance - rows[i].chance) < 1e-12 * rows[i].chance);
	}
}

#define BOTH(f) \
	cmocka_unit_test_setup_teardown(f, setup_old, teardown), \
	cmocka_unit_test_setup_teardown(f, setup_new, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_looks), BOTH(test_before_first_collection), BOTH(test_off),
		BOTH(test_cycles), BOTH(test_hostile), BOTH(test_again), BOTH(test_room),
		BOTH(test_published_meanwhile), BOTH(test_never_settled), BOTH(test_interrupted),
		cmocka_unit_test(test_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
