// SPDX-License-Identifier: BSD-2-Clause
/*
 * report.c - the table of formats, and the wording of numbers and names that they share.
 */
#include "user/report/report.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/heapview.h"
#include "user/model.h"

#define LARGEST_CLASS 32768	/* bytes of an object; runtime/sizeclasses.go, _MaxSmallSize */

static const struct report_value one_value[] = { { 0 } };

static const struct report_value json_values[] = {
	{ .option = "json", .help = "also write the report as JSON" },
};

static const struct report_value folded_values[] = {
	{ .name = "live", .needs = REPORT_NEEDS_HEAP | REPORT_NEEDS_COLLECTION },
	{ .name = "live-objects", .needs = REPORT_NEEDS_HEAP | REPORT_NEEDS_COLLECTION },
	{ .name = "alloc", .needs = REPORT_NEEDS_HEAP },
	{ .name = "growth",
	  .needs = REPORT_NEEDS_HEAP | REPORT_NEEDS_COLLECTION | REPORT_NEEDS_TRACE |
		   REPORT_NEEDS_GROWTH },
	{ .name = "goroutine", .needs = REPORT_NEEDS_GOROUTINES },
	{ .name = "holders", .needs = REPORT_NEEDS_TYPES },
	{ .name = "holders-objects", .needs = REPORT_NEEDS_TYPES },
	{ .name = "holders-growth", .needs = REPORT_NEEDS_TYPES | REPORT_NEEDS_TWO_LOOKS },
};

static const struct report_value pprof_values[] = {
	{ .name = "heap", .needs = REPORT_NEEDS_HEAP, .option = "pprof",
	  .help = "also write a heap profile for go tool pprof" },
	{ .name = "goroutine", .needs = REPORT_NEEDS_GOROUTINES, .option = "pprof-goroutines",
	  .help = "also write a goroutine profile for go tool pprof" },
	{ .name = "goroutine-creation", .needs = REPORT_NEEDS_GOROUTINES },
	{ .name = "holders", .needs = REPORT_NEEDS_TYPES, .option = "pprof",
	  .help = "also write types and what holds them for go tool pprof" },
};

#define VALUES(v) .values = v, .n_values = ARRAY_SIZE(v)

static const struct report_format formats[] = {
	{ .name = "text", .help = "for reading", .write = report_text, .kind = REPORT_READING,
	  VALUES(one_value) },
	{ .name = "json", .help = "one object, on one line, per report", .write = report_json,
	  .kind = REPORT_LINES, VALUES(json_values) },
	{ .name = "folded", .help = "root;...;leaf VALUE, for flame graphs",
	  .write = report_folded, .kind = REPORT_TABLE, VALUES(folded_values) },
	{ .name = "pprof", .help = "for go tool pprof, gzip", .write = report_pprof,
	  .kind = REPORT_BINARY, .ending = ".pb.gz", VALUES(pprof_values) },
};

const struct report_format *report_formats(size_t *n)
{
	*n = ARRAY_SIZE(formats);
	return formats;
}

const struct report_format *report_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	return NULL;
}

unsigned int report_missing(const struct findings *f)
{
	return (f->heap ? 0 : REPORT_NEEDS_HEAP) | (f->goroutines ? 0 : REPORT_NEEDS_GOROUTINES) |
	       (f->live_known ? 0 : REPORT_NEEDS_COLLECTION) |
	       (f->growth_known ? 0 : REPORT_NEEDS_GROWTH) |
	       (f->look ? REPORT_NEEDS_TRACE : 0) | (f->types ? 0 : REPORT_NEEDS_TYPES) |
	       (f->types && f->types->before ? 0 : REPORT_NEEDS_TWO_LOOKS);
}

int report_value(const struct report_format *format, const char *value)
{
	if (!value)
		return 0;
	for (size_t i = 0; i < format->n_values; i++)
		if (format->values[i].name && strcmp(format->values[i].name, value) == 0)
			return (int)i;
	return -EINVAL;
}

/* Three significant digits without trailing zeros: 1.42, 44.3, 612, 2. */
static void three_digits(char *out, size_t size, double v)
{
	int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
	size_t n;

	snprintf(out, size, "%.*f", decimals, v);
	if (!decimals)
		return;
	n = strlen(out);
	while (out[n - 1] == '0')
		n--;
	if (out[n - 1] == '.')
		n--;
	out[n] = 0;
}

/* Divides by base until what would be printed is below it; returns how often. */
static size_t scale(double *v, double base, size_t n_units)
{
	size_t unit = 0;

	while (*v >= base - 0.5 && unit + 1 < n_units) {
		*v /= base;
		unit++;
	}
	return unit;
}

static struct report_words scaled(double v, double base, const char *const *units, size_t n_units)
{
	size_t unit = scale(&v, base, n_units);
	struct report_words w;
	char digits[24];

	three_digits(digits, sizeof(digits), v);
	snprintf(w.s, sizeof(w.s), "%s%s", digits, units[unit]);
	return w;
}

static const char *const byte_units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

static struct report_words scaled_bytes(double v)
{
	return scaled(v < 1023.5 ? (double)(int)(v + 0.5) : v, 1024, byte_units,
		      ARRAY_SIZE(byte_units));
}

struct report_words report_bytes(uint64_t bytes)
{
	if (bytes == UNKNOWN_U64)
		return (struct report_words){ "?" };
	return scaled_bytes((double)bytes);
}

struct report_words report_change(double bytes)
{
	struct report_words size, w;

	if (!isfinite(bytes))
		return (struct report_words){ "?" };
	size = scaled_bytes(fabs(bytes));
	snprintf(w.s, sizeof(w.s), "%c%.30s", bytes <= -0.5 ? '-' : '+', size.s);
	return w;
}

/* Whether v, in units of so many bytes, has digits to be printed, and not many. */
static bool fits(double v, double unit)
{
	return v == 0 || (fabs(v) >= 0.005 * unit && fabs(v) < 1023.5 * unit);
}

static struct report_words limit(double v, double unit, bool is_signed)
{
	struct report_words w;
	char digits[24];

	if (unit == 0 && is_signed)
		return report_change(v);
	if (unit == 0)
		return scaled_bytes(v);
	three_digits(digits, sizeof(digits), fabs(v) / unit);
	snprintf(w.s, sizeof(w.s), "%s%s", v < 0 ? "-" : is_signed ? "+" : "", digits);
	return w;
}

struct report_words report_limits(const struct estimate *e, bool is_signed)
{
	struct report_words w = { "" }, low, high;
	double v = fabs(e->value), unit = 1;

	if (!isfinite(e->low) || !isfinite(e->high))
		return w;
	for (size_t i = scale(&v, 1024, ARRAY_SIZE(byte_units)); i; i--)
		unit *= 1024;
	if (e->value == 0 || !fits(e->low, unit) || !fits(e->high, unit))
		unit = 0;	/* each has its own */
	low = limit(e->low, unit, is_signed);
	high = limit(e->high, unit, is_signed);
	if (strcmp(low.s, high.s))
		snprintf(w.s, sizeof(w.s), " [%.12s, %.12s]", low.s, high.s);
	return w;
}

bool report_holds_zero(const struct estimate *e)
{
	return e->low < e->high && e->low <= 0 && e->high >= 0;
}

/* "+0B", "-0", "+0.0" */
static bool is_nothing(const char *change)
{
	return !isdigit((unsigned char)change[1 + strspn(change + 1, "0.")]);
}

char *report_rate_words(const struct estimate *e, const char *const words[3], const char *limits)
{
	if (report_holds_zero(e) && is_nothing(words[1]) && !is_nothing(words[2]))
		return xasprintf("up to %s/min", words[2]);
	if (report_holds_zero(e) && strcmp(words[1], words[2]))
		return xasprintf("between %s/min and %s/min", words[1], words[2]);
	return xasprintf("%s/min%s", words[0], limits);
}

static struct estimate per_minute(const struct estimate *per_s)
{
	return (struct estimate){ per_s->value * 60, per_s->low * 60, per_s->high * 60, 0 };
}

char *report_byte_rate(const struct estimate *per_s)
{
	const struct estimate e = per_minute(per_s);
	const struct report_words v[3] = { report_change(e.value), report_change(e.low),
					   report_change(e.high) };

	return report_rate_words(&e, (const char *const[]){ v[0].s, v[1].s, v[2].s },
				 report_limits(&e, true).s);
}

/* "+12.5", "-3,104" */
static struct report_words goroutine_change(double n)
{
	const double size = fabs(n);
	struct report_words w;

	if (size >= 1000 && size < 1e15)
		snprintf(w.s, sizeof(w.s), "%c%.30s", n < 0 ? '-' : '+',
			 report_count((uint64_t)(size + 0.5)).s);
	else
		snprintf(w.s, sizeof(w.s), "%+.1f", size < 0.05 ? 0 : n);
	return w;
}

char *report_goroutine_rate(const struct estimate *per_s)
{
	const struct estimate e = per_minute(per_s);
	const struct report_words v[3] = { goroutine_change(e.value), goroutine_change(e.low),
					   goroutine_change(e.high) };
	char *limits = strcmp(v[1].s, v[2].s) ? xasprintf(" [%s, %s]", v[1].s, v[2].s) :
						xstrdup("");
	char *all = report_rate_words(&e, (const char *const[]){ v[0].s, v[1].s, v[2].s },
				      limits);

	free(limits);
	return all;
}

/* Longer ones say no more than that there is time, */
#define MAX_LEFT_S (365 * 86400.0)
/* and wider ones, of which the later end is so many times the earlier, that there is some. */
#define WIDE_LEFT 10

char *report_left(const struct estimate *left_s)
{
	const struct report_words low = report_duration(left_s->low);

	if (!(left_s->value < MAX_LEFT_S) || !(left_s->low > 0))
		return NULL;
	if (!(left_s->high < WIDE_LEFT * left_s->low))
		return xasprintf("in %s at the earliest", low.s);
	return xasprintf("in ~%s [%s, %s]", report_duration(left_s->value).s, low.s,
			 report_duration(left_s->high).s);
}

uint64_t report_whole(double n)
{
	return n > 0 ? (uint64_t)llround(fmin(n, 0x1p62)) : 0;
}

struct report_words report_count(uint64_t n)
{
	struct report_words w;
	char digits[24];
	size_t len, o = 0;

	if (n == UNKNOWN_U64)
		return (struct report_words){ "?" };
	len = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, n);
	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			w.s[o++] = ',';
		w.s[o++] = digits[i];
	}
	w.s[o] = 0;
	return w;
}

struct report_words report_rough(double n)
{
	static const char *const units[] = { "", "k", "M", "G", "T" };

	if (!isfinite(n) || n < 0)
		return (struct report_words){ "?" };
	return scaled(n, 1000, units, ARRAY_SIZE(units));
}

struct report_words report_duration(double s)
{
	struct report_words w;
	uint64_t t;

	if (!isfinite(s) || s < 0 || s > 1e15)
		return (struct report_words){ "?" };
	t = (uint64_t)(s + 0.5);
	if (s > 0 && s < 0.001)
		snprintf(w.s, sizeof(w.s), "<1ms");
	else if (s > 0 && s < 0.9995)
		snprintf(w.s, sizeof(w.s), "%.0fms", s * 1e3);
	else if (s < 9.95)
		snprintf(w.s, sizeof(w.s), "%.1fs", s);
	else if (t < 60)
		snprintf(w.s, sizeof(w.s), "%" PRIu64 "s", t);
	else if (t < 3600)
		snprintf(w.s, sizeof(w.s), "%" PRIu64 "m%02ds", t / 60, (int)(t % 60));
	else if (t < 86400)
		snprintf(w.s, sizeof(w.s), "%" PRIu64 "h%02dm", t / 3600, (int)(t / 60 % 60));
	else
		snprintf(w.s, sizeof(w.s), "%" PRIu64 "d%02dh", t / 86400, (int)(t / 3600 % 24));
	return w;
}

struct estimate report_goroutine_growth(const struct findings *f, const struct goroutine_site *s)
{
	double lost = f->go_events_lost == UNKNOWN_U64 ? 0 : (double)f->go_events_lost;
	double off = lost > 0 ? lost / s->rate_span_s : 0;

	return (struct estimate){ s->rate_per_s, s->rate_per_s - off, s->rate_per_s + off,
				  s->live };
}

const char *report_cause(const struct diagnosis *d)
{
	static const char *const texts[] = {
		[MEMORY_LIVE] = "live heap",
		[MEMORY_GARBAGE] = "garbage waiting for the next collection",
		[MEMORY_FREE] = "free slots between live objects",
		[MEMORY_IDLE] = "idle spans not returned to the system yet",
		[MEMORY_STACKS] = "stacks of goroutines",
		[MEMORY_RUNTIME] = "the runtime's own tables",
		[MEMORY_HEAP] = "live heap and GC headroom",
	};
	static const char *const outside[] = {
		[OUTSIDE_UNKNOWN] = "memory outside Go: program and files, C, mmap",
		[OUTSIDE_ANONYMOUS] = "memory outside Go: C, mmap",
		[OUTSIDE_FILES] = "memory outside Go: mapped files, shared memory",
	};

	return d->cause == MEMORY_NOT_GO ? outside[d->outside] : texts[d->cause];
}

const char *report_outside_remedy(enum outside kind)
{
	static const char *const texts[] = {
		[OUTSIDE_UNKNOWN] = "pmap -X PID tells which mappings grow",
		[OUTSIDE_ANONYMOUS] = "memleak -p PID of bcc tells who calls malloc, pmap -X PID "
				      "which mappings grow",
		[OUTSIDE_FILES] = "pmap -X PID tells which grow",
	};

	return texts[kind];
}

const char *report_outside_name(enum outside kind)
{
	static const char *const names[] = {
		[OUTSIDE_UNKNOWN] = NULL, [OUTSIDE_ANONYMOUS] = "anonymous",
		[OUTSIDE_FILES] = "files",
	};

	return names[kind];
}

bool report_grows_outside(const struct diagnosis *d)
{
	return d->rss_grows && report_has_cause(d) && d->cause == MEMORY_NOT_GO;
}

bool report_has_cause(const struct diagnosis *d)
{
	return !d->rss_grows || isfinite(d->cause_rate.value);
}

size_t report_columns(const char *s)
{
	size_t columns = 0;

	for (; *s; s++)
		columns += (*s & 0xc0) != 0x80;
	return columns;
}

uint64_t report_seen_of_class(const struct heap_site *s, uint64_t class_size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n_parts; i++)
		if (class_size ? s->parts[i].size == class_size : s->parts[i].size > LARGEST_CLASS)
			n += s->parts[i].live.samples;
	return n;
}

size_t report_fold_runtime(const struct frames *stack)
{
	for (size_t i = 0; i < stack->n; i++)
		if (!goname_of_runtime(stack->v[i]->function))
			return i;
	return 0;
}

void report_add_heap(struct heap_sum *sum, const struct heap_site *s)
{
	sum->sites++;
	sum->live_sites += s->live.value > 0;
	sum->live += s->live.value;
	sum->live_bytes += s->live_bytes.value;
	sum->young += s->young;
	sum->young_bytes += s->young_bytes;
	sum->allocs += s->allocs;
	sum->alloc_bytes += s->alloc_bytes;
}

void report_add_goroutines(struct goroutine_sum *sum, const struct goroutine_site *s)
{
	sum->sites++;
	sum->live += s->live;
	if (s->started == UNKNOWN_U64)
		sum->started = sum->ended = UNKNOWN_U64;
	if (sum->started == UNKNOWN_U64)
		return;
	sum->started += s->started;
	sum->ended += s->ended;
}

static int by_count(const void *a, const void *b)
{
	const struct report_state *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return strcmp(x->state, y->state);
}

size_t report_states(const struct goroutine_site *sites, size_t n, struct report_state **out)
{
	struct report_state *states = NULL;
	size_t n_states = 0, cap = 0, k;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < sites[i].n_places; j++) {
			const struct goroutine_place *p = &sites[i].places[j];
			const char *state = p->state ? p->state : "?";

			for (k = 0; k < n_states && strcmp(states[k].state, state) != 0; k++)
				;
			if (k == n_states) {
				states = grow(states, n_states, &cap, sizeof(*states));
				states[n_states++] = (struct report_state){ .state = state };
			}
			states[k].n += p->live;
		}
	}
	if (n_states)
		qsort(states, n_states, sizeof(*states), by_count);
	*out = states;
	return n_states;
}

struct ids {
	uint64_t *v;
	size_t n, cap;
	struct table seen;
};

static void add_id(struct ids *ids, uint64_t id)
{
	bool is_new = true;

	if (id)
		table_put(&ids->seen, table_mix(ids->seen.seed, id) | 1, &is_new);
	if (!is_new)
		return;
	ids->v = grow(ids->v, ids->n, &ids->cap, sizeof(*ids->v));
	ids->v[ids->n++] = id;
}

uint64_t report_goroutine_id(const struct goroutine_site *s)
{
	return s->id ? table_mix(s->id, 'g') : 0;
}

size_t report_finding_sites(const struct findings *f, size_t finding, uint64_t **to)
{
	struct ids ids = { 0 };

	table_init(&ids.seen, sizeof(uint64_t), SIZE_MAX);
	for (size_t i = 0; i < f->n_sites; i++)
		if (f->sites[i].finding == finding)
			add_id(&ids, f->sites[i].id);
	for (size_t i = 0; i < f->n_gsites; i++)
		if (f->gsites[i].finding == finding)
			add_id(&ids, report_goroutine_id(&f->gsites[i]));
	table_fini(&ids.seen);
	*to = ids.v;
	return ids.n;
}

int report_finish(FILE *out)
{
	bool lost = ferror(out);

	errno = 0;
	if (fflush(out) == 0 && !lost)
		return 0;
	return errno ? -errno : -EIO;
}

const char *report_verdict(enum verdict v)
{
	static const char *const words[] = {
		[VERDICT_TOO_FEW] = "TOO_FEW_SAMPLES", [VERDICT_CHURN] = "CHURN",
		[VERDICT_STEADY] = "STEADY", [VERDICT_PLATEAU] = "PLATEAU",
		[VERDICT_GROWING] = "GROWING", [VERDICT_LEAK] = "LEAK",
	};

	return words[v];
}

const char *report_missing_text(unsigned missing, size_t n)
{
	static const struct { enum missing bit; const char *text; } rows[] = {
		{ MISSING_CYCLES, "too few collections" },
		{ MISSING_TIME, "watched for too short a time" },
		{ MISSING_GOES_ON, "it slows down" },
		{ MISSING_OLD_STAY, "old ones die, or none are old yet" },
		{ MISSING_CENSUS, "its size class does not show it for sure" },
		{ MISSING_SIZES, "a container that has not doubled often enough" },
		{ MISSING_LOAD, "load rises as well" },
		{ MISSING_MANY, "not many yet, and they may wait rightly" },
		{ MISSING_SHARE, "little of the heap yet" },
		{ MISSING_RATE, "it may not grow at all" },
		{ MISSING_SHRINKS, "other sizes shrink by as much" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (missing & rows[i].bit && !n--)
			return rows[i].text;
	return NULL;
}
