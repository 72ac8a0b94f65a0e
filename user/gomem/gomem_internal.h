/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gomem_internal.h - what the files of gomem share: the open gomem, memory words of the target, and
 * the runtime's mspan as a struct of C.
 */
#ifndef GOMEM_INTERNAL_H
#define GOMEM_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/gomem/gomem.h"
#include "user/gomem/spans.h"
#include "user/object.h"
#include "user/target.h"

enum {
	N_SPAN_CLASSES = 136,	/* numSpanClasses: 68 size classes, with and without pointers */
	N_SIZE_CLASSES = N_SPAN_CLASSES / 2,
	SPAN_IN_USE = 1,	/* mSpanInUse; 0 dead, 2 manual (stacks, GC buffers) */
	MAX_RAW = 1024,		/* bytes of a g or an mspan; 456 and 160 in Go 1.27 */
	N_ARENA_CACHE = 256,	/* a power of two */
	N_WAIT_REASONS = 256,
	N_DELTAS = 3,		/* len(consistentHeapStats.stats), runtime/mstats.go */
};

struct census_counts;
struct census_reading;

struct gomem {
	struct target *t;
	const struct gobin *gb;
	const struct go_layout *lo;
	uint64_t bias;
	uint64_t arenas;	/* the word mheap_.arenas[0]: array of *heapArena; 0: not set yet */
	uint32_t gen;		/* the last sweepgen seen */
	struct {
		uint64_t index, arena;
	} arena_cache[N_ARENA_CACHE];	/* by index % N_ARENA_CACHE; index 0: empty */
	uint64_t allp;		/* what runtime.allp pointed to, and what was there; see counts.c */
	uint64_t *ps;
	uint64_t *mcaches;	/* of each P when it was last read; 0: not yet, or none */
	size_t n_ps;
	char *wait_reasons[N_WAIT_REASONS];	/* that have been met; NULL: not yet */
	struct batch *batch;	/* work space of alive.c, made when it is first needed */
};

/* A field of a struct that was copied to raw; 0 for a field that the version lacks. */
uint64_t gomem_u64(const uint8_t *raw, int32_t off);
uint32_t gomem_u32(const uint8_t *raw, int32_t off);
uint16_t gomem_u16(const uint8_t *raw, int32_t off);

/* One word of the target. */
int gomem_read_u64(const struct gomem *gm, uint64_t addr, uint64_t *v);

/* Of an mspan whose bytes are in raw from this offset on. */
uint64_t gomem_nelems(const struct go_layout *lo, const uint8_t *raw, int32_t from);

/* raw: lo->mspan_size bytes. */
void gomem_parse_span(const struct gomem *gm, const uint8_t *raw, struct go_span *out);

/* Where the answer of the mark phase that ended generation gen is (the essay in alive.c), false:
 * nowhere at the moment.  *swept: whether the span is swept already. */
bool gomem_find_bits(const struct gomem *gm, const struct go_span *s, uint32_t gen, uint64_t *addr,
		     bool *swept);
/* Whether the bits that were read between the looks a and b at a span are those of gen. */
bool gomem_span_kept(const struct go_span *a, const struct go_span *b, bool swept, uint32_t gen);

/* The *heapArena of addr, 0: no heap there.  Needs gm->arenas. */
int gomem_arena(struct gomem *gm, uint64_t addr, uint64_t *arena);
/* Where the arena has the *mspan of addr. */
uint64_t gomem_span_slot(const struct gomem *gm, uint64_t arena, uint64_t addr);

/*
 * len(runtime.allgs), at most MAX_GOROUTINES; -EBADMSG: that cannot be.  The table only grows, so
 * that many can be read from then on.
 */
int gomem_allgs_len(const struct gomem *gm, size_t *n);
/* n entries of it from the first on; -EAGAIN: it has been growing all the time. */
int gomem_allgs_read(const struct gomem *gm, size_t first, uint64_t *gs, size_t n);

/* What no g and no mspan has as its address. */
static inline bool gomem_bad_pointer(uint64_t p)
{
	return !p || p % 8 || p >= GO_ADDR_END;
}

/* Whether all that is taken out of a heapStatsDelta lies in it. */
bool gomem_heapstats_sane(const struct go_layout *lo);
/* ring: what lies at census_place(). */
void gomem_add_ring(const struct go_layout *lo, const uint8_t *ring, struct census_counts *c);
/* Adds what was allocated from the spans that the Ps have cached, and the tiny objects that they
 * have not handed in either. */
struct gomem_cached {
	uint32_t gen;		/* to be set: sweepgen */
	bool unswept;		/* set: one of the spans has not been swept since it moved */
	uint64_t above[N_SIZE_CLASSES];	/* added to: of spans that are about to leave, and have most
					 * likely been handed in; not counted */
};
int gomem_add_cached(struct gomem *gm, struct census_counts *c, struct gomem_cached *cached);
/* Where the collector stands. */
struct gomem_gc {
	uint32_t gen, phase;
	bool swept;		/* all that the last mark phase left; false: or unknown */
	uint64_t heap_live;	/* bytes */
	uint64_t start_ns, mark_ns;	/* of the last cycle: it was started, mark phase began */
};
enum { GC_OFF = 0 };		/* runtime/mgc.go: _GCoff, of phase */
/* In one small read.  -ENOTSUP: the layout does not say where. */
int gomem_gc(const struct gomem *gm, struct gomem_gc *out);
/* census_allocs() in one look, with less questions, and where the collector stood right after it
 * (NULL: nobody asks; else gomem_gc() has told before).  Both are undefined on failure. */
int gomem_read_counts(struct gomem *gm, uint32_t gen, struct census_reading *out,
		      struct gomem_gc *gc);
/* The same of some time after a mark phase with this sweepgen began.  *emptied: it is over, and so
 * all caches have been emptied since, or are just being. */
int gomem_counts_since(struct gomem *gm, uint32_t gen, struct census_reading *out, bool *emptied);
/* The heap_live at which the collector starts; UINT64_MAX: at none. */
int gomem_trigger(const struct gomem *gm, uint64_t *bytes);

void gomem_batch_free(struct batch *b);

/* Goroutine states, runtime/runtime2.go: _Gidle ... */
enum {
	G_IDLE, G_RUNNABLE, G_RUNNING, G_SYSCALL, G_WAITING, G_MORIBUND, G_DEAD, G_ENQUEUE,
	G_COPYSTACK, G_PREEMPTED, G_LEAKED, G_DEADEXTRA, N_G_STATES,
	G_SCAN = 0x1000,	/* flag: the collector is looking at the stack */
};

static inline bool g_state_dead(uint32_t status)
{
	return status == G_IDLE || status == G_DEAD || status == G_DEADEXTRA;
}

#endif
