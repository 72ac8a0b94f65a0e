/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h - every cap of user space in one place.  What goes over a cap is counted and shown.
 */
#ifndef LIMITS_H
#define LIMITS_H

enum {
	/* Shares of our own memory (--memory), in percent.  What is not given away here are the
	 * ring, the binary's tables, and a second copy of stacks, accounts and goroutines while a
	 * report is made. */
	TRACK_PERCENT = 36,		/* objects, stacks and goroutines that are followed */
	SERIES_PERCENT = 3,		/* of each of the two series of counts over time */
	SITES_PERCENT = 18,		/* named stacks */
	TABLE_PERCENT = 10,		/* goroutines as read from the runtime's table */
	MAX_SITE_NODES = 1 << 19,	/* stack prefixes whose allocated type is remembered */
	DEFAULT_MEMORY = 256 << 20,
	MAX_GOROUTINES = 1 << 22,	/* read from the runtime's table */
	MAX_G_STACK_BYTES = 1 << 18,	/* of one goroutine's stack that are read to unwind it */
	MAX_G_FRAMES = 128,
	MAX_STACK_BYTES = 1 << 30,	/* of all goroutines' stacks that one look reads */
	MAX_FUNC_BYTES = 1 << 16,	/* of one function that is decoded */
	MAX_NAME = 4096,		/* bytes of a Go type's or function's name */
	MAX_DWARF_SECTION = 1 << 28,	/* bytes, packed or not; a Go program of 170 MB has 48 MB */
	MAX_DWARF_BYTES = 1 << 26,	/* that are in memory, unpacked, at one time */
	MAX_DWARF_ABBREVS = 1 << 22,	/* bytes; libdw makes a struct of each four; Go's are 360 */
	MAX_DWARF_UNITS = 1 << 16,	/* likewise; a Go program of 137 MB has 1152 */
};

#endif
