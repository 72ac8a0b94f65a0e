/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readings.h - the memory of one process over time: accounts, as they are read, are put into the
 * judge's words, and what they say together comes out.
 */
#ifndef READINGS_H
#define READINGS_H

#include <stdint.h>

struct gc_pacing;
struct memory_account;
struct memory_history;
struct readings;

void readings_new(struct readings **out, uint64_t start_ns);
void readings_free(struct readings *r);		/* NULL is fine */

/* An account that was read at this time, later than the one before.  What is not known of one is
 * not taken.  Now and then it has to know its mappings: what is not Go's is told by these. */
void readings_add(struct readings *r, const struct memory_account *m, uint64_t time_ns);

/* now: the last account, with what is known of its mappings. */
void readings_history(const struct readings *r, const struct memory_account *now,
		      struct memory_history *out);

/* Fills in when collections come, as memory has been allocated for about as long as that takes, for
 * some 10 s at least, or since the first account; NAN where that is too short a time to tell. */
void readings_pace(const struct readings *r, uint64_t live_bytes, struct gc_pacing *p);

#endif
