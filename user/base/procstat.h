/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procstat.h - one number out of /proc/PID/stat.
 */
#ifndef PROCSTAT_H
#define PROCSTAT_H

#include <stdint.h>

enum procstat_field {		/* counted from 1, as proc(5) does */
	PROCSTAT_FLAGS = 9,	/* PF_* of the kernel's sched.h */
	PROCSTAT_MAJFLT = 12,
	PROCSTAT_STARTTIME = 22, /* clock ticks since boot */
	PROCSTAT_STARTSTACK = 28,
};

/* fd: an open stat file, read anew from its start at each call; any number of fields, in any order.
 * 0 or a negative errno: -ESRCH when the task has been collected by its parent. */
int procstat_read(int fd, const enum procstat_field *fields, uint64_t *values, int n);

#endif
