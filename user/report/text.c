// SPDX-License-Identifier: BSD-2-Clause
/*
 * text.c - the report for reading.
 *
 * What holds nothing now, live or young, is shown only where all is asked for.
 */
#include "user/report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/text.h"
#include "user/base/util.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/model.h"
#include "user/report/heap_text.h"
#include "user/report/left_out.h"
#include "user/report/line.h"
#include "user/report/memory_text.h"

enum {
	COLUMNS = 100,		/* where nobody says how wide it is */
	SCREEN = 40,		/* lines of a report that is to fit on one */
	MAX_ROWS = 5,		/* findings, types or places of a site, unless all is asked for */
	FIT_CYCLES = 10,	/* collections of a look that is to fit */
	FILE_ROWS = 20,		/* of a section in a file, unless all is asked for */
	SITE_FRAMES = 3,	/* of a site for which there happens to be room */
	FINDING_TYPES = 1,	/* of a finding: the one that grew most */
	FINDING_STATES = 3,	/* of goroutines of a finding */
	FINDING_SITES = 3,	/* likewise: the largest; the table of sites has all */
	FINDING_FRAMES = 3,	/* of a finding: its site's row has all */
	NEARLY_ALL = 2,		/* bytes between two samples: of the smallest objects 98 % are drawn */
	MIN_NAME = 24,		/* columns a function gets before its file is moved to the right */
};

/* How much of what there is gets rows; SIZE_MAX: all. */
struct show {
	bool empty;		/* also what holds nothing now */
	bool memstats;
	size_t findings, finding_frames, finding_types;	/* the last: so many have types */
	size_t sites, gsites, older;
	size_t rows, frames;	/* of each: types or places; frames of its stack */
};

static const struct show show_all = {
	true, true, SIZE_MAX, FINDING_FRAMES, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
	SIZE_MAX,
};

/* A file need not fit on a screen: all that is found, and much of what it is found in. */
static const struct show show_file = {
	false, true, SIZE_MAX, FINDING_FRAMES, SIZE_MAX, FILE_ROWS, FILE_ROWS, FILE_ROWS, MAX_ROWS,
	SIZE_MAX,
};

/* The first of these that fits on a screen is taken, else the last. */
static const struct show show_fitting[] = {
	{ false, true, 5, 3, 5, 10, 10, 5, 5, SIZE_MAX },
	{ false, true, 5, 3, 5, 6, 6, 5, 5, 8 },
	{ false, true, 5, 3, 5, 4, 4, 3, 3, 6 },
	{ false, false, 5, 3, 5, 3, 3, 2, 3, 6 },
	{ false, false, 5, 3, 5, 3, 2, 1, 2, 5 },
	{ false, false, 5, 3, 5, 2, 2, 1, 2, 4 },
	{ false, false, 5, 3, 5, 2, 1, 0, 1, 4 },
	{ false, false, 5, 3, 5, 1, 1, 0, 1, 3 },
	{ false, false, 5, 3, 5, 1, 0, 0, 1, 3 },
	{ false, false, 5, 3, 5, 0, 0, 0, 0, 0 },
	{ false, false, 5, 3, 2, 0, 0, 0, 0, 0 },
	{ false, false, 5, 2, 1, 0, 0, 0, 0, 0 },
	{ false, false, 4, 2, 1, 0, 0, 0, 0, 0 },
	{ false, false, 3, 2, 1, 0, 0, 0, 0, 0 },
	{ false, false, 3, 2, 0, 0, 0, 0, 0, 0 },
	{ false, false, 3, 1, 0, 0, 0, 0, 0, 0 },
	{ false, false, 2, 2, 0, 0, 0, 0, 0, 0 },
	{ false, false, 2, 1, 0, 0, 0, 0, 0, 0 },
	{ false, false, 1, 2, 0, 0, 0, 0, 0, 0 },
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
	show.sites = show.gsites = top;
	return show;
}

#define MORE " (-T 0 shows all)"

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

/* Name and file of a frame as they are printed. */
struct frame_text {
	char *function, *place;
	size_t columns;		/* of function */
};

/*
 * The file with its folder, "http/server.go", which for most packages is the package's name; what
 * lies beside main.main needs none.  The function's name does not tell: what other packages'
 * functions define is called main.main.Handler.func1 where they are inlined into main.
 */
static const char *short_path(const char *file, const char *main_file)
{
	const char *base = strrchr(file, '/');
	const char *main_base = main_file ? strrchr(main_file, '/') : NULL;
	const char *p = base;

	if (!base)
		return file;
	if (main_base && main_base - main_file == base - file &&
	    memcmp(file, main_file, (size_t)(base - file)) == 0)
		return base + 1;
	while (p > file && p[-1] != '/')
		p--;
	return p == base ? base + 1 : p;
}

static struct frame_text frame_text(const struct frame *fr, const char *main_file)
{
	char *function, *place;
	struct frame_text t;

	if (fr->function)
		function = xstrdup(fr->function);
	else
		function = xasprintf("[unknown] %#" PRIx64, fr->pc);
	if (!fr->file)
		place = xstrdup("");
	else if (!fr->line)
		place = xstrdup(short_path(fr->file, main_file));
	else
		place = xasprintf("%s:%" PRIu32, short_path(fr->file, main_file), fr->line);
	t.function = text_clean(function);
	t.place = text_clean(place);
	t.columns = report_columns(t.function);
	free(function);
	free(place);
	return t;
}

/* How wide the names' column is, so that files stand in one column and the lines in the
 * columns. */
static size_t name_columns(const struct page *out, const struct frame_text *t,
			   const struct frame *const *fr, size_t n, size_t indent)
{
	size_t widest = 0, place = 0, room;

	for (size_t i = 0; i < n; i++) {
		size_t columns = report_columns(t[i].place);

		columns += fr[i]->inlined ? strlen(" (inlined)") : 0;
		place = columns > place ? columns : place;
	}
	room = indent + 2 + place + MIN_NAME < out->columns ? out->columns - indent - 2 - place :
							      MIN_NAME;
	for (size_t i = 0; i < n; i++)
		if (t[i].columns > widest && t[i].columns <= room)
			widest = t[i].columns;
	return widest;
}

/* Leaf first from frame `from`, the first behind `first` and the others behind `rest`. */
static void put_frames(const struct page *out, const struct findings *f, const struct frames *stack,
		       size_t from, const char *first, const char *rest)
{
	const struct frame *const *fr = stack->v + from;
	size_t n = stack->n - from, width;
	struct frame_text *t = xcalloc(n, sizeof(*t));

	for (size_t i = 0; i < n; i++)
		t[i] = frame_text(fr[i], f->target.main_file);
	width = name_columns(out, t, fr, n, strlen(first));
	for (size_t i = 0; i < n; i++) {
		size_t pad = t[i].columns < width ? width - t[i].columns : 0;

		fprintf(out->file, "%s%s", i ? rest : first, t[i].function);
		if (t[i].place[0])
			fprintf(out->file, "%*s%s", (int)pad + 2, "", t[i].place);
		fprintf(out->file, "%s\n", fr[i]->inlined ? " (inlined)" : "");
		free(t[i].function);
		free(t[i].place);
	}
	if (!n)
		fprintf(out->file, "%s[unknown]\n", first);
	if (stack->cut)
		fprintf(out->file, "%s[truncated]\n", rest);
	free(t);
}

/* The leaf's side of it. */
static void put_some_frames(const struct page *out, const struct findings *f,
			    const struct frames *stack, size_t from, size_t most,
			    const char *first, const char *rest)
{
	struct frames some = *stack;
	size_t n = stack->n - from;

	/* One more takes no more room than its count. */
	if (n <= most || (most && n - most == 1)) {
		put_frames(out, f, stack, from, first, rest);
		return;
	}
	some.n = from + most;
	some.cut = false;
	if (most)
		put_frames(out, f, &some, from, first, rest);
	fprintf(out->file, "%s... %zu more\n", rest, n - most);
}

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

/* Of some there is one at least, however little of it an estimate says there is. */
static uint64_t whole_objects(double n)
{
	return n > 0 && n < 1 ? 1 : report_whole(n);
}

static struct report_words count_of(double objects)
{
	return report_count(whole_objects(objects));
}

static struct report_words size_of(double bytes)
{
	return report_bytes(report_whole(bytes));
}

/* How many of the objects that the report is about: the live ones, or the young. */
static struct report_words part_count(const struct site_part *p, bool looked)
{
	return count_of(looked ? p->live.value : p->young);
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
		item(&l, ", ", "%s in shared 16-byte blocks", count_of(p->shared).s);
	if (looked && p->young > 0)
		item(&l, ", ", "%s young", count_of(p->young).s);
	if (looked && p->doubtful > 0)
		item(&l, ", ", "%s doubtful", count_of(p->doubtful).s);
	if (p->allocs != (looked ? p->live.value : p->young))
		item(&l, ", ", "%s allocated", count_of(p->allocs).s);
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

/* What changes per minute, in words, with its limits, and over what time that was. */
static void put_rate(struct line *l, const char *per_minute, const char *limits, double rate,
		     double span_s)
{
	if (!isfinite(rate)) {
		item(l, "  ", "rate: too early");
		return;
	}
	item(l, "  ", "%s/min%s", per_minute, limits);
	if (span_s > 0)
		item(l, " ", "over the last %s", report_duration(span_s).s);
}

/* The source of allocations now; NULL: none is known. */
static const char *source_now(const struct findings *f)
{
	const char *source = NULL;

	for (size_t i = 0; i < f->n_listened; i++)
		if (!f->listened[i].goroutines)
			source = f->listened[i].source;
	return source;
}

/* Whether there are no samples that anything could be too few of. */
static bool all_recorded(const struct findings *f)
{
	bool all = f->followed_one_in == 1 && !f->listened_left_out && source_now(f);

	for (size_t i = 0; i < f->n_listened; i++)
		all = all && (f->listened[i].goroutines || !strcmp(f->listened[i].source, "every"));
	return all;
}

/* What keeps a site from being judged. */
enum lack {
	LACKS_NOTHING,
	LACKS_COLLECTIONS,
	LACKS_LOOKS,		/* at the runtime's table of goroutines */
	LACKS_OBJECTS,
	LACKS_SAMPLES,
	LACKS_GOROUTINES,
	N_LACKS
};

static enum lack lack_of(const struct findings *f, const struct judgement *is, bool goroutines)
{
	if (is->verdict != VERDICT_TOO_FEW)
		return LACKS_NOTHING;
	if (is->missing & MISSING_CYCLES)
		return goroutines ? LACKS_LOOKS : LACKS_COLLECTIONS;
	if (goroutines)
		return LACKS_GOROUTINES;
	return all_recorded(f) ? LACKS_OBJECTS : LACKS_SAMPLES;
}

static const char *lack_words(enum lack lack)
{
	static const char *const words[N_LACKS] = {
		[LACKS_COLLECTIONS] = "too few collections", [LACKS_LOOKS] = "too few looks",
		[LACKS_OBJECTS] = "too few objects", [LACKS_SAMPLES] = "too few samples",
		[LACKS_GOROUTINES] = "too few goroutines at once",
	};

	return words[lack];
}

/* The word of a row. */
static void put_word(struct line *l, const struct findings *f, const struct judgement *is,
		     bool goroutines)
{
	enum lack lack = lack_of(f, is, goroutines);

	if (!f->verdicts.known)
		return;
	verdict_item(l, "  ", is->verdict, lack ? lack_words(lack) :
		     is->replacing ? "STEADY (replaces older ones)" :
		     report_verdict(is->verdict));
}

static void put_heap_rate(struct line *l, const struct heap_site *s)
{
	struct estimate rate = { s->rate.value * 60, s->rate.low * 60, s->rate.high * 60, 0 };

	put_rate(l, report_change(rate.value).s, report_limits(&rate, true).s, rate.value,
		 s->rate_span_s);
}

static void put_older_numbers(struct line *l, const struct findings *f, const struct older_site *s)
{
	item(l, "", "%s%s", size_of(s->bytes.value).s, report_limits(&s->bytes, false).s);
	item(l, " ", "in %s object%s", count_of(s->objects.value).s,
	     plural(whole_objects(s->objects.value)));
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
	     size_of(looked ? s->live_bytes.value : s->young_bytes).s,
	     looked ? report_limits(&s->live_bytes, false).s : "");
	item(&l, " ", "%s in %s object%s", looked ? "live" : "young", count_of(n).s,
	     plural(whole_objects(n)));
	if (looked && s->doubtful > 0)
		item(&l, ", ", "%s doubtful", count_of(s->doubtful).s);
	if (looked && (double)s->live.samples != s->live.value)
		item(&l, ", ", "%s sample%s", report_count(s->live.samples).s,
		     plural(s->live.samples));
	if (looked && !f->look)
		put_heap_rate(&l, s);
	item(&l, "  ", "allocated %s", size_of(s->alloc_bytes).s);
	if (looked && s->oldest_s >= 0)
		item(&l, "  ", "oldest %s", report_duration(s->oldest_s).s);
	put_word(&l, f, &s->is, false);
	end_line(&l);
	put_parts(out, s, looked, show);
	if (s->older)
		put_older_of(out, f, s->older);
	put_some_frames(out, f, &s->stack, 0, show->frames, "        ", "        ");
}

static bool site_holds(const struct heap_site *s)
{
	return s->live.value > 0 || s->young > 0;
}

/* Into a sum whose sites are those that hold something: the others have no row to look for. */
static void add_heap(struct heap_sum *sum, const struct heap_site *s)
{
	uint64_t sites = sum->sites + site_holds(s);

	report_add_heap(sum, s);
	sum->sites = sites;
}

static void add_goroutines(struct goroutine_sum *sum, const struct goroutine_site *s)
{
	uint64_t sites = sum->sites + (s->live > 0);

	report_add_goroutines(sum, s);
	sum->sites = sites;
}

static struct heap_sum heap_total(const struct findings *f)
{
	struct heap_sum t = { 0 };

	for (size_t i = 0; i < f->n_sites + f->n_sites_suppressed + f->n_sites_slow; i++)
		add_heap(&t, &f->sites[i]);
	return t;
}

static void put_live(struct line *l, const struct findings *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_sites + f->n_sites_suppressed + f->n_sites_slow; i++)
		n += f->sites[i].live.value > 0;
	item(l, "", "%s%s", size_of(f->live_bytes.value).s, report_limits(&f->live_bytes, false).s);
	item(l, " ", "live in %s object%s at %s site%s", count_of(f->live.value).s,
	     plural(whole_objects(f->live.value)), report_count(n).s, plural(n));
	if ((double)f->live.samples != f->live.value)
		item(l, ", ", "%s sample%s", report_count(f->live.samples).s,
		     plural(f->live.samples));
}

/* What the runtime's own profile says, which is as old as its last collection. */
static void put_profile_total(const struct page *out, const struct findings *f)
{
	struct heap_sum t = heap_total(f);
	struct line l = begin_line(out, "HEAP     ", 9);

	put_live(&l, f);
	item(&l, "; ", "%s allocated in %s object%s since the program's start",
	     size_of(t.alloc_bytes).s, count_of(t.allocs).s, plural(whole_objects(t.allocs)));
	item(&l, "; ", "by the runtime's own profile");
	item(&l, " ", "as of its last collection");
	if (f->profile_rate > 1)
		item(&l, ", ", "one sample in %s", report_bytes(f->profile_rate).s);
	else
		item(&l, ", ", "of every allocation");
	end_line(&l);
}

static void put_no_profile(const struct page *out)
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
	const char *source = source_now(f);

	return source && !strcmp(source, "burst");
}

static void put_heap_total(const struct page *out, const struct findings *f)
{
	struct heap_sum t = heap_total(f);
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
		item(&l, "; ", "%s in %s object%s at %s site%s are young", size_of(t.young_bytes).s,
		     count_of(t.young).s, plural(whole_objects(t.young)),
		     report_count(t.sites).s, plural(t.sites));
	} else {
		put_live(&l, f);
		item(&l, "; ", "%s young", size_of(t.young_bytes).s);
	}
	item(&l, "; ", "%s allocated in %s object%s since the attach", size_of(t.alloc_bytes).s,
	     count_of(t.allocs).s, plural(whole_objects(t.allocs)));
	end_line(&l);
}

/* Those that have young objects only are among them. */
static void put_more_sites(const struct page *out, const struct findings *f,
			   const struct heap_sum *rest)
{
	struct line l = begin_line(out, "... and ", 3);

	item(&l, "", "%s more site%s", report_count(rest->sites).s, plural(rest->sites));
	if (f->live_known)
		item(&l, ", ", "%s live", size_of(rest->live_bytes).s);
	if (rest->young > 0)
		item(&l, ", ", "%s young", size_of(rest->young_bytes).s);
	item(&l, "", "%s", MORE);
	end_line(&l);
}

static void put_heap(const struct page *out, const struct findings *f, const struct show *show)
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

		if (show->empty || (shown < show->sites && site_holds(s)))
			put_heap_site(out, f, s, ++shown, show);
		else
			add_heap(&rest, s);
	}
	if (rest.sites)
		put_more_sites(out, f, &rest);
}

static void put_older_total(const struct page *out, const struct findings *f)
{
	struct line l = begin_line(out, "OLDER    ", 9);

	item(&l, "", "%s%s", size_of(f->older_named.value).s,
	     report_limits(&f->older_named, false).s);
	if (isfinite(f->older_bytes.value))
		item(&l, " ", "of the %s", size_of(f->older_bytes.value).s);
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
	put_some_frames(out, f, &s->stack, 0, show->frames, "        ", "        ");
}

/* But for those that stand at a site that is shown. */
static void put_older_sites(const struct page *out, const struct findings *f,
			    const struct show *show)
{
	bool *has_row = xcalloc(f->n_older, sizeof(*has_row));
	size_t rows = 0, shown = 0, left_out = 0;

	for (size_t i = 0; i < f->n_sites; i++) {
		const struct heap_site *s = &f->sites[i];
		bool is_row = show->empty || (rows < show->sites && site_holds(s));

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
		fprintf(out->file, "   ... and %zu more" MORE "\n", left_out);
}

/* What is older than the attach and has names. */
static void put_older(const struct page *out, const struct findings *f, const struct show *show)
{
	if (!f->older_rate)
		return;
	put_older_total(out, f);
	put_older_sites(out, f, show);
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
		put_some_frames(out, f, &p->stack, report_fold_runtime(&p->stack), show->frames,
				is_blocked(state) ? "        blocked at " : "            now at ",
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
			s->n_places - shown, plural(s->n_places - shown), report_count(rest).s, plural(rest));
}

/* "+12.5", "-3,104"; to be freed */
static char *goroutine_change(double n)
{
	double size = fabs(n);

	if (size >= 1000 && size < 1e15)
		return xasprintf("%c%s", n < 0 ? '-' : '+', report_count((uint64_t)(size + 0.5)).s);
	return xasprintf("%+.1f", size < 0.05 ? 0 : n);
}

static void put_goroutine_site(const struct page *out, const struct findings *f,
			       const struct goroutine_site *s, size_t number,
			       const struct show *show)
{
	struct line l = begin_line(out, "", 3);
	char *rate = goroutine_change(s->rate_per_s * 60);

	item(&l, "", "#%zu  %s goroutine%s", number, report_count(s->live).s, plural(s->live));
	/* None starts where the attach has not seen one: nothing is early there. */
	if (!f->look && (isfinite(s->rate_per_s) || (!s->before_attach && !f->starts_missed)))
		put_rate(&l, rate, "", s->rate_per_s, s->rate_span_s);
	if (!f->look && s->started != UNKNOWN_U64)
		item(&l, "  ", "%s started, %s ended", report_count(s->started).s,
		     report_count(s->ended).s);
	if (s->oldest_s >= 0)
		item(&l, "  ", "oldest %s%s", s->before_attach ? ">= " : "",
		     report_duration(s->oldest_s).s);
	put_word(&l, f, &s->is, true);
	end_line(&l);
	free(rate);
	put_places(out, f, s, show);
	put_some_frames(out, f, &s->stack, 0, show->frames, "   created by ", "           <- ");
	if (s->before_attach)
		fputs("           <- not known, these are older than the attach\n", out->file);
	else if (s->start_unseen && !f->look && !s->samples)
		fputs("           <- not known, their start was not seen\n", out->file);
	else if (f->starts_missed && s->samples < s->live)
		fprintf(out->file, "           as far as the start of %s of them tells\n",
			report_count(s->samples).s);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

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
			n[lack_of(f, &f->sites[i].is, false)]++;
	for (size_t i = 0; i < f->n_gsites + f->n_gsites_suppressed + f->n_gsites_slow; i++)
		if (f->gsites[i].finding == NO_INDEX && !f->gsites[i].suppressed)
			n[lack_of(f, &f->gsites[i].is, true)]++;
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
	const char *source = source_now(f);

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

/* "4 of 12 collections, next in about 80s; 1m30s of 3m00s; it takes about 12m30s": what has to pass
 * before anything is called a leak. */
static void put_progress(struct line *l, const struct findings *f)
{
	const struct verdicts *v = &f->verdicts;

	if (is_long_enough(f))
		return;
	if (f->gc_cycles < v->min_cycles) {
		item(l, "; ", "%s of %s collections", report_count(f->gc_cycles).s,
		     report_count(v->min_cycles).s);
		put_next(l, f);
	}
	if (f->attached_s < v->min_s)
		item(l, "; ", "%s of %s", report_duration(f->attached_s).s,
		     report_duration(v->min_s).s);
	if (isfinite(v->needed_s))
		item(l, "; ", "a trace needs about %s", report_duration(v->needed_s).s);
}

static void put_unexplained(struct line *l, const struct verdicts *v)
{
	const struct estimate e = { v->unseen.value * 60, v->unseen.low * 60, v->unseen.high * 60,
				    0 };

	if (e.low > 0)
		item(l, "; ", "%s/min%s grow that no stack shows", report_change(e.value).s,
		     report_limits(&e, true).s);
	else if (isfinite(v->detectable))
		item(l, "; ", "a leak of %s/min would show", report_bytes(
			     report_whole(v->detectable * 60)).s);
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

static void verdict_count(struct line *l, const char *separator, enum verdict verdict, size_t n,
			  const char *word)
{
	char *text = xasprintf("%zu %s", n, word);

	verdict_item(l, separator, verdict, text);
	free(text);
}

static void put_verdict(const struct page *out, const struct findings *f)
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
			     is_long_enough(f) ? "no leak" : "no leak so far");
	else
		verdict_count(&l, "", VERDICT_LEAK, leaks, leaks == 1 ? "leak" : "leaks");
	if (growing)
		verdict_count(&l, ", ", VERDICT_GROWING, growing, "growing");
	count_others(f, others);
	if (others[LACKS_NOTHING])
		item(&l, ", ", "%zu steady", others[LACKS_NOTHING]);
	for (enum lack i = LACKS_NOTHING + 1; i < N_LACKS; i++)
		if (others[i])
			item(&l, ", ", "%zu with %s", others[i], lack_words(i));
	put_explained(&l, f, leaks);
	put_progress(&l, f);
	put_unexplained(&l, v);
	if (others[LACKS_SAMPLES])
		put_remedy(&l, f);
	end_line(&l);
}

static struct estimate per_minute(const struct estimate *e)
{
	return (struct estimate){ e->value * 60, e->low * 60, e->high * 60, e->samples };
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
		item(&l, "", "they wait for what cannot come");
	else if (!is->missing && isfinite(is->lifetime_s))
		item(&l, "", "mean lifetime of the old ones >= %s (95%%)",
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
		item(l, "  ", "%s held", size_of(held.live_bytes.value).s);
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
	uint64_t live = 0, rest = 0;
	size_t n = 0, n_states;

	for (size_t i = 0; i < f->n_gsites; i++) {
		if (f->gsites[i].finding != number)
			continue;
		all[n++] = f->gsites[i];
		live += f->gsites[i].live;
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
	free(states);
	free(all);
}

/* Of goroutines without those that the runtime makes for each of them. */
static bool is_told(const struct finding *found, const struct heap_row *row)
{
	return found->gsite == NO_INDEX || !heapview_of_runtime(row->type);
}

/* As the heap has them by type, with what holds them. */
static void put_grown(const struct page *out, const struct findings *f, size_t number,
		      const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	size_t n = 0;

	if (number >= show->finding_types)
		return;
	for (size_t i = 0; i < found->n_types && n < FINDING_TYPES; i++) {
		if (!is_told(found, found->types[i]))
			continue;
		report_heap_grown(out, f->growth, found->types[i], found->class_alone);
		n++;
	}
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
	put_frames(out, f, &stack, 0, "        ", "        ");
}

static bool has_types(const struct finding *found)
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
	struct estimate rate = per_minute(&found->rate);
	uint64_t n;
	const struct heap_site *seen = most_seen(f, found->class_size, &n);
	struct line l = begin_line(out, "", 3);

	verdict_item(&l, "", found->verdict, report_verdict(found->verdict));
	item(&l, " ", "%s/min%s", report_change(rate.value).s, report_limits(&rate, true).s);
	item(&l, "  ", "in objects of %s", found->class_size ?
	     report_bytes(found->class_size).s : "more than 32.0KiB");
	item(&l, ", ", seen ? "few of whose stacks are known" : "whose stacks are not known");
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
	struct estimate rate = per_minute(&s->is.rate);

	item(l, l->column > l->indent ? ", " : "", "%s", p && p->type ? p->type : "?");
	if (p && p->how)
		item(l, " ", "(%s)", p->how);
	if (with_rate)
		item(l, " ", "%s/min", report_change(rate.value).s);
}

/* What is allocated there; of several sites the one that is named by its stack, then the largest. */
static void put_finding_sites(const struct page *out, const struct findings *f, size_t number)
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
	end_line(&l);
}

static void put_heap_finding(const struct page *out, const struct findings *f, size_t number,
			     const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	const struct heap_site *s = &f->sites[found->site];
	struct estimate rate = per_minute(&found->rate);
	struct line l = begin_line(out, "", 3);

	verdict_item(&l, "", found->verdict, report_verdict(found->verdict));
	item(&l, " ", "%s/min%s", report_change(rate.value).s, report_limits(&rate, true).s);
	put_held(&l, f, number);
	end_line(&l);
	put_finding_sites(out, f, number);
	if (has_evidence(&found->is))
		put_evidence(out, &found->is);
	put_some_frames(out, f, &s->stack, 0, show->finding_frames, "        ", "        ");
	put_grown(out, f, number, show);
}

static void put_goroutine_finding(const struct page *out, const struct findings *f, size_t number,
				  const struct show *show)
{
	const struct finding *found = &f->verdicts.findings[number];
	const struct goroutine_site *s = &f->gsites[found->gsite];
	const struct goroutine_place *p = s->n_places ? &s->places[0] : NULL;
	struct estimate rate = per_minute(&found->is.rate);
	char *value = goroutine_change(rate.value), *low = goroutine_change(rate.low),
	     *high = goroutine_change(rate.high);
	struct line l = begin_line(out, "", 3);

	verdict_item(&l, "", found->verdict, report_verdict(found->verdict));
	item(&l, " ", "goroutines %s/min [%s, %s]", value, low, high);
	put_live_goroutines(&l, f, number);
	put_held(&l, f, number);
	end_line(&l);
	free(value);
	free(low);
	free(high);
	if (has_evidence(&found->is))
		put_evidence(out, &found->is);
	if (p && p->stack.n)
		put_some_frames(out, f, &p->stack, report_fold_runtime(&p->stack),
				show->finding_frames, "   blocked at ", "           <- ");
	put_some_frames(out, f, &s->stack, 0, show->finding_frames, "   created by ",
			"           <- ");
	put_grown(out, f, number, show);
}

/* Of those that are there, and of those that are the types. */
static void put_findings_left(const struct page *out, const struct verdicts *v, size_t n,
			      const struct show *show)
{
	size_t left = v->n_findings - n, untold = 0;
	struct line l;

	for (size_t i = show->finding_types; i < n; i++)
		untold += has_types(&v->findings[i]);
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

static void put_findings(const struct page *out, const struct findings *f,
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
		item(&l, ", ", "%s started", report_count(t.started).s);
		item(&l, " and ", "%s ended since the attach", report_count(t.ended).s);
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

static void put_goroutines(const struct page *out, const struct findings *f,
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
	item(&l, ", ", "%s goroutine%s" MORE, report_count(rest.live).s, plural(rest.live));
	end_line(&l);
}

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
	item(l, "; ", "%s%s older than the attach are not seen", size_of(f->older_bytes.value).s,
	     report_limits(&f->older_bytes, false).s);
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

static void put_coverage(const struct page *out, const struct findings *f)
{
	struct line l = begin_line(out, "COVERAGE ", 9);
	struct heap_sum t = heap_total(f);
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
		item(&l, "; ", "%s object%s (%s) young, %s", count_of(t.young).s,
		     plural(whole_objects(t.young)), size_of(t.young_bytes).s,
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
		n += v->findings[i].gsite == NO_INDEX && !has_types(&v->findings[i]);
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

static void put_cost(const struct page *out, const struct findings *f)
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
	put_coverage(out, f);
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
		put_verdict(out, f);
		put_findings(out, f, show);
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
		put_no_profile(out);
	if (f->heap) {
		put_heap(out, f, show);
		put_older(out, f, show);
	}
	if (f->goroutines)
		put_goroutines(out, f, show);
	put_coverage(out, f);
	put_cost(out, f);
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

static void put_fitting(const struct page *out, const struct findings *f)
{
	char *text = text_of(out, put_fit_collections, f);
	const size_t room = SCREEN + lines_in(text);	/* they were asked for */

	for (size_t i = 0; i < ARRAY_SIZE(show_fitting); i++) {
		free(text);
		text = report_of(out, f, &show_fitting[i]);
		if (lines_in(text) > room)
			continue;
		text = filled(out, f, show_fitting[i], room, text);
		break;
	}
	fputs(text, out->file);
	free(text);
}

int report_text(FILE *file, const struct findings *f, const struct report_options *opt)
{
	const struct page page = { file, opt->columns ? opt->columns : COLUMNS, opt->colour };
	const bool whole = opt->top == REPORT_FIT && opt->file;
	const struct show show = whole ? show_file : show_top(opt->top);
	const size_t top = whole ? FILE_ROWS : opt->top;

	if (f->types)
		put_types(&page, f, top);
	else if (top == REPORT_FIT)
		put_fitting(&page, f);
	else
		put_report(&page, f, &show, top);
	return report_finish(file);
}
