// SPDX-License-Identifier: BSD-2-Clause
/*
 * pclntab.c - functions and their tables of values by program counter.
 *
 * The function table (functab) is sorted by address and points to one _func per function, which
 * is followed by its pcdata and funcdata tables.  What changed between versions is how addresses
 * are written: Go 1.17 has them absolute, later ones as offsets, from moduledata.text for code
 * and from moduledata.gofunc for funcdata.  Everything is read from bytes of the file and checked
 * on the way.  Layouts: runtime/runtime2.go and runtime/symtab.go (_func, functab, pcvalue, step),
 * from 1.20 on runtime/symtabinl.go (inlinedCall), internal/abi/symtab.go (FuncID); maps of stacks:
 * runtime/stkframe.go (getStackMap), up to 1.19 runtime/stack.go.
 */
#include "user/go/pclntab.h"

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/go/image.h"

enum {
	PCDATA_STACK_MAP_INDEX = 1, PCDATA_INL_TREE_INDEX = 2,
	FUNCDATA_ARGS_MAPS = 0, FUNCDATA_LOCALS_MAPS = 1, FUNCDATA_STACK_OBJECTS = 2,
	FUNCDATA_INL_TREE = 3,
	NO_FUNCDATA = -1,
	WORD = 8,
};

/* Offsets inside of _func and inlinedCall. */
struct pclntab_layout {
	int first_minor, last_minor;
	bool absolute;			/* addresses instead of offsets */
	uint8_t name, pcsp, pcfile, pcln, n_pcdata, cu, func_id, n_funcdata, tables;
	uint8_t inl_func_id, inl_name, inl_parent_pc, inl_size;
	struct pcln_func_ids ids;
};

/* FuncIDs: 1.18 lost jmpdefer, 1.22 got corostart, 1.25 has runFinalizers and runCleanups for
 * runfinq. */
static const struct pclntab_layout layouts[] = {
	{ 17, 17, true,  8, 20, 24, 28, 32, 36, 40, 43, 44, 2, 12, 16, 20,
	  { .gopanic = 9, .panicwrap = 15, .sigpanic = 19, .wrapper = 22, .async_preempt = 3,
	    .debug_call = 5 } },
	{ 18, 19, false, 4, 16, 20, 24, 28, 32, 36, 39, 40, 2, 12, 16, 20,
	  { .gopanic = 9, .panicwrap = 14, .sigpanic = 18, .wrapper = 21, .async_preempt = 3,
	    .debug_call = 5 } },
	{ 20, 21, false, 4, 16, 20, 24, 28, 32, 40, 43, 44, 0, 4, 8, 16,
	  { .gopanic = 9, .panicwrap = 14, .sigpanic = 18, .wrapper = 21, .async_preempt = 3,
	    .debug_call = 5 } },
	{ 22, 24, false, 4, 16, 20, 24, 28, 32, 40, 43, 44, 0, 4, 8, 16,
	  { .gopanic = 10, .panicwrap = 15, .sigpanic = 19, .wrapper = 22, .async_preempt = 3,
	    .debug_call = 6 } },
	{ 25, 27, false, 4, 16, 20, 24, 28, 32, 40, 43, 44, 0, 4, 8, 16,
	  { .gopanic = 10, .panicwrap = 15, .sigpanic = 20, .wrapper = 23, .async_preempt = 3,
	    .debug_call = 6 } },
};

/* Entry of function number i; of n_funcs: the end of the last one. */
static uint64_t entry_of(const struct pclntab *pt, uint64_t i)
{
	const uint8_t *tab = pt->md->functab.p;

	return pt->lo->absolute ? load_u64(tab + 16 * i) :
				  pt->md->module.text + load_u32(tab + 8 * i);
}

bool pclntab_init(struct pclntab *out, const struct image *img, const struct moduledata *md,
		  int minor)
{
	struct pclntab pt = { .img = img, .md = md };
	uint64_t i;

	for (i = 0; i < ARRAY_SIZE(layouts) && !pt.lo; i++)
		if (minor >= layouts[i].first_minor && minor <= layouts[i].last_minor)
			pt.lo = &layouts[i];
	if (!pt.lo)
		return false;
	/* The runtime checks this at its start, too (moduledataverify1). */
	for (i = 0; i < md->n_funcs; i++)
		if (entry_of(&pt, i) > entry_of(&pt, i + 1))
			return false;
	*out = pt;
	return true;
}

const struct pcln_func_ids *pclntab_func_ids(const struct pclntab *pt)
{
	return &pt->lo->ids;
}

/* Bytes between pcdata and funcdata where these are addresses, which are 8-aligned, as the
 * table of all functions is. */
static uint32_t align_funcdata(const struct pclntab *pt, const struct pcln_func *f)
{
	return (f->tables + 4 * (uint64_t)f->n_pcdata - pt->md->pcln.p) & 4;
}

bool pclntab_func(const struct pclntab *pt, uint64_t index, struct pcln_func *out)
{
	const struct pclntab_layout *lo = pt->lo;
	const struct go_table *pcln = &pt->md->pcln;
	const uint8_t *tab = pt->md->functab.p, *f;
	uint64_t off, left;

	if (index >= pt->md->n_funcs)
		return false;
	off = lo->absolute ? load_u64(tab + 16 * index + 8) : load_u32(tab + 8 * index + 4);
	/* All ones: a hole, left by an external linker between Go's text sections (1.17). */
	if (off >= pcln->n || pcln->n - off < lo->tables)
		return false;
	f = pcln->p + off;
	left = pcln->n - off - lo->tables;
	*out = (struct pcln_func){
		.entry = entry_of(pt, index),
		.end = entry_of(pt, index + 1),
		.index = index,
		.name_off = load_u32(f + lo->name),
		.args = (int32_t)load_u32(f + lo->name + 4),
		.pcsp = load_u32(f + lo->pcsp),
		.pcfile = load_u32(f + lo->pcfile),
		.pcln = load_u32(f + lo->pcln),
		.cu_off = load_u32(f + lo->cu),
		.n_pcdata = load_u32(f + lo->n_pcdata),
		.n_funcdata = f[lo->n_funcdata],
		.func_id = f[lo->func_id],
		.tables = f + lo->tables,
	};
	if (out->n_pcdata > left / 4)
		return false;
	left -= 4 * (uint64_t)out->n_pcdata;
	return lo->absolute ? left >= align_funcdata(pt, out) + 8 * out->n_funcdata :
			      left >= 4 * out->n_funcdata;
}

bool pclntab_func_at(const struct pclntab *pt, uint64_t pc, struct pcln_func *out)
{
	uint64_t low = 0, high = pt->md->n_funcs, mid;

	if (pc < entry_of(pt, 0) || pc >= entry_of(pt, high))
		return false;
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (entry_of(pt, mid) <= pc)
			low = mid;
		else
			high = mid;
	}
	return pclntab_func(pt, low, out);
}

const char *pclntab_name(const struct pclntab *pt, uint32_t name_off)
{
	return name_off < pt->md->funcname.n ? (const char *)pt->md->funcname.p + name_off : NULL;
}

/*
 * Pairs of (zigzag delta of the value, delta of the pc in instruction quanta); each value holds
 * up to the pc reached.  Value starts at -1, and a value delta of 0 that is not the first ends
 * the table.
 */
int32_t pclntab_value(const struct pclntab *pt, const struct pcln_func *f, uint32_t table,
		      uint64_t pc)
{
	const struct go_table *tab = &pt->md->pc;
	uint32_t value_delta, value = -1;
	uint64_t at = f->entry;
	struct reader r;
	unsigned i;

	if (!table || table >= tab->n)
		return -1;
	r = reader_of(tab->p + table, tab->n - table);
	for (i = 0; i < MAX_PC_VALUES; i++) {
		value_delta = reader_uvarint(&r);
		if (!value_delta && i)
			return -1;
		value += value_delta & 1 ? ~(value_delta >> 1) : value_delta >> 1;
		at += (uint32_t)reader_uvarint(&r) * (uint64_t)pt->md->quantum;
		if (r.bad)
			return -1;
		if (pc < at)
			return value;
	}
	return -1;
}

static int32_t pcdata(const struct pclntab *pt, const struct pcln_func *f, uint32_t number,
		      uint64_t pc)
{
	if (number >= f->n_pcdata)
		return -1;
	return pclntab_value(pt, f, load_u32(f->tables + 4 * number), pc);
}

/* vaddr, 0: none. */
static uint64_t funcdata(const struct pclntab *pt, const struct pcln_func *f, uint32_t number)
{
	const uint8_t *p = f->tables + 4 * (uint64_t)f->n_pcdata;
	uint32_t off;

	if (number >= f->n_funcdata)
		return 0;
	if (pt->lo->absolute)
		return load_u64(p + align_funcdata(pt, f) + 8 * number);
	off = load_u32(p + 4 * number);
	return off == (uint32_t)NO_FUNCDATA ? 0 : pt->md->gofunc + off;
}

/* ---- what the collector looks at ------------------------------------------------------------ */

/* runtime.stackmap: so many maps of so many bits, and these. */
static bool get_map(const struct pclntab *pt, uint64_t maps, int32_t index, uint32_t n_words,
		    struct word_map *out)
{
	uint8_t head[8];
	uint32_t n, n_bits;

	*out = (struct word_map){ 0 };
	if (!n_words)
		return true;
	if (!maps || !image_read(pt->img, maps, head, sizeof(head)))
		return false;
	n = load_u32(head);
	n_bits = load_u32(head + 4);
	if (!n_bits)
		return n > 0;
	if (index < 0 || (uint32_t)index >= n || n_bits > n_words)
		return false;
	out->n = n_bits;
	out->bits = maps + sizeof(head) + (uint64_t)index * ((n_bits + 7) / 8);
	return true;
}

static bool get_objects(const struct pclntab *pt, uint64_t records, struct live_words *out)
{
	uint8_t raw[8];
	uint64_t n;

	if (!records)
		return true;
	if (!image_read(pt->img, records, raw, sizeof(raw)) || (n = load_u64(raw)) > UINT16_MAX)
		return false;
	out->objects = records + sizeof(raw);
	out->n_objects = (uint32_t)n;
	return true;
}

bool pclntab_live_words(const struct pclntab *pt, const struct pcln_func *f, uint64_t pc,
			struct live_words *out)
{
	const int32_t frame = pclntab_value(pt, f, f->pcsp, pc);
	int32_t index = pcdata(pt, f, PCDATA_STACK_MAP_INDEX, pc);
	/* the uppermost word of a frame is the frame pointer of the caller */
	const uint32_t n_locals = frame > 0 ? (uint32_t)frame / WORD - 1 : 0;

	*out = (struct live_words){ 0 };
	/* arm64 lays frames out otherwise */
	if (frame < 0 || frame > MAX_FRAME_BYTES || f->args < 0 || f->args > MAX_FRAME_BYTES ||
	    pt->md->quantum != 1)
		return false;
	if (index < 0)
		index = 0;	/* of the entry, as the runtime takes it */
	out->frame_bytes = (uint32_t)frame;
	if (!get_map(pt, funcdata(pt, f, FUNCDATA_LOCALS_MAPS), index, n_locals, &out->frame) ||
	    !get_map(pt, funcdata(pt, f, FUNCDATA_ARGS_MAPS), index, (uint32_t)f->args / WORD,
		     &out->args))
		return false;
	out->frame.first = (n_locals - out->frame.n) * WORD;	/* it is of the last words */
	return get_objects(pt, funcdata(pt, f, FUNCDATA_STACK_OBJECTS), out);
}

/* runtime.stackObjectRecord: off, size, bytes up to the last pointer (negative: the map is a
 * program), the map.  Those below the frame pointer have a negative offset, from there; those of
 * arguments one from behind the return address. */
bool pclntab_stack_object(const struct pclntab *pt, const struct live_words *live, uint32_t i,
			  struct stack_object *out)
{
	const uint32_t size = pt->lo->absolute ? 24 : 16;
	int64_t off, bytes, pointers;
	uint64_t map;
	uint8_t raw[24];

	if (i >= live->n_objects ||
	    !image_read(pt->img, live->objects + (uint64_t)i * size, raw, size))
		return false;
	off = (int32_t)load_u32(raw);
	bytes = (int32_t)load_u32(raw + 4);
	pointers = (int32_t)load_u32(raw + 8);
	off += off < 0 ? (int64_t)live->frame_bytes - WORD : (int64_t)live->frame_bytes + WORD;
	map = pt->lo->absolute ? load_u64(raw + 16) : pt->md->rodata + load_u32(raw + 12);
	if (pointers < 0) {
		pointers = -pointers;
		map = 0;
	}
	if (off < 0 || off % WORD || bytes <= 0 || pointers > bytes)
		return false;
	*out = (struct stack_object){ .off = (uint32_t)off, .bytes = (uint32_t)bytes,
				      .words = { .bits = map, .n = (uint32_t)pointers / WORD } };
	return true;
}

/* ---- inlined calls and lines ----------------------------------------------------------------- */

bool pclntab_inlined_at(const struct pclntab *pt, const struct pcln_func *f, uint64_t pc,
			struct pcln_inlined *out)
{
	const struct pclntab_layout *lo = pt->lo;
	uint64_t tree = funcdata(pt, f, FUNCDATA_INL_TREE);
	int32_t i = tree ? pcdata(pt, f, PCDATA_INL_TREE_INDEX, pc) : -1;
	uint8_t call[20];

	if (i < 0 || !image_read(pt->img, tree + (uint64_t)i * lo->inl_size, call, lo->inl_size))
		return false;
	out->index = i;
	out->func_id = call[lo->inl_func_id];
	out->name_off = load_u32(call + lo->inl_name);
	out->parent_pc = f->entry + (int64_t)(int32_t)load_u32(call + lo->inl_parent_pc);
	return true;
}

bool pclntab_line(const struct pclntab *pt, const struct pcln_func *f, uint64_t pc,
		  const char **file, uint32_t *line)
{
	const struct go_table *cu = &pt->md->cu, *files = &pt->md->file;
	int32_t number = pclntab_value(pt, f, f->pcfile, pc), l = pclntab_value(pt, f, f->pcln, pc);
	uint64_t i = (uint64_t)f->cu_off + (uint32_t)number;
	uint32_t off;

	if (number < 0 || l < 0 || i >= cu->n / 4)
		return false;
	off = load_u32(cu->p + 4 * i);
	if (off >= files->n)
		return false;
	*file = (const char *)files->p + off;
	*line = l;
	return true;
}
