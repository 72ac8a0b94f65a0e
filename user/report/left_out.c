// SPDX-License-Identifier: BSD-2-Clause
/*
 * left_out.c - sums of what is suppressed, and their line in the text report.
 */
#include "user/report/left_out.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/text.h"
#include "user/report/line.h"
#include "user/report/report.h"

/* What is unknown of all of them is NAN, of some is left out. */
static void add_rates(struct estimate *sum, const struct heap_site *v, size_t n)
{
	double low = 0, high = 0;

	*sum = (struct estimate){ NAN, NAN, NAN, 0 };
	for (size_t i = 0; i < n; i++) {
		const struct estimate *e = &v[i].rate;

		if (!isfinite(e->value))
			continue;
		sum->value = (isnan(sum->value) ? 0 : sum->value) + e->value;
		low = hypot(low, e->value - e->low);
		high = hypot(high, e->high - e->value);
		sum->samples += e->samples;
	}
	sum->low = sum->value - low;
	sum->high = sum->value + high;
}

/* Where not every start is seen there is one site for all starts of a go statement, which the judge
 * knows the rate of. */
static double goroutine_rate(const struct findings *f, const struct goroutine_site *s)
{
	return f->starts_missed && f->verdicts.known && !s->before_attach ? s->is.rate.value :
									    s->rate_per_s;
}

void report_suppressed(const struct findings *f, struct left_out *out)
{
	*out = (struct left_out){ .goroutine_rate = NAN };
	for (size_t i = 0; i < f->n_sites_suppressed; i++)
		report_add_heap(&out->heap, &f->sites[f->n_sites + i]);
	add_rates(&out->rate, f->sites + f->n_sites, f->n_sites_suppressed);
	for (size_t i = 0; i < f->n_gsites_suppressed; i++) {
		const struct goroutine_site *s = &f->gsites[f->n_gsites + i];
		double rate = goroutine_rate(f, s);

		report_add_goroutines(&out->goroutines, s);
		if (isfinite(rate))
			out->goroutine_rate = (isnan(out->goroutine_rate) ? 0 :
					       out->goroutine_rate) + rate;
	}
}

static void put_heap(struct line *l, const struct findings *f, const struct left_out *s)
{
	const struct estimate rate = { s->rate.value * 60, s->rate.low * 60, s->rate.high * 60, 0 };
	uint64_t bytes = report_whole(f->live_known ? s->heap.live_bytes : s->heap.young_bytes);

	if (isfinite(rate.value)) {
		item(l, ": ", "%s/min%s", report_change(rate.value).s,
		     report_limits(&rate, true).s);
		item(l, ", ", "%s", report_bytes(bytes).s);
	} else {
		item(l, ": ", "%s", report_bytes(bytes).s);
	}
	if (!f->live_known)
		item(l, " ", "young");
}

static void put_goroutines(struct line *l, const struct left_out *s, const char *separator)
{
	item(l, separator, "%s goroutine%s at %s site%s", report_count(s->goroutines.live).s,
	     plural(s->goroutines.live), report_count(s->goroutines.sites).s,
	     plural(s->goroutines.sites));
	if (isfinite(s->goroutine_rate))
		item(l, ", ", "%+.1f/min", s->goroutine_rate * 60);
}

void report_suppressed_line(const struct page *out, const struct findings *f)
{
	struct left_out s;
	struct line l;
	char *file;

	report_suppressed(f, &s);
	if (!s.heap.sites && !s.goroutines.sites)
		return;
	file = text_clean(f->suppressed_by);
	l = begin_line(out, "SUPPRESSED ", 9);
	if (s.heap.sites) {
		item(&l, "", "%s site%s by %s", report_count(s.heap.sites).s, plural(s.heap.sites),
		     file);
		put_heap(&l, f, &s);
	} else {
		item(&l, "", "by %s", file);
	}
	if (s.goroutines.sites)
		put_goroutines(&l, &s, s.heap.sites ? "; " : ": ");
	end_line(&l);
	free(file);
}
