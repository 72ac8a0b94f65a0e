// SPDX-License-Identifier: BSD-2-Clause
/*
 * findings.c - joins three sources for a report: the snapshot of what was tracked (per stack of
 * addresses), the runtime's own tables (goroutines, memory), and the binary (frames and types).
 *
 * Stacks of addresses that show the same frames are one site: the allocator has several ways to the
 * same object (a fast path, a slow path while the collector marks), which nobody wants to see
 * apart.
 */
#include "user/findings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user/base/goname.h"
#include "user/base/limits.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/coverage.h"
#include "user/go/gobin.h"
#include "user/go/image.h"
#include "user/go/sitetype.h"
#include "user/gomem/gomem.h"
#include "user/judge/series.h"
#include "user/session.h"
#include "user/target.h"
#include "user/tracer/tracer.h"
#include "user/track/track.h"

struct made {			/* findings, and what they are made of */
	struct findings f;
	struct session *s;
	struct track_snapshot snap;
	uint64_t heap_half_ns, go_half_ns; /* moments near the middle of the trace, 0: too early */
	struct goroutines gs;
	struct frames *stacks;	/* of snap.stacks, as shown */
	struct table frames;	/* of all stacks, each once: hash to frame_entry */
	struct frame *space;	/* for one stack that is being resolved */
	size_t cap_space;
	size_t cap_sites, cap_gsites;
	struct table site_index;	/* hash of the frames to site_entry */
};

struct frame_entry {
	uint64_t key;
	struct frame *frame;
};

struct site_entry {
	uint64_t key;
	uint64_t index;
};

/* ---- frames --------------------------------------------------------------------------------- */

static const struct frame *intern_frame(struct made *m, const struct frame *f)
{
	uint64_t key = table_mix(table_mix(f->pc, (uintptr_t)f->function), f->line);
	struct frame_entry *e;
	bool is_new;

	e = table_put(&m->frames, table_mix(key, f->inlined) | 1, &is_new);
	if (is_new) {
		e->frame = xcalloc(1, sizeof(*e->frame));
		*e->frame = *f;
	}
	return e->frame;
}

static struct frames resolve(struct made *m, const uint64_t *pcs, size_t n, bool leaf_is_return)
{
	size_t need = gobin_frames(m->s->gobin, pcs, n, leaf_is_return, m->space, m->cap_space);
	const struct frame **v = xcalloc(need, sizeof(const struct frame *));

	if (need > m->cap_space) {
		m->space = xreallocarray(m->space, need, sizeof(*m->space));
		m->cap_space = need;
		gobin_frames(m->s->gobin, pcs, n, leaf_is_return, m->space, need);
	}
	for (size_t i = 0; i < need; i++)
		v[i] = intern_frame(m, &m->space[i]);
	return (struct frames){ .v = v, .n = need };
}

static void free_frames(const struct frames *fr)
{
	free((void *)(uintptr_t)fr->v);
}

/* Folds the runtime's frames at the leaf end away, unless no function but theirs is known. */
static void fold_leaf(struct frames *fr)
{
	size_t i = 0, known;

	while (i < fr->n && goname_of_runtime(fr->v[i]->function))
		i++;
	for (known = i; known < fr->n && !fr->v[known]->function; known++)
		;
	if (known == fr->n)
		return;
	memmove((void *)(uintptr_t)fr->v, fr->v + i, (fr->n - i) * sizeof(*fr->v));
	fr->n -= i;
}

static uint64_t hash_frames(uint64_t h, const struct frames *fr)
{
	for (size_t i = 0; i < fr->n; i++)
		h = table_mix(table_mix(h, fr->v[i]->pc), (uintptr_t)fr->v[i]->function);
	return table_mix(h, fr->cut);
}

/* A copy, so that every site and place owns its array. */
static struct frames copy_frames(const struct frames *fr)
{
	const struct frame **v = xcalloc(fr->n, sizeof(const struct frame *));

	if (fr->n)
		memcpy(v, fr->v, fr->n * sizeof(*v));
	return (struct frames){ .v = v, .n = fr->n, .cut = fr->cut };
}

static void resolve_stacks(struct made *m)
{
	uint64_t pcs[GL_MAX_FRAMES];

	m->stacks = xcalloc(m->snap.n_stacks, sizeof(*m->stacks));
	for (size_t i = 0; i < m->snap.n_stacks; i++) {
		const struct obs_stack *st = &m->snap.stacks[i];

		session_vaddrs(m->s, m->snap.pcs + st->first_pc, st->n_pcs, pcs);
		m->stacks[i] = resolve(m, pcs, st->n_pcs, false);
		m->stacks[i].cut = st->flags & GL_STACK_CUT;
		fold_leaf(&m->stacks[i]);
	}
}

/* ---- the heap ------------------------------------------------------------------------------- */

static struct heap_site *site_of(struct made *m, uint32_t stack)
{
	const struct frames *fr = &m->stacks[stack];
	struct site_entry *e;
	bool is_new;

	e = table_put(&m->site_index, hash_frames(1, fr) | 1, &is_new);
	if (is_new) {
		m->f.sites = grow(m->f.sites, m->f.n_sites, &m->cap_sites, sizeof(*m->f.sites));
		m->f.sites[m->f.n_sites] = (struct heap_site){
			.stack = copy_frames(fr), .oldest_s = -1, .rate_per_s = NAN };
		e->index = m->f.n_sites++;
	}
	return &m->f.sites[e->index];
}

static struct site_part *part_of(struct heap_site *site, const struct site_type *type,
				 uint64_t size)
{
	struct site_part *p;

	for (size_t i = 0; i < site->n_parts; i++) {
		p = &site->parts[i];
		if (p->size == size && !strcmp(p->type, type->name) &&
		    (p->how == type->how || (p->how && type->how && !strcmp(p->how, type->how))))
			return p;
	}
	site->parts = xreallocarray(site->parts, site->n_parts + 1, sizeof(*p));
	p = &site->parts[site->n_parts++];
	*p = (struct site_part){ .type = type->name, .how = type->how, .size = size };
	return p;
}

/* A site's rate is unknown until it has its first part. */
static void add_rate(double *rate, double growth, uint64_t ns)
{
	*rate = (isnan(*rate) ? 0 : *rate) + growth / ((double)ns / 1e9);
}

static void add_account(struct made *m, const struct obs_account *a)
{
	const struct obs_stack *st = &m->snap.stacks[a->stack];
	struct heap_site *site = site_of(m, a->stack);
	struct site_type type;
	struct site_part *p;
	double age;

	session_site_type(m->s, m->snap.pcs + st->first_pc, st->n_pcs, a->typ, &type);
	p = part_of(site, &type, a->size);
	p->live_objects += a->live;
	p->young_objects += a->young;
	p->shared_objects += a->shared;
	p->alloc_objects += a->allocs;
	site->live_objects += a->live;
	site->samples += a->live;
	site->live_bytes += a->live * a->size;
	site->young_objects += a->young;
	site->young_bytes += a->young * a->size;
	site->shared_objects += a->shared;
	site->alloc_objects += a->allocs;
	site->alloc_bytes += a->allocs * a->size;
	site->growth_bytes += (int64_t)((a->live - a->live_first) * a->size);
	site->rate_span_s = (double)(m->snap.looked_ns - m->heap_half_ns) / 1e9;
	if (m->heap_half_ns)
		add_rate(&site->rate_per_s, (double)(int64_t)(a->live - a->live_half) * a->size,
			 m->snap.looked_ns - m->heap_half_ns);
	age = a->oldest_ns ? (double)(m->snap.time_ns - a->oldest_ns) / 1e9 : -1;
	if (age > site->oldest_s)
		site->oldest_s = age;
}

static int compare(double a, double b)	/* larger first */
{
	return a > b ? -1 : a < b;
}

static int by_live_bytes(const void *a, const void *b)
{
	const struct heap_site *x = a, *y = b;
	int c = compare(x->live_bytes, y->live_bytes);

	if (!c)
		c = compare(x->growth_bytes, y->growth_bytes);
	if (!c)
		c = compare(x->young_bytes, y->young_bytes);
	return c ? c : compare(x->alloc_objects, y->alloc_objects);
}

static int by_part_bytes(const void *a, const void *b)
{
	const struct site_part *x = a, *y = b;
	int c = compare((double)x->live_objects * x->size, (double)y->live_objects * y->size);

	return c ? c : compare(x->alloc_objects, y->alloc_objects);
}

static void make_heap(struct made *m)
{
	table_init(&m->site_index, sizeof(struct site_entry), MAX_SITE_INDEX_BYTES);
	for (size_t i = 0; i < m->snap.n_accounts; i++)
		add_account(m, &m->snap.accounts[i]);
	table_fini(&m->site_index);
	if (m->f.n_sites)
		qsort(m->f.sites, m->f.n_sites, sizeof(*m->f.sites), by_live_bytes);
	for (size_t i = 0; i < m->f.n_sites; i++)
		qsort(m->f.sites[i].parts, m->f.sites[i].n_parts, sizeof(*m->f.sites[i].parts),
		      by_part_bytes);
}

/* ---- goroutines ----------------------------------------------------------------------------- */

static struct goroutine_site *gsite_of(struct made *m, const struct frames *fr, bool before_attach)
{
	struct site_entry *e;
	bool is_new;

	e = table_put(&m->site_index, hash_frames(2 + before_attach, fr) | 1, &is_new);
	if (is_new) {
		m->f.gsites = grow(m->f.gsites, m->f.n_gsites, &m->cap_gsites,
				   sizeof(*m->f.gsites));
		m->f.gsites[m->f.n_gsites] = (struct goroutine_site){
			.stack = copy_frames(fr), .before_attach = before_attach,
			.oldest_s = -1, .rate_per_s = NAN };
		e->index = m->f.n_gsites++;
	}
	return &m->f.gsites[e->index];
}

static struct goroutine_place *place_of(struct goroutine_site *site, const char *state,
					const struct frames *fr)
{
	struct goroutine_place *p;

	for (size_t i = 0; i < site->n_places; i++) {
		p = &site->places[i];
		if (!strcmp(p->state, state) && hash_frames(0, &p->stack) == hash_frames(0, fr))
			return p;
	}
	site->places = xreallocarray(site->places, site->n_places + 1, sizeof(*p));
	p = &site->places[site->n_places++];
	*p = (struct goroutine_place){ .state = state, .stack = copy_frames(fr),
				       .longest_wait_s = -1 };
	return p;
}

static void add_started(struct made *m)
{
	for (size_t i = 0; i < m->snap.n_stacks; i++) {
		const struct obs_stack *st = &m->snap.stacks[i];
		struct goroutine_site *site;

		if (!st->started)
			continue;
		site = gsite_of(m, &m->stacks[i], false);
		site->started += st->started;
		site->ended += st->ended;
		site->rate_span_s = (double)(m->snap.time_ns - m->go_half_ns) / 1e9;
		if (m->go_half_ns)
			add_rate(&site->rate_per_s,
				 (double)(int64_t)(st->started - st->ended - st->half_live),
				 m->snap.time_ns - m->go_half_ns);
	}
}

static int by_goid(const void *key, const void *element)
{
	const uint64_t *goid = key;
	const struct obs_started *g = element;

	return *goid < g->goid ? -1 : *goid > g->goid;
}

static void set_oldest(struct goroutine_site *site, double age)
{
	if (age > site->oldest_s)
		site->oldest_s = age;
}

static const struct obs_started *find_seen(const struct made *m, uint64_t goid)
{
	if (!m->snap.n_started)
		return NULL;
	return bsearch(&goid, m->snap.started, m->snap.n_started, sizeof(*m->snap.started),
		       by_goid);
}

/* The go statement.  The main goroutine has none, it was started by a wrapper in assembly that
 * is not shown: instead the function it began with. */
static struct frames created_at(struct made *m, const struct goroutine *g)
{
	struct frames fr = resolve(m, &g->gopc, 1, true);

	if (!fr.n) {
		free_frames(&fr);
		fr = resolve(m, &g->startpc, 1, false);
	}
	fold_leaf(&fr);
	return fr;
}

/* The runtime's own goroutines are nobody's leak: those that we saw start leave their site
 * again. */
static void subtract_system(struct made *m, const struct goroutine *g)
{
	const struct obs_started *seen = find_seen(m, g->goid);

	if (seen)
		gsite_of(m, &m->stacks[seen->stack], false)->started--;
}

static void drop_empty_gsites(struct made *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->f.n_gsites; i++) {
		struct goroutine_site *site = &m->f.gsites[i];

		if (site->live || site->started)
			m->f.gsites[n++] = *site;
		else
			free_frames(&site->stack);
	}
	m->f.n_gsites = n;
}

/* One goroutine of the runtime's table: to the site that started it, known in full if we saw it. */
static void add_goroutine(struct made *m, const struct goroutine *g)
{
	const struct obs_started *seen = find_seen(m, g->goid);
	struct goroutine_site *site;
	struct goroutine_place *place;
	struct frames fr;

	if (seen) {
		site = gsite_of(m, &m->stacks[seen->stack], false);
		set_oldest(site, (double)(m->snap.time_ns - seen->start_ns) / 1e9);
	} else {
		fr = created_at(m, g);
		site = gsite_of(m, &fr, true);
		set_oldest(site, m->f.attached_s);
		free_frames(&fr);
	}
	site->live++;
	fr = resolve(m, g->pcs, g->n_pcs, true);
	fr.cut = g->cut;
	place = place_of(site, g->state, &fr);
	place->live++;
	if (g->waitsince_ns && m->snap.time_ns > g->waitsince_ns) {
		double s = (double)(m->snap.time_ns - g->waitsince_ns) / 1e9;

		place->longest_wait_s = s > place->longest_wait_s ? s : place->longest_wait_s;
	}
	free_frames(&fr);
}

/* The process is gone and its table with it: only what the probes saw is known. */
static void add_seen(struct made *m)
{
	static const struct frames none = { 0 };

	for (size_t i = 0; i < m->snap.n_started; i++) {
		const struct obs_started *g = &m->snap.started[i];
		struct goroutine_site *site = gsite_of(m, &m->stacks[g->stack], false);

		site->live++;
		place_of(site, "?", &none)->live++;
		set_oldest(site, (double)(m->snap.time_ns - g->start_ns) / 1e9);
	}
}

static int by_live(const void *a, const void *b)
{
	const struct goroutine_site *x = a, *y = b;
	int c = compare(x->live, y->live);

	return c ? c : compare(x->started, y->started);
}

static int by_place_live(const void *a, const void *b)
{
	return compare(((const struct goroutine_place *)a)->live,
		       ((const struct goroutine_place *)b)->live);
}

static void make_goroutines(struct made *m)
{
	table_init(&m->site_index, sizeof(struct site_entry), MAX_SITE_INDEX_BYTES);
	add_started(m);
	if (m->s->gone || !m->s->checked || gomem_goroutines(m->s->gomem, true, &m->gs))
		add_seen(m);
	for (size_t i = 0; i < m->gs.n; i++) {
		if (m->gs.v[i].system)
			subtract_system(m, &m->gs.v[i]);
		else
			add_goroutine(m, &m->gs.v[i]);
	}
	table_fini(&m->site_index);
	drop_empty_gsites(m);
	if (m->f.n_gsites)
		qsort(m->f.gsites, m->f.n_gsites, sizeof(*m->f.gsites), by_live);
	for (size_t i = 0; i < m->f.n_gsites; i++)
		if (m->f.gsites[i].n_places)
			qsort(m->f.gsites[i].places, m->f.gsites[i].n_places,
			      sizeof(*m->f.gsites[i].places), by_place_live);
}

/* ---- coverage, cost, target ----------------------------------------------------------------- */

static void make_coverage(struct made *m)
{
	const struct track_loss *loss = &m->snap.loss;
	uint64_t c[GL_N_COUNTERS];
	struct coverage_row *rows = xcalloc(N_COVERAGE, sizeof(*rows));

	tracer_counters(m->s->tracer, c);
	memcpy(rows, coverage_rows, sizeof(coverage_rows));
	rows[COVERAGE_LOST_RING].value = c[GL_LOST_RING];
	rows[COVERAGE_LOST_UNREADABLE].value = c[GL_LOST_ADDR];
	rows[COVERAGE_LOST_BUSY].value = c[GL_LOST_WORK];
	rows[COVERAGE_STACKS_LOST].value = c[GL_LOST_STACK];
	rows[COVERAGE_STACKS_CUT].value = c[GL_LOST_STACK_CUT];
	rows[COVERAGE_STACKS_RESENT].value = c[GL_STACKS_FULL];
	rows[COVERAGE_OBJECTS_NOT_FOLLOWED].value = loss->unsized;
	rows[COVERAGE_STACKS_NOT_KEPT].value = loss->stacks_full;
	rows[COVERAGE_SITES_NOT_KEPT].value = loss->accounts_full;
	rows[COVERAGE_GOROUTINES_NOT_FOLLOWED].value = loss->goroutines_full;
	rows[COVERAGE_LIVENESS_UNKNOWN].value = loss->liveness_unknown;
	rows[COVERAGE_OBJECTS_DOUBTFUL].value = loss->doubtful;
	rows[COVERAGE_GOROUTINES_UNREADABLE].value = m->gs.n_unreadable;
	m->f.coverage = rows;
	m->f.n_coverage = N_COVERAGE;
}

static uint64_t own_rss(void)
{
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%*u %llu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static void make_cost(struct made *m)
{
	struct cost *c = &m->f.cost;
	struct rusage ru;

	c->hits_per_s = m->f.attached_s > 0 ? (double)m->snap.n_records / m->f.attached_s : 0;
	c->ns_per_hit = tracer_ns_per_hit(m->s->tracer);
	c->target_percent = c->hits_per_s * c->ns_per_hit / 1e9 * 100;
	getrusage(RUSAGE_SELF, &ru);
	c->own_cpu_percent = ((double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
			      (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6) /
			     m->f.attached_s * 100;
	c->own_rss = own_rss();
}

static void make_target(struct made *m)
{
	struct target_info *t = &m->f.target;
	const struct image_segment *segs;
	uint64_t dev, ino;
	uint32_t ns_pid;
	size_t n;

	t->pid = target_pid(m->s->target);
	if (!target_pidns(m->s->target, &dev, &ino, &ns_pid) && ns_pid != (uint32_t)t->pid)
		t->ns_pid = (int)ns_pid;
	t->exe = target_exe_name(m->s->target);
	t->comm = target_comm(m->s->target);
	t->go_version = gobin_version(m->s->gobin)->text;
	t->stripped = image_stripped(m->s->image);
	t->build_id = image_build_id(m->s->image);
	segs = image_segments(m->s->image, &n);
	for (size_t i = 0; i < n; i++) {
		if (!segs[i].exec)
			continue;
		t->map_start = segs[i].vaddr;
		t->map_limit = segs[i].vaddr + segs[i].memsz;
		t->map_file_off = segs[i].file_off;
		break;
	}
}

/* Growth is told from counts at earlier moments. */
static void add_growth(struct made *m)
{
	struct series_moment first, half;
	struct track_snapshot *snap = &m->snap;
	bool has_first = series_first(m->s->live, &first);

	if (series_middle(m->s->live, snap->looked_ns, &half))
		m->heap_half_ns = half.time_ns;
	for (size_t i = 0; i < snap->n_accounts; i++) {
		struct obs_account *a = &snap->accounts[i];

		if (has_first)
			a->live_first = series_at(m->s->live, first, a->key);
		if (m->heap_half_ns)
			a->live_half = series_at(m->s->live, half, a->key);
	}
	if (series_middle(m->s->running, snap->time_ns, &half))
		m->go_half_ns = half.time_ns;
	for (size_t i = 0; m->go_half_ns && i < snap->n_stacks; i++)
		snap->stacks[i].half_live = series_at(m->s->running, half, snap->stacks[i].id);
}

struct findings *findings_make(struct session *s)
{
	struct made *m = xcalloc(1, sizeof(*m));
	struct timespec wall;

	m->s = s;
	track_snapshot(s->track, now_ns(), &m->snap);
	add_growth(m);
	clock_gettime(CLOCK_REALTIME, &wall);
	m->f.version = GL_VERSION;
	m->f.attached_s = (double)(m->snap.time_ns - s->attach_ns) / 1e9;
	m->f.gc_cycles = m->snap.gc_cycles;
	m->f.time_unix_ns = wall.tv_sec * 1000000000ll + wall.tv_nsec;
	m->f.target_gone = s->gone;
	m->f.followed_one_in = 1;
	m->f.gone_why = target_gone(s->target);
	m->f.heap = s->heap;
	m->f.goroutines = s->goroutines;
	make_target(m);
	session_read_memory(s);
	m->f.memory = s->memory;
	table_init(&m->frames, sizeof(struct frame_entry), SIZE_MAX);
	resolve_stacks(m);
	if (s->heap)
		make_heap(m);
	if (s->goroutines)
		make_goroutines(m);
	make_coverage(m);
	make_cost(m);
	return &m->f;
}

void findings_free(struct findings *f)
{
	struct made *m = (struct made *)f;	/* f is its first member */

	if (!m)
		return;
	for (size_t i = 0; i < f->n_sites; i++) {
		free_frames(&f->sites[i].stack);
		free(f->sites[i].parts);
	}
	for (size_t i = 0; i < f->n_gsites; i++) {
		for (size_t k = 0; k < f->gsites[i].n_places; k++)
			free_frames(&f->gsites[i].places[k].stack);
		free(f->gsites[i].places);
		free_frames(&f->gsites[i].stack);
	}
	for (size_t i = 0; i < m->snap.n_stacks; i++)
		free_frames(&m->stacks[i]);
	free(m->stacks);
	for (struct frame_entry *e = table_next(&m->frames, NULL); e; e = table_next(&m->frames, e))
		free(e->frame);
	table_fini(&m->frames);
	free(m->space);
	free(f->sites);
	free(f->gsites);
	free(f->coverage);
	goroutines_free(&m->gs);
	track_snapshot_fini(&m->snap);
	free(m);
}
