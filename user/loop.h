/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h - waits for descriptors, times and signals, and calls who asked for them.
 *
 * Knows nothing of what is done there.  One thread; functions that return int return 0 or a
 * negative errno.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

int loop_open(struct loop **out);
void loop_close(struct loop *l);	/* NULL is fine; the signals stay blocked */

/* fn is called whenever fd can be read; fd remains the caller's. */
int loop_add(struct loop *l, int fd, void (*fn)(void *ctx), void *ctx);

/* fn is called for each of these signals (the list ends with 0), which are blocked from now on.
 * from_terminal: a key of the terminal made it, so the whole foreground process group has it. */
int loop_signals(struct loop *l, const int *signals,
		 void (*fn)(void *ctx, int signal, bool from_terminal), void *ctx);

/* timeout(1) and others signal a process and then its group: what comes so soon after the first
 * and from no terminal says nothing new. */
#define LOOP_ECHO_NS 500000000ull
/* Whether one that comes now is such an echo; first_ns: when the first came, 0: there was none.
 * May be asked by a handler of signals. */
bool loop_is_echo(uint64_t first_ns, bool from_terminal);

/* Long work ends early when this is true: one of these signals (the list ends with 0) waits to be
 * handled, and is no echo, or CLOCK_MONOTONIC has reached end_ns (0: never).  Cheap to ask. */
void loop_interrupt_on(struct loop *l, const int *signals);
void loop_interrupt_at(struct loop *l, uint64_t end_ns);
bool loop_interrupted(struct loop *l);

/* Waits until something is to be done, and has it done. */
int loop_wait(struct loop *l);
/* The same, but no longer than until that time by CLOCK_MONOTONIC; may be late by the slack of
 * timers, prctl(2). */
int loop_wait_until(struct loop *l, uint64_t time_ns);

#endif
