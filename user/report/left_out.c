// SPDX-License-Identifier: BSD-2-Clause
/*
 * left_out.c - sums of what is suppressed or does not pass the filter, and lines of the text report
 * that say so.
 */
#include "user/report/left_out.h"

#include <math.h>
#include <stdlib.h>

#include "user/base/text.h"
#include "user/base/util.h"
#include "user/heapview.h"
#include "user/report/heap_words.h"
#include "user/report/line.h"
#include "user/report/memory_text.h"
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

static void add_up(const struct findings *f, const struct heap_site *sites, size_t n_sites,
		   const struct goroutine_site *gsites, size_t n_gsites, struct left_out *out)
{
	*out = (struct left_out){ .goroutine_rate = NAN };
	for (size_t i = 0; i < n_sites; i++)
		report_add_heap(&out->heap, &sites[i]);
	add_rates(&out->rate, sites, n_sites);
	for (size_t i = 0; i < n_gsites; i++) {
		double rate = goroutine_rate(f, &gsites[i]);

		report_add_goroutines(&out->goroutines, &gsites[i]);
		if (isfinite(rate))
			out->goroutine_rate = (isnan(out->goroutine_rate) ? 0 :
					       out->goroutine_rate) + rate;
	}
}

void report_suppressed(const struct findings *f, struct left_out *out)
{
	add_up(f, f->sites + f->n_sites, f->n_sites_suppressed, f->gsites + f->n_gsites,
	       f->n_gsites_suppressed, out);
}

static void add_estimate(struct estimate *sum, const struct estimate *e)
{
	sum->value += e->value;
	sum->low += e->low;
	sum->high += e->high;
}

void report_suppressed_types(const struct heap_view *v, struct heap_amount *out)
{
	*out = (struct heap_amount){ 0 };
	for (size_t i = 0; i < v->n_suppressed; i++) {
		const struct heap_amount *a = &v->rows[v->n_rows + i].amount;

		out->objects = heap_range_sum(out->objects, a->objects);
		out->bytes = heap_range_sum(out->bytes, a->bytes);
		add_estimate(&out->objects_per_s, &a->objects_per_s);
		add_estimate(&out->bytes_per_s, &a->bytes_per_s);
	}
	if (!v->before)
		out->objects_per_s = out->bytes_per_s = (struct estimate){ NAN, NAN, NAN, 0 };
}

void report_slow(const struct findings *f, struct left_out *out)
{
	add_up(f, f->sites + f->n_sites + f->n_sites_suppressed, f->n_sites_slow,
	       f->gsites + f->n_gsites + f->n_gsites_suppressed, f->n_gsites_slow, out);
}

static void put_heap(struct line *l, const struct findings *f, const struct left_out *s)
{
	uint64_t bytes = report_whole(f->live_known ? s->heap.live_bytes : s->heap.young_bytes);

	if (isfinite(s->rate.value)) {
		report_growth(l, ": ", &s->rate);
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

/* Of the heap by type; what grows is known of two looks. */
static void put_types_line(const struct page *out, const struct findings *f)
{
	const struct heap_view *v = f->types;
	struct heap_amount sum;
	struct line l;
	char *file, *size, *count;

	if (!v->n_suppressed)
		return;
	report_suppressed_types(v, &sum);
	file = text_clean(f->suppressed_by);
	size = heap_bytes_words(sum.bytes);
	count = heap_range_words(sum.objects);
	l = begin_line(out, "SUPPRESSED ", 9);
	item(&l, "", "%s type%s by %s", report_count(v->n_suppressed).s, plural(v->n_suppressed),
	     file);
	if (v->before)
		report_growth(&l, ": ", &sum.bytes_per_s);
	item(&l, v->before ? ", " : ": ", "%s in %s objects", size, count);
	end_line(&l);
	free(file);
	free(size);
	free(count);
}

void report_suppressed_line(const struct page *out, const struct findings *f)
{
	struct left_out s;
	struct line l;
	char *file;

	if (f->types) {
		put_types_line(out, f);
		return;
	}
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

/* ---- the filter ------------------------------------------------------------------------------ */

static char *size_words(const struct filter *f)
{
	const struct report_words least = report_bytes(f->min_object);
	const struct report_words most = report_bytes(f->max_object);

	if (f->min_object && f->max_object)
		return xasprintf(" of %s to %s", least.s, most.s);
	if (f->min_object)
		return xasprintf(" of %s or more", least.s);
	return f->max_object ? xasprintf(" of %s or less", most.s) : xstrdup("");
}

static char *age_words(const struct filter *f)
{
	if (f->older_cycles)
		return xasprintf(" older than %s collection%s", report_count(f->older_cycles).s,
				 plural(f->older_cycles));
	return f->older_ns ? xasprintf(" older than %s",
				       report_duration((double)f->older_ns / 1e9).s) : xstrdup("");
}

char *report_filter_words(const struct filter *f)
{
	char *size = size_words(f), *age = age_words(f), *words = NULL;

	if (*size || *age)
		words = xasprintf("objects%s%s%s", size, *size && *age ? "," : "", age);
	free(size);
	free(age);
	return words;
}

static void put_objects(struct line *l, const struct findings *f, const char *words)
{
	const struct heap_sum *s = &f->filtered.heap;
	const bool looked = f->live_known;

	item(l, "", "%s", words);
	item(l, "; ", "left out: %s", report_bytes(report_whole(looked ? s->live_bytes :
								s->young_bytes)).s);
	item(l, " ", "%s in %s objects", looked ? "live" : "young",
	     report_count(report_whole(looked ? s->live : s->young)).s);
	item(l, ", ", "%s site%s that have nothing else", report_count(s->sites).s,
	     plural(s->sites));
}

static void put_slow(struct line *l, const struct findings *f, const char *separator)
{
	struct left_out s;

	report_slow(f, &s);
	if (f->filter.min_rate > 0) {
		item(l, separator, "heap from %s/min on",
		     report_change(f->filter.min_rate * 60).s);
		item(l, "; ", "left out: %s site%s", report_count(s.heap.sites).s,
		     plural(s.heap.sites));
		item(l, " ", "of %s", report_bytes(report_whole(s.heap.live_bytes)).s);
		separator = "; ";
	}
	if (f->filter.min_goroutine_rate > 0) {
		item(l, separator, "goroutines from %+.3g/min on",
		     f->filter.min_goroutine_rate * 60);
		item(l, "; ", "left out: %s at %s site%s", report_count(s.goroutines.live).s,
		     report_count(s.goroutines.sites).s, plural(s.goroutines.sites));
	}
}

void report_filter_line(const struct page *out, const struct findings *f)
{
	char *words = report_filter_words(&f->filter);
	const uint64_t n = f->filtered.n_findings, leaks = f->filtered.n_leaks;
	struct line l;

	if (!f->filter.set)
		return;
	l = begin_line(out, "FILTER   ", 9);
	if (words)
		put_objects(&l, f, words);
	put_slow(&l, f, words ? "; " : "");
	if (n)
		item(&l, "; ", "%s finding%s left out", report_count(n).s, plural(n));
	if (leaks)
		item(&l, ", ", "%s of them %s", report_count(leaks).s,
		     leaks == 1 ? "a leak" : "leaks");
	end_line(&l);
	free(words);
}
