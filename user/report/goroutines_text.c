// SPDX-License-Identifier: BSD-2-Clause
/*
 * goroutines_text.c - goroutines by the places that start them.
 */
#include "user/report/sections.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/model.h"
#include "user/report/line.h"
#include "user/report/report.h"

static void add_goroutines(struct goroutine_sum *sum, const struct goroutine_site *s)
{
	uint64_t sites = sum->sites + (s->live > 0);

	report_add_goroutines(sum, s);
	sum->sites = sites;
}

/* The others are Go's words for not waiting: gStatusStrings, runtime/traceback.go of Go 1.26. */
static bool is_blocked(const char *state)
{
	static const char *const not_blocked[] = {
		"running", "runnable", "idle", "copystack", "preempted"
	};

	for (size_t i = 0; i < ARRAY_SIZE(not_blocked); i++)
		if (strncmp(state, not_blocked[i], strlen(not_blocked[i])) == 0)
			return false;
	return true;
}

/* All that is known of these is that they live; the head of the section says so. */
static bool is_nowhere(const struct goroutine_place *p)
{
	return !p->stack.n && (!p->state || !strcmp(p->state, "?"));
}

static void put_place(const struct page *out, const struct findings *f,
		      const struct goroutine_place *p, size_t width, const struct show *show)
{
	const char *state = p->state ? p->state : "?";
	struct line l = begin_line(out, "   ", 8);

	item(&l, "", "%*s [%s]", (int)width, report_count(p->live).s, state);
	if (p->longest_wait_s >= 0)
		item(&l, "  ", "longest wait %s", report_duration(p->longest_wait_s).s);
	if (!p->stack.n)
		item(&l, "  ", "stack not readable");
	end_line(&l);
	if (p->stack.n)
		report_some_frames(out, f, &p->stack, report_fold_runtime(&p->stack), show->frames,
				   is_blocked(state) ? "        blocked at "
						     : "            now at ",
				   "                <- ");
}

static void put_places(const struct page *out, const struct findings *f,
		       const struct goroutine_site *s, const struct show *show)
{
	size_t shown = s->n_places <= show->rows ? s->n_places : show->rows;
	size_t width = 0;
	uint64_t rest = 0;

	for (size_t i = 0; i < shown; i++) {
		size_t columns = strlen(report_count(s->places[i].live).s);

		width = columns > width ? columns : width;
	}
	for (size_t i = 0; i < shown; i++)
		if (!is_nowhere(&s->places[i]))
			put_place(out, f, &s->places[i], width, show);
	for (size_t i = shown; i < s->n_places; i++)
		rest += s->places[i].live;
	if (shown < s->n_places)
		fprintf(out->file, "   ... and %zu more place%s, %s goroutine%s\n",
			s->n_places - shown, plural(s->n_places - shown), report_count(rest).s,
			plural(rest));
}

/* "412 started"; where events were lost "412 to 500 started". */
static void put_seen(struct line *l, const char *separator, const struct findings *f, uint64_t n,
		     const char *what)
{
	uint64_t lost = f->go_events_lost == UNKNOWN_U64 ? 0 : f->go_events_lost;

	item(l, separator, "%s", report_count(n).s);
	if (lost)
		item(l, " to ", "%s", report_count(n + lost).s);
	item(l, " ", "%s", what);
}

static void put_goroutine_site(const struct page *out, const struct findings *f,
			       const struct goroutine_site *s, size_t number,
			       const struct show *show)
{
	const struct estimate rate = report_goroutine_growth(f, s);
	struct line l = begin_line(out, "", 3);

	item(&l, "", "#%zu  %s goroutine%s", number, report_count(s->live).s, plural(s->live));
	/* None starts where the attach has not seen one: nothing is early there. */
	if (!f->look && (isfinite(s->rate_per_s) || (!s->before_attach && !f->starts_missed)))
		report_rate(&l, &rate, report_goroutine_rate, s->rate_span_s);
	if (!f->look && s->started != UNKNOWN_U64) {
		put_seen(&l, "  ", f, s->started, "started");
		put_seen(&l, ", ", f, s->ended, "ended");
	}
	if (s->oldest_s >= 0)
		item(&l, "  ", "oldest %s%s", s->before_attach ? ">= " : "",
		     report_duration(s->oldest_s).s);
	report_word(&l, f, &s->is, true);
	end_line(&l);
	put_places(out, f, s, show);
	report_some_frames(out, f, &s->stack, 0, show->frames, "   created by ", "           <- ");
	if (s->before_attach)
		fputs("           <- not known, these are older than the attach\n", out->file);
	else if (s->start_unseen && !f->look && !s->samples)
		fputs("           <- not known, their start was not seen\n", out->file);
	else if (f->starts_missed && s->samples < s->live)
		fprintf(out->file, "           as far as the start of %s of them tells\n",
			report_count(s->samples).s);
}

static void put_states(struct line *l, const struct findings *f)
{
	struct report_state *states;
	size_t n = report_states(f->gsites, f->n_gsites + f->n_gsites_suppressed + f->n_gsites_slow,
				 &states);

	for (size_t i = 0; i < n; i++)
		item(l, i ? ", " : "; ", "%s [%s]", report_count(states[i].n).s, states[i].state);
	free(states);
}

/* It is not known of one goroutine only when the runtime's table was not read, and then of none. */
static bool are_nowhere(const struct findings *f)
{
	for (size_t i = 0; i < f->n_gsites; i++)
		if (f->gsites[i].n_places && is_nowhere(&f->gsites[i].places[0]))
			return true;
	return false;
}

static void put_goroutine_total(const struct page *out, const struct findings *f)
{
	struct goroutine_sum t = { 0 };
	struct line l = begin_line(out, "GOROUTINES ", 9);

	for (size_t i = 0; i < f->n_gsites + f->n_gsites_suppressed + f->n_gsites_slow; i++)
		add_goroutines(&t, &f->gsites[i]);
	item(&l, "", "%s live at %s site%s", report_count(t.live).s, report_count(t.sites).s,
	     plural(t.sites));
	if (f->starts_missed && f->n_starts == UNKNOWN_U64) {
		item(&l, ", ", "how many were started is not known yet");
	} else if (f->starts_missed) {
		item(&l, ", ", "about %s started since the attach", report_count(f->n_starts).s);
	} else if (!f->look) {
		put_seen(&l, ", ", f, t.started, "started");
		put_seen(&l, " and ", f, t.ended, "ended since the attach");
	}
	if (are_nowhere(f)) {
		item(&l, "; ", "where they waited is not known");
		item(&l, ": ", "%s%s", f->gone ? "the process had " :
		     "the runtime's table of them could not be read", f->gone ? f->gone : "");
	} else {
		put_states(&l, f);
	}
	end_line(&l);
}

void report_goroutines(const struct page *out, const struct findings *f,
		       const struct show *show)
{
	struct goroutine_sum rest = { 0 };
	struct line l;
	size_t shown = 0;

	put_goroutine_total(out, f);
	for (size_t i = 0; i < f->n_gsites; i++) {
		const struct goroutine_site *s = &f->gsites[i];

		if (show->empty || (shown < show->gsites && s->live))
			put_goroutine_site(out, f, s, ++shown, show);
		else
			add_goroutines(&rest, s);
	}
	if (!rest.sites)
		return;
	l = begin_line(out, "... and ", 3);
	item(&l, "", "%s more site%s", report_count(rest.sites).s, plural(rest.sites));
	item(&l, ", ", "%s goroutine%s" REPORT_MORE, report_count(rest.live).s, plural(rest.live));
	end_line(&l);
}
