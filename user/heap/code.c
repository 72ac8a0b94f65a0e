// SPDX-License-Identifier: BSD-2-Clause
/*
 * code.c - what the code of a program says of its types.
 *
 * There is no list of all type descriptors in a program (before Go 1.27), but whatever is allocated
 * or stored in an interface has its descriptor's address in the code, relative to the instruction
 * pointer: LEAQ type(SB), reg is three bytes and a distance.  Such patterns are looked for byte by
 * byte, which is a hundred times as fast as decoding every instruction; bytes that only look so are
 * told by where they lead to, since a descriptor has to be sane.
 *
 * Around them:
 *	LEAQ type, AX; CALL runtime.newobject		the code allocates the type
 *	... LEAQ func, CX; MOVQ CX, (AX)		and makes a closure of it
 *	LEAQ maptype, AX; MOVQ var, BX; CALL runtime.map...	the variable is such a map
 *	MOVQ var, AX; CALL pkg.(*T).M			the variable is a *T
 *	LEAQ var, AX; CALL pkg.(*T).M			the variable is (or begins with) a T
 *
 * A variable counts if all places in the code that show its type agree.
 */
#include "user/heap/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/reader.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/image.h"
#include "user/go/rtype.h"
#include "user/heap/heap_internal.h"

enum {
	RIP_LEN = 7,		/* REX.W, opcode, ModRM, distance */
	CALL_LEN = 5,
	NEAR = 48,		/* bytes in which the call follows */
	CLOSURE_NEAR = 64,
	MAX_TYPE_NESTING = 64,
};

struct by_rtype {
	uint64_t key;
	uint64_t pointer;	/* the type of pointers to it; 0: none was seen */
	uint32_t alloc;		/* number in allocs, plus 1; 0: not allocated */
};

struct by_entry {
	uint64_t key;
	uint64_t rtype;
};

/* What a callee means to a call's arguments. */
enum callee_kind { CALLEE_OTHER, CALLEE_NEW, CALLEE_ARRAY, CALLEE_MAP, CALLEE_METHOD };

struct by_callee {
	uint64_t key;
	uint64_t receiver;	/* of a method */
	uint8_t kind;
	bool looked;		/* for the receiver */
};

struct by_variable {
	uint64_t key;
	uint64_t rtype;		/* 0: places in the code contradict each other */
	bool pointer, map;
};

struct code {
	const struct gobin *gb;
	struct types *types;
	struct table rtypes, closures, callees, variables;
	struct code_alloc *allocs;
	size_t n_allocs, cap_allocs;
	struct code_variable *found;
	size_t n_found;
};

/* The code while it is read. */
struct scan {
	struct code *c;
	const uint8_t *p;
	uint64_t n, addr;	/* of p */
	struct reference {
		uint64_t at, target;
		bool lea;
	} ax, bx;		/* the last references by these registers */
	uint64_t last_call;
	bool names;		/* all types have theirs: methods can be told */
};

/* ---- types -------------------------------------------------------------------------------- */

static void add_rtype(struct code *c, uint64_t rtype, int depth);

static void add_parts(struct code *c, uint64_t rtype, const struct rtype *t, int depth)
{
	struct by_rtype *e;

	if (t->elem)
		add_rtype(c, t->elem, depth + 1);
	e = t->kind == GO_POINTER ? table_find(&c->rtypes, t->elem) : NULL;
	if (e)
		e->pointer = rtype;
	if (t->key)
		add_rtype(c, t->key, depth + 1);
	if (t->group) {
		types_add_map(c->types, rtype, t->group);
		add_rtype(c, t->group, depth + 1);
	}
	for (size_t i = 0; i < t->n_fields; i++)
		add_rtype(c, t->fields[i].typ, depth + 1);
}

static void add_rtype(struct code *c, uint64_t rtype, int depth)
{
	struct rtype t;
	bool is_new;

	if (depth > MAX_TYPE_NESTING || !table_put(&c->rtypes, rtype, &is_new) || !is_new)
		return;
	if (rtype_read(c->gb, rtype, &t))
		return;
	types_add_name(c->types, rtype);
	add_parts(c, rtype, &t, depth);
	rtype_free(&t);
}

static bool is_type(const struct code *c, uint64_t vaddr)
{
	const struct go_module *m = gobin_module(c->gb);

	return vaddr >= m->types && vaddr < m->etypes && vaddr % 8 == 0;
}

/* runtime.itab: interface type, type. */
static void add_itab(struct code *c, uint64_t vaddr)
{
	struct rtype_head inter;
	uint64_t w[2];

	if (vaddr % 8 == 0 && image_read(gobin_image(c->gb), vaddr, w, sizeof(w)) &&
	    is_type(c, w[0]) && is_type(c, w[1]) && !rtype_peek(c->gb, w[0], &inter) &&
	    inter.kind == GO_INTERFACE)
		add_rtype(c, w[1], 0);
}

static void add_alloc(struct code *c, uint64_t rtype, enum callee_kind kind)
{
	struct by_rtype *e = table_find(&c->rtypes, rtype);
	struct code_alloc *a;

	if (!e)
		return;
	if (!e->alloc) {
		c->allocs = grow(c->allocs, c->n_allocs, &c->cap_allocs, sizeof(*c->allocs));
		c->allocs[c->n_allocs] = (struct code_alloc){ .rtype = rtype };
		e->alloc = (uint32_t)++c->n_allocs;
	}
	a = &c->allocs[e->alloc - 1];
	a->single |= kind == CALLEE_NEW;
	a->array |= kind == CALLEE_ARRAY;
}

/* ---- functions ---------------------------------------------------------------------------- */

static const struct { const char *begin; enum callee_kind kind; } runtime_callees[] = {
	{ "runtime.newobject", CALLEE_NEW }, { "runtime.mallocgc", CALLEE_NEW },
	{ "runtime.convT", CALLEE_NEW }, { "runtime.newarray", CALLEE_ARRAY },
	{ "runtime.makeslice", CALLEE_ARRAY }, { "runtime.growslice", CALLEE_ARRAY },
	{ "runtime.map", CALLEE_MAP },
};

/* The import path as it is: the compiler writes some bytes of it as %xx (objabi.PathToPrefix). */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		unsigned v;

		if (*s == '%' && sscanf(s + 1, "%2x", &v) == 1 && s[1] && s[2]) {
			*to++ = (char)v;
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

/* "net/http.(*conn).serve": the type conn of package net/http.  Generic types are told apart by
 * dictionaries only. */
static uint64_t receiver_by_name(const struct types *ts, const char *func)
{
	const char *begin = strstr(func, ".(*"), *end = begin ? strchr(begin, ')') : NULL;
	char *package, *name;
	uint64_t rtype = 0;

	if (!end || end[1] != '.' || memchr(begin, '[', (size_t)(end - begin)) ||
	    strchr(end + 2, '.'))
		return 0;	/* none, or a function literal in a method */
	package = xasprintf("%.*s", (int)(begin - func), func);
	name = xasprintf("%.*s", (int)(end - begin - 3), begin + 3);
	unescape(package);
	rtype = types_named(ts, package, name);
	free(package);
	free(name);
	return rtype;
}

uint64_t code_receiver(const struct code *c, uint64_t entry)
{
	struct go_func f;

	if (!gobin_func_at(c->gb, entry, &f) || f.entry != entry)
		return 0;
	return receiver_by_name(c->types, f.name);
}

static struct by_callee *get_callee(struct code *c, uint64_t target)
{
	struct by_callee *e = table_find(&c->callees, target);
	struct go_func f;
	bool is_new;

	if (e)
		return e;
	e = table_put(&c->callees, target, &is_new);
	if (!e || !gobin_func_at(c->gb, target, &f) || f.entry != target)
		return e;
	for (size_t i = 0; i < ARRAY_SIZE(runtime_callees); i++)
		if (!strncmp(f.name, runtime_callees[i].begin, strlen(runtime_callees[i].begin)))
			e->kind = (uint8_t)runtime_callees[i].kind;
	return e;
}

/* The same with methods. */
static const struct by_callee *get_method(struct code *c, uint64_t target)
{
	struct by_callee *e = get_callee(c, target);
	struct go_func f;

	if (!e || e->kind || e->looked)
		return e;
	e->looked = true;
	if (gobin_func_at(c->gb, target, &f) && f.entry == target)
		e->receiver = receiver_by_name(c->types, f.name);
	if (e->receiver)
		e->kind = CALLEE_METHOD;
	return e;
}

/* ---- patterns ----------------------------------------------------------------------------- */

/* REX.W (R or not), opcode, ModRM of a RIP-relative operand. */
static bool rip_relative(const uint8_t *p, uint8_t opcode)
{
	return (p[0] & 0xfb) == 0x48 && p[1] == opcode && (p[2] & 0xc7) == 0x05;
}

static unsigned operand(const uint8_t *p)
{
	return (p[2] >> 3 & 7) | (p[0] & 4 ? 8 : 0);
}

/* A distance at p[at], counted from the end of the instruction. */
static uint64_t target_of(const struct scan *s, uint64_t at)
{
	return s->addr + at + 4 + (uint64_t)(int64_t)(int32_t)load_u32(s->p + at);
}

static bool in_text(const struct scan *s, uint64_t vaddr)
{
	return vaddr - s->addr < s->n;
}

/* Where the next call to a function of that sort is, from at on; 0: none near. */
static uint64_t next_call(const struct scan *s, uint64_t at, const struct by_callee **callee)
{
	for (uint64_t i = at; i < at + NEAR && i + CALL_LEN <= s->n; i++) {
		uint64_t target;

		if (s->p[i] != 0xe8)
			continue;
		target = target_of(s, i + 1);
		if (!in_text(s, target))
			continue;
		*callee = get_callee(s->c, target);
		if (*callee && (*callee)->kind)
			return i;
	}
	return 0;
}

/* Behind the call that allocates the object of a closure: which function does it get? */
static void look_for_closure(struct scan *s, uint64_t rtype, uint64_t call)
{
	struct go_func f;
	bool is_new;

	for (uint64_t i = call + CALL_LEN; i < call + CLOSURE_NEAR && i + RIP_LEN <= s->n; i++) {
		struct by_entry *e;
		uint64_t entry;

		if (!rip_relative(s->p + i, 0x8d))
			continue;
		entry = target_of(s, i + 3);
		if (!in_text(s, entry) || !gobin_func_at(s->c->gb, entry, &f) || f.entry != entry)
			continue;
		e = table_put(&s->c->closures, entry, &is_new);
		if (e && is_new)
			e->rtype = rtype;
		else if (e && e->rtype != rtype)
			e->rtype = 0;
		return;
	}
}

static bool is_closure_type(const struct code *c, uint64_t rtype)
{
	struct go_type t;
	bool yes;

	if (gotype_read(c->gb, rtype, &t))
		return false;
	yes = t.kind == GO_STRUCT && !strncmp(t.name, "struct { F uintptr", 18);
	free(t.name);
	return yes;
}

static void found_type(struct scan *s, uint64_t at, uint64_t rtype)
{
	const struct by_callee *callee;
	uint64_t call;

	add_rtype(s->c, rtype, 0);
	call = next_call(s, at + RIP_LEN, &callee);
	if (!call || (callee->kind != CALLEE_NEW && callee->kind != CALLEE_ARRAY))
		return;
	add_alloc(s->c, rtype, callee->kind);
	if (callee->kind == CALLEE_NEW && is_closure_type(s->c, rtype))
		look_for_closure(s, rtype, call);
}

static void found_reference(struct scan *s, uint64_t at, bool lea)
{
	const struct reference r = { at, target_of(s, at + 3), lea };
	unsigned reg = operand(s->p + at);

	if (reg == 0)
		s->ax = r;
	else if (reg == 3)
		s->bx = r;
	if (!lea || s->names)
		return;
	if (is_type(s->c, r.target))
		found_type(s, at, r.target);
	else if (!in_text(s, r.target))
		add_itab(s->c, r.target);
}

/* Whether nothing but other arguments is set between the reference and the call. */
static bool reaches(const struct scan *s, const struct reference *r, uint64_t call)
{
	uint64_t i = r->at + RIP_LEN;

	if (!r->at || r->at < s->last_call || call - r->at > NEAR)
		return false;
	while (i < call) {
		const uint8_t *p = s->p + i;

		if (rip_relative(p, 0x8b) || rip_relative(p, 0x8d)) {
			if (operand(p) == 0)
				return false;
			i += RIP_LEN;
		} else if ((*p & 0xf8) == 0xb8 && *p != 0xb8) {
			i += 5;			/* MOVL $imm, reg */
		} else if (p[0] == 0x31 && p[1] >= 0xc9) {
			i += 2;			/* XORL reg, reg */
		} else if (p[0] == 0x48 && p[1] == 0x8b && p[2] == 0x4c && p[3] == 0x24) {
			i += 5;			/* MOVQ x(SP), CX; below: BX */
		} else if (p[0] == 0x48 && p[1] == 0x8b && p[2] == 0x5c && p[3] == 0x24) {
			i += 5;
		} else if (p[0] == 0x0f && p[1] == 0x1f && p[2] == 0x00) {
			i += 3;			/* NOP */
		} else if (p[0] == 0x0f && p[1] == 0x1f && p[2] == 0x40) {
			i += 4;
		} else if (p[0] == 0x90) {
			i++;
		} else {
			return false;
		}
	}
	return i == call;
}

static void add_variable(struct code *c, uint64_t vaddr, uint64_t rtype, bool pointer, bool map)
{
	const struct go_module *m = gobin_module(c->gb);
	struct by_variable *e;
	bool is_new;

	if (!(vaddr >= m->data && vaddr < m->edata) && !(vaddr >= m->bss && vaddr < m->ebss))
		return;
	e = table_put(&c->variables, vaddr, &is_new);
	if (!e)
		return;
	if (is_new) {
		e->rtype = rtype;
		e->pointer = pointer;
		e->map = map;
	} else if (e->rtype != rtype || e->pointer != pointer) {
		e->rtype = 0;
	}
}

static bool is_map(const struct code *c, uint64_t rtype)
{
	struct rtype_head h;

	return !rtype_peek(c->gb, rtype, &h) && h.kind == GO_MAP;
}

static void found_call(struct scan *s, uint64_t at)
{
	const struct by_callee *callee;
	uint64_t target = target_of(s, at + 1);

	if (!in_text(s, target))
		return;
	if ((s->ax.at && at - s->ax.at <= NEAR) || (s->bx.at && at - s->bx.at <= NEAR)) {
		callee = get_method(s->c, target);
		if (callee && callee->kind == CALLEE_METHOD && !is_type(s->c, s->ax.target) &&
		    reaches(s, &s->ax, at))
			add_variable(s->c, s->ax.target, callee->receiver, !s->ax.lea, false);
		if (callee && callee->kind == CALLEE_MAP && s->ax.lea && !s->bx.lea &&
		    s->ax.at > s->last_call && s->bx.at > s->last_call &&
		    is_type(s->c, s->ax.target) && is_map(s->c, s->ax.target))
			add_variable(s->c, s->bx.target, s->ax.target, false,
				     true);
	}
	s->ax.at = s->bx.at = 0;
	s->last_call = at;
}

static void scan_text(struct scan *s)
{
	for (uint64_t i = 0; i + RIP_LEN <= s->n; i++) {
		const uint8_t *p = s->p + i;

		if (*p == 0xe8) {
			if (s->names)
				found_call(s, i);
		} else if ((*p & 0xfb) == 0x48) {
			if (rip_relative(p, 0x8d))
				found_reference(s, i, true);
			else if (rip_relative(p, 0x8b))
				found_reference(s, i, false);
		}
	}
}

static void list_variables(struct code *c)
{
	c->found = xcalloc(c->variables.n + 1, sizeof(*c->found));
	for (const struct by_variable *e = table_next(&c->variables, NULL); e;
	     e = table_next(&c->variables, e))
		if (e->rtype)
			c->found[c->n_found++] = (struct code_variable){
				e->key, e->rtype, e->pointer, e->map };
}

struct code *code_new(const struct gobin *gb, struct types *ts)
{
	const struct go_module *m = gobin_module(gb);
	struct code *c = xcalloc(1, sizeof(*c));
	struct scan s = { .c = c, .addr = m->text };
	uint64_t avail = 0;

	c->gb = gb;
	c->types = ts;
	table_init(&c->rtypes, sizeof(struct by_rtype), 64ul * MAX_TYPES);
	table_init(&c->closures, sizeof(struct by_entry), 64ul * MAX_CODE_FACTS);
	table_init(&c->callees, sizeof(struct by_callee), 128ul * MAX_CODE_FACTS);
	table_init(&c->variables, sizeof(struct by_variable), 128ul * MAX_CODE_FACTS);
	s.p = image_at(gobin_image(gb), m->text, &avail);
	s.n = m->etext - m->text < avail ? m->etext - m->text : avail;
	if (s.p)
		scan_text(&s);
	s.names = true;
	if (s.p)
		scan_text(&s);
	list_variables(c);
	return c;
}

void code_free(struct code *c)
{
	if (!c)
		return;
	table_fini(&c->rtypes);
	table_fini(&c->closures);
	table_fini(&c->callees);
	table_fini(&c->variables);
	free(c->allocs);
	free(c->found);
	free(c);
}

uint64_t code_pointer_to(const struct code *c, uint64_t rtype)
{
	const struct by_rtype *e = table_find(&c->rtypes, rtype);

	return e ? e->pointer : 0;
}

const struct code_alloc *code_allocs(const struct code *c, size_t *n)
{
	*n = c->n_allocs;
	return c->allocs;
}

uint64_t code_closure(const struct code *c, uint64_t entry)
{
	const struct by_entry *e = table_find(&c->closures, entry);

	return e ? e->rtype : 0;
}

const struct code_variable *code_variables(const struct code *c, size_t *n)
{
	*n = c->n_found;
	return c->found;
}
