/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracefs.h - the way to plant probes before Linux 6.6.
 */
#ifndef TRACEFS_H
#define TRACEFS_H

struct place;
struct plant;

/* As plant(), with a tracefs event. */
int plant_event(struct plant *out, int prog_fd, const struct place *place);
/* Nothing if there is no event. */
void remove_event(struct plant *p);

/* Removes the events that tracers which are dead have left behind.  dir: where tracefs is mounted,
 * proc: where procfs is. */
void remove_stale_events(const char *dir, const char *proc);

#endif
