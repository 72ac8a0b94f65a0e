/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings.h - from what was tracked and what the runtime says to what a report prints.
 */
#ifndef FINDINGS_H
#define FINDINGS_H

#include <stdint.h>

struct findings;
struct session;

/* Everything a report of this moment needs; reads goroutines and memory of the process if it is
 * still there.  The findings point into the session.  Free with findings_free(). */
struct findings *findings_make(struct session *s);
void findings_free(struct findings *f);

#endif
