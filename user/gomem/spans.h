/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spans.h - the spans of a live heap: where they are, what size of objects they hold, and which of
 * these are allocated.
 */
#ifndef SPANS_H
#define SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* runtime/malloc.go, linux/amd64; the same in Go 1.17 to 1.27.  The base is that architecture's. */
#define GO_PAGE_SHIFT 13
#define GO_ARENA_SHIFT 26			/* heapArenaBytes = 64 MiB */
#define GO_ARENA_BASE 0xffff800000000000u	/* arenaBaseOffset */
#define GO_ARENA_PAGES (1u << (GO_ARENA_SHIFT - GO_PAGE_SHIFT))
#define GO_ADDR_END (1ull << 47)		/* user space */

enum {
	MAX_ELEMS = 1024,		/* of one span: 8192 / 8 */
	GO_HEADER_BYTES = 8,		/* mallocHeaderSize */
	GO_TINY_BYTES = 16,		/* maxTinySize */
	GO_BITS_IN_SPAN_MAX = 512,	/* minSizeForMallocHeader: heapBitsInSpan() */
	GO_INLINE_MARKS_MIN = 16,	/* smallest elemsize with inline marks */
	GO_INLINE_MARKS_BYTES = 128,	/* sizeof(spanInlineMarkBits), at the end of a span */
};

struct gomem;

/* An mspan.  All fields were read by one copy. */
struct go_span {
	uint64_t start, npages, limit, elemsize, nelems, freeindex;
	uint64_t allocbits, gcmarkbits;
	uint64_t largetype;	/* *_type of a large object's elements, Go 1.22 and later; else 0 */
	uint64_t specials;	/* first of its list, in order of offset */
	uint32_t sweepgen;
	uint16_t alloccount, alloccount_before;	/* the latter 0 up to Go 1.18 */
	uint8_t spanclass;	/* size class << 1 | without pointers */
	uint8_t state;
};

static inline bool span_noscan(const struct go_span *s)
{
	return s->spanclass & 1;
}

static inline uint64_t arena_index(uint64_t addr)
{
	return (addr - GO_ARENA_BASE) >> GO_ARENA_SHIFT;
}

static inline uint32_t arena_page(uint64_t addr)
{
	return (uint32_t)(addr >> GO_PAGE_SHIFT) % GO_ARENA_PAGES;
}

/*
 * Addresses of all mspans, malloc'ed, in no order; they stay what they are for as long as the
 * process lives, but may be used for other pages.  -EBADMSG: more than max, or no table.
 */
int gomem_allspans(struct gomem *gm, size_t max, uint64_t **spans, size_t *n);

/* Reads n mspans; ok[i]: out[i] is filled and makes sense as a span in use. */
void gomem_read_spans(struct gomem *gm, const uint64_t *addrs, size_t n, struct go_span *out,
		      bool *ok);

/*
 * Until Go 1.21 the arenas have a bitmap of which words are pointers: where the byte of the word at
 * addr is, 0: there is none.  Until 1.19 a byte tells of four words, in its lower half which are
 * pointers, in its upper which have pointers at or behind them in the same object (junk follows the
 * first that has none); in 1.20 and 1.21 a byte tells of eight.
 */
uint64_t gomem_pointer_bits(struct gomem *gm, uint64_t addr);

/* Which objects of a span are allocated. */
struct span_marks {
	struct go_span span;
	bool known;		/* false: not in use any more, or it did not keep still */
	bool swept;
	uint8_t marked[MAX_ELEMS / 8];	/* found alive by the last mark phase */
};

/* Whether object i was alive at the last mark phase, or has been allocated since.  The allocator
 * takes free objects in order and never sets a mark; only swept spans are allocated from. */
static inline bool span_allocated(const struct span_marks *m, uint64_t i)
{
	return m->marked[i / 8] >> i % 8 & 1 || (m->swept && i < m->span.freeindex);
}

/* The same for n of them, at most SPANS_BATCH; *gen: the generation that they belong to.  Errors as
 * of gomem.h. */
enum { SPANS_BATCH = 256 };
int gomem_span_marks(struct gomem *gm, const uint64_t *addrs, size_t n, struct span_marks *out,
		     uint32_t *gen);

#endif
