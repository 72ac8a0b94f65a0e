/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h - every cap of user space in one place.  What goes over a cap is counted and shown.
 */
#ifndef LIMITS_H
#define LIMITS_H

enum {
	MAX_TRACK_BYTES = 192 << 20,	/* objects, stacks and goroutines that are followed */
	MAX_SIZES_BYTES = 8 << 20,	/* known sizes of objects; found again when they are too many */
	MAX_SERIES_BYTES = 16 << 20,	/* of each of the two series of counts over time */
	MAX_SITE_INDEX_BYTES = 128 << 20, /* while findings are made */
	MAX_SITE_NODES = 1 << 19,	/* stack prefixes whose allocated type is remembered */
	MAX_GOROUTINES = 1 << 22,	/* read from the runtime's table */
	MAX_G_STACK_BYTES = 1 << 18,	/* of one goroutine's stack that are read to unwind it */
	MAX_G_FRAMES = 128,
	MAX_FUNC_BYTES = 1 << 16,	/* of one function that is decoded */
	MAX_NAME = 4096,		/* bytes of a Go type's or function's name */
};

#endif
