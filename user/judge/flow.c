// SPDX-License-Identifier: BSD-2-Clause
/*
 * flow.c - does a population grow, go on growing, and do its old ones stay?  Rules R1 to R3, by
 * samples alone.
 */
#include <math.h>

#include "user/judge/judge_internal.h"
#include "user/judge/stat.h"
#include "user/judge/thresholds.h"

static bool has_evidence(const struct net *late)
{
	return late->z >= EVIDENCE_Z && late->samples >= EVIDENCE_SAMPLES;
}

/* The last part may fall short of half of the one before by what chance explains. */
static bool goes_on(const struct window_flow *f, const struct window_span *span)
{
	struct net a = net_of(&f->part[1]), b = net_of(&f->part[2]);
	double ratio = PART_RATIO * span->part_s[2] / span->part_s[1];
	double error = sqrt(b.variance + ratio * ratio * a.variance);

	return a.z >= PART_Z && b.z >= PART_Z && b.sum + error >= ratio * a.sum;
}

static bool old_stay(const struct window_flow *f, const struct window_span *span)
{
	return samples_of(&f->old) >= OLD_SAMPLES &&
	       f->old_died.sum * span->seconds <= OLD_DEATHS * f->old_seconds;
}

static bool old_die(const struct window_flow *f, const struct window_span *span)
{
	return samples_of(&f->old_died) >= OLD_SAMPLES &&
	       f->old_died.sum * span->seconds > f->old_seconds;
}

/* By the upper end of the death rate of old ones. */
static double least_lifetime(const struct window_flow *f)
{
	double each = f->old.sum > 0 ? f->old.squares / f->old.sum : 0;

	return f->old_seconds > 0 ?
	       f->old_seconds / (each * poisson_high(samples_of(&f->old_died), 1.645)) : NAN;
}

static bool grew_early(const struct window_flow *f)
{
	return (net_of(&f->part[0]).z >= EVIDENCE_Z || net_of(&f->part[1]).z >= EVIDENCE_Z) &&
	       fabs(net_of(&f->part[2]).z) < FLAT_Z;
}

/* Most of what lived at the begin of part 2 has died. */
static bool churns(const struct window_flow *f)
{
	double lived = f->live.sum - f->late.born.sum + f->late.died.sum;

	return f->late.died.sum > lived / 2;
}

void judge_flow(const struct window_flow *f, const struct window_span *span,
		struct judged_flow *out)
{
	struct net late = net_of(&f->late);

	*out = (struct judged_flow){
		.is.rate = net_rate(&f->late, span->late_s), .is.lifetime_s = least_lifetime(f),
		.is.over_s = span->late_s,
		.grew_early = grew_early(f), .old_die = old_die(f, span),
	};
	if (!has_evidence(&late)) {
		if (samples_of(&f->live) + samples_of(&f->late.died) >= EVIDENCE_SAMPLES)
			out->is.verdict = churns(f) ? VERDICT_CHURN : VERDICT_STEADY;
		return;
	}
	if (!goes_on(f, span))
		out->is.missing |= MISSING_GOES_ON;
	if (!old_stay(f, span))
		out->is.missing |= MISSING_OLD_STAY;
	out->is.verdict = out->is.missing ? VERDICT_GROWING : VERDICT_LEAK;
	if (out->is.missing)	/* half the time more moves the parts by one */
		out->is.watch_s = span->seconds / 2;
}
