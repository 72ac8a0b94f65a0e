// SPDX-License-Identifier: BSD-2-Clause
/*
 * aging.c - of each of the last collections, until when objects that were born had it before them.
 */
#include "user/aging.h"

#include <stdlib.h>

#include "user/base/util.h"

struct aging {
	uint64_t older_ns, older_cycles;
	uint64_t n_cycles, look_ns;	/* at the last look */
	/* Of cycle c at c % n: the last look before the one that followed it began. */
	uint64_t *until;
};

void aging_new(struct aging **out, uint64_t older_ns, uint64_t older_cycles)
{
	struct aging *a = xcalloc(1, sizeof(*a));

	a->older_ns = older_ns;
	a->older_cycles = older_cycles;
	a->until = xcalloc(older_cycles + 1, sizeof(*a->until));
	*out = a;
}

void aging_free(struct aging *a)
{
	if (!a)
		return;
	free(a->until);
	free(a);
}

void aging_look(struct aging *a, uint64_t n_cycles, uint64_t look_ns)
{
	const uint64_t n = a->older_cycles + 1;
	uint64_t c = a->n_cycles + 1;

	if (n_cycles > n && c < n_cycles - n)
		c = n_cycles - n;
	for (; c < n_cycles; c++)	/* nobody has looked between these */
		a->until[c % n] = a->look_ns;
	a->until[n_cycles % n] = look_ns;
	a->n_cycles = n_cycles;
	a->look_ns = look_ns;
}

uint64_t aging_before(const struct aging *a, uint64_t now_ns)
{
	const uint64_t n = a->older_cycles;

	if (!n)
		return now_ns > a->older_ns ? now_ns - a->older_ns : 0;
	return a->n_cycles >= n ? a->until[(a->n_cycles - n) % (n + 1)] : 0;
}
