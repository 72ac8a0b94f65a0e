// SPDX-License-Identifier: BSD-2-Clause
/*
 * intake.c - between the probes and track: windows are weighed, stretches are counted.
 */
#include "user/intake.h"

#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/pace.h"
#include "user/process.h"
#include "user/track/track.h"
#include "user/burst.h"

_Static_assert((int)BURST_CLASSES == (int)CENSUS_CLASSES, "size classes");

/* What was counted between two readings of the runtime's counters. */
struct span {
	struct pace from;	/* time_ns 0: not known */
	double recorded[CENSUS_CLASSES];	/* in windows */
	double open_ns;				/* how long they were open */
};

struct intake {
	struct process *p;
	struct track *track;
	struct burst *burst;
	bool bursts;
	bool some_only, only[CENSUS_CLASSES];	/* size classes that are listened to */
	uint64_t fed_ns;		/* of the window that is open, until the last time it was
					 * fed */
	struct span before, now;	/* the last stretch, and the present one */
};

void intake_new(struct intake **out, struct process *p, struct track *track)
{
	struct intake *in = xcalloc(1, sizeof(*in));

	in->p = p;
	in->track = track;
	burst_new(&in->burst, 0);
	pace_read(p, &in->now.from);
	*out = in;
}

void intake_free(struct intake *in)
{
	if (!in)
		return;
	burst_free(in->burst);
	free(in);
}

unsigned intake_class(uint64_t slot_bytes)
{
	for (unsigned i = 1; i < CENSUS_CLASSES; i++)
		if (golayout_class_size(i) == slot_bytes)
			return i;
	return 0;
}

void intake_only(struct intake *in, const bool *classes)
{
	in->some_only = classes != NULL;
	if (classes)
		memcpy(in->only, classes, sizeof(in->only));
}

static bool is_counted(const struct intake *in, unsigned class)
{
	return !in->some_only || in->only[class];
}

/* ---- windows --------------------------------------------------------------------------------- */

bool intake_alloc(struct intake *in, const struct gl_alloc *rec, uint64_t slot_bytes, bool tiny)
{
	const struct burst_record r = { .rec = *rec, .bytes = slot_bytes, .tiny = tiny,
					 .class = (uint8_t)intake_class(slot_bytes) };

	if (!in->bursts) {
		track_alloc(in->track, rec, slot_bytes, tiny, now_ns());
		return true;
	}
	if (!is_counted(in, r.class)) {
		track_end(in->track, rec->addr);
		return true;
	}
	if (!burst_add(in->burst, &r))
		return false;
	in->now.recorded[r.class] += burst_counted(&r);
	return true;
}

static void feed(void *ctx, const struct burst_record *r)
{
	struct intake *in = ctx;

	track_alloc(in->track, &r->rec, r->bytes, r->tiny, now_ns());
}

/* How many there are of a class in so many ns outside of windows, lately; one is or was open for
 * open_ns. */
static bool expect(const struct intake *in, uint64_t open_ns, double ns,
		   double expected[CENSUS_CLASSES])
{
	const struct span *first = in->before.from.counts.time_ns ? &in->before : &in->now;
	struct pace now;
	double closed_ns;

	if (!first->from.counts.time_ns || !pace_read(in->p, &now))
		return false;
	closed_ns = (double)(now.counts.time_ns - first->from.counts.time_ns) -
		    in->before.open_ns - in->now.open_ns - (double)open_ns;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		double closed = (double)(int64_t)(now.allocs[i] - first->from.allocs[i]) -
				in->before.recorded[i] - in->now.recorded[i];

		expected[i] = closed > 0 && is_counted(in, i) ? closed / closed_ns * ns : 0;
	}
	return closed_ns > 0;
}

void intake_window(struct intake *in, uint64_t open_ns, double hit_ns, bool over)
{
	double expected[CENSUS_CLASSES];
	struct burst_facts facts = { .hit_ns = hit_ns, .open_ns = (double)open_ns, .over = over };

	if (open_ns > in->fed_ns &&
	    expect(in, open_ns, (double)(open_ns - in->fed_ns), expected))
		facts.expected = expected;
	burst_feed(in->burst, &facts, feed, in);
	in->fed_ns = over ? 0 : open_ns;
	if (over)
		in->now.open_ns += (double)open_ns;
}

/* ---- stretches ------------------------------------------------------------------------------- */

/* How many there were of each class in the present one until *now, the counters of this moment; false:
 * that is not known, now->counts.time_ns is 0 if it is because of them. */
static bool count(const struct intake *in, struct pace *now, uint64_t allocs[CENSUS_CLASSES])
{
	const struct pace *from = &in->now.from;

	if (!pace_read(in->p, now)) {
		now->counts.time_ns = 0;
		return false;
	}
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		allocs[i] = now->allocs[i] > from->allocs[i] &&
			    (!in->bursts || is_counted(in, i)) ?
			    now->allocs[i] - from->allocs[i] : 0;
	return from->counts.time_ns != 0;
}

void intake_so_far(struct intake *in)
{
	uint64_t allocs[CENSUS_CLASSES];
	struct pace now;

	if (count(in, &now, allocs))
		track_so_far(in->track, allocs);
}

void intake_stretch(struct intake *in, double open, bool bursts)
{
	uint64_t allocs[CENSUS_CLASSES];
	struct pace now;

	track_stratum(in->track, count(in, &now, allocs) ? allocs : NULL, open, bursts);
	/* what was before may have been long, and not at all like what is now */
	in->before = in->bursts ? in->now : (struct span){ 0 };
	in->now = (struct span){ .from = now };
	in->bursts = bursts;
}
