// SPDX-License-Identifier: BSD-2-Clause
/*
 * objsize.c - the size of an object's slot, from what is known of the allocation.
 *
 * The size class follows from the probe, where its function is specialised to one class, or from
 * the size asked for and whether the object has pointers.  That the type tells; where type or size
 * are not at hand (a type made at run time, either lost in a profile-guided build) the object's own
 * span is asked.
 *
 * All objects of one stack, type, size and probe have the same size, so the answer is kept, in a
 * cache that forgets: there is no end to sizes that may be asked for.  Where the size is not at
 * hand there is nothing to keep.
 */
#include "user/objsize.h"

#include <stdlib.h>

#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/go/sitetype.h"
#include "user/gomem/gomem.h"
#include "user/probe/plan.h"
#include "user/process.h"
#include "user/track/track.h"

enum {
	CACHE_SLOTS = 1 << 13,		/* a power of two */
	TINY_BLOCK = 16,		/* runtime.maxTinySize */
};

struct answer {
	uint64_t stack, typ, size;	/* as in the record */
	uint64_t bytes;			/* 0: the slot is free */
	uint16_t probe;
	bool tiny;
};

struct objsize {
	const struct process *p;
	const struct plan *plan;
	const struct track *track;
	uint64_t seed;
	struct answer cache[CACHE_SLOTS];
};

void objsize_new(struct objsize **out, const struct process *p, const struct plan *plan,
		 const struct track *track)
{
	struct objsize *z = xcalloc(1, sizeof(*z));

	z->p = p;
	z->plan = plan;
	z->track = track;
	z->seed = table_seed();
	*out = z;
}

void objsize_free(struct objsize *z)
{
	free(z);
}

static void type_of(struct objsize *z, const struct gl_alloc *rec, struct site_type *out)
{
	uint64_t typ = rec->typ, vaddrs[GL_MAX_FRAMES];
	const uint64_t *pcs;
	uint32_t n = 0, flags;

	if (track_find_stack(z->track, rec->stack, &pcs, &n, &flags))
		process_vaddrs(z->p, pcs, n, vaddrs);
	if (typ && typ != GL_UNKNOWN)
		process_vaddrs(z->p, &typ, 1, &typ);
	sitetype_get(process_sitetype(z->p), typ, vaddrs, n, out);
}

/*
 * 0: the span is gone.  A slot of 16 bytes may be a block of tiny objects.  It is where the object
 * does not begin with it, or is smaller: whatever has pointers is a multiple of 8 bytes long, so
 * that below 16 it has a slot of 8.
 */
static uint64_t ask_span(const struct objsize *z, const struct gl_alloc *rec, bool *tiny)
{
	uint64_t bytes;

	if (gomem_slot_size(process_gomem(z->p), rec->addr, &bytes))
		return 0;
	*tiny = bytes == TINY_BLOCK && (rec->addr % TINY_BLOCK || rec->size < TINY_BLOCK);
	return bytes;
}

static uint64_t decide(struct objsize *z, const struct gl_alloc *rec, bool *tiny)
{
	const struct plan_probe *p = &z->plan->probes[rec->h.probe];
	const struct go_layout *lo = process_layout(z->p);
	struct site_type type;

	/* asked in any case: so the type has its name before the binary may go */
	type_of(z, rec, &type);
	*tiny = p->tiny;
	if (p->profiled)	/* all of a block, if the object is tiny */
		return rec->size;
	if (p->tiny)
		return TINY_BLOCK;
	if (p->size_class)
		return golayout_class_size(p->size_class);
	if (!type.known || rec->size == GL_UNKNOWN)
		return ask_span(z, rec, tiny);
	*tiny = !type.pointers && rec->size < TINY_BLOCK;
	return golayout_object_size(lo, rec->size, type.pointers);
}

/* Whether the size is not even the same for all objects of the same stack, type and probe. */
static bool size_unknown(const struct objsize *z, const struct gl_alloc *rec)
{
	const struct plan_probe *p = &z->plan->probes[rec->h.probe];

	return rec->size == GL_UNKNOWN && !p->size_class && !p->tiny;
}

bool objsize_get(struct objsize *z, const struct gl_alloc *rec, uint64_t *bytes, bool *tiny)
{
	uint64_t h = table_mix(table_mix(table_mix(z->seed, rec->stack), rec->typ), rec->size);
	struct answer *a = &z->cache[h % CACHE_SLOTS];

	if (size_unknown(z, rec)) {
		*bytes = decide(z, rec, tiny);
		return *bytes;
	}
	if (!a->bytes || a->stack != rec->stack || a->typ != rec->typ || a->size != rec->size ||
	    a->probe != rec->h.probe) {
		*a = (struct answer){ .stack = rec->stack, .typ = rec->typ, .size = rec->size,
				      .probe = rec->h.probe };
		a->bytes = decide(z, rec, &a->tiny);
	}
	*bytes = a->bytes;
	*tiny = a->tiny;
	return a->bytes;
}
