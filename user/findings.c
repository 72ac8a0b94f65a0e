// SPDX-License-Identifier: BSD-2-Clause
/*
 * findings.c - joins what an observation has apart: accounts and stacks to sites, goroutines to the
 * go statements that started them.
 *
 * Stacks of addresses that show the same frames are one site: the allocator has several ways to the
 * same object (a fast path, a slow path while the collector marks), which nobody wants to see
 * apart.  All joining goes by hash; nothing here is quadratic in what a target may have many of.
 */
#include "user/findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "include/gobpfleak.h"
#include "user/base/goname.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/coverage.h"
#include "user/filter.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/judge/estimate.h"
#include "user/leftout.h"
#include "user/observation.h"
#include "user/sites.h"
#include "user/source.h"
#include "user/suppress.h"
#include "user/verdicts.h"

enum start { START_SEEN, START_BEFORE_ATTACH, START_UNSEEN };	/* of a goroutine */

struct made {			/* findings, and what they hold */
	struct findings f;
	struct site_store *store;
	char *strings[7];	/* of the target */
	char *suppressed_by;
	char **states;
	size_t n_states;
};

/* What a heap site will be, while it grows; its parts' sums are in the order of its parts. */
struct site_sum {
	struct part_sum {
		struct variance objects;
		double unsure;		/* objects that are shared or may have been replaced */
		double above, below;	/* objects that there may be more, or less, by the census */
	} *parts;
	struct variance objects, bytes, new_bytes;
	double new_bytes_sum;		/* of what lives and was born since heap_half_ns */
	double died_bytes;		/* of what lived then and has died */
	double unsure, unsure_bytes;	/* as of parts */
};

struct making {
	struct made *m;
	const struct observation *o;
	struct sites *sites;
	const struct obs_account *accounts;	/* o->accounts, or what the filter left of them */
	size_t n_accounts;
	bool filtered;
	const struct site **stacks;	/* of o->stacks */
	bool *added;			/* whether they are in sums */
	struct site_sum *sums;		/* of f.sites, by index */
	uint64_t recorded;		/* allocations */
	size_t cap_sites, cap_sums, cap_gsites;
	struct table groups;		/* hash of a site to index in f.sites or f.gsites */
	struct table members;		/* hash of a part or place of a site to its index there */
};

struct index_entry {
	uint64_t key;
	uint64_t index;
};

/* ---- stacks ---------------------------------------------------------------------------------- */

static const uint64_t *pcs_of(const struct making *mk, uint32_t stack)
{
	return mk->o->pcs + mk->o->stacks[stack].first_pc;
}

/* pcs[0] is what is called, and no frame. */
static const struct site *site_called(struct making *mk, const uint64_t *pcs, size_t n, bool cut)
{
	return sites_get(mk->sites, pcs + 1, n - 1,
			 SITE_RETURN | SITE_FOLD | (cut ? SITE_CUT : 0));
}

static const struct site *site_of(struct making *mk, uint32_t stack)
{
	const struct obs_stack *st = &mk->o->stacks[stack];
	const struct site **site = &mk->stacks[stack];
	const uint64_t *pcs = pcs_of(mk, stack);
	bool cut = st->flags & GL_STACK_CUT;

	if (!*site && st->called)
		*site = site_called(mk, pcs, st->n_pcs, cut);
	else if (!*site)
		*site = sites_get_probed(mk->sites, pcs, st->n_pcs, cut);
	return *site;
}

/* The index kept under this key; *is_new: it is next, and now kept.  A key begins with the table's
 * seed: the index of one site's member, found by another's key, may lie behind the other's end. */
static size_t index_of(struct table *t, uint64_t key, size_t next, bool *is_new)
{
	struct index_entry *e = table_put(t, key | 1, is_new);

	if (*is_new)
		e->index = next;
	return e->index;
}

/* Room behind the n there are.  It grows by doubling, so that a power of two is full. */
static void *one_more(void *array, size_t n, size_t size)
{
	return n & (n - 1) ? array : xreallocarray(array, n ? 2 * n : 1, size);
}

/* ---- the heap -------------------------------------------------------------------------------- */

static struct heap_site *heap_site_of(struct making *mk, uint32_t stack, size_t *index)
{
	const struct site *site = site_of(mk, stack);
	struct findings *f = &mk->m->f;
	bool is_new;

	*index = index_of(&mk->groups, table_mix(mk->groups.seed, site->id), f->n_sites, &is_new);
	if (is_new) {
		f->sites = grow(f->sites, f->n_sites, &mk->cap_sites, sizeof(*f->sites));
		mk->sums = grow(mk->sums, f->n_sites, &mk->cap_sums, sizeof(*mk->sums));
		mk->sums[f->n_sites] = (struct site_sum){ 0 };
		f->sites[f->n_sites++] = (struct heap_site){
			.id = site->id, .stack = site->frames, .oldest_s = -1,
			.finding = NO_INDEX,
			.rate = { NAN, NAN, NAN, 0 }, .rate_span_s = NAN };
	}
	return &f->sites[*index];
}

/* Its index in the site. */
static size_t part_of(struct making *mk, struct heap_site *site, size_t index,
		      const struct obs_account *a)
{
	struct site_sum *sum = &mk->sums[index];
	struct site_words words;
	uint64_t key;
	bool is_new;
	size_t i;

	sites_words(mk->sites, a->typ, pcs_of(mk, a->stack), mk->o->stacks[a->stack].n_pcs, &words);
	key = table_mix(table_mix(mk->members.seed, index), a->size);
	key = table_mix_text(table_mix_text(key, words.type), words.how);
	i = index_of(&mk->members, key, site->n_parts, &is_new);
	if (is_new) {
		site->parts = one_more(site->parts, site->n_parts, sizeof(*site->parts));
		sum->parts = one_more(sum->parts, site->n_parts, sizeof(*sum->parts));
		sum->parts[site->n_parts] = (struct part_sum){ .above = INFINITY,
							       .below = INFINITY };
		site->parts[site->n_parts++] = (struct site_part){
			.type = words.type, .how = words.how, .size = a->size };
	}
	return i;
}

static bool heap_rate_known(const struct observation *o)
{
	return o->heap_half_ns && o->looked_ns - o->heap_half_ns >= MIN_RATE_NS &&
	       o->gc_cycles - o->gc_cycles_half >= MIN_RATE_CYCLES;
}

/* A site's rate is unknown until it has its first part. */
static void add_rate(double *rate, double *span, double growth, uint64_t ns)
{
	*span = (double)ns / 1e9;
	*rate = (isnan(*rate) ? 0 : *rate) + growth / *span;
}

static void add_to_part(struct site_part *p, struct part_sum *sum, const struct obs_account *a)
{
	p->live.value += a->live;
	p->live.samples += a->samples;
	p->young += a->young;
	p->shared += a->shared;
	p->doubtful += a->doubtful;
	p->allocs += a->allocs;
	variance_add(&sum->objects, &a->live_var);
	sum->unsure += a->shared + a->replaced;
	if (a->most > 0) {	/* all are of one class: what holds for one holds for their sum */
		sum->above = fmin(sum->above, a->most - a->live);
		sum->below = fmin(sum->below, a->live - a->least);
	}
}

/* Once for each stack. */
static void add_stack(struct making *mk, uint32_t stack, struct site_sum *sum)
{
	const struct obs_stack *st = &mk->o->stacks[stack];

	if (mk->added[stack])
		return;
	mk->added[stack] = true;
	variance_add(&sum->objects, &st->objects);
	variance_add(&sum->bytes, &st->bytes);
	variance_add(&sum->new_bytes, &st->new_bytes);
}

static void add_account(struct making *mk, const struct obs_account *a)
{
	const struct observation *o = mk->o;
	double age = a->oldest_ns ? (double)(o->time_ns - a->oldest_ns) / 1e9 : -1;
	double size = (double)a->size;
	struct heap_site *site;
	size_t index, part;

	site = heap_site_of(mk, a->stack, &index);
	part = part_of(mk, site, index, a);
	add_to_part(&site->parts[part], &mk->sums[index].parts[part], a);
	site->live.value += a->live;
	site->live.samples += a->samples;
	site->live_bytes.value += a->live * size;
	site->young += a->young;
	site->young_bytes += a->young * size;
	site->shared += a->shared;
	site->doubtful += a->doubtful;
	site->allocs += a->allocs;
	site->alloc_bytes += a->allocs * size;
	site->growth_bytes += (a->live - a->live_first) * size;
	add_stack(mk, a->stack, &mk->sums[index]);
	mk->sums[index].new_bytes_sum += (a->live - a->old) * size;
	mk->sums[index].died_bytes += (a->live_half - a->old) * size;
	mk->sums[index].unsure += a->shared + a->replaced;
	mk->sums[index].unsure_bytes += (a->shared + a->replaced) * size;
	mk->recorded += a->recorded;
	if (age > site->oldest_s)
		site->oldest_s = age;
}

/* What was allocated by accounts that were given up since. */
static void add_others(struct making *mk, uint32_t stack)
{
	const struct obs_stack *st = &mk->o->stacks[stack];
	struct heap_site *site;
	size_t index;

	if (!st->other_allocs)
		return;
	site = heap_site_of(mk, stack, &index);
	site->allocs += st->other_allocs;
	site->alloc_bytes += st->other_bytes;
}

static int compare(double a, double b)	/* larger first */
{
	return a > b ? -1 : a < b;
}

static int by_live_bytes(const void *a, const void *b)
{
	const struct heap_site *x = a, *y = b;
	int c = compare(x->live_bytes.value, y->live_bytes.value);

	if (!c)
		c = compare(x->growth_bytes, y->growth_bytes);
	if (!c)
		c = compare(x->young_bytes, y->young_bytes);
	if (!c)
		c = compare(x->allocs, y->allocs);
	return c ? c : (x->id > y->id) - (x->id < y->id);
}

static int by_part_bytes(const void *a, const void *b)
{
	const struct site_part *x = a, *y = b;
	int c = compare(x->live.value * (double)x->size, y->live.value * (double)y->size);

	if (!c)
		c = compare(x->allocs, y->allocs);
	return c ? c : strcmp(x->type, y->type);
}

static void begin_groups(struct making *mk)
{
	table_init(&mk->groups, sizeof(struct index_entry), SIZE_MAX);
	table_init(&mk->members, sizeof(struct index_entry), SIZE_MAX);
}

static void end_groups(struct making *mk)
{
	table_fini(&mk->groups);
	table_fini(&mk->members);
}

/* ---- how far off numbers of the heap may be -------------------------------------------------- */

/* unsure: of the value, what may not be there; above, below: by how much it may be off at most. */
static void set_interval(struct estimate *e, const struct variance *v, double unsure, double above,
			 double below)
{
	*e = estimate_of(e->value, v, e->samples);
	if (unsure > 0)
		e->low *= fmax(0, 1 - unsure / e->value);
	e->low = fmax(e->low, e->value - below);
	e->high = fmin(e->high, e->value + above);
}

static void set_rate(const struct observation *o, struct heap_site *site,
		     const struct site_sum *sum, double bytes_above)
{
	double seconds = (double)(o->looked_ns - o->heap_half_ns) / 1e9;
	const struct growth_sums g = {
		.born = sum->new_bytes_sum, .died = sum->died_bytes,
		.live = site->live_bytes.value, .born_var = sum->new_bytes,
		.live_var = sum->bytes, .slack = bytes_above };
	struct estimate e = estimate_growth(&g);

	site->rate = (struct estimate){
		.value = e.value / seconds, .low = (e.low - sum->unsure_bytes) / seconds,
		.high = e.high / seconds, .samples = site->live.samples };
	site->rate_span_s = seconds;
}

static void finish_site(const struct making *mk, size_t i)
{
	struct heap_site *site = &mk->m->f.sites[i];
	const struct site_sum *sum = &mk->sums[i];

	double above = 0, below = 0, bytes_above = 0, bytes_below = 0;

	for (size_t k = 0; k < site->n_parts; k++) {
		const struct part_sum *p = &sum->parts[k];
		double size = (double)site->parts[k].size;

		set_interval(&site->parts[k].live, &p->objects, p->unsure, p->above, p->below);
		above += p->above;
		below += p->below;
		bytes_above += size > 0 ? p->above * size : 0;
		bytes_below += size > 0 ? p->below * size : 0;
	}
	site->live_bytes.samples = site->live.samples;
	set_interval(&site->live, &sum->objects, sum->unsure, above, below);
	set_interval(&site->live_bytes, &sum->bytes, sum->unsure_bytes, bytes_above, bytes_below);
	if (heap_rate_known(mk->o))
		set_rate(mk->o, site, sum, bytes_above);
}

static void set_total(struct estimate *e, const struct variance *v, double unsure,
		      const struct obs_bounds *b)
{
	set_interval(e, v, unsure, b->known ? b->above : INFINITY, b->known ? b->below : INFINITY);
}

static void make_totals(const struct making *mk)
{
	const struct observation *o = mk->o;
	struct findings *f = &mk->m->f;
	double unsure = 0, unsure_bytes = 0, allocs = 0, alloc_bytes = 0;
	static const struct obs_bounds unknown;
	struct variance objects = { 0 }, bytes = { 0 };

	for (size_t i = 0; i < f->n_sites; i++) {
		const struct heap_site *s = &f->sites[i];

		variance_add(&objects, &mk->sums[i].objects);
		variance_add(&bytes, &mk->sums[i].bytes);
		f->live.value += s->live.value;
		f->live.samples += s->live.samples;
		f->live_bytes.value += s->live_bytes.value;
		unsure += mk->sums[i].unsure;
		unsure_bytes += mk->sums[i].unsure_bytes;
		allocs += s->allocs;
		alloc_bytes += s->alloc_bytes;
	}
	f->live_bytes.samples = f->live.samples;
	set_total(&f->live, mk->filtered ? &objects : &o->objects, unsure,
		  mk->filtered ? &unknown : &o->objects_bounds);
	set_total(&f->live_bytes, mk->filtered ? &bytes : &o->bytes, unsure_bytes,
		  mk->filtered ? &unknown : &o->bytes_bounds);
	f->sample_bytes = allocs > (double)mk->recorded && mk->recorded ?
				  alloc_bytes / (double)mk->recorded : 1;
}

/* As uncertain as what was seen to be allocated, and no more than what lived at the attach. */
static struct estimate older_bytes(const struct findings *f)
{
	double older = (double)f->census.older_bytes;
	double lived = (double)f->census.compared_bytes, then = (double)f->census.older_most;
	double most = fmax(older, fmin(lived, then));

	if (!f->heap || f->unheard || !f->census.n_cycles || f->census.older_bytes == UNKNOWN_U64)
		return (struct estimate){ NAN, NAN, NAN, 0 };
	return (struct estimate){
		.value = older, .samples = f->live.samples,
		.low = fmax(0, older - (f->live_bytes.high - f->live_bytes.value)),
		.high = fmin(most, older + (f->live_bytes.value - f->live_bytes.low)) };
}

static void cap(struct estimate *e, double most)
{
	if (e->value <= most)
		e->high = fmin(e->high, most);
}

/* Samples alone do not know that no more of a heap lives than the runtime counts. */
static void cap_live(struct findings *f)
{
	const struct heap_census *c = &f->census;
	const double counted = fmax((double)c->live_bytes, (double)c->compared_bytes);
	const double most = fmax(counted, f->memory.known ? (double)f->memory.live_heap : 0);

	if (!c->n_cycles)
		return;
	cap(&f->live_bytes, most);
	for (size_t i = 0; i < f->n_sites; i++)
		cap(&f->sites[i].live_bytes, most);
}

static bool made_for_pool(const struct heap_site *s)
{
	for (size_t i = 0; i < s->stack.n; i++)
		if (s->stack.v[i]->function &&
		    !strcmp(s->stack.v[i]->function, "sync.(*Pool).Get"))
			return true;
	return false;
}

/* Live, and perhaps kept for nothing: as far as stacks and types tell. */
static void find_keepers(struct findings *f)
{
	for (size_t i = 0; i < f->n_sites; i++) {
		const struct heap_site *s = &f->sites[i];

		if (made_for_pool(s))
			f->pool_bytes += s->live_bytes.value;
		for (size_t k = 0; k < s->n_parts; k++)
			if (s->parts[k].how && !strcmp(s->parts[k].how, "map"))
				f->map_bytes += s->parts[k].live.value * (double)s->parts[k].size;
	}
}

static void make_heap(struct making *mk)
{
	struct findings *f = &mk->m->f;

	begin_groups(mk);
	for (size_t i = 0; i < mk->n_accounts; i++)
		add_account(mk, &mk->accounts[i]);
	for (uint32_t i = 0; i < mk->o->n_stacks && !mk->filtered; i++)
		add_others(mk, i);	/* their sizes and ages are not known */
	end_groups(mk);
	for (size_t i = 0; i < f->n_sites; i++)
		finish_site(mk, i);
	make_totals(mk);
	for (size_t i = 0; i < f->n_sites; i++)
		free(mk->sums[i].parts);
	free(mk->sums);
	mk->sums = NULL;
	if (f->n_sites)
		qsort(f->sites, f->n_sites, sizeof(*f->sites), by_live_bytes);
	for (size_t i = 0; i < f->n_sites; i++)
		if (f->sites[i].n_parts)
			qsort(f->sites[i].parts, f->sites[i].n_parts,
			      sizeof(*f->sites[i].parts), by_part_bytes);
	find_keepers(f);
}

/* ---- what is older than the attach ----------------------------------------------------------- */

/* The least and the most that samples stand for; each sample was taken by a chance of its own. */
struct older_bounds {
	double least, most;
	struct variance low, high;
};

struct older_sum {
	struct older_bounds objects, bytes;
};

static void add_bounds(struct older_bounds *b, const struct obs_older *o, double size)
{
	double weight = size / o->chance, var = weight * weight * (1 - o->chance);
	struct variance low = { .var = (double)o->least * var, .largest = sqrt(var) };
	struct variance high = { .var = (double)o->most * var, .largest = sqrt(var) };

	b->least += (double)o->least * weight;
	b->most += (double)o->most * weight;
	variance_add(&b->low, &low);
	variance_add(&b->high, &high);
}

static void set_bounds(struct estimate *e, const struct older_bounds *b)
{
	e->low = estimate_of(b->least, &b->low, e->samples).low;
	e->high = estimate_of(b->most, &b->high, e->samples).high;
}

static void add_older(struct older_site *site, struct older_sum *sum, const struct obs_older *o)
{
	double objects = (double)o->samples / o->chance;

	site->objects.value += objects;
	site->objects.samples += o->samples;
	site->bytes.value += objects * (double)o->size;
	site->bytes.samples += o->samples;
	add_bounds(&sum->objects, o, 1);
	add_bounds(&sum->bytes, o, (double)o->size);
}

/* How numbers become smaller: towards their lows, and if that is not enough, all. */
struct fit {
	double keep, factor;
};

static void fit(struct estimate *e, struct fit fit, double most)
{
	e->value = (e->low + (e->value - e->low) * fit.keep) * fit.factor;
	e->low *= fit.factor;
	e->high = fmax(fmin(e->high, most), e->value);
}

static struct fit fit_into(const struct findings *f, double room)
{
	double low = 0, spare = 0;

	for (size_t i = 0; i < f->n_older; i++) {
		low += f->older[i].bytes.low;
		spare += f->older[i].bytes.value - f->older[i].bytes.low;
	}
	if (low > room)
		return (struct fit){ 0, room / low };
	return (struct fit){ spare > room - low ? (room - low) / spare : 1, 1 };
}

/* There is no more of it than the census leaves. */
static void fit_older(struct findings *f)
{
	struct estimate *named = &f->older_named;
	double most = f->older_bytes.high, room = f->older_bytes.value;
	struct fit to;

	if (!isfinite(room))
		return;
	to = fit_into(f, room);
	f->older_scaled = named->value > room;
	named->value = fmin(named->value, room);
	named->low = fmin(named->low * to.factor, named->value);
	named->high = fmax(fmin(named->high, most), named->value);
	for (size_t i = 0; i < f->n_older; i++) {
		fit(&f->older[i].objects, to, f->older[i].objects.high);
		fit(&f->older[i].bytes, to, most);
	}
}

static int by_older_bytes(const void *a, const void *b)
{
	const struct older_site *x = a, *y = b;
	int c = compare(x->bytes.value, y->bytes.value);

	if (!c)
		c = compare(x->bytes.high, y->bytes.high);
	return c ? c : (x->id > y->id) - (x->id < y->id);
}

/* The sites that both know; one whose frames are not known is nobody's. */
static void join_older(struct making *mk)
{
	struct findings *f = &mk->m->f;
	bool is_new;

	begin_groups(mk);
	for (size_t i = 0; i < f->n_older; i++)
		index_of(&mk->groups, table_mix(mk->groups.seed, f->older[i].id), i, &is_new);
	for (size_t i = 0; i < f->n_sites; i++) {
		uint64_t key = table_mix(mk->groups.seed, f->sites[i].id) | 1;
		const struct index_entry *e = table_find(&mk->groups, key);

		if (!e || !f->sites[i].id)
			continue;
		f->sites[i].older = &f->older[e->index];
		f->older[e->index].traced = true;
	}
	end_groups(mk);
}

static struct older_site *older_site_of(struct making *mk, const struct obs_older *o,
					struct older_sum **sum, size_t *cap)
{
	const struct site *site = site_called(mk, mk->o->before.pcs + o->first_pc, o->n_pcs,
					      o->flags & GL_STACK_CUT);
	struct findings *f = &mk->m->f;
	size_t cap_sums = *cap, i;
	bool is_new;

	i = index_of(&mk->groups, table_mix(mk->groups.seed, site->id), f->n_older, &is_new);
	if (is_new) {
		f->older = grow(f->older, f->n_older, cap, sizeof(*f->older));
		*sum = grow(*sum, f->n_older, &cap_sums, sizeof(**sum));
		(*sum)[f->n_older] = (struct older_sum){ 0 };
		f->older[f->n_older++] = (struct older_site){ .id = site->id,
							      .stack = site->frames };
	}
	return &f->older[i];
}

static void drop_suppressed_older(struct findings *f, struct suppress *suppress)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_older; i++)
		if (!suppress_older(suppress, &f->older[i]))
			f->older[n++] = f->older[i];
	f->n_older = n;
}

static void make_older(struct making *mk)
{
	const struct obs_before *before = &mk->o->before;
	struct findings *f = &mk->m->f;
	struct older_sum *sums = NULL, all = { 0 };
	struct older_site named = { 0 };
	size_t cap = 0;

	f->older_rate = before->rate;
	begin_groups(mk);
	for (size_t i = 0; i < before->n; i++) {
		struct older_site *s = older_site_of(mk, &before->v[i], &sums, &cap);

		add_older(s, &sums[s - f->older], &before->v[i]);
		add_older(&named, &all, &before->v[i]);
	}
	end_groups(mk);
	for (size_t i = 0; i < f->n_older; i++) {
		set_bounds(&f->older[i].objects, &sums[i].objects);
		set_bounds(&f->older[i].bytes, &sums[i].bytes);
	}
	free(sums);
	set_bounds(&named.bytes, &all.bytes);
	f->older_named = named.bytes;
	fit_older(f);
	if (mk->o->suppress)
		drop_suppressed_older(f, mk->o->suppress);
	if (f->n_older)
		qsort(f->older, f->n_older, sizeof(*f->older), by_older_bytes);
	join_older(mk);
}

/* ---- goroutines ------------------------------------------------------------------------------ */

static struct goroutine_site *gsite_of(struct making *mk, const struct site *site,
				       enum start start, size_t *index)
{
	struct findings *f = &mk->m->f;
	bool is_new;

	*index = index_of(&mk->groups, table_mix(table_mix(mk->groups.seed, start), site->id),
			  f->n_gsites, &is_new);
	if (is_new) {
		f->gsites = grow(f->gsites, f->n_gsites, &mk->cap_gsites, sizeof(*f->gsites));
		f->gsites[f->n_gsites++] = (struct goroutine_site){
			.id = site->id, .stack = site->frames,
			.before_attach = start == START_BEFORE_ATTACH,
			.start_unseen = start == START_UNSEEN,
			.oldest_s = -1, .rate_per_s = NAN, .rate_span_s = NAN,
			.gopc = UNKNOWN_U64, .finding = NO_INDEX };
	}
	return &f->gsites[*index];
}

static struct goroutine_place *place_of(struct making *mk, struct goroutine_site *site,
					size_t index, const char *state, const struct site *where)
{
	uint64_t key = table_mix(table_mix(mk->members.seed, index), where ? where->id : 0);
	bool is_new;
	size_t i;

	i = index_of(&mk->members, table_mix_text(key, state), site->n_places, &is_new);
	if (is_new) {
		site->places = one_more(site->places, site->n_places, sizeof(*site->places));
		site->places[site->n_places++] = (struct goroutine_place){
			.state = state, .stack = where ? where->frames : (struct frames){ 0 },
			.longest_wait_s = -1 };
	}
	return &site->places[i];
}

static void add_started(struct making *mk)
{
	const struct observation *o = mk->o;
	size_t index;

	for (uint32_t i = 0; i < o->n_stacks; i++) {
		const struct obs_stack *st = &o->stacks[i];
		struct goroutine_site *site;

		if (!st->started || o->starts_missed)
			continue;
		site = gsite_of(mk, site_of(mk, i), START_SEEN, &index);
		site->started += st->started;
		site->ended += st->ended;
		if (o->go_half_ns && o->time_ns - o->go_half_ns >= MIN_RATE_NS)
			add_rate(&site->rate_per_s, &site->rate_span_s,
				 (double)(int64_t)(st->started - st->ended - st->half_live),
				 o->time_ns - o->go_half_ns);
	}
}

static void set_oldest(struct goroutine_site *site, double age)
{
	if (age > site->oldest_s)
		site->oldest_s = age;
}

static double seconds_since(const struct making *mk, uint64_t ns)
{
	return mk->o->time_ns > ns ? (double)(mk->o->time_ns - ns) / 1e9 : 0;
}

/* The go statement, which may be the runtime's.  The main goroutine has none, it was started by a
 * wrapper in assembly that is not shown: instead the function it began with. */
static const struct site *created_at(struct making *mk, const struct obs_goroutine *g)
{
	const struct site *site = sites_get(mk->sites, &g->gopc, 1, SITE_RETURN);

	return site->frames.n ? site : sites_get(mk->sites, &g->startpc, 1, SITE_FOLD);
}

static bool same_frame(const struct frame *x, const struct frame *y)
{
	return x == y || (x->pc == y->pc && x->inlined == y->inlined && x->function && y->function &&
			  !strcmp(x->function, y->function));
}

/* One more creation of those of a site: of its stack stays what is common to all, from the go
 * statement on. */
static void add_creation(struct goroutine_site *site, const struct frames *stack)
{
	size_t n = 0;

	if (!site->samples++) {
		site->start_unseen = false;
		site->stack = *stack;
		return;
	}
	while (n < site->stack.n && n < stack->n && same_frame(site->stack.v[n], stack->v[n]))
		n++;
	site->stack.cut = site->stack.cut || stack->cut || n < site->stack.n || n < stack->n;
	site->stack.n = n;
}

/* Where only some are seen to start: all that one go statement has started. */
static struct goroutine_site *sampled_starter_of(struct making *mk, const struct obs_goroutine *g,
						 size_t *index)
{
	struct goroutine_site *site = gsite_of(mk, created_at(mk, g), START_UNSEEN, index);

	site->started = site->ended = UNKNOWN_U64;
	if (g->start_ns) {
		add_creation(site, &site_of(mk, g->stack)->frames);
		set_oldest(site, seconds_since(mk, g->start_ns));
	}
	return site;
}

static struct goroutine_site *starter_of(struct making *mk, const struct obs_goroutine *g,
					 size_t *index)
{
	struct goroutine_site *site;

	if (mk->o->starts_missed && !g->before_attach) {
		site = sampled_starter_of(mk, g, index);
	} else if (g->start_ns) {
		site = gsite_of(mk, site_of(mk, g->stack), START_SEEN, index);
		site->samples++;
		set_oldest(site, seconds_since(mk, g->start_ns));
	} else if (g->before_attach) {
		site = gsite_of(mk, created_at(mk, g), START_BEFORE_ATTACH, index);
		set_oldest(site, mk->m->f.attached_s);
	} else {
		site = gsite_of(mk, created_at(mk, g), START_UNSEEN, index);
	}
	return site;
}

/* One goroutine of the runtime's table, to the site that started it. */
static void add_goroutine(struct making *mk, const struct obs_goroutine *g)
{
	const struct observation *o = mk->o;
	const struct site *where = NULL;
	struct goroutine_place *place;
	struct goroutine_site *site;
	size_t index;

	if (g->n_pcs)
		where = sites_get(mk->sites, o->table_pcs + g->first_pc, g->n_pcs,
				  SITE_RETURN | (g->cut ? SITE_CUT : 0));
	site = starter_of(mk, g, &index);
	site->live++;
	site->stack_bytes += g->stack_bytes;
	site->gopc = g->gopc;
	place = place_of(mk, site, index, mk->m->states[g->state], where);
	place->live++;
	if (g->waitsince_ns && seconds_since(mk, g->waitsince_ns) > place->longest_wait_s)
		place->longest_wait_s = seconds_since(mk, g->waitsince_ns);
}

/* Whether the go statement is the runtime's, all of whose goroutines are its own but the main one
 * (asm_amd64.s, rt0_go). */
static bool by_runtime(const struct frames *stack)
{
	return stack->n && goname_of_runtime(stack->v[0]->function) &&
	       strcmp(stack->v[0]->function, "runtime.rt0_go");
}

/* The runtime's own goroutines are nobody's leak: those that we saw start leave their site
 * again. */
static void subtract_system(struct making *mk, const struct obs_goroutine *g)
{
	size_t index;

	if (g->start_ns && !mk->o->starts_missed)
		gsite_of(mk, site_of(mk, g->stack), START_SEEN, &index)->started--;
}

/* The go statement of a creation stack, of those that were in the table when it could be read: its
 * call is among the innermost ones. */
static uint64_t gopc_of(const struct observation *o, uint32_t stack)
{
	enum { INNERMOST = 8 };		/* newproc1 on the stack of the system, newproc, its caller */
	const struct obs_stack *st = &o->stacks[stack];

	for (uint32_t i = 0; i < st->n_pcs && i < INNERMOST; i++)
		for (size_t k = 0; k < o->evidence.n_waiting; k++)
			if (o->pcs[st->first_pc + i] == o->evidence.waiting[k].gopc)
				return o->evidence.waiting[k].gopc;
	return UNKNOWN_U64;
}

/* The table could not be read: only what the probes saw is known. */
static void add_seen(struct making *mk)
{
	size_t index;

	for (size_t i = 0; i < mk->o->n_started; i++) {
		const struct obs_started *g = &mk->o->started[i];
		struct goroutine_site *site;

		if (g->ended || by_runtime(&site_of(mk, g->stack)->frames))
			continue;
		site = gsite_of(mk, site_of(mk, g->stack), START_SEEN, &index);
		if (!site->live++)
			site->gopc = gopc_of(mk->o, g->stack);
		site->stack_bytes = UNKNOWN_U64;
		site->samples++;
		place_of(mk, site, index, "?", NULL)->live++;
		set_oldest(site, seconds_since(mk, g->start_ns));
	}
}

/* What is left of the runtime's own are those that were not in the table any more, or not yet. */
static void drop_empty_gsites(struct findings *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_gsites; i++) {
		const struct goroutine_site *s = &f->gsites[i];

		if (s->live || (s->started && !by_runtime(&s->stack)))
			f->gsites[n++] = *s;
	}
	f->n_gsites = n;
}

static int by_live(const void *a, const void *b)
{
	const struct goroutine_site *x = a, *y = b;
	int c = compare(x->live, y->live);

	if (!c)
		c = compare(x->started, y->started);
	return c ? c : (x->id > y->id) - (x->id < y->id);
}

static int by_place_live(const void *a, const void *b)
{
	const struct goroutine_place *x = a, *y = b;
	int c = compare(x->live, y->live);

	return c ? c : strcmp(x->state, y->state);
}

static void make_goroutines(struct making *mk)
{
	struct findings *f = &mk->m->f;

	begin_groups(mk);
	add_started(mk);
	if (!mk->o->table_known && !mk->o->starts_missed)
		add_seen(mk);
	for (size_t i = 0; i < mk->o->n_table; i++) {
		if (mk->o->table[i].system)
			subtract_system(mk, &mk->o->table[i]);
		else
			add_goroutine(mk, &mk->o->table[i]);
	}
	end_groups(mk);
	drop_empty_gsites(f);
	if (f->n_gsites)
		qsort(f->gsites, f->n_gsites, sizeof(*f->gsites), by_live);
	for (size_t i = 0; i < f->n_gsites; i++)
		if (f->gsites[i].n_places)
			qsort(f->gsites[i].places, f->gsites[i].n_places,
			      sizeof(*f->gsites[i].places), by_place_live);
}

/* ---- coverage, cost, target ------------------------------------------------------------------ */

/* Nobody knows what was in them.  The live ones are from the table of goroutines, and all there. */
static uint64_t go_events_lost(const struct observation *o)
{
	static const enum coverage_counter lost[] = {
		COVERAGE_LOST_RING, COVERAGE_LOST_UNREADABLE, COVERAGE_LOST_BUSY,
		COVERAGE_LOST_DAMAGED, COVERAGE_GOROUTINES_FORGOTTEN,
		COVERAGE_GOROUTINES_NOT_FOLLOWED,
	};
	uint64_t n = 0;

	if (o->look || o->starts_missed || !o->goroutines)
		return UNKNOWN_U64;
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		n += o->loss[lost[i]];
	return n;
}

static void make_coverage(struct making *mk)
{
	struct findings *f = &mk->m->f;

	f->coverage = xcalloc(N_COVERAGE, sizeof(*f->coverage));
	for (enum coverage_counter i = 0; i < N_COVERAGE; i++) {
		struct coverage_row *row = &f->coverage[f->n_coverage];

		if (!coverage_applies(i, f->look))
			continue;
		*row = coverage_rows[i];
		row->value = i == COVERAGE_SITES_WITHOUT_NAMES ? sites_without_room(mk->sites) :
								 mk->o->loss[i];
		f->n_coverage++;
	}
}

static void make_census(struct findings *f, const struct heap_census *c)
{
	f->census = *c;
	f->census.classes = xcalloc(c->n_classes, sizeof(*c->classes));
	if (c->n_classes)
		memcpy(f->census.classes, c->classes, c->n_classes * sizeof(*c->classes));
}

static void make_gc(struct findings *f, const struct observation *o)
{
	f->gc_known = o->gc_known;
	f->gc_missed = o->gc_missed;
	f->n_gc = o->n_gc;
	f->gc = xcalloc(o->n_gc, sizeof(*f->gc));
	if (o->n_gc)
		memcpy(f->gc, o->gc, o->n_gc * sizeof(*f->gc));
}

static void make_cost(struct findings *f, const struct obs_cost *c)
{
	double s = f->attached_s;

	f->cost = (struct cost){
		.hits_per_s = s > 0 ? (double)c->hits / s : 0, .ns_per_hit = c->ns_per_hit,
		.look_s = c->look_ns ? (double)c->look_ns / 1e9 : NAN,
		.own_cpu_percent = c->own_cpu_s / s * 100, .own_rss = c->own_rss,
		.target_percent = c->spent_ns / s / 1e9 * 100, .budget_percent = c->budget_percent,
	};
}

static double since_attach(const struct observation *o, uint64_t ns)
{
	return ns > o->attach_ns ? (double)(ns - o->attach_ns) / 1e9 : 0;
}

static void make_listened(struct findings *f, const struct observation *o)
{
	f->listened = xcalloc(o->n_sources, sizeof(*f->listened));
	f->n_listened = o->n_sources;
	f->listened_left_out = o->n_sources_left_out;
	for (size_t i = 0; i < o->n_sources; i++) {
		const struct obs_source *s = &o->sources[i];

		f->listened[i] = (struct listened){
			.goroutines = s->goroutines, .source = source_names[s->source],
			.from_s = since_attach(o, s->from_ns),
			.to_s = since_attach(o, s->to_ns ? s->to_ns : o->time_ns),
			.focused = s->focused, .distance = s->distance, .windows = s->n_windows,
			.open_s = (double)s->open_ns / 1e9,
		};
	}
}

static void make_growth(struct findings *f, const struct observation *o)
{
	const struct heap_view *v = o->growth;

	f->growth = v;
	f->looks = o->looks;
	if (!v)
		return;
	f->growth_age_s = (double)((int64_t)o->time_ns - heapmap_time_ns(v->now)) / 1e9;
	f->grown = xcalloc(v->n_rows, sizeof(*f->grown));
	for (size_t i = 0; i < v->n_rows; i++) {
		const struct heap_row *row = &v->rows[i];
		const char *name = row->type->name;

		if (name && row->amount.bytes_per_s.value > 0 &&
		    !(o->suppress && suppress_type(o->suppress, name)))
			f->grown[f->n_grown++] = row;
	}
}

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void make_target(struct made *m, const struct target_info *t)
{
	m->f.target = *t;
	m->f.target.exe = m->strings[0] = copy(t->exe);
	m->f.target.comm = m->strings[1] = copy(t->comm);
	m->f.target.go_version = m->strings[2] = copy(t->go_version);
	m->f.target.build_id = m->strings[3] = copy(t->build_id);
	m->f.target.main_file = m->strings[4] = copy(t->main_file);
	m->f.target.host = m->strings[5] = copy(t->host);
	m->f.target.main_module = m->strings[6] = copy(t->main_module);
}

static void copy_states(struct made *m, const struct observation *o)
{
	m->states = xcalloc(o->n_states, sizeof(*m->states));
	m->n_states = o->n_states;
	for (size_t i = 0; i < o->n_states; i++)
		m->states[i] = xstrdup(o->states[i]);
}

/* Whether any allocation since the attach could have been recorded: not before the first burst. */
static bool heard_any(const struct observation *o)
{
	bool waits = false;

	for (size_t i = 0; i < o->n_sources; i++) {
		const struct obs_source *s = &o->sources[i];

		if (s->goroutines)
			continue;
		waits = true;
		if (s->source != SOURCE_NONE && (s->source != SOURCE_BURST || s->n_windows))
			return true;
	}
	return !waits || o->n_sources_left_out || o->n_accounts;
}

/* ---- what is left out ------------------------------------------------------------------------ */

static struct heap_sum sum_of(const struct heap_site *v, size_t n)
{
	struct heap_sum sum = { .sites = n };

	for (size_t i = 0; i < n; i++) {
		sum.live_sites += v[i].live.value > 0;
		sum.live += v[i].live.value;
		sum.live_bytes += v[i].live_bytes.value;
		sum.young += v[i].young;
		sum.young_bytes += v[i].young_bytes;
		sum.allocs += v[i].allocs;
		sum.alloc_bytes += v[i].alloc_bytes;
	}
	return sum;
}

static struct heap_sum difference(struct heap_sum a, struct heap_sum b)
{
	return (struct heap_sum){
		a.sites - b.sites, a.live_sites - b.live_sites, a.live - b.live,
		a.live_bytes - b.live_bytes, a.young - b.young, a.young_bytes - b.young_bytes,
		a.allocs - b.allocs, a.alloc_bytes - b.alloc_bytes };
}

/* What was thought of the sites of all objects is thought of those that are left. */
static void take_over(struct making *mk, const struct heap_site *all, size_t n)
{
	struct findings *f = &mk->m->f;
	bool is_new;

	begin_groups(mk);
	for (size_t i = 0; i < n; i++)
		index_of(&mk->groups, table_mix(mk->groups.seed, all[i].id), i, &is_new);
	for (size_t i = 0; i < f->n_sites; i++) {
		struct heap_site *s = &f->sites[i];
		uint64_t key = table_mix(mk->groups.seed, s->id) | 1;
		const struct index_entry *e = table_find(&mk->groups, key);
		const struct heap_site *from = &all[e->index];

		s->is = from->is;
		s->finding = from->finding;
		s->suppressed = from->suppressed;
		s->older = from->older;
	}
	end_groups(mk);
}

/* The sites once more, of the objects that the filter lets pass. */
static void filter_heap(struct making *mk)
{
	struct findings *f = &mk->m->f;
	struct heap_site *all = f->sites;
	const size_t n_all = f->n_sites;
	const double sample_bytes = f->sample_bytes;
	struct obs_account *kept = filter_accounts(&mk->o->filter, mk->o, &mk->n_accounts);

	mk->accounts = kept;
	mk->filtered = true;
	mk->cap_sites = mk->cap_sums = 0;
	if (mk->o->n_stacks)
		memset(mk->added, 0, mk->o->n_stacks * sizeof(*mk->added));
	f->sites = NULL;
	f->n_sites = 0;
	f->live = f->live_bytes = (struct estimate){ 0 };
	make_heap(mk);
	cap_live(f);
	f->sample_bytes = sample_bytes;
	take_over(mk, all, n_all);
	f->filtered.heap = difference(sum_of(all, n_all), sum_of(f->sites, f->n_sites));
	left_out_find_sites(f);
	for (size_t i = 0; i < n_all; i++)
		free(all[i].parts);
	free(all);
	free(kept);
}

static void leave_out(struct making *mk)
{
	const struct observation *o = mk->o;
	struct made *m = mk->m;

	m->f.filter = o->filter;
	if (o->suppress) {
		m->suppressed_by = xstrdup(suppress_path(o->suppress));
		m->f.suppressed_by = m->suppressed_by;
	}
	if (m->f.heap && filter_of_objects(&o->filter))
		filter_heap(mk);
	left_out(&m->f);
}

struct findings *findings_make(const struct observation *o, struct sites *sites)
{
	struct made *m = xcalloc(1, sizeof(*m));
	struct making mk = { .m = m, .o = o, .sites = sites, .accounts = o->accounts,
			     .n_accounts = o->n_accounts };
	bool unheard = !o->look && !heard_any(o);

	sites_renew(sites);
	m->f = (struct findings){
		.version = GL_VERSION, .look = o->look, .time_unix_ns = o->wall_ns,
		.gc_cycles = o->look ? UNKNOWN_U64 : o->gc_cycles,
		.attached_s = o->look ? NAN : (double)(o->time_ns - o->attach_ns) / 1e9,
		.unheard = unheard, .live_known = o->look || (o->gc_cycles && !unheard),
		.growth_known = !o->look && o->gc_cycles > 1 && !unheard,
		.gone = o->gone, .memory = o->memory, .room = o->room,
		.heap = o->heap, .goroutines = o->goroutines, .profile_rate = o->profile_rate,
		.profile_off = o->profile_off,
		.followed_one_in = (uint32_t)o->one_in,
		.starts_missed = o->starts_missed, .n_starts = o->n_starts,
		.go_events_lost = go_events_lost(o),
	};
	make_target(m, &o->target);
	copy_states(m, o);
	mk.stacks = xcalloc(o->n_stacks, sizeof(const struct site *));
	mk.added = xcalloc(o->n_stacks, sizeof(*mk.added));
	if (o->heap)
		make_heap(&mk);
	if (o->goroutines)
		make_goroutines(&mk);
	make_census(&m->f, &o->census);
	make_gc(&m->f, o);
	if (unheard)
		m->f.census.older_bytes = UNKNOWN_U64;
	m->f.older_bytes = older_bytes(&m->f);
	cap_live(&m->f);
	m->f.from_start = o->from_start;
	make_older(&mk);
	make_coverage(&mk);
	make_cost(&m->f, &o->cost);
	make_listened(&m->f, o);
	if (o->suppress)
		suppress_mark(o->suppress, &m->f);
	make_growth(&m->f, o);
	if (o->evidence.known)
		verdicts_make(&m->f, o, sites, mk.stacks);
	else
		verdicts_look(&m->f, o);
	leave_out(&mk);
	m->store = sites_hold(sites);
	free(mk.stacks);
	free(mk.added);
	return &m->f;
}

void findings_free(struct findings *f)
{
	struct made *m = (struct made *)f;	/* f is its first member */

	if (!m)
		return;
	for (size_t i = 0; i < f->n_sites + f->n_sites_suppressed + f->n_sites_slow; i++)
		free(f->sites[i].parts);
	for (size_t i = 0; i < f->n_gsites + f->n_gsites_suppressed + f->n_gsites_slow; i++)
		free(f->gsites[i].places);
	for (size_t i = 0; i < ARRAY_SIZE(m->strings); i++)
		free(m->strings[i]);
	for (size_t i = 0; i < m->n_states; i++)
		free(m->states[i]);
	free(m->states);
	free(m->suppressed_by);
	free(f->sites);
	free(f->older);
	free(f->gsites);
	free(f->census.classes);
	for (size_t i = 0; i < f->verdicts.n_findings + f->filtered.n_findings; i++)
		free(f->verdicts.findings[i].types);
	free(f->verdicts.findings);
	free(f->grown);
	free(f->gc);
	free(f->coverage);
	free(f->listened);
	sites_drop(m->store);
	free(m);
}
