/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strata.h - how many allocations each recorded one stands for: the time is cut into strata, of
 * each of which the number of allocations is known exactly, class by class, and what was recorded
 * in it is scaled to that number.  Pure arithmetic; the essay is in strata.c.
 */
#ifndef STRATA_H
#define STRATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strata;

enum {
	STRATA_CLASSES = 68,	/* size classes; 0: large objects */
	STRATA_SLOTS = 64,	/* of each kind: strata that are kept apart */
	STRATA_BURSTS = 0x80,	/* in the number of a slot: of the kind that listens in bursts */
};

/* max_bytes: of memory, as far as there is room for a few strata.  The first stratum is open, and
 * listens throughout. */
void strata_new(struct strata **out, size_t max_bytes);
void strata_free(struct strata *s);		/* NULL is fine */

/* A sample of the open stratum; weight: 1 / the chance with which one like it was recorded, 1 if it
 * was certain to be (in bursts: while one listened). */
void strata_add(struct strata *s, unsigned class, double weight);

/* Whether, throughout the open stratum, some are not certain to be recorded, though none may have
 * come; at first, and after each end, all are. */
void strata_skips(struct strata *s, bool skips);

/* To be remembered with a sample: the slot of its stratum. */
static inline bool strata_is_bursts(uint8_t slot)
{
	return slot & STRATA_BURSTS;
}
uint8_t strata_open_slot(const struct strata *s);

/*
 * Ends the open stratum and opens another.
 *	allocs: how many there were of each class, recorded or not; NULL: not known
 *	listened: the share of its time in which one listened, above 0.  Below 1 in bursts; and
 *		throughout, if all were certain to be recorded but for some of it none could be
 *	bursts: how the next one listens
 * true: there was no more room for the one that is opened, and all strata of its kind were joined
 * in pairs: a slot of that kind that was remembered is now strata_joined(slot).
 */
bool strata_close(struct strata *s, const uint64_t *allocs, double listened, bool bursts);

static inline uint8_t strata_joined(uint8_t slot)
{
	return (slot & STRATA_BURSTS) | (slot & (STRATA_BURSTS - 1)) >> 1;
}

/* What is known of one class in the stratum of a slot. */
struct stratum {
	bool counted;		/* how many allocations there were */
	double factor;		/* a sample of weight w stands for w * factor allocations */
	unsigned group;		/* throughout: strata of one group have one factor */
	uint32_t group_n;	/* samples of all of them */
	/* in bursts: */
	unsigned n_windows;	/* that are over */
	double plain;		/* what factor would be without the census */
	double scaled;		/* plain times the weights of all samples of the class */
	double pull;		/* see strata.c */
	double missing;		/* allocations that no sample stands for, if positive in sum */
};
/* Good until a sample is added or a stratum ends. */
const struct stratum *strata_get(struct strata *s, uint8_t slot, unsigned class);
/* How many there were of each class in the open stratum until now: good until a sample is added to
 * it or it ends. */
void strata_so_far(struct strata *s, const uint64_t allocs[STRATA_CLASSES]);
/* What was allocated of a class in all strata, and was not certain to be recorded, over what its
 * samples sum up to without the census; 1: no sample. */
double strata_ratio(struct strata *s, unsigned class);
/* Whether bursts have begun, and their windows are still so few that they may have met nothing of
 * what comes in runs. */
bool strata_few(const struct strata *s);
/* How many of a class may have been allocated in bursts by somebody whom no window has met (95 %). */
double strata_unmet(struct strata *s, unsigned class);
/* How many of a class may have been allocated, throughout, by somebody who has no sample among those
 * that were not certain to be recorded (95 %). */
double strata_unchosen(struct strata *s, unsigned class);
/* Whether there are any, of any class. */
bool strata_any_unchosen(struct strata *s);
/* How many of a class were allocated, throughout, while none could be recorded: nobody knows whose
 * they are, and no sample stands for them. */
double strata_gone(const struct strata *s, unsigned class);
/* Whether there are any, of any class. */
bool strata_any_gone(const struct strata *s);
/* How many slots of a kind are in use, from 0 on, the open one included if it is of that kind. */
unsigned strata_n(const struct strata *s, bool bursts);

#endif
