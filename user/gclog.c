// SPDX-License-Identifier: BSD-2-Clause
/*
 * gclog.c - keeps what gctrace says of each collection.
 */
#include "user/gclog.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/gomem/gctrace.h"
#include "user/observation.h"

struct gclog {
	struct gctrace *trace;
	bool begun;			/* those before the begin have been taken */
	struct gc_cycle *v;
	size_t n;
	uint64_t n_missed;
};

void gclog_new(struct gclog **out, struct gomem *gm)
{
	struct gclog *l = xcalloc(1, sizeof(*l));

	l->trace = gctrace_open(gm);
	l->v = xcalloc(MAX_GC_CYCLES + GCTRACE_MOST, sizeof(*l->v));
	gclog_look(l);
	*out = l;
}

void gclog_free(struct gclog *l)
{
	if (!l)
		return;
	gctrace_close(l->trace);
	free(l->v);
	free(l);
}

void gclog_look(struct gclog *l)
{
	uint64_t missed;
	int n = gctrace_look(l->trace, l->v + l->n, &missed);
	size_t old;

	if (n < 0)
		return;		/* the next look tells of these as well */
	if (l->begun) {
		l->n += (size_t)n;
		l->n_missed += missed;
	}
	l->begun = true;
	old = l->n > MAX_GC_CYCLES ? l->n - MAX_GC_CYCLES : 0;
	l->n -= old;
	l->n_missed += old;
	if (old)
		memmove(l->v, l->v + old, l->n * sizeof(*l->v));
}

void gclog_fill(const struct gclog *l, struct observation *o)
{
	o->gc_known = l->begun;
	o->gc_missed = l->n_missed;
	o->n_gc = l->n;
	o->gc = xcalloc(l->n, sizeof(*o->gc));
	if (l->n)
		memcpy(o->gc, l->v, l->n * sizeof(*l->v));
}
