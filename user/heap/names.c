// SPDX-License-Identifier: BSD-2-Clause
/*
 * names.c - types and fields in Go's own words.
 */
#include "user/heap/heap_internal.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gotype.h"
#include "user/go/rtype.h"
#include "user/heap/types_internal.h"

enum { WORD = 8 };

static const struct {
	const char *before;	/* the name of the rtype */
	const char *part;
} forms[N_FORMS] = {
	[FORM_VALUE] = { "", NULL },
	[FORM_ARRAY] = { "[]", NULL },
	[FORM_MAP] = { "", "header" },
	[FORM_BUCKETS] = { "", "buckets" },
	[FORM_EXTRA] = { "", "extra" },
	[FORM_OVERFLOWS] = { "", "overflow slice" },
	[FORM_OVERFLOW_ARRAY] = { "", "overflow" },
	[FORM_GROUPS] = { "", "groups" },
	[FORM_TABLE] = { "", "table" },
	[FORM_DIRECTORY] = { "", "directory" },
	[FORM_CHAN] = { "chan ", NULL },
	[FORM_CHANBUF] = { "chan ", "buffer" },
	[FORM_CLOSURE] = { "", "closure" },
};

char *types_name(const struct types *ts, uint32_t type, const char **part)
{
	const struct type *t = types_at(ts, type);
	struct go_type rt;
	char *name;

	*part = forms[t->form].part;
	if (t->form == FORM_STRING)
		return xstrdup("string");
	if (gotype_read(ts->gb, t->rtype, &rt))
		return xstrdup("?");
	name = xasprintf("%s%s", forms[t->form].before, rt.name);
	free(rt.name);
	return name;
}

char *types_package(const struct types *ts, uint32_t type)
{
	const struct type *t = types_at(ts, type);

	return t->form == FORM_VALUE ? rtype_package(ts->gb, t->rtype) : NULL;
}

/* ---- fields ------------------------------------------------------------------------------- */

/* Appends the path from a value of the type to the pointer at offset. */
static void add_path(const struct types *ts, uint64_t rtype, uint64_t offset, char **path,
		     int depth);

static void append(char **path, const char *a, const char *b)
{
	char *longer = xasprintf("%s%s%s", *path, a, b);

	free(*path);
	*path = longer;
}

static void add_field(const struct types *ts, const struct rtype *t, uint64_t offset, char **path,
		      int depth)
{
	for (size_t i = t->n_fields; i-- > 0; ) {
		const struct rtype_field *f = &t->fields[i];
		struct rtype_head h;

		if (f->offset > offset || rtype_peek(ts->gb, f->typ, &h) ||
		    offset - f->offset >= h.size)
			continue;
		append(path, ".", f->name);
		add_path(ts, f->typ, offset - f->offset, path, depth + 1);
		return;
	}
}

static void add_path(const struct types *ts, uint64_t rtype, uint64_t offset, char **path,
		     int depth)
{
	struct rtype_head elem;
	struct rtype t;

	if (depth > MAX_TYPE_DEPTH || strlen(*path) > MAX_NAME || rtype_read(ts->gb, rtype, &t))
		return;
	if (t.kind == GO_STRUCT) {
		add_field(ts, &t, offset, path, depth);
	} else if (t.kind == GO_ARRAY && !rtype_peek(ts->gb, t.elem, &elem) && elem.size) {
		append(path, "[]", "");
		add_path(ts, t.elem, offset % elem.size, path, depth + 1);
	}
	rtype_free(&t);
}

/* The offset of a slot in the value, repeats counted as their first element. */
static uint64_t slot_offset(const struct types *ts, uint32_t first, uint32_t slot)
{
	uint64_t off = 0;
	uint32_t i = first;

	while (i < slot) {
		const struct slot *s = types_slot(ts, i);

		if (s->kind != SLOT_REPEAT) {
			i++;
		} else if (slot <= i + s->other) {
			off += s->offset;
			i++;
		} else {
			i += 1 + s->other;
		}
	}
	/* of an interface its second word leads on, which a struct like it has a field for */
	return off + types_slot(ts, slot)->offset +
	       (types_slot(ts, slot)->kind == SLOT_INTERFACE ? WORD : 0);
}

/* Of parts of maps: the compiler's names of keys and values, as one would write them. */
static char *map_path(char *path)
{
	static const struct { const char *from, *to; } words[] = {
		{ ".slots[].key", "[key]" }, { ".slots[].elem", "[value]" },
		{ ".keys[]", "[key]" }, { ".elems[]", "[value]" }, { ".overflow", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i].from);
		char *better;

		if (strncmp(path, words[i].from, n))
			continue;
		better = xasprintf("%s%s", words[i].to, path + n);
		free(path);
		return better;
	}
	return path;
}

uint32_t types_of_slot(const struct types *ts, uint32_t slot)
{
	for (uint32_t i = 1; i < ts->n; i++)
		if (ts->v[i].compiled && slot - ts->v[i].first_slot < ts->v[i].n_slots)
			return i;
	return 0;
}

char *types_field(struct types *ts, uint32_t type, uint32_t slot)
{
	const struct type t = *types_at(ts, type);
	uint64_t off = slot_offset(ts, t.first_slot, slot);
	char *path = xstrdup("");

	switch ((enum form)t.form) {
	case FORM_ARRAY:
	case FORM_CHANBUF:
		append(&path, "[]", "");
		add_path(ts, t.rtype, off, &path, 0);
		break;
	case FORM_VALUE:
		add_path(ts, t.rtype, off, &path, 0);
		break;
	case FORM_BUCKETS:
	case FORM_GROUPS:
		add_path(ts, t.base, off, &path, 0);
		return map_path(path);
	default:
		break;
	}
	return path;
}
