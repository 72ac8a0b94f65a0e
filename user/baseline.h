/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * baseline.h - what the runtime's own memory profile says of the heap, as stacks and accounts like
 * those of a trace: so that what is older than a trace has names, or what no trace has seen.
 */
#ifndef BASELINE_H
#define BASELINE_H

#include <stddef.h>
#include <stdint.h>

struct obs_account;
struct obs_stack;
struct process;
struct profile;

/* One stack and one account for each bucket that has published anything; baseline_fini(). */
struct baseline {
	/* with .called set: the same frames as those of a probed allocation there */
	struct obs_stack *stacks;
	/* live and allocs are estimates, since the program's start; samples of live */
	struct obs_account *accounts;
	size_t n;
	uint64_t *pcs;		/* vaddrs, what the stacks point into */
	size_t n_pcs;
};

void baseline_make(struct process *p, const struct profile *profile, struct baseline *out);
void baseline_fini(struct baseline *b);

#endif
