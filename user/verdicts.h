/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdicts.h - what is thought of the sites, goroutines and size classes of findings.
 */
#ifndef VERDICTS_H
#define VERDICTS_H

struct findings;
struct observation;
struct site;
struct sites;

/* Fills in f->verdicts and what is thought of each site and class, when all else of f is there and
 * in order.  stacks: the sites of o->stacks, NULL of those without accounts. */
void verdicts_make(struct findings *f, const struct observation *o, struct sites *sites,
		   const struct site *const *stacks);

/* The same of one look, of which only the memory can be told. */
void verdicts_look(struct findings *f, const struct observation *o);

#endif
