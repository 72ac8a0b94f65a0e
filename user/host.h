/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.h - the Go processes of this host.
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
	char *comm;
	char *refused;		/* why it cannot be traced, as -p would say it; NULL: it can */
	/* What follows is not known of one that is refused: NULL, UNKNOWN_U64. */
	char *go_version;
	bool stripped;
	uint64_t rss, live_heap;	/* bytes */
};

struct host {
	struct host_process *v;	/* by pid */
	size_t n;
	size_t n_hidden;	/* processes of which this user may not know what they run */
};

/* Tells the user on failure. */
int host_look(struct host *out);
void host_fini(struct host *h);

/* The pid of the one Go process of that name: its comm, or the last part of its executable's path.
 * Tells the user on failure, -ESRCH: there is none, or there are several, and which. */
int host_find(const char *name, pid_t *pid);

#endif
