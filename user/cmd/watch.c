// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch.c - one process, or all Go processes of the host, for days: a line when something changes.
 *
 * Sleeps until the next process is due.  A look at a heap takes seconds where that is large: the
 * other processes get their turns in between.
 */
#include "user/cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "user/arrivals.h"
#include "user/base/limits.h"
#include "user/base/procself.h"
#include "user/base/util.h"
#include "user/changes.h"
#include "user/cmd/ends.h"
#include "user/heapline.h"
#include "user/host.h"
#include "user/lookturn.h"
#include "user/loop.h"
#include "user/naming.h"
#include "user/opts.h"
#include "user/process.h"
#include "user/program.h"
#include "user/report/news.h"
#include "user/stream.h"
#include "user/suppress.h"
#include "user/target.h"
#include "user/watched.h"
#include "user/watching.h"

enum {
	KEY_HEAP = 1, KEY_MEMORY, KEY_CLASS,	/* of changes; go statements have their address */
	TARGET_DESCRIPTORS = 8,			/* of one process that is watched, */
	OWN_DESCRIPTORS = 32,			/* and for all else */
	MIN_CYCLES_BETWEEN = 2,			/* two looks at a heap */
	BETWEEN = 6,				/* part of --min-time that lies between these */
	AGAIN = 10,				/* times --min-time, what grows and is suppressed
						 * is looked at anew: more may have come */
	SHARE = 10,				/* what has less than such a part of what grows is
						 * not told: as of classes */
};

#define SCAN_NS 2000000000ull		/* for processes that have come */
#define SCAN_SHARE 2000			/* times as long as that took it waits for the next time, */
#define LONGEST_SCAN_NS 10000000000ull	/* but not longer */
#define FACTS_NS 300000000000ull	/* for so long what a file tells is kept for the next look */
#define DEFAULT_RATE (100ull << 20)	/* bytes of a heap that are read a second */
#define NEVER UINT64_MAX

/* One process. */
struct one {
	pid_t pid;
	char *comm;
	struct process *p;
	struct watching *w;
	struct naming *naming;
	struct changes changes;
	uint64_t next_ns, turned_ns;	/* of its turns */
	bool told;		/* that it is watched */
	bool judged, gone;	/* since the others got their turns */
	int err;		/* why it cannot be read any more */
	struct heap_line line;
	uint64_t claim_ns;	/* since then its heap waits for the first look; 0: it does not */
	bool growth_untold;	/* that two looks have seen before a leak was told */
	unsigned n_failed;	/* looks in a row */
	uint64_t look_cycles, look_ns;	/* of the last look at its heap */
	uint64_t name_after_ns;	/* no look before */
	uint64_t profile_ns;	/* the program's profile, of which growth was told without a stack,
				 * is looked at again; 0: it is not */
};

struct run {
	const struct opts *o;
	struct loop *loop;
	struct stream out;
	bool file;			/* out: what could not be written to it may be later */
	struct arrivals *arrivals;	/* --all */
	struct suppress *suppress;	/* NULL: nothing */
	struct kept_facts *facts;
	struct one **v;
	size_t n, cap, max;
	uint64_t start_ns, end_ns, scan_ns, report_ns;
	uint64_t first_look_ns;		/* when the last first look at a heap began, */
	double first_look_cpu_s;	/* and what it took */
	bool asked;			/* for a report */
	bool stop, closed;		/* closed: nobody reads any more */
	bool full;			/* told that there are too many */
	bool leaks;			/* one was called */
	int err;
};

/* For how long growth and leaks have to be seen before they are told, in parts of --min-time; and
 * what resident memory grows by, which comes and goes. */
static uint64_t hold_ns(const struct run *r, unsigned state)
{
	static const unsigned parts[] = { [CALM] = 3, [GROWS] = 9, [LEAKS] = 3 };

	return r->o->min_time_ns / parts[state];
}

static struct watching_options watching_options(const struct run *r)
{
	return (struct watching_options){
		.min_cycles = r->o->min_cycles, .min_s = (double)r->o->min_time_ns / 1e9,
		.memory_bytes = r->o->memory_bytes / 100 * TABLE_PERCENT,
	};
}

/* ---- news ------------------------------------------------------------------------------------ */

static int64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What is told goes on a file whole or not at all. */
static int put_text(struct run *r, const char *text, size_t n)
{
	off_t size = r->file ? lseek(r->out.fd, 0, SEEK_END) : -1;

	r->out.err = 0;
	stream_write(&r->out, text, n);
	if (r->out.err && size >= 0)
		ftruncate(r->out.fd, size);
	return r->out.err;
}

/* A disk that is full need not stay so for days. */
static void say_unwritten(struct run *r, int err)
{
	const char *path = r->o->outputs[0].path;

	if (err == -EPIPE)
		r->closed = true;
	else if (err != -EINTR && !r->err)	/* a message might wait for the same reader */
		say_error("%s: cannot be written: %s%s", path ? path : "stdout", strerror(-err),
			  r->file ? "; the watch goes on" : "");
	r->err = err == -EPIPE ? 0 : err;
	r->stop |= !r->file;
}

static void put(struct run *r, struct news *n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f;
	int err;

	if (r->closed || (r->err && !r->file))
		return;
	f = open_memstream(&text, &size);
	if (!f)
		out_of_memory();
	n->time_unix_ns = wall_ns();
	err = r->o->json ? news_json(f, n) : news_text(f, n);
	fclose(f);
	if (!err)
		err = put_text(r, text, size);
	if (err)
		say_unwritten(r, err);
	else
		r->err = 0;
	free(text);
}

static void put_of(struct run *r, const struct one *one, struct news *n)
{
	n->pid = (int)one->pid;
	n->comm = one->comm;
	n->w = watching_told(one->w);
	put(r, n);
}

/* Its heap has grown and was not looked at. */
static bool lacks_look(const struct one *one)
{
	return !one->gone && changes_told(&one->changes, KEY_HEAP) >= GROWS &&
	       !naming_looks(one->naming);
}

static struct look_claim claim_of(const struct one *one, uint64_t now)
{
	return (struct look_claim){
		.leaks = changes_told(&one->changes, KEY_HEAP) == LEAKS,
		.bytes_per_s = news_heap_rate(watching_told(one->w)).low,
		.since_ns = one->claim_ns ? one->claim_ns : now,
	};
}

static uint64_t pause_ends_ns(const struct run *r, bool leaks)
{
	return r->first_look_ns + lookturn_pause_ns(r->first_look_cpu_s, leaks);
}

/* The one whose turn it is to be looked at; NULL: there is none now. */
static struct one *next_look(const struct run *r, uint64_t now)
{
	struct look_claim best = { 0 }, claim;
	struct one *next = NULL;

	for (size_t i = 0; i < r->n; i++) {
		struct one *one = r->v[i];

		if (!lacks_look(one) || now < one->name_after_ns)
			continue;
		claim = claim_of(one, now);
		if ((r->n > 1 && now < pause_ends_ns(r, claim.leaks)) ||
		    (next && !lookturn_before(&claim, &best, now)))
			continue;
		next = one;
		best = claim;
	}
	return next;
}

/* For first looks at the heaps of others. */
static bool waits(const struct run *r, const struct one *one)
{
	uint64_t now = now_ns();

	return lacks_look(one) && now >= one->name_after_ns && next_look(r, now) != one;
}

static void put_report(struct run *r, struct one *one, bool last)
{
	double seconds = (double)(now_ns() - r->start_ns) / 1e9;
	struct watched_growth growth;
	struct news n = {
		.kind = NEWS_REPORT, .waits = waits(r, one), .brief = r->n > 1,
		.n_watched = last ? r->n : 0, .own_rss = procself_rss(),
		.own_cpu_percent = procself_cpu_s() / seconds * 100,
	};

	watching_judge(one->w, now_ns());
	naming_growth(one->naming, &growth);
	if (growth.types)
		n.growth = &growth;
	put_of(r, one, &n);
}

static void report_all(struct run *r)
{
	for (size_t i = 0; i < r->n && !r->closed; i++)
		put_report(r, r->v[i], i + 1 == r->n);
}

/* ---- what it is that grows ------------------------------------------------------------------- */

/* Ended early by what ends all of it; while it goes on the others are not forgotten. */
static void turn_due(struct run *r);

static bool interrupted(void *ctx)
{
	struct run *r = ctx;

	turn_due(r);
	return loop_interrupted(r->loop);
}

static void looks_took(struct one *one, uint64_t begin_ns, double cpu_s)
{
	one->name_after_ns = begin_ns + lookturn_rest_ns(cpu_s, one->n_failed);
}

static int look_at_heap(struct run *r, struct one *one)
{
	const struct watched *w = watching_told(one->w);
	uint64_t begin = now_ns();
	double cpu = naming_cpu_s(one->naming);
	bool first = naming_looks(one->naming) == 0;
	struct watched_growth growth;
	int err;

	err = naming_look(one->naming, w);
	cpu = naming_cpu_s(one->naming) - cpu;
	one->n_failed = err ? one->n_failed + 1 : 0;
	looks_took(one, begin, cpu);
	if (first) {
		r->first_look_ns = begin;
		r->first_look_cpu_s = cpu;
	}
	if (err)
		say_verbose("the heap of process %d cannot be looked at: %s", (int)one->pid,
			    strerror(-err));
	if (err)
		return err;
	one->look_ns = begin;
	one->look_cycles = w->n_cycles;
	naming_growth(one->naming, &growth);
	if (growth.types)
		watching_know(one->w, growth.types);
	return 0;
}

static void forget_growth(struct one *one)
{
	naming_forget(one->naming);
	watching_know(one->w, NULL);
	one->growth_untold = false;
	one->profile_ns = 0;
}

static uint64_t look_again_ns(const struct run *r, const struct one *one)
{
	uint64_t soon = now_ns() + r->o->min_time_ns / BETWEEN;

	return soon > one->name_after_ns ? soon : one->name_after_ns;
}

/* What grows in its heap is told with its goroutines. */
static bool is_of_goroutines(const struct one *one)
{
	enum verdict goroutines;

	return news_heap_of_goroutines(watching_told(one->w), &goroutines);
}

/* It would be, but too little is known of them yet. */
static bool waits_for_goroutines(const struct one *one)
{
	enum verdict goroutines;

	return changes_told(&one->changes, KEY_HEAP) > one->line.shown &&
	       news_heap_of_goroutines(watching_told(one->w), &goroutines) &&
	       goroutines < VERDICT_GROWING;
}

static void put_growth(struct run *r, struct one *one)
{
	const struct heap_row *rows[NEWS_TYPES];
	struct watched_growth growth;
	struct news n = { .kind = NEWS_GROWTH, .growth = &growth };

	one->growth_untold = false;
	naming_growth(one->naming, &growth);
	if (is_of_goroutines(one) && !growth.n_stacks &&
	    !news_types(watching_told(one->w), &growth, rows))
		return;			/* but what the runtime keeps for them */
	one->profile_ns = growth.profiled && !growth.n_stacks ? look_again_ns(r, one) : 0;
	put_of(r, one, &n);
}

/* Once the program's profile has the samples for it, growth is told again, with its stacks. */
static void look_at_profile(struct run *r, struct one *one)
{
	struct watched_growth growth;
	double cpu = naming_cpu_s(one->naming);
	uint64_t begin = now_ns();

	naming_profile(one->naming);
	looks_took(one, begin, naming_cpu_s(one->naming) - cpu);
	naming_growth(one->naming, &growth);
	if (growth.n_stacks)
		put_growth(r, one);
	else
		one->profile_ns = look_again_ns(r, one);
}

static void put_heap(struct run *r, struct one *one)
{
	struct news n = {
		.kind = NEWS_HEAP, .waits = waits(r, one),
		.taken_back = one->line.shown == LEAKS,
	};

	heapline_told(&one->line, changes_told(&one->changes, KEY_HEAP),
		      news_leaking(watching_told(one->w)));
	r->leaks |= one->line.shown == LEAKS;
	put_of(r, one, &n);
}

/* By two looks.  Where nothing grew between them, what was accepted before still is. */
static bool is_accepted(const struct one *one)
{
	struct watched_growth growth;
	double told, suppressed;

	naming_growth(one->naming, &growth);
	news_growth_split(watching_told(one->w), &growth, &told, &suppressed);
	return told + suppressed > 0 ? told * SHARE < told + suppressed : one->line.accepted;
}

static void tell_growth(struct run *r, struct one *one)
{
	if (!r->suppress || !is_accepted(one)) {
		if (r->suppress && !is_of_goroutines(one))
			put_heap(r, one);
		put_growth(r, one);
		return;
	}
	if (!one->line.accepted)
		say_verbose("pid %d (%s): what grows in its heap is suppressed", (int)one->pid,
			    one->comm);
	one->line.held = false;
	one->line.accepted = true;
}

/* What it is has to be known before a leak is told: not all that grows is one. */
static bool may_be_told(const struct one *one)
{
	return changes_told(&one->changes, KEY_HEAP) < LEAKS && !one->line.accepted &&
	       news_heap_verdict(watching_told(one->w)) == VERDICT_LEAK;
}

/* Enough may have been added to what the last look saw. */
static bool next_look_due(const struct run *r, const struct one *one, uint64_t now)
{
	const struct watched *w = watching_told(one->w);
	unsigned looks = naming_looks(one->naming);
	bool leaks = changes_told(&one->changes, KEY_HEAP) == LEAKS, soon = may_be_told(one);
	uint64_t gap = one->line.held || looks == 1 ? r->o->min_time_ns / BETWEEN :
		       soon ? r->o->min_time_ns : r->o->min_time_ns * AGAIN;

	if (!one->line.held && !one->line.accepted && !soon && (!leaks || looks != 1))
		return false;
	return now - one->look_ns >= gap && w->n_cycles - one->look_cycles >= MIN_CYCLES_BETWEEN &&
	       (looks == 1 || now >= one->name_after_ns);
}

/* What was held back until it is known must not wait for what cannot be. */
static void look_and_tell(struct run *r, struct one *one)
{
	bool early = may_be_told(one) && !one->line.held;
	int err = look_at_heap(r, one);

	if (!err && naming_looks(one->naming) == 2 && early)
		one->growth_untold = true;
	else if (!err && naming_looks(one->naming) == 2)
		tell_growth(r, one);
	if (err && err != -EINTR &&
	    (one->line.held || (one->line.accepted && err != -ESRCH)))
		put_heap(r, one);
}

/* The first look, when growth has shown itself, at one heap of those that lack it. */
static void look_first(struct run *r)
{
	struct one *one = next_look(r, now_ns());

	if (one)
		look_and_tell(r, one);
}

/* Another look when it is a leak, or held back for what it may be, and enough has been added; what
 * is held back does not wait for others with the first. */
static void name_growth(struct run *r, struct one *one)
{
	unsigned state = changes_told(&one->changes, KEY_HEAP), looks = naming_looks(one->naming);
	uint64_t now = now_ns();

	if (state == CALM && looks == 1)
		forget_growth(one);
	if (state == LEAKS && one->growth_untold)
		tell_growth(r, one);
	one->claim_ns = !lacks_look(one) ? 0 : one->claim_ns ? one->claim_ns : now;
	if (state >= GROWS && looks == 0) {
		if (one->line.held && now >= one->name_after_ns)
			look_and_tell(r, one);
	} else if (state >= GROWS && next_look_due(r, one, now)) {
		look_and_tell(r, one);
	} else if (state == LEAKS && one->profile_ns && now >= one->profile_ns) {
		look_at_profile(r, one);
	}
}

/* ---- what has changed ------------------------------------------------------------------------ */

static unsigned state_of(enum verdict v)
{
	return v == VERDICT_LEAK ? LEAKS : v == VERDICT_GROWING ? GROWS : CALM;
}

/* What leaks has changed for long enough, and is not what was told last: a line names all classes
 * that leak when it is told, those that have not done so for long as well. */
static bool classes_changed(struct run *r, struct one *one, const struct watched *w, uint64_t now)
{
	bool changed = false;

	for (size_t i = 0; i < w->n_classes; i++)
		changed |= changes_tell(&one->changes, KEY_CLASS + w->classes[i].size,
					news_leaks(w, &w->classes[i]), hold_ns(r, LEAKS), now);
	return changed && news_leaking(w) != one->line.leaking;
}

static void tell_heap(struct run *r, struct one *one, const struct watched *w, uint64_t now)
{
	unsigned state = state_of(news_heap_verdict(w));
	struct heap_change c = {
		.of_goroutines = is_of_goroutines(one), .suppresses = r->suppress,
		.leaking = news_leaking(w),
	};
	bool anew, due;

	c.changed = changes_tell(&one->changes, KEY_HEAP, state, hold_ns(r, state), now);
	c.other_classes = classes_changed(r, one, w, now) && state == LEAKS;
	c.told = changes_told(&one->changes, KEY_HEAP);
	due = heapline_is_due(&one->line, &c, &anew);
	if (anew)
		forget_growth(one);
	if (due)
		put_heap(r, one);
}

static void tell_goroutines(struct run *r, struct one *one, const struct watched_go *go,
			    uint64_t now)
{
	struct watched_places places;
	struct news n = { .kind = NEWS_GOROUTINES, .go = go };
	unsigned state = state_of(go->is.verdict);

	if (!changes_tell(&one->changes, go->gopc, state, hold_ns(r, state), now))
		return;
	if (!naming_goroutines(one->naming, go->gopc, go->startpc, &places))
		n.places = &places;
	if (r->suppress && suppress_started(r->suppress, &places.created)) {
		say_verbose("pid %d (%s): goroutines of a go statement are suppressed",
			    (int)one->pid, one->comm);
		watching_suppress(one->w, go->gopc);
		return;
	}
	put_of(r, one, &n);
	r->leaks |= state == LEAKS;
}

/* What the heap and goroutines say is not said again of memory; and what has just begun to be
 * watched is given time. */
static void tell_memory(struct run *r, struct one *one, const struct watched *w, uint64_t now)
{
	const struct diagnosis *d = &w->does;
	bool grows = news_memory_grows(w) &&
		     w->seconds >= 2 * (double)r->o->min_time_ns / 1e9;
	struct news n = { .kind = NEWS_MEMORY };

	if (changes_tell(&one->changes, KEY_MEMORY, grows ? 1 + d->cause : 0, r->o->min_time_ns,
			 now))
		put_of(r, one, &n);
}

static void tell(struct run *r, struct one *one)
{
	const struct watched *w = watching_told(one->w);
	struct news begin = { .kind = NEWS_BEGIN };
	uint64_t now = now_ns();

	if (!one->told)
		put_of(r, one, &begin);
	one->told = true;
	for (size_t i = 0; i < w->n_gos; i++) {
		/* Its own turn may come while its stacks are read, and judge all of them anew. */
		const struct watched_go go = w->gos[i];

		tell_goroutines(r, one, &go, now);
	}
	tell_heap(r, one, w, now);
	tell_memory(r, one, w, now);
	name_growth(r, one);
}

/* ---- processes that come and go -------------------------------------------------------------- */

static void drop(struct run *r, struct one *one)
{
	naming_free(one->naming);
	watching_free(one->w);
	process_close(one->p);
	changes_fini(&one->changes);
	arrivals_gone(r->arrivals, one->pid);
	free(one->comm);
	free(one);
}

static void add(struct run *r, struct process *p, pid_t pid, const char *comm)
{
	const struct watching_options opt = watching_options(r);
	const struct naming_options naming = {
		.rate = r->o->read_rate ? r->o->read_rate : DEFAULT_RATE,
		.memory_bytes = r->o->memory_bytes, .suppress = r->suppress, .facts = r->facts,
		.interrupted = interrupted, .ctx = r,
	};
	struct one *one = xcalloc(1, sizeof(*one));

	one->pid = pid;
	one->comm = xstrdup(comm);
	one->p = p;
	watching_new(&one->w, p, &opt, now_ns());
	naming_new(&one->naming, p, &naming);
	changes_init(&one->changes);
	r->v = grow(r->v, r->n, &r->cap, sizeof(*r->v));
	r->v[r->n++] = one;
}

static const char *why_gone(struct one *one)
{
	const char *gone = process_gone(one->p);

	return gone ? gone : one->err == -ESRCH ? "exited" : strerror(-one->err);
}

/* Its last reading is told; of one of many of which nothing was told, nothing is. */
static void end(struct run *r, size_t i)
{
	struct one *one = r->v[i];
	struct news n = { .kind = NEWS_END, .why = why_gone(one), .brief = r->arrivals };

	watching_judge(one->w, now_ns());
	if (one->line.held || waits_for_goroutines(one))
		put_heap(r, one);
	if (one->told || !r->arrivals)
		put_of(r, one, &n);
	r->v[i] = r->v[--r->n];
	drop(r, one);
}

static void arrived(void *ctx, pid_t pid, struct process *p, const char *comm, const char *why)
{
	struct run *r = ctx;
	struct news n = { .kind = NEWS_REFUSED, .pid = (int)pid, .comm = comm, .why = why };

	if (p)
		add(r, p, pid, comm);
	else
		put(r, &n);
}

static void scan(struct run *r, uint64_t now)
{
	double begin = procself_cpu_s();
	int err = arrivals_look(r->arrivals, now, r->max, arrived, r);
	uint64_t took = (uint64_t)((procself_cpu_s() - begin) * 1e9);

	took *= SCAN_SHARE;
	took = took < SCAN_NS ? SCAN_NS : took > LONGEST_SCAN_NS ? LONGEST_SCAN_NS : took;
	r->scan_ns = now + took;
	if (err == -EMFILE && !r->full) {
		say("no more than %zu processes are watched%s; others are left out", r->max,
		    r->max < MAX_WATCHED ? ", as many as there are descriptors for (ulimit -n)" :
					   "");
		r->full = true;
	}
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void turn(struct one *one, uint64_t now)
{
	int judged = watching_turn(one->w, now, &one->next_ns);

	one->turned_ns = now;
	one->judged |= judged > 0;
	if (judged < 0) {
		one->gone = true;
		one->err = judged;
		one->next_ns = NEVER;
	}
}

static bool due(const struct one *one, uint64_t now)
{
	return !one->gone && watching_is_due(one->turned_ns, one->next_ns, now);
}

/* All that are due; what there is to be told of them is told later. */
static void turn_due(struct run *r)
{
	uint64_t now = now_ns();

	for (size_t i = 0; i < r->n; i++)
		if (due(r->v[i], now))
			turn(r->v[i], now);
}

static void tell_all(struct run *r)
{
	for (size_t i = 0; i < r->n && !r->stop; i++) {
		if (r->v[i]->judged && !r->v[i]->gone) {
			r->v[i]->judged = false;
			tell(r, r->v[i]);
		}
	}
	for (size_t i = r->n; i-- > 0;)
		if (r->v[i]->gone)
			end(r, i);
}

static uint64_t next_turn(const struct run *r)
{
	uint64_t next = r->end_ns < r->scan_ns ? r->end_ns : r->scan_ns;

	next = r->report_ns < next ? r->report_ns : next;
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->next_ns < next)
			next = r->v[i]->next_ns;
	return next;
}

static bool report_due(struct run *r, uint64_t now)
{
	bool due = r->asked || now >= r->report_ns;

	r->asked = false;
	if (now >= r->report_ns)
		r->report_ns = next_due(r->report_ns, r->o->interval_ns, now);
	return due;
}

static int follow(struct run *r)
{
	int err = 0;

	while (!err && !r->stop) {
		uint64_t now;

		turn_due(r);
		tell_all(r);
		if (!r->stop)
			look_first(r);
		now = now_ns();
		kept_facts_drop(r->facts, now > FACTS_NS ? now - FACTS_NS : 0);
		if (now >= r->scan_ns)
			scan(r, now);
		if (report_due(r, now))
			report_all(r);
		if (now >= r->end_ns || (!r->arrivals && !r->n))
			break;
		err = loop_wait_until(r->loop, next_turn(r));
	}
	return err;
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void on_end(void *ctx, int signo, bool from_terminal)
{
	struct run *r = ctx;

	r->stop = true;
	if (from_terminal && isatty(STDERR_FILENO))	/* the terminal has shown ^C there */
		fputc('\n', stderr);
}

static void on_ask(void *ctx, int signo, bool from_terminal)
{
	struct run *r = ctx;

	r->asked = true;
}

/* The reader of our pipe has gone, though there was nothing to write. */
static void on_closed(void *ctx)
{
	struct run *r = ctx;

	r->closed = r->stop = true;
}

static int open_loop(struct run *r)
{
	const struct ends ends = { .on_end = on_end, .on_ask = on_ask, .ctx = r };
	struct stat st;
	int err = ends_open(&r->loop, &ends);

	if (err || r->o->outputs[0].path || fstat(STDOUT_FILENO, &st) || !S_ISFIFO(st.st_mode))
		return err;
	/* of the end of a pipe that is written to, only that nobody reads it is ever told */
	err = loop_add(r->loop, STDOUT_FILENO, on_closed, r);
	if (err)
		say_error("stdout: cannot be waited for: %s", strerror(-err));
	return err;
}

static int open_file(struct run *r, const char *path)
{
	int err = stream_check_path(path);

	if (err)
		return err;
	r->out.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (r->out.fd >= 0)
		return 0;
	say_error("%s: %s", path, strerror(errno));
	return -errno;
}

/* A reader that takes nothing keeps no signal from its work, and no process from its turn. */
static int open_output(struct run *r)
{
	const char *path = r->o->outputs[0].path;
	struct stat st;
	int err = 0;

	r->out = (struct stream){ .fd = STDOUT_FILENO, .interrupted = interrupted, .ctx = r };
	if (path)
		err = open_file(r, path);
	r->file = !err && !fstat(r->out.fd, &st) && S_ISREG(st.st_mode);
	return err;
}

/* Timers are to be on time, or a mark phase is seen late; and of each process some descriptors are
 * held. */
static void prepare(struct run *r)
{
	const rlim_t wanted = (rlim_t)MAX_WATCHED * TARGET_DESCRIPTORS + OWN_DESCRIPTORS;
	struct rlimit files;

	r->max = MAX_WATCHED;
	kept_facts_new(&r->facts, r->o->memory_bytes / 100 * FACTS_PERCENT);
	prctl(PR_SET_TIMERSLACK, 1);
	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < wanted)
		r->max = files.rlim_cur < OWN_DESCRIPTORS + TARGET_DESCRIPTORS ? 1 :
			 (files.rlim_cur - OWN_DESCRIPTORS) / TARGET_DESCRIPTORS;
}

static int begin(struct run *r)
{
	struct process *p;
	int err = 0;

	r->start_ns = now_ns();
	r->end_ns = r->o->duration_ns ? r->start_ns + r->o->duration_ns : NEVER;
	loop_interrupt_at(r->loop, r->end_ns);
	r->report_ns = r->o->interval_ns ? r->start_ns + r->o->interval_ns : NEVER;
	r->scan_ns = NEVER;
	if (r->o->all) {
		arrivals_new(&r->arrivals);
		scan(r, r->start_ns);
		say("watching %zu Go processes, and those that come; Ctrl-C ends and reports",
		    r->n);
		host_say_hidden(arrivals_hidden(r->arrivals));
		return 0;
	}
	err = process_open(&p, r->o->pid);
	if (err)
		return err;
	add(r, p, r->o->pid, target_comm(process_target(p)));
	say("watching pid %d (%s); Ctrl-C ends and reports", (int)r->o->pid, r->v[0]->comm);
	return 0;
}

/* Nobody looks any more at what it may be. */
static void put_held(struct run *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i]->line.held || waits_for_goroutines(r->v[i]))
			put_heap(r, r->v[i]);
}

static void close_all(struct run *r)
{
	while (r->n) {
		r->n--;
		drop(r, r->v[r->n]);
	}
	free(r->v);
	arrivals_free(r->arrivals);
	kept_facts_free(r->facts);
	if (r->out.fd > STDERR_FILENO)
		close(r->out.fd);
	loop_close(r->loop);
	if (r->suppress)
		suppress_say_unused(r->suppress);
	suppress_free(r->suppress);
}

static int watch(const struct opts *o)
{
	struct run r = { .o = o };
	bool gone = false;
	int err = o->suppress ? suppress_read(&r.suppress, o->suppress) : 0;

	if (!err)
		err = open_loop(&r);
	prepare(&r);
	if (!err)
		err = open_output(&r);
	if (!err)
		err = begin(&r);
	if (!err)
		err = follow(&r);
	if (!err) {
		gone = !o->all && !r.n;
		loop_interrupt_at(r.loop, 0);	/* who reads it may take its time */
		put_held(&r);
		report_all(&r);
		err = r.err;
	}
	close_all(&r);
	if (err)
		return EXIT_FAILED;
	return o->fail_on_leak && r.leaks ? EXIT_LEAK : gone ? EXIT_GONE : EXIT_DONE;
}

const struct command cmd_watch = {
	.line = { "watch", CMD_WATCH, TAKES_PROCESS | TAKES_ALL },
	.brief = "for days: a line when something begins to grow, and what; no probes",
	.usage = "watch [OPTIONS] -p PID\n"
		 "watch [OPTIONS] --all",
	.help = "Watch a running Go process, or all of this host, for as long as wanted: what\n"
		"grows in its heap by size of object, which go statements start goroutines that\n"
		"stay, what its resident memory grows by. A line tells when something changes;\n"
		"of a leak it is told what leaks, who holds it and which lines allocate it. No\n"
		"probe is planted, nothing is stopped, nothing is written. SIGUSR1 asks for a\n"
		"report, Ctrl-C ends with one. Exit codes: 0 done; 1 usage, or the process\n"
		"cannot be watched; 2 the process of -p has ended; 3 a leak was told of, with\n"
		"--fail-on-leak.",
	.run = watch,
};
