/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_heap.h - a heap of a few pages, its spans and marks, and the variables of a hand-made Go
 * program, as memory that can be read: stands for target and gomem in tests of user/heap.
 */
#ifndef FAKE_HEAP_H
#define FAKE_HEAP_H

#include <errno.h>
#include <stdlib.h>

#include "tests/unit/fake_types.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/image.h"
#include "user/gomem/gomem.h"
#include "user/gomem/spans.h"
#include "user/heap/heap.h"
#include "user/heapmap.h"
#include "user/target.h"

#define FAKE_HEAP 0xc000000000ull
#define FAKE_STACK 0xc100000000ull
#define FAKE_QUEUE 0x7f0000000000ull

enum {
	FAKE_PAGE = 8192,
	FAKE_PAGES = 512,
	FAKE_SPANS = 160,
	FAKE_STACK_WORDS = 8,
	FAKE_BSS = FAKE_DATA + 0x2000,		/* as moduledata has it */
	FAKE_BSS_END = FAKE_DATA + 0x3000,
	FAKE_ALLFIN = FAKE_BSS_END - 0x100,	/* runtime.allfin */
	FAKE_CLEANUPS = FAKE_BSS_END - 0xf8,	/* runtime.gcCleanups, of which 0x88 bytes count */
	FAKE_QUEUES = 3 * 4096,		/* the runtime's own memory */
};

struct fake_span {
	struct go_span s;
	uint8_t marked[MAX_ELEMS / 8];
	uint64_t n;			/* allocated */
	bool restless;			/* its marks never keep still */
};

struct fake_heap {
	struct fake_go f;
	struct fake_types t;
	struct image *img;
	struct gobin *gb;
	struct go_layout lo;
	struct fake_span spans[FAKE_SPANS];
	size_t n_spans, n_pages;
	uint8_t *pages, bss[FAKE_BSS_END - FAKE_BSS];
	uint8_t queue[FAKE_QUEUES];
	uint32_t gen;
	uint64_t mallocs;	/* as far as counted */
	uint64_t n_marks_read, n_stacks_read;
	/* The stack of the one goroutine: so many words of it, in one frame, or if its pc is 0 in
	 * none that is known. */
	uint64_t stack[FAKE_STACK_WORDS];
	size_t n_stack;
	size_t n_below;		/* of it, the first are not copied: it runs */
	size_t n_same;		/* more goroutines that have the same */
	struct stack_frame frame;
	uint64_t deferred;	/* address of the first record */
	uint64_t startpc;
	/* The heap moves meanwhile; or NULL. */
	void (*on_marks)(struct fake_heap *h);
	void (*on_read)(struct fake_heap *h, uint64_t addr, size_t len);
	void (*on_stacks)(struct fake_heap *h);	/* before each is read */
};

/* The one that the functions below are asked about. */
static struct fake_heap *fake_world;

/* ---- neighbours --------------------------------------------------------------------------- */

static uint8_t *fake_memory(struct fake_heap *h, uint64_t addr, size_t len)
{
	if (addr >= FAKE_HEAP && addr - FAKE_HEAP < FAKE_PAGES * FAKE_PAGE &&
	    len <= FAKE_PAGES * FAKE_PAGE - (addr - FAKE_HEAP))
		return h->pages + (addr - FAKE_HEAP);
	if (addr >= FAKE_STACK && addr - FAKE_STACK < sizeof(h->stack) &&
	    len <= sizeof(h->stack) - (addr - FAKE_STACK))
		return (uint8_t *)h->stack + (addr - FAKE_STACK);
	if (addr >= FAKE_BSS && addr < FAKE_BSS_END && len <= FAKE_BSS_END - addr)
		return h->bss + (addr - FAKE_BSS);
	if (addr >= FAKE_QUEUE && addr - FAKE_QUEUE < FAKE_QUEUES &&
	    len <= FAKE_QUEUES - (addr - FAKE_QUEUE))
		return h->queue + (addr - FAKE_QUEUE);
	if (addr >= FAKE_BASE && addr - FAKE_BASE < FAKE_SIZE &&
	    len <= FAKE_SIZE - (addr - FAKE_BASE))
		return h->f.bytes + (addr - FAKE_BASE);
	return NULL;
}

int target_read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	const uint8_t *p = fake_memory(fake_world, addr, len);

	if (p)
		memcpy(buf, p, len);
	if (p && fake_world->on_read)
		fake_world->on_read(fake_world, addr, len);
	return p ? 0 : -EFAULT;
}

size_t target_read_many(const struct target *t, struct target_read *reads, size_t n)
{
	size_t n_ok = 0;

	for (size_t i = 0; i < n; i++) {
		reads[i].ok = !target_read(t, reads[i].addr, reads[i].buf, reads[i].len);
		n_ok += reads[i].ok;
	}
	return n_ok;
}

int target_cpu_ns(const struct target *t, uint64_t *ns)
{
	*ns = 0;
	return 0;
}

struct target *gomem_target(const struct gomem *gm)
{
	return NULL;
}

const struct gobin *gomem_gobin(const struct gomem *gm)
{
	return fake_world->gb;
}

const struct go_layout *gomem_layout(const struct gomem *gm)
{
	return &fake_world->lo;
}

uint64_t gomem_bias(const struct gomem *gm)
{
	return 0;
}

int gomem_sweepgen(struct gomem *gm, uint32_t *gen)
{
	*gen = fake_world->gen;
	return 0;
}

bool gomem_in_heap(struct gomem *gm, uint64_t addr)
{
	return addr >= FAKE_HEAP && addr - FAKE_HEAP < FAKE_PAGES * FAKE_PAGE;
}

int gomem_memstats(struct gomem *gm, struct go_memstats *out)
{
	*out = (struct go_memstats){ .mallocs = fake_world->mallocs };
	return 0;
}

int gomem_stacks(struct gomem *gm, const struct goroutines_limits *limits, stack_fn visit,
		 void *ctx, size_t *n_unreadable)
{
	struct fake_heap *h = fake_world;
	const size_t below = h->n_below * sizeof(h->stack[0]), all = h->n_stack * sizeof(h->stack[0]);
	const struct goroutine_stack st = {
		.cut = h->frame.size > all, .addr = FAKE_STACK + below,
		.low = FAKE_STACK, .high = FAKE_STACK + all,
		.bytes = (const uint8_t *)h->stack + below, .n_bytes = (uint32_t)(all - below),
		.frames = &h->frame, .n_frames = h->frame.pc ? 1 : 0, .deferred = h->deferred,
		.goid = 18, .startpc = h->startpc, .state = "chan receive",
		.waitsince_ns = 5000000000,
	};

	*n_unreadable = 0;
	for (size_t i = 0; i <= h->n_same; i++) {
		h->n_stacks_read++;
		if (h->on_stacks)
			h->on_stacks(h);
		visit(ctx, &st);
	}
	return 0;
}

/* An mspan has its number as its address. */
int gomem_allspans(struct gomem *gm, size_t max, uint64_t **spans, size_t *n)
{
	*spans = calloc(fake_world->n_spans + 1, sizeof(**spans));
	for (*n = 0; *n < fake_world->n_spans; ++*n)
		(*spans)[*n] = *n + 1;
	return 0;
}

void gomem_read_spans(struct gomem *gm, const uint64_t *addrs, size_t n, struct go_span *out,
		      bool *ok)
{
	for (size_t i = 0; i < n; i++) {
		ok[i] = addrs[i] - 1 < fake_world->n_spans;
		if (ok[i])
			out[i] = fake_world->spans[addrs[i] - 1].s;
		ok[i] = ok[i] && out[i].state == 1;
	}
}

int gomem_span_marks(struct gomem *gm, const uint64_t *addrs, size_t n, struct span_marks *out,
		     uint32_t *gen)
{
	struct fake_heap *h = fake_world;

	for (size_t i = 0; i < n; i++) {
		const struct fake_span *s = &h->spans[addrs[i] - 1];

		out[i] = (struct span_marks){ .span = s->s, .known = !s->restless, .swept = true };
		memcpy(out[i].marked, s->marked, sizeof(s->marked));
	}
	*gen = h->gen;
	h->n_marks_read++;
	if (h->on_marks)
		h->on_marks(h);
	return 0;
}

uint64_t gomem_pointer_bits(struct gomem *gm, uint64_t addr)
{
	return 0;
}

/* ---- the heap ----------------------------------------------------------------------------- */

static struct fake_span *fake_new_span(struct fake_heap *h, uint8_t spanclass, uint64_t bytes)
{
	struct fake_span *s = &h->spans[h->n_spans++];
	uint64_t size = golayout_class_size(spanclass >> 1);
	uint64_t pages = (bytes + FAKE_PAGE - 1) / FAKE_PAGE;

	if (h->n_spans > FAKE_SPANS || h->n_pages + pages > FAKE_PAGES)
		abort();
	s->s = (struct go_span){
		.start = FAKE_HEAP + h->n_pages * FAKE_PAGE, .npages = pages,
		.elemsize = size ? size : pages * FAKE_PAGE,
		.nelems = size ? pages * FAKE_PAGE / size : 1,
		.spanclass = spanclass, .state = 1, .sweepgen = h->gen,
	};
	s->s.limit = s->s.start + s->s.nelems * s->s.elemsize;
	h->n_pages += pages;
	return s;
}

static uint8_t fake_class(uint64_t slot, bool noscan)
{
	unsigned c = 67;

	while (c && golayout_class_size(c) != slot)
		c--;
	return (uint8_t)(c << 1 | noscan);
}

/* A new object, marked; what the allocator would return. */
static uint64_t fake_alloc(struct fake_heap *h, uint64_t size, bool noscan)
{
	uint64_t slot = golayout_object_size(&h->lo, size, !noscan);
	uint8_t spanclass = fake_class(slot, noscan);
	bool header = h->lo.malloc_header && !noscan && spanclass >> 1 && slot > 512;
	struct fake_span *s = NULL;

	for (size_t i = 0; i < h->n_spans && !s; i++)
		if (h->spans[i].s.spanclass == spanclass && h->spans[i].n < h->spans[i].s.nelems)
			s = &h->spans[i];
	if (!s)
		s = fake_new_span(h, spanclass, spanclass >> 1 ? FAKE_PAGE : slot);
	s->marked[s->n / 8] |= (uint8_t)(1 << s->n % 8);
	return s->s.start + s->n++ * s->s.elemsize + (header ? GO_HEADER_BYTES : 0);
}

static inline void fake_word(struct fake_heap *h, uint64_t addr, uint64_t v)
{
	memcpy(fake_memory(h, addr, 8), &v, 8);
}

/* Takes its mark away: the last collection did not find it. */
static inline void fake_unmark(struct fake_heap *h, uint64_t addr)
{
	for (size_t i = 0; i < h->n_spans; i++) {
		struct fake_span *s = &h->spans[i];
		uint64_t k = (addr - s->s.start) / s->s.elemsize;

		if (addr >= s->s.start && addr < s->s.limit)
			s->marked[k / 8] &= (uint8_t)~(1 << k % 8);
	}
}

/* Begins a program of that Go; types and objects can be made. */
static void fake_heap_begin(struct fake_heap *h, int minor)
{
	memset(h, 0, sizeof(*h));
	h->f.minor = minor;
	fake_go_make(&h->f);
	fake_types_begin(&h->t, &h->f);
	memset(&h->lo, 0xff, sizeof(h->lo));	/* no fields: GL_NO_FIELD */
	h->lo.allgptr = h->lo.allp = 0;
	h->lo.allfin = FAKE_ALLFIN;
	h->lo.gccleanups = FAKE_CLEANUPS;
	h->lo.inline_marks = false;
	h->lo.malloc_header = minor >= 22;
	h->gen = 10;
	h->n_stack = 1;
	h->pages = calloc(FAKE_PAGES, FAKE_PAGE);
	fake_world = h;
}

/* No type can be added any more. */
static void fake_heap_open(struct fake_heap *h)
{
	char path[32];
	int fd = fake_file(h->f.bytes, sizeof(h->f.bytes), path);

	if (fd < 0 || image_open(&h->img, path, "fake") || gobin_open(&h->gb, h->img))
		abort();
	close(fd);
}

static void fake_heap_end(struct fake_heap *h)
{
	gobin_close(h->gb);
	image_close(h->img);
	free(h->pages);
}

#endif
