// SPDX-License-Identifier: BSD-2-Clause
/*
 * gomem.c - an open runtime: the words of its memory, its arenas and spans, and whether the layout
 * fits it.  The questions themselves are answered in alive.c, stats.c and
 * goroutines.c.
 */
#include "user/gomem/gomem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gomem_internal.h"

enum {
	SAMPLES = 200,		/* spans and goroutines looked at by the check */
	CHECK_TRIES = 4,	/* what changes while it is read is read again */
};

uint64_t gomem_u64(const uint8_t *raw, int32_t off)
{
	uint64_t v = 0;

	if (off >= 0)
		memcpy(&v, raw + off, sizeof(v));
	return v;
}

uint32_t gomem_u32(const uint8_t *raw, int32_t off)
{
	uint32_t v = 0;

	if (off >= 0)
		memcpy(&v, raw + off, sizeof(v));
	return v;
}

uint16_t gomem_u16(const uint8_t *raw, int32_t off)
{
	uint16_t v = 0;

	if (off >= 0)
		memcpy(&v, raw + off, sizeof(v));
	return v;
}

int gomem_read_u64(const struct gomem *gm, uint64_t addr, uint64_t *v)
{
	return target_read(gm->t, addr, v, sizeof(*v));
}

/* freeindex and nelems follow each other: words up to Go 1.21, uint16 from 1.22 on. */
static uint64_t word_or_half(const struct go_layout *lo, const uint8_t *raw, int32_t off)
{
	return lo->mspan_nelems - lo->mspan_freeindex == 8 ? gomem_u64(raw, off)
							   : gomem_u16(raw, off);
}

uint64_t gomem_nelems(const struct go_layout *lo, const uint8_t *raw, int32_t from)
{
	return word_or_half(lo, raw, lo->mspan_nelems - from);
}

void gomem_parse_span(const struct gomem *gm, const uint8_t *raw, struct go_span *out)
{
	const struct go_layout *lo = gm->lo;

	*out = (struct go_span){
		.start = gomem_u64(raw, lo->mspan_startaddr),
		.npages = gomem_u64(raw, lo->mspan_npages),
		.limit = gomem_u64(raw, lo->mspan_limit),
		.elemsize = gomem_u64(raw, lo->mspan_elemsize),
		.nelems = gomem_nelems(lo, raw, 0),
		.freeindex = word_or_half(lo, raw, lo->mspan_freeindex),
		.allocbits = gomem_u64(raw, lo->mspan_allocbits),
		.gcmarkbits = gomem_u64(raw, lo->mspan_gcmarkbits),
		.largetype = gomem_u64(raw, lo->mspan_largetype),
		.specials = gomem_u64(raw, lo->mspan_specials),
		.sweepgen = gomem_u32(raw, lo->mspan_sweepgen),
		.alloccount = gomem_u16(raw, lo->mspan_alloccount),
		.alloccount_before = gomem_u16(raw, lo->mspan_alloccountbeforecache),
		.spanclass = raw[lo->mspan_spanclass],
		.state = raw[lo->mspan_state],
	};
}

/*
 * A process that has exec'ed keeps its pid, and what is read under it are the bytes of another
 * program.  Two words tell: sweepgen never goes back, and the table of arenas is mapped once, at
 * an address that the kernel chooses (mallocinit and (*mheap).sysAlloc in runtime/malloc.go).
 * Each question reads both at its begin and at its end.
 */
struct anchor {
	uint64_t arenas;
	uint32_t gen;
};

static void anchor_reads(const struct gomem *gm, struct anchor *a, struct target_read reads[2])
{
	reads[0] = (struct target_read){ .addr = gm->lo->arenas + gm->bias, .buf = &a->arenas,
					 .len = sizeof(a->arenas) };
	reads[1] = (struct target_read){ .addr = gm->lo->sweepgen + gm->bias, .buf = &a->gen,
					 .len = sizeof(a->gen) };
}

static int anchor_compare(struct gomem *gm, const struct anchor *a)
{
	if ((gm->arenas && a->arenas != gm->arenas) || a->gen % 2 ||
	    (int32_t)(a->gen - gm->gen) < 0)
		return -EBADMSG;
	gm->arenas = a->arenas;
	gm->gen = a->gen;
	return 0;
}

int gomem_sweepgen(struct gomem *gm, uint32_t *gen)
{
	struct target_read reads[2];
	struct anchor a;
	int err;

	anchor_reads(gm, &a, reads);
	if (target_read_many(gm->t, reads, 2) != 2) {
		err = target_read(gm->t, reads[1].addr, &a.gen, sizeof(a.gen));	/* its errno */
		return err ? err : -EFAULT;
	}
	err = anchor_compare(gm, &a);
	if (!err)
		*gen = a.gen;
	return err;
}

/* An arena once made stays where it is. */
int gomem_arena(struct gomem *gm, uint64_t addr, uint64_t *arena)
{
	uint64_t index = arena_index(addr);
	size_t i = index % N_ARENA_CACHE;
	int err;

	*arena = 0;
	if (addr >= GO_ADDR_END)
		return 0;
	if (gm->arena_cache[i].index != index) {
		err = gomem_read_u64(gm, gm->arenas + 8 * index, arena);
		if (err || !*arena)
			return err;
		gm->arena_cache[i].index = index;
		gm->arena_cache[i].arena = *arena;
	}
	*arena = gm->arena_cache[i].arena;
	return 0;
}

bool gomem_in_heap(struct gomem *gm, uint64_t addr)
{
	uint64_t arena;

	return !gomem_arena(gm, addr, &arena) && arena;
}

uint64_t gomem_span_slot(const struct gomem *gm, uint64_t arena, uint64_t addr)
{
	return arena + (uint32_t)gm->lo->heaparena_spans + 8 * arena_page(addr);
}

/* Read before the table, which is then never shorter: runtime.forEachGRace. */
int gomem_allgs_len(const struct gomem *gm, size_t *n)
{
	uint64_t len;
	int err = gomem_read_u64(gm, gm->lo->allglen + gm->bias, &len);

	if (err)
		return err;
	if (len > MAX_GOROUTINES)
		return -EBADMSG;
	*n = len;
	return 0;
}

int gomem_allgs_read(const struct gomem *gm, size_t first, uint64_t *gs, size_t n)
{
	uint64_t ptr, again, at = gm->lo->allgptr + gm->bias;
	int err, failed;

	for (int i = 0; i < CHECK_TRIES; i++) {
		err = gomem_read_u64(gm, at, &ptr);
		if (err)
			return err;
		if (gomem_bad_pointer(ptr))
			return -EBADMSG;
		failed = target_read(gm->t, ptr + 8 * first, gs, n * sizeof(*gs));
		err = gomem_read_u64(gm, at, &again);
		if (err || again == ptr)
			return err ? err : failed;
		/* grown meanwhile: the old array may be garbage already */
	}
	return -EAGAIN;
}

static bool field_fits(int32_t off, int32_t width, int32_t size)
{
	return off >= 0 && off <= size - width;
}

/* The fields that are taken out of a copied struct: the offsets may come from a hostile file. */
static bool layout_sane(const struct go_layout *lo)
{
	const struct { int32_t off, width; } span[] = {
		{ lo->mspan_startaddr, 8 }, { lo->mspan_npages, 8 }, { lo->mspan_limit, 8 },
		{ lo->mspan_elemsize, 8 }, { lo->mspan_freeindex, 2 }, { lo->mspan_nelems, 2 },
		{ lo->mspan_allocbits, 8 }, { lo->mspan_gcmarkbits, 8 }, { lo->mspan_sweepgen, 4 },
		{ lo->mspan_alloccount, 2 }, { lo->mspan_spanclass, 1 }, { lo->mspan_state, 1 },
	}, g[] = {
		{ lo->g_stack_lo, 8 }, { lo->g_stack_hi, 8 }, { lo->g_sched_sp, 8 },
		{ lo->g_sched_pc, 8 }, { lo->g_syscallsp, 8 }, { lo->g_syscallpc, 8 },
		{ lo->g_atomicstatus, 4 }, { lo->g_goid, 8 }, { lo->g_waitsince, 8 },
		{ lo->g_waitreason, 1 }, { lo->g_gopc, 8 }, { lo->g_startpc, 8 },
	};
	bool ok = lo->mspan_size <= MAX_RAW && lo->g_size <= MAX_RAW;
	int32_t distance = lo->mspan_nelems - lo->mspan_freeindex;

	for (size_t i = 0; i < ARRAY_SIZE(span); i++)
		ok = ok && field_fits(span[i].off, span[i].width, lo->mspan_size);
	for (size_t i = 0; i < ARRAY_SIZE(g); i++)
		ok = ok && field_fits(g[i].off, g[i].width, lo->g_size);
	if (distance == 8)
		ok = ok && field_fits(lo->mspan_nelems, 8, lo->mspan_size);
	else
		ok = ok && distance == 2;
	ok = ok && (lo->mspan_alloccountbeforecache < 0 ||
		    field_fits(lo->mspan_alloccountbeforecache, 2, lo->mspan_size)) &&
	     (lo->mspan_largetype < 0 || field_fits(lo->mspan_largetype, 8, lo->mspan_size)) &&
	     (lo->mspan_specials < 0 || field_fits(lo->mspan_specials, 8, lo->mspan_size));
	return ok && lo->heaparena_spans >= 0 && lo->mheap_allspans >= 0 && lo->arenas &&
	       lo->sweepgen && lo->mheap && lo->allglen && lo->allgptr;
}

int gomem_open(struct gomem **out, struct target *t, const struct gobin *gb,
	       const struct go_layout *lo, uint64_t bias)
{
	struct gomem *gm;

	if (!layout_sane(lo)) {
		say_error("process %d: the places of the runtime's fields (%s) contradict each "
			  "other: is the debug information that of this binary?", target_pid(t),
			  lo->fields_from);
		return -EBADMSG;
	}
	gm = xcalloc(1, sizeof(*gm));
	gm->t = t;
	gm->gb = gb;
	gm->lo = lo;
	gm->bias = bias;
	*out = gm;
	return 0;
}

void gomem_close(struct gomem *gm)
{
	if (!gm)
		return;
	gomem_batch_free(gm->batch);
	free(gm->ps);
	free(gm->mcaches);
	for (size_t i = 0; i < N_WAIT_REASONS; i++)
		free(gm->wait_reasons[i]);
	free(gm);
}

struct target *gomem_target(const struct gomem *gm)
{
	return gm->t;
}

const struct gobin *gomem_gobin(const struct gomem *gm)
{
	return gm->gb;
}

const struct go_layout *gomem_layout(const struct gomem *gm)
{
	return gm->lo;
}

uint64_t gomem_bias(const struct gomem *gm)
{
	return gm->bias;
}

/* What is wrong with a span, seen from its own fields; NULL: nothing. */
static const char *span_wrong(const struct go_span *s, uint32_t gen)
{
	uint64_t bytes = s->npages << GO_PAGE_SHIFT;
	unsigned size_class = s->spanclass >> 1;
	int32_t age = (int32_t)(s->sweepgen - gen);	/* see alive.c */

	if (s->state > 2)
		return "a span in an unknown state";
	if (s->state != SPAN_IN_USE)
		return NULL;
	if (!s->start || s->start % (1 << GO_PAGE_SHIFT) || s->start >= GO_ADDR_END ||
	    !s->npages || bytes > GO_ADDR_END)
		return "a span in an impossible place";
	if (s->limit <= s->start || s->limit > s->start + bytes)
		return "a span that ends outside of its pages";
	if (s->spanclass >= N_SPAN_CLASSES)
		return "a span of an unknown size class";
	if (size_class && s->elemsize != golayout_class_size(size_class))
		return "a span whose object size is not that of its size class";
	if (!s->nelems || !s->elemsize || s->nelems > bytes / s->elemsize)
		return "a span with more objects than fit into it";
	if (s->alloccount > s->nelems)
		return "a span with more objects allocated than it has";
	if (age < -2 || age > 3)
		return "a span of another collection";
	if (!s->allocbits || s->allocbits % 8 || !s->gcmarkbits || s->gcmarkbits % 8)
		return "a span without mark bits";
	return NULL;
}

/* The *mspan that the arena index has for addr; 0: none. */
static int span_of(struct gomem *gm, uint64_t addr, uint64_t *span)
{
	uint64_t arena;
	int err = gomem_arena(gm, addr, &arena);

	*span = 0;
	if (!err && arena)
		err = gomem_read_u64(gm, gomem_span_slot(gm, arena, addr), span);
	return err;
}

int gomem_slot_size(struct gomem *gm, uint64_t addr, uint64_t *size)
{
	struct target_read reads[3];
	uint8_t raw[MAX_RAW];
	struct anchor anchor;
	struct go_span s;
	uint64_t span = 0;
	uint32_t gen;
	int err = gm->arenas ? 0 : gomem_sweepgen(gm, &gen);

	if (!err)
		err = gm->arenas ? span_of(gm, addr, &span) : -EAGAIN;
	if (!err && !span)
		err = gomem_sweepgen(gm, &gen);
	if (err || !span)
		return err ? err : -ENOENT;
	anchor_reads(gm, &anchor, reads);
	reads[2] = (struct target_read){ .addr = span, .buf = raw,
					 .len = (uint32_t)gm->lo->mspan_size };
	if (target_read_many(gm->t, reads, 3) != 3)
		return -EFAULT;
	err = anchor_compare(gm, &anchor);
	if (err)
		return err;
	gomem_parse_span(gm, raw, &s);
	if (s.state != SPAN_IN_USE || addr < s.start || addr >= s.limit || !s.elemsize)
		return -ENOENT;
	*size = s.elemsize;
	return 0;
}

/* The same, seen from the process: does the arena index lead from its address to the span? */
static int check_span(struct gomem *gm, uint64_t span, const char **wrong, bool *used)
{
	uint8_t raw[MAX_RAW];
	uint64_t found = 0;
	struct go_span s;
	uint32_t gen;
	int err = gomem_sweepgen(gm, &gen);

	if (!err)
		err = target_read(gm->t, span, raw, (size_t)gm->lo->mspan_size);
	if (err)
		return err;
	gomem_parse_span(gm, raw, &s);
	*wrong = span_wrong(&s, gen);
	*used = s.state == SPAN_IN_USE;
	if (*wrong || !*used)
		return 0;
	err = span_of(gm, s.start, &found);
	if (found != span)
		*wrong = "a span that its own address does not lead to";
	return err;
}

/* Looks at what ptr points to: sets *wrong if that is not what it should be, *used if it counts. */
typedef int (*check_fn)(struct gomem *gm, uint64_t ptr, const char **wrong, bool *used);

/* Calls check on up to SAMPLES of the n pointers, again for each that does not look right. */
static int check_some(struct gomem *gm, const uint64_t *ptrs, size_t n, check_fn check,
		      const char **wrong, size_t *n_used)
{
	size_t step = (n + SAMPLES - 1) / SAMPLES;

	for (size_t i = 0; i < n; i += step) {
		int tries = 0, err;
		bool used = false;

		do
			err = check(gm, ptrs[i], wrong, &used);
		while (!err && *wrong && ++tries < CHECK_TRIES);
		if (err || *wrong)
			return err;
		*n_used += used;
	}
	return 0;
}

static int check_spans(struct gomem *gm, const char **wrong)
{
	uint64_t addr = gm->lo->mheap + gm->bias + (uint32_t)gm->lo->mheap_allspans;
	uint64_t header[2], *spans;
	size_t n_used = 0;
	int err = target_read(gm->t, addr, header, sizeof(header));	/* array, length */

	if (err)
		return err;
	if (!header[0] || !header[1])
		return -EAGAIN;
	if (header[0] % 8 || header[1] > GO_ADDR_END >> GO_PAGE_SHIFT) {
		*wrong = "a table of all spans that cannot be one";
		return 0;
	}
	/* The last SAMPLES * 64 are enough; the array is in one piece. */
	if (header[1] > SAMPLES * 64) {
		header[0] += 8 * (header[1] - SAMPLES * 64);
		header[1] = SAMPLES * 64;
	}
	spans = xcalloc(header[1], sizeof(*spans));
	err = target_read(gm->t, header[0], spans, header[1] * sizeof(*spans));
	if (!err)
		err = check_some(gm, spans, header[1], check_span, wrong, &n_used);
	free(spans);
	if (!err && !*wrong && !n_used)
		return -EAGAIN;
	return err;
}

static int check_goroutine(struct gomem *gm, uint64_t g, const char **wrong, bool *used)
{
	const struct go_layout *lo = gm->lo;
	uint8_t raw[MAX_RAW];
	uint64_t low, high, sp;
	uint32_t status;
	int err = target_read(gm->t, g, raw, (size_t)lo->g_size);

	*wrong = NULL;
	if (err)
		return err;
	status = gomem_u32(raw, lo->g_atomicstatus) & ~(uint32_t)G_SCAN;
	low = gomem_u64(raw, lo->g_stack_lo);
	high = gomem_u64(raw, lo->g_stack_hi);
	sp = gomem_u64(raw, lo->g_sched_sp);
	if (status >= N_G_STATES)
		*wrong = "a goroutine in an unknown state";
	*used = !*wrong && !g_state_dead(status);
	if (!*used)
		return 0;
	if (gomem_u64(raw, lo->g_goid) - 1 >= INT64_MAX)
		*wrong = "a goroutine with an impossible id";
	else if (!low || low % 8 || high % 8 || low >= high || high > GO_ADDR_END)
		*wrong = "a goroutine with an impossible stack";
	else if ((status == G_WAITING || status == G_RUNNABLE) && (sp < low || sp > high))
		*wrong = "a goroutine whose stack pointer is outside of its stack";
	return 0;
}

/* The first ones: the main goroutine is among them, and the runtime's own. */
static int check_goroutines(struct gomem *gm, const char **wrong)
{
	uint64_t gs[SAMPLES];
	size_t n, n_used = 0;
	int err = gomem_allgs_len(gm, &n);

	if (!err && n) {
		n = n < SAMPLES ? n : SAMPLES;
		err = gomem_allgs_read(gm, 0, gs, n);
	}
	if (err == -EBADMSG || err == -EFAULT) {
		*wrong = "a table of all goroutines that cannot be one";
		return 0;
	}
	if (!err)
		err = check_some(gm, gs, n, check_goroutine, wrong, &n_used);
	return err || *wrong || n_used ? err : -EAGAIN;
}

/* Sets *wrong if the process is not what the layout says; 0 or a negative errno. */
static int check_all(struct gomem *gm, const char **wrong)
{
	uint32_t gen;
	int err = gomem_sweepgen(gm, &gen);

	*wrong = NULL;
	if (!err && !gm->arenas)
		return -EAGAIN;		/* before runtime.mallocinit */
	if (!err)
		err = check_spans(gm, wrong);
	if (!err && !*wrong)
		err = check_goroutines(gm, wrong);
	if (err == -EBADMSG)
		*wrong = "an odd sweepgen, or one or a table of arenas that is not as before";
	else if (err == -EFAULT)
		*wrong = "a pointer to nowhere";
	else
		return err;
	return 0;
}

/* What is being changed looks wrong, too, and on a busy machine who changes it may wait for a
 * processor: each time four times as long, 170 ms in all. */
static void wait_for_change(int tries)
{
	const struct timespec ts = { .tv_nsec = 2000000l << 2 * tries };

	nanosleep(&ts, NULL);
}

int gomem_check(struct gomem *gm)
{
	const char *wrong;
	int err = check_all(gm, &wrong);

	for (int tries = 0; wrong && tries < CHECK_TRIES && !target_gone(gm->t); tries++) {
		wait_for_change(tries);
		err = check_all(gm, &wrong);
	}
	/* Reads fail before the end shows elsewhere: the first of its threads has let go of the
	 * memory, the others have not yet. */
	if (err == -ESRCH || ((wrong || (err && err != -EAGAIN)) && target_gone(gm->t)))
		return -ESRCH;
	if (wrong) {
		say_error("process %d: its Go runtime does not look as expected (found %s; layout "
			  "from %s, variables from %s): not traced, since every number would be "
			  "wrong", target_pid(gm->t), wrong, gm->lo->fields_from,
			  gm->lo->vars_from);
		return -EBADMSG;
	}
	return err && err != -EAGAIN ? target_say_unreadable(gm->t, err) : err;
}
