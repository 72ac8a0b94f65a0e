// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts.c - the judge knows numbers only: sites and go statements are put into its words, and
 * what it says into those of a report.
 */
#include "user/verdicts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/goname.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/judge/judge.h"
#include "user/judge/memory.h"
#include "user/model.h"
#include "user/observation.h"
#include "user/sites.h"
#include "user/typegrowth.h"
#include "user/waitreason.h"

struct judging {
	struct findings *f;
	const struct observation *o;
	struct sites *sites;
	const struct site *const *stacks;
	struct judge_input in;
	struct judge_class heap;
	struct judge_part *parts;	/* of all sites */
	uint64_t *callers;		/* likewise, */
	uint8_t *owners;		/* and of these */
	struct table index;		/* id of a site, or gopc, to an index */
};

struct index_entry {
	uint64_t key;
	uint64_t index;
};

static uint64_t key_of(const struct judging *g, uint64_t id)
{
	return table_mix(g->index.seed, id) | 1;
}

static void remember(struct judging *g, uint64_t id, uint64_t index)
{
	bool is_new;
	struct index_entry *e = table_put(&g->index, key_of(g, id), &is_new);

	e->index = index;
}

static size_t find(const struct judging *g, uint64_t id)
{
	const struct index_entry *e = table_find(&g->index, key_of(g, id));

	return e ? e->index : NO_INDEX;
}

static void begin_index(struct judging *g)
{
	table_init(&g->index, sizeof(struct index_entry), SIZE_MAX);
}

/* ---- classes --------------------------------------------------------------------------------- */

static struct judge_class class_of(const struct obs_growth *from)
{
	struct judge_class c = { .object_bytes = from->object_bytes, .bytes = from->live };

	for (size_t i = 0; i < WINDOW_PARTS; i++)
		c.load[i] = isnan(from->load[i]) ? 0 : from->load[i];
	return c;
}

/* What lived in the last collection is known when the next one begins; it has come all the same. */
static void count_last(const struct judging *g, struct judge_class *c)
{
	if (c->bytes.n && c->bytes.n < g->o->gc_cycles)
		c->bytes.n++;
}

static void fill_classes(struct judging *g)
{
	const struct obs_evidence *e = &g->o->evidence;

	g->heap = class_of(&e->heap);
	count_last(g, &g->heap);
	g->in.heap = &g->heap;
	g->in.n_classes = e->n_classes;
	g->in.classes = xcalloc(e->n_classes, sizeof(*g->in.classes));
	for (size_t i = 0; i < e->n_classes; i++) {
		g->in.classes[i] = class_of(&e->classes[i]);
		count_last(g, &g->in.classes[i]);
		if (g->o->growth)
			typegrowth_most(g->o->growth, e->classes[i].size, &g->in.classes[i].type,
					&g->in.classes[i].of_runtime);
	}
}

/* Of size 0 are the large ones, and all that no class is of. */
static size_t class_index(const struct obs_evidence *e, uint64_t size)
{
	size_t large = NO_INDEX;

	for (size_t i = 0; i < e->n_classes; i++) {
		if (e->classes[i].size == size)
			return i;
		if (!e->classes[i].size)
			large = i;
	}
	return large;
}

/* ---- sites ----------------------------------------------------------------------------------- */

/* 0: not known, or the root of all stacks, which is nobody's caller. */
static uint64_t hash_name(const char *name)
{
	if (!name || !strcmp(name, "runtime.goexit"))
		return 0;
	return table_mix_text(1, name) | 1;
}

/* What the runtime allocates for goroutines, at whatever place makes it do so. */
static bool is_of_goroutine(struct judging *g, const struct obs_account *a)
{
	static const char *const types[] = { "runtime.g", "runtime.sudog", "runtime.timer" };
	const struct obs_stack *st = &g->o->stacks[a->stack];
	struct site_words words;

	sites_words(g->sites, a->typ, g->o->pcs + st->first_pc, st->n_pcs, &words);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (words.type && !strcmp(words.type, types[i]))
			return true;
	return false;
}

/* The words of sitetype: what growslice makes, and what the runtime's maps do. */
static enum container container_of_site(const struct heap_site *s)
{
	const char *how = s->n_parts ? s->parts[0].how : NULL;

	if (how && !strcmp(how, "append"))
		return CONTAINER_SLICE;
	return how && !strcmp(how, "map") ? CONTAINER_MAP : CONTAINER_NONE;
}

/* The judge's site of an account: sites are there twice, and behind all of them what each has of
 * goroutines.  NO_INDEX: of none. */
static size_t site_of_account(struct judging *g, const struct obs_account *a)
{
	const struct site *site = g->stacks[a->stack];
	size_t i = site ? find(g, site->id) : NO_INDEX;

	return i != NO_INDEX && is_of_goroutine(g, a) ? i + g->f->n_sites : i;
}

static void add_part(struct judging *g, const struct obs_flow *flow, size_t *next)
{
	const struct obs_account *a = &g->o->accounts[flow->of];
	size_t class = class_index(&g->o->evidence, a->size), site = site_of_account(g, a);

	if (site == NO_INDEX || class == NO_INDEX)
		return;
	g->parts[next[site]++] = (struct judge_part){
		.class = class, .object_bytes = (double)a->size, .objects = &flow->flow };
	g->in.sites[site].n_parts++;
}

static void fill_parts(struct judging *g)
{
	const struct obs_flows *flows = &g->o->evidence.accounts;
	size_t n = g->in.n_sites, *next = xcalloc(n + 1, sizeof(*next));

	for (size_t i = 0; i < flows->n; i++) {
		size_t site = site_of_account(g, &g->o->accounts[flows->v[i].of]);

		if (site != NO_INDEX)
			next[site + 1]++;
	}
	for (size_t i = 0; i < n; i++)
		next[i + 1] += next[i];
	g->parts = xcalloc(next[n], sizeof(*g->parts));
	for (size_t i = 0; i < n; i++)
		g->in.sites[i].parts = g->parts + next[i];
	for (size_t i = 0; i < flows->n; i++)
		add_part(g, &flows->v[i], next);
	free(next);
}

/* Direct recursion is one call. */
static void add_caller(struct judging *g, struct judge_site *site, const char *function, size_t at)
{
	const uint64_t hash = hash_name(function);

	if (!hash || (site->n_callers && site->callers[site->n_callers - 1] == hash))
		return;
	g->callers[at] = hash;
	g->owners[at] = goname_owner(function, g->o->target.main_module);
	site->n_callers++;
}

static void fill_callers(struct judging *g)
{
	const struct findings *f = g->f;
	size_t n = 0;

	for (size_t i = 0; i < f->n_sites; i++)
		n += f->sites[i].stack.n;
	g->callers = xcalloc(n, sizeof(*g->callers));
	g->owners = xcalloc(n, sizeof(*g->owners));
	n = 0;
	for (size_t i = 0; i < f->n_sites; i++) {
		const struct frames *stack = &f->sites[i].stack;
		struct judge_site *site = &g->in.sites[i];
		struct judge_site *of_goroutines = site + f->n_sites;

		if (!site->n_parts && !of_goroutines->n_parts)
			continue;
		site->callers = g->callers + n;
		site->owners = g->owners + n;
		for (size_t k = 0; k < stack->n; k++)
			add_caller(g, site, stack->v[k]->function, n + site->n_callers);
		n += site->n_callers;
		if (of_goroutines->n_parts) {
			of_goroutines->callers = site->callers;
			of_goroutines->owners = site->owners;
			of_goroutines->n_callers = site->n_callers;
		}
	}
}

/* Of all accounts: those that have died out have no flow. */
static void count_allocated(struct judging *g)
{
	for (size_t i = 0; i < g->o->n_accounts; i++) {
		const struct obs_account *a = &g->o->accounts[i];
		size_t index = site_of_account(g, a);

		if (index != NO_INDEX)
			g->in.sites[index].n_allocated += (double)a->recorded;
	}
}

/* What may have taken the places of objects, see obs_account.replaced. */
static void fill_replaced(struct judging *g)
{
	double *live = xcalloc(g->in.n_sites, sizeof(*live));

	for (size_t i = 0; i < g->o->n_accounts; i++) {
		const struct obs_account *a = &g->o->accounts[i];
		size_t index = site_of_account(g, a);

		if (index == NO_INDEX)
			continue;
		live[index] += a->live * (double)a->size;
		g->in.sites[index].replaced += a->replaced * (double)a->size;
	}
	for (size_t i = 0; i < g->in.n_sites; i++)
		if (live[i] > 0)
			g->in.sites[i].replaced = fmin(g->in.sites[i].replaced / live[i], 1);
	free(live);
}

static void fill_sites(struct judging *g)
{
	struct findings *f = g->f;

	begin_index(g);
	g->in.sites_span = g->o->evidence.accounts.span;
	g->in.n_sites = 2 * f->n_sites;
	g->in.sites = xcalloc(g->in.n_sites, sizeof(*g->in.sites));
	for (size_t i = 0; i < f->n_sites; i++) {
		g->in.sites[i].finding = g->in.sites[i + f->n_sites].finding = NO_FINDING;
		g->in.sites[i].container = container_of_site(&f->sites[i]);
		g->in.sites[i].suppressed = f->sites[i].suppressed;
		g->in.sites[i + f->n_sites].suppressed = f->sites[i].suppressed;
		g->in.sites[i + f->n_sites].of_goroutines = true;
		remember(g, f->sites[i].id, i);
	}
	fill_parts(g);
	fill_callers(g);
	count_allocated(g);
	fill_replaced(g);
	table_fini(&g->index);
}

/* ---- goroutines ------------------------------------------------------------------------------ */

static double stack_bytes(const struct observation *o)
{
	uint64_t n = o->n_table;

	for (size_t i = 0; i < o->evidence.n_waiting; i++)
		n += o->evidence.waiting[i].n;
	return o->memory.known && n ? (double)o->memory.stack_inuse / (double)n : 0;
}

/* The function that a goroutine was started with. */
static uint64_t function_of(struct judging *g, uint64_t startpc)
{
	const struct frames *frames = &sites_get(g->sites, &startpc, 1, SITE_FOLD)->frames;

	return frames->n ? hash_name(frames->v[frames->n - 1]->function) : 0;
}

/* The function that has the go statement. */
static uint64_t creator_of(struct judging *g, uint64_t gopc)
{
	const struct frames *frames = &sites_get(g->sites, &gopc, 1, SITE_RETURN)->frames;

	return frames->n ? hash_name(frames->v[0]->function) : 0;
}

static void add_waiting(struct judging *g, const struct obs_waiting *w)
{
	size_t i = find(g, w->gopc);
	struct judge_group *group;

	if (i == NO_INDEX)
		return;
	group = &g->in.groups[i];
	group->waiting[waitreason_class(g->o->states[w->state])] += w->n;
	group->main |= w->main;
	if (!group->function)
		group->function = function_of(g, w->startpc);
}

/* The function that its stack begins with, as the stacks of what it allocates do: a wrapper that a go
 * statement with arguments starts is in neither.  0: not known. */
static uint64_t root_of(struct judging *g, const struct obs_goroutine *from)
{
	const uint64_t *pcs = g->o->table_pcs + from->first_pc;
	const struct frames *frames;
	uint64_t hash = 0;

	if (!from->n_pcs || from->cut)
		return 0;
	frames = &sites_get(g->sites, pcs, from->n_pcs, SITE_RETURN)->frames;
	for (size_t i = frames->n; i-- > 0 && !hash;)
		hash = hash_name(frames->v[i]->function);
	return hash;
}

static void add_goroutine(struct judging *g, const struct obs_goroutine *from)
{
	size_t i = from->system ? NO_INDEX : find(g, from->gopc);

	if (i == NO_INDEX)
		return;
	if (!g->in.groups[i].function)
		g->in.groups[i].function = root_of(g, from);
	add_waiting(g, &(struct obs_waiting){
		from->gopc, from->startpc, from->state, 1, from->goid == 1 });
}

/* Of a group all that can have grown must be suppressed.  Of what is older than the attach only the
 * go statement is known, which may be too little for a pattern. */
static void suppress_groups(struct judging *g)
{
	for (size_t i = 0; i < g->f->n_gsites; i++) {
		const struct goroutine_site *s = &g->f->gsites[i];
		size_t k = s->gopc == UNKNOWN_U64 ? NO_INDEX : find(g, s->gopc);

		if (k != NO_INDEX && s->suppressed)
			g->in.groups[k].suppressed = true;
	}
	for (size_t i = 0; i < g->f->n_gsites; i++) {
		const struct goroutine_site *s = &g->f->gsites[i];
		size_t k = s->gopc == UNKNOWN_U64 ? NO_INDEX : find(g, s->gopc);

		if (k != NO_INDEX && !s->suppressed && !s->before_attach && s->live)
			g->in.groups[k].suppressed = false;
	}
}

static void fill_groups(struct judging *g)
{
	const struct obs_flows *flows = &g->o->evidence.goroutines;

	g->in.groups_span = flows->span;
	g->in.n_groups = flows->n;
	g->in.groups = xcalloc(flows->n, sizeof(*g->in.groups));
	for (size_t i = 0; i < flows->n; i++) {
		g->in.groups[i] = (struct judge_group){
			.goroutines = &flows->v[i].flow, .bytes_each = stack_bytes(g->o),
			.creator = creator_of(g, flows->v[i].of), .finding = NO_FINDING };
		remember(g, flows->v[i].of, i);
	}
	for (size_t i = 0; i < g->o->n_table; i++)
		add_goroutine(g, &g->o->table[i]);
	for (size_t i = 0; i < g->o->evidence.n_waiting; i++)
		add_waiting(g, &g->o->evidence.waiting[i]);
	suppress_groups(g);
}

/* ---- what was said --------------------------------------------------------------------------- */

static void tell_classes(struct judging *g)
{
	struct heap_census *c = &g->f->census;

	for (size_t i = 0; i < c->n_classes; i++) {
		size_t k = class_index(&g->o->evidence, c->classes[i].size);

		if (k != NO_INDEX)
			c->classes[i].is = g->in.classes[k].is;
	}
}

/* Whether it stands for the finding: the first one, but rather one that has its verdict. */
static bool stands_for(const struct findings *f, const struct finding *found,
		       const struct goroutine_site *s)
{
	return !found->n_gsites || (f->gsites[found->gsite].is.verdict != found->verdict &&
				    s->is.verdict == found->verdict);
}

static void tell_goroutines(struct judging *g, struct finding *to)
{
	struct findings *f = g->f;

	for (size_t i = 0; i < f->n_gsites; i++) {
		struct goroutine_site *s = &f->gsites[i];
		size_t k = s->gopc == UNKNOWN_U64 ? NO_INDEX : find(g, s->gopc);

		s->finding = k == NO_INDEX ? NO_INDEX : g->in.groups[k].finding;
		if (k != NO_INDEX)
			s->is = g->in.groups[k].is;
		if (s->suppressed)
			s->finding = NO_INDEX;
		if (s->finding == NO_INDEX)
			continue;
		if (stands_for(f, &to[s->finding], s)) {
			to[s->finding].gsite = i;
			to[s->finding].is = s->is;
		}
		to[s->finding].n_gsites++;
	}
}

/* Of the two that a site was to the judge, the one that is part of a finding, or says more. */
static void tell_sites(struct judging *g, struct finding *to)
{
	struct findings *f = g->f;

	for (size_t i = 0; i < f->n_sites; i++) {
		const struct judge_site *a = &g->in.sites[i], *b = a + f->n_sites;
		const struct judge_site *s = (b->finding != NO_FINDING && a->finding == NO_FINDING) ||
					     !a->n_parts ? b : a;

		f->sites[i].is = (s->n_parts ? s : a)->is;
		f->sites[i].finding = s->finding;
		f->sites[i].suppressed = s->suppressed;
		if (s->finding != NO_FINDING)
			to[s->finding].n_sites++;
	}
}

static const char *caller_name(const struct heap_site *s, uint64_t caller)
{
	for (size_t i = 0; i < s->stack.n && caller; i++)
		if (hash_name(s->stack.v[i]->function) == caller)
			return s->stack.v[i]->function;
	return NULL;
}

static struct finding finding_of(const struct judging *g, const struct judge_finding *from)
{
	struct finding to = { .verdict = from->verdict, .rate = from->rate,
			      .site = from->first_site, .gsite = NO_INDEX };

	if (from->group != NO_FINDING)
		to.is = g->in.groups[from->group].is;
	if (from->class != NO_FINDING) {
		to.is = g->in.classes[from->class].is;
		to.class_alone = true;
		to.class_size = g->o->evidence.classes[from->class].size;
	}
	if (to.site != NO_INDEX) {
		to.is = g->in.sites[to.site].is;
		to.site %= g->f->n_sites;
		to.caller = caller_name(&g->f->sites[to.site], from->caller);
	}
	return to;
}

static bool is_known(const struct finding *found)
{
	return found->site != NO_INDEX || found->gsite != NO_INDEX || found->class_alone;
}

static void renumber(size_t *finding, const size_t *numbers)
{
	if (*finding != NO_INDEX)
		*finding = numbers[*finding];
}

/* Of goroutines that nobody knows a stack of (their table cannot be read any more once the process
 * has ended) there is nothing to show but the verdict. */
static void drop_unknown(struct findings *f)
{
	struct verdicts *v = &f->verdicts;
	size_t *numbers = xcalloc(v->n_findings + 1, sizeof(*numbers)), n = 0;

	for (size_t i = 0; i < v->n_findings; i++) {
		numbers[i] = is_known(&v->findings[i]) ? n : NO_INDEX;
		if (is_known(&v->findings[i]))
			v->findings[n++] = v->findings[i];
	}
	v->n_findings = n;
	for (size_t i = 0; i < f->n_sites; i++)
		renumber(&f->sites[i].finding, numbers);
	for (size_t i = 0; i < f->n_gsites; i++)
		renumber(&f->gsites[i].finding, numbers);
	free(numbers);
}

/* Until the last of the collections that are needed. */
static double needed(const struct judging *g)
{
	const struct gc_pacing *p = &g->o->memory.pacing;
	const uint64_t min = g->in.limits.min_cycles, n = g->f->gc_cycles;
	double s = g->f->attached_s;

	if (n < min && p->known)
		s += memory_until_collection(&g->o->history, p, min - n);
	else if (n < min)
		s = n ? s * (double)min / (double)n : NAN;
	return isfinite(s) ? fmax(s, g->in.limits.min_s) : NAN;
}

static void tell(struct judging *g, const struct judge_result *r)
{
	struct findings *f = g->f;
	struct verdicts *v = &f->verdicts;
	const uint64_t min_cycles = g->in.limits.min_cycles;

	*v = (struct verdicts){
		.known = true, .verdict = r->verdict, .min_cycles = min_cycles,
		.growth_cycles = min_cycles > TREND_MIN_CUT ? min_cycles - 1 : TREND_MIN_CUT,
		.min_s = g->in.limits.min_s,
		.needed_s = needed(g), .n_findings = r->n_findings,
		.explained = r->explained, .growing = r->growing, .unseen = r->unseen,
		.detectable = r->detectable, .detectable_mostly = r->detectable_mostly };
	v->findings = xcalloc(r->n_findings, sizeof(*v->findings));
	for (size_t i = 0; i < r->n_findings; i++)
		v->findings[i] = finding_of(g, &r->findings[i]);
	tell_sites(g, v->findings);
	tell_classes(g);
	tell_goroutines(g, v->findings);
	drop_unknown(f);
	for (size_t i = 0; i < v->n_findings && g->o->growth; i++)
		typegrowth_of_finding(f, i);
}

/* What rss may come to: by so much as what its limit holds for has room. */
static uint64_t rss_limit(const struct observation *o)
{
	const struct memory_room *room = &o->room;

	if (!room->of)
		return 0;
	return o->history.last.rss + (room->limit > room->used ? room->limit - room->used : 0);
}

static void tell_process(const struct judging *g, enum verdict worst)
{
	memory_tell(&g->o->history, &g->heap.is, worst, rss_limit(g->o), &g->f->process);
}

void verdicts_look(struct findings *f, const struct observation *o)
{
	const struct judgement heap = { .verdict = VERDICT_TOO_FEW,
					.rate = { NAN, NAN, NAN, 0 } };

	memory_tell(&o->history, &heap, VERDICT_TOO_FEW, rss_limit(o), &f->process);
}

void verdicts_make(struct findings *f, const struct observation *o, struct sites *sites,
		   const struct site *const *stacks)
{
	struct judging g = { .f = f, .o = o, .sites = sites, .stacks = stacks };
	struct judge_result result;

	g.in.limits = (struct judge_limits){ o->evidence.min_cycles, o->evidence.min_s };
	fill_classes(&g);
	fill_sites(&g);
	begin_index(&g);
	fill_groups(&g);
	judge(&g.in, &result);
	tell(&g, &result);
	tell_process(&g, result.verdict);
	table_fini(&g.index);
	free(result.findings);
	free(g.in.classes);
	free(g.in.sites);
	free(g.in.groups);
	free(g.parts);
	free(g.callers);
	free(g.owners);
}
