/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.h - the live heap by Go type, and who holds it, read from outside: no probe, nothing
 * stopped, nothing written.
 */
#ifndef HEAP_H
#define HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gofacts;
struct gomem;
struct heap;
struct heapmap;

/* A live object whose type is known from elsewhere: a sample of a running trace. */
struct heap_seed {
	uint64_t addr;		/* as the allocator returned it */
	uint64_t typ;		/* vaddr of the *_type that it was given */
};

enum { HEAP_CLASSES = 68 };	/* 0: that of large objects; see golayout_class_size() */

struct heap_options {
	uint64_t rate;		/* bytes of the target read a second, at most; 0: no limit */
	uint64_t only_size;	/* rows and holders for slots of this size only; 0: all */
	uint64_t min_size, max_size;	/* or of these sizes; 0: no limit */
	const bool *classes;	/* or of these size classes, HEAP_CLASSES of them; NULL: all */
	size_t max_bytes;	/* of our own memory; 0: DEFAULT_MEMORY */
	size_t n_detailed;	/* rows, the largest, that get holders and places; 0: 10 */
	size_t n_holders;	/* for each of them; 0: 10 */
	bool no_places;		/* none gets places: it is only to be compared with */
	const struct heapmap *since;	/* only what has become more since then does; or NULL */
	const struct heap_seed *seeds;
	size_t n_seeds;
	bool (*interrupted)(void *ctx);	/* asked often; true: end with what there is; or NULL */
	void *ctx;
};

/* facts: what the file says, which serves every look; NULL: it is read now, for this heap.  Both must
 * outlive it.  -EBADMSG: the file has changed. */
int heap_open(struct heap **out, struct gomem *gm, const struct gofacts *facts);
void heap_close(struct heap *h);

/* Whether objects lie in slots of that size: a size class, or more than the largest of these.  If
 * not, the two classes that it lies between; 0: there is none below. */
bool heap_is_class(uint64_t size, uint64_t *below, uint64_t *above);

/*
 * One look.  *out is the caller's, heapmap_free().  Errors as of gomem.h: -ESRCH the process has
 * ended, -EBADMSG its memory contradicts itself, -EAGAIN it has no heap yet; says nothing to the
 * user.
 */
int heap_look(struct heap *h, const struct heap_options *options, struct heapmap *out);

#endif
