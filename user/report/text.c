// SPDX-License-Identifier: BSD-2-Clause
/*
 * text.c - the report for reading.
 *
 * What holds nothing now, live or young, is shown only where all is asked for.
 */
#include "user/report/sections.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/util.h"
#include "user/model.h"
#include "user/report/heap_text.h"
#include "user/report/left_out.h"
#include "user/report/line.h"
#include "user/report/memory_text.h"
#include "user/report/report.h"

enum {
	COLUMNS = 100,		/* where nobody says how wide it is */
	SCREEN = 40,		/* lines of a report that is to fit on one */
	MAX_ROWS = 5,		/* findings, types or places of a site, unless all is asked for */
	FIT_CYCLES = 10,	/* collections of a look that is to fit */
	SITE_FRAMES = 3,	/* of a site for which there happens to be room */
	FINDING_FRAMES = 3,	/* of a finding: its site's row has all */
};

static const struct show show_all = {
	true, true, SIZE_MAX, FINDING_FRAMES, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
	SIZE_MAX, SIZE_MAX, SIZE_MAX,
};

/* The first of these that fits on a screen is taken, else the last.  Of what a finding has beside its
 * first stack and type there is a number. */
static const struct show show_fitting[] = {
	{ false, true, 5, 3, 5, 10, 10, 5, 5, SIZE_MAX, 0, 0 },
	{ false, true, 5, 3, 5, 6, 6, 5, 5, 8, 0, 0 },
	{ false, true, 5, 3, 5, 4, 4, 3, 3, 6, 0, 0 },
	{ false, false, 5, 3, 5, 3, 3, 2, 3, 6, 0, 0 },
	{ false, false, 5, 3, 5, 3, 2, 1, 2, 5, 0, 0 },
	{ false, false, 5, 3, 5, 2, 2, 1, 2, 4, 0, 0 },
	{ false, false, 5, 3, 5, 2, 1, 0, 1, 4, 0, 0 },
	{ false, false, 5, 3, 5, 1, 1, 0, 1, 3, 0, 0 },
	{ false, false, 5, 3, 5, 1, 0, 0, 1, 3, 0, 0 },
	{ false, false, 5, 3, 5, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 5, 3, 2, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 5, 2, 1, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
	{ false, false, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0 },
};

/* What is left of the screen is for more of these, in this order, and so much of each at most. */
static const struct { size_t at, most; } fillers[] = {
	{ offsetof(struct show, findings), 5 },
	{ offsetof(struct show, finding_types), 5 },
	{ offsetof(struct show, finding_frames), FINDING_FRAMES },
	{ offsetof(struct show, sites), 10 },
	{ offsetof(struct show, gsites), 10 },
};

static struct show show_top(size_t top)
{
	struct show show = show_all;

	if (!top)
		return show;
	show.empty = false;
	show.findings = show.rows = show.older = MAX_ROWS;
	show.sites = show.gsites = show.more_stacks = show.more_types = top;
	return show;
}

/* In the time of who reads it: "2026-11-21 20:55:18 +0100". */
static struct report_words date(int64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / 1000000000);
	struct report_words w = { "" };
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(w.s, sizeof(w.s), "%Y-%m-%d %H:%M:%S %z", &tm);
	return w;
}

static void put_head(const struct page *out, const struct findings *f)
{
	const struct target_info *t = &f->target;
	struct line l = begin_line(out, "", 9);

	item(&l, "", "gobpfleak %s", f->version);
	item(&l, "  ", "pid %d", t->pid);
	if (t->ns_pid)
		item(&l, " ", "(%d in its container)", t->ns_pid);
	item(&l, " ", "%s", t->comm ? t->comm : "?");
	item(&l, "  ", "%s%s", t->go_version ? t->go_version : "?",
	     t->stripped ? " (stripped)" : "");
	if (t->host)
		item(&l, "  ", "on %s", t->host);
	if (f->time_unix_ns > 0)
		item(&l, "  ", "%s", date(f->time_unix_ns).s);
	if (f->look) {
		item(&l, "  ", "one look");
	} else if (f->heap || f->goroutines) {
		item(&l, "  ", "attached %s", report_duration(f->attached_s).s);
		item(&l, "  ", "%s GC cycle%s", report_count(f->gc_cycles).s,
		     plural(f->gc_cycles));
	}
	end_line(&l);
	if (f->gone) {
		l = begin_line(out, "NOTE     ", 9);
		item(&l, "", "the target %s: this is what was known until then", f->gone);
		end_line(&l);
	}
	if (f->heap && f->followed_one_in > 1) {
		l = begin_line(out, "NOTE     ", 9);
		item(&l, "", "one in %" PRIu32 " small objects followed, counts are estimates",
		     f->followed_one_in);
		end_line(&l);
	}
}

/* To be freed. */
static char *text_of(const struct page *out,
		     void (*put)(const struct page *out, const struct findings *f),
		     const struct findings *f)
{
	char *text = NULL;
	size_t size;
	struct page page = *out;

	page.file = open_memstream(&text, &size);
	if (!page.file)
		return xstrdup("");
	put(&page, f);
	fclose(page.file);
	return text;
}

static void put_front(const struct page *out, const struct findings *f)
{
	put_head(out, f);
	report_memory(out, f);
	report_heap_totals(out, f->types);
	report_suppressed_line(out, f);
}

static void put_back(const struct page *out, const struct findings *f)
{
	report_heap_untyped(out, f->types);
	report_coverage(out, f);
	report_heap_cost(out, f->types, f->cost.own_rss);
}

/* A look at the heap without a trace.  One line more says how many types are not shown. */
static void put_types(const struct page *out, const struct findings *f, size_t top)
{
	char *front = text_of(out, put_front, f), *back = text_of(out, put_back, f);
	size_t used = lines_in(front) + lines_in(back) + 1;

	fputs(front, out->file);
	report_heap_rows(out, f->types, top, used < SCREEN ? SCREEN - used : 0);
	fputs(back, out->file);
	free(front);
	free(back);
}

/* Of a trace, or of a look that knows no types. */
static void put_report(const struct page *out, const struct findings *f, const struct show *show,
		       size_t n_gc)
{
	put_head(out, f);
	if (f->verdicts.known) {
		report_verdict_line(out, f);
		report_findings(out, f, show);
		report_evidence(out, f, show);
		report_queued(out, f);
	}
	report_suppressed_line(out, f);
	report_filter_line(out, f);
	report_process(out, f);
	report_memory(out, f);
	report_trend(out, f);
	if (show->memstats)
		report_memstats(out, f);
	if (f->gc_known)
		report_collections(out, f, n_gc);
	if (f->profile_off)
		report_no_profile(out);
	if (f->heap) {
		report_heap(out, f, show);
		report_older(out, f, show);
	}
	if (f->goroutines)
		report_goroutines(out, f, show);
	report_coverage(out, f);
	report_cost(out, f);
}

static void put_fit_collections(const struct page *out, const struct findings *f)
{
	if (f->gc_known)
		report_collections(out, f, FIT_CYCLES);
}

/* To be freed. */
static char *report_of(const struct page *out, const struct findings *f, const struct show *show)
{
	struct page page = *out;
	char *text = NULL;
	size_t size;

	page.file = open_memstream(&text, &size);
	if (!page.file)
		return xstrdup("");
	put_report(&page, f, show, FIT_CYCLES);
	fclose(page.file);
	return text;
}

/* The same with more, as long as that fits. */
static char *filled(const struct page *out, const struct findings *f, struct show show, size_t room,
		    char *text)
{
	if (!show.frames) {	/* nor is there any site */
		show.frames = SITE_FRAMES;
		show.rows = 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
		size_t *n = (size_t *)((char *)&show + fillers[i].at);

		while (*n < fillers[i].most) {
			char *more;

			++*n;
			more = report_of(out, f, &show);
			if (lines_in(more) > room) {
				free(more);
				--*n;
				break;
			}
			free(text);
			text = more;
		}
	}
	return text;
}

/* A file need not fit on a screen: it has all that is found. */
static struct show in_file(struct show show)
{
	show.findings = show.finding_types = SIZE_MAX;
	show.finding_frames = FINDING_FRAMES;
	show.more_stacks = show.more_types = MAX_ROWS;
	return show;
}

/* Lines that are there.  In a file what is found is beside them, and a screen for the tables. */
static size_t room_for(const struct page *out, const struct findings *f, bool file)
{
	const struct show no_rows = in_file((struct show){ 0 });
	char *text = file ? report_of(out, f, &no_rows) : text_of(out, put_fit_collections, f);
	const size_t room = SCREEN + lines_in(text);	/* collections were asked for */

	free(text);
	return room;
}

static void put_fitting(const struct page *out, const struct findings *f, bool file)
{
	const size_t room = room_for(out, f, file);
	char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(show_fitting); i++) {
		struct show show = file ? in_file(show_fitting[i]) : show_fitting[i];

		free(text);
		text = report_of(out, f, &show);
		if (lines_in(text) > room)
			continue;
		text = filled(out, f, show, room, text);
		break;
	}
	fputs(text, out->file);
	free(text);
}

int report_text(FILE *file, const struct findings *f, const struct report_options *opt)
{
	const struct page page = { file, opt->columns ? opt->columns : COLUMNS, opt->colour };
	const struct show show = show_top(opt->top);

	if (f->types)
		put_types(&page, f, opt->top);
	else if (opt->top == REPORT_FIT)
		put_fitting(&page, f, opt->file);
	else
		put_report(&page, f, &show, opt->top);
	return report_finish(file);
}
