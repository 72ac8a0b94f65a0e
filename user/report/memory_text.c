// SPDX-License-Identifier: BSD-2-Clause
/*
 * memory_text.c - memory of the whole process, for reading: what it is made of, what it does, and
 * when it was collected.
 */
#include "user/report/memory_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/util.h"
#include "user/model.h"
#include "user/report/line.h"
#include "user/report/report.h"

#define KEEPER_SHARE 0.1	/* of what lives, that is worth a word */

enum { MAX_CLASSES = 5 };	/* of those that grow, by name */

/* ---- what it is made of ---------------------------------------------------------------------- */

/* What makes the sum come out even. */
static void put_not_resident(struct line *l, const char *about, int64_t bytes)
{
	if (bytes > 0)
		item(l, " - ", "%s%s not in RAM (never touched, or swapped out)", about,
		     report_bytes((uint64_t)bytes).s);
	else if (bytes < 0)
		item(l, " + ", "returned but still in RAM %s%s", about,
		     report_bytes(-(uint64_t)bytes).s);
}

/* What is not Go's. */
static void put_outside(struct line *l, const struct memory_account *m)
{
	item(l, " + ", "program and files %s", report_bytes(m->files).s);
	item(l, " + ", "C, mmap %s", report_bytes(m->anonymous).s);
	put_not_resident(l, "", m->not_resident);
}

/* The same of mappings that were not read: the kernel counts files, and the rest is one number; of
 * it, what of Go's is not in RAM is known if they were read before. */
static void put_unmapped(struct line *l, const struct memory_account *m)
{
	const int64_t rest = m->not_go - (int64_t)m->rss_files, all = rest + m->not_resident;

	item(l, " + ", "program and files %s", report_bytes(m->rss_files).s);
	if (m->not_resident && all >= 0) {
		item(l, " + ", "C, mmap, variables about %s", report_bytes((uint64_t)all).s);
		put_not_resident(l, "about ", m->not_resident);
	} else if (rest >= 0) {
		item(l, " + ", "C, mmap, variables %s (less what of Go's is not in RAM)",
		     report_bytes((uint64_t)rest).s);
	} else {
		item(l, " - ", "%s not in RAM (less C, mmap, variables)",
		     report_bytes(-(uint64_t)rest).s);
	}
}

/* What lives is told by collections. */
void report_heap_parts(struct line *l, const struct memory_account *m)
{
	if (m->num_gc) {
		item(l, " = ", "live heap %s", report_bytes(m->live_heap).s);
		item(l, " + ", "GC headroom %s", report_bytes(m->gc_headroom).s);
		return;
	}
	item(l, " = ", "heap %s", report_bytes(m->live_heap + m->gc_headroom).s);
	item(l, " ", "(what of it lives is not known yet)");
}

/* rss is a sum that must come out even: whatever the runtime did not ask for is not Go's. */
void report_account(struct line *l, const struct memory_account *m)
{
	item(l, "", "rss %s", report_bytes(m->rss).s);
	if (!m->known) {
		item(l, "; ", "the runtime's own numbers could not be read");
		return;
	}
	report_heap_parts(l, m);
	item(l, " + ", "stacks %s", report_bytes(m->stacks).s);
	item(l, " + ", "runtime %s", report_bytes(m->runtime).s);
	if (m->mapped_known)
		put_outside(l, m);
	else if (m->rss == UNKNOWN_U64)
		item(l, " + ", "not Go ?");
	else
		put_unmapped(l, m);
}

void report_memory(const struct page *out, const struct findings *f)
{
	const struct memory_account *m = &f->memory;
	struct line l = begin_line(out, "MEMORY   ", 9);

	report_account(&l, m);
	if (m->known && f->gone && m->age_s >= 0)
		item(&l, "; ", "as last read, %s before this report",
		     report_duration(m->age_s).s);
	end_line(&l);
}

void report_memstats(const struct page *out, const struct findings *f)
{
	const struct memory_account *m = &f->memory;
	struct line l;

	if (!m->known)
		return;
	l = begin_line(out, "MEMSTATS ", 9);
	item(&l, "", "HeapAlloc %s", report_bytes(m->heap_alloc).s);
	item(&l, ", ", "HeapInuse %s", report_bytes(m->heap_inuse).s);
	item(&l, ", ", "HeapIdle %s (%s released)", report_bytes(m->heap_idle).s,
	     report_bytes(m->heap_released).s);
	item(&l, ", ", "HeapObjects %s", report_count(m->heap_objects).s);
	item(&l, ", ", "NextGC %s", report_bytes(m->next_gc).s);
	item(&l, ", ", "NumGC %s", report_count(m->num_gc).s);
	if (m->age_s >= 0.1)
		item(&l, "; ", "read %s ago", report_duration(m->age_s).s);
	end_line(&l);
}

/* ---- what it does ---------------------------------------------------------------------------- */

static const char *does_text(const struct diagnosis *d)
{
	static const char *const texts[] = {
		[BEHAVIOUR_UNKNOWN] = "too early to tell what it does",
		[BEHAVIOUR_STEADY] = "steady",
		[BEHAVIOUR_FOLLOWS_LOAD] = "follows load: its heap comes and goes with it",
		[BEHAVIOUR_PLATEAU] = "plateau: it grew, and does not any more",
		[BEHAVIOUR_WARM_UP] = "warm-up: it grows ever more slowly",
		[BEHAVIOUR_GROWS] = "grows: whether that ends is not known yet",
		[BEHAVIOUR_LEAKS] = "leaks",
	};

	if (d->does == BEHAVIOUR_STEADY && d->rss_grows)
		return "live heap steady";
	return texts[d->does];
}

/* Pages of Go's that are touched for the first time look the same where nobody could tell. */
static void put_part(struct line *l, const char *separator, const struct findings *f)
{
	if (f->process.cause == MEMORY_GARBAGE && !f->memory.num_gc)
		item(l, separator, "objects that no collection has looked at yet");
	else
		item(l, separator, "%s", report_cause(&f->process));
	if (f->process.cause == MEMORY_NOT_GO && !f->memory.mapped_known &&
	    f->process.outside != OUTSIDE_FILES)
		item(l, ", ", "or Go's and touched for the first time");
}

/* What lets it be as large as it is. */
static void put_settings(struct line *l, const struct findings *f)
{
	const struct gc_pacing *p = &f->memory.pacing;

	if (f->process.cause == MEMORY_GARBAGE && f->process.no_collection)
		item(l, ", ", "none has come meanwhile");
	if (!p->known || (f->process.cause != MEMORY_GARBAGE && f->process.cause != MEMORY_HEAP))
		return;
	if (p->gc_percent < 0)
		item(l, ", ", "GOGC=off");
	else
		item(l, ", ", "GOGC=%d", p->gc_percent);
	if (p->memory_limit != UNKNOWN_U64)
		item(l, ", ", "GOMEMLIMIT=%s", report_bytes(p->memory_limit).s);
	if (p->trigger != UNKNOWN_U64)
		item(l, ", ", "the next by a heap of %s", report_bytes(f->memory.next_gc).s);
}

/* What may be more than the whole is none that has a number. */
static bool is_part(const struct estimate *rate, const struct estimate *whole)
{
	return rate->value <= whole->value && rate->high <= whole->high;
}

static void put_growth(struct line *l, const struct findings *f)
{
	const struct diagnosis *d = &f->process;

	item(l, "; ", "rss grows");
	report_growth(l, " ", &d->rss_rate);
	if (!report_has_cause(d)) {
		item(l, ", ", "no single part has most of that");
		return;
	}
	if (is_part(&d->cause_rate, &d->rss_rate))
		item(l, ", ", "%s/min of it", report_change(d->cause_rate.value * 60).s);
	else
		item(l, ", ", "most of it");
	put_part(l, " ", f);
	put_settings(l, f);
	if (report_grows_outside(d))
		item(l, "; ", "%s", report_outside_remedy(d->outside));
}

/* What rss has besides the live heap, if that is worth a word. */
static void put_size(struct line *l, const struct findings *f)
{
	const struct diagnosis *d = &f->process;

	if (d->cause == MEMORY_LIVE)
		return;
	item(l, f->look ? "" : "; ", "%smost is %s",
	     f->memory.num_gc ? "beyond the live heap " : "", report_bytes(d->cause_bytes).s);
	put_part(l, " of ", f);
	put_settings(l, f);
}

/* Live to the runtime, and perhaps of no use: what sites tell of it, which are not of what is older
 * than the attach. */
static void put_keepers(struct line *l, const struct findings *f)
{
	double worth = KEEPER_SHARE * fmax(f->live_bytes.value, (double)f->memory.live_heap);

	if (!f->heap || !f->live_known || !(worth > 0))
		return;
	if (f->map_bytes >= worth)
		item(l, "; ", "%s live are maps and their buckets, which stay when a map shrinks",
		     report_bytes(report_whole(f->map_bytes)).s);
	if (f->pool_bytes >= worth)
		item(l, "; ", "%s live were made for sync.Pools, which keep them for two "
		     "collections", report_bytes(report_whole(f->pool_bytes)).s);
}

void report_process(const struct page *out, const struct findings *f)
{
	struct line l;

	if (!f->memory.known || (f->look && f->process.cause == MEMORY_LIVE))
		return;
	l = begin_line(out, "PROCESS  ", 9);
	if (!f->look)
		item(&l, "", "%s", does_text(&f->process));
	if (f->process.rss_grows)
		put_growth(&l, f);
	else
		put_size(&l, f);
	if (!f->look)
		put_keepers(&l, f);
	end_line(&l);
}

/* ---- how its heap grows ---------------------------------------------------------------------- */

void report_growth(struct line *l, const char *separator, const struct estimate *per_s)
{
	char *rate = report_byte_rate(per_s);

	item(l, separator, "%s", rate);
	free(rate);
}

/* Fastest first. */
static int by_rate(const void *a, const void *b)
{
	const struct heap_class *x = *(const struct heap_class *const *)a;
	const struct heap_class *y = *(const struct heap_class *const *)b;

	return x->rate.value > y->rate.value ? -1 : x->rate.value < y->rate.value;
}

static void put_class(struct line *l, const char *separator, const struct heap_class *c)
{
	item(l, separator, "%s %s/min", c->size ? report_bytes(c->size).s : "large",
	     report_change(c->rate.value * 60).s);
}

static void put_limit(struct line *l, const struct findings *f)
{
	const struct estimate *left = &f->process.left_s;
	char *words;

	if (!f->room.of || f->gone)
		return;
	if (left->value <= 0) {
		item(l, "; ", "at its limit of %s (%s)", report_bytes(f->room.limit).s, f->room.of);
		return;
	}
	words = report_left(left);
	if (words)
		item(l, "; ", "limit %s (%s) %s", report_bytes(f->room.limit).s, f->room.of, words);
	free(words);
}

/* The heap's growth is not known yet; that of rss may be. */
static void put_rss_trend(const struct page *out, const struct findings *f)
{
	struct line l;

	if (!f->room.of || !isfinite(f->process.left_s.value))
		return;
	l = begin_line(out, "TREND    ", 9);
	item(&l, "", "rss %s/min", report_change(f->process.rss_rate.value * 60).s);
	put_limit(&l, f);
	end_line(&l);
}

/* What grows or shrinks for sure, where the interval leaves 0 out; the fastest of what grows by
 * name. */
void report_trend(const struct page *out, const struct findings *f)
{
	const struct heap_census *c = &f->census;
	const struct heap_class **growing;
	size_t n_growing = 0, n_shrinking = 0, n_named = 0, flat;
	struct line l;

	if (!c->n_cycles || !isfinite(c->rate.value)) {
		put_rss_trend(out, f);
		return;
	}
	growing = xcalloc(c->n_classes, sizeof(*growing));
	for (size_t i = 0; i < c->n_classes; i++) {
		if (c->classes[i].rate.low > 0)
			growing[n_growing++] = &c->classes[i];
		n_shrinking += c->classes[i].rate.high < 0;
	}
	if (n_growing)
		qsort(growing, n_growing, sizeof(*growing), by_rate);
	flat = c->n_classes - n_growing - n_shrinking;
	l = begin_line(out, "TREND    ", 9);
	item(&l, "", "live heap");
	report_growth(&l, " ", &c->rate);
	for (; n_named < n_growing && n_named < MAX_CLASSES; n_named++)
		put_class(&l, n_named ? ", " : ": ", growing[n_named]);
	if (n_named < n_growing)
		item(&l, ", ", "%zu more grow%s", n_growing - n_named,
		     n_growing - n_named == 1 ? "s" : "");
	item(&l, n_growing ? "; " : ": ", "%zu %s flat", flat,
	     flat == 1 ? "class" : "classes");
	if (n_shrinking)
		item(&l, ", ", "%zu shrinking", n_shrinking);
	if (c->n_missed)
		item(&l, "; ", "%s collection%s left out, not seen whole",
		     report_count(c->n_missed).s, plural(c->n_missed));
	put_limit(&l, f);
	end_line(&l);
	free(growing);
}

/* ---- collections ------------------------------------------------------------------------------ */

/* "0.013ms", "25.1ms"; as GODEBUG=gctrace=1 has them. */
static struct report_words milliseconds(uint64_t ns)
{
	struct report_words w;
	double ms = (double)ns / 1e6;

	snprintf(w.s, sizeof(w.s), "%.*fms", ms < 9.9995 ? 3 : 1, ms);
	return w;
}

static void put_cycle(const struct page *out, const struct findings *f, const struct gc_cycle *c)
{
	struct line l = begin_line(out, "   ", 8);
	double age = (double)(f->time_unix_ns - c->end_unix_ns) / 1e9;

	item(&l, "", "#%" PRIu32, c->number);
	if (age >= 0)		/* else the clock has been set back since */
		item(&l, "  ", "%s ago", report_duration(age).s);
	item(&l, "  ", "pause %s", milliseconds(c->pause_ns).s);
	if (c->end_ns != UNKNOWN_U64)
		item(&l, "  ", "took %s", milliseconds(c->end_ns - c->begin_ns).s);
	if (c->live != UNKNOWN_U64)
		item(&l, "  ", "heap %s to %s, %s live", report_bytes(c->heap_begin).s,
		     report_bytes(c->heap_end).s, report_bytes(c->live).s);
	if (c->goal != UNKNOWN_U64)
		item(&l, "  ", "goal %s", report_bytes(c->goal).s);
	if (c->forced > 0)
		item(&l, "  ", "forced");
	end_line(&l);
}

/* The last one first. */
void report_collections(const struct page *out, const struct findings *f, size_t top)
{
	uint64_t total = f->n_gc + f->gc_missed;
	size_t shown = f->look && top && top < f->n_gc ? top : f->n_gc;
	struct line l = begin_line(out, "GC       ", 9);

	item(&l, "", "%s collection%s%s", report_count(total).s, plural(total),
	     f->look ? "" : " since the attach");
	if (shown && shown < total)
		item(&l, "; ", "the last %zu:", shown);
	end_line(&l);
	for (size_t i = 0; i < shown; i++)
		put_cycle(out, f, &f->gc[f->n_gc - 1 - i]);
}
