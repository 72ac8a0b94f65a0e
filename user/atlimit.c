// SPDX-License-Identifier: BSD-2-Clause
/*
 * atlimit.c - the share of a limit that is watched.
 *
 * A reading is a few small files of the kernel.  They are read the more often the sooner the share
 * would be passed if memory went on growing as it does: what is far from it need not be watched
 * closely, and what grows by gigabytes a second must be.
 */
#include "user/atlimit.h"

#include <math.h>

#include "user/memlimit.h"

enum {
	BACK = 5,			/* points below the share, and it can be passed again */
	NEAR = 25,			/* points below, and it is read each NEAR_NS at least */
	PARTS = 4,			/* of the time that is left are one wait */
};

#define SHORTEST_NS 20000000.0		/* a turn of the loop */
#define NEAR_NS 100000000.0
#define LONGEST_NS 500000000.0

double at_limit_percent(const struct memlimit *m)
{
	return m->bytes ? 100.0 * (double)m->used / (double)m->bytes : 100;
}

static double wait_ns(const struct at_limit *a, const struct memlimit *m, uint64_t now)
{
	double most = at_limit_percent(m) < a->percent - NEAR ? LONGEST_NS : NEAR_NS;
	double left = a->percent / 100 * (double)m->bytes - (double)m->used;
	double grown = (double)m->used - (double)a->used;

	if (!a->used || left <= 0 || grown <= 0)
		return most;
	return fmax(SHORTEST_NS, fmin(most, left / grown * (double)(now - a->read_ns) / PARTS));
}

bool at_limit_passed(struct at_limit *a, const struct memlimit *m, uint64_t now)
{
	const double percent = at_limit_percent(m);
	const bool passed = !a->told && percent >= a->percent;

	a->next_ns = now + (uint64_t)wait_ns(a, m, now);
	a->read_ns = now;
	a->used = m->used;
	if (passed)
		a->told = true;
	else if (percent <= a->percent - BACK)
		a->told = false;
	return passed;
}

void at_limit_unknown(struct at_limit *a, uint64_t now)
{
	a->next_ns = now + (uint64_t)LONGEST_NS;
}
