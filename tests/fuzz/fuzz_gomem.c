// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz_gomem.c - a damaged Go runtime: every question of gomem.h is asked of it; must not crash,
 * hang, leak, or give more than was allowed.
 *
 *	fuzz_gomem PROGRAM ROUNDS SEED
 *
 * Starts PROGRAM, a Go program, waits for its first collections and stops it for good, so that
 * nothing moves any more.  In each round up to 64 words of what gomem reads are changed in its
 * memory, spans, mark bits, goroutines, stacks, tables, caches, globals, and put back afterwards.
 * The damage is decided by SEED and the round, but where things lie is the program's choice.  At
 * the end the answers must be those of the beginning.  Made for SAN=1; ends with 77 where the
 * memory of a child cannot be written.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/random.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/image.h"
#include "user/gomem/census.h"
#include "user/gomem/census_poll.h"
#include "user/gomem/gctrace.h"
#include "user/gomem/gomem.h"
#include "user/gomem/profile.h"
#include "user/model.h"
#include "user/object.h"
#include "user/target.h"

enum {
	MAX_DAMAGE = 64,	/* words per round */
	MAX_BUCKETS = 8,	/* of the runtime's profile, forged in a round */
	BUCKET_WORDS = 4,	/* and what is written of each */
	N_COLLECTIONS = 3,	/* waited for */
	N_SPANS_HELD = 5000,	/* looked at */
	MAX_GS = 5000,
	MAX_CACHES = 64,
	N_WAIT_REASONS = 40,	/* that exist in every version, about */
	OBJECTS_PER_SPAN = 2,
	ROUND_S = 60,		/* of processor time, far more than a round may take */
	CLEAN_BYTES = 16 << 20,
};

enum { SPAN_CLASSES = 136, ARENA_SHIFT = 26, PAGE_SHIFT = 13 };	/* see gomem_internal.h */

struct area {
	uint64_t addr, len;
};

enum kind {
	GLOBALS, ARENAS, SPAN_SLOTS, SPANS, BITS, ALLGS, GOROUTINES, STACKS, PROCS, CACHES, REASONS,
	N_KINDS
};

struct prey {
	pid_t pid;
	int mem;		/* /proc/PID/mem */
	struct target *target;
	struct image *image;
	struct gobin *gobin;
	struct go_layout lo;
	uint64_t bias;
	struct {
		struct area *v;
		size_t n, cap;
	} kinds[N_KINDS];
	struct object *objects;	/* real ones, by address */
	size_t n_objects, cap_objects;
};

struct damage {
	uint64_t addr, was;
	size_t width;
};

/* What is there to be asked, and whether it was answered. */
struct answers {
	int check, alive, memstats, census, allocs, goroutines, profile, gctrace;
	uint64_t n_census;	/* objects */
	uint64_t n_allocs, n_freed, n_uncertain;
	struct go_memstats stats;
	size_t n_live, n_dead, n_goroutines, n_pcs, n_sized;
};

static void fail(const char *what)
{
	printf("fuzz_gomem: %s\n", what);
	exit(1);
}

/* ---- the program ---------------------------------------------------------------------------- */

/* Returns when the child is the program and no longer this one. */
static void start(struct prey *p, char *program)
{
	int exec_pipe[2];
	char c;

	if (pipe2(exec_pipe, O_CLOEXEC))
		fail("no pipe");
	p->pid = fork();
	if (!p->pid) {
		int null = open("/dev/null", O_WRONLY);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		setenv("GOGC", "10", 1);
		execv(program, (char *[]){ program, NULL });
		_exit(127);
	}
	close(exec_pipe[1]);
	if (p->pid < 0 || read(exec_pipe[0], &c, 1))
		fail("the program cannot be started");
	close(exec_pipe[0]);
}

static void find_bias(struct prey *p)
{
	const struct image_segment *segs;
	const struct target_map *maps;
	size_t n_segs, n_maps;

	segs = image_segments(p->image, &n_segs);
	if (target_exe_maps(p->target, &maps, &n_maps))
		fail("cannot read the program's maps");
	for (size_t i = 0; i < n_maps; i++)
		for (size_t k = 0; maps[i].exec && k < n_segs; k++)
			if (segs[k].exec && segs[k].file_off >= maps[i].file_off &&
			    segs[k].file_off - maps[i].file_off < maps[i].end - maps[i].start)
				p->bias = maps[i].start + segs[k].file_off - maps[i].file_off -
					  segs[k].vaddr;
}

static void open_program(struct prey *p, char *program)
{
	char path[32];
	int err;

	start(p, program);
	if (target_open(&p->target, p->pid)) {
		printf("the memory of a child cannot be read\n");
		exit(77);
	}
	err = image_open(&p->image, program, program);
	if (!err)
		err = gobin_open(&p->gobin, p->image);
	if (!err)
		err = golayout_get(p->gobin, &p->lo);
	if (err)
		fail("this is no Go program");
	find_bias(p);
	snprintf(path, sizeof(path), "/proc/%d/mem", p->pid);
	p->mem = open(path, O_RDWR | O_CLOEXEC);
	if (p->mem < 0) {
		printf("the memory of a child cannot be written\n");
		exit(77);
	}
}

/* Until the program has done some collections; then it stops. */
static void stop_program(struct prey *p)
{
	uint32_t gen = 0;
	struct gomem *gm;
	int status;

	if (gomem_open(&gm, p->target, p->gobin, &p->lo, p->bias))
		fail("the layout is not one");
	while (gomem_check(gm) || gomem_sweepgen(gm, &gen) || gen < 2 * N_COLLECTIONS) {
		if (waitpid(p->pid, &status, WNOHANG))
			fail("the program ended before it had done some collections");
		usleep(1000);
	}
	gomem_close(gm);
	kill(p->pid, SIGSTOP);
	if (waitpid(p->pid, &status, WUNTRACED) != p->pid || !WIFSTOPPED(status))
		fail("the program does not stop");
}

static void close_program(struct prey *p)
{
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	close(p->mem);
	for (size_t i = 0; i < N_KINDS; i++)
		free(p->kinds[i].v);
	free(p->objects);
	gobin_close(p->gobin);
	image_close(p->image);
	target_close(p->target);
}

/* ---- what deserves damage ------------------------------------------------------------------- */

static uint64_t word(const struct prey *p, uint64_t addr)
{
	uint64_t v = 0;

	if (target_read(p->target, addr, &v, sizeof(v)))
		fail("the undamaged program cannot be read");
	return v;
}

static void add_area(struct prey *p, enum kind kind, uint64_t addr, uint64_t len)
{
	if (!addr || !len)
		return;
	p->kinds[kind].v = grow(p->kinds[kind].v, p->kinds[kind].n, &p->kinds[kind].cap,
				sizeof(struct area));
	p->kinds[kind].v[p->kinds[kind].n++] = (struct area){ addr, len };
}

static void add_globals(struct prey *p)
{
	const struct go_layout *lo = &p->lo;

	add_area(p, GLOBALS, lo->sweepgen + p->bias, 4);
	add_area(p, GLOBALS, lo->arenas + p->bias, 8);
	add_area(p, GLOBALS, lo->allglen + p->bias, 8);
	add_area(p, GLOBALS, lo->allgptr + p->bias, 8);
	add_area(p, GLOBALS, lo->allp + p->bias, 16);
	add_area(p, GLOBALS, lo->mheap + p->bias + (uint32_t)lo->mheap_allspans, 16);
	add_area(p, GLOBALS, lo->memstats_heapstats + p->bias, 3ull * (uint32_t)lo->heapstats_size);
	add_area(p, GLOBALS, lo->gccontroller + p->bias, 400);
	add_area(p, GLOBALS, lo->mbuckets + p->bias, 8);
	add_area(p, GLOBALS, lo->memprofilerate + p->bias, 8);
	add_area(p, GLOBALS, lo->memstats + p->bias + (uint32_t)lo->mstats_pause_ns, 4096);
	add_area(p, GLOBALS, lo->memstats + p->bias + (uint32_t)lo->mstats_numgc, 8);
	add_area(p, GLOBALS, lo->work + p->bias + (uint32_t)lo->work_cycles, 100);
	if (lo->waitreasonstrings)
		add_area(p, REASONS, lo->waitreasonstrings + p->bias, N_WAIT_REASONS * 16);
}

/* One area for each field that gomem takes out of the struct at addr. */
static void add_fields(struct prey *p, enum kind kind, uint64_t addr, const int32_t (*fields)[2],
		       size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fields[i][0] >= 0)
			add_area(p, kind, addr + (uint32_t)fields[i][0], (uint32_t)fields[i][1]);
}

static void add_object(struct prey *p, uint64_t addr, uint64_t size, uint32_t gen)
{
	p->objects = grow(p->objects, p->n_objects, &p->cap_objects, sizeof(*p->objects));
	p->objects[p->n_objects++] = (struct object){ .addr = addr, .size = size, .gen = gen };
}

static void add_span(struct prey *p, uint64_t span, uint32_t gen)
{
	const struct go_layout *lo = &p->lo;
	const int32_t fields[][2] = {	/* offset, bytes */
		{ lo->mspan_startaddr, 8 }, { lo->mspan_npages, 8 }, { lo->mspan_limit, 8 },
		{ lo->mspan_elemsize, 8 }, { lo->mspan_nelems, 2 }, { lo->mspan_allocbits, 8 },
		{ lo->mspan_gcmarkbits, 8 }, { lo->mspan_sweepgen, 4 },
		{ lo->mspan_alloccount, 2 }, { lo->mspan_alloccountbeforecache, 2 },
		{ lo->mspan_spanclass, 1 }, { lo->mspan_state, 1 },
	};
	uint64_t start = word(p, span + (uint32_t)lo->mspan_startaddr);
	uint64_t size = word(p, span + (uint32_t)lo->mspan_elemsize);
	uint64_t table = word(p, lo->arenas + p->bias);
	uint64_t slot = table + 8 * ((start + (1ull << 47)) >> ARENA_SHIFT);
	uint8_t state = (uint8_t)word(p, span + (uint32_t)lo->mspan_state);

	if (state != 1)		/* in use */
		return;
	add_fields(p, SPANS, span, fields, ARRAY_SIZE(fields));
	add_area(p, ARENAS, slot, 8);
	add_area(p, SPAN_SLOTS, word(p, slot) + (uint32_t)lo->heaparena_spans +
		 8 * (start >> PAGE_SHIFT & ((1 << (ARENA_SHIFT - PAGE_SHIFT)) - 1)), 8);
	add_area(p, BITS, word(p, span + (uint32_t)lo->mspan_allocbits), 64);
	add_area(p, BITS, word(p, span + (uint32_t)lo->mspan_gcmarkbits), 64);
	if (lo->inline_marks)
		add_area(p, BITS, start + (1 << PAGE_SHIFT) - 128, 128);
	for (uint64_t i = 0; i < OBJECTS_PER_SPAN; i++)
		add_object(p, start + i * size, size, gen - 2);
}

static int by_addr(const void *a, const void *b)
{
	uint64_t x = ((const struct object *)a)->addr, y = ((const struct object *)b)->addr;

	return x < y ? -1 : x > y;
}

static void add_spans(struct prey *p)
{
	uint64_t header = p->lo.mheap + p->bias + (uint32_t)p->lo.mheap_allspans;
	uint64_t all = word(p, header), n = word(p, header + 8);
	uint32_t gen = (uint32_t)word(p, p->lo.sweepgen + p->bias);

	for (uint64_t i = 0; i < n && i < N_SPANS_HELD; i++)
		add_span(p, word(p, all + 8 * i), gen);
	if (p->n_objects)
		qsort(p->objects, p->n_objects, sizeof(*p->objects), by_addr);
}

static void add_goroutines(struct prey *p)
{
	const struct go_layout *lo = &p->lo;
	const int32_t fields[][2] = {
		{ lo->g_stack_lo, 8 }, { lo->g_stack_hi, 8 }, { lo->g_sched_sp, 8 },
		{ lo->g_sched_pc, 8 }, { lo->g_syscallsp, 8 }, { lo->g_syscallpc, 8 },
		{ lo->g_atomicstatus, 4 }, { lo->g_goid, 8 }, { lo->g_waitsince, 8 },
		{ lo->g_waitreason, 1 }, { lo->g_gopc, 8 }, { lo->g_startpc, 8 },
	};
	uint64_t n = word(p, p->lo.allglen + p->bias), all = word(p, p->lo.allgptr + p->bias);

	add_area(p, ALLGS, all, 8 * n);
	for (uint64_t i = 0; i < n && i < MAX_GS; i++) {
		uint64_t g = word(p, all + 8 * i);
		uint64_t sp = word(p, g + (uint32_t)p->lo.g_sched_sp);
		uint64_t high = word(p, g + (uint32_t)p->lo.g_stack_hi);

		add_fields(p, GOROUTINES, g, fields, ARRAY_SIZE(fields));
		if (sp && sp < high)
			add_area(p, STACKS, sp, high - sp);
	}
}

static void add_caches(struct prey *p)
{
	uint64_t all = word(p, p->lo.allp + p->bias), n = word(p, p->lo.allp + p->bias + 8);

	add_area(p, PROCS, all, 8 * n);
	for (uint64_t i = 0; i < n && i < MAX_CACHES; i++) {
		uint64_t slot = word(p, all + 8 * i) + (uint32_t)p->lo.p_mcache;
		uint64_t cache = word(p, slot);

		add_area(p, PROCS, slot, 8);
		if (!cache)
			continue;
		add_area(p, CACHES, cache + (uint32_t)p->lo.mcache_alloc, SPAN_CLASSES * 8);
		add_area(p, CACHES, cache + (uint32_t)p->lo.mcache_tinyallocs, 8);
	}
}

static void find_areas(struct prey *p)
{
	add_globals(p);
	add_spans(p);
	add_goroutines(p);
	add_caches(p);
}

/* ---- damage --------------------------------------------------------------------------------- */

static const struct area *some_area(const struct prey *p, uint64_t *state)
{
	size_t kind = random_below(state, N_KINDS);

	while (!p->kinds[kind].n)
		kind = (kind + 1) % N_KINDS;
	return &p->kinds[kind].v[random_below(state, p->kinds[kind].n)];
}

/* What loops and allocations trip over, a neighbour of what is there, or a pointer to something
 * else of the runtime. */
static uint64_t odd_value(const struct prey *p, uint64_t *state, uint64_t was)
{
	static const uint64_t odd[] = {
		1, 2, 7, 8, 0x7f, 0x80, 0xff, 1000, 0xffff, 1 << 20, 0x7fffffff, 0x80000000,
		0xffffffff, UINT64_MAX, UINT64_MAX - 7, 1ull << 63, 1ull << 47, 0x400000,
		0x7ffffffff000,
	};

	switch (random_below(state, 6)) {
	case 0:
		return was + random_below(state, 65) - 32;
	case 1:
		return random_u64(state);
	case 2:
		return was ^ 1ull << random_below(state, 64);
	case 3:
		return some_area(p, state)->addr;
	case 4:
		return 0;
	default:
		return odd[random_below(state, ARRAY_SIZE(odd))];
	}
}

static void put(const struct prey *p, uint64_t addr, const void *v, size_t width)
{
	if (pwrite(p->mem, v, width, (off_t)addr) != (ssize_t)width)
		fail("cannot write to the program");
}

static void change(const struct prey *p, struct damage *d, uint64_t addr, uint64_t v)
{
	*d = (struct damage){ .addr = addr, .was = word(p, addr), .width = sizeof(v) };
	put(p, addr, &v, sizeof(v));
}

/*
 * The program has no memory profiler: buckets on the stacks of goroutines, each leading to the next
 * or to one before it.  Returns how many words were changed.
 */
static size_t forge_buckets(const struct prey *p, uint64_t *state, struct damage *done)
{
	const struct go_layout *lo = &p->lo;
	size_t n = 0, n_buckets = 1 + random_below(state, MAX_BUCKETS);
	uint64_t at[MAX_BUCKETS];

	for (size_t i = 0; i < n_buckets; i++)
		at[i] = p->kinds[STACKS].v[random_below(state, p->kinds[STACKS].n)].addr;
	change(p, &done[n++], lo->memprofilerate + p->bias, 1 + random_below(state, 1 << 20));
	change(p, &done[n++], lo->mbuckets + p->bias, at[0]);
	for (size_t i = 0; i < n_buckets; i++) {
		uint64_t next = i + 1 < n_buckets ? at[i + 1] : 0;
		const struct { int32_t off; uint64_t v; } words[BUCKET_WORDS] = {
			{ lo->bucket_allnext, random_below(state, 4) ? next : at[0] },
			{ lo->bucket_typ, 1 },
			{ lo->bucket_objectsize, random_below(state, 1 << 20) },
			{ lo->bucket_nstk, random_below(state, 1 << random_below(state, 12)) },
		};

		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			change(p, &done[n++], at[i] + (uint32_t)words[k].off, words[k].v);
	}
	return n;
}

static size_t do_damage(const struct prey *p, uint64_t *state, struct damage *done)
{
	size_t n = 1 + random_below(state, random_below(state, 2) ? 4 : MAX_DAMAGE);

	for (size_t i = 0; i < n; i++) {
		const struct area *a = some_area(p, state);
		struct damage *d = &done[i];
		uint64_t v;

		d->width = random_below(state, 3) ? 8 : 1u << random_below(state, 3);
		if (d->width > a->len)
			d->width = a->len;
		d->addr = a->addr + random_below(state, a->len / d->width) * d->width;
		d->was = 0;
		if (target_read(p->target, d->addr, &d->was, d->width))
			fail("the program cannot be read");
		v = odd_value(p, state, d->was);
		put(p, d->addr, &v, d->width);
	}
	return n;
}

static void undo_damage(const struct prey *p, const struct damage *done, size_t n)
{
	while (n--)
		put(p, done[n].addr, &done[n].was, done[n].width);
}

/* ---- the questions -------------------------------------------------------------------------- */

static void ask_alive(const struct prey *p, struct gomem *gm, uint64_t *state, struct answers *out)
{
	size_t n = random_below(state, 3) ? p->n_objects : 1 + random_below(state, p->n_objects);
	size_t first = random_below(state, p->n_objects - n + 1);
	struct object *o = xcalloc(n, sizeof(*o));
	uint32_t gen;

	for (size_t i = 0; i < n; i++) {
		o[i] = p->objects[first + i];
		o[i].index = i;
		if (!random_below(state, 8))
			o[i].addr += random_below(state, 1 << PAGE_SHIFT);
		if (!random_below(state, 50))
			o[i].addr = random_u64(state) >> random_below(state, 64);
	}
	qsort(o, n, sizeof(*o), by_addr);
	for (size_t i = 0; i < n; i++)
		o[i].index = i;
	out->alive = gomem_alive(gm, o, n, &gen);
	for (size_t i = 0; i < n && !out->alive; i++) {
		if (o[i].liveness > LIVENESS_TOO_YOUNG || o[i].index != i)
			fail("an object was answered with nonsense");
		out->n_live += o[i].liveness == LIVENESS_LIVE;
		out->n_dead += o[i].liveness == LIVENESS_DEAD;
	}
	free(o);
}

static void ask_slot_size(const struct prey *p, struct gomem *gm, uint64_t *state,
			  struct answers *out)
{
	uint64_t addr, size;

	for (int i = 0; i < 20; i++) {
		addr = p->objects[random_below(state, p->n_objects)].addr + random_below(state, 64);
		if (!random_below(state, 8))
			addr = random_u64(state) >> random_below(state, 64);
		size = 0;
		if (gomem_slot_size(gm, addr, &size))
			continue;
		if (!size)
			fail("a slot without a size");
		out->n_sized++;
	}
}

/* How often it may still be asked before it says yes; -1: it has. */
static bool interrupted(void *ctx)
{
	int *left = ctx;

	if (*left < 0)
		fail("a look went on after its interruption");
	return (*left)-- == 0;
}

static void check_goroutines(const struct goroutines *gs, size_t max_bytes, struct answers *out)
{
	for (size_t i = 0; i < gs->n; i++) {
		const struct goroutine *g = &gs->v[i];

		if ((i && gs->v[i - 1].goid >= g->goid) || !g->state || strlen(g->state) > 100)
			fail("goroutines out of order, twice, or without a state");
		if (g->n_pcs > MAX_G_FRAMES || (g->n_pcs && g->pcs < gs->pcs))
			fail("a goroutine with an impossible stack");
		for (size_t k = 0; k < g->n_pcs; k++)
			out->n_pcs += g->pcs[k] != UINT64_MAX;	/* readable */
	}
	out->n_goroutines = gs->n;
	if (gs->n * sizeof(*gs->v) + out->n_pcs * sizeof(*gs->pcs) > max_bytes)
		fail("more of goroutines than was allowed");
}

static void ask_goroutines(struct gomem *gm, const struct goroutines_limits *limits,
			   bool with_stacks, struct answers *out)
{
	struct goroutines gs;

	out->goroutines = gomem_goroutines(gm, with_stacks, limits, &gs);
	if (out->goroutines)
		return;
	check_goroutines(&gs, limits->max_bytes, out);
	goroutines_free(&gs);
}

/* Every other time as if it were asked after the collection. */
static void ask_census(const struct prey *p, struct gomem *gm, bool late, struct answers *out)
{
	uint8_t raw[3 * 2048];
	struct census_mark mark = { 0 };
	struct census_past past = { 0 };
	uint64_t addr;
	size_t len;

	out->census = -EBADMSG;
	if (!census_place(gm, &addr, &len))
		return;
	if (len > sizeof(raw))
		fail("more of the runtime's counts than there can be");
	out->census = target_read(p->target, addr, raw, len);
	if (!out->census && !late)
		out->census = gomem_sweepgen(gm, &mark.gen);
	for (int i = 0; i < 2 && !out->census; i++, mark.time_ns = past.last.end_ns + 1)
		out->census = census_read(gm, raw, &past, &mark);
	for (size_t i = 0; i < CENSUS_CLASSES && !out->census; i++) {
		out->n_census += mark.counts.n_alloc[i] - mark.counts.n_free[i];
		out->n_freed += mark.counts.n_free[i];
		if ((int64_t)(mark.below[i] | mark.above[i]) < 0)
			fail("the bounds of a count contradict each other");
	}
}

/* Whatever is there, the next look is told, and soon. */
static void look_for_mark(struct gomem *gm)
{
	uint64_t now = 1, next = 0;
	struct census_poll *poll;
	struct census_mark mark;

	census_poll_new(&poll, gm);
	for (int i = 0; i < 3; i++, now = next) {
		if (census_poll_look(poll, now, &mark, &next) < 0)
			break;
		if (next <= now || next > now + 10000000000)
			fail("the next look at the collector is in the past or too late");
	}
	census_poll_free(poll);
}

static void ask_allocs(struct gomem *gm, struct answers *out)
{
	struct census_reading r;

	out->allocs = census_allocs(gm, &r);
	for (size_t i = 0; i < CENSUS_CLASSES && !out->allocs; i++) {
		out->n_allocs += r.counts.n_alloc[i];
		out->n_uncertain += r.above[i];
	}
}

static void check_profile(const struct profile *pr, size_t max_bytes)
{
	if (pr->n * sizeof(*pr->v) + pr->n_pcs * sizeof(*pr->pcs) > max_bytes)
		fail("more of the profile than was allowed");
	for (size_t i = 0; i < pr->n; i++) {
		const struct profile_bucket *b = &pr->v[i];

		if (b->n_pcs > MAX_PROFILE_STACK || b->first_pc + b->n_pcs > pr->n_pcs)
			fail("a bucket with an impossible stack");
	}
}

/* Twice, for the second look goes on from the first. */
static void ask_profile(struct gomem *gm, uint64_t *state, struct answers *out)
{
	const struct profile_limits limits = {
		.max_bytes = random_below(state, 1 << random_below(state, 20)) };
	struct profile_reader *r = profile_open(gm, &limits);
	const struct profile *profile;

	for (int i = 0; i < 2; i++) {
		out->profile = profile_look(r, &profile);
		if (!out->profile)
			check_profile(profile, limits.max_bytes);
	}
	profile_close(r);
}

static void ask_gctrace(struct gomem *gm, struct answers *out)
{
	struct gc_cycle cycles[GCTRACE_MOST];
	struct gctrace *t = gctrace_open(gm);
	uint64_t n_missed;
	int n = gctrace_look(t, cycles, &n_missed);

	if (n > GCTRACE_MOST)
		fail("more collections than there is room for");
	out->gctrace = n < 0 ? n : 0;
	for (int i = 0; i < n; i++)
		if (cycles[i].end_ns != UNKNOWN_U64 && cycles[i].end_ns < cycles[i].begin_ns)
			fail("a collection that ended before it began");
	gctrace_close(t);
}

static void ask(const struct prey *p, struct gomem *gm, uint64_t *state, struct answers *out)
{
	int left = (int)random_below(state, 20);
	struct goroutines_limits limits = {
		.max_bytes = random_below(state, 2) ? CLEAN_BYTES :
					      random_below(state, 1 << random_below(state, 20)),
		.interrupted = random_below(state, 2) ? interrupted : NULL, .ctx = &left };

	out->check = gomem_check(gm);
	ask_alive(p, gm, state, out);
	ask_slot_size(p, gm, state, out);
	out->memstats = gomem_memstats(gm, &out->stats);
	ask_census(p, gm, random_below(state, 2), out);
	ask_allocs(gm, out);
	look_for_mark(gm);
	ask_goroutines(gm, &limits, random_below(state, 8), out);
	ask_profile(gm, state, out);
	ask_gctrace(gm, out);
}

/* Of the undamaged program, always the same questions. */
static void ask_clean(const struct prey *p, struct answers *out)
{
	const struct goroutines_limits limits = { .max_bytes = CLEAN_BYTES };
	uint64_t state = 1;
	struct gomem *gm;

	*out = (struct answers){ 0 };
	if (gomem_open(&gm, p->target, p->gobin, &p->lo, p->bias))
		fail("the layout is not one");
	out->check = gomem_check(gm);
	ask_alive(p, gm, &state, out);
	ask_slot_size(p, gm, &state, out);
	out->memstats = gomem_memstats(gm, &out->stats);
	ask_census(p, gm, false, out);
	ask_allocs(gm, out);
	ask_goroutines(gm, &limits, true, out);
	ask_profile(gm, &state, out);
	ask_gctrace(gm, out);
	gomem_close(gm);
	if (out->check || out->alive || out->memstats || out->census || out->goroutines ||
	    out->n_census != out->stats.heap_objects || !out->n_live || out->allocs ||
	    out->n_uncertain || out->n_allocs - out->n_census != out->n_freed ||
	    out->profile != -ENOENT || out->gctrace ||
	    !out->n_dead || !out->n_sized || out->n_goroutines < 3 || out->n_pcs < 10)
		fail("the undamaged program does not answer");
}

static bool same_answers(const struct answers *a, const struct answers *b)
{
	return a->n_census == b->n_census && a->n_live == b->n_live && a->n_dead == b->n_dead &&
	       a->n_sized == b->n_sized &&
	       a->n_goroutines == b->n_goroutines && a->n_pcs == b->n_pcs &&
	       a->stats.mallocs == b->stats.mallocs && a->stats.frees == b->stats.frees &&
	       a->stats.heap_alloc == b->stats.heap_alloc &&
	       a->stats.next_gc == b->stats.next_gc && a->stats.num_gc == b->stats.num_gc;
}

static void run_round(const struct prey *p, uint64_t seed, uint64_t round, struct answers *out)
{
	uint64_t state = random_start(seed, round);
	struct damage damage[2 + MAX_BUCKETS * BUCKET_WORDS + MAX_DAMAGE];
	struct gomem *gm;
	size_t n = 0;

	if (gomem_open(&gm, p->target, p->gobin, &p->lo, p->bias))
		fail("the layout is not one");
	if (random_below(&state, 2) && gomem_check(gm))	/* the damage comes later */
		fail("the undamaged program is not as expected");
	if (!random_below(&state, 3))
		n = forge_buckets(p, &state, damage);
	n += do_damage(p, &state, damage + n);
	ask(p, gm, &state, out);
	undo_damage(p, damage, n);
	gomem_close(gm);
}

static void run_rounds(const struct prey *p, uint64_t n, uint64_t seed)
{
	const struct itimerval guard = { .it_value.tv_sec = ROUND_S };	/* SIGPROF ends a hang */
	unsigned long long n_checked = 0, n_alive = 0, n_goroutines = 0, n_memstats = 0;
	unsigned long long n_profiles = 0;
	struct answers before, after;

	ask_clean(p, &before);
	for (uint64_t i = 0; i < n; i++) {
		struct answers a = { 0 };

		setitimer(ITIMER_PROF, &guard, NULL);
		run_round(p, seed, i, &a);
		n_checked += !a.check;
		n_alive += !a.alive;
		n_goroutines += !a.goroutines;
		n_memstats += !a.memstats;
		n_profiles += !a.profile;
	}
	ask_clean(p, &after);
	if (!same_answers(&before, &after))
		fail("the program answers otherwise than before");
	printf("fuzz_gomem: %llu rounds, %llu passed the check, %llu looks at objects, %llu at "
	       "goroutines, %llu at memory, %llu at forged profiles were answered\n",
	       (unsigned long long)n, n_checked, n_alive, n_goroutines, n_memstats, n_profiles);
}

int main(int argc, char **argv)
{
	struct prey p = { 0 };
	uint64_t n, seed;
	FILE *null = fopen("/dev/null", "w"), *was = stderr;

	if (argc != 4 || !null) {
		fprintf(stderr, "usage: fuzz_gomem PROGRAM ROUNDS SEED\n");
		return 2;
	}
	n = strtoull(argv[2], NULL, 0);
	seed = strtoull(argv[3], NULL, 0);
	stderr = null;		/* our own messages; sanitizers write to the descriptor */
	open_program(&p, argv[1]);
	stop_program(&p);
	find_areas(&p);
	run_rounds(&p, n, seed);
	close_program(&p);
	stderr = was;
	fclose(null);
	return 0;
}
