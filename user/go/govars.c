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
#include "user/go/image.h"

struct govars {
	struct go_variable *v;		/* by address */
	size_t n, cap;
};

static int by_address(const void *a, const void *b)
{
	const struct go_variable *x = a, *y = b;

	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static void add_symbols(struct govars *vs, const struct gobin *gb)
{
	const struct go_module *m = gobin_module(gb);
	struct go_variable v = { 0 };
	const char *name;
	size_t i = 0;

	while ((name = image_next_object(gobin_image(gb), &i, &v.vaddr, &v.size))) {
		if (!(v.vaddr >= m->data && v.vaddr < m->edata) &&
		    !(v.vaddr >= m->bss && v.vaddr < m->ebss))
			continue;
		if (vs->n == MAX_VARIABLES || strnlen(name, MAX_NAME + 1) > MAX_NAME)
			continue;
		v.name = xstrdup(name);
		vs->v = grow(vs->v, vs->n, &vs->cap, sizeof(*vs->v));
		vs->v[vs->n++] = v;
	}
}

struct govars *govars_new(const struct gobin *gb)
{
	struct govars *vs = xcalloc(1, sizeof(*vs));

	add_symbols(vs, gb);
	if (vs->n)
		qsort(vs->v, vs->n, sizeof(*vs->v), by_address);
	return vs;
}

void govars_free(struct govars *vs)
{
	if (!vs)
		return;
	for (size_t i = 0; i < vs->n; i++)
		free((char *)vs->v[i].name);
	free(vs->v);
	free(vs);
}

const struct go_variable *govars_all(const struct govars *vs, size_t *n)
{
	*n = vs->n;
	return vs->v;
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
