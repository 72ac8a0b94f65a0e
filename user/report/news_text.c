// SPDX-License-Identifier: BSD-2-Clause
/*
 * news_text.c - news for reading: one line with date and process, and indented ones that name
 * things.  Lines are not broken: a log is searched line by line.
 */
#include "user/report/news.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/util.h"
#include "user/heapview.h"
#include "user/report/heap_text.h"
#include "user/report/heap_words.h"
#include "user/report/line.h"
#include "user/report/memory_text.h"
#include "user/report/report.h"
#include "user/watched.h"

enum {
	UNBROKEN = 1 << 30,
	MAX_CLASSES = 5,
	MAX_HOLDERS = 2, MAX_PLACES = 3, MAX_FRAMES = 6, MAX_GOS = 5,
	STALE_S = 10,		/* what was read longer ago says so */
};

#define INDENT "    "

static struct line begin(FILE *out, const char *label)
{
	const struct page page = { .file = out };

	return begin_line(&page, label, UNBROKEN);
}

/* "2026-11-21 20:31:05  pid 4242 api-server" */
static struct line head(FILE *out, const struct news *n)
{
	time_t t = (time_t)(n->time_unix_ns / 1000000000);
	struct line l = begin(out, "");
	struct tm tm;
	char date[32];

	strftime(date, sizeof(date), "%F %T", localtime_r(&t, &tm));
	item(&l, "", "%s", date);
	item(&l, "  ", "pid %d %s", n->pid, n->comm);
	return l;
}

/* ---- what grows ------------------------------------------------------------------------------ */

static const char *missing_list(unsigned missing, char list[256])
{
	const char *text;
	size_t used = 0;

	list[0] = '\0';
	for (size_t i = 0; (text = report_missing_text(missing, i)) && used < 200; i++)
		used += (size_t)snprintf(list + used, 256 - used, "%s%s", i ? ", " : "", text);
	return list;
}

static void put_missing(struct line *l, const struct judgement *is, bool taken_back)
{
	char list[256];

	if (is->verdict != VERDICT_GROWING || (!is->missing && !taken_back))
		return;
	item(l, "; ", "%s", taken_back ? "LEAK, as told before, is taken back" : "no leak yet");
	if (is->missing)
		item(l, ": ", "%s", missing_list(is->missing, list));
	if (is->watch_s > 0)
		item(l, "; ", "watch for about %s more", report_duration(is->watch_s).s);
}

/* A leak is what grew for as long as it was watched. */
static void put_rhythm(struct line *l, const struct judgement *is)
{
	if (is->verdict == VERDICT_LEAK && !is->certain)
		item(l, "; ", "what shrinks less often than every %s looks the same",
		     report_duration(is->over_s).s);
}

static void put_classes(struct line *l, const struct watched *w)
{
	const struct watched_class **classes;
	size_t n = news_classes(w, &classes);

	for (size_t i = 0; i < n && i < MAX_CLASSES; i++)
		item(l, i ? ", " : " in ", "%s", classes[i]->size ?
		     report_bytes(classes[i]->size).s : "large objects");
	if (n > MAX_CLASSES)
		item(l, ", ", "%zu more sizes", n - MAX_CLASSES);
	free(classes);
}

/* What rss grows by is not said to come to the limit where all that is known of the heap is that it
 * may not grow, and nothing else is seen to. */
static bool has_forecast(const struct watched *w)
{
	return w->verdict >= VERDICT_GROWING || w->verdict == VERDICT_TOO_FEW ||
	       news_heap_rate(w).low > 0 || report_grows_outside(&w->does);
}

/* rss_rate: what rss grows by stands in the line; else it is told with the forecast made of it. */
static void put_limit(struct line *l, const struct watched *w, bool rss_rate)
{
	char *left;

	item(l, "; ", "rss %s", report_bytes(w->memory.rss).s);
	if (!w->limit_bytes)
		return;
	if (!strcmp(w->limit_of, "machine"))
		item(l, ", ", "machine %s of %s", report_bytes(w->limit_used).s,
		     report_bytes(w->limit_bytes).s);
	else
		item(l, " ", "(%s of %s)", report_bytes(w->limit_used).s,
		     report_bytes(w->limit_bytes).s);
	if (!w->does.rss_grows || (!rss_rate && !has_forecast(w)))
		return;
	left = report_left(&w->does.left_s);
	if (left)
		item(l, ", ", "limit %s", left);
	if (left && !rss_rate)
		item(l, " ", "at rss %s/min", report_change(w->does.rss_rate.value * 60).s);
	free(left);
}

/* The class that is worse than the heap; NULL: none is. */
static const struct watched_class *worst_class(const struct watched *w)
{
	enum verdict worst = news_heap_verdict(w);

	for (size_t i = 0; i < w->n_classes && w->heap.verdict != worst; i++)
		if (w->classes[i].is.verdict == worst)
			return &w->classes[i];
	return NULL;
}

/* The worst judgement of heap and classes, for what it lacks. */
static const struct judgement *heap_judgement(const struct watched *w)
{
	const struct watched_class *c = worst_class(w);

	return c ? &c->is : &w->heap;
}

/* What lives is less than half of what it would be, had it always grown so. */
static void put_age(struct line *l, const struct watched *w)
{
	const struct watched_class *c = worst_class(w);
	const double live = (double)(c ? c->live_bytes : w->live_bytes);
	const struct judgement *is = heap_judgement(w);
	const double would = is->rate.low * w->age_s;

	if (is->verdict != VERDICT_LEAK || !(would > 2 * live))
		return;
	item(l, "; ", "since the process began, %s ago, that would be %s",
	     report_duration(w->age_s).s, report_bytes(report_whole(would)).s);
	item(l, ": ", "it began later, or comes and goes");
}

static void put_heap(struct line *l, const struct watched *w)
{
	enum verdict verdict = news_heap_verdict(w);
	struct estimate rate = news_heap_rate(w);

	if (!w->census_known) {
		item(l, "", "what lives in the heap is not known of this binary");
		return;
	}
	if (verdict < VERDICT_GROWING && !w->n_cycles) {
		item(l, "", "what lives in the heap is not known yet: no collection was seen");
		return;
	}
	if (verdict < VERDICT_GROWING) {
		item(l, "", "live heap %s", report_bytes(w->live_bytes).s);
		if (isfinite(rate.value))
			report_growth(l, ", ", &rate);
		return;
	}
	report_growth(l, "", &rate);
	item(l, " ", "live heap %s", report_bytes(w->live_bytes).s);
	put_classes(l, w);
}

static void put_heap_news(FILE *out, const struct news *n)
{
	enum verdict verdict = news_heap_verdict(n->w);
	struct line l = head(out, n);

	item(&l, "  ", "%s", verdict >= VERDICT_GROWING ? report_verdict(verdict) :
			     news_heap_rate(n->w).value > 0 ? "growth is not certain any more" :
							      "no growth any more");
	item(&l, "  ", "%s", "");
	put_heap(&l, n->w);
	put_limit(&l, n->w, false);
	put_missing(&l, heap_judgement(n->w), n->taken_back);
	put_rhythm(&l, heap_judgement(n->w));
	put_age(&l, n->w);
	if (n->waits)
		item(&l, "; ", "the look at what grows waits for looks at other processes");
	end_line(&l);
}

/* ---- goroutines ------------------------------------------------------------------------------ */

static void put_frames(FILE *out, const char *first, const struct frames *stack, size_t most)
{
	struct line l;

	for (size_t i = 0; i < stack->n && i < most; i++) {
		const struct frame *fr = stack->v[i];
		const char *slash = fr->file ? strrchr(fr->file, '/') : NULL;

		l = begin(out, INDENT INDENT);
		item(&l, "", "%s%s", i ? "<- " : first,
		     fr->function ? fr->function : "[unknown]");
		if (fr->file)
			item(&l, "  ", "%s:%u", slash ? slash + 1 : fr->file, fr->line);
		end_line(&l);
	}
}

static void put_go(struct line *l, const struct watched_go *go)
{
	char *rate = report_goroutine_rate(&go->is.rate);

	item(l, "", "goroutines");
	if (isfinite(go->is.rate.value))
		item(l, " ", "%s", rate);
	item(l, "  ", "%s live", report_count(go->live).s);
	if (go->state)
		item(l, ", ", "%s [%s]", report_count(go->n_state).s, go->state);
	if (go->longest_wait_s >= 0)
		item(l, ", ", "longest %s", report_duration(go->longest_wait_s).s);
	item(l, ", ", "seen for %s", report_duration(go->since_s).s);
	if (go->is.certain)
		item(l, "; ", "they wait for what cannot come");
	free(rate);
}

/* What the heap grows by as they do, and as those of other go statements: of the same growth the line
 * of each of these tells. */
static void put_with_heap(struct line *l, const struct watched *w)
{
	struct estimate rate = news_heap_rate(w);
	size_t n = news_growing_gos(w);
	enum verdict worst;

	if (!news_heap_of_goroutines(w, &worst))
		return;
	item(l, "; ", "with them%s", "");
	if (n > 1)
		item(l, " ", "and those of %zu more go statement%s, all together,", n - 1,
		     plural(n - 1));
	item(l, " ", "the heap%s", "");
	item(l, " ", "%s", "");
	report_growth(l, "", &rate);
	put_classes(l, w);
}

static void put_places(FILE *out, const struct watched_places *p)
{
	if (!p)
		return;
	put_frames(out, "created by ", &p->created, 1);
	put_frames(out, "blocked at ", &p->blocked, MAX_FRAMES);
}

static void put_goroutine_news(FILE *out, const struct news *n)
{
	struct line l = head(out, n);

	item(&l, "  ", "%s", n->go->is.verdict >= VERDICT_GROWING ?
	     report_verdict(n->go->is.verdict) : "no growth any more");
	item(&l, "  ", "%s", "");
	put_go(&l, n->go);
	if (n->go->is.verdict >= VERDICT_GROWING)
		put_with_heap(&l, n->w);
	put_missing(&l, &n->go->is, false);
	put_rhythm(&l, &n->go->is);
	end_line(&l);
	put_places(out, n->places);
}

/* ---- what it is that grows ------------------------------------------------------------------- */

static void put_holder(FILE *out, const struct heap_held *held)
{
	const struct heap_holder *h = held->holder;
	struct line l = begin(out, INDENT INDENT);
	char *words;

	if (heapview_grew(&held->amount))
		item(&l, "", "%s/min", report_change(held->amount.bytes_per_s.value * 60).s);
	else
		report_growth(&l, "", &held->amount.bytes_per_s);
	for (size_t i = 0; i < h->n_levels; i++) {
		words = heap_level_words(&h->levels[i]);
		item(&l, " in ", "%s", words);
		free(words);
	}
	words = heap_root_words(h);
	item(&l, heap_root_before(h), "%s", words);
	free(words);
	end_line(&l);
}

static void put_lines(FILE *out, const struct heap_type *type)
{
	struct line l = begin(out, INDENT INDENT);

	report_heap_places(&l, type, MAX_PLACES);
	end_line(&l);
}

static void put_type(FILE *out, const struct heap_row *row)
{
	struct line l = begin(out, INDENT);
	char *name = heap_type_words(row->type), *count = heap_count_words(row);
	char *size = heap_bytes_words(row->amount.bytes);
	const bool objects = !heap_has_one_size(row);

	report_growth(&l, "", &row->amount.bytes_per_s);
	item(&l, "  ", "%s", name);
	item(&l, "  ", "%s%s%s, %s", count, objects ? " object" : "",
	     objects ? plural(row->amount.objects.high) : "", size);
	if (row->type->guessed_objects)
		item(&l, " ", "(a guess for %s)", report_count(row->type->guessed_objects).s);
	if (!heapview_grew(&row->amount))
		item(&l, " ", "(%s)", heap_not_certain);
	end_line(&l);
	for (size_t i = 0, n = 0; i < row->n_held && n < MAX_HOLDERS; i++) {
		if (!heapview_is_told(row, &row->held[i]))
			continue;
		put_holder(out, &row->held[i]);
		n++;
	}
	if (row->type->n_places)
		put_lines(out, row->type);
	free(size);
	free(count);
	free(name);
}

static void put_stack(FILE *out, const struct watched_stack *s)
{
	struct line l = begin(out, INDENT);

	item(&l, "", "by its own profile about %s/min", report_change(s->bytes_per_s * 60).s);
	item(&l, ", ", "%s sample%s", report_count(s->samples).s, plural(s->samples));
	item(&l, ", ", "in objects of %s", report_bytes(s->size).s);
	if (s->type)
		item(&l, "  ", "%s%s%s%s", s->type, s->how ? " (" : "", s->how ? s->how : "",
		     s->how ? ")" : "");
	end_line(&l);
	put_frames(out, "", &s->frames, MAX_FRAMES);
}

static void put_suppressed(FILE *out, const struct watched_growth *g)
{
	struct estimate rate;
	size_t n = news_suppressed(g, &rate);
	struct line l;

	if (!n)
		return;
	l = begin(out, INDENT "SUPPRESSED  ");
	report_growth(&l, "", &rate);
	item(&l, " ", "in %zu type%s", n, plural(n));
	end_line(&l);
}

/* Looks and collections are of different times. */
static void put_unexplained(FILE *out, const struct watched *w, const struct watched_growth *g)
{
	const struct estimate rate = news_heap_rate(w);
	struct line l;
	double explained;

	if (!g->types || !news_unexplained(w, g, &explained))
		return;
	l = begin(out, INDENT);
	item(&l, "", "these%s have %s/min at most of the heap's",
	     g->types->n_suppressed ? " and what is suppressed" : "",
	     report_bytes(report_whole(explained * 60)).s);
	report_growth(&l, " ", &rate);
	item(&l, ": ", "the rest is in other types, or came before or after the looks");
	end_line(&l);
}

static void put_named(FILE *out, const struct watched *w, const struct watched_growth *g)
{
	const struct heap_row *rows[NEWS_TYPES];
	size_t n = news_types(w, g, rows);

	for (size_t i = 0; i < n; i++)
		put_type(out, rows[i]);
	put_unexplained(out, w, g);
	for (size_t i = 0; i < g->n_stacks && i < NEWS_TYPES; i++)
		put_stack(out, &g->stacks[i]);
	put_suppressed(out, g);
}

/* age: the looks may be old. */
static void put_growth_head(struct line *l, const struct watched_growth *g, bool age)
{
	uint32_t cycles = g->types->now->n_cycles - g->types->before->n_cycles;
	char *span = heap_span_words(&g->types->span);

	item(l, "", "by two looks at its heap %s apart", span);
	if (age)
		item(l, ", ", "the last %s ago", report_duration(g->age_s).s);
	item(l, ", ", "%u collection%s", cycles, plural(cycles));
	item(l, ", ", "which took us %.2gs of a core", g->cpu_s);
	free(span);
}

static void put_growth_news(FILE *out, const struct news *n)
{
	struct line l = head(out, n);

	item(&l, "  ", "WHAT GROWS  %s", "");
	put_growth_head(&l, n->growth, false);
	end_line(&l);
	put_named(out, n->w, n->growth);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Of mappings that were not read the same number as in the account. */
static void put_cause(struct line *l, const struct watched *w)
{
	const struct diagnosis *d = &w->does;
	bool variables = report_grows_outside(d) && d->outside == OUTSIDE_ANONYMOUS &&
			 !w->memory.mapped_known;

	item(l, "", "rss %s", "");
	report_growth(l, "", &d->rss_rate);
	if (report_has_cause(d))
		item(l, ", ", "most of that: %s, now %s%s%s", report_cause(d),
		     variables ? "about " : "", report_bytes(d->cause_bytes).s,
		     variables ? " with variables" : "");
	else
		item(l, ", ", "no single part has most of that");
	if (d->no_collection)
		item(l, "; ", "no collection meanwhile");
	if (report_grows_outside(d))
		item(l, "; ", "%s", report_outside_remedy(d->outside));
}

/* What the heap grows by is told by its collections elsewhere. */
static void put_unseen(struct line *l, const struct watched *w)
{
	if ((w->does.cause != MEMORY_LIVE && w->does.cause != MEMORY_HEAP) || !news_heap_unseen(w))
		return;
	item(l, "; ", "%s", w->census_known ? "collections come too fast to tell growth by size" :
					      "its binary does not tell when it collects");
	item(l, ": ", "gobpfleak heap --diff 60s tells it by type");
}

/* What memory does must not be taken for what the heap does, of which too little is known. */
static void put_heap_unknown(struct line *l, const struct watched *w)
{
	const uint64_t needs = w->min_cycles > w->growth_cycles ? w->min_cycles : w->growth_cycles;

	if (!w->census_known) {
		item(l, "; ", "whether the heap leaks is not known of this binary");
		return;
	}
	if (news_heap_verdict(w) >= VERDICT_GROWING ||
	    (w->heap.verdict != VERDICT_TOO_FEW && w->n_cycles >= w->min_cycles))
		return;
	item(l, "; ", "whether the heap leaks is not known yet");
	if (w->n_cycles < needs)
		item(l, ": ", "%s of %s collections", report_count(w->n_cycles).s,
		     report_count(needs).s);
}

static void put_growing(struct line *l, const struct watched *w)
{
	const struct diagnosis *d = &w->does;
	bool heap = d->cause <= MEMORY_IDLE || d->cause == MEMORY_HEAP;

	put_cause(l, w);
	put_unseen(l, w);
	if (heap && !news_heap_unseen(w))
		put_heap_unknown(l, w);
}

/* It may still do so, by less than is worth a word, or than is certain. */
static void put_grew(struct line *l, const struct watched *w)
{
	const struct estimate *rate = &w->does.rss_rate;

	if (rate->low > 0)
		item(l, "", "rss grows by little");
	else
		item(l, "", rate->value > 0 ? "growth of rss is not certain any more" :
					      "rss does not grow any more");
	if (rate->value > 0)
		report_growth(l, rate->low > 0 ? " " : ", ", rate);
	put_heap_unknown(l, w);
}

static void put_memory_news(FILE *out, const struct news *n)
{
	struct line l = head(out, n);

	item(&l, "  ", "MEMORY  %s", "");
	if (n->w->does.rss_grows)
		put_growing(&l, n->w);
	else
		put_grew(&l, n->w);
	put_limit(&l, n->w, true);
	end_line(&l);
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void put_begin(FILE *out, const struct news *n)
{
	const struct watched *w = n->w;
	struct line l = head(out, n);

	item(&l, "  ", "watched from now on");
	item(&l, "  ", "%s%s", w->target.go_version ? w->target.go_version : "?",
	     w->target.stripped ? " (stripped)" : "");
	item(&l, "  ", "rss %s", report_bytes(w->memory.rss).s);
	if (!w->census_known)
		item(&l, "; ", "its binary does not tell when it collects: goroutines and "
		     "resident memory only");
	end_line(&l);
}

static void put_refused(FILE *out, const struct news *n)
{
	struct line l = head(out, n);

	item(&l, "  ", "not watched: %s", n->why);
	end_line(&l);
}

/* Of the table of goroutines. */
static void put_readings(struct line *l, const struct watched *w)
{
	item(l, ", ", "%s of %s reading%s", report_count(w->n_tables).s,
	     report_count(w->min_cycles).s, plural(w->min_cycles));
}

static bool has_few_collections(const struct watched *w)
{
	return w->census_known && w->n_cycles < w->min_cycles;
}

/* Those that were seen whole; and fewer than that tell no growth, whatever was asked for. */
static bool collects_too_rarely(const struct watched *w)
{
	return w->seconds >= w->min_s &&
	       (has_few_collections(w) || (w->census_known && w->verdict == VERDICT_TOO_FEW));
}

/* What is no leak may be one that is too small to be seen. */
static void put_would_show(struct line *l, const struct watched *w)
{
	const struct estimate rate = news_heap_rate(w);

	if (rate.high > 0)
		item(l, "; ", "a leak of %s/min would show",
		     report_bytes(report_whole(rate.high * 60)).s);
}

/* "too early to tell after 1m30s of 3m00s, 4 of 12 collections": what has to pass before anything is
 * called a leak. */
static void put_verdict_word(struct line *l, const struct watched *w)
{
	bool early = w->seconds < w->min_s, few = has_few_collections(w);
	bool few_tables = w->n_tables < w->min_cycles;

	item(l, "", "%s", w->verdict == VERDICT_TOO_FEW ? "too early to tell" :
			  w->verdict >= VERDICT_GROWING ? report_verdict(w->verdict) :
			  early || few || few_tables ? "no leak so far" : "no leak");
	item(l, " after ", "%s", report_duration(w->seconds).s);
	if (early)
		item(l, " of ", "%s", report_duration(w->min_s).s);
	item(l, ", ", "%s", report_count(w->n_cycles).s);
	if (few)
		item(l, " of ", "%s", report_count(w->min_cycles).s);
	item(l, " ", "collection%s", plural(few ? w->min_cycles : w->n_cycles));
	if (w->n_missed)
		item(l, " ", "(%s more not seen whole)", report_count(w->n_missed).s);
	if (few_tables && !early) {
		put_readings(l, w);
		item(l, " ", "of its goroutines");
	}
	if (collects_too_rarely(w) && !few)
		item(l, "; ", "growth of the heap takes %s seen whole",
		     report_count(w->growth_cycles).s);
	if (w->verdict != VERDICT_TOO_FEW && w->verdict < VERDICT_GROWING && !early && !few)
		put_would_show(l, w);
	if (report_grows_outside(&w->does))
		item(l, "; ", "memory outside Go grows");
}

/* No leak, and worth a word. */
static void put_stuck(struct line *l, const struct watched *w)
{
	uint64_t n = 0;

	for (size_t i = 0; i < w->n_gos; i++)
		n += report_stuck(&w->gos[i].is) ? w->gos[i].live : 0;
	if (n)
		item(l, "; ", "%s of go statements whose goroutines wait for what cannot come, no "
		     "more have come", report_count(n).s);
}

static void put_lasting(FILE *out, const struct watched *w)
{
	struct line l = begin(out, INDENT "TREND    ");
	enum verdict worst;

	put_heap(&l, w);
	if (news_heap_of_goroutines(w, &worst))
		item(&l, "; ", "it grows as the goroutines do");
	else
		put_missing(&l, heap_judgement(w), false);
	end_line(&l);
	l = begin(out, INDENT "MEMORY   ");
	report_account(&l, &w->memory);
	if (w->does.rss_grows) {
		item(&l, "; ", "%s", "");
		put_cause(&l, w);
	}
	end_line(&l);
	l = begin(out, INDENT "GOROUTINES ");
	item(&l, "", "%s", report_count(w->n_goroutines).s);
	if (w->table_age_s >= STALE_S)
		item(&l, ", ", "counted %s ago", report_duration(w->table_age_s).s);
	if (w->n_tables < w->min_cycles && (!w->n_gos || w->gos[0].is.verdict < VERDICT_GROWING)) {
		item(&l, "; ", "too early to tell");
		put_readings(&l, w);
	}
	put_stuck(&l, w);
	if (w->n_tables_lost)
		item(&l, "; ", "%s readings of their table were not whole",
		     report_count(w->n_tables_lost).s);
	if (w->n_gos_lost)
		item(&l, "; ", "%s of go statements that found no room",
		     report_count(w->n_gos_lost).s);
	end_line(&l);
	for (size_t i = 0; i < w->n_gos && i < MAX_GOS; i++) {
		if (w->gos[i].is.verdict < VERDICT_GROWING)
			break;
		l = begin(out, INDENT);
		item(&l, "", "%s  %s", report_verdict(w->gos[i].is.verdict), "");
		put_go(&l, &w->gos[i]);
		end_line(&l);
	}
}

/* The line of its own. */
static bool is_enough(const struct news *n)
{
	return n->brief && n->w->verdict < VERDICT_GROWING && !report_grows_outside(&n->w->does);
}

static void put_end(FILE *out, const struct news *n)
{
	struct line l = head(out, n);

	item(&l, "  ", "%s; the last that was known: ", n->why);
	put_verdict_word(&l, n->w);
	if (is_enough(n))
		put_limit(&l, n->w, false);
	end_line(&l);
	if (!is_enough(n))
		put_lasting(out, n->w);
}

static void put_cost(FILE *out, const struct news *n)
{
	struct line l = begin(out, INDENT "COST     ");

	item(&l, "", "no probe, nothing stopped; this tool %.2g%% of a core, %s, for %zu process%s",
	     n->own_cpu_percent, report_bytes(n->own_rss).s, n->n_watched,
	     n->n_watched == 1 ? "" : "es");
	end_line(&l);
}

static void put_report(FILE *out, const struct news *n)
{
	struct line l = head(out, n);

	item(&l, "  ", "REPORT  %s", "");
	put_verdict_word(&l, n->w);
	put_limit(&l, n->w, false);
	end_line(&l);
	if (!is_enough(n))
		put_lasting(out, n->w);
	if (n->growth && n->growth->types) {
		l = begin(out, INDENT "WHAT GROWS  ");
		put_growth_head(&l, n->growth, true);
		end_line(&l);
		put_named(out, n->w, n->growth);
	} else if (!n->brief && collects_too_rarely(n->w)) {
		fputs(INDENT "WHAT GROWS  gobpfleak heap --diff 60s waits for no collection\n", out);
	}
	if (n->waits)
		fputs(INDENT "WHAT GROWS  the look at it waits for looks at other processes\n",
		      out);
	if (n->n_watched)
		put_cost(out, n);
}

int news_text(FILE *out, const struct news *n)
{
	static void (*const put[])(FILE *out, const struct news *n) = {
		[NEWS_BEGIN] = put_begin, [NEWS_REFUSED] = put_refused, [NEWS_END] = put_end,
		[NEWS_HEAP] = put_heap_news, [NEWS_GOROUTINES] = put_goroutine_news,
		[NEWS_MEMORY] = put_memory_news, [NEWS_GROWTH] = put_growth_news,
		[NEWS_REPORT] = put_report,
	};

	put[n->kind](out, n);
	return report_finish(out);
}
