// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_sitetype.c - what allocation sites allocate, in a make-believe Go binary.
 *
 * The binary is made for each case: the functions of one stack, each of which calls the one before
 * it, and a few types.  It stands in for gobin, gotype and image.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "include/gobpfleak.h"
#include "tests/unit/x86.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/image.h"
#include "user/go/sitetype.h"

enum { MAX_STACK = 7, TEXT = 0x401000, FUNC_BYTES = 0x200, TYPES = 0x500000, DICT = 0x600000 };
enum { KIND_INT = 2, KIND_CHAN = 18, KIND_MAP = 21, KIND_PTR = 22, KIND_STRUCT = 25 };

enum type {
	RAW, NODE, SMALL, PTR_NODE, INT, CLOSURE, MAP_TYPE, NAMED_MAP, BUCKET, GROUP, NOALG_KEY,
	HMAP, PTR_TABLE, CHAN_TYPE, HCHAN, RUNTIME_G, N_TYPES,
	UNKNOWN,		/* not at hand */
	REFLECT,		/* made at run time */
};

static const struct {
	const char *name;
	uint8_t kind;
	uint64_t size, ptr_bytes;
} types[N_TYPES] = {
	[NODE] = { "main.Node", KIND_STRUCT, 16, 8 },
	[SMALL] = { "main.Small", KIND_STRUCT, 8, 0 },
	[PTR_NODE] = { "*main.Node", KIND_PTR, 8, 8 },
	[INT] = { "int", KIND_INT, 8, 0 },
	[CLOSURE] = { "struct { F uintptr; X0 *int }", KIND_STRUCT, 16, 16 },
	[MAP_TYPE] = { "map[string]int", KIND_MAP, 8, 8 },
	[NAMED_MAP] = { "main.Index", KIND_MAP, 8, 8 },
	[BUCKET] = { "map.bucket[string]int", KIND_STRUCT, 208, 208 },
	[GROUP] = { "map.group[string]int", KIND_STRUCT, 200, 192 },
	[NOALG_KEY] = { "[20]int", 17, 160, 0 },
	[HMAP] = { "runtime.hmap", KIND_STRUCT, 48, 48 },
	[PTR_TABLE] = { "*maps.table", KIND_PTR, 8, 8 },
	[CHAN_TYPE] = { "chan main.Node", KIND_CHAN, 8, 8 },
	[HCHAN] = { "runtime.hchan", KIND_STRUCT, 112, 104 },
	[RUNTIME_G] = { "runtime.g", KIND_STRUCT, 440, 400 },
};

struct image {
	struct code funcs[MAX_STACK];
	uint64_t dict[4];	/* at DICT */
};

struct gobin {
	struct go_version version;
	struct image image;
	const char *names[MAX_STACK];	/* leaf first */
	const char *inlined[MAX_STACK];	/* into it, at all of its code; NULL: nothing */
	size_t n;
	unsigned int frames_asked;
};

/* ---- what sitetype asks ------------------------------------------------------------------- */

const struct image *gobin_image(const struct gobin *gb)
{
	return &gb->image;
}

const struct go_version *gobin_version(const struct gobin *gb)
{
	return &gb->version;
}

bool gobin_func_at(const struct gobin *gb, uint64_t pc, struct go_func *out)
{
	uint64_t i = (pc - TEXT) / FUNC_BYTES;

	if (pc < TEXT || i >= gb->n)
		return false;
	*out = (struct go_func) { .name = gb->names[i], .entry = TEXT + i * FUNC_BYTES,
				  .end = TEXT + (i + 1) * FUNC_BYTES };
	return true;
}

size_t gobin_frames(const struct gobin *gb, const uint64_t *pcs, size_t n, bool leaf_is_return,
		    struct frame *out, size_t cap)
{
	struct go_func f;
	size_t k = 0, i;

	((struct gobin *)gb)->frames_asked++;
	assert_int_equal(n, 1);
	if (!gobin_func_at(gb, leaf_is_return ? *pcs - 1 : *pcs, &f)) {
		out[0] = (struct frame) { .function = NULL };
		return 1;
	}
	i = (f.entry - TEXT) / FUNC_BYTES;
	if (gb->inlined[i])
		out[k++] = (struct frame) { .function = gb->inlined[i], .inlined = true };
	out[k++] = (struct frame) { .function = f.name };
	assert_true(k <= cap);
	return k;
}

uint16_t image_machine(const struct image *img)
{
	return EM_X86_64;
}

const void *image_at(const struct image *img, uint64_t vaddr, uint64_t *avail)
{
	uint64_t i = (vaddr - TEXT) / FUNC_BYTES, off = (vaddr - TEXT) % FUNC_BYTES;

	if (vaddr < TEXT || i >= MAX_STACK)
		return NULL;
	*avail = FUNC_BYTES - off;
	return img->funcs[i].bytes + off;
}

bool image_read(const struct image *img, uint64_t vaddr, void *buf, size_t len)
{
	if (vaddr < DICT || vaddr + len > DICT + sizeof(img->dict))
		return false;
	memcpy(buf, (const uint8_t *)img->dict + (vaddr - DICT), len);
	return true;
}

static uint64_t type_addr(enum type t)
{
	return t == UNKNOWN ? GL_UNKNOWN : t == REFLECT ? 0xc000010000 : t ? TYPES + 0x100u * t : 0;
}

int gotype_read(const struct gobin *gb, uint64_t typ, struct go_type *out)
{
	uint64_t i = (typ - TYPES) / 0x100;

	if (typ < TYPES || i >= N_TYPES)
		return -ENOENT;
	if (!types[i].name || typ != type_addr((enum type)i))
		return -EBADMSG;
	*out = (struct go_type) { .size = types[i].size, .ptr_bytes = types[i].ptr_bytes,
				  .kind = types[i].kind, .name = xstrdup(types[i].name) };
	return 0;
}

/* ---- one stack ---------------------------------------------------------------------------- */

struct scene {
	struct gobin gb;
	uint64_t pcs[MAX_STACK];
};

enum { LOST = 16 };	/* the type argument comes from where nobody knows */

static void add_func(struct scene *s, const char *name, unsigned int reg, uint64_t arg)
{
	size_t i = s->gb.n++;
	struct code *c = &s->gb.image.funcs[i];

	c->addr = TEXT + i * FUNC_BYTES;
	memset(c->bytes, 0xcc, sizeof(c->bytes));	/* padding behind the code */
	s->gb.names[i] = name;
	mov_imm(c, DX, 1);
	if (reg == LOST)
		load(c, BX, SP, 0x20);
	else if (arg)
		lea(c, reg, arg);
	else
		zero(c, reg);
	s->pcs[i] = i ? call(c, s->gb.image.funcs[i - 1].addr) : here(c);
	ret(c);
}

static void ask(struct scene *s, enum type typ, struct site_type *out, char **name)
{
	struct sitetype *st;

	assert_int_equal(sitetype_new(&st, &s->gb), 0);
	sitetype_get(st, type_addr(typ), s->pcs, s->gb.n, out);
	*name = xstrdup(out->name);
	sitetype_free(st);
}

static void expect(struct scene *s, enum type typ, const char *name, const char *how)
{
	struct site_type t;
	char *got;

	ask(s, typ, &t, &got);
	if (strcmp(got, name) || strcmp(t.how ? t.how : "-", how))
		fail_msg("%s <- %s: %s (%s), not %s (%s)", s->gb.names[0], s->gb.names[1], got,
			 t.how ? t.how : "-", name, how);
	free(got);
}

struct scenario {
	const char *stack[MAX_STACK];	/* leaf first, without the user's function at the end */
	unsigned int reg;		/* what the user's function passes: register, type */
	enum type arg;
	enum type typ;			/* seen by the probe */
	const char *name, *how;
	int minor;			/* Go 1.x, 0: 26 */
};

static void build(struct scene *s, const struct scenario *sc)
{
	*s = (struct scene) { .gb.version.minor = sc->minor ? sc->minor : 26 };
	for (size_t i = 0; sc->stack[i]; i++)
		add_func(s, sc->stack[i], LOST, 0);
	add_func(s, "main.f", sc->reg, type_addr(sc->arg));
}

#define MALLOC "runtime.mallocgc"
#define SC3 "runtime.mallocgcSmallScanNoHeaderSC3"
#define NOSCAN "runtime.mallocgcSmallNoScanSC3"

static const struct scenario scenarios[] = {
	/* by the type that the probe saw */
	{ { MALLOC, "runtime.newobject" }, LOST, RAW, NODE, "main.Node", "new", 0 },
	{ { MALLOC, "runtime.newobject" },
	  LOST, RAW, CLOSURE, "struct { F uintptr; X0 *int }", "closure", 0 },
	{ { MALLOC, "runtime.newobject" }, LOST, RAW, REFLECT, "?", "new", 0 },
	{ { MALLOC, "reflect.unsafe_New" }, LOST, RAW, NODE, "main.Node", "new", 0 },
	{ { MALLOC, "runtime.newobject", "runtime.malg" },
	  LOST, RAW, RUNTIME_G, "runtime.g", "new", 0 },
	{ { MALLOC, "runtime.makeslice" }, LOST, RAW, PTR_NODE, "[]*main.Node", "make", 0 },
	{ { MALLOC, "runtime.makeslice", "runtime.makeslice64" },
	  LOST, RAW, INT, "[]int", "make", 0 },
	{ { MALLOC, "runtime.newarray", "reflect.unsafe_NewArray" },
	  LOST, RAW, NODE, "[]main.Node", "make", 0 },
	{ { MALLOC, "runtime.growslice" }, LOST, RAW, NODE, "[]main.Node", "append", 0 },
	{ { MALLOC, "runtime.growslice", "reflect.growslice" },
	  LOST, RAW, NODE, "[]main.Node", "append", 0 },
	{ { MALLOC, "runtime.convT" }, LOST, RAW, NODE, "main.Node", "interface", 0 },
	{ { MALLOC, "runtime.convT2Inoptr" }, LOST, RAW, SMALL, "main.Small", "interface", 17 },
	{ { SC3 }, LOST, RAW, NODE, "main.Node", "new", 27 },
	{ { "runtime.mallocgcTiny", MALLOC, "runtime.newobject" },
	  LOST, RAW, INT, "int", "new", 25 },

	/* raw memory: by the argument at the call site */
	{ { MALLOC, "runtime.growslice" }, SI, SMALL, RAW, "[]main.Small", "append", 20 },
	{ { MALLOC, "runtime.growslice" }, AX, SMALL, RAW, "[]main.Small", "append", 19 },
	{ { MALLOC, "runtime.growslice" }, AX, SMALL, RAW, "[]?", "append", 20 },
	{ { MALLOC, "runtime.growslice" }, SI, SMALL, RAW, "[]?", "append", 19 },
	{ { MALLOC, "runtime.growslice", "runtime.growsliceBuf" },
	  SI, SMALL, RAW, "[]main.Small", "append", 0 },
	{ { MALLOC, "runtime.makeslicecopy" }, AX, SMALL, RAW, "[]main.Small", "make", 0 },
	{ { MALLOC, "runtime.moveSliceNoScan" }, AX, RAW, RAW, "[]?", "append", 0 },

	/* strings and conversions */
	{ { MALLOC, "runtime.rawstring", "runtime.rawstringtmp", "runtime.concatstrings",
	    "runtime.concatstring2" }, LOST, RAW, RAW, "string", "string", 0 },
	{ { MALLOC, "runtime.slicebytetostring" }, LOST, RAW, RAW, "string", "string", 0 },
	{ { NOSCAN, MALLOC, "runtime.intstring" }, LOST, RAW, UNKNOWN, "string", "string", 27 },
	{ { MALLOC, "runtime.rawbyteslice", "runtime.stringtoslicebyte" },
	  LOST, RAW, RAW, "[]uint8", "conversion", 0 },
	{ { MALLOC, "runtime.rawruneslice", "runtime.stringtoslicerune" },
	  LOST, RAW, RAW, "[]int32", "conversion", 0 },
	{ { MALLOC, "internal/bytealg.MakeNoZero" }, LOST, RAW, RAW, "[]uint8", "make", 0 },

	/* interfaces */
	{ { MALLOC, "runtime.convT64" }, LOST, RAW, INT, "uint64", "interface", 0 },
	{ { MALLOC, "runtime.convTstring" }, LOST, RAW, NODE, "string", "interface", 0 },
	{ { MALLOC, "runtime.convTslice" }, LOST, RAW, NODE, "[]?", "interface", 0 },

	/* maps: the argument first, then the name of the part */
	{ { MALLOC, "runtime.newobject", "runtime.mapassign_faststr" },
	  AX, MAP_TYPE, BUCKET, "map[string]int", "map", 22 },
	{ { MALLOC, "runtime.newobject", "runtime.mapassign_faststr" },
	  AX, NAMED_MAP, BUCKET, "main.Index", "map", 22 },
	{ { MALLOC, "runtime.newobject", "runtime.mapassign_faststr" },
	  LOST, RAW, BUCKET, "map[string]int", "map", 22 },
	{ { MALLOC, "runtime.newobject", "runtime.mapassign" },
	  AX, MAP_TYPE, NOALG_KEY, "map[string]int", "map", 22 },
	{ { MALLOC, "runtime.newarray", "runtime.makeBucketArray", "runtime.hashGrow",
	    "runtime.mapassign" }, AX, MAP_TYPE, BUCKET, "map[string]int", "map", 22 },
	{ { MALLOC, "runtime.newarray", "internal/runtime/maps.newarray",
	    "internal/runtime/maps.(*table).reset", "internal/runtime/maps.newTable",
	    "runtime.mapassign_fast64" }, LOST, RAW, GROUP, "map[string]int", "map", 24 },
	{ { MALLOC, "runtime.makeslice", "internal/runtime/maps.NewMap",
	    "runtime.makemap" }, AX, MAP_TYPE, PTR_TABLE, "map[string]int", "map", 24 },
	{ { MALLOC, "runtime.makeslice", "internal/runtime/maps.NewMap",
	    "reflect.makemap" }, LOST, RAW, PTR_TABLE, "[]*maps.table", "map", 24 },
	{ { MALLOC, "runtime.newobject", "runtime.makemap_small" },
	  AX, MAP_TYPE, HMAP, "runtime.hmap", "map", 22 },
	{ { MALLOC, "runtime.newobject", "internal/runtime/maps.(*Map).Clone",
	    "maps.clone" }, AX, MAP_TYPE, UNKNOWN, "map[string]int", "map", 27 },
	{ { MALLOC, "runtime.newobject", "runtime.mapassign" }, AX, NODE, UNKNOWN, "?", "map", 27 },

	/* channels */
	{ { MALLOC, "runtime.makechan" }, AX, CHAN_TYPE, RAW, "chan main.Node", "chan", 0 },
	{ { MALLOC, "runtime.newobject", "runtime.makechan" },
	  AX, CHAN_TYPE, HCHAN, "chan main.Node", "chan", 0 },
	{ { MALLOC, "runtime.makechan" }, LOST, RAW, NODE, "chan main.Node", "chan", 0 },
	{ { MALLOC, "runtime.makechan" }, LOST, RAW, RAW, "chan ?", "chan", 0 },
	{ { MALLOC, "runtime.newobject", "runtime.makechan" },
	  AX, NODE, HCHAN, "chan ?", "chan", 0 },

	/* the type is not at hand */
	{ { NOSCAN }, BX, SMALL, UNKNOWN, "main.Small", "new", 27 },
	{ { SC3 }, BX, CLOSURE, UNKNOWN, "struct { F uintptr; X0 *int }", "closure", 27 },
	{ { SC3 }, LOST, RAW, UNKNOWN, "?", "new", 27 },
	{ { "runtime.mallocgcSmallScanSlowPath", SC3 }, BX, NODE, UNKNOWN, "main.Node", "new", 27 },
	{ { NOSCAN, MALLOC, "runtime.newobject" }, AX, SMALL, UNKNOWN, "main.Small", "new", 27 },
	{ { NOSCAN, MALLOC, "runtime.convTnoptr" },
	  AX, SMALL, UNKNOWN, "main.Small", "interface", 27 },
	{ { SC3, MALLOC, "runtime.makeslice" }, AX, NODE, UNKNOWN, "[]main.Node", "make", 27 },
	{ { SC3, MALLOC, "runtime.growslice" }, SI, NODE, UNKNOWN, "[]main.Node", "append", 27 },
	{ { NOSCAN, MALLOC, "runtime.growslice" },
	  SI, SMALL, UNKNOWN, "[]main.Small", "append", 27 },
	{ { SC3, MALLOC, "runtime.makeslice" }, LOST, RAW, UNKNOWN, "[]?", "make", 27 },
	{ { MALLOC }, BX, RAW, UNKNOWN, "?", "new", 27 },
	{ { MALLOC }, CX, RAW, RAW, "[]?", "make", 0 },

	/* names that only look like the runtime's */
	{ { MALLOC, "runtime.newobject", "main.makeslice" },
	  LOST, RAW, NODE, "main.Node", "new", 0 },
	{ { MALLOC, "runtime.makeslice", "main.runtime.growslice" },
	  LOST, RAW, NODE, "[]main.Node", "make", 0 },
};

static void test_scenarios(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		struct scene s;

		build(&s, &scenarios[i]);
		expect(&s, scenarios[i].typ, scenarios[i].name, scenarios[i].how);
	}
}

static void expect_object(const struct scenario *sc, bool known, bool pointers)
{
	struct site_type t;
	struct scene s;
	char *name;

	build(&s, sc);
	ask(&s, sc->typ, &t, &name);
	free(name);
	assert_int_equal(t.known, known);
	assert_int_equal(t.pointers, pointers);
}

static void test_pointers(void **state)
{
	const struct scenario
		given = { { MALLOC, "runtime.newobject" }, .reg = LOST, .typ = NODE },
		noscan = { { MALLOC, "runtime.makeslice" }, .reg = LOST, .typ = SMALL },
		raw = { { MALLOC, "runtime.growslice" }, .reg = SI, .arg = SMALL, .typ = RAW },
		reflect = { { MALLOC, "runtime.newobject" }, .reg = LOST, .typ = REFLECT },
		reflect_scan = { { SC3 }, .reg = LOST, .typ = REFLECT },
		lost_scan = { { SC3 }, .reg = LOST, .typ = UNKNOWN },
		lost_noscan = { { NOSCAN }, .reg = LOST, .typ = UNKNOWN },
		lost_noscan25 = { { "runtime.mallocgcSmallNoscan", MALLOC },
			.reg = LOST, .typ = UNKNOWN },
		lost_tiny = { { "runtime.mallocgcTinySC2" }, .reg = LOST, .typ = UNKNOWN },
		lost = { { MALLOC }, .reg = LOST, .typ = UNKNOWN },
		append_scan = { { SC3, MALLOC, "runtime.growslice" },
			.reg = SI, .arg = NODE, .typ = UNKNOWN },
		append_noscan = { { NOSCAN, MALLOC, "runtime.growslice" },
			.reg = SI, .arg = SMALL, .typ = UNKNOWN };

	expect_object(&given, true, true);
	expect_object(&noscan, true, false);
	expect_object(&raw, true, false);
	expect_object(&reflect, false, true);
	expect_object(&reflect_scan, true, true);
	expect_object(&lost_scan, true, true);
	expect_object(&lost_noscan, true, false);
	expect_object(&lost_noscan25, true, false);
	expect_object(&lost_tiny, true, false);
	expect_object(&lost, false, true);
	expect_object(&append_scan, true, true);
	expect_object(&append_noscan, true, false);
}

/* Profile-guided optimization puts the runtime's small functions into the user's. */
static void test_inlined_wrapper(void **state)
{
	const struct scenario direct = { { MALLOC }, .reg = BX, .arg = NODE, .typ = UNKNOWN };
	struct scene s;

	build(&s, &direct);
	s.gb.inlined[1] = "runtime.makeslice";
	expect(&s, UNKNOWN, "[]main.Node", "make");
	s.gb.inlined[1] = "main.wrapper";
	expect(&s, UNKNOWN, "main.Node", "new");
}

/* main.generic[...] takes the type from the dictionary that main.f gave it. */
static void test_dictionary(void **state)
{
	struct scene s = { .gb.version.minor = 27 };
	struct code *c;
	size_t generic;

	add_func(&s, NOSCAN, LOST, 0);
	generic = s.gb.n;
	add_func(&s, "main.generic[...]", LOST, 0);
	add_func(&s, "main.f", AX, DICT);
	s.gb.image.dict[1] = type_addr(SMALL);
	c = &s.gb.image.funcs[generic];
	memset(c->bytes, 0xcc, sizeof(c->bytes));
	c->n = 0;
	load(c, BX, AX, 8);
	s.pcs[generic] = call(c, s.gb.image.funcs[0].addr);
	ret(c);
	expect(&s, UNKNOWN, "main.Small", "new");
	s.gb.image.dict[1] = type_addr(SMALL) + 8;	/* no type there */
	expect(&s, UNKNOWN, "?", "new");
}

/* makemap_small() is not told the type; main.f uses the map with use, then */
static void map_used(struct scene *s, const char *use, enum type typ)
{
	struct code *c;

	*s = (struct scene) { .gb.version.minor = 22 };
	add_func(s, MALLOC, LOST, 0);
	add_func(s, "runtime.newobject", LOST, 0);
	add_func(s, "runtime.makemap_small", LOST, 0);
	add_func(s, "main.f", LOST, 0);
	add_func(s, use, LOST, 0);	/* not on the stack */
	c = &s->gb.image.funcs[3];
	memset(c->bytes, 0xcc, sizeof(c->bytes));
	c->n = 0;
	s->pcs[3] = call(c, s->gb.image.funcs[2].addr);
	store(c, SP, 0x20, AX);
	mov_imm(c, CX, 7);
	lea(c, AX, type_addr(typ));
	load(c, BX, SP, 0x20);
	call(c, s->gb.image.funcs[4].addr);
	ret(c);
	s->pcs[4] = 0;
}

static void test_map_without_type(void **state)
{
	struct scene s;

	map_used(&s, "runtime.mapassign_faststr", MAP_TYPE);
	expect(&s, HMAP, "map[string]int", "map");
	map_used(&s, "runtime.mapaccess2", NAMED_MAP);
	expect(&s, HMAP, "main.Index", "map");
	map_used(&s, "runtime.mapassign_faststr", NODE);
	expect(&s, HMAP, "runtime.hmap", "map");
	map_used(&s, "main.mapassign", MAP_TYPE);
	expect(&s, HMAP, "runtime.hmap", "map");
}

/* The code does not call what the stack says was called: something stands between. */
static void test_other_callee(void **state)
{
	const struct scenario direct = { { NOSCAN }, .reg = BX, .arg = SMALL, .typ = UNKNOWN };
	struct scene s;

	build(&s, &direct);
	land_at(&s.gb.image.funcs[1], s.pcs[1] - s.gb.image.funcs[1].addr, TEXT + 0x40);
	expect(&s, UNKNOWN, "?", "new");
}

/* A probe at the RET: pcs[0] is a return address, too. */
static void test_probe_at_return(void **state)
{
	const struct scenario slice = { { MALLOC, "runtime.makeslice" }, .reg = AX, .arg = SMALL };
	struct sitetype *st;
	struct site_type t;
	struct scene s;

	build(&s, &slice);
	sitetype_new(&st, &s.gb);
	sitetype_get(st, type_addr(SMALL), s.pcs + 1, s.gb.n - 1, &t);
	assert_string_equal(t.name, "[]main.Small");
	assert_string_equal(t.how, "make");
	sitetype_free(st);
}

static void test_odd_stacks(void **state)
{
	const uint64_t nowhere[] = { 0x10, 0x20, 0, 0x30 };
	const uint64_t inside[] = { TEXT, TEXT, TEXT };	/* return address at a function's entry */
	const struct scenario any = { { MALLOC, "runtime.newobject" }, .reg = LOST };
	struct sitetype *st;
	struct site_type t;
	struct scene s;

	build(&s, &any);
	sitetype_new(&st, &s.gb);
	for (size_t n = 0; n <= 4; n++) {
		sitetype_get(st, GL_UNKNOWN, nowhere, n, &t);
		assert_string_equal(t.name, "?");
		sitetype_get(st, type_addr(NODE), nowhere, n, &t);
		assert_string_equal(t.name, "main.Node");
	}
	sitetype_get(st, GL_UNKNOWN, inside, 3, &t);
	assert_string_equal(t.name, "?");
	sitetype_get(st, GL_UNKNOWN, s.pcs, 1, &t);	/* cut behind the leaf */
	assert_string_equal(t.name, "?");
	assert_null(t.how);
	sitetype_get(st, type_addr(CLOSURE), s.pcs, 1, &t);
	assert_string_equal(t.name, types[CLOSURE].name);
	assert_null(t.how);
	sitetype_free(st);
}

/* The second question of a stack, and of a longer one with the same leaf end, costs nothing. */
static void test_cache(void **state)
{
	const struct scenario any = { { MALLOC, "runtime.newobject" }, .reg = LOST };
	uint64_t longer[MAX_STACK + 1], other[MAX_STACK];
	struct site_type t, u;
	struct sitetype *st;
	unsigned int asked;
	struct scene s;

	build(&s, &any);
	sitetype_new(&st, &s.gb);
	sitetype_get(st, type_addr(NODE), s.pcs, s.gb.n, &t);
	asked = s.gb.frames_asked;
	assert_true(asked > 0);

	memcpy(longer, s.pcs, s.gb.n * sizeof(*longer));
	longer[s.gb.n] = 0x1234;
	sitetype_get(st, type_addr(NODE), s.pcs, s.gb.n, &u);
	assert_ptr_equal(t.name, u.name);
	sitetype_get(st, type_addr(NODE), longer, s.gb.n + 1, &u);
	assert_ptr_equal(t.name, u.name);
	assert_int_equal(s.gb.frames_asked, asked);

	sitetype_get(st, type_addr(SMALL), s.pcs, s.gb.n, &u);	/* another type, another question */
	assert_string_equal(u.name, "main.Small");
	memcpy(other, s.pcs, sizeof(other));
	other[s.gb.n - 1]++;
	asked = s.gb.frames_asked;
	sitetype_get(st, type_addr(NODE), other, s.gb.n, &u);	/* another stack */
	assert_true(s.gb.frames_asked > asked);
	sitetype_free(st);
}

/* Many names and many answers: the tables grow, and names stay where they are. */
static void test_many(void **state)
{
	const struct scenario any = { { MALLOC, "runtime.newobject" }, .reg = LOST };
	struct site_type first, t;
	struct sitetype *st;
	struct scene s;

	build(&s, &any);
	sitetype_new(&st, &s.gb);
	sitetype_get(st, type_addr(NODE), s.pcs, s.gb.n, &first);
	for (uint64_t i = 1; i < 20000; i++) {
		const uint64_t pcs[] = { s.pcs[0], s.pcs[1], 0x700000 + i };

		sitetype_get(st, type_addr((enum type)(NODE + i % 4)), pcs, 3, &t);
		assert_string_equal(t.name, types[NODE + i % 4].name);
	}
	sitetype_get(st, type_addr(NODE), s.pcs, s.gb.n, &t);
	assert_ptr_equal(t.name, first.name);
	sitetype_free(st);
}

/* What is given no type makes one all the same; where an interface is made, it says none. */
static void test_of_function(void **state)
{
	assert_string_equal(sitetype_of_function("runtime.stringtoslicebyte"), "[]uint8");
	assert_string_equal(sitetype_of_function("runtime.concatbyte3"), "[]uint8");
	assert_string_equal(sitetype_of_function("runtime.stringtoslicerune"), "[]int32");
	assert_string_equal(sitetype_of_function("runtime.concatstrings"), "string");
	assert_string_equal(sitetype_of_function("runtime.slicebytetostring"), "string");
	assert_null(sitetype_of_function("runtime.slicebytetostringtmp"));
	assert_null(sitetype_of_function("runtime.convTstring"));
	assert_null(sitetype_of_function("runtime.makeslice"));
	assert_null(sitetype_of_function("main.concatstrings"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_inlined_wrapper),
		cmocka_unit_test(test_dictionary),
		cmocka_unit_test(test_map_without_type),
		cmocka_unit_test(test_other_callee),
		cmocka_unit_test(test_probe_at_return),
		cmocka_unit_test(test_odd_stacks),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_of_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
