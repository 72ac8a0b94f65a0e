/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - the Go processes of this host, and which of them can be traced.
 *
 * Plants nothing, loads nothing.
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/model.h"

struct host_process {
	pid_t pid;
	char *comm, *exe;	/* exe: the path as /proc/PID/exe shows it */
	char *container;	/* "docker:0123456789ab"; NULL: none is known */
	char *refused;		/* why this user cannot trace it, as -p would say; NULL: it can be */
	/* As far as the process could be opened: NULL, UNKNOWN_U64 ... */
	char *go_version;
	bool opened;		/* stripped is known */
	bool stripped;
	uint64_t rss, live_heap;	/* bytes; the latter when the last collection ended */
	uint64_t goroutines;	/* as runtime.NumGoroutine() counts them */
	uint64_t profile_rate;	/* bytes between two samples of the runtime's memory profiler; 0:
				 * it is off */
};

struct host {
	struct host_process *v;	/* by pid */
	size_t n;
	size_t n_hidden;	/* processes of which this user may not know what they run */
};

/* Tells the user on failure. */
int host_look(struct host *out);
/* Tells that it is hidden of n processes what they run, or that /proc does not show those of other
 * users, and what helps; where nothing is hidden nothing. */
void host_say_hidden(size_t n);
void host_fini(struct host *h);

/* Pids of all processes, to be freed.  Tells the user on failure. */
int host_pids(pid_t **pids, size_t *n);

/* The pid of the one Go process of that name: its comm, or the last part of its executable's path.
 * Tells the user on failure, -ESRCH: there is none, or there are several, and which. */
int host_find(const char *name, pid_t *pid);

#endif
