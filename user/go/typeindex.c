// SPDX-License-Identifier: BSD-2-Clause
/*
 * typeindex.c - the types of a program by name and use.
 *
 * There is no list of all type descriptors in a program before Go 1.27: typecode.c finds those that
 * the code mentions, and what they are made of belongs to them.
 */
#include "user/go/typeindex.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/gotype.h"
#include "user/go/rtype.h"
#include "user/go/typeindex_internal.h"

enum { MAX_NESTING = 64 };

/* ---- names -------------------------------------------------------------------------------- */

static uint64_t name_key(const char *package, const char *name)
{
	uint64_t h = 0x9ae16a3b2f90404full;

	for (; package && *package; package++)
		h = table_mix(h, (uint8_t)*package);
	h = table_mix(h, '.');
	for (; *name; name++)
		h = table_mix(h, (uint8_t)*name);
	return h ? h : 1;
}

const char *typeindex_bare(const char *name)
{
	size_t end = strcspn(name, "*[({ ");
	const char *dot = memchr(name, '.', end);

	return dot ? dot + 1 : name;
}

uint64_t typeindex_named(const struct typeindex *ti, const char *package, const char *name)
{
	const struct by_name *e = table_find(&ti->names, name_key(package, name));

	return e && !e->several ? e->rtype : 0;
}

static void add_name(struct typeindex *ti, uint64_t rtype)
{
	struct by_name *e;
	struct go_type t;
	char *package;
	bool is_new;

	if (gotype_read(ti->gb, rtype, &t))
		return;
	package = rtype_package(ti->gb, rtype);
	e = table_put(&ti->names, name_key(package, typeindex_bare(t.name)), &is_new);
	if (e && is_new)
		e->rtype = rtype;
	else if (e && e->rtype != rtype)
		e->several = true;
	free(package);
	free(t.name);
}

/* The import path as it is: the compiler writes some of its bytes as %xx (objabi.PathToPrefix). */
static void unescape(char *s)
{
	char *to = s, hex[3] = "", *end;

	while (*s) {
		if (*s == '%' && s[1] && s[2]) {
			memcpy(hex, s + 1, 2);
			*to = (char)strtoul(hex, &end, 16);
			if (!*end) {
				to++;
				s += 3;
				continue;
			}
		}
		*to++ = *s++;
	}
	*to = '\0';
}

/*
 * Code of generic types serves all that are laid out alike, "sync.(*HashTrieMap[go.shape.interface
 * {},...]).Load", and which one it is only dictionaries tell.  But what has that shape is an
 * interface without methods, which go by one name but for the few that have been given another:
 * those of sync.Map.  False: the arguments are of other shapes.
 */
static bool name_of_shape(char *name)
{
	static const char shape[] = "go.shape.", any[] = "interface {}";
	char *to = strchr(name, '['), *from = to;

	while (from && (*from == '[' || *from == ',')) {
		*to++ = *from++;
		if (strncmp(from, shape, strlen(shape)) ||
		    strncmp(from + strlen(shape), any, strlen(any)))
			return false;
		from += strlen(shape) + strlen(any);
		memcpy(to, any, strlen(any));
		to += strlen(any);
	}
	if (from && (*from != ']' || from[1]))
		return false;
	if (from)
		strcpy(to, "]");
	return true;
}

/* "net/http.(*conn).serve" is of type conn of package net/http. */
uint64_t typeindex_receiver(const struct typeindex *ti, uint64_t entry)
{
	const char *begin, *end, *full;
	char *package, *name;
	struct go_func f;
	uint64_t rtype;

	if (!gobin_func_at(ti->gb, entry, &f) || f.entry != entry || !strstr(f.name, ".(*"))
		return 0;
	full = gobin_full_name(ti->gb, entry);
	begin = full ? strstr(full, ".(*") : NULL;
	end = begin ? strchr(begin, ')') : NULL;
	if (!end || end[1] != '.' || strpbrk(end + 2, ".-"))
		return 0;	/* none, or a literal in a method, or a method value */
	package = xasprintf("%.*s", (int)(begin - full), full);
	name = xasprintf("%.*s", (int)(end - begin - 3), begin + 3);
	unescape(package);
	rtype = name_of_shape(name) ? typeindex_named(ti, package, name) : 0;
	free(package);
	free(name);
	return rtype;
}

/* ---- types -------------------------------------------------------------------------------- */

bool typeindex_is_type(const struct typeindex *ti, uint64_t vaddr)
{
	const struct go_module *m = gobin_module(ti->gb);

	return vaddr >= m->types && vaddr < m->etypes && vaddr % 8 == 0;
}

static bool is_shape(const struct typeindex *ti, uint64_t rtype)
{
	struct go_type t;
	bool yes;

	if (gotype_read(ti->gb, rtype, &t))
		return false;
	yes = strstr(t.name, "go.shape.");
	free(t.name);
	return yes;
}

/* Of equal keys and values several maps may have the same groups; what generic code is compiled for
 * is nobody's type. */
static void add_map(struct typeindex *ti, uint64_t map, uint64_t group)
{
	bool is_new;
	struct by_group *e = table_put(&ti->groups, group, &is_new);

	if (e && (is_new || is_shape(ti, e->map)))
		e->map = map;
}

static void add_type(struct typeindex *ti, uint64_t rtype, int depth);

static void add_parts(struct typeindex *ti, uint64_t rtype, const struct rtype *t, int depth)
{
	struct indexed_type *e;

	if (t->elem)
		add_type(ti, t->elem, depth + 1);
	e = t->elem ? table_find(&ti->rtypes, t->elem) : NULL;
	if (e && t->kind == GO_POINTER)
		e->pointer = rtype;
	for (size_t i = 0; e && t->kind == GO_CHAN && i < ARRAY_SIZE(e->channels); i++) {
		if (!e->channels[i]) {
			e->channels[i] = rtype;
			break;
		}
	}
	if (t->key)
		add_type(ti, t->key, depth + 1);
	if (t->group) {
		add_map(ti, rtype, t->group);
		add_type(ti, t->group, depth + 1);
	}
	for (size_t i = 0; i < t->n_fields; i++)
		add_type(ti, t->fields[i].typ, depth + 1);
}

static void add_type(struct typeindex *ti, uint64_t rtype, int depth)
{
	struct rtype t;
	bool is_new;

	if (depth > MAX_NESTING || !rtype || table_find(&ti->rtypes, rtype) ||
	    rtype_read(ti->gb, rtype, &t))
		return;
	if (table_put(&ti->rtypes, rtype, &is_new)) {
		add_name(ti, rtype);
		add_parts(ti, rtype, &t, depth);
	}
	rtype_free(&t);
}

void typeindex_add(struct typeindex *ti, uint64_t rtype)
{
	add_type(ti, rtype, 0);
}

uint64_t typeindex_pointer_to(const struct typeindex *ti, uint64_t rtype)
{
	const struct indexed_type *e = table_find(&ti->rtypes, rtype);

	return e ? e->pointer : 0;
}

size_t typeindex_channels_of(const struct typeindex *ti, uint64_t elem, uint64_t *types, size_t max)
{
	const struct indexed_type *e = table_find(&ti->rtypes, elem);
	size_t n = 0;

	for (size_t i = 0; e && i < ARRAY_SIZE(e->channels) && n < max; i++)
		if (e->channels[i])
			types[n++] = e->channels[i];
	return n;
}

uint64_t typeindex_map_of(const struct typeindex *ti, uint64_t group)
{
	const struct by_group *e = table_find(&ti->groups, group);

	return e ? e->map : 0;
}

void typeindex_each_map(const struct typeindex *ti, void (*visit)(void *ctx, uint64_t map),
			void *ctx)
{
	for (const struct by_group *e = table_next(&ti->groups, NULL); e;
	     e = table_next(&ti->groups, e))
		visit(ctx, e->map);
}

/* ---- uses --------------------------------------------------------------------------------- */

void typeindex_add_alloc(struct typeindex *ti, uint64_t rtype, bool array)
{
	struct indexed_type *e = table_find(&ti->rtypes, rtype);
	struct alloc_type *a;

	if (!e)
		return;
	if (!e->alloc) {
		ti->allocs = grow(ti->allocs, ti->n_allocs, &ti->cap_allocs, sizeof(*ti->allocs));
		ti->allocs[ti->n_allocs] = (struct alloc_type){ .rtype = rtype };
		e->alloc = (uint32_t)++ti->n_allocs;
	}
	a = &ti->allocs[e->alloc - 1];
	a->single |= !array;
	a->array |= array;
}

void typeindex_add_closure(struct typeindex *ti, uint64_t entry, uint64_t rtype)
{
	bool is_new;
	struct by_entry *e = table_put(&ti->closures, entry, &is_new);

	if (e && is_new)
		e->rtype = rtype;
	else if (e && e->rtype != rtype)
		e->rtype = 0;
}

void typeindex_add_variable(struct typeindex *ti, uint64_t vaddr, uint64_t rtype,
			    enum shown_how how)
{
	bool is_new;
	struct by_variable *e = table_put(&ti->variables, vaddr, &is_new);

	if (e && is_new) {
		e->rtype = rtype;
		e->how = (uint8_t)how;
	} else if (e && (e->rtype != rtype || e->how != how)) {
		e->rtype = 0;
	}
}

const struct alloc_type *typeindex_allocs(const struct typeindex *ti, size_t *n)
{
	*n = ti->n_allocs;
	return ti->allocs;
}

uint64_t typeindex_closure(const struct typeindex *ti, uint64_t entry)
{
	const struct by_entry *e = table_find(&ti->closures, entry);

	return e ? e->rtype : 0;
}

const struct shown_variable *typeindex_variables(const struct typeindex *ti, size_t *n)
{
	*n = ti->n_shown;
	return ti->shown;
}

/* It reads the code, and leaves the index as it is. */
void typeindex_sites(const struct typeindex *ti, const uint64_t *rtypes, size_t n, site_fn visit,
		     void *ctx)
{
	typecode_sites((struct typeindex *)ti, rtypes, n, visit, ctx);
}

static int by_vaddr(const void *a, const void *b)
{
	const struct shown_variable *x = a, *y = b;

	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static void list_variables(struct typeindex *ti)
{
	const struct by_variable *e;

	ti->shown = xcalloc(ti->variables.n + 1, sizeof(*ti->shown));
	for (e = table_next(&ti->variables, NULL); e; e = table_next(&ti->variables, e))
		if (e->rtype)
			ti->shown[ti->n_shown++] = (struct shown_variable){ e->key, e->rtype,
									    e->how };
	if (ti->n_shown)
		qsort(ti->shown, ti->n_shown, sizeof(*ti->shown), by_vaddr);
}

struct typeindex *typeindex_new(const struct gobin *gb)
{
	struct typeindex *ti = xcalloc(1, sizeof(*ti));

	ti->gb = gb;
	table_init(&ti->rtypes, sizeof(struct indexed_type), 256ul * MAX_TYPES);
	table_init(&ti->names, sizeof(struct by_name), 128ul * MAX_TYPES);
	table_init(&ti->groups, sizeof(struct by_group), 64ul * MAX_TYPES);
	table_init(&ti->closures, sizeof(struct by_entry), 64ul * MAX_CODE_FACTS);
	table_init(&ti->variables, sizeof(struct by_variable), 128ul * MAX_CODE_FACTS);
	typecode_read(ti);
	list_variables(ti);
	return ti;
}

size_t typeindex_bytes(const struct typeindex *ti)
{
	const struct table *const tables[] = { &ti->rtypes, &ti->names, &ti->groups,
					       &ti->closures, &ti->variables };
	size_t bytes = sizeof(*ti) + ti->cap_allocs * sizeof(*ti->allocs) +
		       ti->n_shown * sizeof(*ti->shown);

	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		bytes += tables[i]->n_slots * tables[i]->size;
	return bytes;
}

void typeindex_free(struct typeindex *ti)
{
	if (!ti)
		return;
	table_fini(&ti->rtypes);
	table_fini(&ti->names);
	table_fini(&ti->groups);
	table_fini(&ti->closures);
	table_fini(&ti->variables);
	free(ti->allocs);
	free(ti->shown);
	free(ti);
}
