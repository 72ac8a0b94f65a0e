/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watchdog.h - ends the program when one of its system calls does not return.
 *
 * For waits in the kernel that only a fatal signal ends: memory behind FUSE or userfaultfd, whose
 * server is another process.  A thread wakes a few times in the time limit and compares a counter;
 * what is watched pays two stores.  A call that still makes progress, which swapping shows as major
 * faults, is left alone, and so is a program that was itself stopped or had no processor: what
 * counts is how often the thread saw no progress.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdint.h>

struct watchdog {
	uint64_t turn;		/* odd: in a watched call */
};

/* Watches the calling thread; message, printed before quick_exit(1), must outlive the watchdog.
 * Tells the user on failure. */
int watchdog_new(struct watchdog **out, unsigned limit_ms, const char *message);
void watchdog_free(struct watchdog *w);

/* Around the call; they do not nest. */
static inline void watchdog_begin(struct watchdog *w)
{
	__atomic_store_n(&w->turn, w->turn + 1, __ATOMIC_RELEASE);
}

static inline void watchdog_end(struct watchdog *w)
{
	__atomic_store_n(&w->turn, w->turn + 1, __ATOMIC_RELEASE);
}

#endif
