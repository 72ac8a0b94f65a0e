/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glance.h - one look at a process, without a trace: its memory, its goroutines, and the runtime's
 * own profile of its heap, as an observation.  Plants nothing, loads nothing.
 */
#ifndef GLANCE_H
#define GLANCE_H

#include <stdbool.h>
#include <stddef.h>

struct observation;
struct process;

struct glance_options {
	bool heap, goroutines, gc;	/* what is looked at; memory always is */
	size_t memory_bytes;		/* of our own */
	bool (*interrupted)(void *ctx);	/* asked often; true: ends early */
	void *ctx;
};

/* 0 and *out, observation_free(); -EINTR; -EAGAIN: the process has just been started; otherwise
 * what made the process unreadable.  It says nothing to the user.  The heap is not in it where the
 * runtime's memory profiler is off. */
int glance(struct process *p, const struct glance_options *opt, struct observation **out);

#endif
