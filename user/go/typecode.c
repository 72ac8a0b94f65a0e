// SPDX-License-Identifier: BSD-2-Clause
/*
 * typecode.c - what the code of a program says of its types.
 *
 * Whatever is allocated or stored in an interface has its descriptor's address in the code,
 * relative to the instruction pointer: LEAQ type(SB), reg is three bytes and a distance.  Such
 * patterns are looked for byte by byte, which is a hundred times as fast as decoding every
 * instruction; bytes that only look so are told by where they lead to, since a descriptor has to be
 * sane.  Around them:
 *
 *	LEAQ type, AX; CALL runtime.newobject		the code allocates the type
 *	... LEAQ func, CX; MOVQ CX, (AX)		and makes a closure of it
 *	... MOVQ AX, var				and the variable points to one
 *	LEAQ maptype, AX; MOVQ var, BX; CALL runtime.map...	the variable is such a map
 *	MOVQ var, AX; CALL pkg.(*T).M			the variable points to a T
 *	LEAQ var, AX; CALL pkg.(*T).M			the variable is (or begins with) a T
 *	CALL runtime.stringtoslicebyte			the code makes bytes
 *
 * What says something of a variable is decoded, to see that nothing comes between; and a variable
 * counts only if all places in the code that show its type agree.
 */
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/util.h"
#include "user/code/insn.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/image.h"
#include "user/go/rtype.h"
#include "user/go/sitetype.h"
#include "user/go/typeindex_internal.h"
#include "user/model.h"

enum {
	RIP_LEN = 7,		/* REX.W, opcode, ModRM, distance */
	CALL_LEN = 5,
	NEAR = 64,		/* bytes in which the call follows its arguments */
	BEHIND = 128,		/* in which a result is stored */
	LEA = 0x8d, LOAD = 0x8b, STORE = 0x89, CALL = 0xe8,
	MAX_REFS = 8,
	N_REGS = 16,
};

/* What a callee makes of the type that it gets. */
enum callee_kind { CALLEE_OTHER, CALLEE_NEW, CALLEE_ARRAY, CALLEE_MAP, CALLEE_MAKE_MAP,
		   CALLEE_MAKE_CHAN, CALLEE_METHOD };

struct callee {
	uint64_t key;		/* entry */
	uint64_t receiver;	/* of a method */
	const char *text;	/* what it makes without being given a type; NULL */
	uint8_t kind;
	uint8_t count;		/* register that says of how many elements; 0: none does */
	bool looked;		/* for the receiver */
};

/* What a register holds: a place that an instruction refers to by its distance. */
struct reference {
	enum { REF_NONE, REF_ADDRESS, REF_CONTENT } what;
	uint64_t target;
};

struct scan {
	struct typeindex *ti;
	const struct image *img;
	const uint8_t *p;
	uint64_t n, addr;	/* of p */
	struct table callees;
	uint64_t refs[MAX_REFS];	/* where such instructions stand, since the last call */
	size_t n_refs;
	bool variable;			/* one of them refers to a variable */
	bool names;		/* all types have theirs: methods can be told */
	const uint64_t *wanted;	/* only places are looked for that allocate these types, */
	size_t n_wanted;
	bool texts;		/* or make one without being given any */
	site_fn visit;
	void *visit_ctx;
};

/* ---- functions ---------------------------------------------------------------------------- */

/* Of names that begin alike the longer ones first. */
static const struct { const char *begin; enum callee_kind kind; } runtime_callees[] = {
	{ "runtime.newobject", CALLEE_NEW }, { "runtime.mallocgc", CALLEE_NEW },
	{ "runtime.convT", CALLEE_NEW }, { "runtime.newarray", CALLEE_ARRAY },
	{ "runtime.makeslice", CALLEE_ARRAY }, { "runtime.growslice", CALLEE_ARRAY },
	/* Go 1.26: the two of what has no pointers are given no type. */
	{ "runtime.moveSliceNoScan", CALLEE_OTHER }, { "runtime.moveSliceNoCapNoScan", CALLEE_OTHER },
	{ "runtime.moveSlice", CALLEE_ARRAY },
	{ "runtime.makemap", CALLEE_MAKE_MAP }, { "runtime.makechan", CALLEE_MAKE_CHAN },
	{ "runtime.mapaccess", CALLEE_MAP }, { "runtime.mapassign", CALLEE_MAP },
	{ "runtime.mapdelete", CALLEE_MAP }, { "runtime.mapclear", CALLEE_MAP },
	{ "runtime.mapiterinit", CALLEE_MAP }, { "runtime.mapIterStart", CALLEE_MAP },
};

/* Which argument says how many elements the array is made with (runtime/slice.go). */
static const struct { const char *begin; uint8_t reg; } counts_of[] = {
	{ "runtime.makeslicecopy", INSN_BX },	/* type, length, ... */
	{ "runtime.makeslice", INSN_CX },	/* type, length, capacity */
	{ "runtime.newarray", INSN_BX },
};

static uint8_t count_register(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(counts_of); i++)
		if (!strncmp(name, counts_of[i].begin, strlen(counts_of[i].begin)))
			return counts_of[i].reg;
	return 0;
}

static struct callee *get_callee(struct scan *s, uint64_t target)
{
	struct callee *e = table_find(&s->callees, target);
	struct go_func f;
	bool is_new;

	if (e)
		return e;
	e = table_put(&s->callees, target, &is_new);
	if (!e || !gobin_func_at(s->ti->gb, target, &f) || f.entry != target)
		return e;
	e->text = sitetype_of_function(f.name);
	for (size_t i = 0; i < ARRAY_SIZE(runtime_callees); i++) {
		const char *begin = runtime_callees[i].begin;

		if (strncmp(f.name, begin, strlen(begin)))
			continue;
		e->kind = (uint8_t)runtime_callees[i].kind;
		e->count = count_register(f.name);
		break;
	}
	return e;
}

/* The same with methods. */
static const struct callee *get_method(struct scan *s, uint64_t target)
{
	struct callee *e = get_callee(s, target);

	if (!e || e->kind || e->looked)
		return e;
	e->looked = true;
	e->receiver = typeindex_receiver(s->ti, target);
	if (e->receiver)
		e->kind = CALLEE_METHOD;
	return e;
}

/* ---- patterns ----------------------------------------------------------------------------- */

/* REX.W (R or not), opcode, ModRM of an operand at a distance. */
static bool is_reference(const uint8_t *p, uint8_t opcode)
{
	return (p[0] & 0xfb) == 0x48 && p[1] == opcode && (p[2] & 0xc7) == 0x05;
}

static unsigned reference_register(const uint8_t *p)
{
	return (p[2] >> 3 & 7) | (p[0] & 4 ? 8 : 0);
}

/* The distance at p[at] counts from its end, which is that of the instruction. */
static uint64_t target_of(const struct scan *s, uint64_t at)
{
	return s->addr + at + 4 + (uint64_t)(int64_t)(int32_t)load_u32(s->p + at);
}

static bool in_text(const struct scan *s, uint64_t vaddr)
{
	return vaddr - s->addr < s->n;
}

static bool is_variable(const struct scan *s, uint64_t vaddr)
{
	const struct go_module *m = gobin_module(s->ti->gb);

	return (vaddr >= m->data && vaddr < m->edata) || (vaddr >= m->bss && vaddr < m->ebss);
}

/* runtime.itab: interface type, type. */
static void add_itab(struct scan *s, uint64_t vaddr)
{
	struct rtype_head inter;
	uint64_t w[2];

	if (vaddr % 8 == 0 && image_read(s->img, vaddr, w, sizeof(w)) &&
	    typeindex_is_type(s->ti, w[0]) && typeindex_is_type(s->ti, w[1]) &&
	    !rtype_peek(s->ti->gb, w[0], &inter) && inter.kind == GO_INTERFACE)
		typeindex_add(s->ti, w[1]);
}

/* Where the next call is that gets a type, from at on; 0: none near. */
static uint64_t next_call(struct scan *s, uint64_t at, const struct callee **callee)
{
	for (uint64_t i = at; i < at + NEAR && i + CALL_LEN <= s->n; i++) {
		uint64_t target;

		if (s->p[i] != CALL)
			continue;
		target = target_of(s, i + 1);
		if (!in_text(s, target))
			continue;
		*callee = get_callee(s, target);
		if (*callee && (*callee)->kind)
			return i;
	}
	return 0;
}

static bool is_closure_type(const struct scan *s, uint64_t rtype)
{
	struct go_type t;
	bool yes;

	if (gotype_read(s->ti->gb, rtype, &t))
		return false;
	yes = t.kind == GO_STRUCT && !strncmp(t.name, "struct { F uintptr", 18);
	free(t.name);
	return yes;
}

/* Behind the call that allocates the object of a closure: which function does it get? */
static void look_for_closure(struct scan *s, uint64_t rtype, uint64_t call)
{
	struct go_func f;

	for (uint64_t i = call + CALL_LEN; i < call + NEAR && i + RIP_LEN <= s->n; i++) {
		uint64_t entry;

		if (!is_reference(s->p + i, LEA))
			continue;
		entry = target_of(s, i + 3);
		if (!in_text(s, entry) || !gobin_func_at(s->ti->gb, entry, &f) ||
		    f.entry != entry)
			continue;
		typeindex_add_closure(s->ti, entry, rtype);
		return;
	}
}

/*
 * Whether the register keeps its value from the instruction at from up to the one at to, on the
 * straight way: branches forward may leave it.  The only calls on it are those that keep all
 * registers.
 */
static bool keeps(struct scan *s, uint64_t from, uint64_t to, unsigned reg)
{
	struct insns code;
	struct go_func f;
	bool ok;
	size_t i;

	if (insns_decode(&code, image_machine(s->img), s->p + from, to - from, s->addr + from))
		return false;
	for (i = 0; i < code.n; i++) {
		const struct insn *in = &code.v[i];

		if (in->flow == INSN_CALL) {
			if (!gobin_func_at(s->ti->gb, in->target, &f) ||
			    strncmp(f.name, "runtime.gcWriteBarrier", 22))
				break;
		} else if (in->flow != INSN_PLAIN && in->flow != INSN_JCC) {
			break;
		}
		if (in->dst == reg || in->writes >> reg & 1)
			break;
	}
	ok = i == code.n && code.n && code.v[i - 1].addr + code.v[i - 1].len == s->addr + to;
	insns_free(&code);
	return ok;
}

/* What the instruction writes to its register, if these are constants in the others; else
 * UNKNOWN_U64. */
static uint64_t constant_result(const struct insn *in, const uint64_t regs[N_REGS])
{
	const uint64_t from = in->src < N_REGS ? regs[in->src] : UNKNOWN_U64;

	switch (in->op) {
	case INSN_MOV_RI:
		return (uint64_t)in->disp;
	case INSN_ZERO:
		return 0;
	case INSN_MOV_RR:
		return from;
	case INSN_MOV_RR32:
		return from == UNKNOWN_U64 ? from : (uint32_t)from;
	default:
		return UNKNOWN_U64;
	}
}

/* What the register gets on the way from one instruction to another, which no branch leaves;
 * UNKNOWN_U64: not a constant. */
static uint64_t constant(struct scan *s, uint64_t from, uint64_t to, unsigned reg)
{
	uint64_t v[N_REGS];
	struct insns code;
	bool straight = true;

	if (insns_decode(&code, image_machine(s->img), s->p + from, to - from, s->addr + from))
		return UNKNOWN_U64;
	memset(v, 0xff, sizeof(v));
	for (size_t i = 0; i < code.n; i++) {
		const struct insn *in = &code.v[i];
		const uint64_t value = constant_result(in, v);

		straight = straight && in->flow == INSN_PLAIN;
		for (unsigned k = 0; k < N_REGS; k++)
			if (in->writes >> k & 1)
				v[k] = UNKNOWN_U64;
		if (in->dst < N_REGS)
			v[in->dst] = value;
	}
	insns_free(&code);
	return straight ? v[reg] : UNKNOWN_U64;
}

/* Behind a call: the variable to which its result goes. */
static void look_for_store(struct scan *s, uint64_t rtype, uint64_t call, enum shown_how how)
{
	for (uint64_t i = call + CALL_LEN; i < call + BEHIND && i + RIP_LEN <= s->n; i++) {
		uint64_t to;

		if (!is_reference(s->p + i, STORE) || reference_register(s->p + i) != INSN_AX)
			continue;
		to = target_of(s, i + 3);
		if (is_variable(s, to) && keeps(s, call + CALL_LEN, i, INSN_AX))
			typeindex_add_variable(s->ti, to, rtype, how);
		return;
	}
}

static void found_alloc(struct scan *s, uint64_t rtype, uint64_t call, enum callee_kind kind)
{
	switch (kind) {
	case CALLEE_NEW:
		typeindex_add_alloc(s->ti, rtype, false);
		if (is_closure_type(s, rtype))
			look_for_closure(s, rtype, call);
		else
			look_for_store(s, rtype, call, SHOWN_POINTER);
		break;
	case CALLEE_ARRAY:
		typeindex_add_alloc(s->ti, rtype, true);
		look_for_store(s, rtype, call, SHOWN_SLICE);
		break;
	case CALLEE_MAKE_MAP:
		look_for_store(s, rtype, call, SHOWN_MAP);
		break;
	case CALLEE_MAKE_CHAN:
		look_for_store(s, rtype, call, SHOWN_CHAN);
		break;
	default:
		break;
	}
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* What is looked for as elements of arrays may be made as one of so many: []byte{1, 2}, or make with
 * a constant. */
static uint64_t elem_of(const struct scan *s, uint64_t rtype, uint64_t *bytes)
{
	struct rtype_head h;
	struct rtype t;
	uint64_t elem;

	if (rtype_peek(s->ti->gb, rtype, &h) || h.kind != GO_ARRAY ||
	    rtype_read(s->ti->gb, rtype, &t))
		return 0;
	*bytes = h.size;
	elem = t.elem;
	rtype_free(&t);
	return elem;
}

static bool is_wanted(const struct scan *s, uint64_t rtype)
{
	return bsearch(&rtype, s->wanted, s->n_wanted, sizeof(rtype), by_value);
}

/* How many bytes the array is made of that the call is to make, if it is always as many. */
static uint64_t array_bytes(struct scan *s, uint64_t rtype, uint64_t from, uint64_t call,
			    const struct callee *callee)
{
	const uint64_t elems = callee->count && from < call ?
			       constant(s, from, call, callee->count) : UNKNOWN_U64;
	struct rtype_head h;
	uint64_t bytes;

	if (elems == UNKNOWN_U64 || rtype_peek(s->ti->gb, rtype, &h) ||
	    __builtin_mul_overflow(elems, h.size, &bytes))
		return UNKNOWN_U64;
	return bytes;
}

/* A place that mentions a type that may be looked for. */
static void found_wanted(struct scan *s, uint64_t at, uint64_t rtype)
{
	static const int makes[] = {
		[CALLEE_NEW] = SITE_VALUE, [CALLEE_ARRAY] = SITE_ARRAY, [CALLEE_MAP] = SITE_MAP,
		[CALLEE_MAKE_MAP] = SITE_MAP, [CALLEE_MAKE_CHAN] = SITE_CHAN,
		[CALLEE_OTHER] = -1, [CALLEE_METHOD] = -1,
	};
	const uint64_t from = at + RIP_LEN;
	struct alloc_site site = { .bytes = UNKNOWN_U64 };
	uint64_t bytes = 0, elem = elem_of(s, rtype, &bytes), call;
	const bool whole = is_wanted(s, rtype), elems = elem && is_wanted(s, elem);
	const struct callee *callee;

	if (!whole && !elems)
		return;
	call = next_call(s, from, &callee);
	if (!call || makes[callee->kind] < 0 ||
	    (from != call && !keeps(s, from, call, reference_register(s->p + at))))
		return;
	site.return_addr = s->addr + call + CALL_LEN;
	if (whole) {
		site.rtype = rtype;
		site.makes = (enum site_makes)makes[callee->kind];
		if (site.makes == SITE_ARRAY)
			site.bytes = array_bytes(s, rtype, from, call, callee);
		s->visit(s->visit_ctx, &site);
	}
	if (elems && callee->kind == CALLEE_NEW) {
		site = (struct alloc_site){ elem, SITE_ARRAY, site.return_addr, bytes };
		s->visit(s->visit_ctx, &site);
	}
}

/* Such functions call each other. */
static void found_text(struct scan *s, uint64_t at)
{
	static const struct { const char *text; enum site_makes makes; } rows[] = {
		{ "string", SITE_STRING }, { "[]uint8", SITE_BYTES }, { "[]int32", SITE_RUNES },
	};
	const uint64_t target = target_of(s, at + 1);
	const struct callee *callee = in_text(s, target) ? get_callee(s, target) : NULL;
	struct go_func f;

	if (!callee || !callee->text || !gobin_func_at(s->ti->gb, s->addr + at, &f) ||
	    sitetype_of_function(f.name))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(callee->text, rows[i].text))
			s->visit(s->visit_ctx, &(struct alloc_site){
				0, rows[i].makes, s->addr + at + CALL_LEN, UNKNOWN_U64 });
}

static void found_type(struct scan *s, uint64_t at, uint64_t rtype)
{
	const struct callee *callee;
	uint64_t call;

	typeindex_add(s->ti, rtype);
	call = next_call(s, at + RIP_LEN, &callee);
	if (call)
		found_alloc(s, rtype, call, callee->kind);
}

static void found_reference(struct scan *s, uint64_t at, bool lea)
{
	uint64_t target = target_of(s, at + 3);

	if (s->visit) {
		if (lea && typeindex_is_type(s->ti, target))
			found_wanted(s, at, target);
	} else if (s->names) {
		s->variable |= is_variable(s, target);
		if (s->n_refs < MAX_REFS)
			s->refs[s->n_refs++] = at;
	} else if (lea && typeindex_is_type(s->ti, target)) {
		found_type(s, at, target);
	} else if (lea && !in_text(s, target)) {
		add_itab(s, target);
	}
}

/* What the registers hold at the call, from the first of the references near it on, on the straight
 * way.  false: it does not decode. */
static bool follow_references(struct scan *s, uint64_t call, struct reference regs[N_REGS])
{
	struct insns code;
	bool straight;
	size_t i = 0;

	while (i < s->n_refs && call - s->refs[i] > NEAR)
		i++;
	if (i == s->n_refs || insns_decode(&code, image_machine(s->img), s->p + s->refs[i],
					   call - s->refs[i], s->addr + s->refs[i]))
		return false;
	for (i = 0; i < code.n; i++) {
		const struct insn *in = &code.v[i];
		struct reference v = { REF_NONE, 0 };

		if (in->flow != INSN_PLAIN && in->flow != INSN_JCC)
			break;
		if (in->rip_relative && in->op == INSN_LEA)
			v = (struct reference){ REF_ADDRESS, in->addr_ref };
		else if (in->rip_relative && in->op == INSN_LOAD)
			v = (struct reference){ REF_CONTENT, in->addr_ref };
		else if (in->op == INSN_MOV_RR && in->src < N_REGS)
			v = regs[in->src];
		for (unsigned k = 0; k < N_REGS; k++)
			if (in->writes >> k & 1)
				regs[k].what = REF_NONE;
		if (in->dst < N_REGS)
			regs[in->dst] = v;
	}
	straight = i == code.n;
	insns_free(&code);
	return straight;
}

static bool is_map(const struct scan *s, const struct reference *r)
{
	struct rtype_head h;

	return r->what == REF_ADDRESS && typeindex_is_type(s->ti, r->target) &&
	       !rtype_peek(s->ti->gb, r->target, &h) && h.kind == GO_MAP;
}

static void found_arguments(struct scan *s, uint64_t call, uint64_t target)
{
	struct reference regs[N_REGS] = { { REF_NONE, 0 } }, *ax = &regs[INSN_AX];
	const struct callee *callee = get_method(s, target);

	if (!callee || (callee->kind != CALLEE_METHOD && callee->kind != CALLEE_MAP) ||
	    !follow_references(s, call, regs))
		return;
	if (callee->kind == CALLEE_METHOD && ax->what != REF_NONE && is_variable(s, ax->target))
		typeindex_add_variable(s->ti, ax->target, callee->receiver,
				       ax->what == REF_ADDRESS ? SHOWN_VALUE : SHOWN_POINTER);
	if (callee->kind == CALLEE_MAP && is_map(s, ax) && regs[INSN_BX].what == REF_CONTENT &&
	    is_variable(s, regs[INSN_BX].target))
		typeindex_add_variable(s->ti, regs[INSN_BX].target, ax->target, SHOWN_MAP);
}

static void found_call(struct scan *s, uint64_t at)
{
	uint64_t target = target_of(s, at + 1);

	if (!in_text(s, target))
		return;
	if (s->variable)
		found_arguments(s, at, target);
	s->n_refs = 0;
	s->variable = false;
}

static void scan_text(struct scan *s)
{
	for (uint64_t i = 0; i + RIP_LEN <= s->n; i++) {
		const uint8_t *p = s->p + i;

		if (*p == CALL) {
			if (s->texts)
				found_text(s, i);
			else if (s->names)
				found_call(s, i);
		} else if ((*p & 0xfb) == 0x48) {
			if (is_reference(p, LEA))
				found_reference(s, i, true);
			else if (is_reference(p, LOAD))
				found_reference(s, i, false);
		}
	}
}

static bool scan_init(struct scan *s, struct typeindex *ti)
{
	const struct go_module *m = gobin_module(ti->gb);
	uint64_t avail = 0;

	*s = (struct scan){ .ti = ti, .img = gobin_image(ti->gb), .addr = m->text };
	s->p = image_at(s->img, m->text, &avail);
	s->n = m->etext - m->text < avail ? m->etext - m->text : avail;
	if (s->p)
		table_init(&s->callees, sizeof(struct callee), 128ul * MAX_CODE_FACTS);
	return s->p;
}

void typecode_read(struct typeindex *ti)
{
	struct scan s;

	if (!scan_init(&s, ti))
		return;
	scan_text(&s);
	s.names = true;
	scan_text(&s);
	table_fini(&s.callees);
}

void typecode_sites(struct typeindex *ti, const uint64_t *rtypes, size_t n, site_fn visit,
		    void *ctx)
{
	struct scan s;

	if (!n || !scan_init(&s, ti))
		return;
	s.wanted = rtypes;
	s.n_wanted = n;
	s.texts = !rtypes[0];
	s.visit = visit;
	s.visit_ctx = ctx;
	scan_text(&s);
	table_fini(&s.callees);
}
