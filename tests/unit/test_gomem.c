// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_gomem.c - gomem.h on a runtime made by hand in this process.
 *
 * The spans, goroutines and tables of the runtime are structs of this test, the layout holds their
 * offsets.  The target is this process, with a hook before each read, so that the "program" can do
 * something at the worst moment; the Go binary is a table of five functions.
 */
#include "user/gomem/gomem.h"
#include "user/gomem/gomem_internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/image.h"
#include "user/gomem/census.h"
#include "user/object.h"
#include "user/target.h"

enum {
	PAGE = 8192, N_PAGES = 64, BIAS = 0x10000, GEN = 20, N_GS = 12, WORDS = 600,
	IN_USE = 1, NOSCAN = 1,
};

/* ---- the runtime ----------------------------------------------------------------------------- */

struct span {
	uint64_t start, npages, limit, elemsize;
	uint64_t freeindex_word, nelems_word;	/* as up to Go 1.21 */
	uint16_t freeindex, nelems;		/* as since Go 1.22 */
	uint32_t sweepgen;
	uint64_t allocbits, gcmarkbits;
	uint16_t alloccount, alloccount_before;
	uint8_t spanclass, state;
	uint64_t specials;
	uint64_t alloc[16], mark[16];		/* what the two point to */
};

struct g {
	uint64_t low, high, sp, pc, syscallsp, syscallpc;
	uint64_t goid, waitsince, gopc, startpc;
	uint32_t status;
	uint8_t waitreason;
	uint64_t stack[WORDS];
};

struct delta {
	uint64_t inheap, released, instacks, inworkbufs, tiny, large, n_large, freed, n_freed;
	uint64_t small[68], small_freed[68];
};

struct mcache { uint64_t tiny, alloc[136]; };
struct p { uint64_t mcache; };
struct go_string { const char *p; uint64_t n; };

static struct world {
	uint32_t sweepgen;
	uint64_t arenas;		/* table of arenas; only these two entries of it exist */
	uint64_t arena_ptrs[2];
	uint64_t arena[8192];		/* spans by page */
	uint64_t allspans[2], span_ptrs[N_PAGES];
	struct span spans[N_PAGES], empty;
	size_t n_spans;
	uint64_t allglen, allgptr, gs[N_GS];
	struct g g[N_GS];
	struct go_string reasons[3];
	struct delta heapstats[3];
	uint64_t numgc, stacks_sys, other_sys, heap_sys;
	uint64_t pacer[12];
	uint64_t allp[2], ps[2];
	struct p p[2];
	struct mcache mcache[2];
} w;

static char *heap;	/* N_PAGES pages, in one arena */
static struct go_layout lo;
static struct gomem *gm;
static void (*hook)(uint64_t addr);

/* ---- the neighbours of gomem ----------------------------------------------------------------- */

struct target { int unused; };
static struct target target;

static const char *gone;	/* what target_gone() says */
static int read_error;		/* 0: reads do what they can */
static size_t n_unreadable;	/* calls of target_say_unreadable() */
static size_t n_reads, n_bytes;

pid_t target_pid(const struct target *t)
{
	return getpid();
}

const char *target_gone(const struct target *t)
{
	return gone;
}

int target_say_unreadable(const struct target *t, int err)
{
	n_unreadable++;
	return err;
}

int target_read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)(uintptr_t)addr, len };

	n_reads++;
	n_bytes += len;
	if (read_error)
		return read_error;
	if (hook)
		hook(addr);
	return len && process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != (ssize_t)len ? -EFAULT
											    : 0;
}

static size_t n_places;		/* that were read at once: what lies side by side is one */

size_t target_read_many(const struct target *t, struct target_read *reads, size_t n)
{
	size_t n_ok = 0;

	for (size_t i = 0; i < n; i++) {
		n_places += !i || reads[i].addr != reads[i - 1].addr + reads[i - 1].len;
		reads[i].ok = !target_read(t, reads[i].addr, reads[i].buf, reads[i].len);
		n_ok += reads[i].ok;
	}
	return n_ok;
}

static const struct function {
	const char *name;
	uint64_t entry;
	int32_t frame_size;
} functions[] = {
	{ "runtime.goexit", 0x1000, 0 },
	{ "runtime.gopark", 0x2000, 24 },
	{ "main.f", 0x3000, 40 },
	{ "runtime.bgsweep", 0x4000, 8 },
	{ "runtime.asyncPreempt", 0x5000, 16 },
	{ "runtime.runfinq", 0x6000, 8 },
};
enum { GOEXIT = 0x1001, GOPARK = 0x2010, MAIN_F = 0x3020, PREEMPT = 0x5010, NOWHERE = 0x9000 };

bool gobin_func_at(const struct gobin *gb, uint64_t pc, struct go_func *out)
{
	size_t i = pc / 0x1000 - 1;

	if (i >= ARRAY_SIZE(functions))
		return false;
	*out = (struct go_func){ .name = functions[i].name, .entry = functions[i].entry };
	return true;
}

int32_t gobin_frame_size(const struct gobin *gb, uint64_t pc)
{
	size_t i = pc / 0x1000 - 1;

	/* Nothing is on the stack yet at the entry. */
	return i >= ARRAY_SIZE(functions) ? -1 : pc % 0x1000 ? functions[i].frame_size : 0;
}

/* How often it was asked whether the file has changed; the answer from then on. */
static unsigned n_asked, changes_at;

const struct image *gobin_image(const struct gobin *gb)
{
	return NULL;
}

bool image_changed(const struct image *img)
{
	return changes_at && ++n_asked >= changes_at;
}

void image_defer_checks(const struct image *img, bool defer) {}

static struct go_version version;

const struct go_version *gobin_version(const struct gobin *gb)
{
	return &version;
}

uint64_t golayout_class_size(unsigned size_class)
{
	static const uint16_t sizes[] = { 0, 8, 16, 24, 32, 48, 64, 80, 96, 112 };

	if (size_class < ARRAY_SIZE(sizes))
		return sizes[size_class];
	return size_class == 35 ? 1024 : 1;	/* 1: of no span here */
}

uint64_t golayout_span_objects(unsigned size_class)
{
	return PAGE / golayout_class_size(size_class);
}

static uint64_t vaddr(const void *p)
{
	return (uintptr_t)p - BIAS;
}

static void make_layout(void)
{
	int32_t *fields = (int32_t *)&lo;

	memset(&lo, 0, sizeof(lo));
	for (size_t i = 0; i < offsetof(struct go_layout, mheap) / sizeof(*fields); i++)
		fields[i] = GL_NO_FIELD;
#define SPAN(name, member) lo.mspan_##name = offsetof(struct span, member)
	SPAN(startaddr, start); SPAN(npages, npages); SPAN(limit, limit); SPAN(elemsize, elemsize);
	SPAN(freeindex, freeindex); SPAN(nelems, nelems); SPAN(sweepgen, sweepgen);
	SPAN(allocbits, allocbits); SPAN(gcmarkbits, gcmarkbits); SPAN(alloccount, alloccount);
	SPAN(alloccountbeforecache, alloccount_before); SPAN(spanclass, spanclass);
	SPAN(state, state); SPAN(size, alloc);
#undef SPAN
#define G(name, member) lo.g_##name = offsetof(struct g, member)
	G(stack_lo, low); G(stack_hi, high); G(sched_sp, sp); G(sched_pc, pc);
	G(syscallsp, syscallsp); G(syscallpc, syscallpc); G(goid, goid); G(waitsince, waitsince);
	G(gopc, gopc); G(startpc, startpc);
	G(atomicstatus, status); G(waitreason, waitreason); G(size, stack);
#undef G
#define DELTA(name, member) lo.heapstats_##name = offsetof(struct delta, member)
	DELTA(inheap, inheap); DELTA(released, released); DELTA(instacks, instacks);
	DELTA(inworkbufs, inworkbufs); DELTA(tinyalloccount, tiny); DELTA(largealloc, large);
	DELTA(largealloccount, n_large); DELTA(largefree, freed); DELTA(largefreecount, n_freed);
	DELTA(smallalloccount, small); DELTA(smallfreecount, small_freed);
#undef DELTA
	lo.heapstats_size = sizeof(struct delta);
	lo.mstats_heapstats = 0;
	lo.mstats_numgc = offsetof(struct world, numgc) - offsetof(struct world, heapstats);
	lo.mstats_stacks_sys = lo.mstats_numgc + 8;
	lo.mstats_other_sys = lo.mstats_numgc + 16;
	lo.heaparena_spans = 0;
	lo.mheap_allspans = 0;
	lo.p_mcache = 0;
	lo.mcache_tinyallocs = 0;
	lo.mcache_alloc = offsetof(struct mcache, alloc);
	lo.gccontroller_heapinuse = 0;
	lo.gccontroller_heapfree = 8;
	lo.gccontroller_heapreleased = 16;
	lo.gccontroller_gcpercentheapgoal = 24;
	lo.gccontroller_sweepdistmintrigger = 32;
	lo.gccontroller_triggered = 40;
	lo.gccontroller_heapmarked = 48;
	lo.mheap = vaddr(w.allspans);
	lo.arenas = vaddr(&w.arenas);
	lo.sweepgen = vaddr(&w.sweepgen);
	lo.allglen = vaddr(&w.allglen);
	lo.allgptr = vaddr(&w.allgptr);
	lo.allp = vaddr(w.allp);
	lo.memstats_heapstats = vaddr(w.heapstats);
	lo.gccontroller = vaddr(w.pacer);
	lo.waitreasonstrings = vaddr(w.reasons);
	lo.malloc_header = true;
}

static int setup(void **state)
{
	enum { REGION = 2 << 20 };	/* the arena's size is a multiple, so it is not crossed */
	char *mem = mmap(NULL, 2 * REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	heap = mem + REGION - (uintptr_t)mem % REGION;
	memset(&w, 0, sizeof(w));
	hook = NULL;
	gone = NULL;
	version = (struct go_version){ .minor = 22 };
	w.sweepgen = GEN;
	w.arena_ptrs[0] = (uintptr_t)w.arena;
	w.arenas = (uintptr_t)w.arena_ptrs - 8 * (((uintptr_t)heap + (1ull << 47)) >> 26);
	w.allspans[0] = (uintptr_t)w.span_ptrs;
	w.allgptr = (uintptr_t)w.gs;
	w.reasons[1] = (struct go_string){ "chan receiveXXX", 12 };
	w.reasons[2] = (struct go_string){ "\x01", 1 };
	make_layout();
	assert_int_equal(gomem_open(&gm, &target, NULL, &lo, BIAS), 0);
	*state = mem;
	return 0;
}

static int teardown(void **state)
{
	gomem_close(gm);
	return munmap(*state, 4 << 20);
}

/* ---- does it live? --------------------------------------------------------------------------- */

/* A span at page; size_class 0: a large object. */
static struct span *add_span(size_t page, uint64_t npages, uint64_t elemsize, uint8_t spanclass,
			     uint32_t sweepgen)
{
	struct span *s = &w.spans[w.n_spans];

	*s = (struct span){
		.start = (uintptr_t)heap + page * PAGE, .npages = npages, .elemsize = elemsize,
		.nelems = (uint16_t)(npages * PAGE / elemsize), .sweepgen = sweepgen,
		.spanclass = spanclass, .state = IN_USE,
	};
	s->nelems_word = s->nelems;
	s->limit = s->start + s->nelems * elemsize;
	s->allocbits = (uintptr_t)s->alloc;
	s->gcmarkbits = (uintptr_t)s->mark;
	w.span_ptrs[w.n_spans++] = (uintptr_t)s;
	w.allspans[1] = w.n_spans;
	for (size_t i = 0; i < npages; i++)
		w.arena[(s->start >> 13) % 8192 + i] = (uintptr_t)s;
	return s;
}

static void set_bit(uint64_t *bits, size_t i)
{
	((uint8_t *)bits)[i / 8] |= (uint8_t)(1 << i % 8);
}

static enum liveness life(uint64_t addr, uint64_t size, uint32_t born)
{
	struct object o = { .addr = addr, .size = size, .gen = born, .liveness = 99, .index = 7 };
	uint32_t gen = 0;

	assert_int_equal(gomem_alive(gm, &o, 1, &gen), 0);
	assert_true(gen == GEN || hook);
	assert_int_equal(o.index, 7);
	return o.liveness;
}

/* Element i of a span of 48-byte objects. */
static enum liveness life_at(const struct span *s, size_t i)
{
	return life(s->start + i * s->elemsize, s->elemsize, GEN - 2);
}

static void test_unswept_and_swept(void **state)
{
	static const struct { uint32_t sweepgen; bool swept; } rows[] = {
		{ GEN - 2, false }, { GEN + 1, false }, { GEN, true }, { GEN + 3, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct span *s = add_span(i, 1, 48, 5 << 1, rows[i].sweepgen);

		set_bit(s->mark, 9);
		set_bit(s->alloc, 100);
		assert_int_equal(life_at(s, 9), rows[i].swept ? LIVENESS_DEAD : LIVENESS_LIVE);
		assert_int_equal(life_at(s, 100), rows[i].swept ? LIVENESS_LIVE : LIVENESS_DEAD);
		assert_int_equal(life_at(s, 8), LIVENESS_DEAD);
		assert_int_equal(life(s->start + 9 * 48, 48, GEN), LIVENESS_TOO_YOUNG);
		assert_int_equal(life(s->start + 9 * 48, 48, GEN + 2), LIVENESS_TOO_YOUNG);
	}
	assert_int_equal(life_at(add_span(5, 1, 48, 5 << 1, GEN - 1), 9), LIVENESS_UNKNOWN);
}

static void test_other_span_now(void **state)
{
	struct span *s = add_span(0, 1, 48, 5 << 1, GEN);

	memset(s->alloc, 0xff, sizeof(s->alloc));
	assert_int_equal(life(s->start + 48, 48, GEN - 2), LIVENESS_LIVE);
	/* Inside of an object, of another size, in the waste at the end. */
	assert_int_equal(life(s->start + 50, 48, GEN - 2), LIVENESS_DEAD);
	assert_int_equal(life(s->start + 48, 64, GEN - 2), LIVENESS_DEAD);
	assert_int_equal(life(s->start + 170 * 48, 48, GEN - 2), LIVENESS_DEAD);
	s->state = 2;
	assert_int_equal(life(s->start + 48, 48, GEN - 2), LIVENESS_DEAD);	/* a stack now */
	s->state = 0;
	assert_int_equal(life(s->start + 48, 48, GEN - 2), LIVENESS_DEAD);
	assert_int_equal(life(s->start + 48, 48, GEN), LIVENESS_TOO_YOUNG);
	/* No span there, no arena there. */
	assert_int_equal(life(s->start + PAGE, 48, GEN - 2), LIVENESS_DEAD);
	assert_int_equal(life(s->start + (64 << 20), 48, GEN - 2), LIVENESS_DEAD);
	s->state = IN_USE;
	s->start += PAGE;	/* the mspan serves another place */
	s->limit += PAGE;
	assert_int_equal(life(s->start - PAGE + 48, 48, GEN - 2), LIVENESS_DEAD);
	s->nelems = 9999;	/* nonsense is no answer */
	assert_int_equal(life(s->start - PAGE + 48, 48, GEN - 2), LIVENESS_UNKNOWN);
}

static void test_inline_marks(void **state)
{
	struct span *s = add_span(0, 1, 16, 2 << 1 | NOSCAN, GEN - 2);
	struct span *small = add_span(1, 1, 8, 1 << 1, GEN - 2);
	struct span *big = add_span(2, 1, 1024, 35 << 1 | NOSCAN, GEN - 2);
	struct span *swept = add_span(3, 1, 16, 2 << 1, GEN);

	lo.inline_marks = true;
	set_bit((uint64_t *)(heap + PAGE - 64), 500);	/* marks of spanInlineMarkBits */
	set_bit((uint64_t *)(heap + PAGE - 128), 3);	/* scans */
	set_bit(s->mark, 4);
	assert_int_equal(life_at(s, 500), LIVENESS_LIVE);
	assert_int_equal(life_at(s, 3), LIVENESS_DEAD);
	assert_int_equal(life_at(s, 4), LIVENESS_DEAD);
	set_bit(small->mark, 4);
	set_bit(big->mark, 4);
	set_bit(swept->alloc, 4);
	assert_int_equal(life_at(small, 4), LIVENESS_LIVE);
	assert_int_equal(life_at(big, 4), LIVENESS_LIVE);
	assert_int_equal(life_at(swept, 4), LIVENESS_LIVE);
	lo.inline_marks = false;
	assert_int_equal(life_at(s, 500), LIVENESS_DEAD);
	assert_int_equal(life_at(s, 4), LIVENESS_LIVE);
}

static void test_tiny_and_headers(void **state)
{
	struct span *tiny = add_span(0, 1, 16, 2 << 1 | NOSCAN, GEN);
	struct span *scan16 = add_span(1, 1, 16, 2 << 1, GEN);
	struct span *scan = add_span(2, 1, 1024, 35 << 1, GEN);
	struct span *noscan = add_span(3, 1, 1024, 35 << 1 | NOSCAN, GEN);
	struct span *large = add_span(4, 5, 5 * PAGE, 0, GEN);

	set_bit(tiny->alloc, 7);
	assert_int_equal(life(tiny->start + 7 * 16 + 11, 16, GEN - 2), LIVENESS_LIVE);
	assert_int_equal(life(tiny->start + 8 * 16, 16, GEN - 2), LIVENESS_DEAD);
	set_bit(scan16->alloc, 7);
	assert_int_equal(life(scan16->start + 7 * 16, 16, GEN - 2), LIVENESS_LIVE);
	assert_int_equal(life(scan16->start + 7 * 16 + 8, 16, GEN - 2), LIVENESS_DEAD);
	set_bit(scan->alloc, 3);
	set_bit(noscan->alloc, 3);
	set_bit(large->alloc, 0);
	assert_int_equal(life(scan->start + 3 * 1024 + 8, 1024, GEN - 2), LIVENESS_LIVE);
	assert_int_equal(life(scan->start + 3 * 1024, 1024, GEN - 2), LIVENESS_DEAD);
	assert_int_equal(life(noscan->start + 3 * 1024, 1024, GEN - 2), LIVENESS_LIVE);
	assert_int_equal(life(noscan->start + 3 * 1024 + 8, 1024, GEN - 2), LIVENESS_DEAD);
	assert_int_equal(life(large->start, 5 * PAGE, GEN - 2), LIVENESS_LIVE);
	lo.malloc_header = false;
	assert_int_equal(life(scan->start + 3 * 1024, 1024, GEN - 2), LIVENESS_LIVE);
}

/* runtime.special, up to Go 1.23 and later. */
struct old_special { uint64_t next; uint16_t offset; uint8_t kind; uint64_t own[4]; };
struct new_special { uint64_t next, offset; uint8_t kind; uint64_t own[4]; };

static void set_old_specials(void)
{
	lo.mspan_specials = offsetof(struct span, specials);
	lo.special_next = offsetof(struct old_special, next);
	lo.special_offset = offsetof(struct old_special, offset);
	lo.special_kind = offsetof(struct old_special, kind);
}

/* The sweeper will queue the finalizers of what is not marked, and mark that. */
static void test_revived(void **state)
{
	static const uint32_t unswept[] = { GEN - 2, GEN + 1 };
	struct old_special last = { .offset = 9 * 48 + 8, .kind = 1, .own = { 1, 2, 3, 4 } };
	struct old_special profiled = { (uintptr_t)&last, 8 * 48, 3, { 5 } };
	struct old_special first = { (uintptr_t)&profiled, 7 * 48, 1, { 6 } };
	struct span *s = add_span(0, 1, 48, 5 << 1, GEN);

	set_old_specials();
	s->specials = (uintptr_t)&first;
	for (size_t i = 0; i < ARRAY_SIZE(unswept); i++) {
		s->sweepgen = unswept[i];
		assert_int_equal(life_at(s, 7), LIVENESS_LIVE);
		assert_int_equal(life_at(s, 8), LIVENESS_DEAD);
		assert_int_equal(life_at(s, 9), LIVENESS_LIVE);
		assert_int_equal(life_at(s, 10), LIVENESS_DEAD);
		assert_int_equal(life(s->start + 7 * 48, 48, GEN), LIVENESS_TOO_YOUNG);
	}
	s->sweepgen = GEN;	/* has been swept: it would be marked */
	assert_int_equal(life_at(s, 7), LIVENESS_DEAD);
	s->sweepgen = GEN - 2;
	last.next = 8;		/* leads nowhere */
	assert_int_equal(life_at(s, 7), LIVENESS_UNKNOWN);
	last.next = (uintptr_t)&first;	/* in a circle */
	assert_int_equal(life_at(s, 8), LIVENESS_UNKNOWN);
	set_bit(s->mark, 8);	/* what is marked needs none of this */
	assert_int_equal(life_at(s, 8), LIVENESS_LIVE);
	last.next = 0;
	assert_int_equal(life_at(s, 10), LIVENESS_DEAD);
	lo.special_kind = 5000;
	assert_int_equal(life_at(s, 10), LIVENESS_UNKNOWN);
}

/* Many spans at once, with lists of different lengths; several records in a tiny block. */
static void test_revived_batch(void **state)
{
	enum { PER_SPAN = 20 };
	static struct new_special specials[N_PAGES][PER_SPAN];
	struct object objects[N_PAGES * PER_SPAN];
	uint32_t gen;
	size_t n = 0;

	set_old_specials();
	version.minor = 25;
	lo.special_offset = offsetof(struct new_special, offset);
	lo.special_kind = offsetof(struct new_special, kind);
	for (size_t i = 0; i < N_PAGES; i++) {
		struct span *s = add_span(i, 1, 16, 2 << 1 | NOSCAN, GEN - 2);

		for (size_t k = 0; k < i % PER_SPAN; k++)
			specials[i][k] = (struct new_special){
				.next = k + 1 < i % PER_SPAN ? (uintptr_t)&specials[i][k + 1] : 0,
				.offset = k / 2 * 16 + 3 + k % 2 * 8, .kind = k % 3 ? 2 : 1 };
		s->specials = i % PER_SPAN ? (uintptr_t)specials[i] : 0;
		for (size_t k = 0; k < PER_SPAN; k++)
			objects[n++] = (struct object){ .addr = s->start + k * 16 + 11, .size = 16,
							.gen = GEN - 4 };
	}
	assert_int_equal(gomem_alive(gm, objects, n, &gen), 0);
	for (size_t i = 0; i < n; i++) {
		size_t k = i % PER_SPAN, len = i / PER_SPAN % PER_SPAN;
		bool revived = (2 * k < len && 2 * k % 3) || (2 * k + 1 < len && (2 * k + 1) % 3);

		assert_int_equal(objects[i].liveness, revived ? LIVENESS_LIVE : LIVENESS_DEAD);
	}
}

static size_t n_specials_read;

/* The sweeper takes a span while its records are read, and queues the first's finalizer. */
static void revive_now(uint64_t addr)
{
	struct span *s = &w.spans[0];

	if (addr != s->specials)
		return;
	n_specials_read++;
	set_bit(s->mark, 7);
	s->specials = 0;
	s->allocbits = (uintptr_t)s->mark;
	s->sweepgen = GEN;
}

static void test_revived_meanwhile(void **state)
{
	struct old_special only = { .offset = 7 * 48, .kind = 1 };
	struct span *s = add_span(0, 1, 48, 5 << 1, GEN - 2);

	set_old_specials();
	s->specials = (uintptr_t)&only;
	only.next = 8;
	hook = revive_now;
	n_specials_read = 0;
	assert_int_equal(life_at(s, 7), LIVENESS_LIVE);
	assert_int_equal(n_specials_read, 1);
	assert_int_equal(life_at(s, 8), LIVENESS_DEAD);
}

/* Up to Go 1.21 freeindex and nelems are words. */
static void test_word_fields(void **state)
{
	struct span *s = add_span(0, 1, 48, 5 << 1, GEN);

	set_bit(s->alloc, 169);
	s->nelems = s->freeindex = 0;
	lo.mspan_freeindex = offsetof(struct span, freeindex_word);
	lo.mspan_nelems = offsetof(struct span, nelems_word);
	assert_int_equal(life_at(s, 169), LIVENESS_LIVE);
}

/* Many spans in one batch, several objects in each, no answer in the wrong place. */
static void test_batch(void **state)
{
	enum { PER_SPAN = 30 };
	struct object objects[N_PAGES * PER_SPAN];
	size_t n = 0;
	uint32_t gen;

	for (size_t i = 0; i < N_PAGES; i++) {
		struct span *s = add_span(i, 1, 64, 6 << 1, i % 3 ? GEN : GEN - 2);

		for (size_t k = 0; k < PER_SPAN; k++) {
			if ((i + k) % 5)
				set_bit(i % 3 ? s->alloc : s->mark, k);
			objects[n++] = (struct object){ .addr = s->start + k * 64, .size = 64,
							.gen = GEN - 4 };
		}
	}
	assert_int_equal(gomem_alive(gm, objects, n, &gen), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(objects[i].liveness, (i / PER_SPAN + i % PER_SPAN) % 5
			? LIVENESS_LIVE : LIVENESS_DEAD);
	assert_int_equal(gomem_alive(gm, objects, 0, &gen), 0);
}

/* The sweeper takes the first span when the bits of it are just going to be read, and is done with
 * it one look later. */
static void sweep_now(uint64_t addr)
{
	struct span *s = &w.spans[0];
	uint8_t *marks = (uint8_t *)heap + PAGE - 64;

	if (addr == (uintptr_t)marks && s->sweepgen == GEN - 2) {
		s->sweepgen = GEN - 1;
		memcpy(s->mark, marks, 63);
		memset(marks, 0, 63);
	} else if (addr == (uintptr_t)&w.sweepgen && s->sweepgen == GEN - 1) {
		s->allocbits = (uintptr_t)s->mark;
		s->gcmarkbits = (uintptr_t)s->alloc;
		s->sweepgen = GEN;
	}
}

static void test_swept_meanwhile(void **state)
{
	struct span *s = add_span(0, 1, 64, 6 << 1, GEN - 2);

	lo.inline_marks = true;
	set_bit((uint64_t *)(heap + PAGE - 64), 5);
	hook = sweep_now;
	assert_int_equal(life_at(s, 5), LIVENESS_LIVE);
	assert_int_equal(s->sweepgen, GEN);	/* it has happened */
	assert_int_equal(life_at(s, 6), LIVENESS_DEAD);
}

/* A mark phase ends while the allocBits of the first span are read: the answer has moved. */
static void end_mark_now(uint64_t addr)
{
	if (addr == w.spans[0].allocbits)
		w.sweepgen = GEN + 2;
}

static void test_marked_meanwhile(void **state)
{
	struct span *s = add_span(0, 1, 64, 6 << 1, GEN);

	set_bit(s->alloc, 5);
	set_bit(s->mark, 6);
	hook = end_mark_now;
	assert_int_equal(life_at(s, 5), LIVENESS_DEAD);
	assert_int_equal(w.sweepgen, GEN + 2);
	set_bit(s->mark, 7);
	assert_int_equal(life_at(s, 7), LIVENESS_LIVE);
}

static size_t n_flips;

static void never_still(uint64_t addr)
{
	if (addr == w.spans[0].allocbits || addr == w.spans[0].gcmarkbits) {
		w.sweepgen += 2;
		w.spans[0].sweepgen += 2;
		n_flips++;
	}
}

static void test_never_still(void **state)
{
	struct span *s = add_span(0, 1, 64, 6 << 1, GEN);

	set_bit(s->alloc, 5);
	n_flips = 0;
	hook = never_still;
	assert_int_equal(life_at(s, 5), LIVENESS_UNKNOWN);
	assert_in_range(n_flips, 2, 100);
}

/* The work follows the objects, not the pages between them. */
static void test_far_apart(void **state)
{
	struct span *first = add_span(0, 1, 64, 6 << 1, GEN);
	struct span *last = add_span(N_PAGES - 1, 1, 64, 6 << 1, GEN);
	struct object objects[] = {
		{ .addr = first->start, .size = 64, .gen = GEN - 2 },
		{ .addr = last->start + 64, .size = 64, .gen = GEN - 2 },
		{ .addr = last->start + (64 << 20), .size = 64, .gen = GEN - 2 },
		{ .addr = 1ull << 47, .size = 64, .gen = GEN - 2 },
		{ .addr = UINT64_MAX, .size = 64, .gen = GEN },
	};
	uint32_t gen;

	set_bit(first->alloc, 0);
	assert_int_equal(gomem_alive(gm, objects, ARRAY_SIZE(objects), &gen), 0);
	n_reads = n_bytes = 0;
	assert_int_equal(gomem_alive(gm, objects, ARRAY_SIZE(objects), &gen), 0);
	assert_int_equal(objects[0].liveness, LIVENESS_LIVE);
	assert_int_equal(objects[1].liveness, LIVENESS_DEAD);
	assert_int_equal(objects[2].liveness, LIVENESS_DEAD);
	assert_int_equal(objects[3].liveness, LIVENESS_DEAD);
	assert_int_equal(objects[4].liveness, LIVENESS_TOO_YOUNG);
	/* two spans twice, their bits, and some words */
	assert_in_range(n_bytes, 1, 4 * lo.mspan_size + 200);
	assert_in_range(n_reads, 1, 20);
	w.arena_ptrs[0] = 8;	/* no memory there; it is not looked up twice */
	assert_int_equal(gomem_alive(gm, objects, 2, &gen), 0);
	assert_int_equal(objects[0].liveness, LIVENESS_LIVE);
	w.arena_ptrs[1] = 8;
	assert_int_equal(gomem_alive(gm, objects + 2, 1, &gen), 0);
	assert_int_equal(objects[2].liveness, LIVENESS_UNKNOWN);
}

/* More pages than one batch has, of two spans, each with one object. */
static void test_many_pages(void **state)
{
	enum { N = 2500 };
	struct object *objects = xcalloc(N, sizeof(*objects));
	struct span *s = add_span(0, 1, 64, 6 << 1, GEN);
	uint32_t gen;

	for (size_t i = 0; i < N; i++)
		objects[i] = (struct object){ .addr = (uintptr_t)heap + i * PAGE, .size = 64,
					      .gen = GEN - 2, .liveness = 99 };
	set_bit(s->alloc, 0);
	assert_int_equal(gomem_alive(gm, objects, N, &gen), 0);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(objects[i].liveness, i ? LIVENESS_DEAD : LIVENESS_LIVE);
	free(objects);
}

static void test_slot_size(void **state)
{
	struct span *s = add_span(0, 1, 48, 5 << 1, GEN);
	uint64_t size = 0;

	assert_int_equal(gomem_slot_size(gm, s->start + 50, &size), 0);
	assert_int_equal(size, 48);
	n_reads = 0;
	assert_int_equal(gomem_slot_size(gm, s->start + 500, &size), 0);
	assert_int_equal(n_reads, 4);	/* its place, then at once the span and two words */
	assert_int_equal(gomem_slot_size(gm, s->start + PAGE, &size), -ENOENT);
	assert_int_equal(gomem_slot_size(gm, s->start + (64 << 20), &size), -ENOENT);
	assert_int_equal(gomem_slot_size(gm, UINT64_MAX, &size), -ENOENT);
	assert_int_equal(gomem_slot_size(gm, s->limit, &size), -ENOENT);
	s->state = 2;
	assert_int_equal(gomem_slot_size(gm, s->start, &size), -ENOENT);
	w.arena[(s->start >> 13) % 8192] = 8;
	assert_int_equal(gomem_slot_size(gm, s->start, &size), -EFAULT);
}

/* ---- goroutines ------------------------------------------------------------------------------ */

/* A goroutine with these words on its stack, from sp up. */
static struct g *add_g(uint64_t goid, uint32_t status, uint64_t pc, const uint64_t *words, size_t n)
{
	struct g *g = &w.g[w.allglen];

	*g = (struct g){ .goid = goid, .status = status, .pc = pc + BIAS, .startpc = 0x3000 + BIAS,
			 .gopc = 0x3008 + BIAS, .low = (uintptr_t)g->stack,
			 .high = (uintptr_t)(g->stack + WORDS) };
	g->sp = g->high - n * sizeof(*words);
	if (n)
		memcpy(g->stack + WORDS - n, words, n * sizeof(*words));
	w.gs[w.allglen++] = (uintptr_t)g;
	return g;
}

static const struct goroutines_limits plenty = { .max_bytes = 16 << 20 };

enum { A = MAIN_F + BIAS, Z = GOEXIT + BIAS };
/* gopark has 24 bytes, main.f 40 */
static const uint64_t parked[] = { 0, 0, 0, A, 0, 0, 0, 0, 0, Z };

static struct goroutine *find(const struct goroutines *gs, uint64_t goid)
{
	for (size_t i = 0; i < gs->n; i++)
		if (gs->v[i].goid == goid)
			return &gs->v[i];
	return NULL;
}

/* What cannot change is read once; a file that changes meanwhile is not believed. */
static void test_read_once(void **state)
{
	struct goroutines gs;

	add_g(9, 4, GOPARK, parked, ARRAY_SIZE(parked))->waitreason = 1;
	assert_int_equal(gomem_goroutines(gm, false, &plenty, &gs), 0);
	goroutines_free(&gs);
	lo.waitreasonstrings = 0;
	n_asked = 0;
	changes_at = 2;
	assert_int_equal(gomem_goroutines(gm, false, &plenty, &gs), 0);
	changes_at = 0;
	assert_int_equal(n_asked, 2);
	assert_int_equal(gs.n, 1);
	assert_string_equal(find(&gs, 9)->state, "chan receive");
	goroutines_free(&gs);
}

static void test_goroutines(void **state)
{
	static const uint64_t in_main[] = { 0, 0, 0, 0, 0, Z };
	static const uint64_t preempted[] = { 0, 0, A, 0, 0, 0, 0, 0, Z };
	struct goroutines gs;
	struct goroutine *q;
	struct g *g;

	g = add_g(9, 4, GOPARK, parked, ARRAY_SIZE(parked));
	g->waitreason = 1;
	g->waitsince = 77;
	add_g(3, 0x1000 | 4, GOPARK, parked, ARRAY_SIZE(parked))->startpc = 0x4000 + BIAS;
	add_g(4, 6, GOPARK, parked, ARRAY_SIZE(parked));
	add_g(5, 2, GOPARK, parked, ARRAY_SIZE(parked))->gopc = 0;
	g = add_g(6, 3, GOPARK, parked, ARRAY_SIZE(parked));
	g->syscallpc = MAIN_F + BIAS;
	g->syscallsp = g->high - sizeof(in_main);
	memcpy(g->stack + WORDS - 6, in_main, sizeof(in_main));
	add_g(7, 1, 0x3000, &(uint64_t){ Z }, 1);	/* has not run yet */
	add_g(8, 10, GOPARK, parked, ARRAY_SIZE(parked))->waitreason = 1;
	add_g(2, 1, PREEMPT, preempted, ARRAY_SIZE(preempted));

	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 7);
	assert_int_equal(gs.n_unreadable, 0);
	for (size_t i = 1; i < gs.n; i++)
		assert_true(gs.v[i - 1].goid < gs.v[i].goid);
	assert_null(find(&gs, 4));

	q = find(&gs, 9);
	assert_string_equal(q->state, "chan receive");
	assert_int_equal(q->n_pcs, 3);
	assert_memory_equal(q->pcs, ((uint64_t[]){ GOPARK, MAIN_F, GOEXIT }), 24);
	assert_int_equal(q->gopc, 0x3008);
	assert_int_equal(q->startpc, 0x3000);
	assert_int_equal(q->waitsince_ns, 77);
	assert_int_equal(q->stack_bytes, sizeof(g->stack));
	assert_true(!q->system && !q->cut);
	q = find(&gs, 3);
	assert_string_equal(q->state, "waiting");
	assert_true(q->system);
	q = find(&gs, 5);
	assert_string_equal(q->state, "running");
	assert_int_equal(q->n_pcs, 0);
	assert_int_equal(q->gopc, 0);
	q = find(&gs, 6);
	assert_string_equal(q->state, "syscall");
	assert_memory_equal(q->pcs, ((uint64_t[]){ MAIN_F, GOEXIT }), 16);
	q = find(&gs, 7);
	assert_string_equal(q->state, "runnable");
	assert_memory_equal(q->pcs, ((uint64_t[]){ 0x3001, GOEXIT }), 16);
	assert_string_equal(find(&gs, 8)->state, "chan receive (leaked)");
	q = find(&gs, 2);	/* where it was interrupted is no return address */
	assert_memory_equal(q->pcs, ((uint64_t[]){ PREEMPT, MAIN_F + 1, GOEXIT }), 24);
	goroutines_free(&gs);

	assert_int_equal(gomem_goroutines(gm, false, &plenty, &gs), 0);
	assert_int_equal(gs.n, 7);
	for (size_t i = 0; i < gs.n; i++)
		assert_int_equal(gs.v[i].n_pcs, 0);
	goroutines_free(&gs);
}

static void test_bad_stacks(void **state)
{
	static const uint64_t astray[] = { 0, 0, 0, NOWHERE + BIAS, Z };
	static const uint64_t endless[] = { 0, 0, 0, A };
	uint64_t deep[3 + 1 + 130 * 6];
	struct goroutines gs;
	struct goroutine *q;
	struct g *g;

	add_g(1, 4, GOPARK, astray, ARRAY_SIZE(astray))->waitreason = 2;
	add_g(2, 4, GOPARK, endless, ARRAY_SIZE(endless))->waitreason = 200;
	add_g(3, 4, GOPARK, parked, ARRAY_SIZE(parked))->sp += 4096;
	add_g(4, 4, GOPARK, parked, ARRAY_SIZE(parked))->pc = 0;
	for (size_t i = 0; i < ARRAY_SIZE(deep); i++)
		deep[i] = i % 6 == 3 ? A : 0;
	g = add_g(5, 4, GOPARK, deep, WORDS);	/* 100 frames, and the stack goes on elsewhere */
	g->high = (uintptr_t)(deep + ARRAY_SIZE(deep));
	g->low = (uintptr_t)deep;
	g->sp = g->low;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 5);
	for (uint64_t id = 1; id <= 4; id++)
		assert_int_equal(find(&gs, id)->n_pcs, 0);
	assert_string_equal(find(&gs, 1)->state, "unknown wait reason");
	q = find(&gs, 5);
	assert_int_equal(q->n_pcs, MAX_G_FRAMES);
	assert_true(q->cut);
	goroutines_free(&gs);
}

/* The finalizer goroutine is the user's while it runs a finalizer. */
static void test_finalizers(void **state)
{
	static const uint64_t idle[] = { 0, 0, 0, 0x6010 + BIAS, 0, Z };
	static const uint64_t busy[] = { 0, 0, 0, A, 0, 0, 0, 0, 0, 0x6010 + BIAS, 0, Z };
	struct goroutines gs;

	add_g(1, 4, GOPARK, idle, ARRAY_SIZE(idle))->startpc = 0x6000 + BIAS;
	add_g(2, 4, GOPARK, busy, ARRAY_SIZE(busy))->startpc = 0x6000 + BIAS;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(find(&gs, 2)->n_pcs, 4);
	assert_true(find(&gs, 1)->system);
	assert_false(find(&gs, 2)->system);
	goroutines_free(&gs);
}

static size_t n_looks;

/* The first goroutine runs between the look at it and the second one, some times or always. */
static void run_sometimes(uint64_t addr)
{
	if (addr == w.g[0].sp && n_looks++ < 2)
		w.g[0].sp -= 8;
}

static void run_always(uint64_t addr)
{
	if (addr == w.g[0].sp)
		w.g[0].sp = w.g[0].sp == w.g[0].low ? w.g[0].low + 64 : w.g[0].low;
}

static void become_another(uint64_t addr)
{
	if (addr == (uintptr_t)&w.g[0])
		w.g[0].goid++;
}

static void test_running_meanwhile(void **state)
{
	static const uint64_t at_rest[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, Z };
	struct goroutines gs;
	struct g *g = add_g(1, 4, GOPARK, at_rest, ARRAY_SIZE(at_rest));

	/* After two steps down of its sp, and not before, the words above it are a stack. */
	g->stack[WORDS - 14 + 3] = A;
	g->stack[WORDS - 14 + 9] = Z;
	hook = run_sometimes;
	n_looks = 0;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 1);
	assert_int_equal(gs.v[0].n_pcs, 3);
	goroutines_free(&gs);

	hook = run_always;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 1);
	assert_int_equal(gs.v[0].n_pcs, 0);
	assert_int_equal(gs.n_unreadable, 0);
	goroutines_free(&gs);

	hook = become_another;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 0);
	assert_int_equal(gs.n_unreadable, 1);
	goroutines_free(&gs);
}

/* A table of n parked goroutines that share a stack. */
struct crowd {
	uint64_t *table;
	uint8_t *gs;
	size_t n;
};

static struct g *crowd_g(const struct crowd *c, size_t i)
{
	return (struct g *)(c->gs + i * offsetof(struct g, stack));	/* without its stack */
}

static void crowd_init(struct crowd *c, size_t n)
{
	struct g *g = add_g(1, 4, GOPARK, parked, ARRAY_SIZE(parked));

	c->n = n;
	c->table = xcalloc(n, sizeof(*c->table));
	c->gs = xcalloc(n, offsetof(struct g, stack));
	for (size_t i = 0; i < n; i++) {
		memcpy(crowd_g(c, i), g, offsetof(struct g, stack));
		crowd_g(c, i)->goid = 100 + i;
		c->table[i] = (uintptr_t)crowd_g(c, i);
	}
	w.allglen = n;
	w.allgptr = (uintptr_t)c->table;
}

static void crowd_fini(struct crowd *c)
{
	free(c->table);
	free(c->gs);
}

/* In any order, each in a slot that is larger than a g: few places are read. */
static void test_side_by_side(void **state)
{
	enum { N = 200, SLOT = offsetof(struct g, stack) + 24 };
	const struct g *g = add_g(1, 4, GOPARK, parked, ARRAY_SIZE(parked));
	uint8_t *slots = xcalloc(N + 1, SLOT);
	uint64_t *table = xcalloc(N, sizeof(*table));
	struct goroutines gs;

	for (size_t i = 0; i < N; i++) {
		struct g *to = (struct g *)(slots + i * SLOT);

		memcpy(to, g, offsetof(struct g, stack));
		to->goid = 100 + i;
		table[i * 7 % N] = (uintptr_t)to;
	}
	w.allglen = N;
	w.allgptr = (uintptr_t)table;
	n_places = 0;
	assert_int_equal(gomem_goroutines(gm, false, &plenty, &gs), 0);
	assert_int_equal(gs.n, N);
	assert_int_equal(gs.n_unreadable, 0);
	assert_in_range(n_places, 2, 8);	/* each g twice, and the state of the collector */
	goroutines_free(&gs);
	free(table);
	free(slots);
}

static size_t total_pcs(const struct goroutines *gs)
{
	size_t n = 0;

	for (size_t i = 0; i < gs->n; i++)
		n += gs->v[i].n_pcs;
	return n;
}

/* What does not fit into the bytes given is counted. */
static void test_goroutine_limits(void **state)
{
	static const size_t limits[] = { 0, 1000, 100000, 200000, 16 << 20 };
	struct goroutines gs;
	struct crowd c;

	crowd_init(&c, 3000);
	crowd_g(&c, 2999)->status = 6;	/* dead: counts nowhere */
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct goroutines_limits lim = { .max_bytes = limits[i] };

		assert_int_equal(gomem_goroutines(gm, true, &lim, &gs), 0);
		assert_int_equal(gs.n + gs.n_left_out, 2999);
		assert_int_equal(gs.n_unreadable, 0);
		assert_false(gs.interrupted);
		assert_true(gs.n * sizeof(*gs.v) + total_pcs(&gs) * 8 <= limits[i]);
		if (i == 2)
			assert_in_range(gs.n, 500, 1000);
		if (i == 3)
			assert_in_range(gs.n, 1000, 2998);
		if (i > 3)
			assert_int_equal(gs.n, 2999);
		for (size_t k = 0; k < gs.n; k++)
			assert_true(gs.v[k].n_pcs == 3 || gs.n_stacks_left_out);
		assert_int_equal(total_pcs(&gs), 3 * (gs.n - gs.n_stacks_left_out));
		goroutines_free(&gs);
	}
	crowd_fini(&c);
}

/* Deep stacks take their half of the bytes; the goroutines behind them come without. */
static void test_stack_limit(void **state)
{
	static uint64_t deep[100 * 6 + 4];
	struct goroutines_limits lim = { .max_bytes = 40000 };
	struct goroutines gs;
	struct crowd c;

	for (size_t i = 3; i < ARRAY_SIZE(deep) - 1; i += 6)
		deep[i] = A;
	deep[ARRAY_SIZE(deep) - 1] = Z;
	crowd_init(&c, 100);
	for (size_t i = 0; i < c.n; i++) {
		crowd_g(&c, i)->low = crowd_g(&c, i)->sp = (uintptr_t)deep;
		crowd_g(&c, i)->high = (uintptr_t)(deep + ARRAY_SIZE(deep));
	}
	assert_int_equal(gomem_goroutines(gm, true, &lim, &gs), 0);
	assert_int_equal(gs.n, 100);
	assert_int_equal(gs.v[0].n_pcs, 102);
	assert_int_equal(gs.v[99].n_pcs, 0);
	assert_in_range(gs.n_stacks_left_out, 70, 90);
	assert_int_equal(total_pcs(&gs), 102 * (gs.n - gs.n_stacks_left_out));
	goroutines_free(&gs);
	crowd_fini(&c);
}

/* A few stacks' worth of bytes, given as the stack of very many goroutines. */
static void test_copied_limit(void **state)
{
	enum { N = MAX_STACK_BYTES / MAX_G_STACK_BYTES };
	uint64_t *stack = xcalloc(1, 2 * MAX_G_STACK_BYTES);
	struct goroutines gs;
	struct crowd c;

	crowd_init(&c, N + 100);
	memcpy(stack, parked, sizeof(parked));
	for (size_t i = 0; i < c.n; i++) {
		crowd_g(&c, i)->low = crowd_g(&c, i)->sp = (uintptr_t)stack;
		crowd_g(&c, i)->high = (uintptr_t)stack + 2 * MAX_G_STACK_BYTES;
	}
	n_bytes = 0;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, N + 100);
	assert_int_equal(gs.n_stacks_left_out, 100);
	assert_in_range(n_bytes, MAX_STACK_BYTES, MAX_STACK_BYTES + c.n * 1000);
	goroutines_free(&gs);
	crowd_fini(&c);
	free(stack);
}

static void keep_stack(void *ctx, const struct goroutine_stack *st)
{
	*(struct goroutine_stack *)ctx = *st;
}

/* One goroutine in that state, with twice as much stack as is copied of one; how many stacks were not
 * read. */
static size_t visit_large(struct goroutine_stack *st, uint32_t status, uint64_t *stack, uint64_t sp)
{
	struct g *g = add_g(3, status, GOPARK, NULL, 0);
	size_t n = 0;

	*st = (struct goroutine_stack){ 0 };
	g->low = (uintptr_t)stack;
	g->high = g->low + 2 * MAX_G_STACK_BYTES;
	g->sp = sp;
	assert_int_equal(gomem_stacks(gm, &plenty, keep_stack, st, &n), 0);
	w.allglen = 0;
	return n;
}

/* Of one that runs all may be in use, also what is not copied; of one that waits what is above its sp.
 * One whose stack is being moved has none that can be read. */
static void test_large_stack(void **state)
{
	enum { COPYSTACK = 8 };
	uint64_t *stack = xcalloc(1, 2 * MAX_G_STACK_BYTES), low = (uintptr_t)stack;
	struct goroutine_stack st;

	assert_int_equal(visit_large(&st, 2, stack, 0), 0);
	assert_int_equal(st.n_frames, 0);
	assert_int_equal(st.addr, low + MAX_G_STACK_BYTES);
	assert_int_equal(st.n_bytes, MAX_G_STACK_BYTES);
	assert_int_equal(st.low, low);
	assert_int_equal(st.high, low + 2 * MAX_G_STACK_BYTES);
	assert_int_equal(visit_large(&st, 4, stack, low + 64), 0);
	assert_int_equal(st.addr, low + 64);
	assert_int_equal(st.low, low + 64);
	assert_int_equal(visit_large(&st, COPYSTACK, stack, low + 64), 1);
	assert_int_equal(st.high, 0);
	free(stack);
}

static bool after_some(void *ctx)
{
	return (*(int *)ctx)-- == 0;
}

static void test_interrupted(void **state)
{
	int n = 3;
	struct goroutines_limits lim = { 16 << 20, after_some, &n };
	struct goroutines gs;
	struct crowd c;

	crowd_init(&c, 3000);
	assert_int_equal(gomem_goroutines(gm, true, &lim, &gs), 0);
	assert_true(gs.interrupted);
	assert_in_range(gs.n, 1, 2000);
	assert_int_equal(gs.n + gs.n_left_out, 3000);
	goroutines_free(&gs);
	crowd_fini(&c);
}

static void bad_pointers_are_not_read(uint64_t addr)
{
	assert_true(addr && addr < 1ull << 47 && addr != (uintptr_t)&w.g[0] + 4);
}

/* What a runtime's own table never has: the same twice, and pointers that are none. */
static void test_forged_table(void **state)
{
	enum { TABLE_BYTES = 8 * MAX_GOROUTINES };
	void *nothing = mmap(NULL, TABLE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct goroutines gs;
	struct crowd c;

	assert_ptr_not_equal(nothing, MAP_FAILED);
	crowd_init(&c, 1000);
	for (size_t i = 0; i < c.n; i += 2)
		c.table[i] = (uintptr_t)crowd_g(&c, 1);
	crowd_g(&c, 999)->goid = crowd_g(&c, 997)->goid;
	crowd_g(&c, 995)->goid = 0;
	c.table[501] = 0;
	c.table[503] = (uintptr_t)&w.g[0] + 4;
	c.table[505] = 1ull << 47;
	c.table[507] = UINT64_MAX - 7;
	c.table[509] = 4096;	/* no memory there */
	hook = bad_pointers_are_not_read;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 500 - 7);
	assert_int_equal(gs.n_unreadable, 500 + 7);
	for (size_t i = 1; i < gs.n; i++)
		assert_true(gs.v[i - 1].goid < gs.v[i].goid);
	goroutines_free(&gs);

	hook = NULL;
	w.allglen = MAX_GOROUTINES;
	w.allgptr = (uintptr_t)nothing;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 0);
	assert_int_equal(gs.n_unreadable, MAX_GOROUTINES);
	goroutines_free(&gs);
	w.allgptr++;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_int_equal(gs.n, 0);
	goroutines_free(&gs);
	w.allglen = MAX_GOROUTINES + 1;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), -EBADMSG);
	crowd_fini(&c);
	munmap(nothing, TABLE_BYTES);
}

static struct crowd moving;
static uint64_t *new_table;

/* The table grows elsewhere when its second piece is being read, and the old one is used again. */
static void move_table(uint64_t addr)
{
	if (w.allgptr != (uintptr_t)moving.table || addr <= (uintptr_t)moving.table ||
	    addr >= (uintptr_t)(moving.table + moving.n))
		return;
	memcpy(new_table, moving.table, moving.n * sizeof(*new_table));
	memset(moving.table, 0, moving.n * sizeof(*new_table));
	w.allgptr = (uintptr_t)new_table;
	w.allglen++;
}

static void test_table_moves(void **state)
{
	struct goroutines gs;

	crowd_init(&moving, 1000);
	new_table = xcalloc(moving.n, sizeof(*new_table));
	hook = move_table;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), 0);
	assert_ptr_equal((void *)w.allgptr, new_table);
	assert_int_equal(gs.n, 1000);
	assert_int_equal(gs.n_unreadable, 0);
	goroutines_free(&gs);
	crowd_fini(&moving);
	free(new_table);
}

/* ---- memory statistics ----------------------------------------------------------------------- */

static void fill_stats(void)
{
	struct span *cached = add_span(0, 1, 48, 5 << 1, GEN + 3);

	w.empty = (struct span){ 0 };
	for (size_t i = 0; i < 136; i++)
		w.mcache[0].alloc[i] = w.mcache[1].alloc[i] = (uintptr_t)&w.empty;
	w.mcache[0].alloc[5 << 1] = (uintptr_t)cached;
	w.mcache[1].tiny = 4;
	cached->alloccount = 50;
	cached->alloccount_before = 30;
	w.allp[0] = (uintptr_t)w.ps;
	w.allp[1] = 2;
	for (size_t i = 0; i < 2; i++) {
		w.ps[i] = (uintptr_t)&w.p[i];
		w.p[i].mcache = (uintptr_t)&w.mcache[i];
	}
	w.heapstats[0].large = 1000000;
	w.heapstats[0].n_large = 10;
	w.heapstats[1].small[5] = 200;
	w.heapstats[1].tiny = 3;
	w.heapstats[2].small_freed[5] = 60;
	w.heapstats[2].freed = 100000;
	w.heapstats[2].n_freed = 1;
	w.heapstats[0].instacks = 70000;
	w.heapstats[1].instacks = (uint64_t)-20000;	/* a difference: the sum counts */
	w.heapstats[0].inworkbufs = 8192;
	w.numgc = 5 | 2ull << 32;
	w.stacks_sys = 11;
	w.other_sys = 13;
	memcpy(w.pacer, ((uint64_t[]){ 500000, 30000, 2000, 4000000, 5000000, UINT64_MAX, 123456 }),
	       7 * sizeof(uint64_t));
}

static void test_memstats(void **state)
{
	struct go_memstats m;

	fill_stats();
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.total_alloc, 1000000 + 220 * 48);
	assert_int_equal(m.heap_alloc, 900000 + 160 * 48);
	assert_int_equal(m.heap_objects, 9 + 160);
	assert_int_equal(m.mallocs, 10 + 220 + 7);
	assert_int_equal(m.frees, 1 + 60 + 7);
	assert_int_equal(m.stack_inuse, 50000);
	assert_int_equal(m.stack_sys, 50011);
	assert_int_equal(m.gc_sys, 8192);
	assert_int_equal(m.heap_inuse, 500000);
	assert_int_equal(m.heap_idle, 32000);
	assert_int_equal(m.heap_sys, 532000);
	assert_int_equal(m.other_sys, 13);
	assert_int_equal(m.num_gc, 5);
	assert_int_equal(m.heap_marked, 123456);
	assert_int_equal(m.next_gc, 5000000);
	w.pacer[5] = 4980000;	/* the collection started late */
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.next_gc, 4980000 + 65536);
}

/* Up to Go 1.18: spans count as full while they are cached, the heap's size is in mstats. */
static void test_old_memstats(void **state)
{
	struct go_memstats m;

	fill_stats();
	lo.mspan_alloccountbeforecache = GL_NO_FIELD;
	lo.gccontroller_heapinuse = GL_NO_FIELD;
	lo.gccontroller_heapgoal = 24;
	lo.mstats_heap_sys = lo.mstats_numgc + 24;
	w.heap_sys = 900000;
	w.heapstats[0].inheap = 600000;
	w.heapstats[1].released = 5000;
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.mallocs, 10 + 200 + 7 - (PAGE / 48 - 50));
	assert_int_equal(m.heap_inuse, 600000);
	assert_int_equal(m.heap_sys, 900000);
	assert_int_equal(m.heap_idle, 300000);
	assert_int_equal(m.heap_released, 5000);
	assert_int_equal(m.next_gc, 4000000);
}

/* Counts that would take long, and counters that contradict each other. */
static void test_forged_memstats(void **state)
{
	struct go_memstats m;

	fill_stats();
	w.allp[1] = 5000;
	assert_int_equal(gomem_memstats(gm, &m), -EBADMSG);
	w.allp[1] = 2;
	w.heapstats[2].n_freed = 1000000;
	assert_int_equal(gomem_memstats(gm, &m), -EAGAIN);
	w.heapstats[2].n_freed = 1;
	w.p[1].mcache = 8;
	assert_int_equal(gomem_memstats(gm, &m), -EFAULT);
	w.p[1].mcache = 0;	/* of a P that does not run */
	assert_int_equal(gomem_memstats(gm, &m), 0);
}

/* ---- the census ------------------------------------------------------------------------------ */

static struct census_past past;
static struct census_mark mark;

/* Of a mark phase that begins now, or began then. */
static int read_mark_of(const struct delta *then, uint64_t time_ns)
{
	mark = (struct census_mark){ .gen = GEN, .time_ns = time_ns };
	return census_read(gm, (const uint8_t *)then, &past, &mark);
}

static void read_census(struct census_counts *c)
{
	uint64_t addr;
	size_t len;

	past = (struct census_past){ 0 };
	assert_true(census_place(gm, &addr, &len));
	assert_int_equal(addr, (uintptr_t)w.heapstats);
	assert_int_equal(len, sizeof(w.heapstats));
	assert_int_equal(read_mark_of(w.heapstats, now_ns()), 0);
	*c = mark.counts;
}

static void test_census_counts(void **state)
{
	struct census_counts c;

	fill_stats();
	read_census(&c);
	assert_int_equal(c.n_alloc[0], 10);
	assert_int_equal(c.n_free[0], 1);
	assert_int_equal(c.large_alloc_bytes, 1000000);
	assert_int_equal(c.large_free_bytes, 100000);
	assert_int_equal(c.n_alloc[5], 200 + 20);
	assert_int_equal(c.n_free[5], 60);
	assert_int_equal(c.n_alloc[4] + c.n_alloc[6] + c.n_free[4], 0);
	lo.mspan_alloccountbeforecache = GL_NO_FIELD;	/* up to Go 1.18 */
	read_census(&c);
	assert_int_equal(c.n_alloc[5], 200 - (PAGE / 48 - 50));
}

/* A span that is another class's by now counts for none, however wild its class. */
static void test_census_moved_span(void **state)
{
	struct census_counts c;

	fill_stats();
	for (int spanclass = 0; spanclass < 256; spanclass++) {
		if (spanclass == 5 << 1)
			continue;
		w.spans[0].spanclass = (uint8_t)spanclass;
		read_census(&c);
		assert_int_equal(c.n_alloc[5], 200);
	}
}

static void test_census_place(void **state)
{
	uint64_t addr;
	size_t len;

	lo.heapstats_smallfreecount = lo.heapstats_size - 8;
	assert_false(census_place(gm, &addr, &len));
}

/* What is known of class 5, each bound included. */
static void assert_between(uint64_t low, uint64_t n, uint64_t high)
{
	assert_int_equal(mark.counts.n_alloc[5] - mark.below[5], low);
	assert_int_equal(mark.counts.n_alloc[5], n);
	assert_int_equal(mark.counts.n_alloc[5] + mark.above[5], high);
}

static const uint64_t room = 4 * (PAGE / 48);	/* of the caches of two Ps */

/* Asked late: while the collector marks, and when it has emptied the caches. */
static void test_census_late(void **state)
{
	struct delta then[3];

	fill_stats();
	past = (struct census_past){ 0 };
	memcpy(then, w.heapstats, sizeof(then));
	w.spans[0].alloccount = 60;	/* ten more, of a busy class */
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200, 230, 230);
	w.heapstats[1].small[5] += 20;	/* handed in, and some of the next span */
	w.spans[0].alloccount = 34;
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200, 224, 224);
	w.spans[0].alloccount = 60;
	w.heapstats[1].small[5] += 5000;
	w.heapstats[2].small_freed[5] += 40;
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200, 230, 200 + room);
	assert_int_equal(mark.counts.n_free[5], 60);
	w.sweepgen += 2;
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200, 230, 200 + room);
	w.mcache[0].alloc[5 << 1] = (uintptr_t)&w.empty;
	w.heapstats[1].small[5] = 200 + 20;	/* what the cache held, and nothing since */
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200, 220, 220);
	lo.mspan_alloccountbeforecache = GL_NO_FIELD;	/* the same up to Go 1.18 */
	w.heapstats[1].small[5] = 200 - 120;
	memset(then[1].small, 0, sizeof(then[1].small));
	then[1].small[5] = 200;
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200 - room, 200 - 120, 200 - 120);
	assert_int_equal(mark.counts.n_alloc[0], 10);
	assert_int_equal(mark.above[0] + mark.below[0], 0);
	w.p[1].mcache = 8;
	assert_int_equal(read_mark_of(then, 1), -EFAULT);
}

/* While it marks a P has taken its next span, which up to Go 1.18 is counted as full at once; a few
 * of it are allocated. */
static void test_census_refilled(void **state)
{
	struct delta then[3];

	fill_stats();
	lo.mspan_alloccountbeforecache = GL_NO_FIELD;
	past = (struct census_past){ 0 };
	memcpy(then, w.heapstats, sizeof(then));
	w.heapstats[1].small[5] += PAGE / 48;
	w.spans[0].alloccount = 4;
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200 - room, 200, 200);
}

/* A class that has not been allocated in since the reading before is exact; another is as uncertain
 * as it may have been allocated in since the mark phase began. */
static void test_census_past(void **state)
{
	uint64_t then_ns, second = 1000000000;
	struct delta then[3];

	fill_stats();
	read_census(&(struct census_counts){ 0 });
	then_ns = now_ns();
	memcpy(then, w.heapstats, sizeof(then));
	w.heapstats[1].small[5] += 20;		/* somebody asks for MemStats meanwhile */
	w.mcache[0].alloc[5 << 1] = (uintptr_t)&w.empty;
	assert_int_equal(read_mark_of(then, then_ns), 0);
	assert_between(220, 220, 220);

	read_census(&(struct census_counts){ 0 });
	past.last.end_ns = now_ns() - 100 * second;
	w.heapstats[1].small[5] += 1000;
	memcpy(then, w.heapstats, sizeof(then));
	w.mcache[0].alloc[5 << 1] = (uintptr_t)&w.spans[0];
	w.spans[0].alloccount = 30 + 100;
	assert_int_equal(read_mark_of(then, now_ns() - second), 0);
	assert_between(1320 - 44, 1320, 1320);	/* four seconds' worth of 1100 in 100 s */
	/* another of the same time is not measured by what was read after it */
	assert_int_equal(read_mark_of(then, now_ns() - second), 0);
	assert_between(1320 - 44, 1320, 1320);
}

static void empty_cache(void)
{
	w.heapstats[1].small[5] += 20;
	w.mcache[0].alloc[5 << 1] = (uintptr_t)&w.empty;
}

/* The cache is emptied when the ring has been read, */
static void empty_meanwhile(uint64_t addr)
{
	if (addr != (uintptr_t)w.mcache[0].alloc ||
	    w.mcache[0].alloc[5 << 1] == (uintptr_t)&w.empty)
		return;
	empty_cache();
}

/* and marking has just ended, too. */
static void end_meanwhile(uint64_t addr)
{
	empty_meanwhile(addr);
	if (addr == (uintptr_t)w.mcache[0].alloc)
		w.sweepgen = GEN + 2;
}

/* Marking ends before the ring is read, and the cached span, which has been handed in, is being
 * swept when the cache is. */
static void sweep_meanwhile(uint64_t addr)
{
	if (addr != (uintptr_t)w.heapstats || w.sweepgen != GEN)
		return;
	w.sweepgen = GEN + 2;
	w.heapstats[1].small[5] += 20;
	w.spans[0].sweepgen = GEN + 1;
	w.spans[0].alloccount_before = 0;
}

/* A reading into which the emptying of the caches falls: what they held is not lost, nor is it
 * counted twice. */
static void assert_emptied(void (*event)(uint64_t addr))
{
	struct delta then[3];

	fill_stats();
	memcpy(then, w.heapstats, sizeof(then));
	past = (struct census_past){ 0 };
	hook = event;
	assert_int_equal(read_mark_of(then, 1), 0);
	assert_between(200, 220, 220);
}

static void test_census_emptied(void **state)
{
	w.sweepgen = GEN + 2;
	assert_emptied(empty_meanwhile);
}

static void test_census_ended(void **state)
{
	assert_emptied(end_meanwhile);
}

static void test_census_swept(void **state)
{
	assert_emptied(sweep_meanwhile);
}

static int n_handed_over;	/* times that the cached span is still to be handed over */

/* What was cached is handed in when the caches are about to be read, and as much is allocated from
 * the next span. */
static void hand_over(uint64_t addr)
{
	if (addr != (uintptr_t)w.mcache[0].alloc || !n_handed_over)
		return;
	n_handed_over--;
	w.heapstats[0].small[5] += 20;
}

static void test_census_allocs(void **state)
{
	struct census_reading r;

	fill_stats();
	assert_int_equal(census_allocs(gm, &r), 0);
	assert_int_equal(r.counts.n_alloc[5], 220);
	assert_int_equal(r.above[5], 0);
	assert_int_equal(r.counts.n_alloc[0], 10);
	assert_int_equal(r.counts.large_alloc_bytes, 1000000);
	assert_int_equal(r.counts.n_tiny, 7);
	assert_true(r.begin_ns && r.begin_ns <= r.end_ns);

	w.spans[0].sweepgen = GEN;	/* let go of, but nothing has taken its place yet */
	assert_int_equal(census_allocs(gm, &r), 0);
	assert_int_equal(r.counts.n_alloc[5], 200);
	assert_int_equal(r.above[5], 20);
	w.spans[0].sweepgen = GEN + 3;

	hook = hand_over;		/* the first two looks are not exact, the third is */
	n_handed_over = 2;
	assert_int_equal(census_allocs(gm, &r), 0);
	assert_int_equal(r.counts.n_alloc[5], 260);
	assert_int_equal(r.above[5], 0);
	n_handed_over = 1000;		/* none is: 260 before the first one, 280 after it */
	assert_int_equal(census_allocs(gm, &r), 0);
	assert_int_equal(r.counts.n_alloc[5], 260);
	assert_int_equal(r.above[5], 20);
	hook = NULL;
	w.p[1].mcache = 8;
	assert_int_equal(census_allocs(gm, &r), -EFAULT);
	w.p[1].mcache = 0;		/* a P without a cache has nothing to hand in */
	assert_int_equal(census_allocs(gm, &r), 0);
	assert_int_equal(r.counts.n_tiny, 3);
	w.allp[1] = 1ull << 40;
	assert_int_equal(census_allocs(gm, &r), -EBADMSG);
	lo.heapstats_smallfreecount = lo.heapstats_size - 8;
	assert_int_equal(census_allocs(gm, &r), -EBADMSG);
}

/* Somebody moves one delta into another while it is read. */
static void move_delta(uint64_t addr)
{
	if (addr == (uintptr_t)w.mcache[0].alloc && n_handed_over-- > 0)
		w.heapstats[1].small[5] -= 100;
}

static void test_census_moved_delta(void **state)
{
	struct census_reading r;

	fill_stats();
	w.heapstats[1].small[5] += 100;		/* not yet taken away */
	hook = move_delta;
	n_handed_over = 1;
	assert_int_equal(census_allocs(gm, &r), 0);
	assert_int_equal(r.counts.n_alloc[5], 220);
	w.heapstats[1].small[5] += 10000;
	n_handed_over = 1000;
	assert_int_equal(census_allocs(gm, &r), -EAGAIN);
}

static int n_ring_reads, n_half_moved;

/* The ring lacks what is on its way from one delta to another, whenever it is read for so many times
 * from the first on. */
static void half_move(uint64_t addr)
{
	if (addr != (uintptr_t)w.heapstats)
		return;
	if (!n_ring_reads)
		w.heapstats[1].small[5] -= 100;
	if (n_ring_reads++ == n_half_moved)
		w.heapstats[1].small[5] += 100;
}

/* Words of the pacer change between two of them. */
static void change_pacer(uint64_t addr)
{
	if (addr == (uintptr_t)&w.pacer[1] && w.pacer[0] == 500000) {
		w.pacer[0] -= 8192;
		w.pacer[1] += 8192;
	}
}

/* What the runtime writes while it is read is not seen half done. */
static void test_memstats_moved(void **state)
{
	struct go_memstats m;

	fill_stats();
	hook = half_move;
	n_half_moved = 1;
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.mallocs, 10 + 220 + 7);
	n_ring_reads = 0;
	n_half_moved = 2;
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.mallocs, 10 + 220 + 7);

	hook = hand_over;		/* a span leaves the cache behind our back, twice */
	n_handed_over = 2;
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.mallocs, 10 + 260 + 7);
	assert_int_equal(m.heap_objects, 9 + 260 - 60);
	n_handed_over = 1000;		/* and always: what left last is missing */
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_in_range(m.mallocs, 10 + 260 + 7, 10 + 360 + 7);

	hook = change_pacer;
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.heap_inuse, 500000 - 8192);
	assert_int_equal(m.heap_sys, 532000);
}

/* A collection ends between the ring and the caches, which it empties. */
static void test_memstats_emptied(void **state)
{
	struct go_memstats m;

	fill_stats();
	hook = sweep_meanwhile;
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.mallocs, 10 + 220 + 7);
}

static bool add_mark(struct census *c, uint32_t gen, uint64_t time_ns,
		     const struct census_counts *counts, struct census_cycle *out)
{
	struct census_mark m = { .gen = gen, .time_ns = time_ns, .counts = *counts };

	return census_add(c, &m, out);
}

/* live(n) = A(n) - F(n+1); a cycle without its end, or without its begin, is none. */
static void test_census_cycles(void **state)
{
	struct census_counts counts = { .large_alloc_bytes = 90000, .large_free_bytes = 40000 };
	struct census c = { 0 };
	struct census_cycle cycle;

	counts.n_alloc[0] = 2;
	counts.n_free[0] = 1;
	counts.n_alloc[5] = 100;
	counts.n_free[5] = 30;
	assert_false(add_mark(&c, 10, 1000, &counts, &cycle));
	counts.n_alloc[5] = 500;	/* garbage, allocated during the mark phase and after it */
	counts.n_free[5] = 70;
	counts.n_free[6] = 3;		/* more than there ever were */
	assert_true(add_mark(&c, 12, 2000, &counts, &cycle));
	assert_int_equal(cycle.gen, 10);
	assert_int_equal(cycle.time_ns, 1000);
	assert_int_equal(cycle.live[0], 1);
	assert_int_equal(cycle.live[5], 30);
	assert_int_equal(cycle.live[6], 0);
	assert_int_equal(cycle.large_bytes, 50000);
	assert_int_equal(cycle.bytes, 50000 + 30 * 48);
	assert_false(add_mark(&c, 18, 5000, &counts, &cycle));	/* 14 and 16 were lost */
	assert_int_equal(c.n_missed, 3);
	assert_true(add_mark(&c, 20, 6000, &counts, &cycle));
	assert_int_equal(cycle.gen, 18);
	assert_int_equal(c.n_missed, 3);
	c.last.gen = UINT32_MAX - 1;	/* and once around */
	assert_true(add_mark(&c, 0, 7000, &counts, &cycle));
}

/* What was cached when one mark phase began has been handed in when the next begins. */
static void test_census_limit(void **state)
{
	struct census_mark start = {
		.gen = 10, .counts.n_alloc = { [2] = 1000, [5] = 100, [6] = 70 },
		.below = { [2] = 300, [5] = 10, [6] = 1 }, .above = { [2] = 200, [5] = 5 },
	}, end = { .gen = 12, .copied = true, .handed_in = { [2] = 1100, [5] = 95, [6] = 10 } };
	struct census_cycle cycle;
	struct census c = { 0 };

	assert_false(census_add(&c, &start, &cycle));
	assert_true(census_add(&c, &end, &cycle));
	assert_int_equal(cycle.live[2], 1000);
	assert_int_equal(cycle.below[2], 300);
	assert_int_equal(cycle.above[2], 100);
	assert_int_equal(cycle.live[5], 95);
	assert_int_equal(cycle.below[5], 5);
	assert_int_equal(cycle.above[5], 0);
	assert_int_equal(cycle.live[6], 69);	/* not below what is certain */
	assert_int_equal(cycle.below[6] + cycle.above[6], 0);
}

/* What is known of a mark phase but between bounds; none of them is less than nothing. */
static void test_census_bounds(void **state)
{
	struct census_mark m = {
		.gen = 10, .counts.n_alloc = { [2] = 1000, [5] = 100 },
		.below = { [2] = 300, [5] = 90 }, .above = { [2] = 200, [5] = 5 },
		.counts.large_alloc_bytes = 9000, .large_below = 1000, .large_above = 2000,
	};
	struct census_cycle cycle;
	struct census c = { 0 };

	assert_false(census_add(&c, &m, &cycle));
	m = (struct census_mark){ .gen = 12, .counts.n_free = { [2] = 600, [5] = 40 } };
	assert_true(census_add(&c, &m, &cycle));
	assert_int_equal(cycle.live[2], 400);
	assert_int_equal(cycle.below[2], 300);
	assert_int_equal(cycle.above[2], 200);
	assert_int_equal(cycle.live[5], 60);
	assert_int_equal(cycle.below[5], 60);
	assert_int_equal(cycle.above[5], 5);
	assert_int_equal(cycle.large_below, 1000);
	assert_int_equal(cycle.large_above, 2000);
	assert_int_equal(cycle.bytes, 400 * 16 + 60 * 48 + 9000);
	assert_int_equal(cycle.bytes_below, 300 * 16 + 60 * 48 + 1000);
	assert_int_equal(cycle.bytes_above, 200 * 16 + 5 * 48 + 2000);
	m.gen = 14;
	m.free_unknown = true;	/* the end of one, and no end of the other */
	assert_false(census_add(&c, &m, &cycle));
	assert_int_equal(c.n_missed, 1);
	m.gen = 16;
	m.free_unknown = false;
	assert_true(census_add(&c, &m, &cycle));
	assert_int_equal(cycle.gen, 14);
	assert_int_equal(c.n_missed, 1);
}

/* Where the collector stands, and where it starts. */
static void test_gc(void **state)
{
	struct { uint64_t start, mark; } work = { 1000, 2000 };
	uint32_t phase = 1, sweep = 1u << 31;
	struct gomem_gc gc;

	lo.gccontroller_heaplive = 88;
	w.pacer[11] = 4321;
	lo.work_tsweepterm = 0;
	lo.work_tmark = 8;
	lo.sweep_active = 0;
	assert_int_equal(gomem_gc(gm, &gc), -ENOTSUP);
	lo.gcphase = vaddr(&phase);
	assert_int_equal(gomem_gc(gm, &gc), -ENOTSUP);
	lo.work = vaddr(&work);
	assert_int_equal(gomem_gc(gm, &gc), 0);
	assert_int_equal(gc.gen, GEN);
	assert_int_equal(gc.phase, 1);
	assert_int_equal(gc.heap_live, 4321);
	assert_int_equal(gc.start_ns, 1000);
	assert_int_equal(gc.mark_ns, 2000);
	assert_false(gc.swept);			/* unknown */
	lo.sweep = vaddr(&sweep);
	assert_int_equal(gomem_gc(gm, &gc), 0);
	assert_true(gc.swept);
	sweep = (1u << 31) + 1;			/* somebody sweeps on */
	assert_int_equal(gomem_gc(gm, &gc), 0);
	assert_false(gc.swept);
	lo.work = 8 - BIAS;
	assert_int_equal(gomem_gc(gm, &gc), -EFAULT);
}

/* Go 1.17 has that beside sweepgen. */
static void test_gc_17(void **state)
{
	struct { uint32_t gen, drained, sweepers; } mheap = { 8, 0, 0 };
	struct { uint64_t start, mark; } work = { 1000, 2000 };
	uint32_t phase = 0;
	struct gomem_gc gc;

	lo.gccontroller_heaplive = 88;
	lo.work_tsweepterm = 0;
	lo.work_tmark = 8;
	lo.gcphase = vaddr(&phase);
	lo.work = vaddr(&work);
	lo.sweepgen = vaddr(&mheap);
	lo.mheap_sweepgen = 100;
	lo.mheap_allspans = 116;
	assert_int_equal(gomem_gc(gm, &gc), 0);
	assert_int_equal(gc.gen, 8);
	assert_false(gc.swept);
	mheap.drained = 1;
	assert_int_equal(gomem_gc(gm, &gc), 0);
	assert_true(gc.swept);
	mheap.sweepers = 1;
	assert_int_equal(gomem_gc(gm, &gc), 0);
	assert_false(gc.swept);
	mheap.sweepers = 0;
	lo.mheap_allspans = 108;	/* allspans is right behind sweepgen */
	assert_int_equal(gomem_gc(gm, &gc), 0);
	assert_false(gc.swept);
}

static void test_trigger(void **state)
{
	uint64_t at;

	fill_stats();
	lo.gccontroller_runway = 72;
	w.pacer[3] = 50000000;			/* goal */
	w.pacer[6] = 18000000;			/* marked: 0.7 and 0.95 of the way are ... */
	w.pacer[9] = 3000000;
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_int_equal(at, 47000000);
	w.pacer[9] = 20000000;			/* ... 40.5 million, */
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_int_equal(at, 18000000 + 32000000 / 64 * 45);
	w.pacer[9] = 60000000;
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_int_equal(at, 18000000 + 32000000 / 64 * 45);
	w.pacer[9] = 10;			/* and 48.5 million */
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_int_equal(at, 18000000 + 32000000 / 64 * 61);
	w.pacer[3] = 518000000;			/* of a large heap, 4 MiB before the goal */
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_int_equal(at, 518000000 - (4 << 20));
	w.pacer[6] = 600000000;
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_int_equal(at, 518000000);
	w.pacer[3] = UINT64_MAX;		/* GOGC=off */
	lo.gccontroller_memorylimit = 56;
	w.pacer[7] = INT64_MAX;
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_true(at == UINT64_MAX);
	lo.gccontroller_trigger = 80;		/* up to Go 1.18 */
	w.pacer[10] = 777;
	assert_int_equal(gomem_trigger(gm, &at), 0);
	assert_int_equal(at, 777);
}

/* GOMEMLIMIT: runtime/mgcpacer.go, memoryLimitHeapGoal. */
static void test_memory_limit(void **state)
{
	struct go_memstats m;

	fill_stats();
	lo.gccontroller_memorylimit = 56;
	lo.gccontroller_mappedready = 64;
	lo.gccontroller_totalalloc = 72;
	lo.gccontroller_totalfree = 80;
	w.pacer[3] = 400 << 20;		/* the goal by GOGC */
	w.pacer[7] = 200 << 20;
	w.pacer[8] = 20 << 20;
	w.pacer[9] = (15 << 20) - 20 * 48;	/* 20 cached ones are added */
	w.pacer[10] = 5 << 20;
	assert_int_equal(gomem_memstats(gm, &m), 0);
	/* not heap: 20 MiB - heapFree - 10 MiB; 3 % headroom */
	uint64_t goal = (200 << 20) - ((10 << 20) - 30000);
	assert_int_equal(m.next_gc, goal - goal / 100 * 3);
	w.pacer[7] = 1 << 20;		/* beyond the limit */
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.next_gc, 123456);
	w.pacer[7] = INT64_MAX;		/* no limit */
	assert_int_equal(gomem_memstats(gm, &m), 0);
	assert_int_equal(m.next_gc, 400 << 20);
}

/* ---- does the layout fit? -------------------------------------------------------------------- */

static long n_said;	/* bytes of its message */

/* gomem_check() without its message. */
static int check(void)
{
	int saved = dup(STDERR_FILENO), err;
	FILE *said = tmpfile();

	assert_non_null(said);
	fflush(stderr);
	dup2(fileno(said), STDERR_FILENO);
	err = gomem_check(gm);
	fflush(stderr);
	n_said = (long)lseek(STDERR_FILENO, 0, SEEK_CUR);
	dup2(saved, STDERR_FILENO);
	close(saved);
	fclose(said);
	return err;
}

static void test_check(void **state)
{
	struct span *s;

	assert_int_equal(check(), -EAGAIN);
	s = add_span(0, 1, 48, 5 << 1, GEN);
	add_span(1, 3, 3 * PAGE, 0, GEN - 2);
	assert_int_equal(check(), -EAGAIN);	/* no goroutine yet */
	add_g(1, 4, GOPARK, parked, ARRAY_SIZE(parked));
	add_g(2, 6, GOPARK, parked, ARRAY_SIZE(parked))->goid = 0;	/* dead */
	assert_int_equal(check(), 0);

#define BREAK(field, value) do { \
		__typeof__(field) good = field; \
		field = (__typeof__(field))(value); \
		assert_int_equal(check(), -EBADMSG); \
		field = good; \
		assert_int_equal(check(), 0); \
	} while (0)
	BREAK(s->start, s->start + PAGE);
	BREAK(s->start, s->start + 8);
	BREAK(s->limit, s->limit + PAGE);
	BREAK(s->elemsize, 64);
	BREAK(s->spanclass, 200);
	BREAK(s->sweepgen, GEN - 6);
	BREAK(s->state, 3);
	BREAK(s->nelems, 171);
	BREAK(s->alloccount, 171);
	BREAK(s->allocbits, 0);
	BREAK(w.sweepgen, GEN + 1);
	BREAK(w.span_ptrs[1], 8);
	BREAK(w.arena[(s->start >> 13) % 8192], &w.spans[1]);
	BREAK(w.g[0].status, 77);
	BREAK(w.g[0].goid, 0);
	BREAK(w.g[0].high, w.g[0].low);
	BREAK(w.g[0].sp, w.g[0].low - 8);
	BREAK(w.allglen, 1ull << 40);
	BREAK(w.gs[1], 16);
#undef BREAK
}

static void assert_all_fail(int err)
{
	struct object o = { .addr = (uintptr_t)heap, .size = 48, .gen = GEN - 2 };
	struct goroutines gs;
	struct go_memstats m;
	uint64_t size;
	uint32_t gen;

	assert_int_equal(gomem_sweepgen(gm, &gen), err);
	assert_int_equal(gomem_alive(gm, &o, 1, &gen), err);
	assert_int_equal(gomem_alive(gm, &o, 0, &gen), err);
	assert_int_equal(gomem_slot_size(gm, o.addr, &size), err);
	assert_int_equal(gomem_slot_size(gm, o.addr + PAGE, &size), err);
	assert_int_equal(gomem_memstats(gm, &m), err);
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), err);
}

static void exec_now(uint64_t addr)
{
	if (addr == w.spans[0].allocbits || addr == w.g[0].sp || addr == (uintptr_t)w.ps)
		w.arenas += 8;
}

/* Its memory is gone already, its end is not known yet: no word about it. */
static void test_ending_process(void **state)
{
	fill_stats();
	add_g(1, 4, GOPARK, parked, ARRAY_SIZE(parked));
	assert_int_equal(check(), 0);
	n_unreadable = 0;
	read_error = -ESRCH;
	assert_int_equal(check(), -ESRCH);
	assert_int_equal(n_said + n_unreadable, 0);
	read_error = -EPERM;
	assert_int_equal(check(), -EPERM);
	assert_int_equal(n_unreadable, 1);
	read_error = 0;
}

/* Another program under the same pid, or none: errors, and no word where the end is known. */
static void test_another_process(void **state)
{
	struct object o = { .size = 48, .gen = GEN - 2 };
	struct goroutines gs;
	struct go_memstats m;
	uint64_t size;
	uint32_t gen;

	assert_int_equal(check(), -EAGAIN);
	fill_stats();
	add_g(1, 4, GOPARK, parked, ARRAY_SIZE(parked));
	assert_int_equal(check(), 0);
	o.addr = (uintptr_t)heap;
	assert_int_equal(gomem_slot_size(gm, o.addr, &size), 0);
	w.sweepgen -= 2;
	assert_all_fail(-EBADMSG);
	w.sweepgen += 3;
	assert_all_fail(-EBADMSG);
	w.sweepgen -= 1;
	w.arenas += 8;
	assert_all_fail(-EBADMSG);
	assert_int_equal(check(), -EBADMSG);
	assert_true(n_said);
	gone = "exec'ed another program";
	assert_int_equal(check(), -ESRCH);
	assert_false(n_said);
	w.arenas = 0;
	assert_all_fail(-EBADMSG);
	lo.arenas = 1;
	assert_all_fail(-EFAULT);

	make_layout();
	gone = NULL;
	w.arenas = (uintptr_t)w.arena_ptrs - 8 * (((uintptr_t)heap + (1ull << 47)) >> 26);
	hook = exec_now;	/* in the middle of the answer */
	assert_int_equal(gomem_alive(gm, &o, 1, &gen), -EBADMSG);
	w.arenas -= 8;
	assert_int_equal(gomem_goroutines(gm, true, &plenty, &gs), -EBADMSG);
	w.arenas = (uintptr_t)w.arena_ptrs - 8 * (((uintptr_t)heap + (1ull << 47)) >> 26);
	assert_int_equal(gomem_memstats(gm, &m), -EBADMSG);
}

/* Offsets from debug information that lies must not lead out of the copied structs. */
static void test_hostile_layout(void **state)
{
	struct gomem *other = NULL;
	struct go_layout good = lo;
	int saved = dup(STDERR_FILENO);

	assert_non_null(freopen("/dev/null", "w", stderr));
#define REFUSED(field, value) do { \
		lo.field = value; \
		assert_int_equal(gomem_open(&other, &target, NULL, &lo, BIAS), -EBADMSG); \
		lo = good; \
	} while (0)
	REFUSED(mspan_state, lo.mspan_size);
	REFUSED(mspan_startaddr, -1);
	REFUSED(mspan_size, 1 << 20);
	REFUSED(mspan_nelems, lo.mspan_freeindex + 4);
	REFUSED(g_goid, lo.g_size - 4);
	REFUSED(g_size, 1 << 20);
#undef REFUSED
	lo.heapstats_smallfreecount = lo.heapstats_size - 8;
	assert_int_equal(gomem_memstats(gm, &(struct go_memstats){ 0 }), -EBADMSG);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_null(other);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unswept_and_swept),
		TEST(test_other_span_now),
		TEST(test_inline_marks),
		TEST(test_tiny_and_headers),
		TEST(test_revived),
		TEST(test_revived_batch),
		TEST(test_revived_meanwhile),
		TEST(test_word_fields),
		TEST(test_batch),
		TEST(test_swept_meanwhile),
		TEST(test_marked_meanwhile),
		TEST(test_never_still),
		TEST(test_far_apart),
		TEST(test_many_pages),
		TEST(test_slot_size),
		TEST(test_read_once),
		TEST(test_side_by_side),
		TEST(test_goroutines),
		TEST(test_bad_stacks),
		TEST(test_finalizers),
		TEST(test_running_meanwhile),
		TEST(test_goroutine_limits),
		TEST(test_stack_limit),
		TEST(test_large_stack),
		TEST(test_copied_limit),
		TEST(test_interrupted),
		TEST(test_forged_table),
		TEST(test_table_moves),
		TEST(test_memstats),
		TEST(test_old_memstats),
		TEST(test_memstats_moved), TEST(test_memstats_emptied),
		TEST(test_forged_memstats),
		TEST(test_census_counts),
		TEST(test_census_moved_span),
		TEST(test_census_place),
		TEST(test_census_late),
		TEST(test_census_refilled),
		TEST(test_census_past),
		TEST(test_census_emptied),
		TEST(test_census_ended),
		TEST(test_census_swept),
		TEST(test_census_limit),
		TEST(test_census_allocs),
		TEST(test_census_moved_delta),
		TEST(test_census_cycles),
		TEST(test_census_bounds),
		TEST(test_gc),
		TEST(test_gc_17),
		TEST(test_trigger),
		TEST(test_memory_limit),
		TEST(test_check),
		TEST(test_ending_process),
		TEST(test_another_process),
		TEST(test_hostile_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
