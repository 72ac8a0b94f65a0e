// SPDX-License-Identifier: BSD-2-Clause
/*
 * types.c - the types that objects of the heap have, and where their values have pointers.
 *
 * A type is a form of an rtype: a value, the array behind a slice, the header of a map ...  What is
 * not a value of a Go type is laid out here by hand: map headers and their parts (runtime/map.go up
 * to Go 1.23, internal/runtime/maps from 1.24 on), and channels.  Slots are made when a type is
 * first looked into, since a program has many types that its heap has none of.
 *
 * unsafe.Pointer says nothing of what it points to, but a few fields of the library are known:
 * atomic.Pointer[T] has a field [0]*T beside it, others stand in a table below.
 */
#include "user/heap/heap_internal.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/go/gotype.h"
#include "user/go/image.h"
#include "user/go/rtype.h"
#include "user/go/typeindex.h"
#include "user/heap/types_internal.h"

enum {
	WORD = 8,
	UNROLL = 16,		/* slots of an array that are written out */
	/* Go up to 1.23: runtime.hmap, mapextra. */
	HMAP_BUCKETS = 16, HMAP_OLDBUCKETS = 24, HMAP_EXTRA = 40, HMAP_SIZE = 48,
	EXTRA_OVERFLOW = 0, EXTRA_OLDOVERFLOW = 8, EXTRA_NEXT = 16, EXTRA_SIZE = 24,
	/* From 1.24 on: internal/runtime/maps.Map, table. */
	MAP_DIR = 16, MAP_SIZE = 48, TABLE_GROUPS = 16, TABLE_SIZE = 32,
	SLICE_SIZE = 24,
	HCHAN_MIN = 80,
};

/* ---- the registry ------------------------------------------------------------------------- */

struct types *types_new(const struct gobin *gb, const struct go_layout *lo,
			const struct typeindex *index)
{
	struct types *ts = xcalloc(1, sizeof(*ts));

	ts->gb = gb;
	ts->lo = lo;
	ts->index = index;
	ts->swiss = gobin_experiment(gb, "swissmap");
	ts->n = 1;
	ts->cap = 1 << 10;
	ts->v = xcalloc(ts->cap, sizeof(*ts->v));
	ts->v[0].turn = TURN_UNTYPED;
	table_init(&ts->by_key, sizeof(struct by_key), 64ul * MAX_TYPES);
	table_init(&ts->by_word, sizeof(struct by_word), 64ul * MAX_DYNAMIC);
	return ts;
}

void types_free(struct types *ts)
{
	if (!ts)
		return;
	table_fini(&ts->by_key);
	table_fini(&ts->by_word);
	free(ts->v);
	free(ts->slots);
	free(ts);
}

const struct type *types_at(const struct types *ts, uint32_t type)
{
	return &ts->v[type];
}

bool types_swiss(const struct types *ts)
{
	return ts->swiss;
}

size_t types_count(const struct types *ts)
{
	return ts->n;
}

static uint64_t hchan_size(const struct types *ts)
{
	uint64_t rtype = typeindex_named(ts->index, "runtime", "hchan");
	struct rtype_head h;

	if (rtype && !rtype_peek(ts->gb, rtype, &h) && h.size >= HCHAN_MIN)
		return h.size;
	return 0;
}

/* Groups or buckets. */
static bool fill_group(const struct types *ts, struct type *t, const struct rtype_head *h)
{
	struct rtype_head group;
	struct rtype map;

	if (h->kind != GO_MAP || rtype_read(ts->gb, t->rtype, &map))
		return false;
	t->base = map.group;
	rtype_free(&map);
	if (rtype_peek(ts->gb, t->base, &group) || !group.size)
		return false;
	t->size = group.size;
	t->pointers = group.ptr_bytes;
	t->repeats = true;
	return true;
}

/* What maps are made of besides. */
static bool fill_map_part(const struct types *ts, struct type *t, const struct rtype_head *h)
{
	t->pointers = true;
	switch ((enum form)t->form) {
	case FORM_MAP:
		t->size = ts->swiss ? MAP_SIZE : HMAP_SIZE;
		t->base = ts->swiss ? typeindex_named(ts->index, "internal/runtime/maps", "Map")
				    : typeindex_named(ts->index, "runtime", "hmap");
		return h->kind == GO_MAP;
	case FORM_EXTRA:
		t->size = EXTRA_SIZE;
		t->base = typeindex_named(ts->index, "runtime", "mapextra");
		return true;
	case FORM_OVERFLOWS:
		t->size = SLICE_SIZE;
		return true;
	case FORM_TABLE:
		t->size = TABLE_SIZE;
		t->base = typeindex_named(ts->index, "internal/runtime/maps", "table");
		return true;
	case FORM_DIRECTORY:
		t->base = typeindex_named(ts->index, "internal/runtime/maps", "table");
		t->base = t->base ? typeindex_pointer_to(ts->index, t->base) : 0;
		/* fallthrough */
	case FORM_OVERFLOW_ARRAY:
		t->size = WORD;
		t->repeats = true;
		return true;
	default:
		return false;
	}
}

/* What is the same for all values of a form. */
static bool fill_form(struct types *ts, struct type *t, const struct rtype_head *h)
{
	t->pointers = h->ptr_bytes;
	switch ((enum form)t->form) {
	case FORM_VALUE:
		t->size = h->size;
		t->base = t->rtype;
		return true;
	case FORM_ARRAY:
	case FORM_CHANBUF:
		t->size = h->size;
		t->repeats = true;
		t->base = t->rtype;
		return h->size != 0;
	case FORM_BUCKETS:
	case FORM_GROUPS:
		return fill_group(ts, t, h);
	case FORM_CHAN:
		/* With elements without pointers the buffer follows in the same object. */
		t->base = typeindex_named(ts->index, "runtime", "hchan");
		t->size = hchan_size(ts);
		t->at_least = !t->size || !t->pointers;
		if (!t->size)
			t->size = HCHAN_MIN;
		return true;
	case FORM_CLOSURE:
		t->size = WORD;
		t->at_least = true;
		t->pointers = true;
		return true;
	default:
		return fill_map_part(ts, t, h);
	}
}

static uint32_t add_type(struct types *ts, const struct type *t)
{
	if (ts->n == MAX_TYPES)
		return 0;
	ts->v = grow(ts->v, ts->n, &ts->cap, sizeof(*ts->v));
	ts->v[ts->n] = *t;
	return (uint32_t)ts->n++;
}

/* The runtime's own types for headers, tables and directories. */
static bool is_of_some_map(const struct types *ts, const struct type *t)
{
	static const struct { const char *package, *name; } parts[] = {
		{ "runtime", "hmap" }, { "internal/runtime/maps", "Map" },
		{ "internal/runtime/maps", "table" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t rtype = typeindex_named(ts->index, parts[i].package, parts[i].name);

		if (!rtype)
			continue;
		if (t->form == FORM_VALUE && t->rtype == rtype)
			return true;
		if (t->form == FORM_ARRAY && t->rtype == typeindex_pointer_to(ts->index, rtype))
			return true;
	}
	return false;
}

static bool is_runtime(const struct types *ts, uint64_t rtype)
{
	char *package = rtype_package(ts->gb, rtype);
	bool yes = package && !strcmp(package, "runtime");

	free(package);
	return yes;
}

/* What sync.Pools have put away, and the library's list of all of them: each may be a field of an
 * object that the program holds. */
static bool is_of_pools(const struct types *ts, const struct type *t)
{
	uint64_t pool = typeindex_named(ts->index, "sync", "Pool");

	return t->form == FORM_ARRAY &&
	       (t->rtype == typeindex_named(ts->index, "sync", "poolLocal") ||
		(pool && t->rtype == typeindex_pointer_to(ts->index, pool)));
}

static enum turn turn_of(const struct types *ts, const struct type *t)
{
	return t->runtime ? TURN_RUNTIME : is_of_pools(ts, t) ? TURN_POOL : TURN_PROGRAM;
}

uint32_t types_get(struct types *ts, uint64_t rtype, enum form form)
{
	struct type t = { .rtype = rtype, .form = (uint8_t)form };
	struct by_key *e = table_find(&ts->by_key, rtype << 4 | form);
	struct rtype_head h = { 0 };
	uint32_t type;
	bool is_new;

	_Static_assert(N_FORMS <= 16, "four bits of a key");
	if (e)
		return e->type;
	if (form == FORM_STRING) {
		t.size = 1;
		t.repeats = true;
		type = add_type(ts, &t);
	} else {
		type = 0;
		if (!rtype_peek(ts->gb, rtype, &h) && fill_form(ts, &t, &h)) {
			t.kind = h.kind;
			t.runtime = form == FORM_VALUE && is_runtime(ts, rtype);
			t.turn = (uint8_t)turn_of(ts, &t);
			t.of_some_map = is_of_some_map(ts, &t);
			type = add_type(ts, &t);
		}
	}
	e = table_put(&ts->by_key, rtype << 4 | form, &is_new);
	if (e)
		e->type = type;
	return type;
}

/* ---- slots -------------------------------------------------------------------------------- */

struct builder {
	struct types *ts;
	struct slot *v;
	size_t n, cap;
	uint64_t bucket_of;	/* the map type whose bucket this is, 0: none */
	uint32_t steps;		/* types looked into */
	bool full;
};

static void add_slot(struct builder *b, const struct slot *s)
{
	if (b->n == MAX_TYPE_SLOTS) {
		b->full = true;
		return;
	}
	b->v = grow(b->v, b->n, &b->cap, sizeof(*b->v));
	b->v[b->n++] = *s;
}

static void add_copy(struct builder *b, size_t i)
{
	struct slot s = b->v[i];

	add_slot(b, &s);
}

static void add(struct builder *b, uint64_t offset, enum slot_kind kind, uint32_t type)
{
	add_slot(b, &(struct slot){ .offset = (uint32_t)offset, .kind = (uint8_t)kind,
				    .type = type });
}

static void add_form(struct builder *b, uint64_t offset, enum slot_kind kind, uint64_t rtype,
		     enum form form)
{
	add(b, offset, kind, types_get(b->ts, rtype, form));
}

/* Fields of type unsafe.Pointer whose meaning is known.  The names are as reflection gives them. */
static const struct {
	const char *package, *type, *field;
	const char *to_package, *to;
	enum form form;
} known_fields[] = {
	{ "sync", "Pool", "local", "sync", "poolLocal", FORM_ARRAY },
	{ "sync", "Pool", "victim", "sync", "poolLocal", FORM_ARRAY },
	{ "sync", "entry", "p", NULL, "interface {}", FORM_VALUE },	/* until Go 1.19 */
};

/* A word of a type, then one that a pointer of this type leads to (sync/pool.go, ...). */
static const struct { const char *package, *type; } pairs[] = {
	{ "sync", "eface" }, { "sync/atomic", "efaceWords" }, { "runtime", "eface" },
	{ "runtime", "iface" },
};

/* What is special of a struct, by its name. */
struct special {
	char *name, *package;
};

static bool is(const struct special *s, const char *package, const char *name)
{
	return s->name && s->package && !strcmp(s->package, package) &&
	       !strcmp(typeindex_bare(s->name), name);
}

static bool is_pair(const struct special *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (is(s, pairs[i].package, pairs[i].type))
			return true;
	return false;
}

/* The element behind the field [0]*T of atomic.Pointer[T]; 0: none there. */
static uint64_t marked_element(const struct types *ts, const struct rtype *t)
{
	struct rtype array, pointer;
	uint64_t elem = 0;

	if (!t->n_fields || rtype_read(ts->gb, t->fields[0].typ, &array))
		return 0;
	if (array.kind == GO_ARRAY && !array.len && !rtype_read(ts->gb, array.elem, &pointer)) {
		elem = pointer.kind == GO_POINTER ? pointer.elem : 0;
		rtype_free(&pointer);
	}
	rtype_free(&array);
	return elem;
}

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static void add_pointer(struct builder *b, uint64_t offset, uint64_t elem)
{
	struct go_type t;
	char *package;

	if (gotype_read(b->ts->gb, elem, &t)) {
		add(b, offset, SLOT_UNSAFE, 0);
		return;
	}
	/* internal/sync/hashtriemap.go: an entry[K,V] or an indirect[K,V]. */
	package = starts_with(t.name, "sync.node[") || starts_with(t.name, "concurrent.node[") ?
		rtype_package(b->ts->gb, elem) : NULL;
	if (package && starts_with(package, "internal/")) {
		char *entry = xasprintf("entry%s", strchr(t.name, '['));
		char *indirect = xasprintf("indirect%s", strchr(t.name, '['));
		uint64_t e = typeindex_named(b->ts->index, package, entry);
		uint64_t in = typeindex_named(b->ts->index, package, indirect);

		add_slot(b, &(struct slot){
			.offset = (uint32_t)offset, .kind = SLOT_NODE,
			.type = e ? types_get(b->ts, e, FORM_VALUE) : 0,
			.other = in ? types_get(b->ts, in, FORM_VALUE) : 0 });
		free(entry);
		free(indirect);
	} else {
		add_form(b, offset, SLOT_POINTER, elem, FORM_VALUE);
	}
	free(package);
	free(t.name);
}

/* A field of type unsafe.Pointer. */
static void add_unsafe(struct builder *b, const struct rtype *t, const struct special *s,
		       const struct rtype_field *f, uint64_t offset)
{
	uint64_t elem = marked_element(b->ts, t);

	if (elem) {
		add_pointer(b, offset, elem);
		return;
	}
	if (b->bucket_of && !strcmp(f->name, "overflow")) {
		add_form(b, offset, SLOT_POINTER, b->bucket_of, FORM_BUCKETS);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(known_fields); i++) {
		uint64_t to;

		if (!is(s, known_fields[i].package, known_fields[i].type) ||
		    strcmp(f->name, known_fields[i].field))
			continue;
		to = typeindex_named(b->ts->index, known_fields[i].to_package, known_fields[i].to);
		if (to) {
			add_form(b, offset, SLOT_POINTER, to, known_fields[i].form);
			return;
		}
	}
	add(b, offset, SLOT_UNSAFE, 0);
}

static void add_value(struct builder *b, uint64_t rtype, uint64_t offset, int depth);

static void add_struct(struct builder *b, uint64_t rtype, const struct rtype *t, uint64_t offset,
		       int depth)
{
	struct special s = { 0 };
	struct go_type named;
	struct rtype_head h;
	bool looked = false;

	for (size_t i = 0; i < t->n_fields; i++) {
		const struct rtype_field *f = &t->fields[i];

		if (rtype_peek(b->ts->gb, f->typ, &h) || !h.ptr_bytes)
			continue;
		if (h.kind != GO_UNSAFE_POINTER) {
			add_value(b, f->typ, offset + f->offset, depth + 1);
			continue;
		}
		if (!looked && !gotype_read(b->ts->gb, rtype, &named)) {
			s.name = named.name;
			s.package = rtype_package(b->ts->gb, rtype);
		}
		looked = true;
		if (is_pair(&s)) {
			add(b, offset, SLOT_INTERFACE, 0);
			break;
		}
		add_unsafe(b, t, &s, f, offset + f->offset);
	}
	free(s.name);
	free(s.package);
}

/* Moves n slots; those of repeats count from the repeat's own element. */
static void shift(struct slot *v, size_t n, uint32_t by)
{
	for (size_t i = 0; i < n; i++) {
		v[i].offset += by;
		if (v[i].kind == SLOT_REPEAT)
			i += v[i].other;
	}
}

static void add_array(struct builder *b, const struct rtype *t, uint64_t offset, int depth)
{
	struct rtype_head elem;
	size_t repeat = b->n, n;

	if (!t->len || rtype_peek(b->ts->gb, t->elem, &elem) || !elem.ptr_bytes ||
	    t->len > UINT32_MAX || elem.size > UINT32_MAX)
		return;
	add_slot(b, &(struct slot){ .offset = (uint32_t)offset, .kind = SLOT_REPEAT,
				    .count = (uint32_t)t->len, .stride = (uint32_t)elem.size });
	if (b->full)
		return;
	add_value(b, t->elem, 0, depth + 1);
	b->v[repeat].other = (uint32_t)(b->n - repeat - 1);
	n = b->v[repeat].other;
	if (n * t->len > UNROLL)
		return;
	/* Few enough to be written out: as if they were fields. */
	memmove(&b->v[repeat], &b->v[repeat + 1], n * sizeof(*b->v));
	b->n--;
	for (uint64_t k = 1; k < t->len; k++)
		for (size_t i = 0; i < n; i++)
			add_copy(b, repeat + i);
	for (uint64_t k = 0; k < t->len && !b->full; k++) {
		struct slot *v = &b->v[repeat + k * n];

		shift(v, n, (uint32_t)(offset + k * elem.size));
		for (size_t i = 0; i < n; i++)
			v[i].back += (uint16_t)(k * n);
	}
}

/* The slots of a value of the type at that offset of what is being built. */
static void add_value(struct builder *b, uint64_t rtype, uint64_t offset, int depth)
{
	struct rtype t;

	b->full |= b->steps++ == MAX_TYPE_STEPS;
	if (depth > MAX_TYPE_DEPTH || b->full || rtype_read(b->ts->gb, rtype, &t))
		return;
	if (t.ptr_bytes && offset < UINT32_MAX) {
		switch (t.kind) {
		case GO_POINTER:
			add_pointer(b, offset, t.elem);
			break;
		case GO_SLICE:
			add_form(b, offset, SLOT_SLICE, t.elem, FORM_ARRAY);
			break;
		case GO_STRING:
			add_form(b, offset, SLOT_STRING, 0, FORM_STRING);
			break;
		case GO_INTERFACE:
			add(b, offset, SLOT_INTERFACE, 0);
			break;
		case GO_MAP:
			add_form(b, offset, SLOT_POINTER, rtype, FORM_MAP);
			break;
		case GO_CHAN:
			add_form(b, offset, SLOT_POINTER, t.elem, FORM_CHAN);
			break;
		case GO_FUNC:
			add_form(b, offset, SLOT_FUNC, rtype, FORM_CLOSURE);
			break;
		case GO_STRUCT:
			add_struct(b, rtype, &t, offset, depth);
			break;
		case GO_ARRAY:
			add_array(b, &t, offset, depth);
			break;
		case GO_UNSAFE_POINTER:
			add(b, offset, SLOT_UNSAFE, 0);
			break;
		}
	}
	rtype_free(&t);
}

static void add_channel(struct builder *b, uint64_t elem)
{
	const struct go_layout *lo = b->ts->lo;
	uint64_t hchan = typeindex_named(b->ts->index, "runtime", "hchan");
	struct rtype t;

	if (lo->hchan_buf < 0)
		return;
	add_form(b, (uint64_t)lo->hchan_buf, SLOT_CHANBUF, elem, FORM_CHANBUF);
	/* The queues of who waits, and what newer versions have: as its type says. */
	if (!hchan || rtype_read(b->ts->gb, hchan, &t))
		return;
	for (size_t i = 0; i < t.n_fields; i++)
		if (t.fields[i].offset > (uint64_t)lo->hchan_buf &&
		    strcmp(t.fields[i].name, "elemtype"))
			add_value(b, t.fields[i].typ, t.fields[i].offset, 0);
	rtype_free(&t);
}

static void add_map(struct builder *b, uint64_t map)
{
	if (b->ts->swiss) {
		add_slot(b, &(struct slot){
			.offset = MAP_DIR, .kind = SLOT_SWISS,
			.type = types_get(b->ts, map, FORM_GROUPS),
			.other = types_get(b->ts, map, FORM_DIRECTORY) });
		return;
	}
	add_form(b, HMAP_BUCKETS, SLOT_POINTER, map, FORM_BUCKETS);
	add_form(b, HMAP_OLDBUCKETS, SLOT_POINTER, map, FORM_BUCKETS);
	add_form(b, HMAP_EXTRA, SLOT_POINTER, map, FORM_EXTRA);
}

static void build(struct builder *b, const struct type *t)
{
	switch ((enum form)t->form) {
	case FORM_VALUE:
	case FORM_ARRAY:
	case FORM_CHANBUF:
		add_value(b, t->rtype, 0, 0);
		break;
	case FORM_MAP:
		add_map(b, t->rtype);
		break;
	case FORM_BUCKETS:
		b->bucket_of = t->rtype;
		add_value(b, t->base, 0, 0);
		break;
	case FORM_GROUPS:
		add_value(b, t->base, 0, 0);
		break;
	case FORM_EXTRA:
		add_form(b, EXTRA_OVERFLOW, SLOT_POINTER, t->rtype, FORM_OVERFLOWS);
		add_form(b, EXTRA_OLDOVERFLOW, SLOT_POINTER, t->rtype, FORM_OVERFLOWS);
		add_form(b, EXTRA_NEXT, SLOT_POINTER, t->rtype, FORM_BUCKETS);
		break;
	case FORM_OVERFLOWS:
		add_form(b, 0, SLOT_SLICE, t->rtype, FORM_OVERFLOW_ARRAY);
		break;
	case FORM_OVERFLOW_ARRAY:
		add_form(b, 0, SLOT_POINTER, t->rtype, FORM_BUCKETS);
		break;
	case FORM_TABLE:
		add_form(b, TABLE_GROUPS, SLOT_POINTER, t->rtype, FORM_GROUPS);
		break;
	case FORM_DIRECTORY:
		add_form(b, 0, SLOT_POINTER, t->rtype, FORM_TABLE);
		break;
	case FORM_CHAN:
		add_channel(b, t->rtype);
		break;
	default:
		break;
	}
}

uint32_t types_slots(struct types *ts, uint32_t type, uint32_t *n)
{
	struct type t = ts->v[type];

	if (!t.compiled) {
		struct builder b = { .ts = ts };

		if (t.pointers)
			build(&b, &t);
		t.compiled = true;
		t.first_slot = (uint32_t)ts->n_slots;
		if (b.n && ts->n_slots + b.n <= MAX_SLOTS) {
			t.n_slots = (uint32_t)b.n;
			while (ts->n_slots + b.n > ts->cap_slots)
				ts->slots = grow(ts->slots, ts->cap_slots, &ts->cap_slots,
						 sizeof(*ts->slots));
			memcpy(ts->slots + ts->n_slots, b.v, b.n * sizeof(*b.v));
			ts->n_slots += b.n;
		}
		free(b.v);
		ts->v[type] = t;
	}
	*n = t.n_slots;
	return t.first_slot;
}

const struct slot *types_slot(const struct types *ts, uint32_t slot)
{
	return &ts->slots[slot];
}

/* ---- interfaces --------------------------------------------------------------------------- */

/* What the data word of an interface with a value of the type is. */
static struct dynamic dynamic_of(struct types *ts, uint64_t rtype)
{
	struct rtype_head h;
	uint32_t type, first, n;

	if (rtype_peek(ts->gb, rtype, &h))
		return (struct dynamic){ 0 };
	type = types_get(ts, rtype, FORM_VALUE);
	if (!type || !h.direct)
		return (struct dynamic){ .kind = SLOT_POINTER, .type = type };
	/* The value itself: one pointer, in whatever it is wrapped. */
	first = types_slots(ts, type, &n);
	if (n != 1)
		return (struct dynamic){ .kind = SLOT_UNSAFE };
	return (struct dynamic){ .kind = ts->slots[first].kind, .type = ts->slots[first].type };
}

static struct dynamic find_dynamic(struct types *ts, struct feed *f, uint64_t bias, uint64_t word)
{
	const struct image *img = gobin_image(ts->gb);
	uint64_t vaddr = word - bias, w[2];
	struct rtype_head inter, type;
	bool inside = image_mapped(img, vaddr, 1);

	if (inside ? !image_read(img, vaddr, w, sizeof(w))
		   : ts->n_probes++ >= MAX_PROBES || !feed_read(f, word, w, sizeof(w)))
		return (struct dynamic){ 0 };
	/* runtime.itab; first, since itabs may lie among the types. */
	if (!inside) {
		w[0] -= bias;
		w[1] -= bias;
	}
	if (!rtype_peek(ts->gb, w[0], &inter) && inter.kind == GO_INTERFACE &&
	    !rtype_peek(ts->gb, w[1], &type))
		return dynamic_of(ts, w[1]);
	return inside ? dynamic_of(ts, vaddr) : (struct dynamic){ 0 };
}

struct dynamic types_dynamic(struct types *ts, struct feed *f, uint64_t bias, uint64_t word)
{
	struct by_word *e;
	struct dynamic found;
	bool is_new;

	if (word % WORD || word < 4096 || word >= GO_ADDR_END)
		return (struct dynamic){ 0 };
	e = table_find(&ts->by_word, word);
	if (e)
		return e->what;
	found = find_dynamic(ts, f, bias, word);
	e = table_put(&ts->by_word, word, &is_new);
	if (e)
		e->what = found;
	return found;
}

/* ---- agreement ---------------------------------------------------------------------------- */

/* The rtype of what lies at the begin of a value; 0: nothing. */
static uint64_t first_part(const struct types *ts, uint64_t rtype)
{
	struct rtype_head h;
	uint64_t part = 0;
	struct rtype t;

	if (rtype_read(ts->gb, rtype, &t))
		return 0;
	if (t.kind == GO_ARRAY)
		part = t.elem;
	for (size_t i = 0; i < t.n_fields && !part; i++)
		if (!rtype_peek(ts->gb, t.fields[i].typ, &h) && h.size)
			part = t.fields[i].typ;
	rtype_free(&t);
	return part;
}

static bool begins_with(const struct types *ts, uint64_t rtype, uint64_t part)
{
	for (int i = 0; i < MAX_TYPE_DEPTH && rtype; i++) {
		if (rtype == part)
			return true;
		rtype = first_part(ts, rtype);
	}
	return false;
}

bool types_is_closure(const struct types *ts, uint32_t type)
{
	const struct type *t = &ts->v[type];
	struct go_type rt;
	bool yes;

	if (t->form != FORM_VALUE || t->kind != GO_STRUCT || gotype_read(ts->gb, t->rtype, &rt))
		return t->form == FORM_CLOSURE;
	yes = starts_with(rt.name, "struct { F uintptr");
	free(rt.name);
	return yes;
}

bool types_agree(const struct types *ts, uint32_t a, uint32_t b)
{
	const struct type *x = &ts->v[a], *y = &ts->v[b];

	if ((!x->pointers && (x->repeats || x->size < GO_TINY_BYTES)) ||
	    (!y->pointers && (y->repeats || y->size < GO_TINY_BYTES)))
		return true;	/* bytes; tiny objects share a block */
	if ((x->base && x->base == y->base) || (types_is_closure(ts, a) && types_is_closure(ts, b)))
		return true;
	return begins_with(ts, x->rtype, y->rtype) || begins_with(ts, y->rtype, x->rtype);
}

/* ---- does it fit -------------------------------------------------------------------------- */

/* Whether an allocation of so many bytes takes just such a slot. */
static bool fills(const struct types *ts, const struct place *p, uint64_t bytes, bool pointers)
{
	return golayout_object_size(ts->lo, bytes, pointers) == span_slot(p->span);
}

/* Shares its block with others. */
static bool is_tiny(const struct type *t, const struct place *p, uint64_t bytes)
{
	return !t->pointers && bytes < GO_TINY_BYTES && span_is_shared(p->span);
}

static enum fit fit_elements(const struct types *ts, const struct type *t, const struct place *p,
			     uint64_t bytes)
{
	if (p->off + t->size > p->size || bytes > p->size - p->off)
		return FIT_NOT;
	if (!bytes)
		return p->off ? FIT_PART : FIT_WHOLE;
	if (is_tiny(t, p, bytes))
		return FIT_WHOLE;
	if (!p->off && fills(ts, p, bytes, t->pointers))
		return FIT_WHOLE;
	/* A part of an array of bytes; or of others, of which the first are not used any more. */
	if (t->size == 1 || (p->off % t->size == 0 && fills(ts, p, p->off + bytes, t->pointers)))
		return FIT_DERIVED;
	return FIT_PART;
}

/* Without pointers among objects with: a field. */
static enum fit fit_other_kind(const struct type *t, const struct place *p, uint64_t bytes)
{
	uint64_t size = bytes ? bytes : t->size;

	return !t->pointers && p->off <= p->size && size <= p->size - p->off ? FIT_PART : FIT_NOT;
}

enum fit types_fit(const struct types *ts, uint32_t type, const struct place *p, uint64_t bytes)
{
	const struct type *t = &ts->v[type];
	bool pointers = t->pointers;

	if (!t->size)
		return FIT_NOT;
	/* A channel without a buffer has no pointer that counts, whatever it hands on: makechan(). */
	if (t->form == FORM_CHAN && span_is_noscan(p->span))
		pointers = false;
	/* Of a closure it is not known whether it captured pointers. */
	if (t->form != FORM_CLOSURE && pointers == span_is_noscan(p->span))
		return fit_other_kind(t, p, bytes);
	if (t->repeats)
		return fit_elements(ts, t, p, bytes);
	if (t->size > p->size || p->off > p->size - t->size)
		return FIT_NOT;
	if (is_tiny(t, p, t->size))
		return FIT_WHOLE;
	if (!p->off && (t->at_least || fills(ts, p, t->size, pointers)))
		return FIT_WHOLE;
	return FIT_PART;
}
