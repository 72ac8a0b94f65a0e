/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resident.h - what of a process is in RAM, by what its mappings are.
 */
#ifndef RESIDENT_H
#define RESIDENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes in RAM. */
struct resident {
	uint64_t total;
	uint64_t own;		/* of the mappings that are said to be the runtime's heap */
	uint64_t files;		/* of files: the program with its variables, libraries, what it
				 * maps; memory that is shared between processes */
	uint64_t others;	/* anonymous ones: the runtime's tables, C, mmap */
};

/* is_own: whether the mapping that begins at addr is the heap's.  root: what stands before /proc,
 * "" but for tests.  0 or a negative errno: nothing is known.  The kernel walks through all pages:
 * some milliseconds for each GiB. */
int resident_read(const char *root, pid_t pid, bool (*is_own)(void *ctx, uint64_t addr), void *ctx,
		  struct resident *out);

#endif
