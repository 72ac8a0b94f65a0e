// SPDX-License-Identifier: BSD-2-Clause
/*
 * pprof.c - the heap or the goroutines as a gzipped profile.proto, for go tool pprof and all who
 * read what Go's own runtime/pprof writes.
 *
 * The heap has Go's four sample types in Go's order: a fifth would break -diff_base with a profile
 * of the process itself.  All else is labels and comments.  inuse is what a collection found alive,
 * so what is too young to be judged counts as allocated only, as in Go's own profile.
 */
#include "user/report/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/table.h"
#include "user/base/util.h"
#include "user/model.h"
#include "user/report/heap_folded.h"
#include "user/report/left_out.h"
#include "user/report/line.h"
#include "user/report/profile.h"

/* Frames that make one location, known again by their addresses: most stacks share theirs. */
struct run {
	uint64_t key;
	uint64_t location_id;
};

struct making {
	const struct findings *f;
	struct profile *p;
	struct table runs;
};

static void put_comments(struct making *m, bool of_heap)
{
	const struct findings *f = m->f;
	const struct target_info *t = &f->target;
	char *words = report_filter_words(&f->filter);

	profile_comment(m->p, xasprintf("gobpfleak %s, pid %d %s, %s%s", f->version, t->pid,
					t->comm ? t->comm : "?",
					t->go_version ? t->go_version : "?",
					t->stripped ? " (stripped)" : ""));
	if (f->look)
		profile_comment(m->p, xstrdup("one look, no trace"));
	else if (f->heap || f->goroutines)
		profile_comment(m->p, xasprintf("attached %s, %" PRIu64 " GC cycle%s%s",
						report_duration(f->attached_s).s, f->gc_cycles,
						plural(f->gc_cycles),
						of_heap && !f->live_known ?
						": what is in use is not known yet" : ""));
	if (of_heap && (double)f->live.samples != f->live.value)
		profile_comment(m->p, xasprintf("estimates from %" PRIu64 " sample%s: %s%s in use "
						"in all (95%%)", f->live.samples,
						plural(f->live.samples),
						report_bytes(report_whole(f->live_bytes.value)).s,
						report_limits(&f->live_bytes, false).s));
	if (of_heap)
		profile_comment(m->p, xstrdup(f->look ? "from the runtime's own memory profile" :
				"objects allocated before the attach are not seen"));
	if (of_heap && words)
		profile_comment(m->p, xasprintf("filtered: only %s", words));
	if (f->n_sites_suppressed + f->n_sites_slow + f->n_gsites_suppressed + f->n_gsites_slow)
		profile_comment(m->p, xasprintf("%zu sites left out by --suppress or --min-rate",
						of_heap ? f->n_sites_suppressed + f->n_sites_slow :
						f->n_gsites_suppressed + f->n_gsites_slow));
	free(words);
	if (f->gone)
		profile_comment(m->p, xasprintf("the target %s", f->gone));
	for (size_t i = 0; i < f->n_coverage; i++)
		if (f->coverage[i].loss && f->coverage[i].value)
			profile_comment(m->p, xasprintf("%s %s", report_count(f->coverage[i].value).s,
							f->coverage[i].text));
}

/* As the program's own profiles name it, for -diff_base tells functions apart by name. */
static const char *profiled_name(const struct frame *fr)
{
	return fr->profiled ? fr->profiled : fr->function;
}

/* The n frames, each but the last inlined into the next, as one location. */
static uint64_t location_of(struct making *m, const struct frame *const *run, size_t n)
{
	const struct target_info *t = &m->f->target;
	uint64_t pc = run[0]->pc;

	if (!pc && !run[0]->function)
		return profile_note(m->p, "[unknown]");
	profile_address(m->p, pc, pc >= t->map_start && pc < t->map_limit);
	for (size_t i = 0; i < n; i++)
		if (run[i]->function)
			profile_line(m->p, profiled_name(run[i]), run[i]->file, run[i]->line);
	return profile_location(m->p);
}

/* How many frames from there on are one location. */
static size_t run_length(const struct frames *stack, size_t from)
{
	size_t i = from;

	while (i + 1 < stack->n && stack->v[i]->inlined && stack->v[i + 1]->pc == stack->v[i]->pc)
		i++;
	return i + 1 - from;
}

static void add_run(struct making *m, const struct frame *const *run, size_t n)
{
	uint64_t key = n;
	struct run *known;
	bool is_new;

	for (size_t i = 0; i < n; i++)
		key = table_mix(key, (uintptr_t)run[i]);
	known = table_put(&m->runs, key ? key : 1, &is_new);
	if (is_new)
		known->location_id = location_of(m, run, n);
	profile_frame(m->p, known->location_id);
}

/* Go's own profiles leave it out (allFrames in runtime/pprof/proto.go). */
static bool ends_in_goexit(const struct frames *stack)
{
	const char *root = stack->n > 1 ? stack->v[stack->n - 1]->function : NULL;

	return root && !strcmp(root, "runtime.goexit");
}

/* The stack of a sample, leaf first; missing: what to name a stack that has no frames. */
static void add_stack(struct making *m, const struct frames *stack, const char *missing)
{
	size_t end = stack->n - ends_in_goexit(stack);

	for (size_t i = 0, n; i < end; i += n) {
		n = run_length(stack, i);
		add_run(m, stack->v + i, n);
	}
	if (!stack->n)
		profile_frame(m->p, profile_note(m->p, missing));
	if (stack->cut)
		profile_frame(m->p, profile_note(m->p, "[truncated]"));
}

enum { ALLOC_OBJECTS, ALLOC_SPACE, INUSE_OBJECTS, INUSE_SPACE, N_HEAP_VALUES };

static void begin_heap_sample(struct making *m, const struct heap_site *s,
			      const uint64_t values[N_HEAP_VALUES])
{
	add_stack(m, &s->stack, "[unknown]");
	profile_values(m->p, values, N_HEAP_VALUES);
}

static void put_part(struct making *m, const struct heap_site *s, const struct site_part *part)
{
	double live = m->f->live_known ? part->live.value : 0, size = (double)part->size;
	const uint64_t values[N_HEAP_VALUES] = {
		profile_times(report_whole(part->allocs), 1),
		profile_times(report_whole(part->allocs * size), 1),
		profile_times(report_whole(live), 1), profile_times(report_whole(live * size), 1),
	};

	if (!values[ALLOC_OBJECTS] && !values[INUSE_OBJECTS])
		return;
	begin_heap_sample(m, s, values);
	if (part->size)
		profile_number(m->p, "bytes", part->size);
	if (part->type && strcmp(part->type, "?") != 0)
		profile_label(m->p, "type", part->type);
	profile_sample(m->p);
}

/* What was allocated by parts that are no longer known apart: no type, no size, nothing in use. */
static void put_other_parts(struct making *m, const struct heap_site *s)
{
	double objects = s->allocs, bytes = s->alloc_bytes;
	uint64_t values[N_HEAP_VALUES] = { 0 };

	for (size_t i = 0; i < s->n_parts; i++) {
		objects -= s->parts[i].allocs;
		bytes -= s->parts[i].allocs * (double)s->parts[i].size;
	}
	values[ALLOC_OBJECTS] = profile_times(report_whole(objects), 1);
	values[ALLOC_SPACE] = profile_times(report_whole(bytes), 1);
	if (!values[ALLOC_OBJECTS])
		return;
	begin_heap_sample(m, s, values);
	profile_sample(m->p);
}

static void put_heap_site(struct making *m, const struct heap_site *s)
{
	for (size_t i = 0; i < s->n_parts; i++)
		put_part(m, s, &s->parts[i]);
	put_other_parts(m, s);
}

static void put_heap(struct making *m)
{
	/* 1: every allocation */
	profile_period(m->p, "space", "bytes", m->f->profile_rate ? m->f->profile_rate :
		       report_whole(fmax(1, m->f->sample_bytes)));
	profile_sample_type(m->p, "alloc_objects", "count");
	profile_sample_type(m->p, "alloc_space", "bytes");
	profile_sample_type(m->p, "inuse_objects", "count");
	profile_sample_type(m->p, "inuse_space", "bytes");
	profile_default_type(m->p, "inuse_space");
	for (size_t i = 0; i < m->f->n_sites; i++)
		put_heap_site(m, &m->f->sites[i]);
}

/* Of the longest wait in the group, in few values so that pprof's tag reports stay short. */
static const char *wait_bucket(double s)
{
	return s < 0 ? NULL : s < 1 ? "<1s" : s < 10 ? "1s..10s" : s < 60 ? "10s..1m" :
	       s < 600 ? "1m..10m" : s < 3600 ? "10m..1h" : ">=1h";
}

static void put_goroutines(struct making *m, const struct goroutine_site *s,
			   const struct goroutine_place *place, bool by_creation)
{
	const char *wait = wait_bucket(place->longest_wait_s);
	char *missing = by_creation ? xstrdup("[unknown]") : xasprintf("[%s]", place->state);
	uint64_t value = profile_times(place->live, 1);

	add_stack(m, by_creation ? &s->stack : &place->stack, missing);
	free(missing);
	profile_values(m->p, &value, 1);
	profile_label(m->p, "state", place->state);
	if (wait)
		profile_label(m->p, "longest_wait", wait);
	if (s->stack.n && s->stack.v[0]->function)
		profile_label(m->p, "created_by", profiled_name(s->stack.v[0]));
	profile_sample(m->p);
}

/* By current stack it compares with the process's own profile; by creation the period type keeps
 * pprof from comparing the two. */
static void put_all_goroutines(struct making *m, bool by_creation)
{
	profile_period(m->p, by_creation ? "goroutine_creation" : "goroutine", "count", 1);
	profile_sample_type(m->p, "goroutine", "count");
	for (size_t i = 0; i < m->f->n_gsites; i++)
		for (size_t j = 0; j < m->f->gsites[i].n_places; j++)
			put_goroutines(m, &m->f->gsites[i],
				       &m->f->gsites[i].places[j], by_creation);
}

static void put_profile(struct making *m, int value)
{
	const struct findings *f = m->f;

	if (value == 0)
		put_heap(m);
	else if (value == 3)
		report_heap_profile(m->p, f->types);
	else
		put_all_goroutines(m, value == 2);
	profile_time(m->p, f->time_unix_ns, f->attached_s);
	put_comments(m, value == 0);
	profile_mapping(m->p, &f->target);
	profile_end(m->p);
}

int report_pprof(FILE *out, const struct findings *f, const struct report_options *opt)
{
	int value = report_value(report_find("pprof"), opt->value), err;
	struct making m = { .f = f };

	if (value < 0)
		return value;
	err = profile_new(&m.p, out);
	if (err)
		return err;
	table_init(&m.runs, sizeof(struct run), SIZE_MAX);
	put_profile(&m, value);
	table_fini(&m.runs);
	profile_free(m.p);
	return report_finish(out);
}
