// SPDX-License-Identifier: BSD-2-Clause
/*
 * leftout.c - what is not shown goes behind what is: what is told of all of them still finds it
 * there.
 */
#include "user/leftout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/model.h"

enum place { SHOWN, SUPPRESSED, SLOW, N_PLACES };	/* of findings: SHOWN or SLOW */

/* An array that is put in order of places. */
struct parting {
	enum place *place;	/* of each element, by its index before */
	size_t *to;		/* where it has gone */
	size_t n, count[N_PLACES];
};

static void begin(struct parting *p, size_t n)
{
	*p = (struct parting){ .n = n, .place = xcalloc(n, sizeof(*p->place)),
			       .to = xcalloc(n, sizeof(*p->to)) };
}

static void end(struct parting *p)
{
	free(p->place);
	free(p->to);
}

static void part(struct parting *p, void *array, size_t size)
{
	size_t next[N_PLACES] = { 0 };
	char *v = array, *copy = xcalloc(p->n, size);

	for (size_t i = 0; i < p->n; i++)
		p->count[p->place[i]]++;
	for (size_t k = 1; k < N_PLACES; k++)
		next[k] = next[k - 1] + p->count[k - 1];
	for (size_t i = 0; i < p->n; i++) {
		p->to[i] = next[p->place[i]]++;
		memcpy(copy + p->to[i] * size, v + i * size, size);
	}
	if (p->n)
		memcpy(v, copy, p->n * size);
	free(copy);
}

static void follow(const struct parting *p, size_t *index)
{
	if (*index != NO_INDEX)
		*index = p->to[*index];
}

/* ---- findings -------------------------------------------------------------------------------- */

/* What is not known yet may be more. */
static bool is_slow(double rate, double least)
{
	return rate < least;		/* not NAN */
}

static bool is_slow_finding(const struct findings *f, const struct finding *found)
{
	const struct filter *by = &f->filter;

	if (found->gsite != NO_INDEX && by->min_goroutine_rate > 0)
		return is_slow(found->is.rate.value, by->min_goroutine_rate);
	return by->min_rate > 0 && is_slow(found->rate.value, by->min_rate);
}

/* The filter of objects may have left no site of it, or not the one that grows most. */
static void find_site(const struct findings *f, size_t number, struct finding *found)
{
	size_t best = NO_INDEX;

	for (size_t i = 0; i < f->n_sites; i++)
		if (f->sites[i].finding == number && !f->sites[i].suppressed &&
		    (best == NO_INDEX ||
		     f->sites[i].is.rate.low > f->sites[best].is.rate.low))
			best = i;
	found->site = best;
}

/* Nothing that passes is part of it. */
static bool is_empty(const struct findings *f, const struct finding *found)
{
	const struct filter *by = &f->filter;
	const uint64_t size = found->class_size;

	if (!found->class_alone)
		return found->site == NO_INDEX && found->gsite == NO_INDEX;
	return size && (size < by->min_object || (by->max_object && size > by->max_object));
}

static void part_findings(struct findings *f)
{
	struct verdicts *v = &f->verdicts;
	struct parting p;

	begin(&p, v->n_findings);
	for (size_t i = 0; i < p.n; i++) {
		struct finding *found = &v->findings[i];

		if (is_empty(f, found) || is_slow_finding(f, found))
			p.place[i] = SLOW;
		f->filtered.n_leaks += p.place[i] == SLOW && found->verdict == VERDICT_LEAK;
	}
	part(&p, v->findings, sizeof(*v->findings));
	v->n_findings = p.count[SHOWN];
	f->filtered.n_findings = p.count[SLOW];
	for (size_t i = 0; i < f->n_sites; i++)
		follow(&p, &f->sites[i].finding);
	for (size_t i = 0; i < f->n_gsites; i++)
		follow(&p, &f->gsites[i].finding);
	end(&p);
}

/* ---- sites ----------------------------------------------------------------------------------- */

/* What is part of a finding that is shown stays with it. */
static enum place place_of(const struct findings *f, bool suppressed, size_t finding, double rate,
			   double least)
{
	if (suppressed)
		return SUPPRESSED;
	return (finding == NO_INDEX || finding >= f->verdicts.n_findings) && least > 0 &&
	       is_slow(rate, least) ? SLOW : SHOWN;
}

static void part_sites(struct findings *f)
{
	struct parting p;

	begin(&p, f->n_sites);
	for (size_t i = 0; i < p.n; i++) {
		const struct heap_site *s = &f->sites[i];

		p.place[i] = place_of(f, s->suppressed, s->finding, s->rate.value,
				      f->filter.min_rate);
	}
	part(&p, f->sites, sizeof(*f->sites));
	f->n_sites = p.count[SHOWN];
	f->n_sites_suppressed = p.count[SUPPRESSED];
	f->n_sites_slow = p.count[SLOW];
	for (size_t i = 0; i < f->verdicts.n_findings + f->filtered.n_findings; i++)
		follow(&p, &f->verdicts.findings[i].site);
	end(&p);
}

static void part_gsites(struct findings *f)
{
	struct parting p;

	begin(&p, f->n_gsites);
	for (size_t i = 0; i < p.n; i++) {
		const struct goroutine_site *s = &f->gsites[i];

		p.place[i] = place_of(f, s->suppressed, s->finding, s->rate_per_s,
				      f->filter.min_goroutine_rate);
	}
	part(&p, f->gsites, sizeof(*f->gsites));
	f->n_gsites = p.count[SHOWN];
	f->n_gsites_suppressed = p.count[SUPPRESSED];
	f->n_gsites_slow = p.count[SLOW];
	for (size_t i = 0; i < f->verdicts.n_findings + f->filtered.n_findings; i++)
		follow(&p, &f->verdicts.findings[i].gsite);
	end(&p);
}

void left_out_find_sites(struct findings *f)
{
	for (size_t i = 0; i < f->verdicts.n_findings; i++)
		find_site(f, i, &f->verdicts.findings[i]);
}

void left_out(struct findings *f)
{
	part_findings(f);
	part_sites(f);
	part_gsites(f);
}
