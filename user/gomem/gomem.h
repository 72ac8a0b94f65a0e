/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gomem.h - questions to a live Go runtime, answered by reading its memory from outside: does this
 * object live?  what are its memory statistics?  which goroutines are there, and where do they
 * wait?
 *
 * Nothing is stopped and nothing is written.  What changes while it is read is read again; what
 * cannot be read consistently is reported as unknown, never guessed.
 */
#ifndef GOMEM_H
#define GOMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gobin;
struct go_layout;
struct gomem;
struct object;
struct target;

/* bias: address in the target minus vaddr.  All pointers must outlive the gomem, which owns none of
 * them; what its functions give out belongs to the caller. */
int gomem_open(struct gomem **out, struct target *t, const struct gobin *gb,
	       const struct go_layout *lo, uint64_t bias);
void gomem_close(struct gomem *gm);

/* What it was opened with. */
struct target *gomem_target(const struct gomem *gm);
const struct gobin *gomem_gobin(const struct gomem *gm);
const struct go_layout *gomem_layout(const struct gomem *gm);
uint64_t gomem_bias(const struct gomem *gm);

/*
 * Errors of all functions below, which say nothing to the user but for gomem_check: -ESRCH, the
 * process has ended; -EBADMSG, another program runs under its pid or its memory contradicts itself;
 * -EFAULT, a pointer in it leads nowhere; -EAGAIN, its runtime is not initialized yet.  What was
 * filled until then must not be used.
 */

/*
 * Compares the layout with the live process: spans contain their addresses and are found through
 * the arena index, goroutines have sane stacks, ids and states.  -EAGAIN: the program has just been
 * started.  -EBADMSG: the layout does not fit this process; the user has been told what did not.
 * -ESRCH: the process has ended or exec'ed; nothing was said, as only the caller knows whether that
 * is an error.
 */
int gomem_check(struct gomem *gm);

/* mheap_.sweepgen: completed collections are sweepgen / 2. */
int gomem_sweepgen(struct gomem *gm, uint32_t *gen);

/* GOMAXPROCS, as the counts were last read; 0: they have not been. */
size_t gomem_processors(const struct gomem *gm);

/* Whether an address lies in one of the heap's arenas; not known: false. */
bool gomem_in_heap(struct gomem *gm, uint64_t addr);

/* Heap bytes of the slot that addr lies in (elemsize of its span); -ENOENT: in no span in use.  Two
 * system calls, and one more for the first address in an arena. */
int gomem_slot_size(struct gomem *gm, uint64_t addr, uint64_t *size);

/*
 * Tells which objects live, by the mark bits of the last finished mark phase (the essay in
 * alive.c): unswept spans by gcmarkBits or inline marks, swept ones by allocBits.  An object whose
 * finalizer is to be queued, is queued or runs, lives.  objects must be sorted by address.  *gen is
 * set to the sweepgen the answers belong to (if another collection ends meanwhile, some are already
 * those of the later one).  The work follows n, whatever the heap's
 * size: less than 50 system calls and 1 ms of waiting for each 1,000 pages with objects, one more
 * call for an arena not seen before, and as many as the longest list of finalizers and the like in
 * a span that is not swept, where an object of it is not marked.
 */
int gomem_alive(struct gomem *gm, struct object *objects, size_t n, uint32_t *gen);

/* runtime.MemStats, as ReadMemStats would fill it; of what is allocated while it is read, a part of
 * the last moment may be missing. */
struct go_memstats {
	uint64_t heap_alloc, heap_inuse, heap_idle, heap_released, heap_sys, heap_objects;
	uint64_t stack_inuse, stack_sys, mallocs, frees, total_alloc, next_gc;
	uint64_t mspan_sys, mcache_sys, buckhash_sys, gc_sys, other_sys;
	uint32_t num_gc;
	uint64_t heap_marked;	/* gcController.heapMarked: live after the last mark */
};
int gomem_memstats(struct gomem *gm, struct go_memstats *out);

/* What decides when the next collection begins. */
struct go_pacing {
	int32_t gc_percent;	/* GOGC; -1: off */
	uint64_t memory_limit;	/* GOMEMLIMIT; UINT64_MAX: there is none */
	uint64_t heap_live;	/* bytes that the last mark left and that were allocated since */
	uint64_t trigger;	/* of these, at which the next one begins; UINT64_MAX: at none */
	uint64_t last_end_ns;	/* of the last collection, CLOCK_MONOTONIC; 0: there was none */
};
int gomem_pacing(const struct gomem *gm, struct go_pacing *out);

struct goroutine {
	uint64_t goid;
	uint64_t gopc;		/* return address of the go statement's call, vaddr; 0: none */
	uint64_t startpc;	/* entry of the function started, vaddr */
	uint64_t waitsince_ns;	/* blocked since this nanotime (CLOCK_MONOTONIC) or longer: the
				 * runtime notes the first collection that finds it so; 0: unknown */
	uint64_t stack_bytes;	/* that it has, in use or not */
	const char *state;	/* Go's own words: "running", "syscall", "chan receive" ... */
	/* vaddrs, leaf first, pcs[0] where it continues; as runtime.Callers gives them: all are
	 * return addresses, or one more than the address of an instruction that was interrupted */
	const uint64_t *pcs;
	uint32_t n_pcs;		/* 0: not readable (it runs), or left out */
	bool cut;
	bool system;		/* one of the runtime's own (runtime.isSystemGoroutine) */
};

/* Owns all that its goroutines point to; goroutines_free(). */
struct goroutines {
	struct goroutine *v;	/* in order of goid, none twice */
	size_t n;
	size_t n_stacks_left_out;	/* of them: over a limit, or too much was copied already */
	/* Not in v: */
	size_t n_unreadable;	/* changed too often while being read, no goroutine, or twice */
	size_t n_left_out;	/* over a limit; or interrupted, then dead ones are among them */
	bool interrupted;
	uint64_t *pcs;		/* what v[].pcs point into */
	char **states;		/* and v[].state: each text once, NULL where none was needed */
	size_t n_states;
};

struct goroutines_limits {
	size_t max_bytes;	/* of the result; besides, less than 5 MiB until it is there */
	bool (*interrupted)(void *ctx);	/* asked after each 4 MiB or less that were copied; true: an
					 * end with what there is; NULL: is not asked */
	void *ctx;
};

/*
 * All goroutines that are not dead.  with_stacks: unwind them, too.  Half of the bytes are for
 * goroutines, half for stacks.  allgs is taken for at most MAX_GOROUTINES; -EBADMSG: it is longer.
 */
int gomem_goroutines(struct gomem *gm, bool with_stacks, const struct goroutines_limits *limits,
		     struct goroutines *out);
void goroutines_free(struct goroutines *gs);

/* A frame of a copied stack: size bytes at addr, then its return address, then the space for its
 * arguments, which belongs to the next frame. */
struct stack_frame {
	uint64_t pc;		/* as of struct goroutine */
	uint64_t addr;
	uint32_t size;
	bool interrupted;	/* by a signal, or what that had it call: not at a call of its own */
};

struct goroutine_stack {
	uint64_t goid;
	uint64_t startpc;		/* as of struct goroutine, */
	uint64_t waitsince_ns;		/* likewise */
	const char *state;		/* likewise; only while it is visited */
	uint64_t addr;			/* of bytes */
	const uint8_t *bytes;
	uint32_t n_bytes;
	const struct stack_frame *frames;	/* leaf first */
	size_t n_frames;		/* 0: it runs, or cannot be unwound */
	bool cut;			/* the stack goes on behind these */
	uint64_t low, high;		/* of what may be in use, more than bytes may have: from addr
					 * on, or if it runs all of the stack */
	uint64_t deferred, panic;	/* where the first records of these are; 0: there are none */
};

typedef void (*stack_fn)(void *ctx, const struct goroutine_stack *stack);

/* Calls visit with the stack of each goroutine that is not dead. */
int gomem_stacks(struct gomem *gm, const struct goroutines_limits *limits, stack_fn visit,
		 void *ctx, size_t *n_unreadable);

#endif
