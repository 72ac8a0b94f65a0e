/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pace.h - how much a process does, by its runtime's own counters: what following it would take is
 * told by two readings.  No probe is needed.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/budget.h"
#include "user/gomem/census.h"

struct process;

struct pace {
	struct budget_counts counts;	/* profile_bytes: as the process samples now */
	uint64_t allocs[CENSUS_CLASSES];	/* by size class, 0: large objects */
};

/* false: it cannot be read, or not yet; *out is as it was. */
bool pace_read(struct process *p, struct pace *out);

#endif
