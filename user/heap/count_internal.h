/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * count_internal.h - objects as they were added up, for who makes rows of it.
 */
#ifndef COUNT_INTERNAL_H
#define COUNT_INTERNAL_H

#include "user/base/limits.h"
#include "user/heap/look.h"

struct amount {
	uint64_t objects, bytes;
};

/* Objects of a type, or, untyped ones, of a span class. */
struct row {
	struct heap_range objects, bytes;
	uint64_t guessed_objects, guessed_bytes, held;
	struct amount unseen;		/* of a type: as counts.unseen */
	uint64_t kinds[(N_SPAN_KINDS + 63) / 64];	/* bits: span classes of its objects */
	uint64_t lost;			/* of its nodes; if there are any, no reading has found ... */
	struct amount missed;		/* at most so many, and row_unseen() */
	bool any_missed;		/* that is all that they can be */
};

struct size_count {
	uint64_t key;			/* size_key() */
	uint64_t objects;
};

struct node_count {
	struct heap_range objects, bytes;
	uint64_t first;			/* objects that the first of two readings found, */
	struct amount lost, late;	/* those that it alone did, and those that it did not */
};

/* Of nodes of untyped objects, by span class. */
struct class_count {
	uint64_t key;			/* node << 8 | span class, plus 1 */
	struct node_count n;
};

struct counts {
	struct row *types;		/* by type */
	struct row untyped[N_SPAN_KINDS], unreached[N_SPAN_KINDS];
	/* Not counted: allocated since the last collection, no reading was led there, and their
	 * type is not known. */
	struct amount unseen[N_SPAN_KINDS];
	struct amount allocated[N_SPAN_KINDS];	/* in the end: all there is, if ... */
	bool all_known;			/* ... the spans of then are known, and no collection has
					 * freed any since what is held was read */
	struct node_count *nodes;
	/* The numbers of nodes, by type: those of type t are [first[t], first[t + 1]). */
	uint32_t *by_type, *first;
	struct table sizes, classes;
};

/* Of slots: bytes, of large objects pages. */
static inline uint64_t size_key(uint32_t type, const struct span *s)
{
	return (uint64_t)type << 33 | (s->elemsize ? s->elemsize : 1ull << 32 | s->npages);
}

static inline uint32_t size_key_type(uint64_t key)
{
	return (uint32_t)(key >> 33);
}

static inline uint64_t size_key_bytes(uint64_t key)
{
	return key >> 32 & 1 ? (key & UINT32_MAX) << GO_PAGE_SHIFT : key & UINT32_MAX;
}

void count_all(struct look *l, struct counts *c);
void counts_free(struct counts *c);
/* What the row's objects may be that no reading has found and nothing else tells of. */
struct amount row_unseen(const struct counts *c, const struct row *r);
/* All that is allocated where its objects are. */
struct amount row_allocated(const struct counts *c, const struct row *r);

/* Fills the holders of one row: of a type, or, if that is 0, of untyped objects of a span class. */
void holders_fill(struct look *l, struct heapmap *m, struct heap_type *t, uint32_t type,
		  uint8_t spanclass);

/* Finds the places that allocate n rows' types; 0 among these: the row has none. */
void places_fill(struct look *l, struct heapmap *m, struct heap_type *const *rows,
		 const uint32_t *types, size_t n);
/* What tells the places of a row from each other, in their order; zeroed before the first. */
struct place_ranks {
	uint8_t v[MAX_PLACES];
};

/* One of them, behind those that are told apart as well, or better, and whose code is as near to
 * the program, or nearer; of too many the farthest is dropped.  constant: the code makes but the
 * one size there that the row's objects have. */
void places_add(struct heap_type *row, struct place_ranks *ranks, const struct frame *f,
		bool constant, const char *main_module);

#endif
