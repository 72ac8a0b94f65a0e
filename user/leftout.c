// SPDX-License-Identifier: BSD-2-Clause
/*
 * leftout.c - sites that are not shown go behind those that are: what is told of all of them still
 * finds them there.
 */
#include "user/leftout.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/model.h"

/* Moves the elements marked in hidden behind the others; where_to: of each, by its index, where it
 * has gone.  Returns how many are before them. */
static size_t part(void *array, size_t n, size_t size, const bool *hidden, size_t *where_to)
{
	char *from = array, *copy = xcalloc(n, size);
	size_t n_shown = 0, k = 0, behind;

	for (size_t i = 0; i < n; i++)
		n_shown += !hidden[i];
	behind = n_shown;
	for (size_t i = 0; i < n; i++) {
		where_to[i] = hidden[i] ? behind++ : k++;
		memcpy(copy + where_to[i] * size, from + i * size, size);
	}
	if (n)
		memcpy(from, copy, n * size);
	free(copy);
	return n_shown;
}

static void part_sites(struct findings *f)
{
	const size_t n = f->n_sites;
	bool *hidden = xcalloc(n, sizeof(*hidden));
	size_t *where_to = xcalloc(n, sizeof(*where_to));

	for (size_t i = 0; i < n; i++)
		hidden[i] = f->sites[i].suppressed;
	f->n_sites = part(f->sites, n, sizeof(*f->sites), hidden, where_to);
	f->n_sites_suppressed = n - f->n_sites;
	for (size_t i = 0; i < f->verdicts.n_findings; i++) {
		struct finding *found = &f->verdicts.findings[i];

		if (found->site != NO_INDEX)
			found->site = where_to[found->site];
	}
	free(hidden);
	free(where_to);
}

static void part_gsites(struct findings *f)
{
	const size_t n = f->n_gsites;
	bool *hidden = xcalloc(n, sizeof(*hidden));
	size_t *where_to = xcalloc(n, sizeof(*where_to));

	for (size_t i = 0; i < n; i++)
		hidden[i] = f->gsites[i].suppressed;
	f->n_gsites = part(f->gsites, n, sizeof(*f->gsites), hidden, where_to);
	f->n_gsites_suppressed = n - f->n_gsites;
	for (size_t i = 0; i < f->verdicts.n_findings; i++) {
		struct finding *found = &f->verdicts.findings[i];

		if (found->gsite != NO_INDEX)
			found->gsite = where_to[found->gsite];
	}
	free(hidden);
	free(where_to);
}

void left_out_suppressed(struct findings *f)
{
	part_sites(f);
	part_gsites(f);
}
