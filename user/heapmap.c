// SPDX-License-Identifier: BSD-2-Clause
/*
 * heapmap.c - a heapmap's memory: its strings, each of them once, and its arrays.
 */
#include "user/heapmap.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"

struct heap_text {
	void *tree;		/* of strings, by their bytes */
};

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *heapmap_text(struct heapmap *m, const char *s)
{
	void **found;
	char *copy;

	if (!s)
		return NULL;
	if (!m->texts)
		m->texts = xcalloc(1, sizeof(*m->texts));
	found = tfind(s, &m->texts->tree, by_text);
	if (found)
		return *found;
	copy = xstrdup(s);
	if (!tsearch(copy, &m->texts->tree, by_text)) {
		free(copy);
		return NULL;
	}
	return copy;
}

static void free_type(struct heap_type *t)
{
	for (size_t i = 0; i < t->n_holders; i++)
		free(t->holders[i].levels);
	free(t->holders);
	free(t->sizes);
	free(t->places);
}

void heapmap_free(struct heapmap *m)
{
	for (size_t i = 0; i < m->n_types; i++)
		free_type(&m->types[i]);
	free(m->types);
	if (m->texts)
		tdestroy(m->texts->tree, free);
	free(m->texts);
	*m = (struct heapmap){ 0 };
}
