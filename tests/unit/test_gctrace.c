// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_gctrace.c - gctrace.h on a runtime made by hand in this process, with a hook before each
 * read.
 */
#include "user/gomem/gctrace.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/gomem.h"
#include "user/model.h"
#include "user/target.h"

enum { BIAS = 0x1000, RING = 256 };
#define WALL 1700000000000000000

static struct world {
	uint32_t sweepgen;
	uint64_t arenas;
	struct {
		uint64_t pause_ns[RING], pause_end[RING], last;
		uint32_t numgc, numforcedgc;
	} mstats;
	struct {
		uint64_t sweep_term, mark, mark_term, end, heap0, heap1, heap2;
		uint32_t cycles;
		bool user_forced;
	} work;
} w;

static struct go_layout lo;
static struct gomem *gm;
static struct gctrace *trace;
static struct gc_cycle seen[GCTRACE_MOST];
static uint64_t n_missed, next_gc;
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

int gomem_memstats(struct gomem *m, struct go_memstats *out)
{
	*out = (struct go_memstats){ .num_gc = w.mstats.numgc, .next_gc = next_gc };
	return 0;
}

/* ---- the runtime ----------------------------------------------------------------------------- */

static uint64_t vaddr(const void *p)
{
	return (uint64_t)(uintptr_t)p - BIAS;
}

/* As gcStart. */
static void begin(uint64_t heap, bool forced)
{
	w.work.user_forced = forced;
	w.work.heap0 = heap;
	w.work.sweep_term = w.work.end + 1000;
	w.work.cycles++;
	w.work.mark = w.work.sweep_term + 10;
}

/* As gcMarkTermination. */
static void end(uint64_t live)
{
	uint32_t i = w.mstats.numgc % RING;

	w.work.mark_term = w.work.mark + 5000;
	w.work.heap1 = w.work.heap0 + 1;
	w.work.heap2 = live;
	w.work.end = w.work.mark_term + 20;
	w.mstats.last = w.work.end;
	w.mstats.pause_ns[i] = 30 + w.mstats.numgc;
	w.mstats.pause_end[i] = WALL + w.work.end;
	w.mstats.numforcedgc += w.work.user_forced;
	w.mstats.numgc++;
}

static void collect(size_t n, bool forced)
{
	for (size_t i = 0; i < n; i++) {
		begin(1000000, forced);
		end(500000);
	}
}

static int setup(void **state)
{
	memset(&lo, 0, sizeof(lo));
	memset(&w, 0, sizeof(w));
	lo.mspan_size = 160;
	lo.mspan_freeindex = 8;
	lo.mspan_nelems = 16;
	lo.g_size = 200;
	lo.mheap = lo.allglen = lo.allgptr = 1;
	w.sweepgen = 4;
	w.arenas = 1 << 20;
	lo.sweepgen = vaddr(&w.sweepgen);
	lo.arenas = vaddr(&w.arenas);
	lo.memstats = vaddr(&w.mstats);
	lo.work = vaddr(&w.work);
#define AT(strukt, member) \
	(int32_t)((uintptr_t)&w.strukt.member - (uintptr_t)&w.strukt)
	lo.mstats_pause_ns = AT(mstats, pause_ns);
	lo.mstats_pause_end = AT(mstats, pause_end);
	lo.mstats_last_gc_nanotime = AT(mstats, last);
	lo.mstats_numgc = AT(mstats, numgc);
	lo.mstats_numforcedgc = AT(mstats, numforcedgc);
	lo.work_tsweepterm = AT(work, sweep_term);
	lo.work_tmark = AT(work, mark);
	lo.work_tmarkterm = AT(work, mark_term);
	lo.work_tend = AT(work, end);
	lo.work_heap0 = AT(work, heap0);
	lo.work_heap1 = AT(work, heap1);
	lo.work_heap2 = AT(work, heap2);
	lo.work_cycles = AT(work, cycles);
	lo.work_userforced = AT(work, user_forced);
	next_gc = 4000000;
	hook = NULL;
	assert_int_equal(gomem_open(&gm, &target, NULL, &lo, BIAS), 0);
	trace = gctrace_open(gm);
	return 0;
}

static int teardown(void **state)
{
	gctrace_close(trace);
	gomem_close(gm);
	return 0;
}

static int look(void)
{
	memset(seen, 0, sizeof(seen));
	return gctrace_look(trace, seen, &n_missed);
}

static void assert_unknown(const struct gc_cycle *c)
{
	const uint64_t v[] = { c->begin_ns, c->end_ns, c->heap_begin, c->heap_end, c->live };

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		assert_true(v[i] == UNKNOWN_U64);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_none(void **state)
{
	assert_int_equal(look(), 0);
	assert_int_equal(n_missed, 0);
	n_reads = 0;
	assert_int_equal(look(), 0);
	assert_true(n_reads <= 3);
}

static void test_each(void **state)
{
	assert_int_equal(look(), 0);
	begin(3000000, false);
	assert_int_equal(look(), 0);
	end(2000000);
	assert_int_equal(look(), 1);
	assert_int_equal(seen[0].number, 1);
	assert_int_equal(seen[0].pause_ns, 30);
	assert_int_equal(seen[0].end_unix_ns, WALL + w.work.end);
	assert_int_equal(seen[0].begin_ns, 1000);
	assert_int_equal(seen[0].end_ns, w.work.end);
	assert_int_equal(seen[0].heap_begin, 3000000);
	assert_int_equal(seen[0].heap_end, 3000001);
	assert_int_equal(seen[0].live, 2000000);
	assert_int_equal(seen[0].goal, 4000000);
	assert_int_equal(seen[0].forced, 0);
	next_gc = 5000000;	/* of the one after the next: not yet reckoned at the last look */
	collect(1, true);
	assert_int_equal(look(), 1);
	assert_int_equal(seen[0].number, 2);
	assert_int_equal(seen[0].goal, 4000000);
	assert_int_equal(seen[0].forced, 1);
	collect(1, false);
	assert_int_equal(look(), 1);
	assert_int_equal(seen[0].goal, 5000000);
	assert_int_equal(look(), 0);
}

static void test_many(void **state)
{
	collect(3, true);
	collect(2, false);
	assert_int_equal(look(), 5);
	assert_int_equal(n_missed, 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(seen[i].number, i + 1);
		assert_int_equal(seen[i].pause_ns, 30 + i);
		assert_true(seen[i].goal == UNKNOWN_U64);
		if (i == 4)
			break;
		assert_unknown(&seen[i]);
		assert_int_equal(seen[i].forced, -1);
	}
	assert_int_equal(seen[4].live, 500000);
	assert_int_equal(seen[4].forced, 0);
	collect(4, true);
	assert_int_equal(look(), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen[i].forced, 1);
	collect(4, false);
	assert_int_equal(look(), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen[i].forced, 0);
}

/* More than the ring holds; the oldest entry is not believed. */
static void test_missed(void **state)
{
	collect(1000, false);
	assert_int_equal(look(), GCTRACE_MOST);
	assert_int_equal(n_missed, 1000 - GCTRACE_MOST);
	assert_int_equal(seen[0].number, 1000 - GCTRACE_MOST + 1);
	for (int i = 0; i < GCTRACE_MOST; i++)
		assert_int_equal(seen[i].pause_ns, 30 + seen[i].number - 1);
}

/* numgc is a uint32. */
static void test_wraps(void **state)
{
	w.mstats.numgc = w.work.cycles = UINT32_MAX - 1;
	assert_int_equal(look(), GCTRACE_MOST);
	collect(4, false);
	assert_int_equal(look(), 4);
	assert_int_equal(n_missed, 0);
	assert_int_equal(seen[3].number, 2);
	assert_int_equal(seen[3].live, 500000);
}

/* The next one has begun: what work has is no longer of the last. */
static void test_next_begun(void **state)
{
	collect(1, false);
	begin(9000000, true);
	assert_int_equal(look(), 1);
	assert_unknown(&seen[0]);
	assert_int_equal(seen[0].forced, 0);
	assert_int_equal(seen[0].pause_ns, 30);
	end(1);
	assert_int_equal(look(), 1);
	assert_int_equal(seen[0].heap_begin, 9000000);
}

static uint64_t hooked_at;
static unsigned times;

/* While work is being read. */
static void begin_then(uint64_t addr)
{
	if (addr != hooked_at || !times)
		return;
	times--;
	w.work.heap0 = 9000000 + times;		/* gcStart, before it shows otherwise */
	if (!times)
		begin(9000000, false);
}

static void test_begun_meanwhile(void **state)
{
	collect(1, false);
	hook = begin_then;
	hooked_at = (uint64_t)(uintptr_t)&w.work.heap0;
	times = 2;
	assert_int_equal(look(), 1);
	assert_unknown(&seen[0]);
	assert_int_equal(seen[0].number, 1);
}

static void collect_always(uint64_t addr)
{
	if (addr == (uint64_t)(uintptr_t)&w.work.heap1)
		collect(1, false);
}

static void test_never_still(void **state)
{
	collect(1, false);
	hook = collect_always;
	assert_int_equal(look(), -EAGAIN);
	hook = NULL;
	assert_true(look() > 4);
}

static void test_not_known(void **state)
{
	lo.work = 0;
	assert_int_equal(look(), -ENOENT);
	lo.work = vaddr(&w.work);
	lo.work_heap2 = GL_NO_FIELD;
	assert_int_equal(look(), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_none), TEST(test_each), TEST(test_many), TEST(test_missed),
		TEST(test_wraps), TEST(test_next_begun), TEST(test_begun_meanwhile),
		TEST(test_never_still), TEST(test_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
