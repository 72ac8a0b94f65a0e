/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h - every cap of user space in one place.  What goes over a cap is counted and shown.
 */
#ifndef LIMITS_H
#define LIMITS_H

enum {
	MAX_OBJECTS = 1 << 24,		/* live objects followed (24 bytes each, up to 3/4 full) */
	MAX_TRACKED_STACKS = 1 << 18,
	MAX_ACCOUNTS = 1 << 19,		/* (stack, type, size) triples */
	MAX_GOROUTINES = 1 << 22,
	MAX_G_STACK_BYTES = 1 << 18,	/* of one goroutine's stack that are read to unwind it */
	MAX_G_FRAMES = 128,
	MAX_FUNC_BYTES = 1 << 16,	/* of one function that is decoded */
	MAX_NAME = 4096,		/* bytes of a Go type's or function's name */
};

#endif
