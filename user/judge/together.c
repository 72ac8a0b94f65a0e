// SPDX-License-Identifier: BSD-2-Clause
/*
 * together.c - one leak, many stacks: a leaking call shows dozens of sites, none of which has much
 * of it.  Sites that grow in step below one caller are one finding, and so are goroutines and what
 * they allocated.
 *
 * Everything that is served by one loop grows in step when requests come at a constant rate.  So
 * the caller has to be one below which growth is the rule: of the sites that go through main.main
 * most are healthy, of those that go through the constructor of what leaks hardly any.  And it must
 * itself allocate some of what grows, be it by calling the library: who only hands requests on to
 * others has as many leaks below it as these have.  A helper that both call from different places,
 * as fmt.Sprintf, makes no one leak of two either: it is where their ways part that counts.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/table.h"
#include "user/base/util.h"
#include "user/judge/judge_internal.h"
#include "user/judge/stat.h"
#include "user/judge/thresholds.h"

enum {
	MAX_NODES = 128,		/* the others stay by themselves; work follows its square */
	CALLERS_BYTES = 8 << 20,	/* callers that do not fit join nothing */
};

/* Of functions that growing sites go through. */
struct caller {
	uint64_t key;
	uint32_t n_growing, n_all;	/* sites that hold many objects */
	bool itself;			/* it allocates what a growing site has */
};

struct step {
	double net, variance;
};

/* A growing site or group. */
struct node {
	struct judge_site *site;	/* NULL: a group */
	struct judge_group *group;
	size_t index;			/* of it in the input */
	size_t parent;			/* in the tree of what is together; itself: the root */
	bool apart;			/* it leaks, and most of the tree does not */
	struct step steps[WINDOW_STEPS];
	struct estimate rate;		/* bytes a second */
};

struct together {
	struct judge_input *in;
	struct node *nodes;
	size_t n;
	struct table callers;
};

/* ---- nodes ----------------------------------------------------------------------------------- */

static void add_steps(struct node *node, const struct window_flow *f)
{
	for (size_t i = 0; i < WINDOW_STEPS; i++) {
		const struct window_change *c = &f->step[i];

		node->steps[i].net += c->born.sum - c->died.sum;
		node->steps[i].variance += c->born.squares + c->died.squares;
	}
}

static void add_site(struct together *t, size_t index)
{
	struct judge_site *site = &t->in->sites[index];
	struct node *node = &t->nodes[t->n];

	site->finding = NO_FINDING;
	if (site->is.verdict < VERDICT_GROWING)
		return;
	*node = (struct node){ .site = site, .index = index, .parent = t->n++,
			       .rate = site->is.rate };
	for (size_t i = 0; i < site->n_parts; i++)
		add_steps(node, site->parts[i].objects);
}

static void add_group(struct together *t, size_t index)
{
	struct judge_group *g = &t->in->groups[index];
	const struct estimate *rate = &g->is.rate;
	struct node *node = &t->nodes[t->n];

	g->finding = NO_FINDING;
	if (g->is.verdict < VERDICT_GROWING)
		return;
	*node = (struct node){
		.group = g, .index = index, .parent = t->n++,
		.rate = { rate->value * g->bytes_each, rate->low * g->bytes_each,
			  rate->high * g->bytes_each, rate->samples },
	};
	add_steps(node, g->goroutines);
}

static int by_growth(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return x->rate.low < y->rate.low ? 1 : x->rate.low > y->rate.low ? -1 : 0;
}

static void make_nodes(struct together *t)
{
	t->nodes = xcalloc(t->in->n_sites + t->in->n_groups + 1, sizeof(*t->nodes));
	for (size_t i = 0; i < t->in->n_groups; i++)
		add_group(t, i);
	for (size_t i = 0; i < t->in->n_sites; i++)
		add_site(t, i);
	qsort(t->nodes, t->n, sizeof(*t->nodes), by_growth);
	for (size_t i = 0; i < t->n; i++)
		t->nodes[i].parent = i;
}

static size_t root_of(const struct together *t, size_t i)
{
	while (t->nodes[i].parent != i)
		i = t->nodes[i].parent;
	return i;
}

static void join(struct together *t, size_t a, size_t b)
{
	size_t x = root_of(t, a), y = root_of(t, b);

	t->nodes[x > y ? x : y].parent = x < y ? x : y;
}

/* ---- callers --------------------------------------------------------------------------------- */

static bool seen_before(const struct judge_site *site, size_t i)
{
	for (size_t k = 0; k < i; k++)		/* recursion */
		if (site->callers[k] == site->callers[i])
			return true;
	return false;
}

/* Whether it is a function's own doing what is allocated: on the way there it calls nothing but code
 * that is farther from the program. */
static bool allocates(const struct judge_site *site, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (site->owners[k] <= site->owners[i])
			return false;
	return true;
}

/* A few objects that happen to live at this moment tell nothing of who calls for them. */
static bool holds_many(const struct judge_site *site)
{
	double samples = 0;

	for (size_t i = 0; i < site->n_parts; i++)
		samples += samples_of(&site->parts[i].objects->live);
	return samples >= EVIDENCE_SAMPLES;
}

static void count_callers(struct together *t)
{
	bool is_new;

	table_init(&t->callers, sizeof(struct caller), CALLERS_BYTES);
	for (size_t i = 0; i < t->n; i++) {
		const struct judge_site *site = t->nodes[i].site;

		for (size_t k = 0; site && k < site->n_callers; k++) {
			struct caller *c = seen_before(site, k) ? NULL :
					   table_put(&t->callers, site->callers[k], &is_new);

			if (!c)
				continue;
			c->n_growing++;
			c->itself |= allocates(site, k);
		}
	}
	for (size_t i = 0; i < t->in->n_sites; i++) {
		const struct judge_site *site = &t->in->sites[i];

		for (size_t k = 0; holds_many(site) && k < site->n_callers; k++) {
			struct caller *c = table_find(&t->callers, site->callers[k]);

			if (c && !seen_before(site, k))
				c->n_all++;
		}
	}
}

static bool is_on(const struct judge_site *site, uint64_t caller)
{
	for (size_t i = 0; i < site->n_callers; i++)
		if (site->callers[i] == caller)
			return true;
	return false;
}

/* Of a's callers the one that calls different ones for a and b; a->n_callers: there is none. */
static size_t parting(const struct judge_site *a, const struct judge_site *b)
{
	size_t n = 0;

	while (n < a->n_callers && n < b->n_callers &&
	       a->callers[a->n_callers - n - 1] == b->callers[b->n_callers - n - 1])
		n++;
	return a->n_callers - n;
}

/* Whether they share a caller that stands for a finding; what a goroutine began with does not. */
static bool share_caller(const struct together *t, const struct judge_site *a,
			 const struct judge_site *b)
{
	const size_t i = parting(a, b);
	const struct caller *c = i + 1 < a->n_callers ? table_find(&t->callers, a->callers[i]) :
							NULL;

	return c && c->itself && c->n_growing >= CALLER_SHARE * c->n_all;
}

/* ---- in step --------------------------------------------------------------------------------- */

/* What two nodes are compared by: as of the steps of one window. */
struct pair {
	struct step a[WINDOW_STEPS], b[WINDOW_STEPS];
	size_t n;
};

/* Whether b is so many times a in each step, but for what chance explains. */
static bool in_step(const struct pair *p)
{
	double sum_a = 0, sum_b = 0, squares = 0, ratio;
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		sum_a += p->a[i].net;
		sum_b += p->b[i].net;
	}
	if (sum_a <= 0 || sum_b <= 0)
		return false;
	ratio = sum_b / sum_a;
	for (size_t i = 0; i < p->n; i++) {
		double off = p->b[i].net - ratio * p->a[i].net;
		double variance = p->b[i].variance + ratio * ratio * p->a[i].variance;

		if (variance <= 0)
			continue;
		squares += off * off / variance;
		n++;
	}
	return n >= WINDOW_PARTS && squares <= IN_STEP * (double)(n - 1);
}

/* The change between two times of the window, as if it had been even within a step. */
static struct step change_between(const struct step *steps, const struct window_span *span,
				  double from_s, double to_s)
{
	struct step sum = { 0 };
	double begin = 0;

	for (size_t i = 0; i < span->n_steps; i++) {
		const double end = begin + span->step_s[i];
		const double common = fmin(end, to_s) - fmax(begin, from_s);

		if (common > 0) {
			sum.net += steps[i].net * common / span->step_s[i];
			sum.variance += steps[i].variance * common / span->step_s[i];
		}
		begin = end;
	}
	return sum;
}

static bool are_in_step(const struct node *a, const struct node *b, const struct window_span *span)
{
	struct pair p = { .n = span->n_steps };

	memcpy(p.a, a->steps, sizeof(p.a));
	memcpy(p.b, b->steps, sizeof(p.b));
	return in_step(&p);
}

/* Goroutines are looked at by the clock, what they allocate with each collection: both windows begin
 * with the trace. */
static bool goes_with(const struct together *t, const struct node *group, const struct node *site)
{
	const struct window_span *span = &t->in->sites_span;
	struct pair p = { .n = span->n_steps };
	double begin = 0;

	for (size_t i = 0; i < span->n_steps; i++) {
		const double end = begin + span->step_s[i];

		p.a[i] = change_between(group->steps, &t->in->groups_span, begin, end);
		p.b[i] = site->steps[i];
		begin = end;
	}
	return in_step(&p);
}

/* Whether the goroutines allocate there, or who starts them does, for them. */
static bool runs_it(const struct judge_group *g, const struct judge_site *site)
{
	return site->n_callers &&
	       ((g->function && site->callers[site->n_callers - 1] == g->function) ||
		(g->creator && site->callers[0] == g->creator));
}

static bool belongs_to_group(const struct together *t, const struct node *a, const struct node *b)
{
	if (!a->group)
		return false;
	if (b->group)
		return a->group->creator && a->group->creator == b->group->creator &&
		       are_in_step(a, b, &t->in->groups_span);
	return runs_it(a->group, b->site) && goes_with(t, a, b);
}

static bool are_one(const struct together *t, const struct node *a, const struct node *b)
{
	return a->site && b->site && share_caller(t, a->site, b->site) &&
	       are_in_step(a, b, &t->in->sites_span);
}

/* The runtime's objects for goroutines go to those goroutines that grow most; nodes are in that
 * order. */
static void give_descriptors(struct together *t)
{
	size_t group = 0;

	while (group < t->n && !t->nodes[group].group)
		group++;
	for (size_t i = 0; i < t->n && group < t->n; i++)
		if (t->nodes[i].site && t->nodes[i].site->of_goroutines)
			join(t, group, i);
}

static bool *with_groups(const struct together *t)
{
	bool *with = xcalloc(t->n + 1, sizeof(*with)), *roots = xcalloc(t->n + 1, sizeof(*roots));

	for (size_t i = 0; i < t->n; i++)
		if (t->nodes[i].group)
			roots[root_of(t, i)] = true;
	for (size_t i = 0; i < t->n; i++)
		with[i] = roots[root_of(t, i)];
	free(roots);
	return with;
}

/* What goroutines hold leads to no other sites: who starts them in a loop that does everything
 * would be one leak with all that the loop leaks. */
static void join_all(struct together *t)
{
	const size_t n = t->n < MAX_NODES ? t->n : MAX_NODES;
	bool *with;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			if (i != k && belongs_to_group(t, &t->nodes[i], &t->nodes[k]))
				join(t, i, k);
	with = with_groups(t);
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			if (!with[i] && !with[k] && are_one(t, &t->nodes[i], &t->nodes[k]))
				join(t, i, k);
	free(with);
}

/* Buckets of maps that grow in step with what leaks are part of it. */
static void promote_maps(struct together *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct node *leak = &t->nodes[i];

		if (!leak->site || leak->site->is.verdict != VERDICT_LEAK)
			continue;
		for (size_t k = 0; k < t->n; k++) {
			struct judge_site *site = t->nodes[k].site;

			if (!site || site->container != CONTAINER_MAP ||
			    site->is.missing != MISSING_SIZES || !(site->is.rate.low > 0) ||
			    root_of(t, k) != root_of(t, i))
				continue;
			site->is.verdict = VERDICT_LEAK;
			site->is.missing = 0;
			site->is.watch_s = 0;
		}
	}
}

/* ---- what is suppressed ---------------------------------------------------------------------- */

static bool is_suppressed(const struct node *node)
{
	return node->site ? node->site->suppressed : node->group->suppressed;
}

/* What goroutines hold goes with them, where all of what is together are suppressed. */
static void suppress_held(struct together *t)
{
	enum { NO_GROUP, ALL, NOT_ALL } *groups = xcalloc(t->n + 1, sizeof(*groups));

	for (size_t i = 0; i < t->n; i++) {
		const struct judge_group *g = t->nodes[i].group;
		size_t root = root_of(t, i);

		if (g && groups[root] != NOT_ALL)
			groups[root] = g->suppressed ? ALL : NOT_ALL;
	}
	for (size_t i = 0; i < t->n; i++)
		if (t->nodes[i].site && groups[root_of(t, i)] == ALL)
			t->nodes[i].site->suppressed = true;
	free(groups);
}

/* ---- leaks among what grows ------------------------------------------------------------------ */

/* What the runtime keeps for goroutines goes with them. */
static enum verdict verdict_of_site(const struct judge_site *site)
{
	return site->of_goroutines ? VERDICT_TOO_FEW : site->is.verdict;
}

static enum verdict verdict_of(const struct node *node)
{
	return node->group ? node->group->is.verdict : verdict_of_site(node->site);
}

struct balance {
	double all, leaks;	/* growth: of goroutines if there are any, for what they hold too */
};

static struct balance *weigh(const struct together *t)
{
	struct balance *b = xcalloc(t->n + 1, sizeof(*b));
	bool *with = with_groups(t);

	for (size_t i = 0; i < t->n; i++) {
		const struct node *node = &t->nodes[i];
		const double rate = node->group ? node->group->is.rate.value : node->rate.value;
		struct balance *of = &b[root_of(t, i)];

		if (is_suppressed(node) || (with[i] && !node->group) || !(rate > 0))
			continue;
		of->all += rate;
		of->leaks += verdict_of(node) == VERDICT_LEAK ? rate : 0;
	}
	free(with);
	return b;
}

/* What grows in step with a leak is the leak, if that has most of the growth.  A small one does not
 * speak for the others, and is a finding by itself. */
static void set_apart(struct together *t)
{
	struct balance *b = weigh(t);

	for (size_t i = 0; i < t->n; i++) {
		const struct balance *of = &b[root_of(t, i)];

		t->nodes[i].apart = verdict_of(&t->nodes[i]) == VERDICT_LEAK &&
				    2 * of->leaks < of->all;
	}
	free(b);
}

/* ---- findings -------------------------------------------------------------------------------- */

/* Nodes of one number are one finding. */
static size_t number_of(const struct together *t, size_t i)
{
	return root_of(t, i) + (t->nodes[i].apart ? t->n : 0);
}

static void add_rate(struct estimate *sum, const struct estimate *e)
{
	double low = hypot(sum->value - sum->low, e->value - e->low);
	double high = hypot(sum->high - sum->value, e->high - e->value);

	sum->value += e->value;
	sum->low = sum->value - low;
	sum->high = sum->value + high;
	sum->samples += e->samples;
}

/* It is told by the worst: nodes come by their growth, and the first of them may be no leak yet. */
static void add_node(const struct judge_input *in, struct judge_finding *f, const struct node *node)
{
	const enum verdict verdict = verdict_of(node);

	if (verdict > f->verdict)
		f->verdict = verdict;
	add_rate(&f->rate, &node->rate);
	if (node->group && (f->group == NO_FINDING || in->groups[f->group].is.verdict < verdict))
		f->group = node->index;
	if (!node->site)
		return;
	if (!f->n_sites++ || verdict_of_site(&in->sites[f->first_site]) < verdict)
		f->first_site = node->index;
}

static bool all_share(const struct together *t, size_t number, uint64_t caller)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->nodes[i].site && number_of(t, i) == number && !is_suppressed(&t->nodes[i]) &&
		    !is_on(t->nodes[i].site, caller))
			return false;
	return true;
}

static void name_finding(const struct together *t, size_t number, struct judge_finding *f)
{
	const struct judge_site *site = &t->in->sites[f->first_site];

	for (size_t i = 0; i < site->n_callers && !f->caller; i++)
		if (all_share(t, number, site->callers[i]))
			f->caller = site->callers[i];
}

struct ordered {
	struct judge_finding finding;
	size_t number;			/* of classes: behind those of all nodes */
};

/* Leaks first; then by what it grows by at least, in bytes: goroutines and heap in one order. */
static int by_alarm(const void *a, const void *b)
{
	const struct judge_finding *x = &((const struct ordered *)a)->finding;
	const struct judge_finding *y = &((const struct ordered *)b)->finding;

	if (x->verdict != y->verdict)
		return x->verdict < y->verdict ? 1 : -1;
	return x->rate.low < y->rate.low ? 1 : x->rate.low > y->rate.low ? -1 : 0;
}

/* The others' stacks say more.  And where neither stacks are known at all nor a type that grows, it
 * may be what goroutines hold. */
static bool class_speaks(const struct judge_input *in, const struct judge_class *c)
{
	if (!class_is_unexplained(c, in->n_sites) || class_goes_with_goroutines(in, c))
		return false;
	return class_tells(c) && (c->type.low > 0 || in->n_sites || !goroutines_grow(in));
}

static size_t add_classes(const struct judge_input *in, struct ordered *all, size_t n,
			  size_t number)
{
	for (size_t i = 0; i < in->n_classes; i++) {
		const struct judge_class *c = &in->classes[i];

		if (class_speaks(in, c))
			all[n++] = (struct ordered){
				.number = number, .finding = {
					.verdict = c->is.verdict, .rate = c->is.rate, .class = i,
					.group = NO_FINDING, .first_site = NO_FINDING } };
	}
	return n;
}

static size_t make_findings(const struct together *t, struct ordered *all)
{
	size_t n = 0, *of = xcalloc(2 * t->n + 1, sizeof(*of));	/* one more; 0: none yet */

	for (size_t i = 0; i < t->n; i++) {
		const size_t number = number_of(t, i);

		if (is_suppressed(&t->nodes[i]))
			continue;
		if (!of[number]) {
			all[n] = (struct ordered){
				.number = number, .finding.group = NO_FINDING,
				.finding.first_site = NO_FINDING,
				.finding.class = NO_FINDING,
			};
			of[number] = ++n;
		}
		add_node(t->in, &all[of[number] - 1].finding, &t->nodes[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (all[i].finding.n_sites > 1)
			name_finding(t, all[i].number, &all[i].finding);
	n = add_classes(t->in, all, n, 2 * t->n);
	qsort(all, n, sizeof(*all), by_alarm);
	free(of);
	return n;
}

static void note_findings(struct together *t, const struct ordered *all, size_t n)
{
	size_t *of = xcalloc(2 * t->n + 1, sizeof(*of));

	for (size_t i = 0; i < t->in->n_classes; i++)
		t->in->classes[i].finding = NO_FINDING;
	for (size_t i = 0; i < n; i++) {
		of[all[i].number] = i;
		if (all[i].finding.class != NO_FINDING)
			t->in->classes[all[i].finding.class].finding = i;
	}
	for (size_t i = 0; i < t->n; i++) {
		struct node *node = &t->nodes[i];

		if (is_suppressed(node))
			continue;
		*(node->site ? &node->site->finding : &node->group->finding) =
			of[number_of(t, i)];
	}
	free(of);
}

void judge_together(struct judge_input *in, struct judge_result *out)
{
	struct together t = { .in = in };
	struct ordered *all;

	make_nodes(&t);
	count_callers(&t);
	give_descriptors(&t);
	join_all(&t);
	promote_maps(&t);
	suppress_held(&t);
	set_apart(&t);
	all = xcalloc(t.n + in->n_classes + 1, sizeof(*all));
	out->n_findings = make_findings(&t, all);
	note_findings(&t, all, out->n_findings);
	out->findings = xcalloc(out->n_findings + 1, sizeof(*out->findings));
	for (size_t i = 0; i < out->n_findings; i++)
		out->findings[i] = all[i].finding;
	table_fini(&t.callers);
	free(t.nodes);
	free(all);
}
