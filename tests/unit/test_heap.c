// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_heap.c - types and holders in a heap made by hand: who is found, how it is named, what is
 * certain and what is not, and that nothing in it can lead astray.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/fake_heap.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/heap/count_internal.h"
#include "user/heap/look.h"

/* The types of all tests. */
struct kinds {
	uint64_t num, byte, str, any, node, node_pointer, bytes, nodes, pair, map, group,
		 box;
};

/* type node struct { next *node; name string; data []uint8; any interface {} } */
static void make_kinds(struct fake_heap *h, struct kinds *k)
{
	struct fake_types *t = &h->t;
	bool swiss = h->f.minor >= 24;

	k->num = fake_type(t, FAKE_UINT64, "uint64", 8, 0);
	k->byte = fake_type(t, FAKE_UINT8, "uint8", 1, 0);
	k->str = fake_string_type(t);
	k->any = fake_interface_type(t, "interface {}", 0);
	k->bytes = fake_of(t, FAKE_SLICE, "[]uint8", k->byte);
	k->node_pointer = fake_of(t, FAKE_POINTER, "*main.node", k->num);
	k->node = fake_struct_type(t, "main.node", 64, 64, (struct fake_field[]){
		{ "next", k->node_pointer, 0, false }, { "name", k->str, 8, false },
		{ "data", k->bytes, 24, false }, { "any", k->any, 48, false } }, 4);
	fake_ptr(&h->f, k->node_pointer + 48, k->node);
	k->nodes = fake_of(t, FAKE_SLICE, "[]*main.node", k->node_pointer);
	k->pair = fake_array_type(t, "[2]*main.node", k->node_pointer, 2, 8, 16);
	/* map[string]*node: groups with one slot, or buckets with one */
	k->group = fake_struct_type(t, swiss ? "map.group[string]*main.node"
					     : "map.bucket[string]*main.node", 40, 40,
				    (struct fake_field[]){
		{ swiss ? "ctrl" : "topbits", k->num, 0, false },
		{ swiss ? "key" : "keys", k->str, 8, false },
		{ swiss ? "elem" : "elems", k->node_pointer, 24, false },
		{ "overflow", fake_type(t, FAKE_UNSAFE_POINTER, "unsafe.Pointer", 8, 8), 32,
		  false } }, 4);
	k->map = fake_map_type(t, "map[string]*main.node", k->str, k->node_pointer, k->group);
	k->box = fake_struct_type(t, "main.box", 24, 24, (struct fake_field[]){
		{ "held", k->map, 0, false }, { "list", k->node_pointer, 8, false },
		{ "other", fake_of(t, FAKE_POINTER, "*main.box", k->node), 16, false } }, 3);
}

static void begin(struct fake_heap *h, struct kinds *k, int minor)
{
	fake_heap_begin(h, minor);
	make_kinds(h, k);
	fake_heap_open(h);
}

static uint64_t new_node(struct fake_heap *h, uint64_t next)
{
	uint64_t n = fake_alloc(h, 64, false);

	fake_word(h, n, next);
	return n;
}

/* A variable of type interface {} at that offset of bss. */
static void set_any(struct fake_heap *h, uint64_t off, uint64_t typ, uint64_t data)
{
	fake_word(h, FAKE_BSS + off, typ);
	fake_word(h, FAKE_BSS + off + 8, data);
}

static void look_with(const struct heap_options *o, struct heapmap *m)
{
	struct heap *h;

	assert_int_equal(heap_open(&h, NULL, NULL), 0);
	assert_int_equal(heap_look(h, o, m), 0);
	heap_close(h);
}

static void look(struct heapmap *m)
{
	look_with(&(struct heap_options){ .n_detailed = 100 }, m);
}

static const struct heap_type *find(const struct heapmap *m, const char *name, const char *part)
{
	for (size_t i = 0; i < m->n_types; i++) {
		const struct heap_type *t = &m->types[i];

		if (t->name && !strcmp(t->name, name) && !t->part == !part &&
		    (!part || !strcmp(t->part, part)))
			return t;
	}
	return NULL;
}

static void check_objects(const struct heapmap *m, const char *name, const char *part,
			  uint64_t low, uint64_t high)
{
	const struct heap_type *t = find(m, name, part);

	assert_non_null(t);
	assert_int_equal(t->objects.low, low);
	assert_int_equal(t->objects.high, high);
}

/* ---- what is found ------------------------------------------------------------------------ */

/* A list of three behind an interface, its strings and bytes. */
static void check_list(int minor)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	const struct heap_type *t;
	uint64_t n1, n2, n3, s, b;

	begin(&h, &k, minor);
	n3 = new_node(&h, 0);
	n2 = new_node(&h, n3);
	n1 = new_node(&h, n2);
	s = fake_alloc(&h, 20, true);
	b = fake_alloc(&h, 1000, true);
	fake_word(&h, n2 + 8, s);
	fake_word(&h, n2 + 16, 20);
	fake_word(&h, n3 + 24, b);
	fake_word(&h, n3 + 32, 7);
	fake_word(&h, n3 + 40, 1000);
	set_any(&h, 0x40, k.node_pointer, n1);
	look(&m);
	check_objects(&m, "main.node", NULL, 3, 3);
	check_objects(&m, "string", NULL, 1, 1);
	check_objects(&m, "[]uint8", NULL, 1, 1);
	t = find(&m, "main.node", NULL);
	assert_int_equal(t->bytes.high, 3 * 64);
	assert_int_equal(t->guessed_objects, 0);
	assert_int_equal(t->held_objects, 3);
	/* the first by the variable, the others by a node's next, over and over */
	assert_int_equal(t->n_holders, 2);
	assert_int_equal(t->holders[0].objects.high, 2);
	assert_int_equal(t->holders[0].n_levels, 1);
	assert_string_equal(t->holders[0].levels[0].type, "main.node");
	assert_string_equal(t->holders[0].levels[0].field, ".next");
	assert_int_equal(t->holders[0].root, HEAP_ROOT_VARIABLE);
	assert_int_equal(t->holders[1].n_levels, 0);
	t = find(&m, "[]uint8", NULL);
	assert_string_equal(t->holders[0].levels[0].field, ".data");
	assert_true(t->holders[0].levels[1].again || t->holders[0].levels[0].again);
	assert_int_equal(m.losses.unreached, 0);
	assert_int_equal(m.losses.edges_once, 0);
	assert_int_equal(m.losses.types_contradicted, 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static void test_list(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_list(minor);
}

/* A map in a field of a struct: header, groups or buckets, keys and values. */
static void check_map(int minor)
{
	bool swiss = minor >= 24;
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	const struct heap_type *t;
	uint64_t box, header, group, node, key;

	begin(&h, &k, minor);
	box = fake_alloc(&h, 24, false);
	header = fake_alloc(&h, 48, false);
	group = fake_alloc(&h, 40, false);
	node = new_node(&h, 0);
	key = fake_alloc(&h, 32, true);
	fake_word(&h, box, header);
	fake_word(&h, header, 1);
	fake_word(&h, header + 16, group);
	fake_word(&h, group + 8, key);
	fake_word(&h, group + 16, 32);
	fake_word(&h, group + 24, node);
	set_any(&h, 0x40, k.box, box);
	look(&m);
	check_objects(&m, "main.box", NULL, 1, 1);
	check_objects(&m, "map[string]*main.node", "header", 1, 1);
	check_objects(&m, "map[string]*main.node", swiss ? "groups" : "buckets", 1, 1);
	check_objects(&m, "string", NULL, 1, 1);
	check_objects(&m, "main.node", NULL, 1, 1);
	t = find(&m, "main.node", NULL);
	assert_int_equal(t->holders[0].n_levels, 2);
	assert_string_equal(t->holders[0].levels[0].type, "map[string]*main.node");
	assert_string_equal(t->holders[0].levels[1].type, "main.box");
	assert_string_equal(t->holders[0].levels[1].field, ".held");
	heapmap_free(&m);
	fake_heap_end(&h);
}

static void test_maps(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_map(minor);
}

/* A table of swiss groups behind a directory. */
static void test_large_map(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t header, dir, table, groups;

	begin(&h, &k, 25);
	header = fake_alloc(&h, 48, false);
	dir = fake_alloc(&h, 16, false);
	table = fake_alloc(&h, 32, false);
	groups = fake_alloc(&h, 80, false);
	fake_word(&h, header + 16, dir);
	fake_word(&h, header + 24, 2);
	fake_word(&h, dir, table);
	fake_word(&h, dir + 8, table);
	fake_word(&h, table + 16, groups);
	fake_word(&h, table + 24, 1);
	fake_word(&h, groups + 24, new_node(&h, 0));
	fake_word(&h, groups + 40 + 24, new_node(&h, 0));
	set_any(&h, 0x40, k.map, header);
	look(&m);
	check_objects(&m, "map[string]*main.node", "directory", 1, 1);
	check_objects(&m, "map[string]*main.node", "table", 1, 1);
	check_objects(&m, "map[string]*main.node", "groups", 1, 1);
	check_objects(&m, "main.node", NULL, 2, 2);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* From 1.22 on objects above 512 bytes say what they are: nobody else has to. */
static void test_headers(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t array, other;

	begin(&h, &k, 22);
	array = fake_alloc(&h, 800, false);
	fake_word(&h, array - 8, k.node_pointer);
	fake_word(&h, array, new_node(&h, 0));
	fake_word(&h, array + 792, new_node(&h, 0));
	other = fake_alloc(&h, 800, false);	/* a header that is no type */
	fake_word(&h, other - 8, k.node_pointer + 8);
	fake_word(&h, FAKE_BSS + 0x100, array);
	fake_word(&h, FAKE_BSS + 0x108, other);
	look(&m);
	check_objects(&m, "[]*main.node", NULL, 1, 1);
	check_objects(&m, "main.node", NULL, 2, 2);
	assert_int_equal(m.pointers.untyped_objects, 1);
	assert_int_equal(m.pointers.exact_objects, 3);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* What the caller knows is certain; what cannot be so is not. */
static void test_seeds(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t node, other;
	struct heap_seed seeds[4] = { { 0 } };

	begin(&h, &k, 21);
	node = new_node(&h, new_node(&h, 0));
	other = fake_alloc(&h, 256, false);
	fake_word(&h, other, node);
	fake_word(&h, FAKE_BSS + 0x100, node);
	fake_word(&h, FAKE_BSS + 0x108, other);
	seeds[0] = (struct heap_seed){ node, k.node };
	seeds[1] = (struct heap_seed){ other + 8, k.node };
	seeds[2] = (struct heap_seed){ other, k.node + 8 };
	seeds[3] = (struct heap_seed){ 8, k.node };
	look_with(&(struct heap_options){ .seeds = seeds, .n_seeds = 4 }, &m);
	check_objects(&m, "main.node", NULL, 2, 2);
	assert_int_equal(m.pointers.exact_objects, 2);
	assert_int_equal(m.pointers.untyped_objects, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* The allocator's word for a type is another than that of who points to it: of the same things, those
 * that the caller knows have no other name.  Where no pointer tells, the allocator's counts. */
static void test_seeds_by_another_name(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t pairs[2];
	struct heap_seed seeds[2];

	begin(&h, &k, 21);
	for (size_t i = 0; i < 2; i++) {
		pairs[i] = fake_alloc(&h, 16, false);
		fake_word(&h, pairs[i], new_node(&h, 0));
		set_any(&h, 0x40 + 16 * i, k.nodes, FAKE_BSS + 0x200 + 32 * i);
		fake_word(&h, FAKE_BSS + 0x200 + 32 * i, pairs[i]);
		fake_word(&h, FAKE_BSS + 0x208 + 32 * i, 2);
		fake_word(&h, FAKE_BSS + 0x210 + 32 * i, 2);
	}
	seeds[0] = (struct heap_seed){ pairs[1], k.pair };
	seeds[1] = (struct heap_seed){ fake_alloc(&h, 16, false), k.pair };
	fake_word(&h, FAKE_BSS + 0x100, seeds[1].addr);
	look_with(&(struct heap_options){ .seeds = seeds, .n_seeds = 2 }, &m);
	check_objects(&m, "[]*main.node", NULL, 2, 2);
	check_objects(&m, "[2]*main.node", NULL, 1, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* A slice of the end of an array is one; a pointer into the middle of an object types no more than
 * the part. */
static void test_interior(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	const struct heap_type *t;
	uint64_t array, large, inner;
	char name[64];

	begin(&h, &k, 21);
	array = fake_alloc(&h, 64, false);
	fake_word(&h, array + 56, new_node(&h, 0));
	set_any(&h, 0x40, k.nodes, FAKE_BSS + 0x200);	/* boxed in a variable */
	fake_word(&h, FAKE_BSS + 0x200, array + 16);
	fake_word(&h, FAKE_BSS + 0x208, 6);
	fake_word(&h, FAKE_BSS + 0x210, 6);
	large = fake_alloc(&h, 256, false);
	inner = large + 128;
	fake_word(&h, inner, new_node(&h, 0));
	set_any(&h, 0x50, k.node_pointer, inner);
	look(&m);
	t = find(&m, "[]*main.node", NULL);	/* by what the variable points to, which has no name */
	assert_int_equal(t->holders[0].n_levels, 1);
	assert_string_equal(t->holders[0].levels[0].type, "[]*main.node");
	snprintf(name, sizeof(name), "package data at %#llx", FAKE_BSS + 0x48ull);
	assert_string_equal(t->holders[0].name, name);
	/* two nodes; and the large object is none */
	check_objects(&m, "main.node", NULL, 2, 2);
	assert_int_equal(m.pointers.untyped_objects, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* A holder of one large object comes before one of several small ones. */
static void test_most_bytes_first(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	const struct heap_type *t;
	uint64_t small = 0, large;

	begin(&h, &k, 25);
	for (int i = 0; i < 4; i++) {
		small = new_node(&h, small);
		fake_word(&h, small + 24, fake_alloc(&h, 64, true));
		fake_word(&h, small + 40, 64);
	}
	large = new_node(&h, 0);
	fake_word(&h, large + 24, fake_alloc(&h, 2048, true));
	fake_word(&h, large + 40, 2048);
	set_any(&h, 0x40, k.node_pointer, small);
	set_any(&h, 0x60, k.node_pointer, large);
	look(&m);
	t = find(&m, "[]uint8", NULL);
	check_objects(&m, "[]uint8", NULL, 5, 5);
	assert_true(t->n_holders > 1);
	assert_int_equal(t->holders[0].objects.high, 1);
	assert_int_equal(t->holders[0].bytes.high, 2048);
	assert_true(t->holders[1].objects.high > 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* What is dead says nothing of what lives in a slot by now: a string is one, and bytes are bytes, by
 * who holds them. */
static void test_bytes_by_holder(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	const struct heap_type *t;
	uint64_t dead, live, s, b;

	begin(&h, &k, 25);
	s = fake_alloc(&h, 32, true);
	b = fake_alloc(&h, 64, true);
	dead = fake_alloc(&h, 800, false);	/* since the last collection; its header says: nodes */
	fake_word(&h, dead - 8, k.node);
	fake_word(&h, dead + 8, b);
	fake_word(&h, dead + 16, 64);
	fake_word(&h, dead + 24, s);
	fake_word(&h, dead + 32, 32);
	fake_word(&h, dead + 40, 32);
	live = new_node(&h, 0);
	fake_word(&h, live + 8, s);
	fake_word(&h, live + 16, 30);		/* of a builder's 32 bytes */
	fake_word(&h, live + 24, b);
	fake_word(&h, live + 40, 64);
	set_any(&h, 0x40, k.node_pointer, live);
	look(&m);
	t = find(&m, "string", NULL);
	check_objects(&m, "string", NULL, 1, 1);
	assert_int_equal(t->bytes.high, 32);
	assert_string_equal(t->holders[0].levels[0].field, ".name");
	t = find(&m, "[]uint8", NULL);
	check_objects(&m, "[]uint8", NULL, 1, 1);
	assert_int_equal(t->bytes.high, 64);
	assert_string_equal(t->holders[0].levels[0].field, ".data");
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* A pointer to a struct is one to its first field, too: the larger type counts. */
static void test_first_field(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t outer, outer_type, pointer;

	fake_heap_begin(&h, 21);
	make_kinds(&h, &k);
	outer_type = fake_struct_type(&h.t, "main.outer", 80, 80, (struct fake_field[]){
		{ "node", k.node, 0, true }, { "more", k.str, 64, false } }, 2);
	pointer = fake_of(&h.t, FAKE_POINTER, "*main.outer", outer_type);
	fake_heap_open(&h);
	outer = fake_alloc(&h, 80, false);
	set_any(&h, 0x40, k.node_pointer, outer);
	set_any(&h, 0x50, pointer, outer);
	look(&m);
	check_objects(&m, "main.outer", NULL, 1, 1);
	assert_null(find(&m, "main.node", NULL));
	assert_int_equal(m.losses.types_contradicted, 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* ---- what is certain ---------------------------------------------------------------------- */

/* Marked, but nobody leads there: it may live.  Neither: it does not. */
static void test_unreached(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t dead;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	new_node(&h, 0);
	dead = new_node(&h, 0);
	fake_unmark(&h, dead);
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	assert_int_equal(m.losses.unreached, 1);
	assert_int_equal(m.pointers.unreached_objects, 1);
	assert_int_equal(m.pointers.objects.low, 1);
	assert_int_equal(m.pointers.objects.high, 2);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* What nobody leads to has no holder, though others of its size have one. */
static void test_unreached_untyped(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	fake_word(&h, FAKE_BSS + 0x40, fake_alloc(&h, 64, false));
	fake_alloc(&h, 64, false);
	look(&m);
	assert_int_equal(m.n_types, 2);
	for (size_t i = 0; i < m.n_types; i++) {
		assert_null(m.types[i].name);
		assert_int_equal(m.types[i].n_holders, m.types[i].part ? 0 : 1);
	}
	heapmap_free(&m);
	fake_heap_end(&h);
}

static uint64_t moving_node;

/* The object dies when its marks are read for the last time. */
static void die_late(struct fake_heap *h)
{
	fake_unmark(h, moving_node);
	h->mallocs++;
}

/* Where a stale word leads: it is free, and was so before. */
static void seem_to_die(struct fake_heap *h)
{
	fake_unmark(h, moving_node);
}

/* What is free in the end does not count, whoever leads there: where both readings find the same it is
 * a stale word. */
static void test_dies(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t n;

	begin(&h, &k, 21);
	n = new_node(&h, 0);
	moving_node = new_node(&h, n);
	set_any(&h, 0x40, k.node_pointer, moving_node);
	h.on_marks = die_late;
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	assert_int_equal(m.losses.objects_dropped, 0);
	heapmap_free(&m);
	h.on_marks = seem_to_die;
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	assert_int_equal(m.losses.objects_dropped, 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* Tells the variable to point elsewhere after the first pass has looked at it. */
static void change_variable(struct fake_heap *h)
{
	fake_word(h, FAKE_BSS + 0x40, 0);	/* no type any more, but the pointer */
}

/* A type that only one pass saw is not certain. */
static void test_seen_once(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	fake_alloc(&h, 256, false);	/* unknown: its marks are read between the passes */
	h.on_marks = change_variable;
	look(&m);
	check_objects(&m, "main.node", NULL, 0, 1);
	assert_int_equal(m.losses.edges_once, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static uint64_t next_node;

/* After the first pass one of two is held; as soon as that has been read the other one is in its
 * place. */
static void replace(struct fake_heap *h, uint64_t addr, size_t len)
{
	if (h->n_marks_read && addr <= FAKE_BSS + 0x48 && addr + len > FAKE_BSS + 0x48) {
		fake_word(h, FAKE_BSS + 0x48, next_node);
		h->mallocs++;
	}
}

static void hold_one(struct fake_heap *h)
{
	fake_word(h, FAKE_BSS + 0x58, 0);
	h->on_read = replace;
}

/* What is held in turn is not held at one time, though both are allocated and found. */
static void test_replaced(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	next_node = new_node(&h, 0);
	set_any(&h, 0x50, k.node_pointer, next_node);
	fake_alloc(&h, 256, false);	/* unknown: its marks are read between the passes */
	h.on_marks = hold_one;
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 2);
	assert_int_equal(find(&m, "main.node", NULL)->holders[0].objects.low, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static uint64_t renamed_node;

static void rename_node(struct fake_heap *h, uint64_t addr, size_t len)
{
	if (addr > renamed_node + 8 || addr + len <= renamed_node + 8)
		return;
	h->on_read = NULL;
	fake_word(h, renamed_node + 8, next_node);
	h->mallocs++;
}

static void rename_when_read(struct fake_heap *h, uint64_t addr, size_t len)
{
	if (addr <= FAKE_BSS + 0x48 && addr + len > FAKE_BSS + 0x48)
		h->on_read = rename_node;
}

/* The variable is read once more after the first pass, then the node: then it has another name. */
static void rename_later(struct fake_heap *h)
{
	h->on_read = rename_when_read;
	h->on_marks = NULL;
}

/* A name was replaced, and marked objects of its size are nobody's: strings these may be, but one
 * node has no more than one name at a time. */
static void test_one_name(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	const struct heap_type *t;

	begin(&h, &k, 21);
	renamed_node = new_node(&h, 0);
	fake_word(&h, renamed_node + 8, fake_alloc(&h, 32, true));
	fake_word(&h, renamed_node + 16, 32);
	next_node = fake_alloc(&h, 32, true);
	for (int i = 0; i < 20; i++)
		fake_alloc(&h, 32, true);
	set_any(&h, 0x40, k.node_pointer, renamed_node);
	fake_alloc(&h, 256, false);	/* unknown: its marks are read between the passes */
	h.on_marks = rename_later;
	look(&m);
	t = find(&m, "string", NULL);
	assert_non_null(t);
	assert_true(t->objects.high > 20);
	assert_int_equal(t->n_holders, 1);
	assert_string_equal(t->holders[0].levels[0].field, ".name");
	assert_int_equal(t->holders[0].objects.high, 1);
	assert_int_equal(t->holders[0].bytes.high, 32);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static uint64_t other_pointer;

/* A collection frees the node, and its slot is another object's: the variable says so. */
static void reuse_slot(struct fake_heap *h)
{
	fake_word(h, FAKE_BSS + 0x40, other_pointer);
	h->gen += 2;
	h->on_marks = NULL;
}

static void test_slot_used_again(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	fake_heap_begin(&h, 21);
	make_kinds(&h, &k);
	other_pointer = fake_of(&h.t, FAKE_POINTER, "*main.other",
				fake_struct_type(&h.t, "main.other", 64, 64, (struct fake_field[]){
		{ "names", k.bytes, 0, false }, { "list", k.node_pointer, 56, false } }, 2));
	fake_heap_open(&h);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	fake_alloc(&h, 256, false);	/* unknown: its marks are read between the passes */
	h.on_marks = reuse_slot;
	look(&m);
	assert_null(find(&m, "main.node", NULL));
	check_objects(&m, "main.other", NULL, 1, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static uint32_t collections;

/* Between the readings so many collections end; the first frees the node, and the next one takes its
 * slot, and its place in the variable. */
static void reuse_for_the_same(struct fake_heap *h)
{
	if (h->n_stacks_read != 2)
		return;
	fake_unmark(h, moving_node);
	h->spans[0].s.freeindex = h->spans[0].n;
	h->gen += 2 * collections;
	h->mallocs += 1000;		/* so all is read once more */
}

static void check_reused(uint32_t n_collections, uint64_t low)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	moving_node = new_node(&h, 0);
	set_any(&h, 0x40, k.node_pointer, moving_node);
	set_any(&h, 0x50, k.node_pointer, new_node(&h, 0));
	collections = n_collections;
	h.on_stacks = reuse_for_the_same;
	look(&m);
	check_objects(&m, "main.node", NULL, low, 2);
	assert_int_equal(m.losses.objects_dropped, 2 - low);
	assert_int_equal(m.losses.edges_once, 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* Both readings find the slot, and another node in it: only what survived is certain, and after two
 * collections at once nobody knows what did. */
static void test_slot_used_for_the_same(void **state)
{
	check_reused(0, 2);
	check_reused(1, 1);
	check_reused(2, 0);
}

/* Behind the variables' last reading all that they hold is replaced, and a collection frees it. */
static void replace_behind(struct fake_heap *h)
{
	if (h->n_stacks_read == 2)
		h->mallocs += 1000;		/* so all is read once more */
	if (h->n_stacks_read < 3)
		return;
	memset(h->spans[0].marked, 0, sizeof(h->spans[0].marked));
	h->gen += 2;
	h->on_stacks = NULL;
}

/* What two readings found was held at the time, also if it is freed before it is counted. */
static void test_freed_before_counted(void **state)
{
	enum { N = 50 };
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t list = 0;

	begin(&h, &k, 21);
	for (int i = 0; i < N; i++)
		list = new_node(&h, list);
	set_any(&h, 0x40, k.node_pointer, list);
	h.on_stacks = replace_behind;
	look(&m);
	check_objects(&m, "main.node", NULL, 0, N);
	assert_int_equal(m.losses.objects_dropped, N);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* A collection frees the span of the box, whose memory is the collector's own from then on. */
static void free_span(struct fake_heap *h)
{
	fake_word(h, h->spans[0].s.start + 8, h->spans[1].s.start);
	h->spans[0].s.state = 2;
	h->gen += 2;
	h->on_marks = NULL;
}

static void test_span_gone(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	const struct heap_type *t;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.box, fake_alloc(&h, 24, false));
	new_node(&h, 0);
	fake_alloc(&h, 256, false);	/* unknown: its marks are read between the passes */
	h.on_marks = free_span;
	look(&m);
	t = find(&m, "main.node", NULL);
	assert_true(!t || !t->held_objects);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* One frame of main.leaf: words that its map names, the first and the third; a variable at the
 * second, and what lies behind the frame: the return address and two arguments, of which the second
 * counts. */
enum { IN_MAP = 1, VARIABLE = 2, OTHER_IN_MAP = 3, FIRST_ARG = 6, SECOND_ARG = 7 };

static void put_frame(struct fake_heap *h)
{
	h->n_stack = FAKE_STACK_WORDS;
	h->frame = (struct stack_frame){ .pc = FAKE_TEXT + FAKE_LEAF * FAKE_FUNC_SIZE + 0x11,
					 .addr = FAKE_STACK, .size = 0x28 };
}

static void begin_stack(struct fake_heap *h, struct kinds *k, int minor)
{
	begin(h, k, minor);
	put_frame(h);
}

/* The same, and something else is held by the stack since. */
static void replace_and_hold(struct fake_heap *h)
{
	replace_behind(h);
	if (!h->on_stacks)
		h->stack[IN_MAP] = fake_alloc(h, 16, false);
}

/* No more of them may be allocated in the end than there are to count. */
static void test_fewer_in_the_end(void **state)
{
	enum { N = 50 };
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t list = 0;

	begin_stack(&h, &k, 21);
	for (int i = 0; i < N; i++)
		list = new_node(&h, list);
	set_any(&h, 0x40, k.node_pointer, list);
	h.on_stacks = replace_and_hold;
	look(&m);
	check_objects(&m, "main.node", NULL, 0, N);
	heapmap_free(&m);
	fake_heap_end(&h);
}

enum { SPAN_NODES = FAKE_PAGE / 64 };

/* Between the readings the whole list goes, and what takes its place lies where no reading is led to
 * and the marks never keep still. */
static void replace_list(struct fake_heap *h)
{
	if (h->n_stacks_read != 2)
		return;
	fake_word(h, FAKE_BSS + 0x48, 0);
	fake_new_span(h, fake_class(64, false), FAKE_PAGE)->restless = true;
	h->mallocs += 1000;		/* so all is read once more */
}

static void test_replaced_out_of_sight(void **state)
{
	enum { N = 50 };
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t list = 0;

	begin(&h, &k, 21);
	for (int i = 0; i < N; i++)
		list = new_node(&h, list);
	set_any(&h, 0x40, k.node_pointer, list);
	h.on_stacks = replace_list;
	look(&m);
	check_objects(&m, "main.node", NULL, 0, N + SPAN_NODES);	/* all that may be allocated */
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* A span full of nodes in front of the list, none of which a collection has seen. */
static void lengthen(struct fake_heap *h)
{
	for (int i = 0; i < SPAN_NODES; i++) {
		h->stack[IN_MAP] = new_node(h, h->stack[IN_MAP]);
		fake_unmark(h, h->stack[IN_MAP]);
	}
	for (size_t i = 0; i < h->n_spans; i++)
		h->spans[i].s.freeindex = h->spans[i].n;
	h->mallocs += SPAN_NODES;
}

/* A list grows on a stack: whenever that is read, its head lies in a span that was not there when
 * spans were read last, and all that is new hangs on it. */
static void test_grows_on_stack(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin_stack(&h, &k, 21);
	h.stack[IN_MAP] = new_node(&h, 0);
	h.on_stacks = lengthen;
	look(&m);
	assert_int_equal(m.n_types, 1);
	/* The first pass reads the stack once, the second one twice. */
	assert_int_equal(m.types[0].objects.low, 2 * SPAN_NODES + 1);
	assert_int_equal(m.types[0].objects.high, 3 * SPAN_NODES + 1);
	assert_int_equal(m.types[0].held_objects, 3 * SPAN_NODES + 1);
	assert_int_equal(m.types[0].holders[0].root, HEAP_ROOT_STACK);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* An interface is on the stack, of which the type is there before and the value comes now: that
 * lies in a span that was not there when spans were read. */
static void put_any(struct fake_heap *h)
{
	fake_new_span(h, 2, FAKE_PAGE);	/* not that of other nodes */
	h->stack[OTHER_IN_MAP] = new_node(h, 0);
	h->on_stacks = NULL;
}

/* An interface on a stack says what its value is, also of one in a new span: by nothing else is it
 * known. */
static void test_interface_on_stack(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin_stack(&h, &k, 21);
	set_any(&h, 0x40, k.num, fake_alloc(&h, 8, true));
	h.stack[OTHER_IN_MAP - 1] = k.node_pointer;
	h.on_stacks = put_any;
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static int64_t first_marks_ns, last_marks_ns;

/* The first pass reads them first; the last are those by which all is counted. */
static void note_time(struct fake_heap *h)
{
	last_marks_ns = (int64_t)now_ns();
	if (!first_marks_ns)
		first_marks_ns = last_marks_ns;
}

static void note_and_replace(struct fake_heap *h)
{
	note_time(h);
	hold_one(h);
}

/* What is found counts from when the second pass began to when all was counted, read once or twice. */
static void test_time(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	next_node = new_node(&h, 0);
	set_any(&h, 0x50, k.node_pointer, next_node);
	fake_alloc(&h, 256, false);	/* unknown: its marks are read between the passes */
	first_marks_ns = 0;
	h.on_marks = note_time;
	look(&m);
	assert_true(first_marks_ns <= m.from_ns && m.from_ns < m.to_ns);
	assert_true(m.from_ns <= last_marks_ns && last_marks_ns <= m.to_ns);
	heapmap_free(&m);
	first_marks_ns = 0;
	h.n_marks_read = 0;
	h.on_marks = note_and_replace;
	look(&m);
	assert_true(first_marks_ns <= m.from_ns && m.from_ns < m.to_ns);
	assert_true(m.from_ns <= last_marks_ns && last_marks_ns <= m.to_ns);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* ---- stacks ------------------------------------------------------------------------------- */

/* Objects that are held by the stack, and by that function (NULL: by nobody knows whom). */
static uint64_t held_by(const struct heapmap *m, const char *function)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n_types; i++)
		for (size_t k = 0; k < m->types[i].n_holders; k++) {
			const struct heap_holder *h = &m->types[i].holders[k];

			assert_int_equal(h->root, HEAP_ROOT_STACK);
			if (!h->name == !function && (!function || !strcmp(h->name, function)))
				n += h->objects.high;
		}
	return n;
}

static uint64_t look_at_stack(void)
{
	struct heapmap m;
	uint64_t n;

	look(&m);
	n = held_by(&m, "main.leaf");
	heapmap_free(&m);
	return n;
}

/* Words that no map names hold nothing; a variable does if what counts leads to it. */
static void check_stack(int minor)
{
	struct fake_heap h;
	struct kinds k;
	uint64_t node;

	begin_stack(&h, &k, minor);
	node = new_node(&h, 0);
	fake_unmark(&h, node);
	h.stack[0] = h.stack[VARIABLE] = h.stack[4] = h.stack[FIRST_ARG] = node;
	assert_int_equal(look_at_stack(), 0);
	h.stack[SECOND_ARG] = FAKE_STACK + 8 * VARIABLE + 8;
	h.spans[0].s.freeindex = 1;
	assert_int_equal(look_at_stack(), 1);
	h.stack[SECOND_ARG] = node;
	h.stack[VARIABLE] = 0;
	assert_int_equal(look_at_stack(), 1);
	h.stack[SECOND_ARG] = 0;
	h.stack[OTHER_IN_MAP] = node;
	assert_int_equal(look_at_stack(), 1);
	fake_heap_end(&h);
}

static void test_stack(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_stack(minor);
}

enum { DEFERRED_FN = 16, DEFERRED_LINK = 24, DEFERRED_BYTES = 32 };

/* Code shows the type: leaq type(%rip), %rax. */
static uint64_t make_defer(struct fake_heap *h, struct kinds *k)
{
	const uint64_t lea = FAKE_TEXT + FAKE_LEAF * FAKE_FUNC_SIZE + 0x20;
	uint64_t record = fake_struct_type(&h->t, "runtime._defer", DEFERRED_BYTES, DEFERRED_BYTES,
					   (struct fake_field[]){
		{ "sp", k->num, 0, false }, { "pc", k->num, 8, false },
		{ "fn", k->node_pointer, DEFERRED_FN, false }, { "link", k->num, DEFERRED_LINK, false },
	}, 4);

	fake_package(&h->t, record, "runtime");
	fake_put(&h->f, lea, "\x48\x8d\x05", 3);
	fake_32(&h->f, lea + 3, (uint32_t)(record - (lea + 7)));
	return record;
}

/* The variable is what the last of so many deferred calls is to call. */
static uint64_t look_at_deferred(struct fake_heap *h, unsigned n)
{
	uint64_t last = 0;

	while (n--) {
		uint64_t record = fake_alloc(h, DEFERRED_BYTES, false);

		fake_word(h, record + DEFERRED_FN, last ? 0 : FAKE_STACK + 8 * VARIABLE);
		fake_word(h, record + DEFERRED_LINK, last);
		last = record;
	}
	h->deferred = last;
	return look_at_stack();
}

static void test_deferred(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	fake_heap_begin(&h, 22);
	make_kinds(&h, &k);
	make_defer(&h, &k);
	fake_heap_open(&h);
	put_frame(&h);
	h.stack[VARIABLE] = new_node(&h, 0);
	assert_int_equal(look_at_deferred(&h, 0), 0);
	assert_int_equal(look_at_deferred(&h, 1), 1);
	assert_int_equal(look_at_deferred(&h, 1000), 1);
	/* in a circle */
	fake_word(&h, h.deferred + DEFERRED_LINK, h.deferred);
	look(&m);
	assert_int_equal(held_by(&m, "main.leaf"), 0);
	assert_true(m.losses.stacks_cut > 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

enum { RECORD = 2, CALLER_FRAME = 0x28 };

/* An object leads to a record on a stack of which nothing else is known, as a g does, and that to a
 * node; the record says that it lies so many bytes above the stack pointer of main.caller. */
static void check_record(int minor, uint64_t above, bool valid)
{
	const uint64_t at = FAKE_STACK + 8 * RECORD;
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t user, record, object;

	fake_heap_begin(&h, minor);
	make_kinds(&h, &k);
	record = fake_of(&h.t, FAKE_POINTER, "*runtime._defer", make_defer(&h, &k));
	user = fake_struct_type(&h.t, "main.user", 16, 8, (struct fake_field[]){
		{ "deferred", record, 0, false }, { "n", k.num, 8, false } }, 2);
	user = fake_of(&h.t, FAKE_POINTER, "*main.user", user);
	fake_heap_open(&h);
	fake_word(&h, at, at - above);
	fake_word(&h, at + 8, FAKE_TEXT + FAKE_CALLER * FAKE_FUNC_SIZE + FAKE_FUNC_SIZE / 2);
	fake_word(&h, at + DEFERRED_FN, new_node(&h, 0));
	object = fake_alloc(&h, 16, false);
	fake_word(&h, object, at);
	set_any(&h, 0x40, user, object);
	look(&m);
	assert_int_equal(m.losses.unreached, !valid);
	if (valid)
		assert_string_equal(find(&m, "main.node", NULL)->holders[0].name, "main.caller");
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* What a record on a stack holds is held for the function that has deferred the call, in whose frame
 * it lies; elsewhere it is left over, and holds nothing. */
static void test_records_on_stacks(void **state)
{
	const int minors[] = { 17, 22, 27 };

	for (size_t i = 0; i < ARRAY_SIZE(minors); i++) {
		check_record(minors[i], 0, true);
		check_record(minors[i], CALLER_FRAME - 8, true);
		check_record(minors[i], CALLER_FRAME, false);
		check_record(minors[i], 0x1000, false);
		check_record(minors[i], (uint64_t)-8, false);
	}
}

/* A frame of which not all was copied is a loss. */
static void test_large_frame(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin_stack(&h, &k, 21);
	look(&m);
	assert_int_equal(m.losses.stacks_cut, 0);
	heapmap_free(&m);
	h.frame.size = 8 * FAKE_STACK_WORDS + 8;
	look(&m);
	assert_int_equal(m.losses.stacks_cut, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* All of the stack of one that runs may be in use, also what was not copied with it. */
static void test_running(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin_stack(&h, &k, 21);
	h.frame.pc = 0;
	h.n_below = FAKE_STACK_WORDS - 2;
	h.stack[0] = new_node(&h, 0);
	h.stack[FAKE_STACK_WORDS - 1] = new_node(&h, 0);
	look(&m);
	assert_int_equal(held_by(&m, NULL), 2);
	assert_int_equal(m.losses.unreached, 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* Where a signal has interrupted the function all words count that lead to objects; whose these are
 * is not known. */
static void test_interrupted_frame(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin_stack(&h, &k, 21);
	h.frame.interrupted = true;
	h.stack[0] = new_node(&h, 0);
	h.stack[VARIABLE] = new_node(&h, new_node(&h, 0));
	fake_unmark(&h, h.stack[VARIABLE]);	/* it is free */
	look(&m);
	assert_int_equal(held_by(&m, "main.leaf"), 0);
	assert_int_equal(held_by(&m, NULL), 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static struct heap_range all_objects(const struct heapmap *m)
{
	struct heap_range sum = { 0 };

	for (size_t i = 0; i < m->n_types; i++)
		sum = heap_range_sum(sum, m->types[i].objects);
	return sum;
}

/* What only a word leads to that may be left over may live, and so may all that hangs on it, however
 * long the way is; no loss. */
static void test_unsure(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t list = 0;

	begin_stack(&h, &k, 21);
	for (int i = 0; i < 100; i++)
		list = new_node(&h, list);
	h.stack[IN_MAP] = list;
	look(&m);
	assert_int_equal(all_objects(&m).low, 100);
	heapmap_free(&m);
	h.frame.interrupted = true;
	look(&m);
	assert_int_equal(all_objects(&m).low, 0);
	assert_int_equal(all_objects(&m).high, 100);
	assert_int_equal(m.losses.edges_once, 0);
	heapmap_free(&m);
	set_any(&h, 0x40, k.node_pointer, list);
	look(&m);
	assert_int_equal(all_objects(&m).low, 100);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* Between the readings the variable lets go of what a left-over word still leads to. */
static void unlink_list(struct fake_heap *h)
{
	if (h->n_stacks_read != 2)
		return;
	fake_word(h, FAKE_BSS + 0x48, 0);
	h->mallocs += 1000;		/* so all is read once more */
}

static void test_left_over_again(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t list = 0;

	begin_stack(&h, &k, 21);
	for (int i = 0; i < 100; i++)
		list = new_node(&h, list);
	h.stack[IN_MAP] = list;
	h.frame.interrupted = true;
	set_any(&h, 0x40, k.node_pointer, list);
	h.on_stacks = unlink_list;
	look(&m);
	assert_int_equal(all_objects(&m).low, 0);
	assert_true(all_objects(&m).high >= 100);
	heapmap_free(&m);
	fake_heap_end(&h);
}

enum { N_SMALL = 160000 };

static uint64_t smalls, next_small;

/* Small objects, others on each stack. */
static void put_small(struct fake_heap *h)
{
	for (size_t i = 0; i < FAKE_STACK_WORDS; i++)
		h->stack[i] = smalls + 8 * (next_small++ % N_SMALL);
}

/* Many stacks with the same words are no loss, whoever holds what they lead to; those with more
 * objects than are followed are one, for which memory is not at fault. */
static void test_many_unsure(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin_stack(&h, &k, 21);
	h.frame.interrupted = true;
	h.n_same = N_SMALL / FAKE_STACK_WORDS;
	for (size_t i = 0; i < FAKE_STACK_WORDS; i++)
		h.stack[i] = new_node(&h, 0);
	look(&m);
	assert_int_equal(all_objects(&m).high, FAKE_STACK_WORDS);
	assert_int_equal(m.losses.unsure_left_out, 0);
	assert_int_equal(m.losses.over_memory, 0);
	heapmap_free(&m);
	smalls = fake_alloc(&h, 8, false);
	for (int i = 1; i < N_SMALL; i++)
		fake_alloc(&h, 8, false);
	h.on_stacks = put_small;
	look(&m);
	assert_true(m.losses.unsure_left_out > 0);
	assert_int_equal(m.losses.over_memory, 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* ---- variables ---------------------------------------------------------------------------- */

/* The words of variables that the runtime's mask does not name hold nothing. */
static void check_mask(int minor)
{
	static const uint32_t masks[] = { 480, 496, 496, 512, 536, 536, 536, 536, 536, 544, 520 };
	const uint64_t bss = FAKE_MODULEDATA + masks[minor - 17] + 16, bits = FAKE_HEAP + 0x100;
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, minor);
	fake_new_span(&h, 2, FAKE_PAGE);	/* where the mask lies */
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	fake_word(&h, FAKE_BSS + 0x60, new_node(&h, 0));
	look(&m);
	assert_int_equal(m.losses.unreached, 0);
	heapmap_free(&m);
	fake_word(&h, bits, 1ull << 0x48 / 8);
	fake_word(&h, bss, 0x60 / 8 + 1);
	fake_word(&h, bss + 8, bits);
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	assert_int_equal(m.losses.unreached, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static void test_mask(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_mask(minor);
}

/* A pair of a type and a pointer at that place of a large object of which nothing is known. */
static void check_pair(uint64_t at)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t large;

	begin(&h, &k, 21);
	large = fake_alloc(&h, MASK_BYTES + FAKE_PAGE, false);
	fake_word(&h, large + at, k.node_pointer);
	fake_word(&h, large + at + 8, new_node(&h, new_node(&h, 0)));
	fake_word(&h, FAKE_BSS + 0x100, large);
	look(&m);
	check_objects(&m, "main.node", NULL, 2, 2);
	assert_int_equal(find(&m, "main.node", NULL)->guessed_objects, 0);
	assert_int_equal(m.pointers.untyped_objects, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* It says what it leads to also where it lies in two of the pieces in which the object is walked. */
static void test_pairs(void **state)
{
	check_pair(MASK_BYTES - 16);
	check_pair(MASK_BYTES - 8);
	check_pair(MASK_BYTES);
}

/* ---- plugins ------------------------------------------------------------------------------ */

/* A plugin, of whose variables the collector looks at the first and the third word of data, and at the
 * second of bss; or it is not initialized. */
enum {
	PLUGIN = FAKE_SECTIONS, PLUGIN_DATA = PLUGIN + 0x300, PLUGIN_BSS = PLUGIN + 0x400,
	PLUGIN_MASKS = PLUGIN + 0x500, PLUGIN_PATH = PLUGIN + 0x600,
};

static void open_plugin(struct fake_heap *h, bool initialized)
{
	const struct go_module *m = gobin_module(h->gb);

	fake_word(h, m->addr + m->next, PLUGIN);
	fake_word(h, PLUGIN + 208, PLUGIN_DATA);
	fake_word(h, PLUGIN + 216, PLUGIN_DATA + 0x100);
	fake_word(h, PLUGIN + 224, PLUGIN_BSS);
	fake_word(h, PLUGIN + 232, PLUGIN_BSS + 0x100);
	fake_word(h, PLUGIN + m->masks, initialized ? 32 : 0);
	fake_word(h, PLUGIN + m->masks + 8, initialized ? PLUGIN_MASKS : 0);
	fake_word(h, PLUGIN + m->masks + 16, initialized ? 32 : 0);
	fake_word(h, PLUGIN + m->masks + 24, initialized ? PLUGIN_MASKS + 8 : 0);
	fake_word(h, PLUGIN_MASKS, 5);
	fake_word(h, PLUGIN_MASKS + 8, 2);
	fake_word(h, PLUGIN + m->path, PLUGIN_PATH);
	fake_word(h, PLUGIN + m->path + 8, 7);
	memcpy(fake_memory(h, PLUGIN_PATH, 8), "ex/kept", 8);
}

/* Objects that it holds itself. */
static uint64_t held_by_variable(const struct heapmap *m, const char *name)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n_types; i++)
		for (size_t k = 0; k < m->types[i].n_holders; k++) {
			const struct heap_holder *h = &m->types[i].holders[k];

			if (h->root == HEAP_ROOT_VARIABLE && !strcmp(h->name, name) && !h->n_levels)
				n += h->objects.high;
		}
	return n;
}

static void check_plugin(int minor)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	char name[64];

	begin(&h, &k, minor);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));	/* the program's own */
	open_plugin(&h, false);
	fake_word(&h, PLUGIN_DATA, new_node(&h, 0));
	fake_word(&h, PLUGIN_DATA + 8, k.node_pointer);
	fake_word(&h, PLUGIN_DATA + 16, new_node(&h, new_node(&h, 0)));
	fake_word(&h, PLUGIN_BSS, new_node(&h, 0));
	fake_word(&h, PLUGIN_BSS + 8, new_node(&h, 0));
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	assert_int_equal(m.losses.plugins, 0);
	assert_int_equal(m.losses.unreached, 5);
	heapmap_free(&m);
	open_plugin(&h, true);
	look(&m);
	assert_int_equal(m.losses.plugins, 1);
	assert_int_equal(m.losses.unreached, 1);
	snprintf(name, sizeof(name), "package data at %#x of plugin ex/kept", PLUGIN_DATA + 16);
	assert_int_equal(held_by_variable(&m, name), 1);
	snprintf(name, sizeof(name), "package data at %#x of plugin ex/kept", PLUGIN_BSS + 8);
	assert_int_equal(held_by_variable(&m, name), 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static void test_plugin(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_plugin(minor);
}

/* A list of modules that never ends. */
static void test_endless_plugins(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 22);
	open_plugin(&h, true);
	fake_word(&h, PLUGIN + gobin_module(h.gb)->next, PLUGIN);
	look(&m);
	assert_int_equal(m.losses.plugins, MAX_PLUGINS + 1);
	heapmap_free(&m);
	fake_word(&h, PLUGIN + gobin_module(h.gb)->next, 8);	/* leads nowhere */
	look(&m);
	assert_int_equal(m.losses.plugins, 2);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* ---- limits ------------------------------------------------------------------------------- */

static void test_only_size(void **state)
{
	bool classes[HEAP_CLASSES] = { 0 };
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t n;

	begin(&h, &k, 21);
	n = new_node(&h, 0);
	fake_word(&h, n + 24, fake_alloc(&h, 1024, true));
	fake_word(&h, n + 40, 1024);
	set_any(&h, 0x40, k.node_pointer, n);
	look_with(&(struct heap_options){ .only_size = 1024 }, &m);
	assert_null(find(&m, "main.node", NULL));
	check_objects(&m, "[]uint8", NULL, 1, 1);
	assert_string_equal(find(&m, "[]uint8", NULL)->holders[0].levels[0].type, "main.node");
	heapmap_free(&m);
	classes[golayout_size_class(1024)] = true;
	look_with(&(struct heap_options){ .classes = classes }, &m);
	assert_null(find(&m, "main.node", NULL));
	check_objects(&m, "[]uint8", NULL, 1, 1);
	heapmap_free(&m);
	look_with(&(struct heap_options){ .min_size = 512 }, &m);
	assert_null(find(&m, "main.node", NULL));
	check_objects(&m, "[]uint8", NULL, 1, 1);
	assert_int_equal(m.min_size, 512);
	heapmap_free(&m);
	look_with(&(struct heap_options){ .min_size = 1, .max_size = 1023 }, &m);
	assert_null(find(&m, "[]uint8", NULL));
	check_objects(&m, "main.node", NULL, 1, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static void test_classes(void **state)
{
	uint64_t below, above;

	assert_true(heap_is_class(8, &below, &above));
	assert_true(heap_is_class(96, &below, &above));
	assert_true(heap_is_class(32768, &below, &above));
	assert_true(heap_is_class(40960, &below, &above));	/* a large object */
	assert_false(heap_is_class(100, &below, &above));
	assert_true(below == 96 && above == 112);
	assert_false(heap_is_class(32767, &below, &above));
	assert_true(below == 28672 && above == 32768);
	assert_false(heap_is_class(7, &below, &above));
	assert_true(below == 0 && above == 8);
}

/* Too little memory for labels: what is left out is counted. */
static void test_memory(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t n = 0;

	begin(&h, &k, 21);
	for (int i = 0; i < 4000; i++)
		n = new_node(&h, n);
	set_any(&h, 0x40, k.node_pointer, n);
	look_with(&(struct heap_options){ .max_bytes = 44000 }, &m);
	assert_true(m.losses.over_memory > 0);
	assert_true(m.cost.own_bytes <= 44000 + 44000 / 8);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* Where its addresses are taken, the heap goes on far away. */
static void test_far(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	struct fake_span *far;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	heapmap_free(&m);
	far = fake_new_span(&h, h.spans[0].s.spanclass, FAKE_PAGE);
	far->s.start = FAKE_HEAP + (0x7eull << 40);
	far->marked[0] = 1;
	far->n = 1;
	set_any(&h, 0x80, k.node_pointer, far->s.start);
	look(&m);
	check_objects(&m, "main.node", NULL, 2, 2);
	assert_int_equal(m.losses.over_memory, 0);
	heapmap_free(&m);
	look_with(&(struct heap_options){ .max_bytes = 1 << 20 }, &m);	/* no table that wide */
	check_objects(&m, "main.node", NULL, 1, 1);
	assert_true(m.losses.over_memory > 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* More pointers to where no span is known than can be remembered. */
enum { MANY_BLIND = (1 << 16) + 100 };

static bool any_new;

static void make_span(struct fake_heap *h)
{
	if (any_new)
		fake_new_span(h, fake_class(64, false), FAKE_PAGE);
	any_new = false;
}

/* That is no loss as long as there is no new span that they may lead to. */
static void test_many_blind(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t all;

	begin(&h, &k, 21);
	all = fake_alloc(&h, MANY_BLIND * 8, false);
	for (uint64_t i = 0; i < MANY_BLIND; i++)
		fake_word(&h, all + i * 8, FAKE_HEAP + (FAKE_PAGES - 1) * FAKE_PAGE + i % 100);
	fake_word(&h, FAKE_BSS + 0x40, all);
	look(&m);
	assert_int_equal(m.losses.outrun, 0);
	heapmap_free(&m);
	any_new = true;
	h.on_stacks = make_span;
	look(&m);
	assert_int_equal(m.losses.outrun, 100);
	heapmap_free(&m);
	fake_heap_end(&h);
}

enum { LARGE_BYTES = 300 << 10, FAR_IN_LARGE = 280 << 10 };

/* A span right behind the object, to which that leads. */
static void make_next(struct fake_heap *h)
{
	if (any_new)
		fake_word(h, FAKE_HEAP + FAR_IN_LARGE, new_node(h, 0));
	any_new = false;
}

/* It is looked for also where it lies in what was read with the object. */
static void test_blind_nearby(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	fake_word(&h, FAKE_BSS + 0x40, fake_alloc(&h, LARGE_BYTES, false));
	any_new = true;
	h.on_stacks = make_next;
	look(&m);
	assert_int_equal(all_objects(&m).high, 2);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static bool at_once(void *ctx)
{
	return true;
}

static void test_interrupted(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	look_with(&(struct heap_options){ .interrupted = at_once }, &m);
	assert_true(m.interrupted);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static bool told_to_end;

static bool is_told(void *ctx)
{
	return told_to_end;
}

static void tell_to_end(struct fake_heap *h)
{
	told_to_end = true;
}

/* One object may take longer than anybody wants to wait. */
static void test_interrupted_inside(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	fake_alloc(&h, 3 << 20, false);
	h.on_marks = tell_to_end;
	look_with(&(struct heap_options){ .interrupted = is_told }, &m);
	assert_true(m.interrupted);
	assert_true(m.cost.bytes_read < 2 << 20);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* What the clock is asked for takes so much longer; 0: the clock is the system's. */
static long asking_ns;
static int64_t asked_ns;
static uint64_t n_naps;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int err = (int)syscall(SYS_clock_gettime, id, ts);
	int64_t ns;

	asked_ns += asking_ns;
	ns = (int64_t)ts->tv_nsec + asked_ns;
	ts->tv_sec += ns / 1000000000;
	ts->tv_nsec = ns % 1000000000;
	return err;
}

int nanosleep(const struct timespec *ts, struct timespec *left)
{
	n_naps++;
	return 0;
}

/* Where each reading takes a millisecond it rests after each; a quick one needs not. */
static void test_gives_way(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin(&h, &k, 21);
	set_any(&h, 0x40, k.node_pointer, new_node(&h, 0));
	asking_ns = 1000000;
	n_naps = 0;
	look(&m);
	asking_ns = 0;
	assert_true(m.cost.reads > 10);
	assert_int_equal(n_naps, m.cost.reads);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* ---- queues of finalizers and cleanups ----------------------------------------------------- */

enum {
	QUEUE_BLOCK = 4096, CLEANUP_BLOCK = 512, FINALIZERS_IN_BLOCK = 101,
	CLOSURE = FAKE_BSS + 0x20,	/* of main.leaf */
};

/* A word of block number i. */
static void set_queue(struct fake_heap *h, size_t block, size_t block_bytes, uint64_t off,
		      uint64_t v)
{
	fake_word(h, FAKE_QUEUE + block * block_bytes + off, v);
}

/* finblock {alllink, next, cnt, fin}; finalizer {fn, arg, nret, fint, ot} */
static void set_finalizer(struct fake_heap *h, size_t block, uint64_t i, uint64_t object,
			  uint64_t ot)
{
	const uint64_t off = 24 + i * 40;

	set_queue(h, block, QUEUE_BLOCK, off, CLOSURE);
	set_queue(h, block, QUEUE_BLOCK, off + 8, object);
	set_queue(h, block, QUEUE_BLOCK, off + 24, object ? ot : 0);
	set_queue(h, block, QUEUE_BLOCK, off + 32, object ? ot : 0);
	set_queue(h, block, QUEUE_BLOCK, 16, i + 1);
}

static void begin_queue(struct fake_heap *h, struct kinds *k, int minor)
{
	begin(h, k, minor);
	fake_word(h, CLOSURE, FAKE_TEXT + FAKE_LEAF * FAKE_FUNC_SIZE);
	fake_word(h, FAKE_ALLFIN, FAKE_QUEUE);
}

static void check_held_by_queue(const struct heapmap *m, enum heap_root root, const char *function,
				uint64_t n)
{
	const struct heap_type *t = find(m, "main.node", NULL);

	assert_non_null(t);
	assert_int_equal(t->objects.low, n);
	assert_int_equal(t->holders[0].root, root);
	assert_int_equal(t->holders[0].objects.low, n);
	if (function)
		assert_string_equal(t->holders[0].name, function);
	else
		assert_null(t->holders[0].name);
}

/* Two blocks, a free one between them, and an entry that is being made; the types are known from
 * nothing else.  What is not in use any more does not count. */
static void check_finalizer_queue(int minor)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;

	begin_queue(&h, &k, minor);
	set_queue(&h, 0, QUEUE_BLOCK, 0, FAKE_QUEUE + QUEUE_BLOCK);
	set_queue(&h, 1, QUEUE_BLOCK, 0, FAKE_QUEUE + 2 * QUEUE_BLOCK);
	set_finalizer(&h, 1, 0, new_node(&h, 0), k.node_pointer);
	set_queue(&h, 1, QUEUE_BLOCK, 16, 0);
	for (uint64_t i = 0; i < FINALIZERS_IN_BLOCK; i++)
		set_finalizer(&h, 2, i, new_node(&h, 0), k.node_pointer);
	set_finalizer(&h, 0, 0, new_node(&h, 0), k.node_pointer);
	set_queue(&h, 0, QUEUE_BLOCK, 16, 2);
	look(&m);
	check_held_by_queue(&m, HEAP_ROOT_FINALIZER_QUEUE, "main.leaf", FINALIZERS_IN_BLOCK + 1);
	assert_int_equal(m.n_finalizers, FINALIZERS_IN_BLOCK + 1);
	assert_int_equal(m.n_cleanups, 0);
	assert_int_equal(m.losses.queues_unread, 0);
	heapmap_free(&m);
	fake_heap_end(&h);
}

static void test_finalizer_queue(void **state)
{
	for (int minor = 17; minor <= 27; minor++)
		check_finalizer_queue(minor);
}

/* What is no list of blocks, or cannot be found, is told as a loss, and nothing is known of it. */
static void test_no_finalizer_queue(void **state)
{
	static const struct { uint64_t first, next, n; } bad[] = {
		{ FAKE_QUEUE + 4, 0, 1 }, { FAKE_QUEUE + FAKE_QUEUES, 0, 1 }, { FAKE_HEAP, 0, 1 },
		{ FAKE_QUEUE, FAKE_QUEUE, 1 }, { FAKE_QUEUE, 0, FINALIZERS_IN_BLOCK + 1 },
		{ FAKE_QUEUE, FAKE_HEAP, 1 }, { 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct fake_heap h;
		struct kinds k;
		struct heapmap m;

		begin_queue(&h, &k, 26);
		new_node(&h, 0);
		set_queue(&h, 0, QUEUE_BLOCK, 0, bad[i].next);
		set_queue(&h, 0, QUEUE_BLOCK, 16, bad[i].n);
		fake_word(&h, FAKE_ALLFIN, bad[i].first);
		if (!bad[i].first)
			h.lo.allfin = 0;
		look(&m);
		assert_true(m.n_finalizers == UNKNOWN_U64);
		assert_int_equal(m.n_cleanups, 0);
		assert_int_equal(m.losses.queues_unread, 1);
		heapmap_free(&m);
		fake_heap_end(&h);
	}
}

/* The record of what is special about the object, in the runtime's own memory, as the only one of
 * its span; own: what is the kind's own. */
static void set_special(struct fake_heap *h, uint64_t object, uint8_t kind, const uint64_t own[4])
{
	const bool old = h->f.minor < 24;
	const uint64_t at = FAKE_QUEUE + 2 * QUEUE_BLOCK;

	h->lo.special_next = 0;
	h->lo.special_offset = 8;
	h->lo.special_kind = old ? 10 : 16;
	for (size_t i = 0; i < h->n_spans; i++) {
		struct go_span *s = &h->spans[i].s;
		const uint64_t offset = object - s->start;

		if (object < s->start || object >= s->limit)
			continue;
		s->specials = at;
		fake_word(h, at + 8, old ? offset | (uint64_t)kind << 16 : offset);
		if (!old)
			fake_word(h, at + 16, kind);
	}
	for (size_t i = 0; i < 4; i++)
		fake_word(h, at + (old ? 16 : 24) + i * 8, own[i]);
}

static uint64_t count_held(const struct heapmap *m, enum heap_root root, const char *name)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->n_types; i++)
		for (size_t k = 0; k < m->types[i].n_holders; k++) {
			const struct heap_holder *o = &m->types[i].holders[k];

			if (o->root == root && !o->name == !name &&
			    (!name || !strcmp(o->name, name)))
				n += o->objects.high;
		}
	return n;
}

/* An object that nothing refers to waits for its first collection: its finalizer holds nothing. */
static void test_unheld(void **state)
{
	for (int minor = 17; minor <= 27; minor++) {
		struct fake_heap h;
		struct kinds k;
		struct heapmap m;

		begin_queue(&h, &k, minor);
		fake_word(&h, FAKE_ALLFIN, 0);
		set_special(&h, new_node(&h, new_node(&h, 0)), minor < 25 ? 1 : 2,
			    (const uint64_t[]){ CLOSURE, 0, k.node_pointer, k.node_pointer });
		look(&m);
		assert_int_equal(count_held(&m, HEAP_ROOT_OWN_FINALIZER, "main.leaf"), 2);
		assert_int_equal(count_held(&m, HEAP_ROOT_FINALIZER, "main.leaf"), 0);
		assert_int_equal(find(&m, "main.node", NULL)->objects.high, 2);
		heapmap_free(&m);
		fake_heap_end(&h);
	}
}

/* What a cleanup needs: until Go 1.25 a closure, then a function and what it gets. */
static void test_cleanup(void **state)
{
	for (int minor = 24; minor <= 27; minor++) {
		struct fake_heap h;
		struct kinds k;
		struct heapmap m;
		uint64_t needed;

		begin_queue(&h, &k, minor);
		fake_word(&h, FAKE_ALLFIN, 0);
		needed = fake_alloc(&h, 256, false);
		fake_word(&h, needed, FAKE_TEXT + FAKE_LEAF * FAKE_FUNC_SIZE);
		set_special(&h, fake_alloc(&h, 64, false), minor < 25 ? 6 : 7,
			    minor < 26 ? (const uint64_t[]){ needed, 1, 0, 0 } :
					 (const uint64_t[]){ 8, CLOSURE, needed, 1 });
		look(&m);
		assert_int_equal(count_held(&m, HEAP_ROOT_CLEANUP, "main.leaf"), 1);
		heapmap_free(&m);
		fake_heap_end(&h);
	}
}

/* The handle of a weak pointer lives as long as what that points to; no function has it. */
static void test_weak_handle(void **state)
{
	for (int minor = 23; minor <= 27; minor++) {
		struct fake_heap h;
		struct kinds k;
		struct heapmap m;

		begin_queue(&h, &k, minor);
		fake_word(&h, FAKE_ALLFIN, 0);
		set_special(&h, fake_alloc(&h, 64, false), minor < 25 ? 2 : 3,
			    (const uint64_t[]){ fake_alloc(&h, 16, true), 0, 0, 0 });
		look(&m);
		assert_int_equal(count_held(&m, HEAP_ROOT_RUNTIME, NULL), 1);
		heapmap_free(&m);
		fake_heap_end(&h);
	}
}

/* Go 1.24 has them in the queue of finalizers, 1.25 one of closures, 1.26 one with what they get;
 * cleanupBlock {lfnode, alllink, n, cleanups}. */
static void test_cleanup_queue(void **state)
{
	enum { FULL = (CLEANUP_BLOCK - 32) / 24 };

	for (int minor = 24; minor <= 27; minor++) {
		const uint64_t n = minor < 26 ? 1 : FULL;
		struct fake_heap h;
		struct kinds k;
		struct heapmap m;

		begin_queue(&h, &k, minor);
		if (minor == 24) {
			set_finalizer(&h, 0, 0, 0, 0);
		} else {
			fake_word(&h, FAKE_ALLFIN, 0);
			fake_word(&h, FAKE_CLEANUPS + 128, FAKE_QUEUE + CLEANUP_BLOCK);
			set_queue(&h, 1, CLEANUP_BLOCK, 16, FAKE_QUEUE);
			set_queue(&h, 0, CLEANUP_BLOCK, 24, n);
			set_queue(&h, 0, CLEANUP_BLOCK, 32, CLOSURE);
		}
		for (uint64_t i = 0; i < n && minor >= 26; i++) {
			const uint64_t off = 32 + i * 24;

			set_queue(&h, 0, CLEANUP_BLOCK, off, CLOSURE);
			set_queue(&h, 0, CLEANUP_BLOCK, off + 8, i ? CLOSURE : 0);
			set_queue(&h, 0, CLEANUP_BLOCK, off + 16, fake_alloc(&h, 256, false));
		}
		look(&m);
		assert_int_equal(m.n_finalizers, 0);
		assert_int_equal(m.n_cleanups, minor < 26 ? 1 : FULL - 1);
		assert_int_equal(m.losses.queues_unread, 0);
		if (minor >= 26) {
			assert_int_equal(m.types[0].holders[0].root, HEAP_ROOT_CLEANUP_QUEUE);
			assert_string_equal(m.types[0].holders[0].name, "main.leaf");
			assert_int_equal(m.types[0].holders[0].objects.low, FULL - 1);
		}
		heapmap_free(&m);
		fake_heap_end(&h);
	}
}

/* ---- what leads astray -------------------------------------------------------------------- */

/* Slices, strings and pointers that cannot be; a type word in front of a pointer of another
 * size. */
static void test_forged(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t n, b;

	begin(&h, &k, 21);
	n = new_node(&h, FAKE_HEAP + 200 * FAKE_PAGE);	/* no span there */
	b = fake_alloc(&h, 1024, true);
	fake_word(&h, n + 8, b);
	fake_word(&h, n + 16, UINT64_MAX);
	fake_word(&h, n + 24, b);
	fake_word(&h, n + 32, 4096);
	fake_word(&h, n + 40, UINT64_MAX / 2);
	fake_word(&h, n + 48, k.str + 4);
	fake_word(&h, n + 56, b);
	set_any(&h, 0x40, k.node_pointer, n);
	set_any(&h, 0x50, k.node_pointer, b);		/* has no pointers */
	set_any(&h, 0x60, k.node, fake_alloc(&h, 256, false));	/* of another size */
	look(&m);
	check_objects(&m, "main.node", NULL, 1, 1);
	assert_null(find(&m, "string", NULL));
	assert_null(find(&m, "[]uint8", NULL));
	assert_int_equal(m.pointers.untyped_objects, 1);
	assert_int_equal(m.no_pointers.untyped_objects, 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* Spans that overlap, that are impossibly large, that lie nowhere. */
static void test_forged_spans(void **state)
{
	struct fake_heap h;
	struct kinds k;
	struct heapmap m;
	uint64_t n;

	begin(&h, &k, 21);
	n = new_node(&h, 0);
	set_any(&h, 0x40, k.node_pointer, n);
	h.spans[h.n_spans] = h.spans[0];		/* the same pages once more */
	h.spans[h.n_spans++].s.spanclass ^= 1;
	h.spans[h.n_spans++].s = (struct go_span){
		.start = FAKE_HEAP + 100 * FAKE_PAGE, .npages = 1ull << 30, .nelems = 1,
		.elemsize = 1ull << 43, .limit = 1ull << 43, .state = 1 };
	look(&m);
	assert_true(m.pointers.objects.high <= 1);
	heapmap_free(&m);
	fake_heap_end(&h);
}

/* However many there are, those of the program stay, and come first. */
static void test_places(void **state)
{
	static const char *const functions[] = {
		"internal/abi.NewName", "runtime.newWakeableSleep", "strings.Clone", "main.keep",
		"github.com/x/y.Open", "x.org/app/store.put", "bytes.growSlice",
	};
	static const char *const first[] = {
		"main.keep", "x.org/app/store.put", "github.com/x/y.Open", "strings.Clone",
		"bytes.growSlice", "internal/abi.NewName", "runtime.newWakeableSleep",
	};
	struct place_ranks ranks = { { 0 } };
	struct heap_type row = { 0 };

	for (size_t i = 0; i < 2 * ARRAY_SIZE(functions); i++)	/* each once */
		places_add(&row, &ranks, &(struct frame){ .line = 7,
			   .function = functions[i % ARRAY_SIZE(functions)] }, false, "x.org/app");
	assert_int_equal(row.n_places, ARRAY_SIZE(first));
	assert_false(row.places_cut);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		assert_string_equal(row.places[i].function, first[i]);
	for (uint32_t line = 100; line < 120; line++)
		places_add(&row, &ranks, &(struct frame){ .function = "runtime.f", .line = line },
			   false, "x.org/app");
	assert_int_equal(row.n_places, MAX_PLACES);
	assert_true(row.places_cut);
	places_add(&row, &ranks, &(struct frame){ .function = "main.late", .line = 1 }, false,
		   "x.org/app");
	assert_int_equal(row.n_places, MAX_PLACES);
	assert_string_equal(row.places[0].function, "main.keep");
	assert_string_equal(row.places[1].function, "x.org/app/store.put");
	assert_string_equal(row.places[2].function, "main.late");
	assert_int_equal(row.n_places_apart, 0);	/* to be near tells nothing */
	places_add(&row, &ranks, &(struct frame){ .function = "runtime.sized" }, true, "x.org/app");
	assert_string_equal(row.places[0].function, "runtime.sized");
	assert_int_equal(row.n_places_apart, 1);
	free(row.places);
}

/* Who holds it has made it more often than not. */
static void test_places_of_holder(void **state)
{
	static const char *const functions[] = {
		"main.keep", "bytes.growSlice", "net/http.(*Transport).dial", "example.com/http.Get",
		"main.f[go.shape.struct { net/http.x }]", "net/httputil.Dump",
	};
	static const char *const first[] = {
		"example.com/http.Get", "net/http.(*Transport).dial", "main.keep",
		"main.f[go.shape.struct { net/http.x }]", "bytes.growSlice", "net/httputil.Dump",
	};
	struct heap_level levels[] = { { .type = "map[string]http.Header" },
				       { .type = "http.persistConn" }, { .type = "main.client" } };
	struct heap_level small = { .type = "main.keeper" };
	struct heap_holder holders[] = {
		{ .levels = &small, .n_levels = 1, .objects = { 9, 9 }, .bytes = { 144, 144 } },
		{ .levels = levels, .n_levels = ARRAY_SIZE(levels), .objects = { 2, 2 },
		  .bytes = { 8192, 8192 } },
	};
	struct heap_type row = { .holders = holders, .n_holders = ARRAY_SIZE(holders) };

	for (int few = 0; few < 2; few++) {	/* of its bytes are held by such */
		struct place_ranks ranks = { { 0 } };

		row.n_places = 0;
		row.bytes.high = few ? 20000 : 8336;
		for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
			places_add(&row, &ranks, &(struct frame){ .function = functions[i] }, false,
				   "x.org/app");
		for (size_t i = 0; i < ARRAY_SIZE(first); i++)
			assert_string_equal(row.places[i].function, first[i]);
		assert_int_equal(row.n_places_apart, few ? 0 : 2);
	}
	free(row.places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_large_map),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_seeds_by_another_name),
		cmocka_unit_test(test_interior),
		cmocka_unit_test(test_first_field), cmocka_unit_test(test_bytes_by_holder),
		cmocka_unit_test(test_most_bytes_first),
		cmocka_unit_test(test_unreached), cmocka_unit_test(test_unreached_untyped),
		cmocka_unit_test(test_dies),
		cmocka_unit_test(test_seen_once),
		cmocka_unit_test(test_replaced), cmocka_unit_test(test_one_name),
		cmocka_unit_test(test_freed_before_counted),
		cmocka_unit_test(test_fewer_in_the_end),
		cmocka_unit_test(test_replaced_out_of_sight),
		cmocka_unit_test(test_slot_used_for_the_same),
		cmocka_unit_test(test_slot_used_again), cmocka_unit_test(test_span_gone),
		cmocka_unit_test(test_grows_on_stack),
		cmocka_unit_test(test_interface_on_stack), cmocka_unit_test(test_time),
		cmocka_unit_test(test_stack), cmocka_unit_test(test_deferred),
		cmocka_unit_test(test_records_on_stacks),
		cmocka_unit_test(test_large_frame), cmocka_unit_test(test_running),
		cmocka_unit_test(test_interrupted_frame),
		cmocka_unit_test(test_unsure), cmocka_unit_test(test_left_over_again),
		cmocka_unit_test(test_many_unsure),
		cmocka_unit_test(test_mask), cmocka_unit_test(test_many_blind),
		cmocka_unit_test(test_blind_nearby),
		cmocka_unit_test(test_pairs), cmocka_unit_test(test_plugin),
		cmocka_unit_test(test_endless_plugins),
		cmocka_unit_test(test_only_size), cmocka_unit_test(test_classes),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_interrupted_inside),
		cmocka_unit_test(test_gives_way),
		cmocka_unit_test(test_finalizer_queue),
		cmocka_unit_test(test_no_finalizer_queue),
		cmocka_unit_test(test_cleanup_queue),
		cmocka_unit_test(test_unheld),
		cmocka_unit_test(test_cleanup),
		cmocka_unit_test(test_weak_handle),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_forged_spans), cmocka_unit_test(test_places),
		cmocka_unit_test(test_places_of_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
