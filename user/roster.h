/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster.h - which goroutines run, from one reading of the runtime's table to the next: how many of
 * each go statement came and went, those older than the attach included.
 */
#ifndef ROSTER_H
#define ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct goroutines;
struct roster;
struct window;

/* start_ns: the begin of the window. */
void roster_new(struct roster **out, uint64_t start_ns, size_t max_bytes);
void roster_free(struct roster *r);		/* NULL is fine */

/* The table as read at a time, stacks are not needed.  The runtime's own goroutines are left out.
 * The first one tells who is older than the window.  One that is not whole tells nothing: who is
 * missing may still run; nor one that finds no room. */
void roster_read(struct roster *r, const struct goroutines *gs, uint64_t time_ns);

/* Goroutines of one go statement that were in one state when they were last read. */
struct roster_waiting {
	uint64_t key;		/* for the roster itself */
	uint64_t gopc, startpc;	/* as of one of them */
	char *state;		/* as of struct goroutine */
	uint64_t n;
	bool main;		/* goroutine 1 is one of them */
};

/* The one behind w, NULL: the first; until NULL comes back.  Good until the next reading. */
const struct roster_waiting *roster_waiting(const struct roster *r, const struct roster_waiting *w);

/* Births and deaths by goroutine.gopc. */
const struct window *roster_window(const struct roster *r);

#endif
