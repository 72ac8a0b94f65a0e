/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procself.h - what this program itself takes.
 */
#ifndef PROCSELF_H
#define PROCSELF_H

#include <stdbool.h>
#include <stdint.h>

double procself_cpu_s(void);	/* processor time since the start */
uint64_t procself_rss(void);	/* resident bytes; UINT64_MAX: not known */

/* Fewer than so many more files can be opened; *limit: of all, at once. */
bool procself_few_files(unsigned int n, uint64_t *limit);

/* Whoever is woken does not take the processor away from who runs there, sched(7), SCHED_BATCH.  For
 * this thread; children of its own begin without. */
void procself_give_way(void);

#endif
