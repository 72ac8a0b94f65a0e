// SPDX-License-Identifier: BSD-2-Clause
/*
 * coverage_text.c - what is not seen, and what it cost.
 */
#include "user/report/sections.h"

#include <math.h>
#include <string.h>

#include "user/base/util.h"
#include "user/model.h"
#include "user/report/line.h"
#include "user/report/report.h"

enum {
	NEARLY_ALL = 2,	/* bytes between two samples: of the smallest objects 98 % are drawn */
};

static void put_unseen(struct line *l, const struct findings *f)
{
	if (!isfinite(f->older_bytes.value) && f->from_start)
		return;
	if (!isfinite(f->older_bytes.value)) {
		item(l, "; ", f->older_rate ?
		     "how much more is older than the attach is not known" :
		     "objects older than the attach are not seen");
		return;
	}
	item(l, "; ", "%s%s older than the attach are not seen",
	     report_size_of(f->older_bytes.value).s, report_limits(&f->older_bytes, false).s);
	item(l, " ", "(of %s live one collection ago)", report_bytes(f->census.live_bytes).s);
}

/* Of one, the noun that its text begins with has no s. */
static void put_loss(struct line *l, const char *separator, const struct coverage_row *row)
{
	size_t n = strcspn(row->text, "s");

	while (row->text[n] && row->text[n + 1] && row->text[n + 1] != ' ')
		n += 1 + strcspn(row->text + n + 1, "s");
	if (row->value == 1 && row->text[n])
		item(l, separator, "1 %.*s%s", (int)n, row->text, row->text + n + 1);
	else
		item(l, separator, "%s %s", report_count(row->value).s, row->text);
}

void report_coverage(const struct page *out, const struct findings *f)
{
	struct line l = begin_line(out, "COVERAGE ", 9);
	struct heap_sum t = report_heap_sum(f);
	const char *separator = "";

	for (size_t i = 0; i < f->n_coverage; i++) {
		const struct coverage_row *row = &f->coverage[i];

		if (!row->loss || !row->value)
			continue;
		put_loss(&l, separator, row);
		separator = "; ";
	}
	if (!*separator)
		item(&l, "", "nothing lost");
	if (f->heap && !f->look)
		put_unseen(&l, f);
	if (f->heap && t.young > 0)
		item(&l, "; ", "%s object%s (%s) young, %s", report_count_of(t.young).s,
		     plural(report_whole_objects(t.young)), report_size_of(t.young_bytes).s,
		     f->live_known ? "allocated since the last collection" :
				    "no collection has ended");
	if (!f->heap && f->goroutines && !f->look)
		item(&l, "; ", "the heap was not traced");
	if (!f->goroutines && f->heap && !f->look)
		item(&l, "; ", "goroutines were not traced");
	end_line(&l);
}

/* What a source is called in a sentence. */
static const char *source_text(const struct listened *s)
{
	static const struct { const char *name, *text; } texts[] = {
		{ "every", "all" }, { "sample", "by chance" }, { "burst", "in bursts" },
		{ "profile", "samples of the runtime's profiler" }, { "none", "none" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(s->source, texts[i].name))
			return texts[i].text;
	return s->source;
}

static void put_source(struct line *l, const char *separator, const struct listened *s, bool dated)
{
	item(l, separator, "%s%s", source_text(s), s->focused ? " of sizes that grow" : "");
	if (s->windows)
		item(l, " ", "(%s window%s of %sms)", report_count(s->windows).s,
		     plural(s->windows),
		     report_rough(s->open_s * 1000 / (double)s->windows).s);
	if (s->distance > 0 && s->distance <= NEARLY_ALL)
		item(l, " ", "(nearly all)");
	else if (s->distance)
		item(l, " ", "(one in %s)", report_bytes(s->distance).s);
	if (dated)
		item(l, " ", "until %s", report_duration(s->to_s).s);
}

/* Which source was used when; not said where it was everything from the begin. */
static void put_listened(const struct page *out, const struct findings *f, bool goroutines)
{
	const struct listened *last = NULL;
	struct line l;
	size_t n = 0;

	for (size_t i = 0; i < f->n_listened; i++) {
		if (f->listened[i].goroutines != goroutines)
			continue;
		last = &f->listened[i];
		n++;
	}
	if (!last || (n == 1 && !strcmp(last->source, "every")))
		return;
	l = begin_line(out, "         ", 9);
	item(&l, "", goroutines ? "goroutine starts seen:" : "allocations seen:");
	for (size_t i = 0, k = 0; i < f->n_listened; i++) {
		if (f->listened[i].goroutines != goroutines)
			continue;
		put_source(&l, k ? ", then " : " ", &f->listened[i], &f->listened[i] != last);
		k++;
	}
	end_line(&l);
}

/* Why findings have no types. */
static void put_typeless(struct line *l, const struct findings *f)
{
	const struct verdicts *v = &f->verdicts;
	size_t n = 0;

	for (size_t i = 0; i < v->n_findings; i++)
		n += v->findings[i].gsite == NO_INDEX && !report_has_types(&v->findings[i]);
	if (n && !f->growth)
		item(l, "; ", "what grew by type takes two looks");
	else if (n)
		item(l, "; ", "no type of %zu finding%s grew between the first and the last", n,
		     plural(n));
}

/* Looks at the heap by type: the last one may be older than the report. */
static void put_looks(const struct page *out, const struct findings *f)
{
	const struct looks_cost *c = &f->looks;
	struct line l;

	if (!c->n_looks && !c->n_failed && !c->under_way)
		return;
	l = begin_line(out, "         ", 9);
	item(&l, "", "heap looked at %s time%s", report_count(c->n_looks).s, plural(c->n_looks));
	if (c->n_looks) {
		item(&l, " ", "in %s", report_duration(c->seconds).s);
		item(&l, ", ", "%s read", report_bytes(c->bytes_read).s);
	}
	if (c->n_classes)
		item(&l, ", ", "for what grows, %s size class%s", report_count(c->n_classes).s,
		     c->n_classes == 1 ? "" : "es");
	if (f->growth && f->growth_age_s >= 0.5)
		item(&l, ", ", "the last time %s before this report",
		     report_duration(f->growth_age_s).s);
	if (c->n_failed)
		item(&l, ", ", "%s more look%s failed", report_count(c->n_failed).s,
		     plural(c->n_failed));
	if (c->under_way)
		item(&l, ", ", "one more not over in time");
	put_typeless(&l, f);
	end_line(&l);
}

void report_cost(const struct page *out, const struct findings *f)
{
	const struct cost *c = &f->cost;
	struct line l = begin_line(out, "COST     ", 9);

	if (f->look) {
		item(&l, "", "nothing was planted");
		item(&l, "; ", "this tool %s", report_bytes(c->own_rss).s);
		end_line(&l);
		return;
	}
	if (isfinite(c->target_percent))
		item(&l, "", "about %s%% of one core to the target",
		     report_rough(c->target_percent).s);
	else
		item(&l, "", "to the target not known");
	if (isfinite(c->budget_percent))
		item(&l, ", ", "budget %s%%", report_rough(c->budget_percent).s);
	item(&l, " ", "(probes %s/s at %sus)", report_rough(c->hits_per_s).s,
	     report_rough(c->ns_per_hit / 1000).s);
	item(&l, "; ", "this tool %s%% cpu, %s", report_rough(c->own_cpu_percent).s,
	     report_bytes(c->own_rss).s);
	end_line(&l);
	put_listened(out, f, false);
	put_listened(out, f, true);
	put_looks(out, f);
}
