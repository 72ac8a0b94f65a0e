/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arrivals.h - the Go processes that have come up on this host since the last look, opened; those of
 * one file share what is known of it.
 */
#ifndef ARRIVALS_H
#define ARRIVALS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arrivals;
struct process;

void arrivals_new(struct arrivals **out);
/* All processes must have been closed and told of before. */
void arrivals_free(struct arrivals *a);		/* NULL is fine */

/*
 * Calls fn for each Go process that has come, and each that runs another program than before; but
 * for the first look, once looks have seen it run that, and exec nothing, for 10 s: of one that
 * ends before nothing could be said, and one that is being started may yet exec.  p: fn's to close,
 * why NULL; or NULL, and why it cannot be opened.  -EMFILE: no more than max are open, others were
 * left out; what host_pids() fails with.
 */
int arrivals_look(struct arrivals *a, uint64_t now_ns, size_t max,
		  void (*fn)(void *ctx, pid_t pid, struct process *p, const char *comm,
			     const char *why),
		  void *ctx);

/* A process that was given out is closed now; if it lives, it is another arrival.  NULL is
 * fine. */
void arrivals_gone(struct arrivals *a, pid_t pid);

/* Processes of which this user may not know what they run, as of the last look. */
size_t arrivals_hidden(const struct arrivals *a);

#endif
