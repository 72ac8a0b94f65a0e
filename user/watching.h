/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watching.h - one process over time, without a probe: the census, its goroutines, its memory, and
 * what is thought of them.  The essay is in watching.c.
 */
#ifndef WATCHING_H
#define WATCHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_view;
struct process;
struct watched;
struct watching;

struct watching_options {
	uint64_t min_cycles;	/* no leak is called before */
	double min_s;
	size_t memory_bytes;	/* of our own, for its goroutines */
};

/* The process must outlive it. */
void watching_new(struct watching **out, struct process *p, const struct watching_options *opt,
		  uint64_t now_ns);
void watching_free(struct watching *w);		/* NULL is fine */

/*
 * Does what is due.  1: it has been judged anew; 0.  *next_ns: when to be called again; later is
 * allowed, see census_poll.h, and so is earlier once watching_is_due().  -ESRCH: the process has
 * ended or runs another program; others: it cannot be read, or contradicts itself; says nothing to
 * the user.  now_ns: CLOCK_MONOTONIC.
 */
int watching_turn(struct watching *w, uint64_t now_ns, uint64_t *next_ns);

/* Who is awake anyway need not wake again for what comes in the last eighth of the time between what
 * was done at last_ns and is to be done at next_ns. */
bool watching_is_due(uint64_t last_ns, uint64_t next_ns, uint64_t now_ns);

/* Reads what can be read, and judges. */
void watching_judge(struct watching *w, uint64_t now_ns);

/* What of its heap grew between two looks; NULL: that is not known any more.  Taken into account from
 * the next judgement on. */
void watching_know(struct watching *w, const struct heap_view *growth);

/* That the goroutines of a go statement are suppressed, as those told of from now on say. */
void watching_suppress(struct watching *w, uint64_t gopc);

/* As of the last judgement and reading; good until the next turn. */
const struct watched *watching_told(const struct watching *w);

#endif
