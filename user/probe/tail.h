/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tail.h - finds the instructions at which every object that a function returns is seen once.
 */
#ifndef TAIL_H
#define TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/code/flow.h"

struct tail {
	int32_t node;		/* a conditional branch, or a ret */
	bool at_ret;
	bool counts[2];		/* per way out of the branch: an object leaves on it */
	struct place at[2];	/* where it is then; PLACE_REG RAX at a ret */
};

struct tails {
	struct tail *v;		/* by node */
	size_t n;
};

/*
 * -ENOENT: no set of places could be proved to be met exactly once on every way from the entry to a
 * return.  A function without an object of its own gives 0 places.
 */
int tails_find(struct tails *out, const struct flow *f);
void tails_fini(struct tails *t);

/* Whether every way from the entry to a return meets exactly one of the places, or instead an
 * instruction at which the result is settled. */
bool tails_verify(const struct tails *t, const struct flow *f);

#endif
