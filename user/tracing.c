// SPDX-License-Identifier: BSD-2-Clause
/*
 * tracing.c - the plan is given to the tracer, its records to track, track's questions to gomem;
 * what they know of one moment is joined in an observation.
 *
 * The order in time matters.  For an observation the runtime's table of goroutines is read first,
 * then the ring is drained, then the snapshot is taken: every goroutine of the table has its start
 * record in the snapshot, if it was seen to start at all.  One that has ended by then stays known
 * until the snapshot (track_hold_ended()).  What is older than the attach is what the table held
 * right after the attach, and not whatever the snapshot does not know.
 */
#include "user/tracing.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "include/gobpfleak.h"
#include "user/aging.h"
#include "user/base/limits.h"
#include "user/base/procself.h"
#include "user/base/table.h"
#include "user/base/util.h"
#include "user/before.h"
#include "user/coverage.h"
#include "user/focus.h"
#include "user/fit.h"
#include "user/flows.h"
#include "user/gclog.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/gomem/census.h"
#include "user/gomem/gomem.h"
#include "user/heap/heap.h"
#include "user/heapgrowth.h"
#include "user/intake.h"
#include "user/judge/series.h"
#include "user/judge/trend.h"
#include "user/judge/window.h"
#include "user/listen.h"
#include "user/objsize.h"
#include "user/observation.h"
#include "user/observe.h"
#include "user/pace.h"
#include "user/probe/plan.h"
#include "user/process.h"
#include "user/readings.h"
#include "user/roster.h"
#include "user/tally.h"
#include "user/target.h"
#include "user/tracer/tracer.h"
#include "user/track/track.h"
#include "user/verify.h"

enum {
	MEMORY_INTERVAL_NS = 500000000,	/* between two readings of the memory figures, */
	MEMORY_AFTER_LOOK_NS = 50000000, /* of which one comes with each collection */
	NEW_STACKS = 1 << 14,		/* waiting to be named; the others are when reported */
	NAMING_NS = 5000000,		/* of each turn */
	MAPPINGS_SHARE = 40,		/* reading mappings may take one in so many of our time */
	ROSTER_NS = 500000000,		/* between two readings of who runs, or more: they may */
	ROSTER_SHARE = 40,		/* take one in so many of our time */
};
#define PRICE_NS 50000000ull		/* that the price is taken over, or more */
#define PRUNE_NS 10000000000ull		/* between two readings of the table to forget who has ended */
#define MAPPINGS_NS 5000000000ull	/* between two readings of the mappings, or more */
#define FOCUS_NS 5000000000ull		/* between two questions what grows, */
#define GROWS_NS 10000000000ull		/* or whether anything does, which takes some 10 ms */
#define BUSY_PROCESSORS 0.25		/* of idle time, all together: then none is idle */
#define WAKES_OF_GOROUTINES 0.5		/* of what hits of goroutines take, where these are few; */
#define WAKES_LEAST 0.25		/* and where they are many: */
#define WAKES_HALVED 50000.0		/* starts a second by which it is half as much */
#define CYCLES_KEY UINT64_MAX		/* in the series of the heap: collections seen by then */

struct tracing {
	struct process *p;
	struct tracing_options opt;
	struct plan plan;
	struct objsize *sizes;
	struct tracer *tracer;
	struct track *track;
	struct aging *aging;		/* NULL: no age is asked for */
	struct series *heap_series;	/* live objects by account, at looks */
	struct series *go_series;	/* running goroutines by stack */
	struct tally *tally;
	struct window *window;		/* births and deaths by account */
	struct roster *roster;		/* those of goroutines; NULL: they are not traced */
	uint64_t roster_next_ns;
	struct budget *budget;
	struct listen *listen;
	struct pace first;		/* as of tracing_new(); time_ns 0: not known, */
	uint64_t first_cpu_ns;		/* the target's processor time by then; 0: not known */
	struct budget_counts counts;	/* as they were last read */
	struct intake *intake;
	bool focus_due;			/* a stretch of bursts has begun */
	uint64_t focus_next_ns;
	bool growing[CENSUS_CLASSES];	/* that windows listen to, as far as there is a choice */
	uint32_t turn_gen;		/* sweepgen as of the turn before */
	uint64_t profile_bytes;		/* between two samples of the runtime's own profiler */
	bool marked;			/* a mark phase has been seen to begin: */
	uint32_t mark_gen;		/* sweepgen during it */
	uint64_t mark_ns;		/* when it began */
	uint64_t attach_ns;
	uint64_t *older;		/* goids in the table right after the attach, rising */
	size_t n_older;
	uint64_t older_starts;		/* how many had been started then; 0: not known */
	uint64_t table_ns;		/* when it was last told which goroutines still run */
	struct before *before;		/* of the heap; NULL: not known */
	uint32_t looked_gen;		/* sweepgen at the attach, then of the last look */
	uint64_t look_next_ns;		/* not before: looks may take a fifth of our time */
	uint64_t look_ns;		/* that the last one took; 0: there was none */
	uint64_t n_unreadable, n_stacks_left_out;	/* at the last reading of the table */
	uint64_t n_looks_failed;
	struct heapgrowth *growth;	/* of the heap by type; NULL: there is no heap */
	uint64_t end_ns;		/* of the trace; 0: not known */
	bool ending;			/* it waits for the last look alone */
	bool early;			/* to tell what of the heap grows */
	bool grows;			/* some size class does, */
	bool grows_in[CENSUS_CLASSES];	/* and which, */
	uint64_t grows_ns;		/* as of then */
	struct memory_account memory;
	uint64_t memory_ns;
	uint64_t mappings_next_ns;
	struct readings *readings;
	struct gclog *gc;		/* NULL: not asked for */
	uint64_t new_stacks[NEW_STACKS];	/* ids, to be handed to opt.new_stack() */
	size_t n_new_stacks;
};

/* ---- new ------------------------------------------------------------------------------------- */

static enum tracer_group group_of(const struct plan_probe *p)
{
	if (p->wire.kind == GL_PROBE_ALLOC)
		return p->profiled ? TRACER_PROFILE : TRACER_HEAP;
	return p->wire.kind == GL_PROBE_GCSTART || p->wire.kind == GL_PROBE_GCEND ?
	       TRACER_COLLECTOR : TRACER_GOROUTINES;
}

static size_t count_probes(const struct tracing *t, enum tracer_group group)
{
	size_t n = 0;

	for (size_t i = 0; i < t->plan.n; i++)
		n += group_of(&t->plan.probes[i]) == group;
	return n;
}

static void new_budget(struct tracing *t)
{
	const struct budget_setup setup = {
		.percent = t->opt.budget_percent, .heap = t->opt.heap,
		.goroutines = t->opt.goroutines, .forced = t->opt.source,
		.distance = t->opt.distance, .can_burst = tracer_can_burst(),
		.processors = (double)sysconf(_SC_NPROCESSORS_ONLN),
		.n_heap = count_probes(t, TRACER_HEAP),
		.n_go = count_probes(t, TRACER_GOROUTINES),
		.seed = table_seed(),
	};

	budget_new(&t->budget, &setup);
}

int tracing_new(struct tracing **out, struct process *p, const struct tracing_options *opt)
{
	const struct plan_wants wants = { .heap = opt->heap, .goroutines = opt->goroutines };
	struct tracing *t = xcalloc(1, sizeof(*t));
	int err;

	t->p = p;
	t->opt = *opt;
	pace_read(p, &t->first);
	target_cpu_ns(process_target(p), &t->first_cpu_ns);
	if (t->opt.source == SOURCE_PROFILE && t->first.counts.time_ns &&
	    !t->first.counts.profile_bytes) {
		say_error("--source profile: the memory profiler of process %d is off, as in every "
			  "program that does not ask for its own profile: leave --source out, or "
			  "give another", (int)target_pid(process_target(p)));
		tracing_free(t);
		return -ENODATA;
	}
	err = plan_make(&t->plan, process_gobin(p), &wants);
	if (!err)
		err = verify_code(p, &t->plan);
	if (!err)
		new_budget(t);
	if (err) {
		tracing_free(t);
		return err;
	}
	*out = t;
	return 0;
}

static bool is_clean(void *ctx)
{
	const struct tracing *t = ctx;

	return verify_clean(t->p, &t->plan);
}

void tracing_free(struct tracing *t)
{
	if (!t)
		return;
	heapgrowth_free(t->growth);
	listen_free(t->listen);
	if (t->tracer)
		tracer_leave(t->tracer, is_clean, t);
	tracer_close(t->tracer);
	intake_free(t->intake);
	track_free(t->track);
	objsize_free(t->sizes);
	aging_free(t->aging);
	series_free(t->heap_series);
	series_free(t->go_series);
	tally_free(t->tally);
	readings_free(t->readings);
	gclog_free(t->gc);
	window_free(t->window);
	roster_free(t->roster);
	budget_drop(t->budget);
	plan_fini(&t->plan);
	before_free(t->before);
	free(t->older);
	free(t);
}

const struct plan *tracing_plan(const struct tracing *t)
{
	return &t->plan;
}

/* What cannot be listened to is not live to us. */
static bool read_pace(struct tracing *t, struct pace *out)
{
	if (!pace_read(t->p, out))
		return false;
	t->counts = out->counts;
	t->profile_bytes = out->counts.profile_bytes;
	if (!count_probes(t, TRACER_PROFILE))
		out->counts.profile_bytes = 0;
	return true;
}

static void wait_until(uint64_t time_ns)
{
	uint64_t now = now_ns(), wait = time_ns > now ? time_ns - now : 0;
	const struct timespec rest = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };

	if (wait)
		nanosleep(&rest, NULL);
}

/* Whether some of the runtime's processors (GOMAXPROCS) had nothing to do, in the mean until now;
 * where that cannot be told: if there is more than one. */
static bool has_idle_processors(const struct tracing *t)
{
	const double all = (double)gomem_processors(process_gomem(t->p));
	const double ns = (double)(now_ns() - t->first.counts.time_ns);
	uint64_t cpu_ns;

	if (all <= 1 || !t->first.counts.time_ns || !t->first_cpu_ns ||
	    target_cpu_ns(process_target(t->p), &cpu_ns))
		return all > 1;
	return (double)(cpu_ns - t->first_cpu_ns) / ns < all - BUSY_PROCESSORS;
}

/* Goroutines a second, in the mean until the counts were last read; 0: not known. */
static double mean_starts(const struct tracing *t)
{
	const struct budget_counts *from = &t->first.counts, *to = &t->counts;

	if (!from->time_ns || to->time_ns <= from->time_ns || to->starts <= from->starts)
		return 0;
	return (double)(to->starts - from->starts) * 1e9 / (double)(to->time_ns - from->time_ns);
}

/*
 * A `go` statement wakes a thread of the runtime where a processor is idle (proc.go, wakep): it looks
 * for work, finds what another one is about to do, and sleeps again; the longer a start takes, the
 * more often.  Who looks already is not woken, so that the more starts there are, the fewer of them
 * wake anybody.  A program that started and awaited 2,000, 10,000, 30,000 and 100,000 goroutines a
 * second with a processor to spare really took 2.1, 1.4, 1.3 and 1.1 times what its hits did, and 1.4
 * times at 480,000, where somebody looks all the time; with GOMAXPROCS=1, or as many busy goroutines
 * as processors, 0.9 to 1.2 (Go 1.26, two processors of AMD Zen 3, virtual).
 */
static double wakes(void *ctx)
{
	if (!has_idle_processors(ctx))
		return 0;
	return fmax(WAKES_OF_GOROUTINES / (1 + mean_starts(ctx) / WAKES_HALVED), WAKES_LEAST);
}

bool tracing_price(struct tracing *t, uint64_t over_ns, struct budget_price *price,
		   struct budget_choice *choice)
{
	struct pace now;

	if (!t->first.counts.time_ns)
		return false;
	wait_until(t->first.counts.time_ns + over_ns);
	if (!read_pace(t, &now))
		return false;
	budget_set_costs(t->budget, &(struct budget_costs){
		.hit = NAN, .dropped = NAN, .planting = NAN, .wakes = wakes(t) });
	budget_price(t->budget, &t->first.counts, &now.counts, price);
	budget_start(t->budget, now.counts.time_ns);
	*choice = *budget_choice(t->budget);
	return true;
}

/* ---- records --------------------------------------------------------------------------------- */

/*
 * What is allocated while the collector marks is marked at once, garbage or not: only the next mark
 * phase says whether it lives, as if it had been born after this one.  The world was stopped when
 * this one began, so records tell by their order which came first.
 */
static struct gl_alloc born_late(const struct tracing *t, const struct gl_alloc *rec)
{
	struct gl_alloc late = *rec;

	if (t->marked && rec->gen == t->mark_gen)
		late.gen += 2;
	return late;
}

/*
 * With which chance the runtime's profiler takes an object of so many bytes, in 2^-32; 0: certain.
 * It draws an exponential distance to the next sample (runtime/malloc.go, nextSample), which has no
 * memory.
 */
static uint32_t chance_of_profiler(uint64_t bytes, uint64_t distance)
{
	double chance = -expm1(-(double)bytes / (double)distance) * 0x1p32;

	if (distance <= 1 || chance >= 0x1p32 - 1)
		return 0;
	return chance < 1 ? 1 : (uint32_t)chance;
}

static void on_alloc(struct tracing *t, const struct gl_alloc *rec)
{
	struct gl_alloc born = born_late(t, rec);
	uint64_t bytes;
	bool tiny;

	if (rec->h.probe >= t->plan.n || !objsize_get(t->sizes, rec, &bytes, &tiny)) {
		track_end(t->track, rec->addr);
		return;
	}
	if (t->plan.probes[rec->h.probe].profiled)
		born.chance = chance_of_profiler(bytes, t->profile_bytes);
	if (intake_alloc(t->intake, &born, bytes, tiny))
		return;
	intake_window(t->intake, listen_window_ns(t->listen), budget_costs(t->budget)->hit, false);
	intake_alloc(t->intake, &born, bytes, tiny);
}

static void on_stack(struct tracing *t, const struct gl_stack *rec)
{
	track_stack(t->track, rec);
	if (t->opt.new_stack && t->n_new_stacks < NEW_STACKS)
		t->new_stacks[t->n_new_stacks++] = rec->id;
}

static void on_gcstart(struct tracing *t, const struct gl_gcstart *rec)
{
	t->marked = true;
	t->mark_gen = rec->gen;
	t->mark_ns = rec->time_ns;
	if (rec->counted && !process_gone(t->p))
		tally_mark(t->tally, rec->gen, rec->time_ns, rec->heapstats);
}

static void on_record(void *ctx, const struct gl_header *rec)
{
	struct tracing *t = ctx;

	switch (rec->kind) {
	case GL_REC_ALLOC:
		on_alloc(t, (const struct gl_alloc *)rec);
		break;
	case GL_REC_STACK:
		on_stack(t, (const struct gl_stack *)rec);
		break;
	case GL_REC_GOSTART:
		track_gostart(t->track, (const struct gl_gostart *)rec, now_ns());
		break;
	case GL_REC_GOEND:
		track_goend(t->track, (const struct gl_goend *)rec);
		break;
	case GL_REC_GCSTART:
		on_gcstart(t, (const struct gl_gcstart *)rec);
		break;
	}
}

/* ---- what track asks ------------------------------------------------------------------------- */

/* What was read counts only if the process is still the same one after it. */
static int alive(void *ctx, struct object *objects, size_t n, uint32_t *gen)
{
	struct tracing *t = ctx;
	int err = gomem_alive(process_gomem(t->p), objects, n, gen);

	return process_gone(t->p) ? -ESRCH : err;
}

static uint64_t lost(void *ctx)
{
	struct tracing *t = ctx;
	uint64_t c[GL_N_COUNTERS];

	tracer_counters(t->tracer, c);
	return c[GL_LOST_RING] + c[GL_LOST_ADDR] + c[GL_LOST_WORK] + tracer_damaged(t->tracer);
}

static void born(void *ctx, uint64_t key, uint64_t birth_ns, double weight)
{
	window_birth(((struct tracing *)ctx)->window, key, birth_ns, weight);
}

static void died(void *ctx, uint64_t key, uint64_t birth_ns, double weight)
{
	window_death(((struct tracing *)ctx)->window, key, birth_ns, weight);
}

static void new_window(struct tracing *t, uint64_t start_ns)
{
	window_free(t->window);
	window_new(&t->window, start_ns, t->opt.memory_bytes / 100 * WINDOW_PERCENT);
}

/* All that lives is older than the new one. */
static void thinned(void *ctx)
{
	struct tracing *t = ctx;
	uint64_t now = now_ns();

	new_window(t, now);
	window_look(t->window, now + 1);
}

static void forget_stack(void *ctx, uint64_t id)
{
	struct tracing *t = ctx;

	tracer_forget_stack(t->tracer, id);
}

static bool interrupted(void *ctx)
{
	struct tracing *t = ctx;

	return t->opt.interrupted && t->opt.interrupted(t->opt.ctx);
}

/* ---- attach and detach ----------------------------------------------------------------------- */

static void find_text(const struct process *p, const char *name, __u64 *addr, __u64 *size)
{
	struct go_func f;

	if (!gobin_find_func(process_gobin(p), name, &f))
		return;
	*addr = f.entry + process_bias(p);
	*size = f.end - f.entry;
}

/* Bytes between SP and the return address in a small function, as they are all but at its begin and
 * end; -1: unknown. */
static int32_t frame_size(const struct gobin *gb, const char *name)
{
	/* a few hundred bytes of code; a forged table may say anything, and take a ms for each pc */
	enum { SMALL = 1024, STEP = 4 };
	int32_t size = -1;
	struct go_func f;

	if (!gobin_find_func(gb, name, &f) || f.end - f.entry > SMALL)
		return -1;
	for (uint64_t pc = f.entry; pc < f.end; pc += STEP) {
		int32_t at = gobin_frame_size(gb, pc);

		size = at > size ? at : size;
	}
	return size;
}

/*
 * Where a stack goes on below a callback from C, see struct gl_config.  Behind the record in which
 * cgocallback returns lie, all on the goroutine's stack: cgocallback's frame, as large as the one it
 * has on the thread's; its return address; and what was there when Go called C, that is the frame of
 * asmcgocall, for which systemstack_switch stands and which begins with a frame record where the
 * latter does (from Go 1.21 on), and that of cgocall.
 */
static void find_callback(const struct process *p, struct gl_config *c)
{
	const struct gobin *gb = process_gobin(p);
	int32_t callback = frame_size(gb, "runtime.cgocallback");
	int32_t goswitch = frame_size(gb, "runtime.systemstack_switch");
	int32_t cgocall = frame_size(gb, "runtime.cgocall");

	if (callback < 0 || goswitch < 0 || cgocall < 0)
		return;
	find_text(p, "runtime.cgocallback", &c->callback, &c->callback_size);
	find_text(p, "runtime.systemstack_switch", &c->goswitch, &c->goswitch_size);
	c->callback_pc = (uint32_t)callback;
	c->callback_frame = (uint32_t)callback + 8 + (uint32_t)(goswitch ? goswitch - 8 : cgocall);
}

static int configure(const struct tracing *t, struct gl_config *c)
{
	const struct target *target = process_target(t->p);
	const struct go_layout *lo = process_layout(t->p);
	uint64_t dev, ino, heapstats = 0;
	size_t heapstats_len;
	uint32_t pid;
	int err = target_pidns(target, &dev, &ino, &pid);

	if (err) {
		say_error("process %d: its pid namespace cannot be read: %s",
			  (int)target_pid(target), strerror(-err));
		return err;
	}
	if (target_pid_is_global()) {	/* the namespace need not be compared */
		dev = ino = 0;
		pid = (uint32_t)target_pid(target);
	}
	if (!census_place(process_gomem(t->p), &heapstats, &heapstats_len) ||
	    heapstats_len > GL_HEAPSTATS_BYTES)
		heapstats_len = 0;
	*c = (struct gl_config){
		.pidns_dev = dev, .pidns_ino = ino, .tgid = pid,
		.sweepgen_addr = lo->sweepgen + process_bias(t->p),
		.g_goid_off = lo->g_goid,
		.heapstats_addr = heapstats, .heapstats_len = (uint32_t)heapstats_len,
	};
	/* Every thread of Go begins with mstart (asm_amd64.s), with cgo by way of crosscall1;
	 * goroutines begin with frame pointer 0 and need nothing of the kind. */
	find_text(t->p, "runtime.mstart", &c->mstart, &c->mstart_size);
	find_text(t->p, "runtime.mcall", &c->mcall, &c->mcall_size);
	find_callback(t->p, c);
	return 0;
}

static int open_tracer(struct tracing *t)
{
	struct tracer_probe probes[GL_MAX_PROBES];
	struct gl_config config;
	int err = configure(t, &config);

	for (size_t i = 0; i < t->plan.n && i < GL_MAX_PROBES; i++) {
		const struct plan_probe *p = &t->plan.probes[i];

		probes[i] = (struct tracer_probe){
			.row = p->wire, .group = group_of(p), .file_off = p->file_off,
			.addr = p->vaddr + process_bias(t->p),
		};
		if (p->size_class)
			probes[i].row.class_size = (uint32_t)golayout_class_size(p->size_class);
	}
	return err ? err : tracer_open(&t->tracer, &config, probes, t->plan.n, on_record, t);
}

/* The shares of our memory: what is not given away here are the ring, a second copy of what is
 * tracked while a report is made, and the binary's tables. */
static void open_tables(struct tracing *t)
{
	const struct track_ops ops = {
		.ctx = t, .alive = alive, .lost = lost, .interrupted = interrupted,
		.class_of = intake_class, .forget_stack = forget_stack,
		.born = born, .died = died, .thinned = thinned,
		/* runtime/malloc.go, "Pad tinysize allocations" */
		.tiny_alone = gobin_setting(process_gobin(t->p), "-race") != NULL,
	};
	uint64_t now = now_ns();

	track_new(&t->track, &ops, t->opt.memory_bytes / 100 * TRACK_PERCENT);
	objsize_new(&t->sizes, t->p, &t->plan, t->track);
	if (t->opt.older_ns || t->opt.older_cycles)
		aging_new(&t->aging, t->opt.older_ns, t->opt.older_cycles);
	series_new(&t->heap_series, now, t->opt.memory_bytes / 100 * SERIES_PERCENT);
	tally_new(&t->tally, process_gomem(t->p), now);
	readings_new(&t->readings, now);
	new_window(t, now);
	if (t->opt.goroutines)
		roster_new(&t->roster, now, t->opt.memory_bytes / 100 * WINDOW_PERCENT);
	series_new(&t->go_series, now, t->opt.memory_bytes / 100 * SERIES_PERCENT);
}

struct seeding {
	struct heap_seed *v;
	size_t n, max;
	uint64_t bias;
};

static bool add_seed(void *ctx, uint64_t addr, uint64_t typ)
{
	struct seeding *s = ctx;

	s->v[s->n++] = (struct heap_seed){ .addr = addr, .typ = typ - s->bias };
	return s->n < s->max;
}

static size_t seeds(void *ctx, struct heap_seed *out, size_t max)
{
	struct tracing *t = ctx;
	struct seeding s = { .v = out, .max = max, .bias = process_bias(t->p) };

	track_each_object(t->track, add_seed, &s);
	return s.n;
}

static void new_growth(struct tracing *t)
{
	const struct heapgrowth_options opt = {
		.process = t->p, .max_bytes = t->opt.memory_bytes / 100 * HEAP_PERCENT,
		.seeds = seeds, .ctx = t,
	};

	heapgrowth_new(&t->growth, &opt, now_ns());
}

/*
 * The probes go to the file that was read, by its descriptor, and are for the process that was
 * compared with it.  If another program runs there by now, it was never touched: it does not map
 * that file.
 */
static int plant(struct tracing *t)
{
	int err = verify_there(t->p);

	if (!err)
		err = listen_start(t->listen);
	if (!err)
		err = verify_there(t->p);
	if (err)
		listen_stop(t->listen);
	return err;
}

/* ---- what is listened to --------------------------------------------------------------------- */

static bool on_count(void *ctx, struct budget_counts *out)
{
	struct pace now;

	if (!read_pace(ctx, &now))
		return false;
	*out = now.counts;
	return true;
}

static void on_unseen(void *ctx, bool goroutines)
{
	struct tracing *t = ctx;

	if (!goroutines)
		track_unseen_from(t->track, t->turn_gen);
}

static void on_seen(void *ctx, bool goroutines)
{
	struct tracing *t = ctx;
	uint32_t gen;

	if (!goroutines && !gomem_sweepgen(process_gomem(t->p), &gen))
		track_seen_from(t->track, gen);
}

static void take_records(struct tracing *t)
{
	while (tracer_drain(t->tracer) > 0)
		;
}

static void on_window(void *ctx, uint64_t open_ns)
{
	struct tracing *t = ctx;

	take_records(t);
	intake_window(t->intake, open_ns, budget_costs(t->budget)->hit, true);
}

/* What was allocated meanwhile is counted after the last record was taken. */
static void on_stretch(void *ctx, double open, bool bursts)
{
	struct tracing *t = ctx;

	take_records(t);
	intake_stretch(t->intake, open, bursts);
	t->focus_due = bursts;
}

static struct tracer_subset burst_probes(const struct tracing *t)
{
	struct tracer_subset all = { { 0 } };

	/* Who is to know when a goroutine ends must have seen it begin. */
	for (size_t i = 0; i < t->plan.n; i++)
		if (t->plan.probes[i].wire.kind != GL_PROBE_GOEND)
			all.bits[i / 64] |= 1ull << i % 64;
	return all;
}

/* Once the census knows what grows, windows need not listen to what does not, where there are probes
 * for that.  With the begin of a stretch, as all of one is counted alike. */
static void focus(struct tracing *t)
{
	struct tracer_subset probes = burst_probes(t);
	struct heap_census census;
	uint64_t now = now_ns();

	if (!t->focus_due || now < t->focus_next_ns)
		return;
	t->focus_due = false;
	t->focus_next_ns = now + FOCUS_NS;
	tally_fill(t->tally, &census);
	if (focus_find(&t->plan, &census, t->growing, &probes)) {
		intake_only(t->intake, t->growing);
		listen_focus(t->listen, &probes);
	}
	free(census.classes);
}

static void new_listen(struct tracing *t)
{
	const struct target *target = process_target(t->p);
	struct listen_setup setup = {
		.budget = t->budget, .tracer = t->tracer, .path = target_exe_path(target),
		.pid = target_pid(target),
		.wanted = TRACER_COLLECTOR | (t->opt.heap ? TRACER_HEAP | TRACER_PROFILE : 0) |
			  (t->opt.goroutines ? TRACER_GOROUTINES : 0),
		.ops = { .ctx = t, .count = on_count, .wakes = wakes, .unseen = on_unseen,
			 .seen = on_seen, .window = on_window, .stretch = on_stretch },
	};

	for (unsigned int g = 0; g < TRACER_N_GROUPS; g++)
		setup.n_probes[g] = count_probes(t, 1u << g);
	setup.burst = burst_probes(t);
	listen_new(&t->listen, &setup);
}

static int read_goroutines(struct tracing *t, bool with_stacks, struct goroutines *out)
{
	const struct goroutines_limits limits = {
		.max_bytes = t->opt.memory_bytes / 100 * TABLE_PERCENT,
		.interrupted = interrupted, .ctx = t,
	};

	return gomem_goroutines(process_gomem(t->p), with_stacks, &limits, out);
}

/* As far as the table can be read: a program that was just started has none yet. */
static void note_older(struct tracing *t)
{
	struct pace pace = { 0 };
	struct goroutines gs;

	pace_read(t->p, &pace);
	t->older_starts = pace.counts.starts;

	if (process_check(t->p) || read_goroutines(t, false, &gs))
		return;
	t->older = xcalloc(gs.n, sizeof(*t->older));
	t->n_older = gs.n;
	for (size_t i = 0; i < gs.n; i++)
		t->older[i] = gs.v[i].goid;
	goroutines_free(&gs);
}

int tracing_attach(struct tracing *t)
{
	struct budget_price price;
	struct budget_choice choice;
	int err;

	if (t->opt.heap)
		new_growth(t);		/* before there is a probe */
	err = open_tracer(t);
	if (err)
		return err;
	open_tables(t);
	new_listen(t);
	tracing_price(t, PRICE_NS, &price, &choice);
	err = gomem_sweepgen(process_gomem(t->p), &t->looked_gen);
	if (err)
		return target_say_unreadable(process_target(t->p), err);
	t->turn_gen = t->looked_gen;
	intake_new(&t->intake, t->p, t->track);
	err = plant(t);
	if (err)
		return err;
	t->attach_ns = now_ns();
	tally_attached(t->tally);
	t->early = true;
	if (t->opt.gc)
		gclog_new(&t->gc, process_gomem(t->p));
	if (t->opt.goroutines)
		note_older(t);
	if (t->opt.heap)
		before_new(&t->before, t->p, t->opt.memory_bytes / 100 * BEFORE_PERCENT,
			   interrupted, t);
	return 0;
}

uint64_t tracing_attach_ns(const struct tracing *t)
{
	return t->attach_ns;
}

void tracing_ends(struct tracing *t, uint64_t end_ns)
{
	t->end_ns = end_ns;
}

void tracing_ends_soon(struct tracing *t, uint64_t *end_ns)
{
	t->end_ns = *end_ns = now_ns() + heapgrowth_last_ns(t->growth);
	t->ending = true;
}

bool tracing_has_looked(const struct tracing *t)
{
	return heapgrowth_has_ended(t->growth, t->end_ns);
}

int tracing_fd(const struct tracing *t)
{
	return tracer_fd(t->tracer);
}

void tracing_detach(struct tracing *t)
{
	listen_stop(t->listen);
	tracer_drain(t->tracer);
}

/* ---- while it runs --------------------------------------------------------------------------- */

/* What objects stand for, if that is not just themselves, in 256ths under a key of its own. */
static void add_heap(void *ctx, uint64_t key, uint64_t n, double live)
{
	struct tracing *t = ctx;

	series_add(t->heap_series, key, n);
	if (live != (double)n)
		series_add(t->heap_series, ~key, (uint64_t)llround(live * 256));
}

static double live_at(const struct tracing *t, struct series_moment m, uint64_t key)
{
	uint64_t live = series_at(t->heap_series, m, ~key);

	return live ? (double)live / 256 : (double)series_at(t->heap_series, m, key);
}

static void add_go(void *ctx, uint64_t key, uint64_t n)
{
	series_add(((struct tracing *)ctx)->go_series, key, n);
}

static void remember_heap(struct tracing *t, uint64_t now)
{
	if (!series_due(t->heap_series, now))
		return;
	series_begin(t->heap_series, now);
	series_add(t->heap_series, CYCLES_KEY, track_cycles(t->track));
	track_each_live(t->track, add_heap, t);
}

static void remember_goroutines(struct tracing *t)
{
	uint64_t now = now_ns();

	if (!series_due(t->go_series, now))
		return;
	series_begin(t->go_series, now);
	track_each_running(t->track, add_go, t);
}

static void read_mappings(struct tracing *t)
{
	uint64_t begin = now_ns(), end;

	process_mappings(t->p, &t->memory);
	end = now_ns();
	t->mappings_next_ns = end + MAPPINGS_NS + MAPPINGS_SHARE * (end - begin);
}

static void read_memory(struct tracing *t)
{
	if (!process_memory(t->p, &t->memory))
		return;
	t->memory_ns = now_ns();
	if (t->memory_ns >= t->mappings_next_ns)
		read_mappings(t);
	readings_add(t->readings, &t->memory, t->memory_ns);
}

static void name_stacks(struct tracing *t)
{
	uint64_t end = now_ns() + NAMING_NS, vaddrs[GL_MAX_FRAMES];
	const uint64_t *pcs;
	uint32_t n, flags;

	while (t->n_new_stacks && now_ns() < end) {
		if (!track_find_stack(t->track, t->new_stacks[--t->n_new_stacks], &pcs, &n, &flags))
			continue;
		process_vaddrs(t->p, pcs, n, vaddrs);
		t->opt.new_stack(t->opt.ctx, vaddrs, n, flags & GL_STACK_CUT);
	}
}

/* What waits for its window to end has to be looked at, too. */
static void feed_window(struct tracing *t)
{
	uint64_t open_ns = listen_window_ns(t->listen);

	if (open_ns)
		intake_window(t->intake, open_ns, budget_costs(t->budget)->hit, false);
}

/* When what a look finds alive did live: as the mark phase began. */
static uint64_t lived_ns(const struct tracing *t, uint32_t gen, uint64_t now)
{
	return t->marked && t->mark_gen + 2 == gen ? t->mark_ns : now;
}

static void tell_tally(struct tracing *t, uint32_t gen)
{
	struct track_sum sum;

	track_sum(t->track, lived_ns(t, gen, now_ns()), &sum);
	tally_tracked(t->tally, gen, sum.bytes, sum.objects, sum.recorded, sum.sure);
}

static void look(struct tracing *t, uint32_t gen)
{
	uint64_t start = now_ns(), end;
	int err;

	/* What was allocated before the mark phase ended may have come since the turn began. */
	tracer_drain(t->tracer);
	feed_window(t);
	window_look(t->window, lived_ns(t, gen, start));
	err = track_look(t->track, start);

	if (!err) {
		t->looked_gen = gen;
		if (t->aging)
			aging_look(t->aging, track_cycles(t->track), start);
		remember_heap(t, start);
	} else if (err != -EINTR && !process_gone(t->p)) {
		t->n_looks_failed++;
	}
	end = now_ns();
	if (!err)
		t->look_ns = end - start;
	t->look_next_ns = end + 4 * (end - start);
	/* A slot that was used again just before the look seems alive; the new object's record,
	 * which is in the ring by now, puts that right. */
	tracer_drain(t->tracer);
	feed_window(t);
	if (t->opt.heap && t->looked_gen == gen)
		tell_tally(t, gen);
}

/* Those that were seen to start and are not in the table any more have ended. */
static void forget_ended(struct tracing *t, const struct goroutines *gs, uint64_t before_ns)
{
	uint64_t *goids;

	if (listen_saw_all(t->listen, true) || gs->n_unreadable || gs->n_left_out)
		return;
	goids = xcalloc(gs->n, sizeof(*goids));
	for (size_t i = 0; i < gs->n; i++)
		goids[i] = gs->v[i].goid;
	track_running(t->track, goids, gs->n, before_ns);
	free(goids);
	t->table_ns = before_ns;
}

/* Where goroutines are seen to start and not to end, the table tells now and then. */
static void prune_goroutines(struct tracing *t)
{
	uint64_t begin = now_ns();
	struct goroutines gs;

	if (!t->opt.goroutines || listen_saw_all(t->listen, true) ||
	    begin - t->table_ns < PRUNE_NS || read_goroutines(t, false, &gs))
		return;
	t->table_ns = begin;
	forget_ended(t, &gs, begin);
	goroutines_free(&gs);
}

static void read_roster(struct tracing *t)
{
	uint64_t begin = now_ns(), end;
	struct goroutines gs;

	if (!t->roster || begin < t->roster_next_ns)
		return;
	if (!read_goroutines(t, false, &gs)) {
		if (!process_gone(t->p))
			roster_read(t->roster, &gs, begin);
		goroutines_free(&gs);
	}
	end = now_ns();
	t->roster_next_ns = end + ROSTER_NS + ROSTER_SHARE * (end - begin);
}

/* ---- the heap by type ------------------------------------------------------------------------ */

static bool class_grows(const struct tracing *t, unsigned class)
{
	struct growth live;

	tally_growth(t->tally, class, &live);
	return live.late.low > 0;
}

static void ask_what_grows(struct tracing *t, uint64_t now)
{
	struct growth all;

	if (now < (t->grows_ns ? t->grows_ns : t->attach_ns) + GROWS_NS)
		return;
	t->grows_ns = now;
	tally_growth(t->tally, TALLY_ALL, &all);
	t->early = isnan(all.late.low);
	t->grows = all.late.low > 0;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		t->grows |= t->grows_in[i] = class_grows(t, i);
}

static struct heapgrowth_moment heap_moment(struct tracing *t)
{
	uint64_t now = now_ns();
	struct heapgrowth_moment m;

	ask_what_grows(t, now);
	m = (struct heapgrowth_moment){
		.now_ns = now, .end_ns = t->end_ns, .ending = t->ending,
		.early = t->early, .grows = t->grows,
		.live_bytes = t->memory.known ? t->memory.live_heap : UINT64_MAX };
	_Static_assert((int)HEAP_CLASSES == (int)CENSUS_CLASSES, "size classes");
	memcpy(m.classes, t->grows_in, sizeof(m.classes));
	return m;
}

static void look_at_heap(struct tracing *t)
{
	struct heapgrowth_moment m;

	if (!t->growth)
		return;
	m = heap_moment(t);
	heapgrowth_turn(t->growth, &m);
}

static void pump(void *ctx)
{
	tracer_drain(((struct tracing *)ctx)->tracer);
}

static void finish_heap(struct tracing *t, struct observation *o)
{
	struct heapgrowth_moment m;

	if (!t->growth)
		return;
	m = heap_moment(t);
	if (!process_gone(t->p))
		heapgrowth_finish(t->growth, &m, pump, t);
	o->growth = heapgrowth_view(t->growth);
	heapgrowth_cost(t->growth, &o->looks);
}

int tracing_turn(struct tracing *t, bool force)
{
	uint64_t memory_interval = MEMORY_INTERVAL_NS;
	uint32_t gen;
	bool known;
	int err = tracer_drain(t->tracer);

	remember_goroutines(t);
	name_stacks(t);
	if (err < 0 || process_gone(t->p))
		return err < 0 ? err : 0;
	err = process_check(t->p);
	if (err)
		return err == -EBADMSG && !process_gone(t->p) ? err : 0;
	known = !gomem_sweepgen(process_gomem(t->p), &gen);
	err = listen_turn(t->listen);
	focus(t);
	if (known)
		t->turn_gen = gen;
	if (known && gen != t->looked_gen && (force || now_ns() >= t->look_next_ns)) {
		look(t, gen);
		memory_interval = MEMORY_AFTER_LOOK_NS;
	}
	if (known)
		before_turn(t->before, gen);
	if (t->gc)
		gclog_look(t->gc);
	if (now_ns() - t->memory_ns > memory_interval)
		read_memory(t);
	prune_goroutines(t);
	read_roster(t);
	look_at_heap(t);
	return err;
}

uint64_t tracing_cycles(const struct tracing *t)
{
	return track_cycles(t->track);
}

/* ---- observations ---------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool is_older(const struct tracing *t, uint64_t goid)
{
	return t->n_older && bsearch(&goid, t->older, t->n_older, sizeof(goid), by_number);
}

static void read_table(struct tracing *t, struct observation *o)
{
	uint64_t begin = now_ns();
	struct goroutines gs;

	if (process_gone(t->p) || process_check(t->p) || read_goroutines(t, true, &gs))
		return;
	o->table_known = !process_gone(t->p);	/* else it may be another program's */
	if (o->table_known) {
		t->n_unreadable = gs.n_unreadable + gs.n_left_out;
		t->n_stacks_left_out = gs.n_stacks_left_out;
		observe_table(&gs, o);
		for (size_t i = 0; i < o->n_table; i++)
			o->table[i].before_attach = is_older(t, o->table[i].goid);
		forget_ended(t, &gs, begin);
	}
	goroutines_free(&gs);
}

static int by_goid(const void *key, const void *element)
{
	uint64_t goid = *(const uint64_t *)key, other = ((const struct obs_started *)element)->goid;

	return goid < other ? -1 : goid > other;
}

static void find_starts(struct observation *o)
{
	for (size_t i = 0; i < o->n_table && o->n_started; i++) {
		struct obs_goroutine *g = &o->table[i];
		const struct obs_started *s = bsearch(&g->goid, o->started, o->n_started,
						      sizeof(*s), by_goid);

		if (!s)
			continue;
		g->stack = s->stack;
		g->start_ns = s->start_ns;
		g->before_attach = false;
	}
}

static void to_vaddrs(const struct process *p, struct observation *o, size_t n_pcs)
{
	process_vaddrs(p, o->pcs, n_pcs, o->pcs);
	for (size_t i = 0; i < o->n_accounts; i++) {
		uint64_t *typ = &o->accounts[i].typ;

		if (*typ && *typ != GL_UNKNOWN)
			process_vaddrs(p, typ, 1, typ);
	}
}

/* The moment since which the heap's growth is told: the middle of the trace, or an earlier one
 * where too few collections have been seen since.  A heap that only grows collects once it has
 * doubled. */
static bool heap_half(const struct tracing *t, struct series_moment *m)
{
	struct series_moment earlier;
	uint64_t looked_ns = track_looked_ns(t->track);

	if (!looked_ns || !series_middle(t->heap_series, looked_ns, m))
		return false;
	while (track_cycles(t->track) - series_at(t->heap_series, *m, CYCLES_KEY) <
		       MIN_RATE_CYCLES &&
	       series_before(t->heap_series, *m, &earlier))
		*m = earlier;
	return true;
}

/* How many live by then were recorded is remembered, and not what they stood for: what a sample
 * stands for is known better as time goes on, and growth is not what was learnt since. */
static void fill_half(const struct tracing *t, struct series_moment half, struct observation *o)
{
	o->heap_half_ns = half.time_ns;
	o->gc_cycles_half = series_at(t->heap_series, half, CYCLES_KEY);
	for (size_t i = 0; i < o->n_accounts; i++) {
		struct obs_account *a = &o->accounts[i];
		double n = (double)series_at(t->heap_series, half, a->key);

		a->live_half = a->old + (n - (double)a->n_old) * a->each;
	}
}

static void fill_growth(const struct tracing *t, struct observation *o)
{
	struct series_moment m;

	if (series_first(t->heap_series, &m))
		for (size_t i = 0; i < o->n_accounts; i++)
			o->accounts[i].live_first = live_at(t, m, o->accounts[i].key);
	if (series_middle(t->go_series, o->time_ns, &m)) {
		o->go_half_ns = m.time_ns;
		for (size_t i = 0; i < o->n_stacks; i++)
			o->stacks[i].half_live = series_at(t->go_series, m, o->stacks[i].id);
	}
}

static void fill_loss(const struct tracing *t, const struct track_loss *l, struct observation *o)
{
	uint64_t c[GL_N_COUNTERS];

	tracer_counters(t->tracer, c);
	o->loss[COVERAGE_LOST_RING] = c[GL_LOST_RING];
	o->loss[COVERAGE_LOST_UNREADABLE] = c[GL_LOST_ADDR];
	o->loss[COVERAGE_LOST_BUSY] = c[GL_LOST_WORK];
	o->loss[COVERAGE_LOST_DAMAGED] = tracer_damaged(t->tracer);
	o->loss[COVERAGE_STACKS_LOST] = c[GL_LOST_STACK];
	o->loss[COVERAGE_STACKS_UNSENT] = c[GL_LOST_STACK_RING];
	o->loss[COVERAGE_STACKS_CUT] = c[GL_LOST_STACK_CUT];
	o->loss[COVERAGE_STACKS_RESENT] = c[GL_STACKS_FULL];
	o->loss[COVERAGE_OBJECTS_UNSIZED] = l->unsized;
	o->loss[COVERAGE_STACKS_NOT_KEPT] = l->stacks_full;
	o->loss[COVERAGE_SITES_NOT_KEPT] = l->accounts_full;
	o->loss[COVERAGE_SITES_FORGOTTEN] = l->forgotten_allocs;
	o->loss[COVERAGE_GOROUTINES_FORGOTTEN] = l->forgotten_started;
	o->loss[COVERAGE_GOROUTINES_NOT_FOLLOWED] = l->goroutines_full;
	o->loss[COVERAGE_LOOKS_FAILED] = t->n_looks_failed;
	o->loss[COVERAGE_LIVENESS_UNKNOWN] = l->liveness_unknown;
	o->loss[COVERAGE_OBJECTS_DOUBTFUL] = l->doubtful;
	o->loss[COVERAGE_GOROUTINES_UNREADABLE] = t->n_unreadable;
	o->loss[COVERAGE_GOROUTINE_STACKS_LEFT_OUT] = t->n_stacks_left_out;
}

static void take_snapshot(struct tracing *t, struct observation *o)
{
	struct track_snapshot s;
	struct series_moment half = { 0 };
	bool has_half = heap_half(t, &half);

	if (t->aging)
		track_count_aged(t->track, aging_before(t->aging, now_ns()));
	track_snapshot(t->track, now_ns(), half.time_ns, &s);
	o->time_ns = s.time_ns;
	o->looked_ns = s.looked_ns;
	o->gc_cycles = s.gc_cycles;
	o->one_in = s.one_in;
	o->stacks = s.stacks;
	o->n_stacks = s.n_stacks;
	o->pcs = s.pcs;
	o->accounts = s.accounts;
	o->n_accounts = s.n_accounts;
	o->started = s.started;
	o->n_started = s.n_started;
	o->objects = s.objects;
	o->bytes = s.bytes;
	o->n_windows = s.n_windows;
	o->few_windows = s.few_windows;
	to_vaddrs(t->p, o, s.n_pcs);
	if (has_half)
		fill_half(t, half, o);
	fill_growth(t, o);
	fill_loss(t, &s.loss, o);
}

static void fill_class_growth(const struct tracing *t, unsigned class, struct obs_growth *out)
{
	tally_growth(t->tally, class, &out->live);
	tally_load(t->tally, class, out->load);
	out->object_bytes = tally_object_bytes(t->tally, class);
}

static void fill_evidence(const struct tracing *t, struct observation *o)
{
	struct obs_evidence *e = &o->evidence;

	e->known = true;
	e->min_cycles = t->opt.min_cycles;
	e->min_s = t->opt.min_s;
	fill_class_growth(t, TALLY_ALL, &e->heap);
	e->classes = xcalloc(CENSUS_CLASSES, sizeof(*e->classes));
	e->n_classes = CENSUS_CLASSES;
	for (unsigned i = 0; i < CENSUS_CLASSES; i++) {
		e->classes[i].size = golayout_class_size(i);
		fill_class_growth(t, i, &e->classes[i]);
	}
	flows_of_accounts(t->window, o);
	if (t->roster && !o->table_known)
		observe_waiting(t->roster, o);
	if (t->roster)
		flows_of_goroutines(roster_window(t->roster), o);
}

static void fill_cost(const struct tracing *t, struct observation *o)
{
	struct tracer_cost c;

	tracer_cost(t->tracer, &c);
	o->cost.hits = c.hits.recorded + c.hits.dropped + c.hits.unheard;
	o->cost.ns_per_hit = o->cost.hits ? c.total_ns / (double)o->cost.hits : NAN;
	o->cost.spent_ns = o->cost.hits && isnan(o->cost.ns_per_hit) ? NAN : listen_spent(t->listen);
	o->cost.budget_percent = isfinite(budget_allowance(t->budget)) ? t->opt.budget_percent : NAN;
	o->sources = listen_sources(t->listen, &o->n_sources, &o->n_sources_left_out);
	o->cost.look_ns = t->look_ns;
	o->cost.own_cpu_s = procself_cpu_s() + o->looks.cpu_s;
	o->cost.own_rss = procself_rss();
	if (o->cost.own_rss != UNKNOWN_U64)
		o->cost.own_rss += o->looks.rss;
}

/* Of goroutines, by the runtime's own count. */
static uint64_t starts_since(const struct tracing *t)
{
	uint64_t at = t->older_starts;
	struct pace now;

	if (!at || !pace_read(t->p, &now) || now.counts.starts < at)
		return UNKNOWN_U64;
	return now.counts.starts - at;
}

void tracing_status(const struct tracing *t, struct tracing_status *out)
{
	struct tracer_hits hits;

	tracer_hits_made(t->tracer, &hits);
	*out = (struct tracing_status){
		.attach_ns = t->attach_ns, .gc_cycles = track_cycles(t->track),
		.held = track_held(t->track),
		.hits = hits.recorded + hits.dropped + hits.unheard,
		.spent_ns = listen_spent(t->listen),
	};
}

static void fill_memory(struct tracing *t, struct observation *o)
{
	t->mappings_next_ns = 0;
	read_memory(t);
	o->memory = t->memory;
	o->memory.age_s = t->memory_ns ? (double)(now_ns() - t->memory_ns) / 1e9 : NAN;
	readings_pace(t->readings, o->memory.live_heap, &o->memory.pacing);
	readings_history(t->readings, &o->memory, &o->history);
	observe_room(t->p, o);
}

struct observation *tracing_observe(struct tracing *t)
{
	struct observation *o = xcalloc(1, sizeof(*o));
	struct timespec wall;

	finish_heap(t, o);
	if (t->opt.goroutines) {
		track_hold_ended(t->track);
		read_table(t, o);
	}
	tracer_drain(t->tracer);
	intake_so_far(t->intake);
	take_snapshot(t, o);
	find_starts(o);
	fill_memory(t, o);
	clock_gettime(CLOCK_REALTIME, &wall);
	o->wall_ns = wall.tv_sec * 1000000000ll + wall.tv_nsec;
	o->attach_ns = t->attach_ns;
	o->heap = t->opt.heap;
	o->goroutines = t->opt.goroutines;
	o->starts_missed = !listen_saw_all(t->listen, true);
	o->n_starts = starts_since(t);
	tally_fill(t->tally, &o->census);
	fit_live(o);
	before_look(t->before);
	before_fill(t->before, o);
	fill_evidence(t, o);
	if (t->gc)
		gclog_fill(t->gc, o);
	o->gone = process_gone(t->p);
	fill_cost(t, o);
	observe_target(t->p, o);
	return o;
}
