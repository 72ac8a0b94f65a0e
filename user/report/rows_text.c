// SPDX-License-Identifier: BSD-2-Clause
/*
 * rows_text.c - what rows of sites have in common: numbers, rates, the word of a judgement.
 */
#include "user/report/sections.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/text.h"
#include "user/base/util.h"
#include "user/model.h"
#include "user/report/line.h"
#include "user/report/report.h"

uint64_t report_whole_objects(double n)
{
	return n > 0 && n < 1 ? 1 : report_whole(n);
}

struct report_words report_count_of(double objects)
{
	return report_count(report_whole_objects(objects));
}

struct report_words report_size_of(double bytes)
{
	return report_bytes(report_whole(bytes));
}

void report_rate(struct line *l, const struct estimate *per_s,
		 char *(*words)(const struct estimate *per_s), double span_s)
{
	char *rate;

	if (!isfinite(per_s->value)) {
		item(l, "  ", "rate: too early");
		return;
	}
	rate = words(per_s);
	item(l, "  ", "%s", rate);
	if (span_s > 0)
		item(l, " ", "over the last %s", report_duration(span_s).s);
	free(rate);
}

const char *report_source_now(const struct findings *f)
{
	const char *source = NULL;

	for (size_t i = 0; i < f->n_listened; i++)
		if (!f->listened[i].goroutines)
			source = f->listened[i].source;
	return source;
}

/* Whether there are no samples that anything could be too few of. */
static bool all_recorded(const struct findings *f)
{
	bool all = f->followed_one_in == 1 && !f->listened_left_out && report_source_now(f);

	for (size_t i = 0; i < f->n_listened; i++)
		all = all && (f->listened[i].goroutines || !strcmp(f->listened[i].source, "every"));
	return all;
}

enum lack report_lack_of(const struct findings *f, const struct judgement *is, bool goroutines)
{
	if (is->verdict != VERDICT_TOO_FEW)
		return LACKS_NOTHING;
	if (is->missing & MISSING_CYCLES)
		return goroutines ? LACKS_LOOKS : LACKS_COLLECTIONS;
	if (goroutines)
		return LACKS_GOROUTINES;
	return all_recorded(f) ? LACKS_OBJECTS : LACKS_SAMPLES;
}

const char *report_lack_words(enum lack lack)
{
	static const char *const words[N_LACKS] = {
		[LACKS_COLLECTIONS] = "too few collections", [LACKS_LOOKS] = "too few looks",
		[LACKS_OBJECTS] = "too few objects", [LACKS_SAMPLES] = "too few samples",
		[LACKS_GOROUTINES] = "too few goroutines at once",
	};

	return words[lack];
}

bool report_stuck(const struct judgement *is)
{
	return is->certain && (is->verdict == VERDICT_STEADY || is->verdict == VERDICT_PLATEAU);
}

void report_word(struct line *l, const struct findings *f, const struct judgement *is,
		 bool goroutines)
{
	enum lack lack = report_lack_of(f, is, goroutines);

	if (!f->verdicts.known)
		return;
	verdict_item(l, "  ", is->verdict, lack ? report_lack_words(lack) :
		     is->replacing ? "STEADY (replaces older ones)" :
		     report_stuck(is) ? "STEADY (they wait for what cannot come, no more have come)" :
		     report_verdict(is->verdict));
}

bool report_site_holds(const struct heap_site *s)
{
	return s->live.value > 0 || s->young > 0;
}

void report_add_held(struct heap_sum *sum, const struct heap_site *s)
{
	uint64_t sites = sum->sites + report_site_holds(s);

	report_add_heap(sum, s);
	sum->sites = sites;
}

struct heap_sum report_heap_sum(const struct findings *f)
{
	struct heap_sum t = { 0 };

	for (size_t i = 0; i < f->n_sites + f->n_sites_suppressed + f->n_sites_slow; i++)
		report_add_held(&t, &f->sites[i]);
	return t;
}
