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

/* bias: address in the target minus vaddr.  All pointers must outlive the gomem. */
int gomem_open(struct gomem **out, const struct target *t, const struct gobin *gb,
	       const struct go_layout *lo, uint64_t bias);
void gomem_close(struct gomem *gm);

/*
 * Compares the layout with the live process: spans contain their addresses and are found through
 * the arena index, goroutines have sane stacks, ids and states, allglen and allgptr agree with each
 * other. -EAGAIN: the runtime is not initialized yet (program just started).  -EBADMSG: the layout
 * does not fit this process; the user has been told what did not.
 */
int gomem_check(struct gomem *gm);

/* mheap_.sweepgen: completed collections are sweepgen / 2. */
int gomem_sweepgen(const struct gomem *gm, uint32_t *gen);

/* Heap bytes of the slot that addr lies in (elemsize of its span); -ENOENT: in no span in use. */
int gomem_slot_size(const struct gomem *gm, uint64_t addr, uint64_t *size);

/*
 * Tells which objects live, by the mark bits of the last finished mark phase (the essay in alive.c):
 * unswept spans by gcmarkBits or inline marks, swept ones by allocBits.  objects must be sorted by
 * address.  *gen is set to the sweepgen the answers belong to (if another
 * collection ends meanwhile, some are already those of the later one). Returns 0 or the errno of a
 * dead process.
 */
int gomem_alive(struct gomem *gm, struct object *objects, size_t n, uint32_t *gen);

/* runtime.MemStats, as ReadMemStats would fill it (less what is being changed meanwhile). */
struct go_memstats {
	uint64_t heap_alloc, heap_inuse, heap_idle, heap_released, heap_sys, heap_objects;
	uint64_t stack_inuse, stack_sys, mallocs, frees, total_alloc, next_gc;
	uint64_t mspan_sys, mcache_sys, buckhash_sys, gc_sys, other_sys, sys;
	uint64_t last_gc_unix_ns, pause_total_ns;
	uint32_t num_gc;
	uint64_t heap_marked;	/* gcController.heapMarked: live after the last mark */
};
int gomem_memstats(struct gomem *gm, struct go_memstats *out);

enum { GOMEM_MAX_WAIT = 64 };

struct goroutine {
	uint64_t goid;
	uint64_t gopc;		/* return address of the go statement's call, vaddr; 0: none */
	uint64_t startpc;	/* entry of the function started, vaddr */
	uint64_t parent_goid;	/* 0: unknown */
	uint64_t waitsince_ns;	/* blocked since this nanotime (CLOCK_MONOTONIC), 0: unknown */
	bool system;		/* one of the runtime's own (runtime.isSystemGoroutine) */
	bool locked;		/* locked to its thread */
	char state[GOMEM_MAX_WAIT]; /* Go's own words: "running", "syscall", "chan receive" ... */
	/* vaddrs, leaf first, pcs[0] where it continues; as runtime.Callers gives them: all are
	 * return addresses, or one more than the address of an instruction that was interrupted */
	const uint64_t *pcs;
	size_t n_pcs;		/* 0: not readable (it runs) */
	bool cut;
};

struct goroutines {
	struct goroutine *v;	/* in order of goid */
	size_t n;
	size_t n_unreadable;	/* changed too often while being read: not in v */
	uint64_t *pcs;		/* what v[].pcs point into */
};

/* All goroutines that are not dead.  with_stacks: unwind them, too. */
int gomem_goroutines(struct gomem *gm, bool with_stacks, struct goroutines *out);
void goroutines_free(struct goroutines *gs);

#endif
