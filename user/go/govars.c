// SPDX-License-Identifier: BSD-2-Clause
/*
 * govars.c - the package variables of a program.
 */
#include "user/go/govars.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/go/gobin.h"
#include "user/go/govars_internal.h"
#include "user/go/image.h"

struct govars {
	struct go_variable *v;		/* by address */
	size_t n, cap;
	struct typed_list typed;
};

bool govars_inside(const struct gobin *gb, uint64_t vaddr)
{
	const struct go_module *m = gobin_module(gb);

	return (vaddr >= m->data && vaddr < m->edata) || (vaddr >= m->bss && vaddr < m->ebss);
}

static int by_address(const void *a, const void *b)
{
	const struct go_variable *x = a, *y = b;

	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static void add_symbols(struct govars *vs, const struct gobin *gb)
{
	struct go_variable v = { 0 };
	const char *name;
	size_t i = 0;

	while ((name = image_next_object(gobin_image(gb), &i, &v.vaddr, &v.size))) {
		if (!govars_inside(gb, v.vaddr))
			continue;
		if (vs->n == MAX_VARIABLES || strnlen(name, MAX_NAME + 1) > MAX_NAME)
			continue;
		v.name = xstrdup(name);
		vs->v = grow(vs->v, vs->n, &vs->cap, sizeof(*vs->v));
		vs->v[vs->n++] = v;
	}
}

static int typed_by_address(const void *a, const void *b)
{
	const struct go_typed *x = a, *y = b;

	if (x->vaddr != y->vaddr)
		return x->vaddr < y->vaddr ? -1 : 1;
	return !!x->within - !!y->within;
}

struct govars *govars_new(const struct gobin *gb)
{
	struct govars *vs = xcalloc(1, sizeof(*vs));

	add_symbols(vs, gb);
	govars_read_dwarf(gb, &vs->typed);
	if (vs->typed.n)
		qsort(vs->typed.v, vs->typed.n, sizeof(*vs->typed.v), typed_by_address);
	if (vs->n)
		qsort(vs->v, vs->n, sizeof(*vs->v), by_address);
	return vs;
}

size_t govars_bytes(const struct govars *vs)
{
	size_t bytes = sizeof(*vs) + vs->cap * sizeof(*vs->v) +
		       vs->typed.cap * sizeof(*vs->typed.v) +
		       vs->typed.cap_texts * sizeof(*vs->typed.texts);

	for (size_t i = 0; i < vs->n; i++)
		bytes += strlen(vs->v[i].name) + 1;
	for (size_t i = 0; i < vs->typed.n_texts; i++)
		bytes += strlen(vs->typed.texts[i]) + 1;
	return bytes;
}

void govars_free(struct govars *vs)
{
	if (!vs)
		return;
	for (size_t i = 0; i < vs->n; i++)
		free((char *)vs->v[i].name);
	for (size_t i = 0; i < vs->typed.n_texts; i++)
		free(vs->typed.texts[i]);
	free(vs->typed.texts);
	free(vs->typed.v);
	free(vs->v);
	free(vs);
}

const struct go_variable *govars_at(const struct govars *vs, uint64_t vaddr)
{
	size_t lo = 0, hi = vs->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (vs->v[mid].vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || vaddr - vs->v[lo - 1].vaddr >= vs->v[lo - 1].size)
		return NULL;
	return &vs->v[lo - 1];
}

const struct go_typed *govars_typed(const struct govars *vs, size_t *n)
{
	*n = vs->typed.n;
	return vs->typed.v;
}

const struct go_typed *govars_typed_at(const struct govars *vs, uint64_t vaddr)
{
	size_t lo = 0, hi = vs->typed.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (vs->typed.v[mid].vaddr < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < vs->typed.n && vs->typed.v[lo].vaddr == vaddr ? &vs->typed.v[lo] : NULL;
}
