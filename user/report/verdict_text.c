// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdict_text.c - what leaks, by how much, and what is not known of that yet.
 */
#include "user/report/sections.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/table.h"
#include "user/base/text.h"
#include "user/base/util.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/model.h"
#include "user/report/heap_text.h"
#include "user/report/line.h"
#include "user/report/memory_text.h"
#include "user/report/report.h"

enum {
	FINDING_STATES = 3,	/* of goroutines of a finding */
	FINDING_SITES = 3,	/* likewise: the largest; the table of sites has all */
};

#define MOSTLY_SHARE 0.5	/* of what shows anywhere: what shows in most size classes is worth a word */

static size_t count_findings(const struct findings *f, enum verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < f->verdicts.n_findings + f->filtered.n_findings; i++)
		n += f->verdicts.findings[i].verdict == verdict;
	return n;
}

/* Sites that are part of no finding, by what they lack. */
static void count_others(const struct findings *f, size_t n[N_LACKS])
{
	for (size_t i = 0; i < f->n_sites + f->n_sites_suppressed + f->n_sites_slow; i++)
		if (f->sites[i].finding == NO_INDEX && !f->sites[i].suppressed)
			n[report_lack_of(f, &f->sites[i].is, false)]++;
	for (size_t i = 0; i < f->n_gsites + f->n_gsites_suppressed + f->n_gsites_slow; i++)
		if (f->gsites[i].finding == NO_INDEX && !f->gsites[i].suppressed)
			n[report_lack_of(f, &f->gsites[i].is, true)]++;
}

static bool is_class_untold(const struct findings *f)
{
	for (size_t i = 0; i < f->verdicts.n_findings; i++)
		if (f->verdicts.findings[i].class_alone)
			return true;
	return f->verdicts.unseen.low > 0;
}

/* What would tell whose growth it is.  The runtime takes its samples whatever the budget. */
static void put_remedy(struct line *l, const struct findings *f)
{
	const char *source = report_source_now(f);

	if (!source || !is_class_untold(f))
		return;
	if (!strcmp(source, "profile"))
		item(l, "; ", "--source burst may see more (Linux 6.6)");
	else if (isfinite(f->cost.budget_percent))
		item(l, "; ", "a longer trace or a larger --budget sees more");
	else
		item(l, "; ", "a longer trace sees more");
}

/* When collections come. */
static void put_next(struct line *l, const struct findings *f)
{
	const struct gc_pacing *p = &f->memory.pacing;

	if (f->gone || !p->known)
		return;
	if (p->next_s < 0.05)
		item(l, ", ", "the next is due");
	else if (isfinite(p->next_s))
		item(l, ", ", "next in about %s", report_duration(p->next_s).s);
	else if (p->gc_percent < 0)
		item(l, ", ", "none comes by itself (GOGC=off)");
}

static bool is_long_enough(const struct findings *f)
{
	return f->gc_cycles >= f->verdicts.min_cycles && f->attached_s >= f->verdicts.min_s;
}

/* Something grows, and lacks something to be called a leak: it may be one all the same. */
static bool may_leak_yet(const struct findings *f)
{
	return f->verdicts.verdict == VERDICT_GROWING || count_findings(f, VERDICT_GROWING);
}

/* What two looks at the heap tell is evidence while a verdict takes longer. */
static bool has_evidence_only(const struct findings *f)
{
	if (!f->growth || (is_long_enough(f) && f->verdicts.verdict != VERDICT_TOO_FEW))
		return false;
	for (size_t i = 0; i < f->verdicts.n_findings; i++)
		if (report_has_types(&f->verdicts.findings[i]))
			return false;
	return true;
}

/* Two looks at the heap tell growth by type whether the program collects or not. */
static void put_meanwhile(struct line *l, const struct findings *f)
{
	if (f->n_grown && has_evidence_only(f))
		item(l, "; ", "GROWTH tells by type what grew meanwhile");
	else if (f->heap && !f->gone)
		item(l, "; ", "gobpfleak heap --diff 60s tells what grows without them");
}

/* That there were as many as was asked for is not enough where these are few, or not all were seen
 * whole. */
static void put_too_few(struct line *l, const struct findings *f)
{
	if (f->verdicts.verdict != VERDICT_TOO_FEW)
		return;
	item(l, "; ", "growth of the heap takes %s collections seen whole",
	     report_count(f->verdicts.growth_cycles).s);
	item(l, ", ", "and there were %s", report_count(f->census.n_cycles).s);
	put_meanwhile(l, f);
}

/* "4 of 12 collections, next in about 80s; 1m30s of 3m00s; it takes about 12m30s": what has to pass
 * before anything is called a leak. */
static void put_progress(struct line *l, const struct findings *f)
{
	const struct verdicts *v = &f->verdicts;
	bool few = f->gc_cycles < v->min_cycles;

	if (few) {
		item(l, "; ", "%s of %s collections", report_count(f->gc_cycles).s,
		     report_count(v->min_cycles).s);
		put_next(l, f);
	}
	if (f->attached_s < v->min_s)
		item(l, "; ", "%s of %s", report_duration(f->attached_s).s,
		     report_duration(v->min_s).s);
	if (isfinite(v->needed_s))
		item(l, "; ", "a trace needs about %s", report_duration(v->needed_s).s);
	if (few && !(v->needed_s - f->attached_s <= v->min_s))
		put_meanwhile(l, f);
}

/* What would show in any size class; a leak that is told may be smaller, as its class need not sway
 * as much as the worst one. */
static void put_detectable(struct line *l, const struct verdicts *v)
{
	const char *what = v->verdict == VERDICT_LEAK ? "another leak" : "a leak";

	item(l, "; ", "%s of %s/min would show", what,
	     report_bytes(report_whole(v->detectable * 60)).s);
	if (v->detectable_mostly > MOSTLY_SHARE * v->detectable)
		return;
	item(l, " ", "whatever the size of its objects,");
	item(l, " ", "of %s/min in 9 of 10 sizes",
	     report_bytes(report_whole(v->detectable_mostly * 60)).s);
}

static void put_unexplained(struct line *l, const struct verdicts *v)
{
	if (v->unseen.low > 0) {
		report_growth(l, "; ", &v->unseen);
		item(l, " ", "grow that no stack shows");
	} else if (isfinite(v->detectable)) {
		put_detectable(l, v);
	}
}

/* Of the growth the share that leaks, or that is suppressed. */
static void put_explained(struct line *l, const struct findings *f, size_t leaks)
{
	const bool suppressed = f->n_sites_suppressed > 0;
	const bool one = leaks + suppressed == 1;
	const double leaking = fmin(fmax(f->verdicts.explained.value, 0), 1);
	const double growing = fmin(fmax(f->verdicts.growing.value, 0), 1 - leaking);
	const long percent = lround(leaking * 100), more = lround((leaking + growing) * 100) - percent;

	if ((!leaks && !suppressed) || !isfinite(f->verdicts.explained.value))
		return;
	item(l, "; ", "%s%s%s%s explain%s", leaks ? "the leak" : "", leaks > 1 ? "s" : "",
	     leaks && suppressed ? " and " : "", suppressed ? "what is suppressed" : "",
	     one ? "s" : "");
	item(l, " ", "%ld%% of the growth", percent);
	if (more)
		item(l, ", ", "what is growing %ld%%", more);
	if (percent + more < 100)
		item(l, ", ", "no finding the other %ld%%", 100 - percent - more);
}

/* Over which the leaks were seen to grow: of all that are not certain anyway the shortest. */
static double seen_to_grow(const struct findings *f)
{
	double s = INFINITY;

	for (size_t i = 0; i < f->verdicts.n_findings + f->filtered.n_findings; i++) {
		const struct finding *found = &f->verdicts.findings[i];

		if (found->verdict == VERDICT_LEAK && !found->is.certain && found->is.over_s > 0)
			s = fmin(s, found->is.over_s);
	}
	return s;
}

/* A leak is what grew for as long as it was watched. */
static void put_rhythm(struct line *l, const struct findings *f)
{
	const double s = seen_to_grow(f);

	if (isfinite(s))
		item(l, "; ", "what shrinks less often than every %s looks the same",
		     report_duration(s).s);
}

static void verdict_count(struct line *l, const char *separator, enum verdict verdict, size_t n,
			  const char *word)
{
	char *text = xasprintf("%s %s", report_count(n).s, word);

	verdict_item(l, separator, verdict, text);
	free(text);
}

void report_verdict_line(const struct page *out, const struct findings *f)
{
	const struct verdicts *v = &f->verdicts;
	size_t leaks = count_findings(f, VERDICT_LEAK), growing = count_findings(f, VERDICT_GROWING);
	size_t others[N_LACKS] = { 0 };
	struct line l = begin_line(out, "VERDICT  ", 9);

	if (v->verdict == VERDICT_TOO_FEW)
		item(&l, "", "too early to tell");
	else if (!leaks && v->verdict == VERDICT_LEAK)
		verdict_item(&l, "", VERDICT_LEAK, "a leak whose stacks are not known");
	else if (!leaks)
		verdict_item(&l, "", VERDICT_STEADY,
			     is_long_enough(f) && !may_leak_yet(f) ? "no leak" : "no leak so far");
	else
		verdict_count(&l, "", VERDICT_LEAK, leaks, leaks == 1 ? "leak" : "leaks");
	if (growing)
		verdict_count(&l, ", ", VERDICT_GROWING, growing, "growing");
	count_others(f, others);
	if (others[LACKS_NOTHING])
		item(&l, ", ", "%s steady", report_count(others[LACKS_NOTHING]).s);
	for (enum lack i = LACKS_NOTHING + 1; i < N_LACKS; i++)
		if (others[i])
			item(&l, ", ", "%s with %s", report_count(others[i]).s,
			     report_lack_words(i));
	put_explained(&l, f, leaks);
	if (is_long_enough(f))
		put_too_few(&l, f);
	else
		put_progress(&l, f);
	put_rhythm(&l, f);
	put_unexplained(&l, v);
	if (report_grows_outside(&f->process))
		item(&l, "; ", "memory outside Go grows (PROCESS)");
	if (others[LACKS_SAMPLES])
		put_remedy(&l, f);
	end_line(&l);
}

void report_evidence(const struct page *out, const struct findings *f, const struct show *show)
{
	const size_t most = show->finding_types == SIZE_MAX ? show->more_types :
							       show->finding_types;

	if (has_evidence_only(f))
		report_heap_evidence(out, f->growth, f->grown, f->n_grown, most);
}

static bool waits_in_queue(const struct heap_row *row)
{
	for (size_t i = 0; i < row->n_held; i++) {
		const enum heap_root root = row->held[i].holder->root;

		if ((root == HEAP_ROOT_FINALIZER_QUEUE || root == HEAP_ROOT_CLEANUP_QUEUE) &&
		    heapview_grew(&row->held[i].amount))
			return true;
	}
	return false;
}

void report_queued(const struct page *out, const struct findings *f)
{
	for (size_t i = 0; i < f->n_grown; i++) {
		if (waits_in_queue(f->grown[i])) {
			report_heap_queues(out, f->growth->now);
			return;
		}
	}
}

/* What it lacks, and for how long to watch it. */
static void put_evidence(const struct page *out, const struct judgement *is)
{
	struct line l = begin_line(out, "   ", 3);
	const char *text;

	for (size_t i = 0; (text = report_missing_text(is->missing, i)); i++)
		item(&l, i ? ", " : "no leak yet: ", "%s", text);
	if (is->missing && is->watch_s > 0)
		item(&l, "; ", "watch for about %s more", report_duration(is->watch_s).s);
	if (is->certain)
		item(&l, is->missing ? "; " : "", "they wait for what cannot come");
	else if (!is->missing && isfinite(is->lifetime_s))
		item(&l, "", "mean lifetime of the old ones >= %s (95%%, if they die at random)",
		     report_duration(is->lifetime_s).s);
	end_line(&l);
}

static bool has_evidence(const struct judgement *is)
{
	return is->missing || is->certain || isfinite(is->lifetime_s);
}

/* Sums over the sites of a finding. */
static struct heap_site held_by(const struct findings *f, size_t finding)
{
	struct heap_site sum = { .oldest_s = -1 };

	for (size_t i = 0; i < f->n_sites; i++) {
		const struct heap_site *s = &f->sites[i];

		if (s->finding != finding)
			continue;
		sum.live_bytes.value += s->live_bytes.value;
		sum.live.samples += s->live.samples;
		sum.oldest_s = fmax(sum.oldest_s, s->oldest_s);
	}
	return sum;
}

static void put_held(struct line *l, const struct findings *f, size_t number)
{
	const struct finding *found = &f->verdicts.findings[number];
	struct heap_site held = held_by(f, number);

	uint64_t *ids;
	const size_t n = report_finding_sites(f, number, &ids);

	free(ids);
	if (found->n_sites) {
		item(l, "  ", "%s held", report_size_of(held.live_bytes.value).s);
		item(l, ", ", "%s sample%s", report_count(held.live.samples).s,
		     plural(held.live.samples));
		if (held.oldest_s >= 0)
			item(l, ", ", "oldest %s", report_duration(held.oldest_s).s);
	}
	if (n > 1)
		item(l, ", ", "%zu sites%s%s", n, found->caller ? " below " : "",
		     found->caller ? found->caller : "");
}

/* "1,431 live, 1,398 [chan send], 33 [select]": of all of a finding, those of before the attach too. */
static void put_live_goroutines(struct line *l, const struct findings *f, size_t number)
{
	struct goroutine_site *all = xcalloc(f->n_gsites, sizeof(*all));
	struct report_state *states;
	bool known = true;	/* how much memory their stacks have */
	uint64_t live = 0, stacks = 0, rest = 0;
	size_t n = 0, n_states;

	for (size_t i = 0; i < f->n_gsites; i++) {
		if (f->gsites[i].finding != number)
			continue;
		all[n++] = f->gsites[i];
		live += f->gsites[i].live;
		known = known && f->gsites[i].stack_bytes != UNKNOWN_U64;
		stacks += f->gsites[i].stack_bytes;
	}
	n_states = report_states(all, n, &states);
	item(l, "  ", "%s live", report_count(live).s);
	for (size_t i = 0; i < n_states; i++) {
		if (i < FINDING_STATES)
			item(l, ", ", "%s [%s]", report_count(states[i].n).s, states[i].state);
		else
			rest += states[i].n;
	}
	if (rest)
		item(l, ", ", "%s in other states", report_count(rest).s);
	if (known)
		item(l, ", ", "their stacks %s", report_bytes(stacks).s);
	free(states);
	free(all);
}

/* Of goroutines without those that the runtime makes for each of them. */
static bool is_own(const struct finding *found, const struct heap_row *row)
{
	return found->gsite == NO_INDEX || !heapview_of_runtime(row->type);
}

/* What may not have grown is told only where nothing else is. */
static bool is_told(const struct finding *found, const struct heap_row *row)
{
	for (size_t i = 0; i < found->n_types && !heapview_grew(&row->amount); i++)
		if (is_own(found, found->types[i]) && heapview_grew(&found->types[i]->amount))
			return false;
	return is_own(found, row);
}

/* As the heap has them by type, with what holds them: the one that grew most, and others where there
 * is room. */
static void put_grown(const struct page *out, const struct findings *f, size_t number,
		      const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	size_t n = 0;

	if (number >= show->finding_types)
		return;
	for (size_t i = 0; i < found->n_types; i++)
		if (is_told(found, found->types[i]) && n++ <= show->more_types)
			report_heap_grown(out, f->growth, found->types[i], found->class_alone);
}

/* Of one go statement those whose start nobody saw have no stack of their own. */
static bool has_own_stack(const struct goroutine_site *s, const struct goroutine_site *first)
{
	return !(s->before_attach || s->start_unseen) || s->gopc != first->gopc;
}

static bool is_new_stack(struct table *seen, uint64_t id)
{
	bool is_new = true;

	if (id)
		table_put(seen, table_mix(seen->seed, id) | 1, &is_new);
	return is_new;
}

/* Sites of a finding, one for each stack but that which it is told by. */
struct others {
	const struct goroutine_site **gsites;
	const struct heap_site **sites;
	size_t n_gsites, n_sites;
};

static void find_others(const struct findings *f, size_t number, struct others *o)
{
	const struct finding *found = &f->verdicts.findings[number];
	const struct goroutine_site *go = found->gsite == NO_INDEX ? NULL : &f->gsites[found->gsite];
	struct table seen;

	*o = (struct others){ xcalloc(f->n_gsites + 1, sizeof(*o->gsites)),
			      xcalloc(f->n_sites + 1, sizeof(*o->sites)), 0, 0 };
	table_init(&seen, sizeof(uint64_t), SIZE_MAX);
	if (go)
		is_new_stack(&seen, go->id);
	else if (found->site != NO_INDEX)
		is_new_stack(&seen, f->sites[found->site].id);
	for (size_t i = 0; i < f->n_gsites && go; i++)
		if (f->gsites[i].finding == number && i != found->gsite &&
		    has_own_stack(&f->gsites[i], go) && is_new_stack(&seen, f->gsites[i].id))
			o->gsites[o->n_gsites++] = &f->gsites[i];
	for (size_t i = 0; i < f->n_sites; i++)
		if (f->sites[i].finding == number && (go || i != found->site) &&
		    is_new_stack(&seen, f->sites[i].id))
			o->sites[o->n_sites++] = &f->sites[i];
	table_fini(&seen);
}

static void others_free(struct others *o)
{
	free(o->gsites);
	free(o->sites);
}

/* How many of its stacks and types are not shown. */
static void put_left(struct line *l, const struct findings *f, size_t number,
		     const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	size_t stacks, types = 0;
	struct others o;

	find_others(f, number, &o);
	stacks = o.n_gsites + o.n_sites;
	stacks -= stacks < show->more_stacks ? stacks : show->more_stacks;
	others_free(&o);
	for (size_t i = 0; i < found->n_types && number < show->finding_types; i++)
		types += is_told(found, found->types[i]);
	types -= types ? 1 : 0;
	types -= types < show->more_types ? types : show->more_types;
	if (stacks)
		item(l, "; ", "%zu more stack%s", stacks, plural(stacks));
	if (types)
		item(l, stacks ? ", " : "; ", "%zu more type%s", types, plural(types));
	if (stacks || types)
		item(l, " ", "(-T 0 shows all)");
}

/* The site that most objects of a class were seen to come from; NULL: none was. */
static const struct heap_site *most_seen(const struct findings *f, uint64_t class_size, uint64_t *n)
{
	const struct heap_site *most = NULL;

	*n = 0;
	for (size_t i = 0; i < f->n_sites; i++) {
		uint64_t seen = report_seen_of_class(&f->sites[i], class_size);

		if (seen > *n && f->sites[i].stack.n) {
			*n = seen;
			most = &f->sites[i];
		}
	}
	return most;
}

/* A hint, and no more, since they explain too little of it: the line alone, if not all are asked
 * for. */
static void put_seen(const struct page *out, const struct findings *f, const struct heap_site *s,
		     uint64_t n, const struct show *show)
{
	struct frames stack = s->stack;

	if (stack.n > show->finding_frames) {
		stack.n = 1;
		stack.cut = false;
	}
	fprintf(out->file, "   most of those seen come from here, %s sample%s:\n",
		report_count(n).s, plural(n));
	report_frames(out, f, &stack, 0, "        ", "        ");
}

bool report_has_types(const struct finding *found)
{
	for (size_t i = 0; i < found->n_types; i++)
		if (is_told(found, found->types[i]))
			return true;
	return false;
}

/* No stack explains it. */
static void put_class_finding(const struct page *out, const struct findings *f, size_t number,
			      const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	uint64_t n;
	const struct heap_site *seen = most_seen(f, found->class_size, &n);
	struct line l = begin_line(out, "", 3);

	verdict_item(&l, "", found->verdict, report_verdict(found->verdict));
	report_growth(&l, " ", &found->rate);
	item(&l, "  ", "in objects of %s", found->class_size ?
	     report_bytes(found->class_size).s : "more than 32KiB");
	item(&l, ", ", seen ? "few of whose stacks are known" : "whose stacks are not known");
	put_left(&l, f, number, show);
	end_line(&l);
	if (has_evidence(&found->is))
		put_evidence(out, &found->is);
	if (seen)
		put_seen(out, f, seen, n, show);
	put_grown(out, f, number, show);
}

static void put_finding_site(struct line *l, const struct heap_site *s, bool with_rate)
{
	const struct site_part *p = s->n_parts ? &s->parts[0] : NULL;
	const struct estimate *rate = &s->is.rate;

	item(l, l->column > l->indent ? ", " : "", "%s", p && p->type ? p->type : "?");
	if (p && p->how)
		item(l, " ", "(%s)", p->how);
	if (with_rate && report_holds_zero(rate))
		report_growth(l, " ", rate);
	else if (with_rate)
		item(l, " ", "%s/min", report_change(rate->value * 60).s);
}

/* What is allocated there; of several sites the one that is named by its stack, then the largest. */
static void put_finding_sites(const struct page *out, const struct findings *f, size_t number,
			      const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	struct line l = begin_line(out, "   ", 3);
	size_t shown = 1;

	put_finding_site(&l, &f->sites[found->site], found->n_sites > 1);
	for (size_t i = 0; i < f->n_sites && shown < FINDING_SITES; i++) {
		if (f->sites[i].finding != number || i == found->site)
			continue;
		put_finding_site(&l, &f->sites[i], true);
		shown++;
	}
	if (found->n_sites > shown)
		item(&l, ", ", "%zu more", found->n_sites - shown);
	put_left(&l, f, number, show);
	end_line(&l);
}

/* The other stacks. */
static void put_others(const struct page *out, const struct findings *f, size_t number,
		       const struct show *show)
{
	size_t n = 0;
	struct others o;

	find_others(f, number, &o);
	for (size_t i = 0; i < o.n_gsites && n < show->more_stacks; i++, n++)
		report_some_frames(out, f, &o.gsites[i]->stack, 0, show->finding_frames,
				   "   and created by ", "               <- ");
	for (size_t i = 0; i < o.n_sites && n < show->more_stacks; i++, n++) {
		struct line l = begin_line(out, "   and ", 7);

		put_finding_site(&l, o.sites[i], true);
		end_line(&l);
		report_some_frames(out, f, &o.sites[i]->stack, 0, show->finding_frames, "        ",
				   "        ");
	}
	others_free(&o);
}

static void put_heap_finding(const struct page *out, const struct findings *f, size_t number,
			     const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	const struct heap_site *s = &f->sites[found->site];
	struct line l = begin_line(out, "", 3);

	verdict_item(&l, "", found->verdict, report_verdict(found->verdict));
	report_growth(&l, " ", &found->rate);
	put_held(&l, f, number);
	end_line(&l);
	put_finding_sites(out, f, number, show);
	if (has_evidence(&found->is))
		put_evidence(out, &found->is);
	report_some_frames(out, f, &s->stack, 0, show->finding_frames, "        ", "        ");
	put_others(out, f, number, show);
	put_grown(out, f, number, show);
}

static void put_goroutine_finding(const struct page *out, const struct findings *f, size_t number,
				  const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	const struct goroutine_site *s = &f->gsites[found->gsite];
	const struct goroutine_place *p = s->n_places ? &s->places[0] : NULL;
	char *rate = report_goroutine_rate(&found->is.rate);
	struct line l = begin_line(out, "", 3);

	verdict_item(&l, "", found->verdict, report_verdict(found->verdict));
	item(&l, " ", "goroutines %s", rate);
	put_live_goroutines(&l, f, number);
	put_held(&l, f, number);
	put_left(&l, f, number, show);
	end_line(&l);
	free(rate);
	if (has_evidence(&found->is))
		put_evidence(out, &found->is);
	if (p && p->stack.n)
		report_some_frames(out, f, &p->stack, report_fold_runtime(&p->stack),
				   show->finding_frames, "   blocked at ", "           <- ");
	report_some_frames(out, f, &s->stack, 0, show->finding_frames, "   created by ",
			   "           <- ");
	put_others(out, f, number, show);
	put_grown(out, f, number, show);
}

/* Of those that are there, and of those that are the types. */
static void put_findings_left(const struct page *out, const struct verdicts *v, size_t n,
			      const struct show *show)
{
	size_t left = v->n_findings - n, untold = 0;
	struct line l;

	for (size_t i = show->finding_types; i < n; i++)
		untold += report_has_types(&v->findings[i]);
	if (!left && !untold)
		return;
	l = begin_line(out, "... and ", 3);
	if (left)
		item(&l, "", "%zu more finding%s", left, plural(left));
	if (untold)
		item(&l, left ? ", " : "", "types and holders of %zu finding%s", untold,
		     plural(untold));
	item(&l, " ", untold ? "(-o FILE or -T 0 shows all)" : "(-T 0 shows all)");
	end_line(&l);
}

void report_findings(const struct page *out, const struct findings *f,
		     const struct show *show)
{
	const struct verdicts *v = &f->verdicts;
	size_t n = v->n_findings < show->findings ? v->n_findings : show->findings;

	for (size_t i = 0; i < n; i++) {
		if (v->findings[i].gsite != NO_INDEX)
			put_goroutine_finding(out, f, i, show);
		else if (v->findings[i].site != NO_INDEX)
			put_heap_finding(out, f, i, show);
		else if (v->findings[i].class_alone)
			put_class_finding(out, f, i, show);
	}
	put_findings_left(out, v, n, show);
}
