/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gofacts.h - what the file of a program tells of its types and variables, all together: what takes
 * long to read, and serves every look at the heap of whoever runs it.
 */
#ifndef GOFACTS_H
#define GOFACTS_H

#include <stddef.h>

struct gobin;
struct govars;
struct typeindex;

struct gofacts {
	struct typeindex *index;
	struct govars *vars;
	size_t bytes;		/* of memory */
};

/* -EBADMSG: the file is no longer the one that was opened. */
int gofacts_new(struct gofacts **out, const struct gobin *gb);
void gofacts_free(struct gofacts *f);		/* NULL is fine */

#endif
