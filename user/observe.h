/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * observe.h - what every observation has of a process, traced or not.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

struct goroutines;
struct observation;
struct process;
struct roster;

/* What memory the process may come to, if that is known. */
void observe_room(struct process *p, struct observation *o);
/* Copies what a report says of the target. */
void observe_target(const struct process *p, struct observation *o);
/* The table of goroutines as it was read; the pcs are taken over.  Nothing is known of starts. */
void observe_table(struct goroutines *gs, struct observation *o);
/* Where that cannot be read any more: what they waited for when it was last read. */
void observe_waiting(const struct roster *r, struct observation *o);

#endif
