/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge_internal.h - what the parts of the judgement share: classes.c, stacks.c, groups.c,
 * together.c (sites to findings), judge.c (their order).
 */
#ifndef JUDGE_INTERNAL_H
#define JUDGE_INTERNAL_H

#include "user/judge/judge.h"

/* Takes a verdict back as long as there were too few cycles for any, or too little time for that of
 * a leak; and says how much longer it takes. */
void judge_take_early(const struct judge_limits *limits, uint64_t n_cycles, double seconds,
		      struct judgement *is);

/* A population of sampled objects or counted goroutines, by R1 to R3; what the class says is the
 * caller's to add. */
struct judged_flow {
	struct judgement is;	/* GROWING if R1 holds, with what is missing of R2 and R3; LEAK if
				 * nothing is; verdicts below that if not */
	bool grew_early;	/* in part 1 or 2, and not in part 3 */
	bool old_die;		/* within the time of the window: a population in balance */
};
void judge_flow(const struct window_flow *f, const struct window_span *span,
		struct judged_flow *out);

/* Takes the verdict of a leak back from a class where others shrink by as much: its neighbours by
 * objects, or any, so that the heap is certain to grow by less than half of that. */
void judge_shrinking(const struct judge_input *in, struct judge_class *c);
/* Whether a class grows, and neither by the buckets of maps nor by what has moved there. */
bool class_has_grown(const struct judge_class *c);
/* Whether the slope has the evidence that a class needs which stacks accuse; and whether the class
 * is without doubt slower than what a stack shows. */
bool class_grows(const struct judge_class *c);
bool class_goes_on(const struct judge_class *c);
bool class_contradicts(const struct judge_class *c, const struct estimate *rate);
/* Whether a type is known to have grown by most of this at least: where a class sways too much for
 * its slope to tell, its objects have been counted, those older than the attach too. */
bool class_type_grows(const struct judge_class *c, const struct estimate *rate);
/* Whether it is a leak, or lacks only time for that, or that what is allocated rises as well: it has
 * grown steadily by more than warm-ups and maps do. */
bool class_tells_alone(const struct judge_class *c);
/* Whether its growth is worth a word: without a type that is known to grow it takes more, since
 * connections and overflow buckets of maps grow, too. */
bool class_tells(const struct judge_class *c);
/* Whether stacks leave most of its growth unexplained; sites: there are any.  What has no
 * evidence of its own explains nothing: some samples, which is all that those of other allocations
 * may leave it. */
bool class_is_unexplained(const struct judge_class *c, bool sites);

/* Whether what grows in a class are descriptors of goroutines, whose finding tells of them. */
bool goroutines_grow(const struct judge_input *in);
bool class_goes_with_goroutines(const struct judge_input *in, const struct judge_class *c);

void judge_sites(struct judge_input *in);
void judge_group(struct judge_group *g, const struct judge_limits *limits,
		 const struct window_span *span);

/* Which sites and groups are one finding; in no order. */
void judge_together(struct judge_input *in, struct judge_result *out);

#endif
