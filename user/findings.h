/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings.h - from one observation to what a report prints.
 *
 * A pure function: no process, no clock, nothing read.
 */
#ifndef FINDINGS_H
#define FINDINGS_H

struct findings;
struct observation;
struct sites;

/* Everything a report of this observation needs.  Owns what it holds, and holds the sites it
 * borrows, so the observation and the sites may go and several findings can be kept.  Free with
 * findings_free(). */
struct findings *findings_make(const struct observation *o, struct sites *sites);
void findings_free(struct findings *f);		/* NULL is fine */

#endif
