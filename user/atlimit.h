/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atlimit.h - whether the memory that a process may come to is nearly used up: when to look again,
 * and when to tell.  Arithmetic only, see memlimit.h for the readings.
 */
#ifndef ATLIMIT_H
#define ATLIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct memlimit;

struct at_limit {
	double percent;		/* of the limit; 0: nothing is watched */
	bool told;		/* and it has not come down since */
	uint64_t used;		/* at the reading before, 0: there was none */
	uint64_t read_ns, next_ns;
};

/* One reading, of now: true if it has passed the share for the first time, or again after it had
 * fallen 5 points below.  Says in next_ns when the next one is due. */
bool at_limit_passed(struct at_limit *a, const struct memlimit *m, uint64_t now);

/* Nothing could be read: tries again later. */
void at_limit_unknown(struct at_limit *a, uint64_t now);

double at_limit_percent(const struct memlimit *m);	/* that is used */

#endif
