// SPDX-License-Identifier: BSD-2-Clause
/*
 * watching.c - what one process does over days, at no cost.
 *
 * The collector is looked at when it is due (census_poll.c).  All else is read now and then, and so
 * rarely that it takes no more than its share of a core: the table of goroutines takes 0.7 us for
 * each of them, of a hundred thousand 70 ms, and is read every two and a half minutes then.  The
 * judgement is arithmetic over some hundred series, so it has a share, too.  All have something in
 * advance: the first minutes are what one waits for.
 *
 * Growth is judged over a window that is split in three, so over days it would be days until a leak
 * is seen that begins late.  Therefore there are three horizons: all of the time; and two windows
 * of RECENT_NS at most, of which each begins when the other is half as old, so that there always is
 * one that is at least half as long.  What such a window calls growth is growth only if more lives
 * than ever before it: else it is the rise of what comes and goes (a day's load, a nightly batch).
 * And what has grown over all of the time, but does not in the recent window, beyond both
 * intervals, has come to an end.
 */
#include "user/watching.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "user/base/limits.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/gomem.h"
#include "user/judge/judge.h"
#include "user/judge/memory.h"
#include "user/memlimit.h"
#include "user/process.h"
#include "user/readings.h"
#include "user/roster.h"
#include "user/tally.h"
#include "user/target.h"
#include "user/typegrowth.h"
#include "user/waitreason.h"
#include "user/watched.h"

#define RECENT_NS (7200ull * 1000000000)

enum {
	N_CLASSES = CENSUS_CLASSES, ALL = TALLY_ALL, N_KEYS,
	WHOLE = 0, N_HORIZONS = 3,
	READINGS = 15,			/* of memory and goroutines before a leak may be called, */
	READING_PARTS = 30,
	RETRY_NS = 1000000000,
	MAX_FAILURES = 60,		/* in a row, a second apart */
};

#define MIN_READING_NS 1000000000.0	/* but not as close as that, */
#define MAX_READING_NS 10000000000.0	/* nor as rare; later one in a thirtieth of the time, */
#define RARE_READING_NS 60000000000ull	/* but this is rare enough */

/* Of a core in the long run, and processor time in advance. */
struct price {
	double share, advance_ns;
};
static const struct price memory_price = { 0.0002, 50e6 }, judging_price = { 0.0001, 50e6 },
			  table_price = { 0.0005, 300e6 }, mappings_price = { 0.0002, 50e6 };

/* A window of time, and what is counted in it. */
struct horizon {
	uint64_t start_ns;
	struct tally *tally;		/* NULL: it has not begun */
	struct roster *roster;
	struct readings *memory;
	uint64_t peak[N_KEYS];		/* bytes that had lived at most before it began */
	struct judge_class classes[N_CLASSES], heap;
	struct judge_group *groups;	/* of judging, as the watching's */
	struct window_flow *flows;
	enum verdict worst;
};

/* What one go statement has started. */
struct group {
	uint64_t key;			/* gopc */
	uint64_t startpc, live, waiting[N_WAIT_CLASSES];
	uint64_t first_ns;		/* when it was first seen */
	size_t state, votes;		/* the candidate for what most are in */
	uint64_t n_state, waits_since_ns;
	uint64_t peak, before[N_HORIZONS];	/* at most; before each horizon */
	bool suppressed;
};

/* Something that is done now and then. */
struct chore {
	uint64_t next_ns;
	double spent_ns;		/* of our processor time */
};

struct watching {
	struct process *p;
	struct watching_options opt;
	struct horizon horizons[N_HORIZONS];
	uint64_t peak[N_KEYS];
	uint64_t look_ns, looked_ns;	/* when the collector is to be looked at; and was */
	struct chore reading, mappings, table, judging;
	uint64_t reading_ns;		/* between two readings, at first */
	unsigned n_failures;
	bool census_known;
	struct table groups;
	char **states;
	size_t n_states;
	uint64_t table_ns, memory_ns, limit_ns;	/* of the last one; 0: none */
	struct memlimit limit;
	uint64_t n_goroutines, n_tables_lost, n_gos_lost;
	struct estimate worn[N_CLASSES];	/* as of struct judge_class */
	struct watched told;
};

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Its share of the time has come to what it has taken. */
static bool due(const struct watching *w, const struct chore *c, const struct price *price,
		uint64_t now)
{
	double earned = price->advance_ns +
			price->share * (double)(now - w->horizons[WHOLE].start_ns);

	return now >= c->next_ns && c->spent_ns <= earned;
}

static void done(struct chore *c, uint64_t begin_cpu, uint64_t next_ns)
{
	c->spent_ns += (double)(cpu_ns() - begin_cpu);
	c->next_ns = next_ns;
}

/* ---- horizons -------------------------------------------------------------------------------- */

static void begin_horizon(struct watching *w, size_t i, uint64_t now)
{
	struct horizon *h = &w->horizons[i];

	tally_free(h->tally);
	roster_free(h->roster);
	readings_free(h->memory);
	h->start_ns = now;
	tally_new(&h->tally, process_gomem(w->p), now);
	roster_new(&h->roster, now, w->opt.memory_bytes / N_HORIZONS);
	readings_new(&h->memory, now);
	w->mappings.next_ns = now;	/* its readings know of none */
	memcpy(h->peak, w->peak, sizeof(h->peak));
	for (struct group *g = table_next(&w->groups, NULL); g; g = table_next(&w->groups, g))
		g->before[i] = g->peak;
}

static void end_horizon(struct horizon *h)
{
	tally_free(h->tally);
	roster_free(h->roster);
	readings_free(h->memory);
}

/* The recent ones begin half of their time apart. */
static void turn_horizons(struct watching *w, uint64_t now)
{
	for (size_t i = 1; i < N_HORIZONS; i++) {
		struct horizon *h = &w->horizons[i];
		uint64_t first = w->horizons[WHOLE].start_ns + RECENT_NS / 2 * i;

		if (h->tally ? now - h->start_ns >= RECENT_NS : now >= first)
			begin_horizon(w, i, now);
	}
}

/* The recent one that is long enough to tell something; NULL: none is yet. */
static struct horizon *recent(struct watching *w, uint64_t now)
{
	struct horizon *oldest = NULL;

	for (size_t i = 1; i < N_HORIZONS; i++) {
		struct horizon *h = &w->horizons[i];

		if (h->tally && now - h->start_ns >= RECENT_NS / 2 &&
		    (!oldest || h->start_ns < oldest->start_ns))
			oldest = h;
	}
	return oldest;
}

/* ---- the collector --------------------------------------------------------------------------- */

static void note_peaks(struct watching *w)
{
	const struct tally *t = w->horizons[WHOLE].tally;

	for (unsigned i = 0; i < N_KEYS; i++) {
		uint64_t live = tally_live_bytes(t, i);

		if (live > w->peak[i])
			w->peak[i] = live;
	}
}

/* A mark phase counts only if the process was still what it is thought to be. */
static int look(struct watching *w, uint64_t now)
{
	struct tally *t = w->horizons[WHOLE].tally;
	int seen = tally_look(t, now, &w->look_ns);

	if (seen == -ENOTSUP) {
		w->census_known = false;
		w->look_ns = UINT64_MAX;
		return 0;
	}
	if (seen == -EAGAIN) {
		w->look_ns = now + RETRY_NS;
		return 0;
	}
	if (seen > 0) {
		for (size_t i = 1; i < N_HORIZONS; i++)
			if (w->horizons[i].tally)
				tally_follow(w->horizons[i].tally, t);
		note_peaks(w);
	}
	return seen < 0 ? seen : 0;
}

/* What has changed little for long is read less often. */
static uint64_t next_reading(const struct watching *w, uint64_t now)
{
	uint64_t wait = (now - w->horizons[WHOLE].start_ns) / READING_PARTS;

	if (wait > RARE_READING_NS)
		wait = RARE_READING_NS;
	return now + (wait > w->reading_ns ? wait : w->reading_ns);
}

/* ---- goroutines ------------------------------------------------------------------------------ */

static size_t state_index(struct watching *w, const char *state)
{
	for (size_t i = 0; i < w->n_states; i++)	/* a few dozen wait reasons at most */
		if (!strcmp(w->states[i], state))
			return i;
	w->states = xreallocarray(w->states, w->n_states + 1, sizeof(*w->states));
	w->states[w->n_states] = xstrdup(state);
	return w->n_states++;
}

static void add_goroutine(struct watching *w, const struct goroutine *g, uint64_t now)
{
	bool is_new;
	struct group *to = table_put(&w->groups, g->gopc, &is_new);
	size_t state = state_index(w, g->state);

	if (!to) {
		w->n_gos_lost++;
		return;
	}
	if (is_new)
		to->first_ns = now;
	to->startpc = g->startpc;
	to->live++;
	to->waiting[waitreason_class(g->state)]++;
	if (to->votes == 0)		/* R. S. Boyer and J. S. Moore's majority vote */
		to->state = state;
	to->votes += to->state == state ? 1 : (size_t)-1;
	if (g->waitsince_ns && (!to->waits_since_ns || g->waitsince_ns < to->waits_since_ns))
		to->waits_since_ns = g->waitsince_ns;
}

/* How many are in the state that most are in, and how many there have been at most. */
static void finish_groups(struct watching *w, const struct goroutines *gs)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct group *g = gs->v[i].gopc ? table_find(&w->groups, gs->v[i].gopc) : NULL;

		if (g && !gs->v[i].system && !strcmp(w->states[g->state], gs->v[i].state))
			g->n_state++;
	}
	for (struct group *g = table_next(&w->groups, NULL); g; g = table_next(&w->groups, g))
		if (g->live > g->peak)
			g->peak = g->live;
}

static void begin_groups(struct watching *w)
{
	for (struct group *g = table_next(&w->groups, NULL); g; g = table_next(&w->groups, g)) {
		g->live = g->n_state = g->votes = 0;
		g->waits_since_ns = 0;
		memset(g->waiting, 0, sizeof(g->waiting));
	}
	w->n_goroutines = w->n_gos_lost = 0;
}

/* The main goroutine, which nobody has started, is none that comes and goes. */
static void take_table(struct watching *w, const struct goroutines *gs, uint64_t now)
{
	begin_groups(w);
	for (size_t i = 0; i < gs->n; i++) {
		w->n_goroutines += !gs->v[i].system;
		if (!gs->v[i].system && gs->v[i].gopc)
			add_goroutine(w, &gs->v[i], now);
	}
	w->n_goroutines += gs->n_left_out;
	w->n_tables_lost += gs->n_left_out || gs->n_unreadable;
	finish_groups(w, gs);
	for (size_t i = 0; i < N_HORIZONS; i++)
		if (w->horizons[i].roster)
			roster_read(w->horizons[i].roster, gs, now);
	w->table_ns = now;
}

static void read_table(struct watching *w, uint64_t now)
{
	const struct goroutines_limits limits = { .max_bytes = w->opt.memory_bytes };
	uint64_t begin = cpu_ns();
	struct goroutines gs;

	if (!due(w, &w->table, &table_price, now))
		return;
	if (!gomem_goroutines(process_gomem(w->p), false, &limits, &gs)) {
		if (!process_gone(w->p))
			take_table(w, &gs, now);
		goroutines_free(&gs);
	}
	done(&w->table, begin, next_reading(w, now));
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void read_memory(struct watching *w, uint64_t now)
{
	struct memory_account *m = &w->told.memory;
	const int64_t not_resident = m->not_resident;
	uint64_t begin = cpu_ns();
	bool read = process_memory(w->p, m);

	done(&w->reading, begin, next_reading(w, now));
	if (!read)
		return;
	m->not_resident = not_resident;
	begin = cpu_ns();
	if (due(w, &w->mappings, &mappings_price, now)) {
		process_mappings(w->p, m);
		done(&w->mappings, begin, next_reading(w, now));
	}
	for (size_t i = 0; i < N_HORIZONS; i++)
		if (w->horizons[i].memory)
			readings_add(w->horizons[i].memory, m, now);
	w->memory_ns = now;
}

/* ---- the judgement --------------------------------------------------------------------------- */

/* Load matters to what grows only. */
static void fill_class(const struct horizon *h, unsigned i, struct judge_class *c)
{
	*c = (struct judge_class){ .object_bytes = tally_object_bytes(h->tally, i) };
	tally_growth(h->tally, i, &c->bytes);
	if (!(c->bytes.values.value > 0))
		return;
	tally_load(h->tally, i, c->load);
	for (size_t k = 0; k < ARRAY_SIZE(c->load); k++)
		c->load[k] = isnan(c->load[k]) ? 0 : c->load[k];
}

static void fill_groups(struct watching *w, struct horizon *h)
{
	size_t n = 0;

	h->groups = xcalloc(w->groups.n, sizeof(*h->groups));
	h->flows = xcalloc(w->groups.n, sizeof(*h->flows));
	for (const struct group *g = table_next(&w->groups, NULL); g;
	     g = table_next(&w->groups, g)) {
		struct judge_group *to = &h->groups[n];

		window_flow(roster_window(h->roster), g->key, &h->flows[n]);
		to->goroutines = &h->flows[n++];
		to->finding = NO_FINDING;
		memcpy(to->waiting, g->waiting, sizeof(to->waiting));
	}
}

static void judge_horizon(struct watching *w, struct horizon *h)
{
	struct judge_input in = {
		.limits = { w->opt.min_cycles, w->opt.min_s },
		.classes = h->classes, .n_classes = N_CLASSES, .heap = &h->heap,
		.n_groups = w->groups.n,
	};
	struct judge_result out;

	for (unsigned i = 0; i < N_CLASSES; i++) {
		fill_class(h, i, &h->classes[i]);
		h->classes[i].worn = w->worn[i];
	}
	fill_class(h, ALL, &h->heap);
	fill_groups(w, h);
	in.groups = h->groups;
	window_span(roster_window(h->roster), &in.groups_span);
	judge(&in, &out);
	h->worst = out.verdict;
	free(out.findings);
}

/* What all of the time says, and what the recent window does; higher: more there is than ever
 * before that. */
static struct judgement join(const struct judgement *all, const struct judgement *now, bool higher)
{
	struct judgement is = *all;

	if (now->verdict > all->verdict && now->verdict >= VERDICT_GROWING && higher)
		return *now;
	if (all->verdict >= VERDICT_GROWING && now->verdict < VERDICT_GROWING &&
	    now->verdict != VERDICT_TOO_FEW && now->rate.high < all->rate.low) {
		is = *now;
		is.verdict = VERDICT_PLATEAU;
	}
	return is;
}

/* As long as too little is known of the heap, what does not grow tells nothing of all. */
static void take_worse(struct watching *w, enum verdict v)
{
	if (v >= VERDICT_GROWING && v > w->told.verdict)
		w->told.verdict = v;
}

static void tell_class(struct watching *w, unsigned i, const struct horizon *now)
{
	const struct horizon *all = &w->horizons[WHOLE];
	struct watched_class c = { .size = golayout_class_size(i),
				   .live_bytes = tally_live_bytes(all->tally, i),
				   .is = all->classes[i].is };

	if (now)
		c.is = join(&c.is, &now->classes[i].is, c.live_bytes > now->peak[i]);
	take_worse(w, c.is.verdict);
	if (c.live_bytes || c.is.verdict >= VERDICT_GROWING)
		w->told.classes[w->told.n_classes++] = c;
}

static void tell_heap(struct watching *w, const struct horizon *now)
{
	const struct horizon *all = &w->horizons[WHOLE];
	struct watched *t = &w->told;

	t->n_cycles = tally_cycles(all->tally, &t->n_missed);
	t->live_bytes = tally_live_bytes(all->tally, ALL);
	t->heap = all->heap.is;
	if (now)
		t->heap = join(&t->heap, &now->heap.is, t->live_bytes > now->peak[ALL]);
	take_worse(w, t->heap.verdict);
	t->n_classes = 0;
	for (unsigned i = 1; i < N_CLASSES; i++)
		tell_class(w, i, now);
	tell_class(w, 0, now);
}

static int by_growth(const void *a, const void *b)
{
	const struct watched_go *x = a, *y = b;

	if (x->is.verdict != y->is.verdict)
		return x->is.verdict < y->is.verdict ? 1 : -1;
	if (x->is.rate.low != y->is.rate.low)
		return x->is.rate.low < y->is.rate.low ? 1 : -1;
	return x->live != y->live ? (x->live < y->live ? 1 : -1) : (x->gopc > y->gopc) * 2 - 1;
}

static void tell_gos(struct watching *w, const struct horizon *now, uint64_t time_ns)
{
	const struct horizon *all = &w->horizons[WHOLE];
	size_t recent = now ? (size_t)(now - w->horizons) : 0, n = 0;
	struct watched *t = &w->told;

	free(t->gos);
	t->gos = xcalloc(w->groups.n, sizeof(*t->gos));
	for (const struct group *g = table_next(&w->groups, NULL); g;
	     g = table_next(&w->groups, g), n++) {
		struct watched_go *to = &t->gos[n];

		*to = (struct watched_go){
			.gopc = g->key, .startpc = g->startpc, .live = g->live,
			.state = g->live ? w->states[g->state] : NULL, .n_state = g->n_state,
			.longest_wait_s = g->waits_since_ns && g->waits_since_ns < time_ns ?
					  (double)(time_ns - g->waits_since_ns) / 1e9 : -1,
			.since_s = (double)(time_ns - g->first_ns) / 1e9,
			.suppressed = g->suppressed,
			.is = all->groups[n].is,
		};
		if (now)
			to->is = join(&to->is, &now->groups[n].is, g->live > g->before[recent]);
		take_worse(w, to->is.verdict);
	}
	t->n_gos = n;
	if (n)
		qsort(t->gos, n, sizeof(*t->gos), by_growth);
}

/* Which files say so has to be found anew each time, in lists as long as there are cgroups. */
static void read_limit(struct watching *w, uint64_t now)
{
	if (w->limit_ns && now - w->limit_ns < RARE_READING_NS)
		return;
	w->limit = (struct memlimit){ 0 };
	memlimit_read("", target_pid(process_target(w->p)), &w->limit);
	w->limit_ns = now;
}

/* What is left to the limit is shared with all who use it. */
static void tell_memory(struct watching *w, const struct horizon *now)
{
	const struct readings *readings = (now ? now : &w->horizons[WHOLE])->memory;
	struct watched *t = &w->told;
	struct memory_history history;
	const struct memlimit *limit = &w->limit;
	uint64_t room = 0;

	if (limit->bytes)
		room = limit->bytes > limit->used ? limit->bytes - limit->used : 1;
	t->limit_bytes = limit->bytes;
	t->limit_used = limit->used;
	t->limit_of = limit->of;
	readings_history(readings, &t->memory, &history);
	memory_tell(&history, &t->heap, t->verdict, room ? t->memory.rss + room : 0, &t->does);
}

static void free_groups(struct horizon *h)
{
	free(h->groups);
	free(h->flows);
	h->groups = NULL;
	h->flows = NULL;
}

static void judge_all(struct watching *w, uint64_t now)
{
	struct horizon *all = &w->horizons[WHOLE], *late = recent(w, now);
	uint64_t begin = cpu_ns();

	judge_horizon(w, all);
	if (late)
		judge_horizon(w, late);
	w->told.verdict = all->worst < VERDICT_GROWING ? all->worst : VERDICT_STEADY;
	tell_heap(w, late);
	tell_gos(w, late, now);
	if (w->memory_ns) {
		read_limit(w, now);
		tell_memory(w, late);
	}
	free_groups(all);
	if (late)
		free_groups(late);
	done(&w->judging, begin, next_reading(w, now));
}

/* ---- all of it ------------------------------------------------------------------------------- */

void watching_new(struct watching **out, struct process *p, const struct watching_options *opt,
		  uint64_t now_ns)
{
	struct watching *w = xcalloc(1, sizeof(*w));
	double every = opt->min_s * 1e9 / READINGS;

	w->p = p;
	w->opt = *opt;
	w->census_known = true;
	w->reading_ns = (uint64_t)fmin(fmax(every, MIN_READING_NS), MAX_READING_NS);
	w->n_goroutines = UNKNOWN_U64;
	w->told.memory.rss = UNKNOWN_U64;
	w->told.min_cycles = opt->min_cycles;
	w->told.growth_cycles = TREND_MIN_CUT;
	w->told.min_s = opt->min_s;
	process_describe(p, &w->told.target);
	w->told.classes = xcalloc(N_CLASSES, sizeof(*w->told.classes));
	table_init(&w->groups, sizeof(struct group), 2 * MAX_FLOWS * sizeof(struct group));
	begin_horizon(w, WHOLE, now_ns);
	*out = w;
}

void watching_free(struct watching *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < N_HORIZONS; i++)
		end_horizon(&w->horizons[i]);
	for (size_t i = 0; i < w->n_states; i++)
		free(w->states[i]);
	free(w->states);
	free(w->told.classes);
	free(w->told.gos);
	table_fini(&w->groups);
	free(w);
}

/* An error is one only if it stays. */
static int failed(struct watching *w, int err, uint64_t now)
{
	if (err == -ESRCH || process_gone(w->p))
		return -ESRCH;
	w->look_ns = now + RETRY_NS;
	return ++w->n_failures < MAX_FAILURES ? 0 : err;
}

static void read_all(struct watching *w, uint64_t now)
{
	turn_horizons(w, now);
	if (due(w, &w->reading, &memory_price, now))
		read_memory(w, now);
	w->reading.next_ns = next_reading(w, now);
	read_table(w, now);
}

bool watching_is_due(uint64_t last_ns, uint64_t next_ns, uint64_t now_ns)
{
	enum { EARLY_PART = 8 };

	return now_ns >= next_ns - (next_ns - last_ns) / EARLY_PART;
}

int watching_turn(struct watching *w, uint64_t now_ns, uint64_t *next_ns)
{
	int err = 0;
	bool judged = false;

	if (watching_is_due(w->looked_ns, w->look_ns, now_ns)) {
		w->looked_ns = now_ns;
		err = process_check(w->p);	/* once; of one just started -EAGAIN */
		if (!err)
			err = look(w, now_ns);
		else
			w->look_ns = now_ns + RETRY_NS;
		if (err == -EAGAIN)
			err = 0;
		else if (!err)
			w->n_failures = 0;
	}
	if (err)
		err = failed(w, err, now_ns);
	if (!err && now_ns >= w->reading.next_ns) {
		if (process_gone(w->p))
			return -ESRCH;
		read_all(w, now_ns);
		judged = due(w, &w->judging, &judging_price, now_ns);
		if (judged)
			watching_judge(w, now_ns);
	}
	*next_ns = w->look_ns < w->reading.next_ns ? w->look_ns : w->reading.next_ns;
	return err ? err : judged;
}

void watching_judge(struct watching *w, uint64_t now_ns)
{
	struct watched *t = &w->told;
	struct window_span span;

	if (now_ns - w->memory_ns > RETRY_NS)
		read_memory(w, now_ns);
	judge_all(w, now_ns);
	t->gone = process_gone(w->p);
	t->age_s = target_age_s(process_target(w->p));
	t->seconds = (double)(now_ns - w->horizons[WHOLE].start_ns) / 1e9;
	t->census_known = w->census_known;
	t->n_goroutines = w->table_ns ? w->n_goroutines : UNKNOWN_U64;
	t->table_age_s = w->table_ns ? (double)(now_ns - w->table_ns) / 1e9 : NAN;
	window_span(roster_window(w->horizons[WHOLE].roster), &span);
	t->n_tables = span.n_looks;
	t->n_tables_lost = w->n_tables_lost;
	t->n_gos_lost = w->n_gos_lost;
	t->cpu_s = (w->reading.spent_ns + w->mappings.spent_ns + w->table.spent_ns +
		    w->judging.spent_ns) / 1e9;
}

void watching_know(struct watching *w, const struct heap_view *growth)
{
	memset(w->worn, 0, sizeof(w->worn));
	for (unsigned i = 0; i < N_CLASSES && growth; i++)
		typegrowth_worn(growth, golayout_class_size(i), &w->worn[i]);
}

void watching_suppress(struct watching *w, uint64_t gopc)
{
	struct group *g = table_find(&w->groups, gopc);

	if (g)
		g->suppressed = true;
	for (size_t i = 0; i < w->told.n_gos; i++)
		w->told.gos[i].suppressed |= w->told.gos[i].gopc == gopc;
}

const struct watched *watching_told(const struct watching *w)
{
	return &w->told;
}
