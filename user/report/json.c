// SPDX-License-Identifier: BSD-2-Clause
/*
 * json.c - one JSON object, on one line, per report, so that a run with an interval is JSON Lines.
 *
 * A number that is not known is null, not 0; so are verdicts where nothing was judged.
 * docs/report.schema.json describes every field; the tests hold reports against it.
 */
#include "user/report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/json.h"
#include "user/model.h"
#include "user/heapview.h"
#include "user/report/heap_json.h"
#include "user/report/left_out.h"
#include "user/report/model_json.h"

/* Of a report that was not asked for all: what a reader can hold, and a disk. */
enum { MAX_SITES = 1000, MAX_TYPES = 20, MAX_PLACES = 20 };

/* As a string: readers keep numbers in doubles, which have 53 bits. */
static void put_id(struct json *j, const char *key, uint64_t id)
{
	char hex[17];

	snprintf(hex, sizeof(hex), "%016" PRIx64, id);
	field_string(j, key, id ? hex : NULL);
}

static void field_id(struct json *j, uint64_t id)
{
	put_id(j, "id", id);
}

static void put_target(struct json *j, const struct findings *f)
{
	open_level(j, "target", '{');
	field_i64(j, "pid", f->target.pid);
	if (f->target.ns_pid)
		field_i64(j, "ns_pid", f->target.ns_pid);
	else
		field_null(j, "ns_pid");
	field_string(j, "exe", f->target.exe);
	field_string(j, "comm", f->target.comm);
	field_string(j, "go_version", f->target.go_version);
	field_bool(j, "stripped", f->target.stripped);
	field_string(j, "build_id", f->target.build_id);
	field_string(j, "gone", f->gone);
	field_string(j, "host", f->target.host);
	close_level(j, '}');
}

/* Milliseconds: nanoseconds do not fit into the double that most readers use. */
static void put_unix(struct json *j, const char *key, int64_t ns)
{
	begin_value(j, key);
	if (ns < 0)
		fputs("null", j->out);
	else
		fprintf(j->out, "%" PRId64 ".%03d", ns / 1000000000, (int)(ns / 1000000 % 1000));
}

static void put_time(struct json *j, const struct findings *f)
{
	open_level(j, "time", '{');
	field_seconds(j, "attached_s", f->attached_s);
	field_u64(j, "gc_cycles", f->gc_cycles);
	field_seconds(j, "memory_age_s", f->memory.age_s);
	put_unix(j, "unix_s", f->time_unix_ns);
	close_level(j, '}');
}

static void put_memory(struct json *j, const struct memory_account *m)
{
	const uint64_t no_gc = m->num_gc ? 0 : UNKNOWN_U64;
	const struct { const char *name; uint64_t v; } rows[] = {
		{ "live_heap", m->live_heap | no_gc }, { "gc_headroom", m->gc_headroom | no_gc },
		{ "stacks", m->stacks }, { "runtime", m->runtime },
		{ "heap_alloc", m->heap_alloc }, { "heap_inuse", m->heap_inuse },
		{ "heap_idle", m->heap_idle }, { "heap_released", m->heap_released },
		{ "heap_sys", m->heap_sys }, { "heap_objects", m->heap_objects },
		{ "stack_inuse", m->stack_inuse }, { "mallocs", m->mallocs }, { "frees", m->frees },
		{ "total_alloc", m->total_alloc }, { "next_gc", m->next_gc },
		{ "num_gc", m->num_gc },
	};

	open_level(j, "memory", '{');
	field_u64(j, "rss", m->rss);
	field_u64(j, "rss_files", m->rss == UNKNOWN_U64 ? UNKNOWN_U64 : m->rss_files);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		field_u64(j, rows[i].name, m->known ? rows[i].v : UNKNOWN_U64);
	report_json_outside(j, m);
	close_level(j, '}');
}

static void put_pacing(struct json *j, const struct memory_account *m)
{
	const struct gc_pacing *p = &m->pacing;

	if (!m->known || !p->known) {
		field_null(j, "gc_pacing");
		return;
	}
	open_level(j, "gc_pacing", '{');
	field_i64(j, "gogc", p->gc_percent);
	field_u64(j, "gomemlimit", p->memory_limit);
	field_u64(j, "heap_live", p->heap_live);
	field_u64(j, "trigger", p->trigger);
	field_double(j, "since_s", p->since_s);
	field_double(j, "next_s", p->next_s);
	field_double(j, "every_s", p->every_s);
	close_level(j, '}');
}

/* A number of objects or bytes; not known: null. */
static void field_whole(struct json *j, const char *key, double n, bool known)
{
	field_u64(j, key, known ? report_whole(n) : UNKNOWN_U64);
}

/* Outwards to whole numbers. */
static void put_95(struct json *j, const char *key, const struct estimate *e, bool known)
{
	if (!known) {
		field_null(j, key);
		return;
	}
	open_level(j, key, '[');
	field_u64(j, NULL, report_whole(floor(e->low)));
	field_u64(j, NULL, report_whole(ceil(e->high)));
	close_level(j, ']');
}

static const char *does_name(enum behaviour does)
{
	static const char *const names[] = {
		[BEHAVIOUR_UNKNOWN] = NULL, [BEHAVIOUR_STEADY] = "steady",
		[BEHAVIOUR_FOLLOWS_LOAD] = "follows_load", [BEHAVIOUR_PLATEAU] = "plateau",
		[BEHAVIOUR_WARM_UP] = "warm_up", [BEHAVIOUR_GROWS] = "grows",
		[BEHAVIOUR_LEAKS] = "leaks",
	};

	return names[does];
}

static const char *part_name(enum memory_part part)
{
	static const char *const names[] = {
		[MEMORY_LIVE] = "live", [MEMORY_GARBAGE] = "garbage", [MEMORY_FREE] = "free_slots",
		[MEMORY_IDLE] = "idle_spans", [MEMORY_STACKS] = "stacks",
		[MEMORY_RUNTIME] = "runtime", [MEMORY_NOT_GO] = "not_go",
		[MEMORY_HEAP] = "heap",
	};

	return names[part];
}

static void put_room(struct json *j, const struct findings *f)
{
	const struct memory_room *room = &f->room;

	if (!room->of) {
		field_null(j, "limit");
		return;
	}
	open_level(j, "limit", '{');
	field_string(j, "of", room->of);
	field_u64(j, "bytes", room->limit);
	field_u64(j, "used", room->used);
	report_json_estimate(j, "left_s", &f->process.left_s);
	close_level(j, '}');
}

static void put_process(struct json *j, const struct findings *f)
{
	const struct diagnosis *d = &f->process;

	if (!f->memory.known || !d->known) {
		field_null(j, "process");
		return;
	}
	open_level(j, "process", '{');
	field_string(j, "does", does_name(d->does));
	report_json_estimate(j, "rss_rate_per_s", &d->rss_rate);
	field_bool(j, "rss_grows", d->rss_grows);
	field_string(j, "cause", report_has_cause(d) ? part_name(d->cause) : NULL);
	field_u64(j, "cause_bytes", report_has_cause(d) ? d->cause_bytes : UNKNOWN_U64);
	report_json_estimate(j, "cause_rate_per_s", &d->cause_rate);
	field_string(j, "outside", report_grows_outside(d) ? report_outside_name(d->outside) :
								NULL);
	field_bool(j, "no_collection", d->no_collection);
	field_whole(j, "map_bytes", f->map_bytes, f->heap && f->live_known);
	field_whole(j, "pool_bytes", f->pool_bytes, f->heap && f->live_known);
	open_level(j, "parts", '{');
	for (enum memory_part i = 0; i < N_MEMORY_PARTS; i++)
		field_u64(j, part_name(i), d->parts[i]);
	close_level(j, '}');
	put_room(j, f);
	close_level(j, '}');
}

static void put_word(struct json *j, const struct findings *f, enum verdict verdict)
{
	field_string(j, "verdict", f->verdicts.known ? report_verdict(verdict) : NULL);
}

static void put_census(struct json *j, const struct findings *f)
{
	const struct heap_census *c = &f->census;
	const struct estimate unknown = { .value = NAN, .low = NAN, .high = NAN };
	bool known = c->n_cycles > 0;

	open_level(j, "census", '{');
	field_u64(j, "cycles", c->n_cycles);
	field_u64(j, "missed", c->n_missed);
	field_u64(j, "live_bytes", known ? c->live_bytes : UNKNOWN_U64);
	field_u64(j, "older_bytes", known ? c->older_bytes : UNKNOWN_U64);
	put_95(j, "older_bytes_95", &f->older_bytes, isfinite(f->older_bytes.value));
	field_seconds(j, "alloc_span_s", known ? c->alloc_span_s : -1);
	report_json_estimate(j, "rate_per_s", known ? &c->rate : &unknown);
	close_level(j, '}');
	open_level(j, "classes", '[');
	for (size_t i = 0; i < c->n_classes; i++) {
		const struct heap_class *k = &c->classes[i];

		open_level(j, NULL, '{');
		field_u64(j, "size", k->size ? k->size : UNKNOWN_U64);
		field_u64(j, "live_objects", k->live_objects);
		field_u64(j, "live_bytes", k->live_bytes);
		field_u64(j, "alloc_objects", k->alloc_objects);
		report_json_estimate(j, "rate_per_s", &k->rate);
		put_word(j, f, k->is.verdict);
		close_level(j, '}');
	}
	close_level(j, ']');
}

static void put_ms(struct json *j, const char *key, uint64_t ns)
{
	field_double(j, key, ns == UNKNOWN_U64 ? NAN : (double)ns / 1e6);
}

static void put_cycle(struct json *j, const struct gc_cycle *c)
{
	open_level(j, NULL, '{');
	field_u64(j, "number", c->number);
	put_unix(j, "end_unix_s", c->end_unix_ns);
	put_ms(j, "pause_ms", c->pause_ns);
	put_ms(j, "took_ms", c->end_ns == UNKNOWN_U64 ? UNKNOWN_U64 : c->end_ns - c->begin_ns);
	field_u64(j, "heap_begin_bytes", c->heap_begin);
	field_u64(j, "heap_end_bytes", c->heap_end);
	field_u64(j, "live_bytes", c->live);
	field_u64(j, "goal_bytes", c->goal);
	if (c->forced < 0)
		field_null(j, "forced");
	else
		field_bool(j, "forced", c->forced);
	close_level(j, '}');
}

static void put_collections(struct json *j, const struct findings *f)
{
	field_u64(j, "collections_missed", f->gc_missed);
	open_level(j, "collections", '[');
	for (size_t i = 0; i < f->n_gc; i++)
		put_cycle(j, &f->gc[i]);
	close_level(j, ']');
}

static void put_older_numbers(struct json *j, const struct older_site *s)
{
	field_whole(j, "objects", s->objects.value, true);
	put_95(j, "objects_95", &s->objects, true);
	field_whole(j, "bytes", s->bytes.value, true);
	put_95(j, "bytes_95", &s->bytes, true);
	field_u64(j, "samples", s->bytes.samples);
}

/* Sums over all heap sites. */
static void put_live(struct json *j, const struct findings *f)
{
	bool known = f->heap && f->live_known;

	open_level(j, "live", '{');
	field_whole(j, "objects", f->live.value, known);
	put_95(j, "objects_95", &f->live, known);
	field_whole(j, "bytes", f->live_bytes.value, known);
	put_95(j, "bytes_95", &f->live_bytes, known);
	field_u64(j, "samples", known ? f->live.samples : UNKNOWN_U64);
	field_double(j, "sample_bytes", f->heap ? f->sample_bytes : NAN);
	close_level(j, '}');
}

static void put_coverage(struct json *j, const struct findings *f)
{
	open_level(j, "coverage", '{');
	for (size_t i = 0; i < f->n_coverage; i++)
		field_u64(j, f->coverage[i].name, f->coverage[i].value);
	close_level(j, '}');
}

static void put_listened(struct json *j, const struct findings *f)
{
	open_level(j, "sources", '[');
	for (size_t i = 0; i < f->n_listened; i++) {
		const struct listened *s = &f->listened[i];

		open_level(j, NULL, '{');
		field_string(j, "of", s->goroutines ? "goroutines" : "heap");
		field_string(j, "source", s->source);
		field_bool(j, "growing_only", s->focused);
		field_double(j, "from_s", s->from_s);
		field_double(j, "to_s", s->to_s);
		field_u64(j, "distance_bytes", s->distance);
		field_u64(j, "windows", s->windows);
		field_double(j, "open_s", s->open_s);
		close_level(j, '}');
	}
	close_level(j, ']');
	field_u64(j, "sources_left_out", f->listened_left_out);
}

static void put_cost(struct json *j, const struct findings *f)
{
	const struct cost *c = &f->cost;

	open_level(j, "cost", '{');
	field_double(j, "target_percent", c->target_percent);
	field_double(j, "budget_percent", c->budget_percent);
	field_double(j, "hits_per_s", c->hits_per_s);
	field_double(j, "ns_per_hit", c->ns_per_hit);
	field_double(j, "look_s", c->look_s);
	field_double(j, "own_cpu_percent", c->own_cpu_percent);
	field_u64(j, "own_rss", c->own_rss);
	put_listened(j, f);
	close_level(j, '}');
}

/* How many of the n in order of weight are written; the others are left out. */
static size_t bound(const struct json *j, size_t n, size_t max)
{
	return j->all || n < max ? n : max;
}

static void put_looks(struct json *j, const struct findings *f)
{
	const struct estimate unknown = { NAN, NAN, NAN, 0 };
	const size_t n_types = bound(j, f->n_grown, MAX_TYPES);
	const struct looks_cost *c = &f->looks;

	if (!f->heap || f->look) {
		field_null(j, "heap_looks");
		return;
	}
	open_level(j, "heap_looks", '{');
	field_u64(j, "looks", c->n_looks);
	field_u64(j, "failed", c->n_failed);
	field_bool(j, "under_way", c->under_way);
	field_u64(j, "classes", c->n_classes ? c->n_classes : UNKNOWN_U64);
	report_heap_json_span(j, f->growth);
	field_double(j, "age_s", f->growth ? f->growth_age_s : NAN);
	report_json_estimate(j, "rate_per_s", f->growth ? &f->growth->held_per_s : &unknown);
	if (f->growth)
		report_heap_rows_json(j, "types", f->grown, n_types);
	else
		field_null(j, "types");
	field_u64(j, "types_left_out", f->growth ? f->n_grown - n_types : UNKNOWN_U64);
	report_heap_json_queues(j, f->growth ? f->growth->now : NULL);
	field_double(j, "took_s", c->seconds);
	field_u64(j, "bytes_read", c->bytes_read);
	field_double(j, "own_cpu_s", c->cpu_s);
	close_level(j, '}');
}

static void put_rate(struct json *j, const struct estimate *rate, double span_s)
{
	report_json_estimate(j, "rate_per_s", rate);
	field_double(j, "rate_span_s", isfinite(rate->value) ? span_s : NAN);
}

/* What only a trace knows. */
static uint64_t traced(const struct findings *f, uint64_t n)
{
	return f->look ? UNKNOWN_U64 : n;
}

static void put_part(struct json *j, const struct findings *f, const struct site_part *p)
{
	bool known = p->type && strcmp(p->type, "?") != 0, looked = f->live_known;

	open_level(j, NULL, '{');
	field_string(j, "type", known ? p->type : NULL);
	field_string(j, "how", p->how);
	field_u64(j, "object_bytes", p->size);
	field_whole(j, "live_objects", p->live.value, looked);
	put_95(j, "live_objects_95", &p->live, looked);
	field_u64(j, "samples", looked ? p->live.samples : UNKNOWN_U64);
	field_whole(j, "young_objects", p->young, !f->look);
	field_whole(j, "shared_objects", p->shared, looked && !f->look);
	field_whole(j, "doubtful_objects", p->doubtful, looked && !f->look);
	field_whole(j, "alloc_objects", p->allocs, true);
	close_level(j, '}');
}

static void put_heap_numbers(struct json *j, const struct findings *f, const struct heap_site *s)
{
	bool looked = f->live_known;

	field_whole(j, "live_objects", s->live.value, looked);
	put_95(j, "live_objects_95", &s->live, looked);
	field_whole(j, "live_bytes", s->live_bytes.value, looked);
	put_95(j, "live_bytes_95", &s->live_bytes, looked);
	field_u64(j, "samples", looked ? s->live.samples : UNKNOWN_U64);
	field_whole(j, "young_objects", s->young, !f->look);
	field_whole(j, "young_bytes", s->young_bytes, !f->look);
	field_whole(j, "shared_objects", s->shared, looked && !f->look);
	field_whole(j, "doubtful_objects", s->doubtful, looked && !f->look);
	field_whole(j, "alloc_objects", s->allocs, true);
	field_whole(j, "alloc_bytes", s->alloc_bytes, true);
	if (f->growth_known)	/* it is measured from the first collection on */
		field_i64(j, "growth_bytes", llround(s->growth_bytes));
	else
		field_null(j, "growth_bytes");
	put_rate(j, &s->rate, s->rate_span_s);
	field_seconds(j, "oldest_s", s->oldest_s);
}

/* What it had allocated before the attach. */
static void put_older_of(struct json *j, const struct heap_site *s)
{
	if (!s->older) {
		field_null(j, "older");
		return;
	}
	open_level(j, "older", '{');
	put_older_numbers(j, s->older);
	close_level(j, '}');
}

static void put_heap_site(struct json *j, const struct findings *f, const struct heap_site *s)
{
	size_t n_types = bound(j, s->n_parts, MAX_TYPES);

	open_level(j, NULL, '{');
	field_string(j, "kind", "heap");
	field_id(j, s->id);
	put_word(j, f, s->is.verdict);
	report_json_frames(j, "frames", &s->stack, 0);
	field_bool(j, "frames_cut", s->stack.cut);
	put_heap_numbers(j, f, s);
	put_older_of(j, s);
	field_u64(j, "types_left_out", s->n_parts - n_types);
	open_level(j, "types", '[');
	for (size_t i = 0; i < n_types; i++)
		put_part(j, f, &s->parts[i]);
	close_level(j, ']');
	close_level(j, '}');
}

static void put_states(struct json *j, const struct goroutine_site *s)
{
	struct report_state *states;
	size_t n = report_states(s, 1, &states);

	open_level(j, "states", '{');
	for (size_t i = 0; i < n; i++)
		field_u64(j, states[i].state, states[i].n);
	close_level(j, '}');
	free(states);
}

/* Where most of the goroutines whose stack is known wait; null if none is. */
static void put_blocked_at(struct json *j, const struct goroutine_site *s)
{
	for (size_t i = 0; i < s->n_places; i++) {
		const struct frames *stack = &s->places[i].stack;

		if (stack->n) {
			report_json_frames(j, "blocked_at", stack, report_fold_runtime(stack));
			return;
		}
	}
	field_null(j, "blocked_at");
}

static void put_place(struct json *j, const struct goroutine_place *p)
{
	open_level(j, NULL, '{');
	field_string(j, "state", p->state);
	field_u64(j, "live", p->live);
	field_seconds(j, "longest_wait_s", p->longest_wait_s);
	if (p->stack.n)
		report_json_frames(j, "frames", &p->stack, report_fold_runtime(&p->stack));
	else
		field_null(j, "frames");
	field_bool(j, "frames_cut", p->stack.cut);
	close_level(j, '}');
}

static void put_goroutine_site(struct json *j, const struct findings *f,
			       const struct goroutine_site *s)
{
	/* every one is counted, but for those that were lost */
	const struct estimate rate = report_goroutine_growth(f, s);
	size_t n_places = bound(j, s->n_places, MAX_PLACES);

	open_level(j, NULL, '{');
	field_string(j, "kind", "goroutine");
	field_id(j, report_goroutine_id(s));
	put_word(j, f, s->is.verdict);
	report_json_frames(j, "frames", &s->stack, 0);
	field_bool(j, "frames_cut", s->stack.cut);
	field_bool(j, "before_attach", s->before_attach);
	field_bool(j, "start_unseen", s->start_unseen);
	field_u64(j, "live", s->live);
	field_u64(j, "started", traced(f, s->started));
	field_u64(j, "ended", traced(f, s->ended));
	put_states(j, s);
	put_blocked_at(j, s);
	put_rate(j, &rate, s->rate_span_s);
	field_u64(j, "stack_bytes", s->stack_bytes);
	field_u64(j, "samples", s->samples);
	field_seconds(j, "oldest_s", s->oldest_s);
	field_u64(j, "places_left_out", s->n_places - n_places);
	open_level(j, "places", '[');
	for (size_t i = 0; i < n_places; i++)
		put_place(j, &s->places[i]);
	close_level(j, ']');
	close_level(j, '}');
}

static void put_left_out(struct json *j, const struct findings *f, size_t heap, size_t goroutines)
{
	struct heap_sum h = { 0 };
	struct goroutine_sum g = { 0 };
	bool looked = f->live_known;

	for (size_t i = heap; i < f->n_sites; i++)
		report_add_heap(&h, &f->sites[i]);
	for (size_t i = goroutines; i < f->n_gsites; i++)
		report_add_goroutines(&g, &f->gsites[i]);
	open_level(j, "sites_left_out", '{');
	open_level(j, "heap", '{');
	field_u64(j, "sites", h.sites);
	field_whole(j, "live_objects", h.live, looked);
	field_whole(j, "live_bytes", h.live_bytes, looked);
	field_whole(j, "alloc_objects", h.allocs, true);
	field_whole(j, "alloc_bytes", h.alloc_bytes, true);
	close_level(j, '}');
	open_level(j, "goroutine", '{');
	field_u64(j, "sites", g.sites);
	field_u64(j, "live", g.live);
	field_u64(j, "started", traced(f, g.started));
	field_u64(j, "ended", traced(f, g.ended));
	close_level(j, '}');
	close_level(j, '}');
}

static void put_sites(struct json *j, const struct findings *f, size_t top)
{
	size_t max = top > MAX_SITES ? top : MAX_SITES;
	size_t heap = bound(j, f->n_sites, max), goroutines = bound(j, f->n_gsites, max);

	put_left_out(j, f, heap, goroutines);
	open_level(j, "sites", '[');
	for (size_t i = 0; i < heap; i++)
		put_heap_site(j, f, &f->sites[i]);
	for (size_t i = 0; i < goroutines; i++)
		put_goroutine_site(j, f, &f->gsites[i]);
	close_level(j, ']');
}

static void put_older_site(struct json *j, const struct older_site *s)
{
	open_level(j, NULL, '{');
	field_id(j, s->id);
	field_bool(j, "traced", s->traced);
	report_json_frames(j, "frames", &s->stack, 0);
	field_bool(j, "frames_cut", s->stack.cut);
	put_older_numbers(j, s);
	close_level(j, '}');
}

/* What is older than the attach, by the program's own profile. */
static void put_older(struct json *j, const struct findings *f, size_t top)
{
	size_t n = bound(j, f->n_older, top > MAX_SITES ? top : MAX_SITES);

	if (!f->older_rate) {
		field_null(j, "older");
		return;
	}
	open_level(j, "older", '{');
	field_u64(j, "profile_rate", f->older_rate);
	field_whole(j, "bytes", f->older_named.value, true);
	put_95(j, "bytes_95", &f->older_named, true);
	field_u64(j, "samples", f->older_named.samples);
	field_bool(j, "scaled", f->older_scaled);
	field_u64(j, "sites_left_out", f->n_older - n);
	open_level(j, "sites", '[');
	for (size_t i = 0; i < n; i++)
		put_older_site(j, &f->older[i]);
	close_level(j, ']');
	close_level(j, '}');
}

static void put_suppressed_types(struct json *j, const struct heap_view *v)
{
	struct heap_amount sum;

	if (!v) {
		field_null(j, "types");
		return;
	}
	report_suppressed_types(v, &sum);
	open_level(j, "types", '{');
	field_u64(j, "types", v->n_suppressed);
	report_heap_json_amount(j, &sum);
	report_json_estimate(j, "rate_per_s", &sum.bytes_per_s);
	close_level(j, '}');
}

static void put_suppressed(struct json *j, const struct findings *f)
{
	struct left_out s;

	if (!f->suppressed_by)
		return;
	open_level(j, "suppressed", '{');
	field_string(j, "file", f->suppressed_by);
	put_suppressed_types(j, f->types);
	report_suppressed(f, &s);
	open_level(j, "heap", '{');
	field_u64(j, "sites", s.heap.sites);
	field_whole(j, "live_objects", s.heap.live, f->live_known);
	field_whole(j, "live_bytes", s.heap.live_bytes, f->live_known);
	field_whole(j, "alloc_bytes", s.heap.alloc_bytes, true);
	report_json_estimate(j, "rate_per_s", &s.rate);
	close_level(j, '}');
	open_level(j, "goroutine", '{');
	field_u64(j, "sites", s.goroutines.sites);
	field_u64(j, "live", s.goroutines.live);
	field_double(j, "rate_per_s", s.goroutine_rate);
	close_level(j, '}');
	close_level(j, '}');
}

/* 0: there is no limit. */
static uint64_t or_none(uint64_t n)
{
	return n ? n : UNKNOWN_U64;
}

static void put_filter(struct json *j, const struct findings *f)
{
	const struct filter *by = &f->filter;
	struct left_out slow;

	if (!by->set)
		return;
	report_slow(f, &slow);
	open_level(j, "filter", '{');
	field_u64(j, "min_object_bytes", or_none(by->min_object));
	field_u64(j, "max_object_bytes", or_none(by->max_object));
	field_double(j, "older_s", by->older_ns ? (double)by->older_ns / 1e9 : NAN);
	field_u64(j, "older_gc_cycles", or_none(by->older_cycles));
	field_double(j, "min_rate_per_s", by->min_rate > 0 ? by->min_rate : NAN);
	field_double(j, "min_goroutine_rate_per_s",
		     by->min_goroutine_rate > 0 ? by->min_goroutine_rate : NAN);
	open_level(j, "left_out", '{');
	field_u64(j, "sites", f->filtered.heap.sites);
	field_whole(j, "live_objects", f->filtered.heap.live, f->live_known);
	field_whole(j, "live_bytes", f->filtered.heap.live_bytes, f->live_known);
	field_u64(j, "slow_sites", slow.heap.sites);
	field_whole(j, "slow_live_bytes", slow.heap.live_bytes, f->live_known);
	field_u64(j, "slow_goroutine_sites", slow.goroutines.sites);
	field_u64(j, "slow_goroutines", slow.goroutines.live);
	field_u64(j, "findings", f->filtered.n_findings);
	field_u64(j, "leaks", f->filtered.n_leaks);
	close_level(j, '}');
	close_level(j, '}');
}

static void put_missing(struct json *j, unsigned missing)
{
	const char *text;

	open_level(j, "missing", '[');
	for (size_t i = 0; (text = report_missing_text(missing, i)); i++)
		field_string(j, NULL, text);
	close_level(j, ']');
}

/* The sites of a finding by their ids, those that are written or not. */
static void put_site_ids(struct json *j, const struct findings *f, size_t finding)
{
	uint64_t *ids;
	const size_t n = report_finding_sites(f, finding, &ids);

	open_level(j, "sites", '[');
	for (size_t i = 0; i < n; i++)
		put_id(j, NULL, ids[i]);
	close_level(j, ']');
	free(ids);
}

/* Those whose samples, too few, are of the class that is the finding. */
static void put_seen_ids(struct json *j, const struct findings *f, const struct finding *found)
{
	open_level(j, "seen", '[');
	for (size_t i = 0; i < f->n_sites && found->class_alone; i++)
		if (report_seen_of_class(&f->sites[i], found->class_size))
			put_id(j, NULL, f->sites[i].id);
	close_level(j, ']');
}

/* Frames: of where its goroutines are created, else of the site that grows most. */
static void put_finding(struct json *j, const struct findings *f, size_t i)
{
	const struct finding *found = &f->verdicts.findings[i];
	const struct estimate unknown = { NAN, NAN, NAN, 0 };
	const size_t n_types = bound(j, found->n_types, MAX_TYPES);
	bool goroutine = found->gsite != NO_INDEX;
	struct frames none = { 0 };

	open_level(j, NULL, '{');
	field_string(j, "kind", goroutine ? "goroutine" : "heap");
	field_string(j, "verdict", report_verdict(found->verdict));
	report_json_frames(j, "frames", goroutine ? &f->gsites[found->gsite].stack :
		   found->site != NO_INDEX ? &f->sites[found->site].stack : &none, 0);
	field_string(j, "caller", found->caller);
	report_json_estimate(j, "rate_per_s", &found->rate);
	report_json_estimate(j, "goroutine_rate_per_s", goroutine ? &found->is.rate : &unknown);
	field_u64(j, "samples", found->rate.samples);
	field_bool(j, "certain", found->is.certain);
	field_double(j, "lifetime_s", found->is.lifetime_s);
	put_missing(j, found->is.missing);
	field_double(j, "watch_s", found->is.missing ? found->is.watch_s : NAN);
	put_site_ids(j, f, i);
	put_seen_ids(j, f, found);
	field_u64(j, "class_bytes", found->class_alone ? found->class_size : UNKNOWN_U64);
	if (f->growth)
		report_heap_rows_json(j, "types", found->types, n_types);
	else
		field_null(j, "types");
	field_u64(j, "types_left_out", f->growth ? found->n_types - n_types : UNKNOWN_U64);
	close_level(j, '}');
}

static void put_verdicts(struct json *j, const struct findings *f)
{
	const struct verdicts *v = &f->verdicts;
	const struct estimate unknown = { NAN, NAN, NAN, 0 };

	put_word(j, f, v->verdict);
	field_u64(j, "min_gc_cycles", v->known ? v->min_cycles : UNKNOWN_U64);
	field_double(j, "min_s", v->known ? v->min_s : NAN);
	field_double(j, "needed_s", v->known ? v->needed_s : NAN);
	report_json_estimate(j, "explained", v->known ? &v->explained : &unknown);
	report_json_estimate(j, "growing", v->known ? &v->growing : &unknown);
	report_json_estimate(j, "unseen_per_s", v->known ? &v->unseen : &unknown);
	field_double(j, "detectable_per_s", v->known ? v->detectable : NAN);
	field_double(j, "detectable_mostly_per_s", v->known ? v->detectable_mostly : NAN);
	if (!v->known) {
		field_null(j, "findings");
		return;
	}
	open_level(j, "findings", '[');
	for (size_t i = 0; i < v->n_findings; i++)
		put_finding(j, f, i);
	close_level(j, ']');
}

int report_json(FILE *out, const struct findings *f, const struct report_options *opt)
{
	struct json j = { .out = out, .all = !opt->top };
	size_t top = opt->top == REPORT_FIT ? 0 : opt->top;

	open_level(&j, NULL, '{');
	field_u64(&j, "schema", 1);
	field_string(&j, "version", f->version);
	put_target(&j, f);
	put_time(&j, f);
	open_level(&j, "traced", '{');
	field_bool(&j, "heap", f->heap && !f->look);
	field_bool(&j, "goroutines", f->goroutines && !f->look);
	close_level(&j, '}');
	field_u64(&j, "profile_rate", f->profile_rate ? f->profile_rate : UNKNOWN_U64);
	field_u64(&j, "goroutine_starts", f->n_starts);
	field_u64(&j, "goroutine_events_lost",
		  f->goroutines ? traced(f, f->go_events_lost) : UNKNOWN_U64);
	field_u64(&j, "followed_one_in",
		  f->heap && f->followed_one_in ? f->followed_one_in : UNKNOWN_U64);
	put_memory(&j, &f->memory);
	put_pacing(&j, &f->memory);
	put_process(&j, f);
	put_census(&j, f);
	put_live(&j, f);
	if (f->gc_known)
		put_collections(&j, f);
	if (f->types)
		report_heap_json(&j, f->types);
	put_verdicts(&j, f);
	put_suppressed(&j, f);
	put_filter(&j, f);
	put_coverage(&j, f);
	put_cost(&j, f);
	put_looks(&j, f);
	put_sites(&j, f, top);
	put_older(&j, f, top);
	close_level(&j, '}');
	fputc('\n', out);
	return report_finish(out);
}
