/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress.h - a sign of life: one line on a terminal, written anew each second.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct memory_account;
struct tracing_status;

struct progress {
	bool wanted;
	uint64_t until_ns, until_cycles;	/* how long it will go on, each 0: not known */
	uint64_t next_ns;		/* not before */
	uint64_t before_ns, hits;	/* at the one before */
	double spent_ns;
};

/* wanted: nobody has asked for quiet, and nobody else writes there.  There is none where stderr is no
 * terminal that can erase a line. */
void progress_begin(struct progress *p, bool wanted, uint64_t until_ns, uint64_t until_cycles);
/* To be asked often, before s is found out. */
bool progress_due(const struct progress *p, uint64_t now_ns);
void progress_look(struct progress *p, uint64_t since_ns, uint64_t now_ns);	/* at a heap */
void progress_show(struct progress *p, const struct tracing_status *s, uint64_t now_ns);

/* How long n collections may take, as a process has collected in the age_s of its life; to be freed.
 * NULL: not long, or nothing tells. */
char *progress_wait(const struct memory_account *m, double age_s, uint64_t n);

#endif
