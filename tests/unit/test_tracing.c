// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_tracing.c - tracing.h on a process, a ring of records and a clock that are this test's.
 *
 * Track and series are the real ones.  Hooks let the "process" do something at the worst moment:
 * while its table is read, while its objects are asked for, while the probes are planted.
 */
#include "user/tracing.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "include/gobpfleak.h"
#include "user/base/util.h"
#include "user/before.h"
#include "user/gclog.h"
#include "user/go/gobin.h"
#include "user/go/golayout.h"
#include "user/gomem/census.h"
#include "user/gomem/gomem.h"
#include "user/heap/heap.h"
#include "user/heapgrowth.h"
#include "user/listen.h"
#include "user/object.h"
#include "user/objsize.h"
#include "user/observation.h"
#include "user/pace.h"
#include "user/probe/plan.h"
#include "user/process.h"
#include "user/tally.h"
#include "user/target.h"
#include "user/tracer/tracer.h"
#include "user/track/track_internal.h"

#define BIAS 0x10000000ull
#define S 1000000000ull
#define WALL 1700000000ull		/* CLOCK_REALTIME, seconds */

enum { PID = 4242, ALLOC = 0, GOSTART, GOEND, GCEND, PROFILE, N_PROBES, N_RING = 256, N_GS = 8,
       MAX_SEEDS = 4 };
enum { PUT = 11, SERVE = 12 };		/* ids of stacks */

union record {
	struct gl_header h;
	struct gl_alloc alloc;
	struct gl_stack stack;
	struct gl_gostart gostart;
	struct gl_goend goend;
	struct gl_gcstart gcstart;
};

static struct world {
	struct tracing *t;
	struct track *track;
	uint64_t clock;

	/* the process */
	const char *gone;
	int check, sweepgen_err, alive_err, goroutines_err;
	uint32_t gen;
	bool all_dead;			/* what is asked for lives, or not */
	uint8_t text[N_PROBES][2];	/* the probed instructions */
	int text_err;
	char *strings[5];		/* of process_describe() */
	size_t n_processors;		/* of its runtime */
	uint64_t cpu_ns;		/* that it has taken; UNKNOWN_U64: it has ended */
	struct memory_account memory;
	unsigned n_memory;		/* readings of it */
	struct goroutine gs[N_GS];
	size_t n_gs, n_unreadable, n_left_out, n_stacks_left_out;
	bool race, global;
	bool no_cgo;			/* it never calls C */
	int32_t switch_frame;		/* bytes, of systemstack_switch */
	void (*while_table)(void), (*while_planted)(void), (*while_checked)(void);
	void (*before_look)(void), (*while_asked)(void);

	/* the tracer */
	struct gl_config config;
	struct tracer_probe probes[N_PROBES];
	struct listen_setup listen;
	unsigned n_before, n_before_looks;	/* at the profile, at the attach and later */
	uint32_t before_gen;			/* as of the last turn */
	unsigned planted;		/* groups */
	unsigned n_planted;		/* times */
	struct tracer_subset focus;	/* as told last */
	uint64_t window_ns;
	bool missed;
	bool no_pace;
	struct pace pace;
	union record ring[N_RING];
	size_t n_ring;
	int drain_err;
	tracer_sink sink;
	void *sink_ctx;
	uint64_t counters[GL_N_COUNTERS], damaged;

	/* looks at the heap */
	struct heapgrowth_moment moment;	/* as told last */
	struct heap_seed seeds[MAX_SEEDS];
	size_t n_seeds;
	bool grows;			/* some size class */

	/* the owner */
	bool interrupted;
	size_t n_asked;			/* objects */
	uint64_t named[4];		/* the pcs of the last stack that was handed out */
	size_t n_named;
	bool named_cut;
	int said_unreadable;
	uint32_t marked_gen, tracked_gen;	/* what the tally was told last */
	double tracked_bytes;
} w;

static void call(void (*hook)(void))
{
	if (hook)
		hook();
}

/* In place of the C library's: time passes when a test says so. */
int clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ns = id == CLOCK_MONOTONIC ? w.clock : WALL * S + 7;

	ts->tv_sec = (time_t)(ns / S);
	ts->tv_nsec = (long)(ns % S);
	return 0;
}

/* ---- process and target ---------------------------------------------------------------------- */

static const struct go_layout layout = { .sweepgen = 0x5000, .g_goid = 152 };

struct target *process_target(const struct process *p) { return NULL; }
const struct gobin *process_gobin(const struct process *p) { return NULL; }
const struct go_layout *process_layout(const struct process *p) { return &layout; }
struct gomem *process_gomem(const struct process *p) { return NULL; }
uint64_t process_bias(const struct process *p) { return BIAS; }
const char *process_gone(struct process *p) { return w.gone; }
pid_t target_pid(const struct target *t) { return PID; }
const char *target_exe_path(const struct target *t) { return "/proc/self/fd/9"; }
bool target_pid_is_global(void) { return w.global; }

int process_check(struct process *p)
{
	call(w.while_checked);
	return w.check;
}

void process_mappings(struct process *p, struct memory_account *m) { }
void gclog_new(struct gclog **out, struct gomem *gm) { }
void gclog_free(struct gclog *l) { }
void gclog_look(struct gclog *l) { }
void gclog_fill(const struct gclog *l, struct observation *o) { }

bool process_memory(struct process *p, struct memory_account *out)
{
	if (w.gone)
		return false;
	w.n_memory++;
	*out = w.memory;
	return true;
}

void process_describe(const struct process *p, struct target_info *out)
{
	*out = (struct target_info){
		.pid = PID, .exe = w.strings[0], .comm = w.strings[1], .go_version = w.strings[2],
		.build_id = w.strings[3], .main_file = w.strings[4] };
}

int target_pidns(const struct target *t, uint64_t *dev, uint64_t *ino, uint32_t *pid)
{
	*dev = 4;
	*ino = 4026531836;
	*pid = 17;
	return 0;
}

int target_read(const struct target *t, uint64_t addr, void *buf, size_t len)
{
	size_t i = (addr - BIAS) / 0x100 - 1;

	if (w.text_err)
		return w.text_err;
	assert_true(i < N_PROBES && len == sizeof(w.text[i]));
	memcpy(buf, w.text[i], len);
	return 0;
}

int target_cpu_ns(const struct target *t, uint64_t *ns)
{
	if (w.cpu_ns == UNKNOWN_U64)
		return -ESRCH;
	*ns = w.cpu_ns;
	return 0;
}

int target_say_unreadable(const struct target *t, int err)
{
	w.said_unreadable = err;
	return err;
}

const char *gobin_setting(const struct gobin *gb, const char *key)
{
	return w.race && !strcmp(key, "-race") ? "true" : NULL;
}


bool gobin_find_func(const struct gobin *gb, const char *name, struct go_func *out)
{
	if (!strcmp(name, "runtime.mstart"))
		*out = (struct go_func){ .entry = 0x7000, .end = 0x7020 };
	else if (!strcmp(name, "runtime.mcall"))
		*out = (struct go_func){ .entry = 0x8000, .end = 0x8040 };
	else if (!strcmp(name, "runtime.cgocallback"))
		*out = (struct go_func){ .entry = 0xa000, .end = 0xa060 };
	else if (!strcmp(name, "runtime.systemstack_switch"))
		*out = (struct go_func){ .entry = 0xb000, .end = 0xb010 };
	else if (!strcmp(name, "runtime.cgocall") && !w.no_cgo)
		*out = (struct go_func){ .entry = 0xc000, .end = 0xc080 };
	else
		return false;
	return true;
}

/* Nothing at a function's begin and end. */
int32_t gobin_frame_size(const struct gobin *gb, uint64_t pc)
{
	if ((pc & 0xfff) < 4 || (pc & 0xfff) > 12)
		return 0;
	return pc < 0xb000 ? 32 : pc < 0xc000 ? w.switch_frame : 72;
}

uint64_t golayout_class_size(unsigned size_class)
{
	return 8 * size_class;
}

/* ---- the tally ------------------------------------------------------------------------------- */

bool census_place(const struct gomem *gm, uint64_t *addr, size_t *len)
{
	*addr = 0x9000;
	*len = 64;
	return true;
}

void tally_new(struct tally **out, struct gomem *gm, uint64_t start_ns) { *out = NULL; }
void tally_attached(struct tally *t) {}
void tally_free(struct tally *t) {}

void tally_mark(struct tally *t, uint32_t gen, uint64_t time_ns, const uint8_t *heapstats)
{
	w.marked_gen = gen;
	assert_int_equal(heapstats[5], 77);
}

void tally_tracked(struct tally *t, uint32_t gen, double bytes, const double *objects,
		   const double *recorded, const double *sure)
{
	w.tracked_gen = gen;
	w.tracked_bytes = bytes;
}

void tally_fill(const struct tally *t, struct heap_census *out)
{
	*out = (struct heap_census){ .n_cycles = 9 };
}

void tally_growth(const struct tally *t, unsigned class, struct growth *live)
{
	*live = (struct growth){ .n = class, .late.low = w.grows && class == 7 };
}

void tally_load(const struct tally *t, unsigned class, double load[3])
{
	for (int i = 0; i < 3; i++)
		load[i] = i + 1;
}

double tally_object_bytes(const struct tally *t, unsigned class) { return 48; }

/* ---- plan, sizes ----------------------------------------------------------------------------- */

static const uint8_t bytes[2] = { 0x75, 0x10 };

static const uint8_t kinds[N_PROBES] = {
	[ALLOC] = GL_PROBE_ALLOC, [GOSTART] = GL_PROBE_GOSTART, [GOEND] = GL_PROBE_GOEND,
	[GCEND] = GL_PROBE_GCSTART, [PROFILE] = GL_PROBE_ALLOC };

/* One probe of each kind, at 0x100, 0x200 ... */
int plan_make(struct plan *out, const struct gobin *gb, const struct plan_wants *wants)
{
	out->probes = xcalloc(N_PROBES, sizeof(*out->probes));
	out->n = N_PROBES;
	for (uint16_t i = 0; i < N_PROBES; i++) {
		out->probes[i] = (struct plan_probe){
			.wire = { .id = i, .kind = kinds[i] }, .profiled = i == PROFILE,
			.vaddr = 0x100 * (i + 1), .file_off = 0x10 * (i + 1), .func = "runtime.f",
			.func_entry = 0x100 * (i + 1) - 4, .n_bytes = sizeof(bytes) };
		memcpy(out->probes[i].bytes, bytes, sizeof(bytes));
	}
	return 0;
}

void plan_fini(struct plan *p)
{
	free(p->probes);
}

void objsize_new(struct objsize **out, const struct process *p, const struct plan *plan,
		 const struct track *track)
{
	w.track = (struct track *)track;	/* it is not const, tracing's own */
}

void objsize_free(struct objsize *z)
{
}

bool objsize_get(struct objsize *z, const struct gl_alloc *rec, uint64_t *slot, bool *tiny)
{
	*slot = rec->size;
	*tiny = false;
	return rec->size;
}

/* ---- the heap by type ------------------------------------------------------------------------ */

/* Looks that find nothing, but ask for what they may ask for. */
struct heapgrowth {
	struct heapgrowth_options opt;
};

void heapgrowth_new(struct heapgrowth **out, const struct heapgrowth_options *options,
		    uint64_t start_ns)
{
	*out = xcalloc(1, sizeof(**out));
	(*out)->opt = *options;
}

void heapgrowth_free(struct heapgrowth *g)
{
	free(g);
}

void heapgrowth_turn(struct heapgrowth *g, const struct heapgrowth_moment *m)
{
	w.moment = *m;
}

uint64_t heapgrowth_last_ns(const struct heapgrowth *g)
{
	return 4 * S;
}

bool heapgrowth_has_ended(const struct heapgrowth *g, uint64_t end_ns)
{
	return end_ns == w.clock;
}

void heapgrowth_finish(struct heapgrowth *g, const struct heapgrowth_moment *m,
		       void (*pump)(void *ctx), void *ctx)
{
	w.n_seeds = g->opt.seeds(g->opt.ctx, w.seeds, MAX_SEEDS);
	pump(ctx);
}

const struct heap_view *heapgrowth_view(const struct heapgrowth *g)
{
	return NULL;
}

void heapgrowth_cost(const struct heapgrowth *g, struct looks_cost *out)
{
	*out = (struct looks_cost){ .n_looks = 1, .cpu_s = 1000 };
}

/* ---- gomem ----------------------------------------------------------------------------------- */

size_t gomem_processors(const struct gomem *gm) { return w.n_processors; }

int gomem_sweepgen(struct gomem *gm, uint32_t *gen)
{
	*gen = w.gen;
	return w.sweepgen_err;
}

int gomem_alive(struct gomem *gm, struct object *objects, size_t n, uint32_t *gen)
{
	if (!n)
		call(w.before_look);
	w.n_asked += n;
	for (size_t i = 0; i < n; i++)
		objects[i].liveness = w.all_dead ? LIVENESS_DEAD : LIVENESS_LIVE;
	*gen = w.gen;
	if (n)
		call(w.while_asked);
	return w.alive_err;
}

/* A copy of w.gs as it was when the reading began. */
int gomem_goroutines(struct gomem *gm, bool with_stacks, const struct goroutines_limits *limits,
		     struct goroutines *out)
{
	size_t n_pcs = 0;

	assert_true(limits->max_bytes > 0);
	if (w.goroutines_err)
		return w.goroutines_err;
	*out = (struct goroutines){
		.v = xcalloc(w.n_gs, sizeof(*out->v)), .n = w.n_gs,
		.pcs = xcalloc(64, sizeof(*out->pcs)),
		.states = xcalloc(w.n_gs, sizeof(*out->states)), .n_states = w.n_gs,
		.n_unreadable = w.n_unreadable, .n_left_out = w.n_left_out,
		.n_stacks_left_out = w.n_stacks_left_out };
	for (size_t i = 0; i < w.n_gs; i++) {
		out->v[i] = w.gs[i];
		out->states[i] = xstrdup(w.gs[i].state ? w.gs[i].state : "running");
		out->v[i].state = out->states[i];
		if (!with_stacks)
			out->v[i].n_pcs = 0;
		if (out->v[i].n_pcs)
			memcpy(out->pcs + n_pcs, w.gs[i].pcs, w.gs[i].n_pcs * sizeof(*out->pcs));
		out->v[i].pcs = out->pcs + n_pcs;
		n_pcs += out->v[i].n_pcs;
	}
	call(w.while_table);
	return 0;
}

void goroutines_free(struct goroutines *gs)
{
	for (size_t i = 0; i < gs->n_states; i++)
		free(gs->states[i]);
	free(gs->states);
	free(gs->pcs);
	free(gs->v);
}

/* ---- the tracer ------------------------------------------------------------------------------ */

int tracer_open(struct tracer **out, const struct gl_config *config,
		const struct tracer_probe *probes, size_t n, tracer_sink sink, void *ctx)
{
	assert_int_equal(n, N_PROBES);
	w.config = *config;
	memcpy(w.probes, probes, sizeof(w.probes));
	w.sink = sink;
	w.sink_ctx = ctx;
	return 0;
}

void tracer_close(struct tracer *tr) { w.planted = 0; }
void tracer_leave(struct tracer *tr, bool (*clean)(void *ctx), void *ctx) {}
int tracer_fd(const struct tracer *tr) { return 5; }
uint64_t tracer_damaged(const struct tracer *tr) { return w.damaged; }
void tracer_hits_made(const struct tracer *tr, struct tracer_hits *out)
{
	*out = (struct tracer_hits){ .recorded = 1000 };
}

void tracer_cost(const struct tracer *tr, struct tracer_cost *out)
{
	*out = (struct tracer_cost){ .hits = { .recorded = 1000 }, .ns_recorded = 350,
				     .total_ns = 350000 };
}

void tracer_forget_stack(struct tracer *tr, uint64_t id) {}
bool tracer_can_burst(void) { return true; }

int tracer_drain(struct tracer *tr)
{
	for (size_t i = 0; i < w.n_ring; i++)
		w.sink(w.sink_ctx, &w.ring[i].h);
	w.n_ring = 0;
	return w.drain_err;
}

void tracer_counters(const struct tracer *tr, uint64_t counters[GL_N_COUNTERS])
{
	memcpy(counters, w.counters, sizeof(w.counters));
}

/* ---- what is listened to --------------------------------------------------------------------- */

void listen_new(struct listen **out, const struct listen_setup *setup)
{
	assert_string_equal(setup->path, "/proc/self/fd/9");
	assert_int_equal(setup->pid, PID);
	w.listen = *setup;
	*out = NULL;
}

void listen_free(struct listen *l) {}
int listen_turn(struct listen *l) { return 0; }
void listen_focus(struct listen *l, const struct tracer_subset *probes) { w.focus = *probes; }
uint64_t listen_window_ns(const struct listen *l) { return w.window_ns; }
void listen_stop(struct listen *l) { w.planted = 0; }
double listen_spent(const struct listen *l) { return 4e9; }
bool listen_saw_all(const struct listen *l, bool goroutines) { return !w.missed; }

int listen_start(struct listen *l)
{
	w.planted = w.listen.wanted;
	w.n_planted++;
	call(w.while_planted);
	return 0;
}

struct obs_source *listen_sources(const struct listen *l, size_t *n, uint64_t *n_left_out)
{
	*n = 1;
	*n_left_out = 3;
	return xcalloc(1, sizeof(struct obs_source));
}

bool pace_read(struct process *p, struct pace *out)
{
	if (w.no_pace)
		return false;
	*out = w.pace;
	return true;
}

/* ---- what is older than the attach ----------------------------------------------------------- */

void before_new(struct before **out, struct process *p, size_t max_bytes,
		bool (*interrupted)(void *ctx), void *ctx)
{
	assert_true(w.planted);
	assert_true(max_bytes > 0);
	w.n_before++;
	*out = NULL;
}

void before_look(struct before *b) { w.n_before_looks++; }
void before_turn(struct before *b, uint32_t gen)
{
	w.n_before_looks += gen != w.before_gen;
	w.before_gen = gen;
}
void before_free(struct before *b) {}
void before_fill(const struct before *b, struct observation *o) { o->before.rate = w.n_before; }

/* ---- what the process does ------------------------------------------------------------------- */

static union record *submit(uint16_t kind, uint16_t probe, uint32_t len)
{
	union record *r = &w.ring[w.n_ring++];

	assert_true(w.n_ring <= N_RING);
	*r = (union record){ .h = { .kind = kind, .probe = probe, .len = len } };
	return r;
}

/* A stack of two frames, at id and 2 * id. */
static void send_stack(uint64_t id, uint32_t flags)
{
	struct gl_stack *r = &submit(GL_REC_STACK, ALLOC, sizeof(*r))->stack;

	r->id = id;
	r->n = 2;
	r->flags = flags;
	r->pcs[0] = BIAS + id;
	r->pcs[1] = BIAS + 2 * id;
}

static void allocate(uint64_t addr, uint64_t stack, uint64_t typ)
{
	struct gl_alloc *r = &submit(GL_REC_ALLOC, ALLOC, sizeof(*r))->alloc;

	r->addr = addr;
	r->stack = stack;
	r->typ = typ;
	r->size = 64;
	r->gen = w.gen;
}

/* The next n objects, each in a block of its own. */
static void allocate_more(size_t n)
{
	static uint64_t addr = 0xc000100000;

	for (size_t i = 0; i < n; i++)
		allocate(addr += 64, PUT, 0);
}

static void start(uint64_t goid)
{
	struct gl_gostart *r = &submit(GL_REC_GOSTART, GOSTART, sizeof(*r))->gostart;

	r->g = goid << 9;
	r->goid = goid;
	r->stack = SERVE;
}

static void end(uint64_t goid)
{
	struct gl_goend *r = &submit(GL_REC_GOEND, GOEND, sizeof(*r))->goend;

	r->g = goid << 9;
}

/* Into the runtime's table, which is in order of goid. */
static void enter(uint64_t goid)
{
	assert_true(w.n_gs < N_GS && (!w.n_gs || w.gs[w.n_gs - 1].goid < goid));
	w.gs[w.n_gs++] = (struct goroutine){ .goid = goid };
}

static void collect(void)
{
	w.gen += 2;
}

static void go_away(void)
{
	w.gone = "exec'ed another program";
	w.gen += 200;			/* that of the other program */
}

/* ---- setup ----------------------------------------------------------------------------------- */

static bool interrupted(void *ctx)
{
	assert_ptr_equal(ctx, &w);
	return w.interrupted;
}

static void new_stack(void *ctx, const uint64_t *pcs, size_t n, bool cut)
{
	assert_ptr_equal(ctx, &w);
	assert_true(n <= ARRAY_SIZE(w.named));
	memcpy(w.named, pcs, n * sizeof(*pcs));
	w.n_named = n;
	w.named_cut = cut;
}

static int new_tracing(void)
{
	const struct tracing_options opt = {
		.heap = true, .goroutines = true, .memory_bytes = 16 << 20,
		.interrupted = interrupted, .new_stack = new_stack, .ctx = &w };

	return tracing_new(&w.t, NULL, &opt);
}

static int setup_world(void **state)
{
	static const char *const strings[] = {
		"/srv/api", "api", "go1.26.11", "a1b2", "/src/main.go" };

	w = (struct world){ .clock = 1000 * S, .gen = 20, .memory = { .known = true, .rss = 77 } };
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		w.strings[i] = xstrdup(strings[i]);
	for (size_t i = 0; i < N_PROBES; i++)
		memcpy(w.text[i], bytes, sizeof(bytes));
	return 0;
}

/* Attached, with two stacks that are known. */
static int setup(void **state)
{
	setup_world(state);
	assert_int_equal(new_tracing(), 0);
	assert_int_equal(tracing_attach(w.t), 0);
	send_stack(PUT, 0);
	send_stack(SERVE, 0);
	return 0;
}

static int teardown(void **state)
{
	tracing_free(w.t);
	for (size_t i = 0; i < ARRAY_SIZE(w.strings); i++)
		free(w.strings[i]);
	return 0;
}

static void turn(void)
{
	assert_int_equal(tracing_turn(w.t, false), 0);
}

static const struct obs_goroutine *in_table(const struct observation *o, uint64_t goid)
{
	for (size_t i = 0; i < o->n_table; i++)
		if (o->table[i].goid == goid)
			return &o->table[i];
	fail_msg("goroutine %llu is not in the table", (unsigned long long)goid);
	return NULL;
}

static void assert_seen_start(const struct observation *o, uint64_t goid)
{
	const struct obs_goroutine *g = in_table(o, goid);

	assert_true(g->start_ns);
	assert_int_equal(o->stacks[g->stack].id, SERVE);
	assert_false(g->before_attach);
}

static uint64_t live(const struct observation *o)
{
	uint64_t n = 0;

	for (size_t i = 0; i < o->n_accounts; i++)
		n += o->accounts[i].live;
	return n;
}

static uint64_t young(const struct observation *o)
{
	uint64_t n = 0;

	for (size_t i = 0; i < o->n_accounts; i++)
		n += o->accounts[i].young;
	return n;
}

/* What a function says on stderr, to be freed. */
static char *said_by(int (*fn)(void), int want)
{
	FILE *was = stderr;
	char *text = NULL;
	size_t n;
	int got;

	stderr = open_memstream(&text, &n);
	got = fn();
	fclose(stderr);
	stderr = was;
	assert_int_equal(got, want);
	return text;
}

/* ---- what is planted ------------------------------------------------------------------------- */

/* Another tracer's breakpoint is none of our business. */
static void test_bytes_with_int3(void **state)
{
	w.text[2][0] = 0xcc;
	assert_int_equal(new_tracing(), 0);
	assert_int_equal(tracing_plan(w.t)->n, N_PROBES);
}

static void test_bytes_changed(void **state)
{
	for (size_t i = 0; i < N_PROBES; i++)
		for (size_t k = 0; k < 2; k++) {
			char *said;

			w.text[i][k] ^= 0x80;
			said = said_by(new_tracing, -EBADMSG);
			assert_non_null(strstr(said, "its code at runtime.f+0x4 is not what"));
			assert_null(w.t);
			free(said);
			w.text[i][k] ^= 0x80;
		}
	w.text[0][0] = 0xcc;	/* a breakpoint over another instruction */
	w.text[0][1] ^= 1;
	free(said_by(new_tracing, -EBADMSG));
	w.gone = "exec'ed another program";	/* whose code is its own business */
	assert_int_equal(new_tracing(), -ESRCH);
}

static void test_bytes_unreadable(void **state)
{
	w.text_err = -ESRCH;
	assert_int_equal(new_tracing(), -ESRCH);
	assert_int_equal(w.said_unreadable, -ESRCH);
}

static int attach(void)
{
	return tracing_attach(w.t);
}

static void test_gone_before_plant(void **state)
{
	char *said;

	assert_int_equal(new_tracing(), 0);
	w.gone = "exited";
	said = said_by(attach, -ESRCH);
	assert_non_null(strstr(said, "process 4242 has exited before it could be traced"));
	assert_int_equal(w.n_planted, 0);
	free(said);
}

static void still_planted(void)
{
	assert_int_equal(w.planted, TRACER_ALL);
	go_away();
}

static void test_gone_after_plant(void **state)
{
	assert_int_equal(new_tracing(), 0);
	w.while_planted = still_planted;
	free(said_by(attach, -ESRCH));
	assert_int_equal(w.planted, 0);
}

static void test_no_heap_to_read(void **state)
{
	assert_int_equal(new_tracing(), 0);
	w.sweepgen_err = -EFAULT;
	assert_int_equal(tracing_attach(w.t), -EFAULT);
	assert_int_equal(w.said_unreadable, -EFAULT);
	assert_int_equal(w.n_planted, 0);
}

static void test_plan_to_tracer(void **state)
{
	static const enum tracer_group groups[N_PROBES] = {
		TRACER_HEAP, TRACER_GOROUTINES, TRACER_GOROUTINES, TRACER_COLLECTOR,
		TRACER_PROFILE };

	w.race = true;
	assert_int_equal(new_tracing(), 0);
	assert_int_equal(tracing_attach(w.t), 0);
	assert_int_equal(w.planted, TRACER_ALL);
	assert_int_equal(tracing_attach_ns(w.t), 1000 * S);
	assert_int_equal(tracing_fd(w.t), 5);
	for (size_t i = 0; i < N_PROBES; i++) {
		assert_int_equal(w.probes[i].group, groups[i]);
		assert_int_equal(w.probes[i].row.id, i);
		assert_int_equal(w.probes[i].addr, BIAS + 0x100 * (i + 1));
		assert_int_equal(w.probes[i].file_off, 0x10 * (i + 1));
	}
	assert_int_equal(w.config.sweepgen_addr, BIAS + 0x5000);
	assert_int_equal(w.config.mstart, BIAS + 0x7000);
	assert_int_equal(w.config.mstart_size, 0x20);
	assert_int_equal(w.config.mcall, BIAS + 0x8000);
	assert_int_equal(w.config.mcall_size, 0x40);
	assert_int_equal(w.config.callback, BIAS + 0xa000);
	assert_int_equal(w.config.callback_size, 0x60);
	assert_int_equal(w.config.goswitch, BIAS + 0xb000);
	assert_int_equal(w.config.goswitch_size, 0x10);
	assert_int_equal(w.config.heapstats_addr, 0x9000);
	assert_int_equal(w.config.heapstats_len, 64);
	assert_int_equal(w.config.g_goid_off, 152);
	assert_int_equal(w.config.tgid, 17);
	assert_int_equal(w.config.pidns_dev, 4);
	assert_int_equal(w.config.pidns_ino, 4026531836);
	assert_true(w.track->ops.tiny_alone);
}

/* Where a stack goes on below a callback from C: with the frame record of systemstack_switch, or
 * where that has none (before Go 1.21) with that of cgocall. */
static void test_callback(void **state)
{
	for (int has_record = 0; has_record < 2; has_record++) {
		memset(&w.config, 0, sizeof(w.config));
		w.switch_frame = has_record ? 8 : 0;
		assert_int_equal(new_tracing(), 0);
		assert_int_equal(tracing_attach(w.t), 0);
		assert_int_equal(w.config.callback_pc, 32);
		assert_int_equal(w.config.callback_frame, 32 + 8 + (has_record ? 0 : 72));
		tracing_free(w.t);
	}
	w.no_cgo = true;
	assert_int_equal(new_tracing(), 0);
	assert_int_equal(tracing_attach(w.t), 0);
	assert_int_equal(w.config.callback_size, 0);
}

/* In the initial pid namespace there is nothing to compare. */
static void test_global_pid(void **state)
{
	w.global = true;
	assert_int_equal(new_tracing(), 0);
	assert_int_equal(tracing_attach(w.t), 0);
	assert_int_equal(w.config.tgid, PID);
	assert_int_equal(w.config.pidns_ino, 0);
	assert_false(w.track->ops.tiny_alone);
}

/* ---- order in time --------------------------------------------------------------------------- */

static void start_and_end(void)
{
	start(7);		/* still there when the table's turn came */
	end(7);
	start(8);
	start(9);		/* after that */
	end(5);			/* was known before */
}

static void test_order(void **state)
{
	static const uint64_t goids[] = { 5, 7, 8, 9 };
	struct observation *o;

	start(5);
	turn();
	enter(1);
	enter(5);
	enter(7);
	enter(8);
	w.while_table = start_and_end;
	o = tracing_observe(w.t);
	assert_true(o->table_known);
	assert_int_equal(o->n_table, 4);
	assert_seen_start(o, 5);
	assert_seen_start(o, 7);
	assert_seen_start(o, 8);
	assert_int_equal(o->n_started, 4);
	for (size_t i = 0; i < ARRAY_SIZE(goids); i++) {
		assert_int_equal(o->started[i].goid, goids[i]);
		assert_int_equal(o->started[i].ended, i < 2);
	}
	observation_free(o);

	w.while_table = NULL;		/* those that had ended are forgotten then */
	w.n_gs = 0;
	enter(8);
	o = tracing_observe(w.t);
	assert_int_equal(o->n_started, 2);
	assert_seen_start(o, 8);
	observation_free(o);
}

static void start_9(void)
{
	start(9);
}

static void test_older(void **state)
{
	struct observation *o;

	enter(1);
	enter(5);
	enter(9);			/* started while the probes were planted */
	assert_int_equal(new_tracing(), 0);
	w.while_planted = start_9;
	assert_int_equal(tracing_attach(w.t), 0);
	send_stack(SERVE, 0);
	w.n_gs = 0;
	enter(5);
	enter(9);
	enter(12);			/* its record was lost */
	o = tracing_observe(w.t);
	assert_true(in_table(o, 5)->before_attach);
	assert_int_equal(in_table(o, 5)->start_ns, 0);
	assert_true(in_table(o, 9)->start_ns);
	assert_false(in_table(o, 9)->before_attach);
	assert_int_equal(in_table(o, 12)->start_ns, 0);
	assert_false(in_table(o, 12)->before_attach);
	observation_free(o);
}

/* The program's own profile is looked at right after the attach, and told of each collection. */
static void test_before(void **state)
{
	struct observation *o;

	assert_int_equal(w.n_before, 1);
	assert_int_equal(w.n_before_looks, 0);
	collect();
	turn();
	assert_int_equal(w.n_before_looks, 1);
	turn();
	assert_int_equal(w.n_before_looks, 1);
	collect();
	turn();
	assert_int_equal(w.n_before_looks, 2);
	o = tracing_observe(w.t);
	assert_int_equal(w.n_before_looks, 3);
	assert_int_equal(o->before.rate, 1);
	observation_free(o);
}

/* The record of an object that took a slot just before the look is in the ring by then. */
static void take_slot(void)
{
	w.while_asked = NULL;
	allocate(0xc000000000, SERVE, 0);
}

static void test_drained_after_look(void **state)
{
	struct observation *o;

	allocate(0xc000000000, PUT, 0);
	collect();
	w.while_asked = take_slot;
	turn();
	assert_int_equal(w.n_ring, 0);
	o = tracing_observe(w.t);
	assert_int_equal(live(o), 0);
	assert_int_equal(young(o), 1);
	observation_free(o);
}

/* The turn has drained the ring already. */
static void allocate_and_collect(void)
{
	w.while_checked = NULL;
	allocate_more(3);
	collect();
}

static void test_drained_before_look(void **state)
{
	struct observation *o;

	w.while_checked = allocate_and_collect;
	turn();
	assert_int_equal(w.tracked_gen, w.gen);
	o = tracing_observe(w.t);
	assert_int_equal(live(o), 3);
	assert_true(w.tracked_bytes == 3 * 64);
	observation_free(o);
}

/* ---- another program ------------------------------------------------------------------------- */

static void fill_table(void)
{
	w.n_unreadable = 5;
	w.n_left_out = 3;
	w.n_stacks_left_out = 4;
}

static void test_gone_while_table_is_read(void **state)
{
	struct observation *o;

	fill_table();
	enter(1);
	observation_free(tracing_observe(w.t));
	w.n_unreadable = 70;
	w.n_left_out = 0;
	w.n_stacks_left_out = 80;
	w.memory.rss = 1;
	w.while_table = go_away;
	start(5);
	o = tracing_observe(w.t);
	assert_string_equal(o->gone, "exec'ed another program");
	assert_false(o->table_known);
	assert_int_equal(o->n_table, 0);
	assert_int_equal(o->n_started, 1);
	assert_int_equal(o->memory.rss, 77);
	assert_int_equal(o->loss[COVERAGE_GOROUTINES_UNREADABLE], 8);
	assert_int_equal(o->loss[COVERAGE_GOROUTINE_STACKS_LEFT_OUT], 4);
	observation_free(o);
}

/* Then only what was seen to start is known, and not that there are no others. */
static void test_table_unreadable(void **state)
{
	struct observation *o;

	enter(1);
	start(5);
	w.goroutines_err = -EFAULT;
	o = tracing_observe(w.t);
	assert_null(o->gone);
	assert_false(o->table_known);
	assert_int_equal(o->n_table, 0);
	assert_int_equal(o->n_started, 1);
	observation_free(o);
}

static void test_gone_while_objects_are_asked_for(void **state)
{
	struct observation *o;

	allocate_more(3);
	collect();
	turn();
	allocate_more(2);
	collect();
	w.all_dead = true;
	w.while_asked = go_away;
	turn();
	assert_int_equal(w.n_asked, 3 + 5);
	o = tracing_observe(w.t);
	assert_int_equal(live(o), 3);
	assert_int_equal(young(o), 2);
	assert_int_equal(o->gc_cycles, 2);	/* those of this program */
	assert_int_equal(o->looked_ns, 1000 * S);
	observation_free(o);
}

/* Its collections are not this program's. */
static void test_gone_before_look(void **state)
{
	struct observation *o;

	allocate_more(3);
	collect();
	w.before_look = go_away;
	turn();
	o = tracing_observe(w.t);
	assert_int_equal(o->gc_cycles, 0);
	assert_int_equal(w.n_asked, 0);
	observation_free(o);
}

static void no_reading(void)
{
	fail();
}

/* Nothing is asked any more, and what was known stays. */
static void test_after_the_end(void **state)
{
	struct observation *o;

	allocate_more(3);
	collect();
	turn();
	w.gone = "exited";
	w.memory.rss = 1;
	w.while_table = w.while_asked = w.while_checked = no_reading;
	collect();
	w.clock += S;
	allocate_more(1);		/* what was still in the ring */
	assert_int_equal(tracing_turn(w.t, true), 0);
	o = tracing_observe(w.t);
	assert_string_equal(o->gone, "exited");
	assert_int_equal(live(o), 3);
	assert_int_equal(young(o), 1);
	assert_int_equal(o->memory.rss, 77);
	assert_true(o->memory.known);
	assert_false(o->table_known);
	assert_int_equal(w.n_memory, 1);
	observation_free(o);
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void test_turn_errors(void **state)
{
	static const int none[] = { -ESRCH, -EFAULT, -EAGAIN };

	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		w.check = none[i];
		turn();
		w.check = 0;
		w.sweepgen_err = none[i];
		turn();
		w.sweepgen_err = 0;
	}
	w.check = -EBADMSG;
	assert_int_equal(tracing_turn(w.t, false), -EBADMSG);
	w.while_checked = go_away;	/* it was another program's memory */
	turn();
	w.drain_err = -EIO;
	assert_int_equal(tracing_turn(w.t, false), -EIO);
}

/* A look that came to nothing is made again; one that was made is not. */
static void test_look_again(void **state)
{
	struct observation *o;

	allocate_more(3);
	collect();
	w.alive_err = -EFAULT;
	turn();
	w.alive_err = 0;
	w.interrupted = true;
	turn();
	o = tracing_observe(w.t);
	assert_int_equal(o->looked_ns, 0);
	assert_int_equal(live(o), 0);
	assert_int_equal(o->loss[COVERAGE_LIVENESS_UNKNOWN], 3);
	observation_free(o);
	w.interrupted = false;
	w.n_asked = 0;
	turn();
	turn();
	assert_int_equal(w.n_asked, 3);
	o = tracing_observe(w.t);
	assert_int_equal(o->looked_ns, w.clock);
	assert_int_equal(live(o), 3);
	assert_int_equal(o->loss[COVERAGE_LIVENESS_UNKNOWN], 0);
	observation_free(o);
}

/* No collection, no look, whoever asks for it. */
static void test_no_collection(void **state)
{
	allocate_more(3);
	turn();
	assert_int_equal(tracing_turn(w.t, true), 0);
	assert_int_equal(w.n_asked, 0);
}

static void take_10_ms(void)
{
	w.clock += 10000000;
}

/* Looks may take a fifth of our time, unless one is asked for. */
static void test_time_of_looks(void **state)
{
	allocate_more(1);
	w.while_asked = take_10_ms;
	collect();
	turn();
	assert_int_equal(w.n_asked, 1);
	collect();
	w.clock += 39999999;
	turn();
	assert_int_equal(w.n_asked, 1);
	w.clock += 1;
	turn();
	assert_int_equal(w.n_asked, 2);
	collect();
	turn();
	assert_int_equal(w.n_asked, 2);
	assert_int_equal(tracing_turn(w.t, true), 0);
	assert_int_equal(w.n_asked, 3);
}

static void test_time_of_memory(void **state)
{
	turn();
	assert_int_equal(w.n_memory, 1);
	w.clock += 500000000;
	turn();
	assert_int_equal(w.n_memory, 1);
	w.clock += 1;
	turn();
	assert_int_equal(w.n_memory, 2);
}

static void test_new_stacks(void **state)
{
	turn();
	assert_int_equal(w.n_named, 2);
	assert_int_equal(w.named[0], PUT);
	assert_int_equal(w.named[1], 2 * PUT);
	assert_false(w.named_cut);
	w.n_named = 0;
	turn();
	assert_int_equal(w.n_named, 0);		/* once */
	send_stack(99, GL_STACK_CUT);
	w.gone = "exited";			/* there is still time */
	turn();
	assert_int_equal(w.named[0], 99);
	assert_true(w.named_cut);
}

static void test_detach(void **state)
{
	struct observation *o;

	allocate_more(2);
	tracing_detach(w.t);
	assert_int_equal(w.planted, 0);
	o = tracing_observe(w.t);
	assert_int_equal(young(o), 2);
	observation_free(o);
}

/* ---- what an observation holds -------------------------------------------------------------- */

static const struct obs_account *account_of(const struct observation *o, uint64_t typ)
{
	for (size_t i = 0; i < o->n_accounts; i++)
		if (o->accounts[i].typ == typ)
			return &o->accounts[i];
	fail_msg("no account of type %#llx", (unsigned long long)typ);
	return NULL;
}

static void test_vaddrs(void **state)
{
	static const uint64_t waits_at[] = { 0x300, 0x400 };
	struct observation *o;
	const uint64_t *pcs;

	allocate(0xc000000000, PUT, BIAS + 0x9000);
	allocate(0xc000000040, PUT, 0);
	allocate(0xc000000080, PUT, GL_UNKNOWN);
	enter(3);		/* gomem gives vaddrs */
	w.gs[0] = (struct goroutine){ .goid = 3, .gopc = 0x100, .startpc = 0x200, .pcs = waits_at,
				      .n_pcs = 2, .waitsince_ns = 5 * S, .system = true,
				      .cut = true, .state = "chan receive" };
	o = tracing_observe(w.t);
	pcs = o->pcs + o->stacks[account_of(o, 0x9000)->stack].first_pc;
	assert_int_equal(pcs[0], PUT);
	assert_int_equal(pcs[1], 2 * PUT);
	account_of(o, 0);
	account_of(o, GL_UNKNOWN);
	assert_int_equal(in_table(o, 3)->gopc, 0x100);
	assert_int_equal(in_table(o, 3)->startpc, 0x200);
	assert_int_equal(in_table(o, 3)->waitsince_ns, 5 * S);
	assert_true(in_table(o, 3)->system);
	assert_true(in_table(o, 3)->cut);
	assert_string_equal(o->states[in_table(o, 3)->state], "chan receive");
	assert_int_equal(in_table(o, 3)->n_pcs, 2);
	assert_memory_equal(o->table_pcs + in_table(o, 3)->first_pc, waits_at, sizeof(waits_at));
	observation_free(o);
}

/* What decides on looks at the heap by type, what they are given, and what they cost. */
static void test_types(void **state)
{
	struct observation *o;
	uint64_t end_ns;
	double cpu_s;

	turn();
	assert_true(w.moment.early);
	assert_false(w.moment.grows);
	assert_int_equal(w.moment.end_ns, 0);
	assert_int_equal(w.moment.live_bytes, w.memory.live_heap);
	w.grows = true;
	w.clock += 11 * S;
	tracing_ends(w.t, w.clock + 9 * S);
	allocate(0xc000000000, PUT, BIAS + 0x9000);
	allocate(0xc000000040, PUT, 0);
	allocate(0xc000000080, PUT, GL_UNKNOWN);
	turn();
	assert_true(w.moment.grows);
	assert_false(w.moment.early);
	assert_int_equal(w.moment.now_ns, w.clock);
	assert_int_equal(w.moment.end_ns, w.clock + 9 * S);
	assert_false(w.moment.ending);
	tracing_ends_soon(w.t, &end_ns);
	assert_int_equal(end_ns, w.clock + 4 * S);	/* as long as the last look takes */
	turn();
	assert_true(w.moment.ending);
	assert_int_equal(w.moment.end_ns, end_ns);
	assert_false(tracing_has_looked(w.t));
	o = tracing_observe(w.t);
	assert_int_equal(w.n_seeds, 1);
	assert_int_equal(w.seeds[0].addr, 0xc000000000);
	assert_int_equal(w.seeds[0].typ, 0x9000);
	assert_null(o->growth);
	assert_int_equal(o->looks.n_looks, 1);
	cpu_s = o->cost.own_cpu_s;
	assert_true(cpu_s >= 1000);
	observation_free(o);
}

/* The tally hears of each mark phase, and after each look of what that found to live. */
static void test_tally(void **state)
{
	struct observation *o;

	w.ring[w.n_ring++].gcstart = (struct gl_gcstart){
		.h = { .kind = GL_REC_GCSTART }, .gen = 42, .counted = 1,
		.heapstats = { [5] = 77 } };
	turn();
	assert_int_equal(w.marked_gen, 42);
	allocate_more(3);
	collect();
	turn();
	assert_int_equal(w.tracked_gen, w.gen);
	o = tracing_observe(w.t);
	assert_true(w.tracked_bytes == account_of(o, 0)->live * account_of(o, 0)->size);
	assert_int_equal(o->census.n_cycles, 9);
	observation_free(o);
}

/* Looks at 10, 20, 40 and 100 seconds; the one near the middle is that at 40. */
static void test_growth(void **state)
{
	static const struct { uint64_t s; size_t allocs; } rows[] = {
		{ 10, 4 }, { 20, 6 }, { 40, 10 }, { 50, 0 }, { 55, 0 }, { 100, 20 } };
	const struct obs_account *a;
	struct observation *o;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		w.clock = (1000 + rows[i].s) * S;
		allocate_more(rows[i].allocs);
		for (size_t k = 0; k < rows[i].allocs; k++)
			start(100 * i + k + 1);
		collect();
		turn();
	}
	end(1);
	w.clock += S;
	o = tracing_observe(w.t);
	assert_int_equal(o->attach_ns, 1000 * S);
	assert_int_equal(o->time_ns, 1101 * S);
	assert_int_equal(o->looked_ns, 1100 * S);
	assert_int_equal(o->heap_half_ns, 1040 * S);
	assert_int_equal(o->gc_cycles, 6);
	assert_int_equal(o->gc_cycles_half, 3);
	a = account_of(o, 0);
	assert_int_equal(a->live, 40);
	assert_int_equal(a->live_first, 4);
	assert_int_equal(a->live_half, 20);
	assert_int_equal(a->oldest_ns, 1010 * S);
	assert_int_equal(o->go_half_ns, 1040 * S);
	for (size_t i = 0; i < o->n_stacks; i++) {
		bool serves = o->stacks[i].id == SERVE;

		assert_int_equal(o->stacks[i].started, serves ? 40 : 0);
		assert_int_equal(o->stacks[i].ended, serves ? 1 : 0);
		assert_int_equal(o->stacks[i].half_live, serves ? 20 : 0);
	}
	observation_free(o);
}

/* A heap that only grows collects ever more rarely: growth is told from where there are enough. */
static void test_growth_doubling(void **state)
{
	static const uint64_t at[] = { 10, 20, 40, 100 };
	struct observation *o;

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		w.clock = (1000 + at[i]) * S;
		allocate_more(4 << i);
		collect();
		turn();
	}
	o = tracing_observe(w.t);
	assert_int_equal(o->heap_half_ns, 1010 * S);
	assert_int_equal(o->gc_cycles - o->gc_cycles_half, 3);
	assert_int_equal(account_of(o, 0)->live_half, 4);
	observation_free(o);
}

/* Before there is a middle, nothing is said of it. */
static void test_growth_too_early(void **state)
{
	struct observation *o;

	allocate_more(3);
	w.clock += S;
	o = tracing_observe(w.t);
	assert_int_equal(o->heap_half_ns, 0);
	assert_int_equal(o->go_half_ns, 0);
	observation_free(o);
	collect();
	turn();
	o = tracing_observe(w.t);
	assert_int_equal(o->heap_half_ns, 0);	/* one look is no growth */
	assert_int_equal(account_of(o, 0)->live_first, 3);
	observation_free(o);
}

static void test_loss(void **state)
{
	static const uint64_t want[N_COVERAGE] = {
		[COVERAGE_LOST_RING] = 100 + GL_LOST_RING,
		[COVERAGE_LOST_UNREADABLE] = 100 + GL_LOST_ADDR,
		[COVERAGE_LOST_BUSY] = 100 + GL_LOST_WORK,
		[COVERAGE_LOST_DAMAGED] = 50,
		[COVERAGE_STACKS_LOST] = 100 + GL_LOST_STACK,
		[COVERAGE_STACKS_UNSENT] = 100 + GL_LOST_STACK_RING,
		[COVERAGE_STACKS_CUT] = 100 + GL_LOST_STACK_CUT,
		[COVERAGE_STACKS_RESENT] = 100 + GL_STACKS_FULL,
		[COVERAGE_STACKS_NOT_KEPT] = 2, [COVERAGE_OBJECTS_UNSIZED] = 1,
		[COVERAGE_SITES_NOT_KEPT] = 3, [COVERAGE_SITES_FORGOTTEN] = 12,
		[COVERAGE_GOROUTINES_NOT_FOLLOWED] = 11, [COVERAGE_GOROUTINES_FORGOTTEN] = 6,
		[COVERAGE_LIVENESS_UNKNOWN] = 7, [COVERAGE_OBJECTS_DOUBTFUL] = 9,
		[COVERAGE_GOROUTINES_UNREADABLE] = 8, [COVERAGE_GOROUTINE_STACKS_LEFT_OUT] = 4,
	};
	struct observation *o;

	for (size_t i = 0; i < GL_N_COUNTERS; i++)
		w.counters[i] = 100 + i;
	w.damaged = 50;
	w.track->loss = (struct track_loss){
		.unsized = 1, .stacks_full = 2, .accounts_full = 3, .goroutines_full = 11,
		.forgotten_allocs = 12, .forgotten_started = 6, .liveness_unknown = 7,
		.doubtful = 9 };
	w.track->n_lost = 9;
	fill_table();
	o = tracing_observe(w.t);
	for (size_t i = 0; i < N_COVERAGE; i++)
		if (o->loss[i] != want[i])
			fail_msg("%s: %llu", coverage_rows[i].name,
				 (unsigned long long)o->loss[i]);
	/* what may have been an allocation */
	assert_int_equal(w.track->ops.lost(w.track->ops.ctx), 100 + 101 + 102 + 50);
	observation_free(o);
}

/* An allocation of unknown size, and one by a probe that there is not, end what lay there. */
static void test_unsized(void **state)
{
	struct observation *o;

	allocate(0xc000000000, PUT, 0);
	allocate(0xc000000040, PUT, 0);
	allocate(0xc000000080, PUT, 0);
	turn();
	allocate(0xc000000000, PUT, 0);
	w.ring[0].alloc.size = 0;
	allocate(0xc000000040, PUT, 0);
	w.ring[1].h.probe = N_PROBES;
	o = tracing_observe(w.t);
	assert_int_equal(young(o), 1);
	assert_int_equal(o->loss[COVERAGE_OBJECTS_UNSIZED], 2);
	observation_free(o);
}

/* A size that cannot be read is not 0: no descriptor is left here. */
static void test_own_size_unknown(void **state)
{
	struct rlimit was, none;
	struct observation *o;

	getrlimit(RLIMIT_NOFILE, &was);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	o = tracing_observe(w.t);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_true(o->cost.own_rss == UNKNOWN_U64);
	observation_free(o);
}

/* Nothing is read that belonged to the tracing, or to the process. */
static void test_owns_all(void **state)
{
	static const uint64_t waits_at[] = { 0x300 };
	struct observation *o;

	allocate_more(2);
	start(7);
	enter(7);
	w.gs[0].pcs = waits_at;
	w.gs[0].n_pcs = 1;
	o = tracing_observe(w.t);
	tracing_free(w.t);
	w.t = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(w.strings); i++) {
		free(w.strings[i]);
		w.strings[i] = NULL;
	}
	assert_string_equal(o->target.exe, "/srv/api");
	assert_string_equal(o->target.comm, "api");
	assert_string_equal(o->target.go_version, "go1.26.11");
	assert_string_equal(o->target.build_id, "a1b2");
	assert_string_equal(o->target.main_file, "/src/main.go");
	assert_int_equal(o->wall_ns, WALL * S + 7);
	assert_true(o->heap && o->goroutines);
	assert_null(o->gone);
	assert_int_equal(young(o), 2);
	assert_int_equal(o->one_in, 1);
	assert_seen_start(o, 7);
	assert_int_equal(o->pcs[o->stacks[o->table[0].stack].first_pc], SERVE);
	assert_int_equal(o->table_pcs[o->table[0].first_pc], 0x300);
	assert_string_equal(o->states[o->table[0].state], "running");
	assert_int_equal(o->cost.hits, 1000);
	assert_true(o->cost.ns_per_hit == 350);
	assert_true(o->cost.own_rss > 0);
	observation_free(o);
}

/* ---- what is listened to --------------------------------------------------------------------- */

static const struct listen_ops *ops(void)
{
	return &w.listen.ops;
}

static double allocated(void)
{
	struct observation *o = tracing_observe(w.t);
	double n = 0;

	for (size_t i = 0; i < o->n_accounts; i++)
		n += o->accounts[i].allocs;
	observation_free(o);
	return n;
}

/* Windows need no probe at the ends of goroutines; the rest is told as it was asked for. */
static void test_listen_setup(void **state)
{
	static const size_t n[TRACER_N_GROUPS] = { 1, 2, 1, 1 };
	struct budget_counts counts;

	assert_int_equal(w.listen.wanted, TRACER_ALL);
	assert_memory_equal(w.listen.n_probes, n, sizeof(n));
	assert_int_equal(w.listen.burst.bits[0], 1 << ALLOC | 1 << GOSTART | 1 << GCEND |
						 1 << PROFILE);
	w.pace.counts = (struct budget_counts){ .time_ns = 5, .allocs = 7, .profile_bytes = 9 };
	assert_true(ops()->count(w.t, &counts));
	assert_int_equal(counts.allocs, 7);
	assert_int_equal(counts.profile_bytes, 9);
	w.no_pace = true;
	assert_false(ops()->count(w.t, &counts));
}

static double wakes_of(size_t n_processors, uint64_t cpu_ns)
{
	w.n_processors = n_processors;
	w.cpu_ns = cpu_ns;
	return ops()->wakes(w.t);
}

/* Threads are woken where there is a processor with nothing to do: of two here, over ten seconds. */
static void test_wakes(void **state)
{
	w.pace.counts.time_ns = w.clock;
	w.cpu_ns = 5 * S;
	assert_int_equal(new_tracing(), 0);
	assert_int_equal(tracing_attach(w.t), 0);
	w.clock = w.pace.counts.time_ns + 10 * S;
	assert_true(wakes_of(2, 22 * S) > 0);
	assert_true(wakes_of(2, 23 * S) == 0);
	assert_true(wakes_of(4, 23 * S) > 0);
	assert_true(wakes_of(1, 6 * S) == 0);
	assert_true(wakes_of(2, UNKNOWN_U64) > 0);
	assert_true(wakes_of(1, UNKNOWN_U64) == 0);
}

/* Samples of the runtime's profiler have the chance that their size has there. */
static void test_profiled(void **state)
{
	struct budget_counts counts;
	struct gl_alloc *rec;

	w.pace.counts.profile_bytes = 64000;
	assert_true(ops()->count(w.t, &counts));
	ops()->unseen(w.t, false);
	ops()->stretch(w.t, 1, false);
	allocate(0xc000000000, PUT, 0);
	rec = &w.ring[w.n_ring - 1].alloc;
	rec->h.probe = PROFILE;
	rec->size = 64;
	turn();
	assert_true(fabs(allocated() - 1000.5) < 0.5);
	w.pace.counts.profile_bytes = 1;	/* every object is one */
	assert_true(ops()->count(w.t, &counts));
	allocate(0xc000000100, PUT, 0);
	w.ring[w.n_ring - 1].alloc.h.probe = PROFILE;
	turn();
	assert_true(fabs(allocated() - 1001.5) < 0.5);
}

enum { SIXTY_FOUR = 8 };	/* size class of it, as golayout_class_size() has it here */

/* In bursts nothing is known of a record before its window is over; what was allocated is what the
 * runtime has counted until now, whether there was a window in the present stretch or not. */
static void test_windows(void **state)
{
	turn();
	w.pace.counts.time_ns = w.clock;
	ops()->unseen(w.t, false);
	ops()->stretch(w.t, 1, true);
	assert_true(w.track->unseen);
	allocate_more(3);
	turn();
	assert_true(allocated() == 0);
	w.clock += S / 2;
	w.pace.counts.time_ns = w.clock;
	w.pace.allocs[SIXTY_FOUR] += 300;
	ops()->window(w.t, S / 100);
	assert_true(fabs(allocated() - 300) < 1);
	w.clock += S / 2;
	w.pace.counts.time_ns = w.clock;
	w.pace.allocs[SIXTY_FOUR] += 300;
	ops()->stretch(w.t, 0.01, true);
	assert_true(fabs(allocated() - 600) < 1);
	w.pace.allocs[SIXTY_FOUR] += 500;
	assert_true(fabs(allocated() - 1100) < 1);
	ops()->stretch(w.t, 1, false);
	ops()->seen(w.t, false);
	assert_false(w.track->unseen);
}

/* What waits is looked at with the rest; more than can wait does not wait. */
static void test_windows_and_looks(void **state)
{
	struct observation *o;

	turn();
	w.pace.counts.time_ns = w.clock;
	ops()->unseen(w.t, false);
	ops()->stretch(w.t, 1, true);
	allocate_more(3);
	w.window_ns = S / 100;
	collect();
	w.clock += S;
	turn();
	assert_int_equal(w.n_asked, 3);
	o = tracing_observe(w.t);
	assert_true(live(o) >= 3);
	observation_free(o);
	for (int i = 0; i < 70000 / 200; i++) {
		allocate_more(200);
		w.pace.allocs[SIXTY_FOUR] += 200;
		turn();
	}
	assert_true(allocated() >= 65536);
}

/* Where ends are not seen, the table tells, when a report is made and now and then; what started
 * after it was read stays. */
static void test_ends_unseen(void **state)
{
	struct observation *o;

	w.missed = true;
	w.pace.counts.starts = 100;
	start(7);
	start(8);
	enter(8);
	turn();
	w.clock += S;
	o = tracing_observe(w.t);
	assert_true(o->starts_missed);
	assert_int_equal(o->n_started, 1);
	assert_int_equal(o->started[0].goid, 8);
	assert_seen_start(o, 8);
	observation_free(o);
	w.n_gs = 0;
	w.clock += 9 * S;
	turn();
	assert_int_equal(w.track->goroutines.n, 1);
	w.clock += 2 * S;
	start(9);
	turn();
	assert_int_equal(w.track->goroutines.n, 1);
}

static void test_starts_counted(void **state)
{
	struct observation *o;

	w.pace.counts.starts = 1000;
	assert_int_equal(new_tracing(), 0);
	assert_int_equal(tracing_attach(w.t), 0);
	w.pace.counts.starts = 1234;
	o = tracing_observe(w.t);
	assert_int_equal(o->n_starts, 234);
	assert_false(o->starts_missed);
	observation_free(o);
	w.no_pace = true;
	o = tracing_observe(w.t);
	assert_true(o->n_starts == UNKNOWN_U64);
	observation_free(o);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define TEST_UNATTACHED(f) cmocka_unit_test_setup_teardown(f, setup_world, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNATTACHED(test_bytes_with_int3), TEST_UNATTACHED(test_bytes_changed),
		TEST_UNATTACHED(test_bytes_unreadable), TEST_UNATTACHED(test_gone_before_plant),
		TEST_UNATTACHED(test_gone_after_plant), TEST_UNATTACHED(test_no_heap_to_read),
		TEST_UNATTACHED(test_plan_to_tracer), TEST_UNATTACHED(test_callback),
		TEST_UNATTACHED(test_global_pid),
		TEST(test_order), TEST_UNATTACHED(test_older), TEST(test_before),
		TEST(test_drained_before_look), TEST(test_drained_after_look),
		TEST(test_gone_while_table_is_read), TEST(test_table_unreadable),
		TEST(test_gone_while_objects_are_asked_for), TEST(test_gone_before_look),
		TEST(test_after_the_end), TEST(test_turn_errors), TEST(test_look_again),
		TEST(test_no_collection), TEST(test_time_of_looks), TEST(test_time_of_memory),
		TEST(test_new_stacks), TEST(test_detach), TEST(test_vaddrs), TEST(test_growth),
		TEST(test_growth_doubling), TEST(test_tally), TEST(test_types),
		TEST(test_growth_too_early), TEST(test_loss), TEST(test_unsized),
		TEST(test_own_size_unknown), TEST(test_owns_all), TEST(test_listen_setup),
		TEST_UNATTACHED(test_wakes),
		TEST(test_profiled), TEST(test_windows), TEST(test_windows_and_looks),
		TEST(test_ends_unseen), TEST_UNATTACHED(test_starts_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
