// SPDX-License-Identifier: BSD-2-Clause
/*
 * news_json.c - news for programs: one object a line.  docs/json.md has every field.
 */
#include "user/report/news.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "user/base/json.h"
#include "user/heapview.h"
#include "user/report/heap_json.h"
#include "user/report/model_json.h"
#include "user/report/report.h"
#include "user/watched.h"

static const char *const kinds[] = {
	[NEWS_BEGIN] = "begin", [NEWS_REFUSED] = "refused", [NEWS_END] = "end",
	[NEWS_HEAP] = "heap", [NEWS_GOROUTINES] = "goroutines", [NEWS_MEMORY] = "memory",
	[NEWS_GROWTH] = "growth", [NEWS_REPORT] = "report",
};

static const char *const causes[] = {
	[MEMORY_LIVE] = "live_heap", [MEMORY_GARBAGE] = "garbage", [MEMORY_FREE] = "free_slots",
	[MEMORY_IDLE] = "idle_spans", [MEMORY_STACKS] = "stacks", [MEMORY_RUNTIME] = "runtime",
	[MEMORY_NOT_GO] = "not_go", [MEMORY_HEAP] = "heap",
};

/* Fields of the object at hand. */
static void put_judgement(struct json *j, const struct judgement *is)
{
	bool lacks = is->verdict == VERDICT_GROWING || is->verdict == VERDICT_TOO_FEW;
	const char *text;

	field_string(j, "verdict", report_verdict(is->verdict));
	report_json_estimate(j, "rate_per_s", &is->rate);
	open_level(j, "missing", '[');
	for (size_t i = 0; lacks && (text = report_missing_text(is->missing, i)); i++)
		field_string(j, NULL, text);
	close_level(j, ']');
	field_double(j, "watch_s", lacks && is->watch_s > 0 ? is->watch_s : NAN);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void put_target(struct json *j, const struct target_info *t)
{
	open_level(j, "target", '{');
	field_string(j, "exe", t->exe);
	field_string(j, "go_version", t->go_version);
	field_bool(j, "stripped", t->stripped);
	field_string(j, "build_id", t->build_id);
	close_level(j, '}');
}

static void put_memory(struct json *j, const struct memory_account *m)
{
	uint64_t unknown = m->known ? 0 : UNKNOWN_U64, no_gc = m->num_gc ? 0 : UNKNOWN_U64;

	open_level(j, "memory", '{');
	field_u64(j, "rss", m->rss);
	field_u64(j, "rss_files", m->rss == UNKNOWN_U64 ? UNKNOWN_U64 : m->rss_files);
	field_u64(j, "live_heap", m->live_heap | unknown | no_gc);
	field_u64(j, "gc_headroom", m->gc_headroom | unknown | no_gc);
	field_u64(j, "stacks", m->stacks | unknown);
	field_u64(j, "runtime", m->runtime | unknown);
	report_json_outside(j, m);
	close_level(j, '}');
}

static void put_limit(struct json *j, const struct watched *w)
{
	if (!w->limit_bytes) {
		field_null(j, "limit");
		return;
	}
	open_level(j, "limit", '{');
	field_u64(j, "bytes", w->limit_bytes);
	field_u64(j, "used", w->limit_used);
	field_string(j, "of", w->limit_of);
	report_json_estimate(j, "left_s", &w->does.left_s);
	close_level(j, '}');
}

static void put_rss(struct json *j, const struct diagnosis *d)
{
	open_level(j, "rss", '{');
	field_bool(j, "grows", d->rss_grows);
	report_json_estimate(j, "rate_per_s", &d->rss_rate);
	field_string(j, "cause", report_has_cause(d) ? causes[d->cause] : NULL);
	field_u64(j, "cause_bytes", report_has_cause(d) ? d->cause_bytes : UNKNOWN_U64);
	field_string(j, "outside", report_grows_outside(d) ? report_outside_name(d->outside) :
								NULL);
	field_bool(j, "no_collection", d->no_collection);
	close_level(j, '}');
}

/* What grows of the classes; the others are flat. */
static void put_heap(struct json *j, const struct watched *w)
{
	enum verdict worst;

	if (!w->census_known) {
		field_null(j, "heap");
		return;
	}
	open_level(j, "heap", '{');
	field_u64(j, "live_bytes", w->n_cycles ? w->live_bytes : UNKNOWN_U64);
	put_judgement(j, &w->heap);
	field_bool(j, "grows_with_goroutines", news_heap_of_goroutines(w, &worst));
	open_level(j, "classes", '[');
	for (size_t i = 0; i < w->n_classes; i++) {
		const struct watched_class *c = &w->classes[i];

		if (c->is.verdict < VERDICT_GROWING)
			continue;
		open_level(j, NULL, '{');
		field_u64(j, "size", c->size ? c->size : UNKNOWN_U64);
		field_u64(j, "live_bytes", c->live_bytes);
		put_judgement(j, &c->is);
		close_level(j, '}');
	}
	close_level(j, ']');
	close_level(j, '}');
}

static void put_go(struct json *j, const char *key, const struct watched_go *go,
		   const struct watched_places *places)
{
	open_level(j, key, '{');
	put_judgement(j, &go->is);
	field_bool(j, "certain", go->is.certain);
	field_u64(j, "live", go->live);
	field_string(j, "state", go->state);
	field_u64(j, "in_state", go->n_state);
	field_seconds(j, "longest_wait_s", go->longest_wait_s);
	field_double(j, "seen_s", go->since_s);
	if (places) {
		report_json_frames(j, "created", &places->created, 0);
		report_json_frames(j, "blocked_at", &places->blocked, 0);
		field_u64(j, "blocked_there", places->n_blocked);
	}
	close_level(j, '}');
}

static void put_gos(struct json *j, const struct watched *w)
{
	open_level(j, "goroutine_sites", '[');
	for (size_t i = 0; i < w->n_gos; i++)
		if (w->gos[i].is.verdict >= VERDICT_GROWING)
			put_go(j, NULL, &w->gos[i], NULL);
	close_level(j, ']');
}

static void put_stack(struct json *j, const struct watched_stack *s)
{
	open_level(j, NULL, '{');
	field_double(j, "bytes_per_s", s->bytes_per_s);
	field_u64(j, "samples", s->samples);
	field_u64(j, "object_bytes", s->size);
	field_string(j, "type", s->type);
	field_string(j, "how", s->how);
	report_json_frames(j, "frames", &s->frames, 0);
	close_level(j, '}');
}

static void put_growth(struct json *j, const struct news *n)
{
	const struct watched_growth *g = n->growth;
	const struct heap_row *rows[NEWS_TYPES];
	size_t n_rows = news_types(n->w, g, rows), n_suppressed;
	struct estimate rate;

	open_level(j, "growth", '{');
	report_heap_json_span(j, g->types);
	field_u64(j, "gc_cycles", g->types->now->n_cycles - g->types->before->n_cycles);
	field_double(j, "age_s", g->age_s);
	field_double(j, "own_cpu_s", g->cpu_s);
	field_bool(j, "profiled", g->profiled);
	open_level(j, "types", '[');
	for (size_t i = 0; i < n_rows; i++)
		report_heap_json_row(j, rows[i], true);
	close_level(j, ']');
	open_level(j, "stacks", '[');
	for (size_t i = 0; i < g->n_stacks; i++)
		put_stack(j, &g->stacks[i]);
	close_level(j, ']');
	n_suppressed = news_suppressed(g, &rate);
	field_u64(j, "suppressed_types", n_suppressed);
	field_double(j, "suppressed_bytes_per_s", rate.value);
	close_level(j, '}');
}

/* ---- one line -------------------------------------------------------------------------------- */

static void put_time(struct json *j, const struct news *n)
{
	time_t t = (time_t)(n->time_unix_ns / 1000000000);
	char text[40];
	struct tm tm;

	strftime(text, sizeof(text), "%FT%T%z", localtime_r(&t, &tm));
	field_string(j, "time", text);
	begin_value(j, "time_unix_s");
	fprintf(j->out, "%lld.%03d", (long long)t,
		(int)(n->time_unix_ns % 1000000000 / 1000000));
}

/* What is known of the process, whatever the kind. */
static void put_watched(struct json *j, const struct watched *w)
{
	field_string(j, "verdict", report_verdict(w->verdict));
	field_double(j, "watched_s", w->seconds);
	field_u64(j, "gc_cycles", w->census_known ? w->n_cycles : UNKNOWN_U64);
	field_u64(j, "gc_cycles_missed", w->census_known ? w->n_missed : UNKNOWN_U64);
	field_u64(j, "min_gc_cycles", w->min_cycles);
	field_double(j, "min_s", w->min_s);
	field_u64(j, "goroutines", w->n_goroutines);
	field_double(j, "goroutines_age_s", w->table_age_s);
	field_u64(j, "goroutine_tables", w->n_tables);
	field_u64(j, "goroutine_tables_lost", w->n_tables_lost);
	field_u64(j, "goroutines_not_followed", w->n_gos_lost);
	put_memory(j, &w->memory);
	put_limit(j, w);
	put_rss(j, &w->does);
	put_heap(j, w);
}

int news_json(FILE *out, const struct news *n)
{
	struct json j = { .out = out };

	open_level(&j, NULL, '{');
	field_string(&j, "event", kinds[n->kind]);
	put_time(&j, n);
	field_i64(&j, "pid", n->pid);
	field_string(&j, "comm", n->comm);
	if (n->kind == NEWS_REFUSED || n->kind == NEWS_END)
		field_string(&j, "why", n->why);
	if (n->kind == NEWS_BEGIN)
		put_target(&j, &n->w->target);
	if (n->kind != NEWS_REFUSED)
		put_watched(&j, n->w);
	if (n->kind == NEWS_HEAP || n->kind == NEWS_REPORT)
		field_bool(&j, "growth_waits", n->waits);
	if (n->kind == NEWS_GOROUTINES)
		put_go(&j, "goroutine_site", n->go, n->places);
	if (n->kind == NEWS_END || n->kind == NEWS_REPORT)
		put_gos(&j, n->w);
	if (n->growth)
		put_growth(&j, n);
	if (n->kind == NEWS_REPORT && n->n_watched) {
		open_level(&j, "cost", '{');
		field_double(&j, "own_cpu_percent", n->own_cpu_percent);
		field_u64(&j, "own_rss", n->own_rss);
		field_u64(&j, "processes", n->n_watched);
		close_level(&j, '}');
	}
	close_level(&j, '}');
	fputc('\n', out);
	return report_finish(out);
}
