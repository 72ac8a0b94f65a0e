/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_internal.h - what the files of heap share: the memory of one look, the spans, the types, and
 * how values are walked.
 */
#ifndef HEAP_INTERNAL_H
#define HEAP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/base/table.h"
#include "user/gomem/spans.h"

struct gobin;
struct gomem;
struct go_layout;
struct heap_options;
struct look;
struct target_read;
struct typeindex;

/* ---- memory: the look's own, and the target's --------------------------------------------- */

/* What tables that follow the size of the heap may take. */
struct budget {
	size_t used, peak, max;
};

/* Zeroed; NULL: over the budget. */
void *budget_alloc(struct budget *b, size_t n, size_t size);
void budget_free(struct budget *b, void *p, size_t n, size_t size);

/* Reads of the target, within the rate. */
struct feed {
	struct gomem *gm;
	struct look *look;	/* no more is read, nor waited for, once it is interrupted */
	uint64_t rate;		/* bytes a second; 0: no limit */
	uint64_t start_ns;
	uint64_t woken_ns;	/* since when it has been at work in one piece */
	uint64_t due_ns;	/* when as much as has been read may have been */
	uint64_t bytes, reads;
	uint64_t unasked;	/* bytes since it was asked whether the look is to end */
};

size_t feed_many(struct feed *f, struct target_read *reads, size_t n);
bool feed_read(struct feed *f, uint64_t addr, void *buf, size_t len);
/* gomem_read_spans() and gomem_span_marks(). */
void feed_spans(struct feed *f, const uint64_t *addrs, size_t n, struct go_span *out, bool *ok);
int feed_marks(struct feed *f, const uint64_t *mspans, size_t n, struct span_marks *out,
	       uint32_t *gen);

/* ---- spans and objects -------------------------------------------------------------------- */

enum span_flags {
	SPAN_QUEUED = 1,
	SPAN_HEADER = 2,	/* objects begin with a malloc header */
	SPAN_FORGOTTEN = 4,	/* no memory for labels */
	SPAN_SPECIALS = 8,	/* some objects have finalizers or the like */
	SPAN_PUT_OFF = 16,	/* some are of a later turn */
	SPAN_GONE = 32,		/* its pages are another's by now */
	SPAN_READ = 64,		/* its contents, at least once */
	SPAN_UNREADABLE = 128,	/* could not be, at least once */
};

struct span {
	uint64_t start;
	uint64_t mspan;		/* where its mspan is */
	uint32_t *labels;	/* one for each object; NULL: none has been set */
	uint32_t npages;
	uint32_t elemsize;	/* 0: one large object that takes all pages */
	uint32_t magic;		/* offset * magic >> 32 is the index (computeDivMagic) */
	uint32_t next;		/* in the queue */
	uint16_t nelems;
	uint16_t first, end;	/* [first, end) has all objects that wait, and others */
	uint8_t spanclass;
	uint8_t flags;
};

/* All spans that were in use whenever the table was read. */
struct space {
	struct span *v;		/* [1, n]; 0 is none */
	size_t n, cap;
	uint32_t **arenas;	/* of each arena the spans of its pages */
	uint64_t first_arena, n_arenas;
	uint32_t head, tail;	/* of the queue of spans that have something to be walked */
	bool header;		/* this Go has malloc headers */
	struct budget *budget;
	uint64_t n_forgotten;	/* objects, by memory */
};

/* A place in an object. */
struct place {
	struct span *span;
	uint32_t index;
	uint64_t base;		/* of what the allocator returned, behind the header */
	uint64_t size;		/* of that up to the end of the slot */
	uint64_t off;		/* of the place from base */
};

/* Adds the spans that are in use now and were not known, which moves all spans.  Begin with a
 * struct that has budget and header only.  -ENOMEM: over the budget; what is there can be used. */
int space_fill(struct space *sp, struct feed *f);
void space_free(struct space *sp);

static inline bool span_is_noscan(const struct span *s)
{
	return s->spanclass & 1;
}

static inline uint64_t span_bytes(const struct span *s)
{
	return (uint64_t)s->npages << GO_PAGE_SHIFT;
}

static inline uint64_t span_slot(const struct span *s)
{
	return s->elemsize ? s->elemsize : span_bytes(s);
}

/* Its slots may be blocks that several small objects without pointers share: what is known of one
 * is said of the block, and says nothing of the others. */
static inline bool span_is_shared(const struct span *s)
{
	return span_is_noscan(s) && span_slot(s) == GO_TINY_BYTES;
}

static inline uint32_t span_number(const struct space *sp, const struct span *s)
{
	return (uint32_t)(s - sp->v);
}

/* Where the number of the span stands that has the page; NULL: no arena is known there. */
static inline const uint32_t *space_page(const struct space *sp, uint64_t addr)
{
	uint64_t arena = arena_index(addr) - sp->first_arena;

	return arena < sp->n_arenas && sp->arenas[arena] ?
	       &sp->arenas[arena][arena_page(addr)] : NULL;
}

/* Whether there may be a span by now that is not known: the heap grows upwards. */
static inline bool space_may_have(const struct space *sp, uint64_t addr)
{
	enum { NEW_ARENAS = 16 };

	return arena_index(addr) - sp->first_arena < sp->n_arenas + NEW_ARENAS;
}

/* False: in no object of a span in use, or in a malloc header. */
static inline bool space_find(const struct space *sp, uint64_t addr, struct place *out)
{
	const uint32_t *page = space_page(sp, addr);
	struct span *s;
	uint64_t off;
	uint32_t i;

	if (!page || !*page)
		return false;
	s = &sp->v[*page];
	off = addr - s->start;
	i = s->elemsize ? (uint32_t)(off * s->magic >> 32) : 0;
	if (i >= s->nelems)
		return false;
	out->span = s;
	out->index = i;
	out->size = span_slot(s);
	out->base = s->start + i * out->size;
	out->off = addr - out->base;
	if (s->flags & SPAN_HEADER) {
		if (out->off < GO_HEADER_BYTES)
			return false;
		out->base += GO_HEADER_BYTES;
		out->off -= GO_HEADER_BYTES;
		out->size -= GO_HEADER_BYTES;
	}
	return true;
}

/* The object with that index. */
void space_object(struct span *s, uint32_t index, struct place *out);

/* The place for the object's label; NULL: there is no memory for it. */
uint32_t *space_label(struct space *sp, const struct place *p);

void space_queue(struct space *sp, struct span *s, uint32_t index);
struct span *space_next(struct space *sp);	/* takes it out of the queue; NULL: empty */
size_t space_waiting(const struct space *sp);	/* spans in the queue */

/* ---- types -------------------------------------------------------------------------------- */

/* What an object is, made of a Go type.  Where it repeats, it fills its slot. */
enum form {
	FORM_NONE,
	FORM_VALUE,		/* of the type */
	FORM_ARRAY,		/* values of the type, behind a slice */
	FORM_STRING,		/* bytes of a string; type 0 */
	FORM_MAP,		/* header of the map type (hmap, maps.Map) */
	FORM_BUCKETS,		/* of the map type, until Go 1.23 */
	FORM_EXTRA,		/* mapextra */
	FORM_OVERFLOWS,		/* *[]*bmap: the slice itself */
	FORM_OVERFLOW_ARRAY,	/* and what is behind it */
	FORM_GROUPS,		/* of the map type, from 1.24 on */
	FORM_TABLE,
	FORM_DIRECTORY,
	FORM_CHAN,		/* hchan, by element type */
	FORM_CHANBUF,
	FORM_CLOSURE,		/* of the func type; what it captured is not known */
	N_FORMS,
};

/* Of the parts of maps and channels: to those who read it they are one. */
static inline bool form_is_part(uint8_t form)
{
	return form >= FORM_MAP && form <= FORM_CHANBUF;
}

/* When what objects hold is looked at to find who holds what: the earlier, the more it says.  What
 * hangs in ways of several turns is held in one of the first. */
enum turn {
	TURN_PROGRAM,
	TURN_UNTYPED,		/* of no known type: a way of known types says more */
	TURN_RUNTIME,		/* its own objects: others say more of what these lead to */
	TURN_POOL,		/* a sync.Pool's: what has been taken from it, or lies beyond the
				 * length of a slice in it, still hangs on it, but is of use
				 * elsewhere */
	N_TURNS
};

struct type {
	uint64_t rtype;		/* vaddr */
	uint64_t size;		/* of a value, of one of those that repeat */
	uint64_t base;		/* vaddr of what the allocator was given; 0: not known */
	uint32_t first_slot, n_slots;
	uint8_t form;
	uint8_t kind;		/* of the rtype */
	bool pointers;
	bool repeats;
	bool at_least;		/* an object may be larger */
	bool runtime;		/* a type of package runtime */
	uint8_t turn;		/* enum turn */
	bool of_some_map;	/* part of a map of which it does not say the type */
	bool compiled;
};

enum slot_kind {
	SLOT_NONE,
	SLOT_POINTER,		/* to .type */
	SLOT_SLICE,		/* pointer, length, capacity; to .type */
	SLOT_STRING,		/* pointer, length */
	SLOT_INTERFACE,		/* type or itab, data */
	SLOT_FUNC,		/* to a closure */
	SLOT_UNSAFE,		/* nobody knows to what */
	SLOT_SWISS,		/* dirPtr, dirLen of a swiss map: groups .type, directory .other */
	SLOT_CHANBUF,		/* of an hchan */
	SLOT_NODE,		/* of a hash trie: one of .type and .other, by size */
	SLOT_REPEAT,		/* .count times, every .stride bytes: the .other slots behind it */
};

/* A place in values of a type that may point somewhere. */
struct slot {
	uint32_t offset;	/* in the value; in an element of the repeat it belongs to */
	uint32_t type, other;
	uint32_t count;
	uint32_t stride;
	uint16_t back;		/* of an array that is written out: so many slots before it stands
				 * the same one of the first element */
	uint8_t kind;
};

struct types;

struct types *types_new(const struct gobin *gb, const struct go_layout *lo,
			const struct typeindex *index);
void types_free(struct types *ts);

bool types_swiss(const struct types *ts);	/* the maps from Go 1.24 on */

/* 0: no such type.  The numbers stay, pointers are good until the next types_get(). */
uint32_t types_get(struct types *ts, uint64_t rtype, enum form form);
const struct type *types_at(const struct types *ts, uint32_t type);
size_t types_count(const struct types *ts);
/* The number of its first slot and how many it has; they are made now if need be, which moves all
 * types and slots. */
uint32_t types_slots(struct types *ts, uint32_t type, uint32_t *n);
const struct slot *types_slot(const struct types *ts, uint32_t slot);

/* What the first word of an interface says of the second. */
struct dynamic {
	uint8_t kind;		/* SLOT_POINTER, SLOT_FUNC ...; SLOT_NONE: the word is neither a
				 * type nor an itab */
	uint32_t type;		/* of what the data word leads to; 0: not known */
};
/* word: an address in the target. */
struct dynamic types_dynamic(struct types *ts, struct feed *f, uint64_t bias, uint64_t word);

/* How well a value of the type may be what lies at the place. */
enum fit {
	FIT_NOT,		/* it cannot lie there */
	FIT_PART,		/* it may be a part of what lies there */
	FIT_DERIVED,		/* elements up to the end of the slot: probably the whole */
	FIT_WHOLE,
};
/* bytes: of all elements, where that is known; else 0. */
enum fit types_fit(const struct types *ts, uint32_t type, const struct place *p, uint64_t bytes);

/* Whether one and the same object may be told to be of both types: a struct and its first field,
 * bytes and a string, a closure and what is known of it. */
bool types_agree(const struct types *ts, uint32_t a, uint32_t b);

/* What a func value leads to: a code pointer and what was captured. */
bool types_is_closure(const struct types *ts, uint32_t type);

/* "map[K]V" and "groups"; "" where there is no part.  free() name. */
char *types_name(const struct types *ts, uint32_t type, const char **part);
char *types_package(const struct types *ts, uint32_t type);
/* ".a.b[]" of a slot; free() it. */
char *types_field(struct types *ts, uint32_t type, uint32_t slot);
/* The type that has the slot. */
uint32_t types_of_slot(const struct types *ts, uint32_t slot);

/* ---- walking ------------------------------------------------------------------------------ */

/* Bytes of the target around what is being walked. */
struct window {
	struct feed *feed;
	uint64_t addr;
	size_t len;
	const uint8_t *p;	/* of somebody else, or own */
	uint8_t *own;
	size_t own_size;
	size_t piece;		/* bytes read at a time, where there are so many */
};

/* len bytes at addr; NULL: not readable. */
const uint8_t *window_get(struct window *w, uint64_t addr, size_t len);
bool window_has(const struct window *w, uint64_t addr, size_t len);
/* Reads them and no more; NULL: not readable. */
const uint8_t *window_read(struct window *w, uint64_t addr, size_t len);
void window_set(struct window *w, uint64_t addr, const void *p, size_t len);

enum { NO_SLOT = UINT32_MAX };

/* A pointer found in an object. */
struct edge {
	uint64_t target;
	uint64_t bytes;		/* that it says it leads to, slices and strings; else 0 */
	uint32_t type;		/* of what it points to; 0: unknown */
	uint32_t slot;		/* where it was; NO_SLOT: not in a known field */
	uint64_t offset;	/* from the begin of the object */
};

typedef void (*edge_fn)(struct look *l, const struct edge *e);

struct walk {
	struct look *look;
	struct types *types;
	const struct space *space;
	uint64_t bias;
	uint64_t statics, statics_end;	/* where variables are */
	struct window *win;
	edge_fn edge;
	uint64_t base;		/* of the object */
	bool strict;		/* count what cannot be what the type says */
	uint64_t n_bad;
};

/* The pointers of size bytes at addr that are values of the type. */
void walk_type(struct walk *w, uint32_t type, uint64_t addr, uint64_t size);

/* The word in front of a piece of memory, if both belong to one whole. */
struct word_before {
	uint64_t word;		/* 0: there is none */
	bool pointer;		/* as a mask says */
};

/*
 * The pointers of memory of which nothing is known: pairs of a type and a pointer give typed edges,
 * other words that lead into the heap edges without type.  mask: bit i tells whether word i may be
 * a pointer; NULL: all may.  before: of the first word, then of what follows; what is walked in
 * pieces hands it on, as a pair may lie in two of them.  False: it is not readable.
 */
bool walk_unknown(struct walk *w, uint64_t addr, uint64_t size, const uint64_t *mask,
		  struct word_before *before);

#endif
