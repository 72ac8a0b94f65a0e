/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heapmap.h - the live heap of one process by Go type, and who holds it: one look, as plain data.
 *
 * Owns all that it points to, so that it can be kept and compared with a later one.  Sizes are heap
 * bytes: of the slots that objects lie in.
 */
#ifndef HEAPMAP_H
#define HEAPMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/model.h"

/*
 * What is certain to live, and what may, at one moment.  low: marked by the last collection (or
 * allocated since), reached from a root, its type seen by two passes; while the heap moves, reached
 * before that moment and after it.  What only words of stacks lead to that may be left over is not
 * certain.  high: marked, or reached by any reading, and what these may have missed of what was
 * replaced meanwhile.  On a program that is quiet since its last collection both are the same
 * number.
 */
struct heap_range {
	uint64_t low, high;
};

struct heap_range heap_range_sum(struct heap_range a, struct heap_range b);

/* How a chain of holders ends. */
enum heap_root {
	HEAP_ROOT_UNKNOWN,	/* nobody was seen to hold it: held by what was not read */
	HEAP_ROOT_VARIABLE,	/* a package variable */
	HEAP_ROOT_STACK,	/* a goroutine's stack */
	HEAP_ROOT_FINALIZER,	/* what a finalizer needs */
	HEAP_ROOT_OWN_FINALIZER,	/* nothing holds the object, but it has a finalizer, which
				 * the next collection queues */
	HEAP_ROOT_CLEANUP,	/* what a cleanup needs */
	HEAP_ROOT_FINALIZER_QUEUE,	/* that of objects whose finalizers are to run, or run */
	HEAP_ROOT_CLEANUP_QUEUE,	/* that of cleanups that are to run */
	HEAP_ROOT_RUNTIME,	/* the runtime itself: memory outside of heap and variables */
	HEAP_ROOT_CUT,		/* the chain goes on, but is longer than what is kept */
};

/* One step outwards: an object, and the place in it that points to the step before. */
struct heap_level {
	const char *type;	/* "mw.limiter", "map[mw.Key]*mw.Bucket", "[]*main.T", "chan int";
				 * NULL: unknown, then size and offset tell */
	const char *field;	/* ".buckets", ".a.b[]", "[key]", "[value]", "[]"; "": the whole;
				 * NULL: not known */
	uint64_t size;		/* of the slot that the object lies in */
	uint64_t offset;	/* of the pointer in it, where field is NULL */
	bool guess;		/* the type is one */
	bool again;		/* a cycle: this level stands for any number of such in a row or in
				 * turn (a list, a tree) */
};

/* Objects of a row that are held the same way. */
struct heap_holder {
	uint64_t key;		/* hash of all below but the counts: the same in another look */
	struct heap_level *levels;	/* innermost first */
	size_t n_levels;
	enum heap_root root;
	const char *name;	/* of the root.  variable: "mw.limiter", "data of main+0x40" where
				 * no symbol tells; stack: the function whose frame it is, or
				 * for which the runtime's own has it there;
				 * finalizers and their queues: the function to be called;
				 * runtime: what; NULL: not known */
	const char *field;	/* variable with a known type: as in a level; else NULL */
	struct heap_range objects, bytes;
};

struct heap_size {
	uint64_t size;		/* of a slot */
	uint64_t objects;	/* as objects.high */
};

/*
 * All objects of one type.  A type without a name is what could not be typed: one row for each size
 * of slot, with and without pointers.  Of slices the row is that of the arrays behind them, "[]T";
 * parts of maps and channels go by the type of the whole, and part tells which.
 */
struct heap_type {
	uint64_t key;		/* hash of name, package, part; of size and pointers if untyped */
	const char *name;	/* "mw.Bucket", "[]uint8", "string", "map[string]int"; NULL */
	const char *package;	/* import path of a named type; NULL: none or unknown */
	const char *part;	/* "header", "groups", "table", "directory" (maps from 1.24 on),
				 * "buckets", "extra", "overflow slice", "overflow" (until 1.23),
				 * "buffer" (channels), "closure" (what a func value points to);
				 * "unreached": marked by the last collection, but neither typed nor
				 * reached; NULL */
	bool pointers;		/* has pointers; without, the collector does not look into it */
	struct heap_range objects, bytes;
	uint64_t guessed_objects, guessed_bytes;	/* of high, whose type is a guess */
	struct heap_size *sizes;	/* most bytes first */
	size_t n_sizes;
	struct heap_holder *holders;	/* most bytes first, by high */
	size_t n_holders;
	uint64_t held_objects;	/* that were seen to have a holder */
	bool holders_cut;	/* holders[] leaves out some */
	struct frame *places;	/* calls in the code that allocate the type */
	size_t n_places;
	size_t n_places_apart;	/* the first of these, which something tells from all others: the
				 * package of the structs that hold most of it, a size that is
				 * always the same; 0: nothing does */
	bool places_known;	/* false: not looked for, as it is not among the first */
	bool places_cut;	/* there are more */
};

/* Sums over rows, objects with and without pointers apart. */
struct heap_sums {
	struct heap_range objects, bytes;
	/* these add up to bytes.high, less what may have been held that no reading has found */
	uint64_t exact_bytes, guessed_bytes, untyped_bytes, unreached_bytes;
	uint64_t exact_objects, guessed_objects, untyped_objects, unreached_objects;
};

/* What the look cost. */
struct heap_cost {
	double seconds;
	uint64_t bytes_read;	/* of the target's memory */
	uint64_t reads;		/* system calls */
	uint64_t n_spans;	/* in use */
	uint64_t n_spans_read;	/* with pointers */
	uint64_t own_bytes;	/* the most memory that the look itself held */
};

/* A goroutine that runs finalizers or cleanups: one of them at the time of the look, or it ran, and
 * may have been between two. */
struct heap_runner {
	uint64_t goid;
	bool cleanup;		/* no finalizer */
	const char *state;	/* as of struct goroutine: "chan receive" */
	uint64_t waitsince_ns;	/* likewise */
	const char *function;	/* the innermost on its stack, of the program's own if there is one;
				 * NULL: not known, it ran */
};

/* What was not seen, or is in doubt.  All are 0 on a quiet program. */
struct heap_losses {
	uint64_t spans_changed;		/* never kept still, left out */
	uint64_t spans_unreadable;	/* at least once */
	uint64_t objects_dropped;	/* died, or their slot may be used again, between passes */
	uint64_t edges_once;		/* seen by one pass only */
	uint64_t types_contradicted;	/* two edges or seeds said different types */
	uint64_t stacks_unreadable;	/* of goroutines that ran */
	uint64_t stacks_cut;		/* of which not all was followed: too many deferred calls, or
					 * a frame that is larger than what was copied */
	uint64_t plugins;		/* whose own types and functions are not known */
	uint64_t unsure_left_out;	/* objects to which words lead that may be left over; not
					 * followed */
	uint64_t holders_cut;		/* objects whose chain found no room */
	uint64_t unreached;		/* marked objects that no root led to */
	uint64_t over_memory;		/* objects left out, since memory has its limit */
	uint64_t outrun;		/* spans, and references to new ones, not followed: they came
					 * faster */
	uint64_t queues_unread;		/* of finalizers, of cleanups: not found, or not read to
					 * the end */
};

struct heapmap {
	/* CLOCK_MONOTONIC: its counts are those of one moment between these, which is not known any
	 * nearer */
	int64_t from_ns, to_ns;
	uint32_t n_cycles;	/* collections completed before it, sweepgen / 2 */
	bool interrupted;	/* ended early: nothing below is whole */
	uint64_t only_size;	/* looked at objects of this size only; 0: at all */
	uint64_t min_size, max_size;	/* or of these sizes; 0: no limit */
	struct heap_type *types;	/* most bytes first, untyped rows among them */
	size_t n_types;
	struct heap_sums pointers, no_pointers;
	uint64_t n_finalizers;	/* objects in their queue, with the one whose finalizer runs;
				 * UNKNOWN_U64 */
	uint64_t n_cleanups;	/* likewise; from Go 1.26 on without those that run */
	struct heap_runner *runners;
	size_t n_runners;
	struct heap_cost cost;
	struct heap_losses losses;
	struct heap_text *texts;	/* all strings of the map; see heapmap.c */
};

void heapmap_free(struct heapmap *m);		/* also of a zeroed one */
/* A copy that lies in this memory, aligned for any object, as a whole: for another process that has
 * it at the same address; nothing of it is to be freed.  Types all come, largest first; of the last
 * ones holders, sizes and places do not, where they find no room.  NULL: not even the types do. */
struct heapmap *heapmap_pack(const struct heapmap *m, void *memory, size_t size);
/* The middle of the time that its counts are of. */
int64_t heapmap_time_ns(const struct heapmap *m);
/* Of all that was looked at, with pointers and without. */
struct heap_range heapmap_objects(const struct heapmap *m);
struct heap_range heapmap_bytes(const struct heapmap *m);
/* The map's one copy of the text; NULL for NULL. */
const char *heapmap_text(struct heapmap *m, const char *s);

#endif
