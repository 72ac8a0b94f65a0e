// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_text.c - the heap by type, and who holds it, for reading.
 *
 * What could not be typed has lines of its own at the end, so that the types stand together.
 */
#include "user/report/heap_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/heapview.h"
#include "user/report/heap_words.h"
#include "user/report/line.h"
#include "user/report/memory_text.h"
#include "user/report/report.h"
#include "user/report/sections.h"

enum {
	FIT_TYPES = 10,		/* in full where the report is to fit on a screen, and no more; */
	FULL_TYPES = 10,	/* likewise elsewhere, unless all is asked for */
	FIT_HOLDERS = 3,	/* of a type there */
	MAX_HOLDERS = 10,	/* of a type, unless all is asked for */
	GROWN_HOLDERS = 2,	/* below a finding */
	MAX_PLACES = 3,
	MAX_SIZES = 4,
	MAX_RUNNERS_SHOWN = 3,
	LEAST_PER_HOUR = 64 << 10,	/* bytes: evidence of less is of no leak that matters, */
	LEAST_SHARE = 100,		/* nor is this part of all that grew */
};

struct text {
	const struct page *out;
	const struct heap_view *v;
	bool two;		/* looks */
	size_t max_holders, max_places;
	bool in_bytes;		/* how what is held has grown */
};

/* Of the bytes that may live. */
static double share_of_all(const struct heapmap *m, uint64_t bytes)
{
	return (double)bytes / (double)heapmap_bytes(m).high;
}

static void put_percent(struct line *l, const char *separator, const char *fmt, double share)
{
	char *number = isfinite(share) ? xasprintf("%.1f%%", share * 100) : xstrdup("?");

	item(l, separator, fmt, number);
	free(number);
}

/* ---- rates ----------------------------------------------------------------------------------- */

/* "+1,060", "-3"; to be freed */
static char *change(double n)
{
	return xasprintf("%c%s", n < 0 ? '-' : '+', report_count((uint64_t)(fabs(n) + 0.5)).s);
}

/* In words: not more objects, but larger ones. */
static bool is_none(const struct heap_amount *a)
{
	return fabs(a->objects_per_s.value * 60) < 0.5;
}

/* " [+656, +1,767]", where they are a tenth of the rate apart; v: it, and both limits. */
static char *wide_limits(const double v[3], bool in_bytes, const char *const words[3])
{
	enum { WIDE = 10 };
	const struct estimate e = { v[0], v[1], v[2], 0 };

	if (!((v[2] - v[1]) * WIDE > fabs(v[0])))
		return xstrdup("");
	if (in_bytes)
		return xstrdup(report_limits(&e, true).s);
	return strcmp(words[1], words[2]) ? xasprintf(" [%s, %s]", words[1], words[2]) : xstrdup("");
}

/* "+1,060/min", or "between -20/min and +26/min" where it may be growth or none.  Where there are not
 * more of them, they are larger: an array in place of a smaller one. */
static char *growth(const struct heap_amount *a, bool in_bytes)
{
	const struct estimate *e = in_bytes ? &a->bytes_per_s : &a->objects_per_s;
	const double v[3] = { e->value * 60, e->low * 60, e->high * 60 };
	char *words[3], *limits, *all;

	for (int i = 0; i < 3; i++)
		words[i] = in_bytes ? xstrdup(report_change(v[i]).s) : change(v[i]);
	limits = wide_limits(v, in_bytes, (const char *const *)words);
	all = report_rate_words(e, (const char *const *)words, limits);
	free(limits);
	for (int i = 0; i < 3; i++)
		free(words[i]);
	return all;
}

/* ---- totals ---------------------------------------------------------------------------------- */

/* note: what to think of it; NULL: nothing. */
static void put_growth_of_all(const struct page *out, const struct heap_view *v, const char *note)
{
	const uint32_t n_cycles = v->now->n_cycles - v->before->n_cycles;
	struct line l = begin_line(out, "GROWTH   ", 9);
	char *span = heap_span_words(&v->span);

	report_growth(&l, "", &v->held_per_s);
	item(&l, " ", "of what is held between two looks %s apart", span);
	item(&l, ", ", "%u collection%s", n_cycles, plural(n_cycles));
	if (note)
		item(&l, "; ", "%s", note);
	item(&l, "; ", "what grew most for certain stands first");
	end_line(&l);
	free(span);
}

/* What was looked at, if not all. */
static void put_slots(struct line *l, const struct heapmap *m)
{
	if (m->only_size)
		item(l, " ", "in slots of %s", report_bytes(m->only_size).s);
	else if (m->min_size && m->max_size)
		item(l, " ", "in slots of %s to %s", report_bytes(m->min_size).s,
		     report_bytes(m->max_size).s);
	else if (m->min_size || m->max_size)
		item(l, " ", "in slots of %s or %s",
		     report_bytes(m->min_size ? m->min_size : m->max_size).s,
		     m->min_size ? "more" : "less");
}

static void put_runners(struct line *l, const struct heapmap *m, bool cleanup)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_runners; i++) {
		const struct heap_runner *r = &m->runners[i];
		const double wait_s = heap_runner_wait_s(m, r);

		if (r->cleanup != cleanup || ++n > MAX_RUNNERS_SHOWN)
			continue;
		item(l, "; ", "goroutine %" PRIu64 "%s", r->goid,
		     r->function ? " runs one" : ", which runs them,");
		if (r->function)
			item(l, ", ", "in %s (%s%s%s)", r->function, r->state,
			     wait_s < 0 ? "" : " for at least ",
			     wait_s < 0 ? "" : report_duration(wait_s).s);
		else
			item(l, " ", "is %s", r->state);
	}
	if (n > MAX_RUNNERS_SHOWN)
		item(l, ", ", "and %zu more do", n - MAX_RUNNERS_SHOWN);
}

static bool is_queued(uint64_t n)
{
	return n && n != UNKNOWN_U64;
}

void report_heap_queues(const struct page *out, const struct heapmap *m)
{
	const uint64_t n = m->n_finalizers;
	struct line l;

	if (is_queued(n)) {
		l = begin_line(out, "QUEUED   ", 9);
		item(&l, "", "%s object%s kept until", report_count(n).s, plural(n));
		item(&l, " ", "%s run", n == 1 ? "its finalizer has" : "their finalizers have");
		put_runners(&l, m, false);
		end_line(&l);
	}
	if (is_queued(m->n_cleanups)) {
		l = begin_line(out, "QUEUED   ", 9);
		item(&l, "", "%s cleanup%s of objects that are gone",
		     report_count(m->n_cleanups).s, plural(m->n_cleanups));
		put_runners(&l, m, true);
		end_line(&l);
	}
}

void report_heap_totals(const struct page *out, const struct heap_view *v)
{
	const struct heapmap *m = v->now;
	const struct heap_range objects = heapmap_objects(m), bytes = heapmap_bytes(m);
	struct line l = begin_line(out, "TYPES    ", 9);
	char *size = heap_bytes_words(bytes), *count = heap_range_words(objects);
	size_t n = 0;

	for (size_t i = 0; i < m->n_types; i++)
		n += m->types[i].name != NULL;
	item(&l, "", "%s live in %s object%s", size, count, plural(objects.high));
	item(&l, " ", "of %s type%s", report_count(n).s, plural(n));
	put_slots(&l, m);
	if (objects.low != objects.high)
		item(&l, "; ", "the lower ends are held for certain, the upper ones may be");
	put_percent(&l, "; ", "typed %s of the bytes with pointers", heapview_typed(&m->pointers));
	put_percent(&l, ", ", "%s of those without", heapview_typed(&m->no_pointers));
	if (m->pointers.guessed_bytes + m->no_pointers.guessed_bytes)
		put_percent(&l, "; ", "%s of all is a guess",
			    share_of_all(m, m->pointers.guessed_bytes +
					 m->no_pointers.guessed_bytes));
	end_line(&l);
	free(size);
	free(count);
	if (v->before)
		put_growth_of_all(out, v, NULL);
	report_heap_queues(out, m);
}

/* ---- one type -------------------------------------------------------------------------------- */

static void put_count(struct line *l, const struct heap_row *row)
{
	char *count = heap_count_words(row);

	if (heap_has_one_size(row))
		item(l, "  ", "%s", count);
	else
		item(l, "  ", "%s object%s", count, plural(row->amount.objects.high));
	free(count);
}

static void put_guess(struct line *l, const struct heap_type *type)
{
	if (!type->guessed_objects)
		return;
	if (type->guessed_objects >= type->objects.high)
		item(l, " ", "(a guess)");
	else
		item(l, " ", "(a guess for %s)", report_count(type->guessed_objects).s);
}

static void put_size(const struct text *t, struct line *l, const struct heap_row *row)
{
	char *size = heap_bytes_words(row->amount.bytes);

	item(l, "  ", "%s", size);
	put_percent(l, " ", "(%s)", share_of_all(t->v->now, row->amount.bytes.high));
	put_count(l, row);
	free(size);
}

static void put_name(struct line *l, const struct heap_row *row)
{
	char *name = heap_type_words(row->type);

	item(l, "  ", "%s", name);
	put_guess(l, row->type);
	free(name);
}

static void put_growth_of(struct line *l, const struct heap_amount *a)
{
	char *objects = change(a->objects_per_s.value * 60);

	report_growth(l, "  ", &a->bytes_per_s);
	if (!report_holds_zero(&a->bytes_per_s) && !report_holds_zero(&a->objects_per_s) &&
	    !is_none(a))
		item(l, " ", "in %s objects/min", objects);
	free(objects);
}

static void put_row_head(const struct text *t, const struct heap_row *row, size_t number)
{
	struct line l = begin_line(t->out, "", 3);

	item(&l, "", "#%zu", number);
	if (t->two)
		put_growth_of(&l, &row->amount);
	put_size(t, &l, row);
	put_name(&l, row);
	end_line(&l);
}

/* From the object outwards: no more than so many levels, then the root. */
static void put_chain(struct line *l, const struct heap_holder *h, size_t most)
{
	char *words;

	for (size_t i = 0; i < h->n_levels && i < most; i++) {
		words = heap_level_words(&h->levels[i]);
		item(l, " in ", "%s", words);
		free(words);
	}
	if (most < h->n_levels && h->root != HEAP_ROOT_CUT)
		item(l, " in ", "...");
	words = heap_root_words(h);
	item(l, heap_root_before(h), "%s", words);
	free(words);
}

/* Where they differ in size: few may have most of the bytes. */
static void put_bytes(struct line *l, const struct heap_row *row, struct heap_range bytes)
{
	char *size;

	if (heap_has_one_size(row))
		return;
	size = heap_bytes_words(bytes);
	item(l, " ", "(%s)", size);
	free(size);
}

static void put_held(const struct text *t, const struct heap_row *row, const struct heap_held *held)
{
	struct line l = begin_line(t->out, "   ", 8);
	char *count = heap_range_words(held->amount.objects);

	if (t->two) {
		char *more = growth(&held->amount, t->in_bytes || !heap_has_one_size(row));

		item(&l, "", "%s,", more);
		item(&l, " ", "%s now", count);
		free(more);
	} else {
		item(&l, "", "%s of %s", count, report_count(row->amount.objects.high).s);
	}
	put_bytes(&l, row, held->amount.bytes);
	put_chain(&l, held->holder, SIZE_MAX);
	end_line(&l);
	free(count);
}

static bool is_worth(const struct text *t, const struct heap_row *row, const struct heap_held *held)
{
	return t->max_holders == SIZE_MAX || heapview_is_told(row, held);
}

/* How many; *shown: what they hold. */
static size_t put_first_holders(const struct text *t, const struct heap_row *row,
				struct heap_amount *shown)
{
	size_t n = 0;

	*shown = (struct heap_amount){ 0 };
	for (size_t i = 0; i < row->n_held && n < t->max_holders; i++) {
		if (!is_worth(t, row, &row->held[i]))
			continue;
		put_held(t, row, &row->held[i]);
		shown->objects.high += row->held[i].amount.objects.high;
		shown->bytes.high += row->held[i].amount.bytes.high;
		n++;
	}
	return n;
}

static void put_holders(const struct text *t, const struct heap_row *row)
{
	const uint64_t all = row->amount.objects.high, bytes = row->amount.bytes.high;
	struct heap_amount shown;
	struct line l;

	if (!put_first_holders(t, row, &shown) || shown.objects.high >= all)
		return;
	l = begin_line(t->out, "   ", 8);
	item(&l, "", "%s of %s", report_count(all - shown.objects.high).s, report_count(all).s);
	if (shown.bytes.high < bytes)
		put_bytes(&l, row, (struct heap_range){ bytes - shown.bytes.high,
							bytes - shown.bytes.high });
	item(&l, " ", "in other ways");
	end_line(&l);
}

/* To be named where that is not asked for all: none of many that nothing tells apart. */
static size_t named_places(const struct heap_type *type)
{
	if (type->n_places <= MAX_PLACES && !type->places_cut)
		return type->n_places;
	return type->n_places_apart <= MAX_PLACES ? type->n_places_apart : 0;
}

/* Of places that were cut there is one more at least. */
void report_heap_places(struct line *l, const struct heap_type *type, size_t most)
{
	const size_t named = most == SIZE_MAX ? type->n_places : named_places(type);
	const size_t n = named < most ? named : most, left = type->n_places - n;

	if (!n) {
		if (type->places_cut)
			item(l, "", "allocated in many places (%zu or more)", left + 1);
		else
			item(l, "", "allocated in %zu places", left);
		return;
	}
	item(l, "", "allocated by");
	for (size_t i = 0; i < n; i++) {
		const struct frame *fr = &type->places[i];
		const char *slash = fr->file ? strrchr(fr->file, '/') : NULL;

		item(l, i ? ", " : " ", "%s", fr->function ? fr->function : "[unknown]");
		if (fr->file)
			item(l, " ", "%s:%u", slash ? slash + 1 : fr->file, fr->line);
	}
	if (left && !type->places_cut)
		item(l, ", ", "or by %zu more", left);
	else if (type->places_cut)
		item(l, ", ", "or by at least %zu more", left + 1);
}

static void put_places(const struct text *t, const struct heap_type *type)
{
	struct line l = begin_line(t->out, "   ", 8);

	report_heap_places(&l, type, t->max_places);
	end_line(&l);
}

static void put_row(const struct text *t, const struct heap_row *row, size_t number)
{
	put_row_head(t, row, number);
	put_holders(t, row);
	if (row->type->n_places)
		put_places(t, row->type);
}

/* ---- one type in a line ---------------------------------------------------------------------- */

/* How much there is of who holds it. */
enum brief { ALL_LEVELS, FIRST_LEVEL, NO_LEVEL, NO_HOLDER };

/* Who holds most of it, or of two looks most of what it has grown by. */
static void put_main_holder(const struct text *t, struct line *l, const struct heap_row *row,
			    enum brief brief)
{
	static const size_t levels[] = { [ALL_LEVELS] = SIZE_MAX, [FIRST_LEVEL] = 1,
					 [NO_LEVEL] = 0 };
	const struct heap_held *held = row->held;
	char *count;

	if (!row->n_held || !is_worth(t, row, held))
		return;
	count = heap_range_words(held->amount.objects);
	if (held->amount.objects.high >= row->amount.objects.high)
		item(l, "", ",");
	else if (brief && 2 * held->amount.bytes.low > row->amount.bytes.high)
		item(l, ", ", "most");
	else
		item(l, ", ", "%s", count);
	if (held->amount.objects.high < row->amount.objects.high && !brief)
		put_bytes(l, row, held->amount.bytes);
	put_chain(l, held->holder, levels[brief]);
	free(count);
}

static void put_brief(const struct text *t, const struct heap_row *row, size_t number,
		      enum brief brief)
{
	struct line l = begin_line(t->out, "", 3);

	item(&l, "", "#%zu", number);
	if (t->two)
		report_growth(&l, "  ", &row->amount.bytes_per_s);
	else
		put_size(t, &l, row);
	put_name(&l, row);
	if (brief != NO_HOLDER)
		put_main_holder(t, &l, row, brief);
	end_line(&l);
}

void report_heap_grown(const struct page *out, const struct heap_view *v, const struct heap_row *row,
		       bool with_places)
{
	const struct text t = { .out = out, .v = v, .two = true, .max_holders = GROWN_HOLDERS,
				.max_places = MAX_PLACES,
				.in_bytes = is_none(&row->amount) };
	struct line l = begin_line(out, "   ", 8);
	char *more = growth(&row->amount, t.in_bytes);
	char *count = heap_count_words(row), *name = heap_type_words(row->type);
	struct heap_amount shown;

	item(&l, "", "%s %s,", more, name);
	item(&l, " ", "%s now", count);
	put_guess(&l, row->type);
	if (!heapview_grew(&row->amount))
		item(&l, " ", "(%s)", heap_not_certain);
	end_line(&l);
	put_first_holders(&t, row, &shown);
	if (with_places && row->type->n_places)
		put_places(&t, row->type);
	free(more);
	free(count);
	free(name);
}

/* ---- what has no type ------------------------------------------------------------------------ */

static bool is_untyped(const struct heap_row *row, bool pointers)
{
	return !row->type->name && !row->type->part && row->type->pointers == pointers &&
	       row->amount.objects.high;
}

static int most_bytes(const void *a, const void *b)
{
	const struct heap_row *x = *(const struct heap_row *const *)a;
	const struct heap_row *y = *(const struct heap_row *const *)b;

	if (x->amount.bytes.high != y->amount.bytes.high)
		return x->amount.bytes.high > y->amount.bytes.high ? -1 : 1;
	return x->type->key < y->type->key ? -1 : x->type->key > y->type->key;
}

/* Most bytes first, however sure it is that they live, and however they grew. */
static void put_sizes(struct line *l, const struct heap_view *v, bool pointers)
{
	const struct heap_row **rows = xcalloc(v->n_rows + 1, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < v->n_rows; i++)
		if (is_untyped(&v->rows[i], pointers))
			rows[n++] = &v->rows[i];
	qsort(rows, n, sizeof(*rows), most_bytes);
	for (size_t i = 0; i < n && i <= MAX_SIZES; i++) {
		char *count = heap_count_words(rows[i]);

		if (i == MAX_SIZES)
			item(l, ", ", "...");
		else
			item(l, i ? ", " : ": ", "%s%s", count,
			     heap_has_one_size(rows[i]) ? "" : " large");
		free(count);
	}
	free(rows);
}

static void put_untyped(const struct page *out, const struct heap_view *v, bool pointers)
{
	struct heap_range objects = { 0 }, bytes = { 0 };
	char *count, *size;
	struct line l;

	for (size_t i = 0; i < v->n_rows; i++) {
		if (!is_untyped(&v->rows[i], pointers))
			continue;
		objects = heap_range_sum(objects, v->rows[i].amount.objects);
		bytes = heap_range_sum(bytes, v->rows[i].amount.bytes);
	}
	if (!objects.high)
		return;
	size = heap_bytes_words(bytes);
	count = heap_range_words(objects);
	l = begin_line(out, "UNTYPED  ", 9);
	item(&l, "", "%s", size);
	put_percent(&l, " ", "(%s)", share_of_all(v->now, bytes.high));
	item(&l, " ", "in %s object%s with%s pointers", count, plural(objects.high),
	     pointers ? "" : "out");
	put_sizes(&l, v, pointers);
	end_line(&l);
	free(size);
	free(count);
}

/* Most of it died since that collection. */
static void put_unreached(const struct page *out, const struct heapmap *m)
{
	const uint64_t bytes = m->pointers.unreached_bytes + m->no_pointers.unreached_bytes;
	const uint64_t n = m->pointers.unreached_objects + m->no_pointers.unreached_objects;
	struct line l;

	if (!n)
		return;
	l = begin_line(out, "UNHELD   ", 9);
	item(&l, "", "%s", report_bytes(bytes).s);
	put_percent(&l, " ", "(%s)", share_of_all(m, bytes));
	item(&l, " ", "in %s object%s", report_count(n).s, plural(n));
	item(&l, " ", "that the last collection found alive");
	item(&l, " ", "and that nothing was seen to hold now");
	end_line(&l);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* A row that is shown, its text to be freed. */
struct shown {
	const struct heap_row *row;
	const char *above;	/* a line of its own before the row; NULL: there is none */
	char *text;
	size_t lines;
};

static void set_text(struct shown *s, char *text)
{
	free(s->text);
	s->text = text;
	s->lines = lines_in(text);
}

/* brief: NULL: in full. */
static void make_row(struct text t, struct shown *s, size_t number, const enum brief *brief)
{
	struct page page = *t.out;
	char *text = NULL;
	size_t size;

	page.file = open_memstream(&text, &size);
	if (!page.file) {
		set_text(s, xstrdup("?\n"));
		return;
	}
	t.out = &page;
	if (s->above)
		fprintf(page.file, "%s:\n", s->above);
	if (brief)
		put_brief(&t, s->row, number, *brief);
	else
		put_row(&t, s->row, number);
	fclose(page.file);
	set_text(s, text);
}

/* In one line, with as much of who holds it as that has room for; a name is never cut. */
static void make_brief(const struct text *t, struct shown *s, size_t number)
{
	const size_t above = s->above ? 1 : 0;

	for (enum brief brief = ALL_LEVELS; brief <= NO_HOLDER; brief++) {
		make_row(*t, s, number, &brief);
		if (s->lines == above + 1)
			return;
	}
}

/* Of two looks only what rather grew than not is shown, but where all is asked for. */
static bool is_shown(const struct text *t, const struct heap_row *row, bool all)
{
	return row->type->name && (all || !t->two || row->amount.bytes_per_s.value > 0);
}

/* What is in doubt is in the upper limits of several rows: together they have no more than what is
 * left of all. */
static void put_more_types(const struct text *t, uint64_t n, struct heap_range rest,
			   uint64_t shown_low)
{
	const uint64_t left = heapmap_bytes(t->v->now).high - shown_low;
	struct line l = begin_line(t->out, "... and ", 3);
	char *size;

	if (rest.high > left && left >= rest.low)
		rest.high = left;
	size = heap_bytes_words(rest);
	item(&l, "", "%s more type%s", report_count(n).s, plural(n));
	item(&l, ", ", "%s" REPORT_MORE, size);
	end_line(&l);
	free(size);
}

static void put_none_grew(const struct text *t)
{
	bool may = false;

	for (size_t i = 0; i < t->v->n_rows; i++)
		may |= t->v->rows[i].type->name && t->v->rows[i].amount.bytes_per_s.high > 0;
	fprintf(t->out->file, "no type %s\n", may ? "is certain to have grown" : "grew");
}

static bool is_certain(const struct text *t, const struct heap_row *row)
{
	return t->two ? heapview_grew(&row->amount) : row->amount.bytes.low;
}

/* The first of them, no more than most.  How many: *v, to be freed. */
static size_t choose(const struct text *t, size_t most, struct shown **v)
{
	bool certain = true;
	size_t n = 0;

	*v = xcalloc(t->v->n_rows + 1, sizeof(**v));
	for (size_t i = 0; i < t->v->n_rows && n < most; i++) {
		const struct heap_row *row = &t->v->rows[i];

		if (!is_shown(t, row, most == SIZE_MAX))
			continue;
		(*v)[n].row = row;
		if (certain && !is_certain(t, row)) {
			(*v)[n].above = t->two ? heap_not_certain : heap_may_live;
			certain = false;
		}
		n++;
	}
	return n;
}

/* The first ones in full as far as two thirds of the room go, or as all others find theirs; the first
 * of all in any case, with one holder and one place if there is no room for more. */
static void fit(struct text t, struct shown *v, size_t n, size_t room)
{
	size_t brief = 0, full = 0;

	for (size_t i = 0; i < n; i++) {
		make_brief(&t, &v[i], i + 1);
		brief += v[i].lines;
	}
	for (size_t i = 0; i < n && i < FIT_TYPES; i++) {
		struct shown row = { .row = v[i].row, .above = v[i].above };

		make_row(t, &row, i + 1, NULL);
		brief -= v[i].lines;
		if (full + row.lines > room * 2 / 3 && full + row.lines + brief > room) {
			t.max_holders = t.max_places = 1;
			if (!i)
				make_row(t, &v[i], i + 1, NULL);
			free(row.text);
			return;
		}
		full += row.lines;
		set_text(&v[i], row.text);
	}
}

/* Those for which there is no room are counted with those that are not shown. */
static void put_shown(const struct text *t, const struct shown *v, size_t n, size_t room)
{
	struct heap_range rest = { 0 };
	uint64_t n_rest = 0, shown_low = 0;
	size_t number = 0;

	for (; number < n && (!number || v[number].lines <= room); number++) {
		fputs(v[number].text, t->out->file);
		room -= v[number].lines < room ? v[number].lines : room;
		shown_low += v[number].row->amount.bytes.low;
	}
	for (size_t i = 0, k = 0; i < t->v->n_rows; i++) {
		const struct heap_row *row = &t->v->rows[i];

		if (k < number && v[k].row == row) {
			k++;
		} else if (row->type->name) {
			n_rest++;
			rest = heap_range_sum(rest, row->amount.bytes);
		}
	}
	if (t->two && !number)
		put_none_grew(t);
	if (n_rest)
		put_more_types(t, n_rest, rest, shown_low);
}

void report_heap_rows(const struct page *out, const struct heap_view *v, size_t top, size_t room)
{
	const bool fits = top == REPORT_FIT;
	const struct text t = {
		.out = out, .v = v, .two = v->before,
		.max_holders = fits ? FIT_HOLDERS : top ? MAX_HOLDERS : SIZE_MAX,
		.max_places = top ? MAX_PLACES : SIZE_MAX,
	};
	struct shown *shown;
	size_t n = choose(&t, fits ? room + 1 : top ? top : SIZE_MAX, &shown);

	if (fits)
		fit(t, shown, n, room);
	for (size_t i = 0; i < n && !fits; i++) {
		if (!top || i < FULL_TYPES)
			make_row(t, &shown[i], i + 1, NULL);
		else
			make_brief(&t, &shown[i], i + 1);
	}
	put_shown(&t, shown, n, fits ? room : SIZE_MAX);
	for (size_t i = 0; i < n; i++)
		free(shown[i].text);
	free(shown);
}

/* Growth from which on it matters, bytes a second: of all that is held and of the types that are
 * certain to have grown it has a share, and comes to something. */
static double least_growth(const struct heap_view *v, const struct heap_row *const *rows, size_t n)
{
	double certain = 0;

	for (size_t i = 0; i < n; i++)
		certain += fmax(rows[i]->amount.bytes_per_s.low, 0);
	return fmax(fmin(v->held_per_s.high, certain) / LEAST_SHARE, LEAST_PER_HOUR / 3600.0);
}

/* Those that matter, no more than most; all where all is asked for.  How many: *out, to be freed. */
static size_t choose_evidence(const struct heap_view *v, const struct heap_row *const *rows, size_t n,
			      size_t most, const struct heap_row ***out)
{
	const double least = most == SIZE_MAX ? 0 : least_growth(v, rows, n);
	size_t kept = 0;

	*out = xcalloc(n + 1, sizeof(**out));
	for (size_t i = 0; i < n && kept < most; i++)
		if (rows[i]->amount.bytes_per_s.high >= least)
			(*out)[kept++] = rows[i];
	return kept;
}

void report_heap_evidence(const struct page *out, const struct heap_view *v,
			  const struct heap_row *const *rows, size_t n, size_t most)
{
	const struct text t = {
		.out = out, .v = v, .two = true,
		.max_holders = most == SIZE_MAX ? SIZE_MAX : GROWN_HOLDERS,
		.max_places = most == SIZE_MAX ? SIZE_MAX : MAX_PLACES,
	};
	const struct heap_row **chosen;
	const size_t shown = choose_evidence(v, rows, n, most, &chosen);
	bool certain = true;

	put_growth_of_all(out, v, "evidence and no verdict, since it may be freed again");
	for (size_t i = 0; i < shown; i++) {
		if (certain && !heapview_grew(&chosen[i]->amount)) {
			fprintf(out->file, "%s:\n", heap_not_certain);
			certain = false;
		}
		put_row(&t, chosen[i], i + 1);
	}
	if (!n)
		put_none_grew(&t);
	else if (shown < n)
		fprintf(out->file, "... and %zu %stype%s that grew, or may have (-T 0 shows all)\n",
			n - shown, shown ? "more " : "", plural(n - shown));
	free(chosen);
}

void report_heap_untyped(const struct page *out, const struct heap_view *v)
{
	put_untyped(out, v, true);
	put_untyped(out, v, false);
	put_unreached(out, v->now);
}

void report_heap_cost(const struct page *out, const struct heap_view *v, uint64_t own_rss)
{
	const struct heap_cost *c = &v->now->cost;
	struct line l = begin_line(out, "COST     ", 9);

	item(&l, "", "%s read in %s", report_bytes(c->bytes_read).s, report_duration(c->seconds).s);
	if (c->seconds > 0)
		item(&l, " ", "(%s/s)",
		     report_bytes((uint64_t)((double)c->bytes_read / c->seconds)).s);
	item(&l, ", ", "%s of %s spans", report_count(c->n_spans_read).s,
	     report_count(c->n_spans).s);
	item(&l, "; ", "no probe, nothing stopped");
	item(&l, "; ", "this tool %s", report_bytes(own_rss).s);
	end_line(&l);
}
