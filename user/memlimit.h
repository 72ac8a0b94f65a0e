/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memlimit.h - how much memory a process may come to before the kernel kills something.
 */
#ifndef MEMLIMIT_H
#define MEMLIMIT_H

#include <stdint.h>
#include <sys/types.h>

struct memlimit {
	uint64_t bytes;		/* the limit */
	uint64_t used;		/* of it, by all that it holds for; without cached files that the
				 * kernel gives up first */
	const char *of;		/* "cgroup" or "machine" */
};

/* Of its cgroup, of one above that, or of the machine: the one to which least is left.  Swap is left
 * out.  root: what stands before /proc and /sys, "" but for tests.  0 or a negative errno: nothing is
 * known. */
int memlimit_read(const char *root, pid_t pid, struct memlimit *out);

#endif
