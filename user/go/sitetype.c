// SPDX-License-Identifier: BSD-2-Clause
/*
 * sitetype.c - what an allocation site allocates, in Go's own words.
 *
 * The allocator knows the type of one element at most: make([]T, n) passes T, append passes T or,
 * if T has no pointers, nothing; a map passes its groups, a string nothing at all.  What is being
 * made stands in the names of the runtime's functions between the allocator and the user's code,
 * one row each in the table below; the outermost of them decides.  What it is made of is the type
 * given to the allocator, or else the type argument of one of these functions, read from the code
 * before the call (callsite.h).  If that is an argument of the calling function itself, as in the
 * runtime's own wrappers and in generic code, the search goes on at the call one frame further up.
 *
 * Since Go 1.27 the compiler calls an allocator made for the size (mallocgcSmallNoScanSC3) and the
 * probe does not always have the type; then it is found the same way.
 *
 * Does not name what only reflection knows, nor the objects of generic code whose dictionary came
 * from a closure: these are "?".
 */
#include "user/go/sitetype.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "include/gobpfleak.h"
#include "user/base/goname.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/code/insn.h"
#include "user/go/callsite.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/image.h"
#include "user/go/sitecache.h"

enum { N_FUNCS = 8 };		/* decoded functions kept */

/* Of the argument registers AX BX CX DI SI (cmd/compile/abi-internal.md). */
enum { AX = INSN_AX, CX = INSN_CX, BX = INSN_BX, SI = INSN_SI, NONE = INSN_NO_REG };

enum made {
	MADE_TYPE,	/* an object of the type */
	MADE_SLICE,	/* an array of the type behind a slice */
	MADE_MAP,	/* part of a map; the type argument is the map's */
	MADE_CHAN,	/* part of a channel; the type argument is the channel's */
	MADE_TEXT,	/* .text, whatever the type */
};

struct row {
	const char *func;	/* a name that ends in '*' stands for all that begin so */
	enum made made;
	const char *how;
	uint8_t arg;		/* register with the type argument */
	const char *text;
	uint8_t since, until;	/* Go 1.x; 0: all */
};

#define ROW(name, what, word, reg) { .func = name, .made = what, .how = word, .arg = reg }
#define TYPE(name, how, arg) ROW(name, MADE_TYPE, how, arg)
#define SLICE(name, how, arg) ROW(name, MADE_SLICE, how, arg)
#define CHAN(name, arg) ROW(name, MADE_CHAN, "chan", arg)
#define MAP(name, arg) ROW(name, MADE_MAP, "map", arg)
#define TEXT(name, word, words) \
	{ .func = name, .made = MADE_TEXT, .how = word, .arg = NONE, .text = words }
#define STRING(name) TEXT(name, "string", "string")

/*
 * The runtime's functions between the allocator and user code (Go 1.17 to 1.27: runtime/malloc.go,
 * slice.go, string.go, iface.go, chan.go, map*.go, linkname*.go, internal/runtime/maps).
 *
 * convT16, convT32, convT64 and convTslice store the value of any type of that shape: the words
 * here say what the runtime takes it for, the static type is not known beyond it.
 */
static const struct row rows[] = {
	TYPE("runtime.newobject", "new", AX),
	TYPE("reflect.unsafe_New", "new", AX),
	TYPE("internal/reflectlite.unsafe_New", "new", AX),

	SLICE("runtime.newarray", "make", AX),
	SLICE("runtime.makeslice", "make", AX),
	SLICE("runtime.makeslice64", "make", AX),
	SLICE("runtime.makeslicecopy", "make", AX),
	SLICE("reflect.unsafe_NewArray", "make", AX),
	TEXT("internal/bytealg.MakeNoZero", "make", "[]uint8"),
	TEXT("runtime.gobytes", "make", "[]uint8"),

	/* The element type came first until Go 1.19 and is the fifth argument since. */
	{ .func = "runtime.growslice", .made = MADE_SLICE, .how = "append", .arg = AX,
	  .until = 19 },
	{ .func = "runtime.growslice", .made = MADE_SLICE, .how = "append", .arg = SI,
	  .since = 20 },
	SLICE("runtime.growsliceBuf", "append", SI),
	SLICE("runtime.growsliceNoAlias", "append", SI),
	SLICE("runtime.growsliceBufNoAlias", "append", SI),
	SLICE("runtime.moveSlice", "append", AX),
	SLICE("runtime.moveSliceNoCap", "append", AX),
	SLICE("runtime.moveSliceNoScan", "append", NONE),
	SLICE("runtime.moveSliceNoCapNoScan", "append", NONE),
	SLICE("reflect.growslice", "append", AX),

	STRING("runtime.rawstring"),
	STRING("runtime.rawstringtmp"),
	STRING("runtime.concatstring*"),
	STRING("runtime.slicebytetostring"),
	STRING("runtime.slicerunetostring"),
	STRING("runtime.intstring"),
	STRING("runtime.gostring"),
	STRING("runtime.gostringn"),
	STRING("runtime.gostringw"),
	STRING("internal/syscall/unix.gostring"),
	TEXT("runtime.rawbyteslice", "conversion", "[]uint8"),
	TEXT("runtime.concatbyte*", "conversion", "[]uint8"),
	TEXT("runtime.stringtoslicebyte", "conversion", "[]uint8"),
	TEXT("runtime.rawruneslice", "conversion", "[]int32"),
	TEXT("runtime.stringtoslicerune", "conversion", "[]int32"),

	TYPE("runtime.convT", "interface", AX),
	TYPE("runtime.convTnoptr", "interface", AX),
	TYPE("runtime.convT2E", "interface", AX),
	TYPE("runtime.convT2Enoptr", "interface", AX),
	TYPE("runtime.convT2I", "interface", NONE),	/* its argument is an itab */
	TYPE("runtime.convT2Inoptr", "interface", NONE),
	TEXT("runtime.convT16", "interface", "uint16"),
	TEXT("runtime.convT32", "interface", "uint32"),
	TEXT("runtime.convT64", "interface", "uint64"),
	TEXT("runtime.convTstring", "interface", "string"),
	TEXT("runtime.convTslice", "interface", "[]?"),

	CHAN("runtime.makechan", AX),
	CHAN("runtime.makechan64", AX),
	CHAN("reflect.makechan", AX),

	MAP("runtime.makemap_small", NONE),
	MAP("runtime.makemap", AX),
	MAP("runtime.makemap64", AX),
	MAP("runtime.mapassign*", AX),
	MAP("runtime.mapdelete*", AX),	/* growing goes on in deletes */
	MAP("runtime.mapclear", AX),
	MAP("runtime.mapiterinit", AX),	/* makes the list of overflow buckets */
	MAP("runtime.mapclone", AX),	/* (m any): the type word */
	MAP("runtime.mapclone2", AX),
	MAP("maps.clone", AX),
	MAP("reflect.makemap", AX),
	MAP("reflect.mapassign*", AX),
	MAP("reflect.mapdelete*", AX),
	MAP("reflect.mapclear", AX),
	MAP("runtime.hashGrow", AX),
	MAP("runtime.makeBucketArray", AX),
	MAP("runtime.growWork*", AX),
	MAP("runtime.evacuate*", AX),
	MAP("runtime.moveToBmap", AX),
	MAP("runtime.(*hmap).*", BX),
	TYPE("internal/runtime/maps.newobject", "new", AX),
	SLICE("internal/runtime/maps.newarray", "make", AX),
	MAP("internal/runtime/maps.NewMap", AX),
	MAP("internal/runtime/maps.newTable", AX),
	MAP("internal/runtime/maps.newGroups", AX),
	MAP("internal/runtime/maps.cloneGroup", AX),
	MAP("internal/runtime/maps.(*Map).*", BX),
	MAP("internal/runtime/maps.(*table).*", BX),
	MAP("internal/runtime/maps.*", NONE),
};

enum { KIND_CHAN = 18, KIND_MAP = 21, KIND_STRUCT = 25 };	/* reflect.Kind */

struct func_slot {
	uint64_t entry;
	struct callsite_func *func;	/* NULL with entry set: cannot be decoded */
	uint64_t used;
};

struct sitetype {
	const struct gobin *gb;
	int minor;
	struct sitecache *cache;
	struct func_slot funcs[N_FUNCS];
	uint64_t clock;
};

/* One question: a stack and what has been learnt of it. */
struct query {
	struct sitetype *st;
	const uint64_t *pcs;
	size_t n, used;		/* frames looked at are [0, used) */
	uint64_t typ;		/* given to the allocator; GL_UNKNOWN: not known */
	size_t alloc;		/* frames [0, alloc) are the allocator's, pcs[alloc] calls it */
	const char *alloc_name;	/* leaf function */
	const struct row *row;	/* of the outermost runtime function; NULL: user code itself */
	size_t row_frame;	/* where it lies */
	const struct row *inner; /* of the innermost */
};

/* ---- code around a return address --------------------------------------------------------- */

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static enum callee classify_callee(void *ctx, uint64_t target)
{
	const struct sitetype *st = ctx;
	struct go_func f;

	if (!gobin_func_at(st->gb, target, &f) || f.entry != target)
		return CALLEE_CLOBBERS;
	if (starts_with(f.name, "runtime.gcWriteBarrier"))
		return CALLEE_KEEPS;
	return goname_never_returns(f.name) ? CALLEE_ENDS : CALLEE_CLOBBERS;
}

static int read_word(void *ctx, uint64_t vaddr, uint64_t *value)
{
	const struct sitetype *st = ctx;

	return image_read(gobin_image(st->gb), vaddr, value, sizeof(*value)) ? 0 : -ENOENT;
}

static struct callsite_func *decode(struct sitetype *st, const struct go_func *f)
{
	const struct callsite_ops ops = { st, classify_callee, read_word };
	const struct image *img = gobin_image(st->gb);
	struct callsite_func *cf = NULL;
	uint64_t avail, len = f->end - f->entry;
	const uint8_t *code = image_at(img, f->entry, &avail);

	if (!code || f->end <= f->entry || len > avail || len > MAX_FUNC_BYTES)
		return NULL;
	callsite_open(&cf, image_machine(img), code, len, f->entry, &ops);
	return cf;
}

/* NULL: cannot be decoded. */
static const struct callsite_func *get_code(struct sitetype *st, const struct go_func *f)
{
	struct func_slot *oldest = st->funcs;

	for (size_t i = 0; i < N_FUNCS; i++) {
		struct func_slot *slot = &st->funcs[i];

		if (slot->used && slot->entry == f->entry) {
			slot->used = ++st->clock;
			return slot->func;
		}
		if (slot->used < oldest->used)
			oldest = slot;
	}
	callsite_close(oldest->func);
	*oldest = (struct func_slot) { f->entry, decode(st, f), ++st->clock };
	return oldest->func;
}

/* ---- the stack ---------------------------------------------------------------------------- */

/* pcs[i], 0 behind the end; remembers how far the answer depends on the stack. */
static uint64_t pc_at(struct query *q, size_t i)
{
	if (i >= MAX_TYPE_FRAMES)
		return 0;
	if (i + 1 > q->used)
		q->used = i < q->n ? i + 1 : q->n + 1;
	return i < q->n ? q->pcs[i] : 0;
}

static bool is_allocator(const char *func)
{
	return starts_with(func, "runtime.mallocgc");
}

/* The function around pcs[i]: a return address may be the first byte of the next function. */
static bool func_at(struct query *q, size_t i, struct go_func *out)
{
	uint64_t pc = pc_at(q, i);

	return pc && gobin_func_at(q->st->gb, i ? pc - 1 : pc, out);
}

static bool is_of_row(const struct row *row, const char *func)
{
	size_t len = strlen(row->func);

	return row->func[len - 1] == '*' ? !strncmp(func, row->func, len - 1) :
					   !strcmp(func, row->func);
}

static const struct row *find_row(const struct sitetype *st, const char *func)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];

		if (is_of_row(row, func) && st->minor >= row->since &&
		    (!row->until || st->minor <= row->until))
			return row;
	}
	return NULL;
}

/* What an interface is given has a type of its own. */
const char *sitetype_of_function(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].made == MADE_TEXT && strcmp(rows[i].how, "interface") &&
		    is_of_row(&rows[i], name))
			return rows[i].text;
	return NULL;
}

/* Whether all functions at pcs[i], inlined ones included, are the runtime's. */
static bool read_rows(struct query *q, size_t i)
{
	uint64_t pc = pc_at(q, i);
	struct frame frames[MAX_INLINED];
	size_t n;

	if (!pc)
		return false;
	n = gobin_frames(q->st->gb, &pc, 1, i || !q->alloc, frames, MAX_INLINED);
	for (size_t k = 0; k < n && k < MAX_INLINED; k++) {
		const struct row *row = frames[k].function ?
			find_row(q->st, frames[k].function) : NULL;

		if (!row)
			return false;
		q->row = row;
		q->row_frame = i;
		q->inner = q->inner ? q->inner : row;
	}
	return true;
}

static void read_stack(struct query *q)
{
	struct go_func f;

	while (func_at(q, q->alloc, &f) && is_allocator(f.name)) {
		if (!q->alloc)
			q->alloc_name = f.name;
		q->alloc++;
	}
	for (size_t i = q->alloc; read_rows(q, i); i++)
		;
}

/*
 * What the register held when the call that returns to pcs[i] was made.  The code must call what
 * the stack says was called: else something stands between, a jump for instance.
 */
static int read_arg(struct query *q, size_t i, uint8_t reg, uint64_t *value)
{
	const struct callsite_func *cf;
	struct callsite_value v;
	struct go_func caller, callee;
	uint64_t target;

	if (!func_at(q, i, &caller) || !(cf = get_code(q->st, &caller)) ||
	    callsite_get(cf, pc_at(q, i), reg, &v, &target))
		return -ENODATA;
	if (i && (!func_at(q, i - 1, &callee) || callee.entry != target))
		return -ENODATA;
	*value = v.value;
	if (v.kind == CALLSITE_RESULT ||
	    (v.kind == CALLSITE_ARG && read_arg(q, i + 1, v.reg, value)))
		return -ENODATA;
	for (size_t k = 0; k < v.n_loads; k++)
		if (read_word(q->st, *value + (uint64_t)v.disp[k], value))
			return -ENODATA;
	return 0;
}

/* ---- the answer --------------------------------------------------------------------------- */

/*
 * The type argument of the runtime's functions, outermost first; kind 0: any.  The caller frees
 * out->name.
 */
static int read_row_type(struct query *q, uint8_t kind, struct go_type *out)
{
	struct go_func f;

	for (size_t i = q->row_frame + 1; i-- > q->alloc; ) {
		const struct row *row = func_at(q, i, &f) ? find_row(q->st, f.name) : NULL;
		uint64_t typ;

		if (!row || row->arg == NONE || row->made == MADE_TEXT ||
		    (kind && row->made != q->row->made) ||
		    read_arg(q, i + 1, row->arg, &typ) || gotype_read(q->st->gb, typ, out))
			continue;
		if (!kind || out->kind == kind)
			return 0;
		free(out->name);
	}
	return -ENODATA;
}

/* "map.bucket[K]V", "map.group[K]V" are made by the compiler for each map type (types/fmt.go). */
static const char *map_of_part(const char *part)
{
	const char *bracket = starts_with(part, "map.") ? strchr(part, '[') : NULL;

	return bracket && bracket != part + 3 ? bracket : NULL;
}

/* Whether this call is of mapassign(t, m, key), mapaccess1(t, m, key) ... with what another
 * made. */
static bool uses_map(struct sitetype *st, const struct callsite_func *cf, uint64_t call,
		     uint64_t target, uint64_t made, uint64_t *typ)
{
	struct callsite_value v;
	struct go_func f;

	if (!gobin_func_at(st->gb, target, &f) || !starts_with(f.name, "runtime.map") ||
	    callsite_get_typed(cf, call, BX, &v) || v.kind != CALLSITE_RESULT ||
	    v.n_loads || v.value != made || callsite_get(cf, call, AX, &v, &target))
		return false;
	*typ = v.value;
	return v.kind == CALLSITE_CONST && !v.n_loads;
}

/* makemap_small() is not told the type, but the function that calls it often uses the map, too. */
static int read_used_map(struct query *q, struct go_type *out)
{
	const struct callsite_func *cf;
	uint64_t typ, target, call;
	struct go_func caller;
	size_t pos = 0;

	if (!func_at(q, q->row_frame + 1, &caller) || !(cf = get_code(q->st, &caller)))
		return -ENODATA;
	while ((call = callsite_next(cf, &pos, &target))) {
		if (!uses_map(q->st, cf, call, target, pc_at(q, q->row_frame + 1), &typ) ||
		    gotype_read(q->st->gb, typ, out))
			continue;
		if (out->kind == KIND_MAP)
			return 0;
		free(out->name);
	}
	return -ENODATA;
}

static const char *name_map(struct query *q, const struct go_type *given)
{
	struct go_type t;

	if (!read_row_type(q, KIND_MAP, &t) ||
	    (q->row->arg == NONE && !read_used_map(q, &t))) {
		const char *name = sitecache_name(q->st->cache, "", t.name);

		free(t.name);
		return name;
	}
	if (!given->name)
		return "?";
	if (map_of_part(given->name))
		return sitecache_name(q->st->cache, "map", map_of_part(given->name));
	return sitecache_name(q->st->cache, q->inner->made == MADE_SLICE ? "[]" : "", given->name);
}

/* A channel is one object with its buffer, but for elements with pointers (runtime/chan.go). */
static const char *name_chan(struct query *q, const struct go_type *given)
{
	struct go_type t;

	if (!read_row_type(q, KIND_CHAN, &t)) {
		const char *name = sitecache_name(q->st->cache, "", t.name);

		free(t.name);
		return name;
	}
	if (!given->name || !strcmp(given->name, "runtime.hchan"))
		return "chan ?";
	return sitecache_name(q->st->cache, "chan ", given->name);
}

/* append passes no type where the elements have no pointers; elsewhere what it passes is T. */
static const char *name_slice(struct query *q, const struct go_type *given, struct site_type *out)
{
	struct go_type t;
	const char *name;

	if (given->name)
		return sitecache_name(q->st->cache, "[]", given->name);
	if (read_row_type(q, 0, &t))
		return "[]?";
	name = sitecache_name(q->st->cache, "[]", t.name);
	if (!out->known)
		out->pointers = t.ptr_bytes != 0;
	out->known = true;
	free(t.name);
	return name;
}

/* cmd/compile/internal/closure: the function, then what it captured. */
static bool is_closure(const struct go_type *t)
{
	return t->kind == KIND_STRUCT && starts_with(t->name, "struct { F uintptr");
}

static void name_object(struct query *q, const struct go_type *given, const char *how,
			struct site_type *out)
{
	out->how = how;
	out->name = "?";
	if (!given->name)
		return;
	out->name = sitecache_name(q->st->cache, "", given->name);
	if (is_closure(given))
		out->how = "closure";
}

/*
 * Compiled code that calls the allocator itself: new(T) of small types since Go 1.27; raw memory
 * that is not zeroed for make and copy in one (walk/builtin.go, walkMakeSliceCopy); zeroed raw
 * memory for several small variables in one object since Go 1.25 (ssagen/ssa.go,
 * flushPendingHeapAllocations).
 */
static void name_direct(struct query *q, const struct go_type *given, struct site_type *out)
{
	struct go_func caller;
	uint64_t zeroed;

	name_object(q, given, "new", out);
	if (!func_at(q, q->alloc, &caller)) {
		out->how = NULL;
	} else if (!q->typ && !read_arg(q, q->alloc, CX, &zeroed) && !zeroed) {
		out->name = "[]?";
		out->how = "make";
	}
}

static void name_it(struct query *q, const struct go_type *given, struct site_type *out)
{
	if (!q->row) {
		name_direct(q, given, out);
		return;
	}
	out->how = q->row->how;
	switch (q->row->made) {
	case MADE_TYPE:
		name_object(q, given, q->row->how, out);
		break;
	case MADE_SLICE:
		out->name = name_slice(q, given, out);
		break;
	case MADE_MAP:
		out->name = name_map(q, given);
		break;
	case MADE_CHAN:
		out->name = name_chan(q, given);
		break;
	case MADE_TEXT:
		out->name = q->row->text;
		break;
	}
}

/* mallocgcSmallNoScanSC3, mallocgcTinySC2, mallocgcSmallScanNoHeaderSC1 ... (1.24 and later) */
static void read_alloc_name(const char *name, struct site_type *out)
{
	name += strlen("runtime.mallocgc");
	if (starts_with(name, "Tiny") || starts_with(name, "SmallNoScan") ||
	    starts_with(name, "SmallNoscan")) {
		out->known = true;
		out->pointers = false;
	} else if (starts_with(name, "SmallScan")) {
		out->known = true;
	}
}

/* The type given to the allocator; q->typ is 0 where it got none, GL_UNKNOWN if that is not
 * known. */
static void read_given_type(struct query *q, struct go_type *out)
{
	if (q->typ == GL_UNKNOWN && read_arg(q, q->alloc, BX, &q->typ))
		q->typ = GL_UNKNOWN;
	if (q->typ == GL_UNKNOWN && q->row && q->row->made == MADE_TYPE)
		read_row_type(q, 0, out);
	else if (q->typ && q->typ != GL_UNKNOWN && gotype_read(q->st->gb, q->typ, out))
		out->name = NULL;
}

static void answer(struct query *q, struct site_type *out)
{
	struct go_type given = { 0 };

	*out = (struct site_type) { .name = "?", .pointers = true };
	read_stack(q);
	read_given_type(q, &given);
	if (given.name || !q->typ) {
		out->known = true;
		out->pointers = given.ptr_bytes != 0;
	} else if (q->alloc_name) {
		read_alloc_name(q->alloc_name, out);
	}
	name_it(q, &given, out);
	free(given.name);
}

void sitetype_get(struct sitetype *st, uint64_t typ, const uint64_t *pcs, size_t n,
		  struct site_type *out)
{
	struct query q = { .st = st, .pcs = pcs, .n = n, .typ = typ };
	const struct site_type *known = sitecache_find(st->cache, typ, pcs, n);

	if (known) {
		*out = *known;
		return;
	}
	answer(&q, out);
	sitecache_keep(st->cache, typ, pcs, n, q.used, out);
}

uint64_t sitetype_callee(struct sitetype *st, uint64_t return_addr)
{
	const struct callsite_func *cf;
	struct go_func caller;

	if (!gobin_func_at(st->gb, return_addr - 1, &caller) || !(cf = get_code(st, &caller)))
		return 0;
	return callsite_target(cf, return_addr);
}

int sitetype_new(struct sitetype **out, const struct gobin *gb)
{
	struct sitetype *st = xcalloc(1, sizeof(*st));

	st->gb = gb;
	st->minor = gobin_version(gb)->minor;
	st->cache = sitecache_new();
	*out = st;
	return 0;
}

void sitetype_limit(struct sitetype *st, size_t max_bytes)
{
	sitecache_limit(st->cache, max_bytes);
}

void sitetype_free(struct sitetype *st)
{
	if (!st)
		return;
	for (size_t i = 0; i < N_FUNCS; i++)
		callsite_close(st->funcs[i].func);
	sitecache_free(st->cache);
	free(st);
}
