/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookturn.h - whose heap is looked at next, and when, where the heaps of several processes grow
 * and none of them has been looked at.  Arithmetic only.
 */
#ifndef LOOKTURN_H
#define LOOKTURN_H

#include <stdbool.h>
#include <stdint.h>

/* One that waits for its first look. */
struct look_claim {
	bool leaks;		/* or it grows only */
	double bytes_per_s;	/* that it grows by for certain; less than 100 count as these */
	uint64_t since_ns;	/* it has waited */
};

/* Whether the first one is looked at before the other: leaks first, then what has grown by more
 * while it waited, so that each gets its turn. */
bool lookturn_before(const struct look_claim *a, const struct look_claim *b, uint64_t now_ns);

/* From the begin of a first look that took so many seconds of a processor to that of the next, at
 * another heap, which leaks or grows only. */
uint64_t lookturn_pause_ns(double cpu_s, bool leaks);

/* From the begin of any look at a heap to that of the next at the same one; n_failed looks in a row
 * have failed. */
uint64_t lookturn_rest_ns(double cpu_s, unsigned n_failed);

#endif
