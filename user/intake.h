/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intake.h - allocations on their way to track: what each stands for, and how many there were in
 * truth, stretch of time by stretch of time.
 */
#ifndef INTAKE_H
#define INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "include/gobpfleak.h"

struct intake;
struct process;
struct track;

/* Both must outlive it.  The first stretch begins now, and is not one of bursts. */
void intake_new(struct intake **out, struct process *p, struct track *track);
void intake_free(struct intake *in);		/* NULL is fine */

/* A recorded allocation; slot_bytes and tiny as objsize_get() has them.  In bursts it waits until
 * the window is over.  false: too many wait, intake_window() must be called before this one. */
bool intake_alloc(struct intake *in, const struct gl_alloc *rec, uint64_t slot_bytes, bool tiny);

/* A window that has been open for so long has ended, or has not if it is not over: what waits goes
 * to track.  hit_ns: what a hit takes of the target's time. */
void intake_window(struct intake *in, uint64_t open_ns, double hit_ns, bool over);

/* A stretch is over, of which one listened for this share (as track_stratum() takes it), and the
 * next begins; every record of it has been given to intake_alloc(). */
void intake_stretch(struct intake *in, double open, bool bursts);

/* What track says was allocated goes up to now, though the stretch is not over, where the runtime's
 * counters can be read. */
void intake_so_far(struct intake *in);

/* From the next stretch on only these size classes are listened to in bursts, as far as records of
 * others come they are not counted; NULL: all. */
void intake_only(struct intake *in, const bool *classes);

/* Index of the size class of a slot of so many bytes, 0: a large object. */
unsigned intake_class(uint64_t slot_bytes);

#endif
