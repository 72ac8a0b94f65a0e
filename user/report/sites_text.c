// SPDX-License-Identifier: BSD-2-Clause
/*
 * sites_text.c - the heap by the places that allocate it, and what of it is older than the attach.
 */
#include "user/report/sections.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/model.h"
#include "user/report/line.h"
#include "user/report/report.h"

/* Most live bytes first, then the young, then those that were. */
static int by_size(const void *a, const void *b)
{
	const struct site_part *x = *(const struct site_part *const *)a;
	const struct site_part *y = *(const struct site_part *const *)b;
	const double keys[][2] = {
		{ x->live.value * (double)x->size, y->live.value * (double)y->size },
		{ x->live.value, y->live.value },
		{ x->young * (double)x->size, y->young * (double)y->size },
		{ x->allocs, y->allocs },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? 1 : -1;
	return 0;
}

/* How many of the objects that the report is about: the live ones, or the young. */
static struct report_words part_count(const struct site_part *p, bool looked)
{
	return report_count_of(looked ? p->live.value : p->young);
}

struct widths {			/* of the columns "14,848 x 2KiB" */
	size_t count, size;
};

static struct widths part_widths(const struct site_part *const *parts, size_t n, bool looked)
{
	struct widths w = { 0, 0 };

	for (size_t i = 0; i < n; i++) {
		size_t count = strlen(part_count(parts[i], looked).s);
		size_t size = parts[i]->size ? strlen(report_bytes(parts[i]->size).s) : 0;

		w.count = count > w.count ? count : w.count;
		w.size = size > w.size ? size : w.size;
	}
	return w;
}

static bool holds(const struct site_part *p)
{
	return p->live.value > 0 || p->young > 0;
}

static void put_part(const struct page *out, const struct site_part *p, bool looked,
		     struct widths w)
{
	struct report_words count = part_count(p, looked);
	struct line l = begin_line(out, "   ", 8);

	if (p->size)
		item(&l, "", "%*s x %-*s", (int)w.count, count.s, (int)w.size,
		     report_bytes(p->size).s);
	else
		item(&l, "", "%*s in shared 16-byte blocks", (int)w.count, count.s);
	item(&l, "  ", "%s%s%s%s", p->type ? p->type : "?", p->how ? " (" : "",
	     p->how ? p->how : "", p->how ? ")" : "");
	if (looked && p->size && p->shared > 0)
		item(&l, ", ", "%s in shared 16-byte blocks", report_count_of(p->shared).s);
	if (looked && p->young > 0)
		item(&l, ", ", "%s young", report_count_of(p->young).s);
	if (looked && p->doubtful > 0)
		item(&l, ", ", "%s doubtful", report_count_of(p->doubtful).s);
	if (p->allocs != (looked ? p->live.value : p->young))
		item(&l, ", ", "%s allocated", report_count_of(p->allocs).s);
	end_line(&l);
}

static void put_parts(const struct page *out, const struct heap_site *s, bool looked,
		      const struct show *show)
{
	const struct site_part **parts = xcalloc(s->n_parts, sizeof(*parts));
	struct widths w;
	size_t shown = 0;

	for (size_t i = 0; i < s->n_parts; i++)
		parts[i] = &s->parts[i];
	if (s->n_parts)
		qsort(parts, s->n_parts, sizeof(*parts), by_size);
	/* What holds something stands first in that order. */
	while (shown < s->n_parts &&
	       (show->empty || (shown < show->rows && holds(parts[shown]))))
		shown++;
	w = part_widths(parts, shown, looked);
	for (size_t i = 0; i < shown; i++)
		put_part(out, parts[i], looked, w);
	if (shown < s->n_parts)
		fprintf(out->file, "   ... and %zu more\n", s->n_parts - shown);
	free(parts);
}

static void put_older_numbers(struct line *l, const struct findings *f, const struct older_site *s)
{
	item(l, "", "%s%s", report_size_of(s->bytes.value).s, report_limits(&s->bytes, false).s);
	item(l, " ", "in %s object%s", report_count_of(s->objects.value).s,
	     plural(report_whole_objects(s->objects.value)));
	if (f->older_rate > 1)
		item(l, ", ", "%s sample%s", report_count(s->bytes.samples).s,
		     plural(s->bytes.samples));
}

static void put_older_of(const struct page *out, const struct findings *f,
			 const struct older_site *s)
{
	struct line l = begin_line(out, "   and from before the attach ", 8);

	put_older_numbers(&l, f, s);
	end_line(&l);
}

static void put_heap_site(const struct page *out, const struct findings *f,
			  const struct heap_site *s, size_t number, const struct show *show)
{
	bool looked = f->live_known;
	double n = looked ? s->live.value : s->young;
	struct line l = begin_line(out, "", 3);

	item(&l, "", "#%zu  %s%s", number,
	     report_size_of(looked ? s->live_bytes.value : s->young_bytes).s,
	     looked ? report_limits(&s->live_bytes, false).s : "");
	item(&l, " ", "%s in %s object%s", looked ? "live" : "young", report_count_of(n).s,
	     plural(report_whole_objects(n)));
	if (looked && s->doubtful > 0)
		item(&l, ", ", "%s doubtful", report_count_of(s->doubtful).s);
	if (looked && (double)s->live.samples != s->live.value)
		item(&l, ", ", "%s sample%s", report_count(s->live.samples).s,
		     plural(s->live.samples));
	if (looked && !f->look)
		report_rate(&l, &s->rate, report_byte_rate, s->rate_span_s);
	item(&l, "  ", "allocated %s", report_size_of(s->alloc_bytes).s);
	if (looked && s->oldest_s >= 0)
		item(&l, "  ", "oldest %s", report_duration(s->oldest_s).s);
	report_word(&l, f, &s->is, false);
	end_line(&l);
	put_parts(out, s, looked, show);
	if (s->older)
		put_older_of(out, f, s->older);
	report_some_frames(out, f, &s->stack, 0, show->frames, "        ", "        ");
}

static void put_live(struct line *l, const struct findings *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_sites + f->n_sites_suppressed + f->n_sites_slow; i++)
		n += f->sites[i].live.value > 0;
	item(l, "", "%s%s", report_size_of(f->live_bytes.value).s,
	     report_limits(&f->live_bytes, false).s);
	item(l, " ", "live in %s object%s at %s site%s", report_count_of(f->live.value).s,
	     plural(report_whole_objects(f->live.value)), report_count(n).s, plural(n));
	if ((double)f->live.samples != f->live.value)
		item(l, ", ", "%s sample%s", report_count(f->live.samples).s,
		     plural(f->live.samples));
}

/* What the runtime's own profile says, which is as old as its last collection. */
static void put_profile_total(const struct page *out, const struct findings *f)
{
	struct heap_sum t = report_heap_sum(f);
	struct line l = begin_line(out, "HEAP     ", 9);

	put_live(&l, f);
	item(&l, "; ", "%s allocated in %s object%s since the program's start",
	     report_size_of(t.alloc_bytes).s, report_count_of(t.allocs).s,
	     plural(report_whole_objects(t.allocs)));
	item(&l, "; ", "by the runtime's own profile");
	item(&l, " ", "as of its last collection");
	if (f->profile_rate > 1)
		item(&l, ", ", "one sample in %s", report_bytes(f->profile_rate).s);
	else
		item(&l, ", ", "of every allocation");
	end_line(&l);
}

void report_no_profile(const struct page *out)
{
	struct line l = begin_line(out, "HEAP     ", 9);

	item(&l, "", "where it was allocated is not known");
	item(&l, ": ", "the runtime's memory profiler is off");
	item(&l, ", ", "as in every program that does not ask for its own profile");
	item(&l, "; ", "gobpfleak heap shows its types");
	item(&l, ", ", "gobpfleak trace what is allocated from now on");
	end_line(&l);
}

static bool in_bursts(const struct findings *f)
{
	const char *source = report_source_now(f);

	return source && !strcmp(source, "burst");
}

static void put_heap_total(const struct page *out, const struct findings *f)
{
	struct heap_sum t = report_heap_sum(f);
	struct line l = begin_line(out, "HEAP     ", 9);

	if (f->unheard) {
		item(&l, "", "no allocation was listened to since the attach");
		item(&l, ": ", "what was allocated and what of it lives is not known");
		item(&l, "; ", "%s may tell", in_bursts(f) ? "a longer trace or a larger --budget" :
		     "a longer trace, a larger --budget or --source burst (Linux 6.6)");
		end_line(&l);
		return;
	}
	if (!f->live_known) {
		item(&l, "", "no collection has ended since the attach");
		item(&l, ": ", "what lives is not known yet");
		/* runtime/mgc.go, gcTrigger.test: by time only if there was one before */
		item(&l, "; ", "Go collects when the heap comes to its goal");
		item(&l, ", ", "and two minutes after the last collection, unless GOGC is off");
		item(&l, "; ", "%s in %s object%s at %s site%s are young",
		     report_size_of(t.young_bytes).s, report_count_of(t.young).s,
		     plural(report_whole_objects(t.young)), report_count(t.sites).s, plural(t.sites));
	} else {
		put_live(&l, f);
		item(&l, "; ", "%s young", report_size_of(t.young_bytes).s);
	}
	item(&l, "; ", "%s allocated in %s object%s since the attach",
	     report_size_of(t.alloc_bytes).s, report_count_of(t.allocs).s,
	     plural(report_whole_objects(t.allocs)));
	end_line(&l);
}

/* Those that have young objects only are among them, and not among the sites of HEAP. */
static void put_more_sites(const struct page *out, const struct findings *f,
			   const struct heap_sum *rest)
{
	struct line l = begin_line(out, "... and ", 3);

	item(&l, "", "%s more site%s", report_count(rest->sites).s, plural(rest->sites));
	if (f->live_known)
		item(&l, ", ", "%s live", report_size_of(rest->live_bytes).s);
	if (f->live_known && rest->live_sites < rest->sites)
		item(&l, " ", "at %s of them", report_count(rest->live_sites).s);
	if (rest->young > 0)
		item(&l, ", ", "%s young", report_size_of(rest->young_bytes).s);
	item(&l, "", "%s", REPORT_MORE);
	end_line(&l);
}

void report_heap(const struct page *out, const struct findings *f, const struct show *show)
{
	struct heap_sum rest = { 0 };
	size_t shown = 0;

	if (f->look)
		put_profile_total(out, f);
	else
		put_heap_total(out, f);
	if (!f->live_known && !show->empty)	/* else what was born last would stand first */
		return;
	for (size_t i = 0; i < f->n_sites; i++) {
		const struct heap_site *s = &f->sites[i];

		if (show->empty || (shown < show->sites && report_site_holds(s)))
			put_heap_site(out, f, s, ++shown, show);
		else
			report_add_held(&rest, s);
	}
	if (rest.sites)
		put_more_sites(out, f, &rest);
}

static void put_older_total(const struct page *out, const struct findings *f)
{
	struct line l = begin_line(out, "OLDER    ", 9);

	item(&l, "", "%s%s", report_size_of(f->older_named.value).s,
	     report_limits(&f->older_named, false).s);
	if (isfinite(f->older_bytes.value))
		item(&l, " ", "of the %s", report_size_of(f->older_bytes.value).s);
	item(&l, " ", "older than the attach");
	item(&l, " ", "%s names", isfinite(f->older_bytes.value) ? "have" : "has");
	item(&l, ", ", "by the program's own profile");
	if (f->older_rate > 1)
		item(&l, ", ", "%s sample%s, one in %s", report_count(f->older_named.samples).s,
		     plural(f->older_named.samples), report_bytes(f->older_rate).s);
	if (f->older_scaled)
		item(&l, "; ", "the profile says more, fitted to what there is");
	end_line(&l);
}

static void put_older_site(const struct page *out, const struct findings *f,
			   const struct older_site *s, const struct show *show)
{
	struct line l = begin_line(out, "   ", 8);

	put_older_numbers(&l, f, s);
	end_line(&l);
	report_some_frames(out, f, &s->stack, 0, show->frames, "        ", "        ");
}

/* But for those that stand at a site that is shown. */
static void put_older_sites(const struct page *out, const struct findings *f,
			    const struct show *show)
{
	bool *has_row = xcalloc(f->n_older, sizeof(*has_row));
	size_t rows = 0, shown = 0, left_out = 0;

	for (size_t i = 0; i < f->n_sites; i++) {
		const struct heap_site *s = &f->sites[i];
		bool is_row = show->empty || (rows < show->sites && report_site_holds(s));

		rows += is_row;
		if (is_row && s->older)
			has_row[s->older - f->older] = true;
	}
	for (size_t i = 0; i < f->n_older; i++) {
		if (has_row[i] || (!show->empty && !(f->older[i].bytes.value > 0)))
			continue;
		if (shown == show->older) {
			left_out++;
			continue;
		}
		shown++;
		put_older_site(out, f, &f->older[i], show);
	}
	free(has_row);
	if (left_out)
		fprintf(out->file, "   ... and %zu more" REPORT_MORE "\n", left_out);
}

/* What is older than the attach and has names. */
void report_older(const struct page *out, const struct findings *f, const struct show *show)
{
	if (!f->older_rate)
		return;
	put_older_total(out, f);
	put_older_sites(out, f, show);
}
