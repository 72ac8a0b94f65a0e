// SPDX-License-Identifier: BSD-2-Clause
/*
 * naming.c - looks that are too dear to be made all the time, made when there is something to name.
 *
 * Between the looks one map of the heap is kept, and the program's profile.  What the file of the
 * program tells is more than half of the work of a look: whoever runs it shares that, as long as
 * there is memory for it (program.h).  The lines that allocate are found for the second look only.
 */
#include "user/naming.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "include/gobpfleak.h"
#include "user/base/limits.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/baseline.h"
#include "user/go/golayout.h"
#include "user/gomem/gomem.h"
#include "user/gomem/profile.h"
#include "user/heap/heap.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/judge/thresholds.h"
#include "user/names.h"
#include "user/observation.h"
#include "user/process.h"
#include "user/program.h"
#include "user/sites.h"
#include "user/suppress.h"
#include "user/watched.h"

enum {
	TYPES = 200, HOLDERS = 10,	/* of the heap that are remembered */
	STACKS = 5,			/* of the profile that are named */
	SITES_BYTES = 1 << 20, TYPES_BYTES = 1 << 20,
};

struct naming {
	struct process *p;
	struct naming_options opt;
	struct sites *sites;
	struct heapmap looks[2];
	unsigned n_looks;
	bool of_all;			/* they are for the whole heap, */
	bool classes[HEAP_CLASSES];	/* or for these size classes of it */
	bool has_view;
	struct heap_view view;
	struct profile_reader *reader;
	struct naming_before *before;	/* samples at the first look, by bucket; as long as too */
	size_t n_before;		/* few have come to tell, at an older one */
	uint64_t before_ns, before_rate;
	struct baseline stacks;		/* that grew since, */
	struct watched_stack named[STACKS];
	size_t n_named;			/* but for those that are suppressed, */
	struct site_store *names;	/* and their names; NULL: none grew */
	uint64_t profile_rate;
	double cpu_s, looks_cpu_s;
};

void naming_new(struct naming **out, struct process *p, const struct naming_options *opt)
{
	struct naming *n = xcalloc(1, sizeof(*n));
	struct sites_ops names;

	n->p = p;
	n->opt = *opt;
	names_of(p, TYPES_BYTES, &names);
	sites_new(&n->sites, &names, SITES_BYTES);
	*out = n;
}

static void drop_view(struct naming *n)
{
	if (n->has_view)
		heapview_fini(&n->view);
	n->has_view = false;
}

static void drop_stacks(struct naming *n)
{
	baseline_fini(&n->stacks);
	sites_drop(n->names);
	n->names = NULL;
	n->n_named = 0;
}

static void forget_looks(struct naming *n)
{
	for (unsigned i = 0; i < n->n_looks; i++)
		heapmap_free(&n->looks[i]);
	n->n_looks = 0;
}

void naming_forget(struct naming *n)
{
	drop_view(n);
	drop_stacks(n);
	forget_looks(n);
	profile_close(n->reader);
	free(n->before);
	n->before = NULL;
	n->reader = NULL;
	n->n_before = 0;
	n->profile_rate = 0;
	n->looks_cpu_s = 0;
}

void naming_free(struct naming *n)
{
	if (!n)
		return;
	naming_forget(n);
	sites_free(n->sites);
	free(n);
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- the heap -------------------------------------------------------------------------------- */

/* What the look is for.  Only looks at the same classes can be compared. */
static void choose_classes(struct naming *n, const struct watched *w)
{
	bool others = false, any = false;

	if (!n->n_looks)
		memset(n->classes, 0, sizeof(n->classes));
	for (size_t i = 0; i < w->n_classes; i++) {
		const struct watched_class *c = &w->classes[i];
		unsigned class = c->size ? golayout_size_class(c->size) : 0;

		if (!(c->is.rate.low > 0))
			continue;
		any = true;
		others |= !n->classes[class];
		n->classes[class] = true;
	}
	if (!n->n_looks)
		n->of_all = w->live_bytes <= LARGE_HEAP || !any;
	else if (!n->of_all && others)
		forget_looks(n);
}

static int look_at_heap(struct naming *n)
{
	const struct heap_options opt = {
		.rate = n->opt.rate, .max_bytes = n->opt.memory_bytes, .n_detailed = TYPES,
		.n_holders = HOLDERS, .interrupted = n->opt.interrupted, .ctx = n->opt.ctx,
		.classes = n->of_all ? NULL : n->classes, .no_places = !n->n_looks,
		.since = n->n_looks ? &n->looks[0] : NULL,
	};
	struct heapmap *m = &n->looks[n->n_looks];
	const struct gofacts *facts;
	struct heap *h = NULL;
	int err = kept_facts_get(n->opt.facts, process_program(n->p), &facts);

	if (!err)
		err = heap_open(&h, process_gomem(n->p), facts);
	if (!err)
		err = heap_look(h, &opt, m);
	heap_close(h);
	if (err)
		return err;
	err = m->interrupted ? -EINTR : process_gone(n->p) ? -ESRCH : 0;
	if (err)
		heapmap_free(m);
	return err;
}

/* ---- the program's own profile --------------------------------------------------------------- */

static uint64_t living(const struct profile_bucket *b)
{
	return b->allocs > b->frees ? b->allocs - b->frees : 0;
}

static void keep_profile(struct naming *n, const struct profile *profile, uint64_t time_ns)
{
	free(n->before);
	n->before_ns = time_ns;
	n->before_rate = profile->rate;
	n->n_before = profile->n;
	n->before = xcalloc(profile->n, sizeof(*n->before));
	for (size_t i = 0; i < profile->n; i++)
		n->before[i] = (struct naming_before){ .allocs = profile->v[i].allocs,
						       .live = living(&profile->v[i]) };
}

/* Into the list of the fastest, of so many; returns how many there are now. */
static size_t add_grown(struct naming_grown *v, size_t n, size_t max, const struct naming_grown *g)
{
	size_t i = n;

	if (i == max && v[i - 1].bytes >= g->bytes)
		return n;
	if (i == max)
		i--;
	else
		n++;
	for (; i > 0 && v[i - 1].bytes < g->bytes; i--)
		v[i] = v[i - 1];
	v[i] = *g;
	return n;
}

/*
 * Samples come and go by chance: of those that did, a difference sways by the square root of their
 * number, but not by more than two independent samples of what lives would.  Of 200 that live and
 * of which each is soon replaced, nine more tell nothing.
 */
static bool tells(const struct profile_bucket *b, const struct naming_before *then)
{
	double live = (double)living(b), grown = live - (double)then->live;
	double born = fmax((double)b->allocs - (double)then->allocs, grown);
	double var = fmin(2 * born - grown, live + (double)then->live);

	return grown >= EVIDENCE_SAMPLES && grown >= EVIDENCE_Z * sqrt(var);
}

size_t naming_grown(const struct profile *now, const struct naming_before *before, size_t n_before,
		    struct naming_grown *out, size_t max)
{
	static const struct naming_before none;
	size_t n = 0;

	for (size_t i = 0; i < now->n; i++) {
		const struct profile_bucket *b = &now->v[i];
		const struct naming_before *then = i < n_before ? &before[i] : &none;
		double chance = profile_chance(now->rate, b->size);
		uint64_t samples;

		if (!tells(b, then))
			continue;
		samples = living(b) - then->live;
		n = add_grown(out, n, max, &(struct naming_grown){
			i, (double)samples / chance * (double)b->size, samples });
	}
	return n;
}

/* The stacks of those buckets, as baseline.h makes them of all. */
static void name_profile(struct naming *n, const struct profile *profile,
			 const struct naming_grown *grown, size_t n_grown, double span_s)
{
	struct profile_bucket some[STACKS];
	struct profile few = *profile;

	few.v = some;
	few.n = n_grown;
	for (size_t i = 0; i < n_grown; i++)
		some[i] = profile->v[grown[i].bucket];
	baseline_make(n->p, &few, &n->stacks);
	n->names = sites_hold(n->sites);
	for (size_t i = 0; i < n_grown; i++) {
		const struct obs_stack *st = &n->stacks.stacks[i];
		const uint64_t *pcs = n->stacks.pcs + st->first_pc;
		unsigned cut = st->flags & GL_STACK_CUT ? SITE_CUT : 0;
		struct site_words words;

		sites_words(n->sites, GL_UNKNOWN, pcs, st->n_pcs, &words);
		n->named[i] = (struct watched_stack){
			.frames = sites_get(n->sites, pcs + 1, st->n_pcs - 1,
					    SITE_RETURN | SITE_FOLD | cut)->frames,
			.type = words.type, .how = words.how, .size = some[i].size,
			.bytes_per_s = grown[i].bytes / span_s, .samples = grown[i].samples,
		};
	}
	n->n_named = n_grown;
}

static void leave_out_stacks(struct naming *n)
{
	size_t left = 0;

	if (!n->opt.suppress)
		return;
	for (size_t i = 0; i < n->n_named; i++)
		if (!suppress_stack(n->opt.suppress, &n->named[i].frames, n->named[i].type))
			n->named[left++] = n->named[i];
	n->n_named = left;
}

/* The profile is one more witness; that it is not there is no failure. */
static void look_at_profile(struct naming *n)
{
	const struct profile_limits limits = {
		.max_bytes = n->opt.memory_bytes / 100 * LOOK_PROFILE_PERCENT,
		.interrupted = n->opt.interrupted, .ctx = n->opt.ctx,
	};
	const struct profile *profile;
	struct naming_grown grown[STACKS];
	size_t n_grown = 0;
	uint64_t now = now_ns();
	bool comparable;

	drop_stacks(n);
	if (!n->reader)
		n->reader = profile_open(process_gomem(n->p), &limits);
	n->profile_rate = 0;
	if (profile_look(n->reader, &profile) || process_gone(n->p))
		return;
	n->profile_rate = profile->rate;
	sites_renew(n->sites);
	/* the program may have set another rate: what samples stand for is known of none then */
	comparable = n->n_before && n->before_rate == profile->rate;
	if (comparable && n->n_looks == 2)
		n_grown = naming_grown(profile, n->before, n->n_before, grown, STACKS);
	if (n_grown) {
		name_profile(n, profile, grown, n_grown, (double)(now - n->before_ns) / 1e9);
		leave_out_stacks(n);
	}
	if (n_grown || !comparable)
		keep_profile(n, profile, now);
}

/* ---- both ------------------------------------------------------------------------------------ */

static void looked(struct naming *n, double begin_s)
{
	const double took = cpu_s() - begin_s;

	n->cpu_s += took;
	n->looks_cpu_s += took;
}

int naming_look(struct naming *n, const struct watched *w)
{
	double begin = cpu_s();
	int err;

	drop_view(n);
	if (n->n_looks == 2) {
		heapmap_free(&n->looks[0]);
		n->looks[0] = n->looks[--n->n_looks];
	}
	choose_classes(n, w);
	err = look_at_heap(n);
	if (!err) {
		n->n_looks++;
		look_at_profile(n);
	}
	looked(n, begin);
	return err;
}

void naming_profile(struct naming *n)
{
	double begin = cpu_s();

	look_at_profile(n);
	looked(n, begin);
}

unsigned naming_looks(const struct naming *n)
{
	return n->n_looks;
}

static bool is_accepted(void *ctx, const struct heap_type *type)
{
	bool all = type->name && type->n_places && !type->places_cut;

	for (size_t i = 0; all && i < type->n_places; i++) {
		const struct frame *const place = &type->places[i];

		all = suppress_stack(ctx, &(struct frames){ .v = &place, .n = 1 }, type->name);
	}
	return all || (type->name && suppress_type(ctx, type->name));
}

void naming_growth(struct naming *n, struct watched_growth *out)
{
	*out = (struct watched_growth){ .profiled = n->profile_rate, .cpu_s = n->looks_cpu_s };
	if (n->n_looks < 2)
		return;
	if (!n->has_view) {
		heapview_make(&n->looks[1], &n->looks[0], &n->view);
		if (n->opt.suppress)
			heapview_leave_out(&n->view, is_accepted, n->opt.suppress);
	}
	n->has_view = true;
	out->age_s = (double)(now_ns() - heapmap_time_ns(&n->looks[1])) / 1e9;
	out->types = &n->view;
	out->stacks = n->named;
	out->n_stacks = n->n_named;
}

double naming_cpu_s(const struct naming *n)
{
	return n->cpu_s;
}

/* ---- goroutines ------------------------------------------------------------------------------ */

struct place {
	uint64_t key;
	uint64_t n;
};

/* Most goroutines of a leak wait at one place. */
static void find_place(struct naming *n, const struct goroutines *gs, uint64_t gopc,
		       struct watched_places *out)
{
	struct table places;

	table_init(&places, sizeof(struct place), 2 * MAX_FLOWS * sizeof(struct place));
	for (size_t i = 0; i < gs->n; i++) {
		const struct goroutine *g = &gs->v[i];
		const struct site *site;
		struct place *p;
		bool is_new;

		if (g->gopc != gopc)
			continue;
		out->n_read++;
		if (!g->n_pcs)
			continue;
		site = sites_get(n->sites, g->pcs, g->n_pcs,
				 SITE_RETURN | SITE_FOLD | (g->cut ? SITE_CUT : 0));
		p = table_put(&places, site->id | 1, &is_new);
		if (!p || ++p->n <= out->n_blocked)
			continue;
		out->n_blocked = p->n;
		out->blocked = site->frames;
	}
	table_fini(&places);
}

int naming_goroutines(struct naming *n, uint64_t gopc, uint64_t startpc,
		      struct watched_places *out)
{
	const struct goroutines_limits limits = {
		.max_bytes = n->opt.memory_bytes / 4, .interrupted = n->opt.interrupted,
		.ctx = n->opt.ctx,
	};
	double begin = cpu_s();
	struct goroutines gs;
	int err = gomem_goroutines(process_gomem(n->p), true, &limits, &gs);

	*out = (struct watched_places){ 0 };
	sites_renew(n->sites);
	out->created = sites_get(n->sites, &gopc, 1, SITE_RETURN)->frames;
	if (!out->created.n)
		out->created = sites_get(n->sites, &startpc, 1, SITE_FOLD)->frames;
	if (!err) {
		if (!process_gone(n->p))
			find_place(n, &gs, gopc, out);
		goroutines_free(&gs);
	}
	n->cpu_s += cpu_s() - begin;
	return err;
}
