/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gctrace.h - the collections of a runtime, as it remembers them itself: when each ended, how long
 * it stopped the world, and of the last one what GODEBUG=gctrace=1 would have printed.
 */
#ifndef GCTRACE_H
#define GCTRACE_H

#include <stddef.h>
#include <stdint.h>

struct gc_cycle;
struct gomem;

enum { GCTRACE_MOST = 255 };	/* collections that the runtime remembers, for sure */

struct gctrace;

struct gctrace *gctrace_open(struct gomem *gm);
void gctrace_close(struct gctrace *t);		/* NULL is fine */

/*
 * The collections that have ended since the last look, or at first all that the runtime remembers,
 * oldest first, in out, which has room for GCTRACE_MOST; returns how many there are.  *n_missed:
 * others that had ended before them.  -ENOENT: this binary does not tell where the runtime keeps
 * that; -EAGAIN: it changed whenever it was read, look again; else the errors of gomem.h.  Says
 * nothing to the user.  Two system calls while none has ended.
 */
int gctrace_look(struct gctrace *t, struct gc_cycle *out, uint64_t *n_missed);

#endif
