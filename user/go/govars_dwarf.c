// SPDX-License-Identifier: BSD-2-Clause
/*
 * govars_dwarf.c - the types of package variables, from DWARF.
 *
 * Each compile unit lists its package's variables: a name, an address, and the entry of a type, all
 * of which lie in the unit "runtime".  For types that reflection can reach that entry has the
 * address of the descriptor (DW_AT_go_runtime_type); others are looked into, down to parts that
 * have one.  A pointer to a type without descriptor is followed in the file: `var x = &T{...}` is
 * laid out by the compiler, and the memory has no symbol of its own.
 *
 * The units are gone over twice, since a unit is only there while it is read: first for variables,
 * then for their types.
 */
#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/dwarf_units.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/govars_internal.h"
#include "user/go/image.h"
#include "user/go/rtype.h"

enum {
	/* cmd/internal/dwarf */
	DW_AT_go_kind = 0x2900,
	DW_AT_go_elem = 0x2902,
	DW_AT_go_runtime_type = 0x2904,
	DW_LANG_Go_ = 0x16,
	ADDR_LEN = 9,			/* DW_OP_addr and eight bytes */
	MAX_NESTING = 12,
};

/* A variable as its unit has it. */
struct found {
	uint64_t vaddr, type;		/* type: offset of the entry */
	char *name;
};

struct dwarf_vars {
	const struct gobin *gb;
	struct dwarf_units *units;
	struct found *v;		/* by type */
	size_t n, cap;
	struct typed_list *out;
	uint32_t steps;			/* types looked into */
};

/* What is being looked into. */
struct part {
	uint64_t vaddr;
	const char *name, *field, *within;
	int depth;
};

/* ---- variables ---------------------------------------------------------------------------- */

/* The offset that a reference into another unit has; false: it is none. */
static bool read_reference(Dwarf_Die *die, unsigned name, uint64_t *off)
{
	Dwarf_Attribute attr;
	Dwarf_Die target;
	uint32_t raw;

	if (!dwarf_attr(die, name, &attr))
		return false;
	if (attr.form == DW_FORM_ref_addr) {	/* libdw would look for the unit */
		memcpy(&raw, attr.valp, sizeof(raw));
		*off = raw;
		return true;
	}
	if (!dwarf_formref_die(&attr, &target))
		return false;
	*off = dwarf_dieoffset(&target);
	return true;
}

static bool read_address(Dwarf_Die *die, uint64_t *vaddr)
{
	Dwarf_Attribute attr;
	Dwarf_Block block;

	if (!dwarf_attr(die, DW_AT_location, &attr) || dwarf_formblock(&attr, &block) != 0 ||
	    block.length != ADDR_LEN || block.data[0] != DW_OP_addr)
		return false;
	memcpy(vaddr, block.data + 1, sizeof(*vaddr));
	return true;
}

static void add_variable(struct dwarf_vars *d, Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	struct found v = { 0 };

	if (!name || !read_address(die, &v.vaddr) || !govars_inside(d->gb, v.vaddr) ||
	    !read_reference(die, DW_AT_type, &v.type) || d->n == MAX_VARIABLES ||
	    strnlen(name, MAX_NAME + 1) > MAX_NAME)
		return;
	v.name = xstrdup(name);
	d->v = grow(d->v, d->n, &d->cap, sizeof(*d->v));
	d->v[d->n++] = v;
}

static bool is_go(Dwarf_Die *unit)
{
	return dwarf_srclang(unit) == DW_LANG_Go_;
}

static int read_variables(struct dwarf_vars *d)
{
	Dwarf_Die unit, die;
	int err;

	while (!(err = dwarf_units_next(d->units, &unit))) {
		if (!is_go(&unit))
			continue;
		err = dwarf_units_show(d->units);
		if (err)
			return err;
		if (dwarf_child(&unit, &die) != 0)
			continue;
		do
			if (dwarf_tag(&die) == DW_TAG_variable)
				add_variable(d, &die);
		while (dwarf_siblingof(&die, &die) == 0);
	}
	return err == -ENOENT ? 0 : err;
}

/* ---- their types -------------------------------------------------------------------------- */

static const char *keep_text(struct typed_list *l, char *text)
{
	l->texts = grow(l->texts, l->n_texts, &l->cap_texts, sizeof(*l->texts));
	return l->texts[l->n_texts++] = text;
}

static void add_typed(struct dwarf_vars *d, const struct part *p, uint64_t rtype,
		      enum shown_how how, uint32_t count)
{
	struct typed_list *l = d->out;

	if (l->n == MAX_VARIABLES)
		return;
	l->v = grow(l->v, l->n, &l->cap, sizeof(*l->v));
	l->v[l->n++] = (struct go_typed){ .vaddr = p->vaddr, .rtype = rtype, .how = how,
					  .count = count, .name = p->name, .field = p->field,
					  .within = p->within };
}

/* The descriptor of the type; 0: it has none, or no pointers.  Since Go 1.26 the attribute counts
 * from the begin of all types. */
static uint64_t descriptor_of(const struct dwarf_vars *d, Dwarf_Die *type)
{
	const struct go_module *m = gobin_module(d->gb);
	struct rtype_head h;
	Dwarf_Attribute attr;
	Dwarf_Addr rtype;

	if (!dwarf_attr(type, DW_AT_go_runtime_type, &attr) ||
	    dwarf_formaddr(&attr, &rtype) != 0 || !rtype)
		return 0;
	if (rtype < m->types && rtype < m->etypes - m->types)
		rtype += m->types;
	return !rtype_peek(d->gb, rtype, &h) && h.ptr_bytes ? rtype : 0;
}

static unsigned kind_of(Dwarf_Die *type)
{
	Dwarf_Attribute attr;
	Dwarf_Word kind;

	if (!dwarf_attr(type, DW_AT_go_kind, &attr) || dwarf_formudata(&attr, &kind) != 0)
		return 0;
	return (unsigned)kind;
}

static bool follow(struct dwarf_vars *d, Dwarf_Die *type, unsigned attr, Dwarf_Die *out)
{
	uint64_t off;

	return read_reference(type, attr, &off) && dwarf_units_die(d->units, off, out);
}

static void add_type(struct dwarf_vars *d, const struct part *p, Dwarf_Die *type);

/* What the linker made the variable point to. */
static void add_pointed(struct dwarf_vars *d, const struct part *p, Dwarf_Die *elem)
{
	struct part there = { .name = p->name, .field = "", .depth = p->depth + 1 };
	const char *name = dwarf_diename(elem);

	if (!name || p->within || !image_read(gobin_image(d->gb), p->vaddr, &there.vaddr,
					      sizeof(there.vaddr)) ||
	    !govars_inside(d->gb, there.vaddr))
		return;
	there.within = keep_text(d->out, xstrdup(name));
	add_type(d, &there, elem);
}

static void add_members(struct dwarf_vars *d, const struct part *p, Dwarf_Die *type)
{
	Dwarf_Attribute attr;
	Dwarf_Die member, of;
	Dwarf_Word off;

	if (dwarf_child(type, &member) != 0)
		return;
	do {
		struct part in = *p;
		const char *name = dwarf_diename(&member);

		if (dwarf_tag(&member) != DW_TAG_member || !name ||
		    !dwarf_attr(&member, DW_AT_data_member_location, &attr) ||
		    dwarf_formudata(&attr, &off) != 0 || off > MAX_STRUCT_BYTES ||
		    !follow(d, &member, DW_AT_type, &of))
			continue;
		in.vaddr += off;
		in.depth++;
		in.field = keep_text(d->out, xasprintf("%s.%s", p->field, name));
		add_type(d, &in, &of);
	} while (dwarf_siblingof(&member, &member) == 0);
}

static void add_elements(struct dwarf_vars *d, const struct part *p, Dwarf_Die *type)
{
	int bytes = dwarf_bytesize(type), size;
	struct part in = *p;
	Dwarf_Die elem;
	uint64_t rtype;

	if (!follow(d, type, DW_AT_type, &elem) || (size = dwarf_bytesize(&elem)) <= 0 ||
	    bytes <= 0)
		return;
	rtype = descriptor_of(d, &elem);
	in.field = keep_text(d->out, xasprintf("%s[]", p->field));
	in.depth++;
	if (rtype) {
		add_typed(d, &in, rtype, SHOWN_VALUE, (uint32_t)(bytes / size));
		return;
	}
	for (int i = 0; i < bytes / size && i < MAX_VARIABLE_ELEMENTS;
	     i++, in.vaddr += (uint64_t)size)
		add_type(d, &in, &elem);
}

static void add_type(struct dwarf_vars *d, const struct part *p, Dwarf_Die *type)
{
	uint64_t rtype = descriptor_of(d, type);
	Dwarf_Die elem;

	if (p->depth > MAX_NESTING || d->steps == MAX_DWARF_STEPS)
		return;
	d->steps++;
	if (rtype) {
		add_typed(d, p, rtype, SHOWN_VALUE, 1);
		return;
	}
	switch (kind_of(type)) {
	case GO_POINTER:
		if (!follow(d, type, DW_AT_type, &elem))
			return;
		rtype = descriptor_of(d, &elem);
		if (rtype)
			add_typed(d, p, rtype, SHOWN_POINTER, 1);
		else
			add_pointed(d, p, &elem);
		break;
	case GO_SLICE:
		if (follow(d, type, DW_AT_go_elem, &elem) && (rtype = descriptor_of(d, &elem)))
			add_typed(d, p, rtype, SHOWN_SLICE, 1);
		break;
	case GO_STRUCT:
		add_members(d, p, type);
		break;
	case GO_ARRAY:
		add_elements(d, p, type);
		break;
	default:
		if (dwarf_tag(type) == DW_TAG_typedef && follow(d, type, DW_AT_type, &elem)) {
			struct part in = *p;

			in.depth++;
			add_type(d, &in, &elem);
		}
	}
}

static int by_type(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->type < y->type ? -1 : x->type > y->type;
}

static int read_types(struct dwarf_vars *d)
{
	size_t done = 0;
	Dwarf_Die unit, type;
	int err = 0;

	while (done < d->n && !err && !(err = dwarf_units_next(d->units, &unit))) {
		bool shown = false;

		/* those before it are in no unit */
		while (done < d->n && d->v[done].type < dwarf_units_begin(d->units))
			done++;
		for (; done < d->n && dwarf_units_has(d->units, d->v[done].type); done++) {
			struct part p = { .vaddr = d->v[done].vaddr, .field = "" };

			err = shown ? 0 : dwarf_units_show(d->units);
			if (err)
				break;
			shown = true;
			if (!dwarf_units_die(d->units, d->v[done].type, &type))
				continue;
			p.name = keep_text(d->out, xstrdup(d->v[done].name));
			add_type(d, &p, &type);
		}
	}
	return err;
}

void govars_read_dwarf(const struct gobin *gb, struct typed_list *out)
{
	struct dwarf_vars d = { .gb = gb, .out = out };
	const struct image *img = gobin_image(gb);

	if (!dwarf_units_open(&d.units, img)) {
		read_variables(&d);
		dwarf_units_close(d.units);
	}
	if (d.n) {
		qsort(d.v, d.n, sizeof(*d.v), by_type);
		if (!dwarf_units_open(&d.units, img)) {
			read_types(&d);
			dwarf_units_close(d.units);
		}
	}
	for (size_t i = 0; i < d.n; i++)
		free(d.v[i].name);
	free(d.v);
}
