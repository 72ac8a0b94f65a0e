/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gclog.h - the collections of a process while it is traced, one after the other.
 */
#ifndef GCLOG_H
#define GCLOG_H

struct gclog;
struct gomem;
struct observation;

/* From now on; gm must outlive it. */
void gclog_new(struct gclog **out, struct gomem *gm);
void gclog_free(struct gclog *l);		/* NULL is fine */

/* To be called every few ms: of a collection that is followed by another before this is called,
 * only end and pause are known. */
void gclog_look(struct gclog *l);

/* Those since the begin, and how many there was no room for. */
void gclog_fill(const struct gclog *l, struct observation *o);

#endif
