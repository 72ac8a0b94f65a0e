/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plant.h - a BPF program behind a set of probes: planted all at once, removed all at once.
 */
#ifndef PLANT_H
#define PLANT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>

/* What a program must be loaded for (expected_attach_type) to be planted. */
enum { PLANT_ATTACH_TYPE = 48 };	/* BPF_TRACE_UPROBE_MULTI, Linux 6.6 */

enum { EVENT_NAME = 80 };
enum { PLANT_FILES = 1024 };	/* descriptors, more than are needed for programs and probes */

struct plant {
	int link_fd;		/* uprobe_multi, or -1 */
	int event_fd;		/* the tracefs event of many points, or -1 */
	char event[EVENT_NAME];	/* its name, see tracefs.c */
};

#define NOT_PLANTED ((struct plant){ .link_fd = -1, .event_fd = -1 })

/* Where probes are to be planted. */
struct place {
	const char *path;	/* the file */
	pid_t pid;		/* the process that is meant; others may run the same file */
	const __u64 *offsets;	/* in the file */
	size_t n;
};

/* Plants the program: one uprobe_multi link, or before Linux 6.6 one tracefs event of many points.
 * Silent; -ENODEV: neither is there.  Call plant_remove(), plant_let_go() or plant_abandon() in
 * either case. */
int plant(struct plant *out, int prog_fd, const struct place *place);
/* Whether this kernel has uprobe_multi, and keeps the program from running for other processes. */
bool plant_has_multi(void);
bool plant_filters(void);
/* The program does not run any more when this returns: some 30 ms later, a grace period of the
 * kernel, and several do not share one. */
void plant_remove(struct plant *p);
/* The same without waiting, for uprobe_multi: returns a child of ours for plant_has_left(); 0: the
 * program does not run any more. */
pid_t plant_let_go(struct plant *p);
/* Whether what was let go does not run any more; true once it is, and then again for the same. */
bool plant_has_left(pid_t pid, bool wait);
/* The same in the background, for when it does not matter. */
void plant_abandon(struct plant *p);
/* Closes what holds probes, so that they go even if we are killed meanwhile. */
void close_for_good(int fd);
void plant_explain(int err);	/* tells the user why plant() failed */

#endif
