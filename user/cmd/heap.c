// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap.c - the heap by type and who holds it: one look, or two and what grew in between.
 */
#include "user/cmd/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "include/gobpfleak.h"
#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/cmd/ends.h"
#include "user/heap/heap.h"
#include "user/heapmap.h"
#include "user/heapview.h"
#include "user/loop.h"
#include "user/model.h"
#include "user/opts.h"
#include "user/output.h"
#include "user/process.h"
#include "user/progress.h"
#include "user/report/report.h"
#include "user/suppress.h"
#include "user/target.h"

enum {
	TICK_NS = 50000000,
	END_TICKS = 20,		/* that an end takes at most to show how it came */
	/* Rows and holders that are looked for: some of a screen's are untyped, and what grows is
	 * known at the second look only. */
	SCREEN_ROWS = 30, SCREEN_HOLDERS = 10,
	MANY_ROWS = 2000, MANY_HOLDERS = 50,
	ALL = 1 << 20,
};

struct run {
	const struct opts *o;
	struct loop *loop;
	struct outputs *outputs;
	struct process *p;
	struct suppress *suppress;
	struct heap *heap;
	struct heapmap looks[2];
	size_t n_looks;
	const char *gone;		/* before the second look */
	bool stop;			/* told to end */
	struct progress progress;
	uint64_t look_ns;		/* when the look began */
};

/* ---- signals --------------------------------------------------------------------------------- */

static bool interrupted(void *ctx)
{
	struct run *r = ctx;
	uint64_t now = now_ns();

	if (progress_due(&r->progress, now))
		progress_look(&r->progress, r->look_ns, now);
	return loop_interrupted(r->loop);
}

static void on_end(void *ctx, int signo, bool from_terminal)
{
	struct run *r = ctx;

	r->stop = true;
	if (!clear_status() && from_terminal && isatty(STDERR_FILENO))	/* ^C is shown there */
		fputc('\n', stderr);
}

static int open_loop(struct run *r)
{
	const struct ends ends = { .on_end = on_end, .ctx = r };

	return ends_open(&r->loop, &ends);
}

/* ---- looks ----------------------------------------------------------------------------------- */

/* Only text on a screen shows few rows. */
static bool is_for_screen(const struct opts *o)
{
	return o->n_outputs == 1 && o->outputs[0].format->kind == REPORT_READING &&
	       o->top && !o->diff_ns;
}

static struct heap_options options(struct run *r)
{
	const struct opts *o = r->o;
	struct heap_options opt = {
		.rate = o->read_rate ? o->read_rate : HEAP_RATE, .only_size = o->only_size,
		.min_size = o->filter.min_object, .max_size = o->filter.max_object,
		.max_bytes = o->memory_bytes,
		.n_detailed = o->top ? MANY_ROWS : ALL, .n_holders = o->top ? MANY_HOLDERS : ALL,
		.interrupted = interrupted, .ctx = r,
	};

	if (is_for_screen(o)) {
		opt.n_detailed = o->top == REPORT_FIT ? SCREEN_ROWS : o->top + SCREEN_ROWS;
		opt.n_holders = SCREEN_HOLDERS;
	}
	return opt;
}

static int say_failed(const struct run *r, int err)
{
	int pid = (int)target_pid(process_target(r->p));

	if (err == -EINTR)
		say_error("told to end before the look at the heap was over: there is no report");
	else if (err == -EAGAIN)
		say_error("process %d has no heap yet: it has just been started; try again", pid);
	else if (err == -EBADMSG)
		say_error("process %d: its heap contradicts itself whenever it is read; it may be "
			  "damaged, or its runtime not be Go's own", pid);
	else
		target_say_unreadable(process_target(r->p), err);
	return err;
}

/* Nothing can be read of a process as soon as its main thread has ended; it is a while until the
 * others have, too, or one of them has become another program. */
static bool has_gone(struct run *r, bool ends)
{
	for (int i = 0; ends && !process_gone(r->p) && i < END_TICKS; i++)
		loop_wait_until(r->loop, now_ns() + TICK_NS);
	return process_gone(r->p);
}

/* What was read of a process that runs another program by then is nothing, and not its heap's
 * fault. */
static int look(struct run *r)
{
	const struct heap_options opt = options(r);
	struct heapmap *m = &r->looks[r->n_looks];
	int err;

	say_verbose("reading the heap of process %d", (int)target_pid(process_target(r->p)));
	r->look_ns = now_ns();
	progress_begin(&r->progress, true, 0, 0);
	err = heap_look(r->heap, &opt, m);
	clear_status();

	if (!err && m->interrupted)
		err = -EINTR;
	if (err != -EINTR && has_gone(r, err == -ESRCH))
		err = -ESRCH;
	if (err)
		heapmap_free(m);
	else
		r->n_looks++;
	return err;
}

static void say_looked(const struct run *r, uint64_t left_ns)
{
	const struct target *t = process_target(r->p);
	const struct report_words took = report_duration(r->looks[0].cost.seconds);

	if (left_ns)
		say("looked at the heap of pid %d (%s) in %s; the second look in %s, Ctrl-C looks "
		    "at once",
		    (int)target_pid(t), target_comm(t), took.s,
		    report_duration((double)left_ns / 1e9).s);
	else
		say("looked at the heap of pid %d (%s) in %s; the second look follows at once",
		    (int)target_pid(t), target_comm(t), took.s);
}

/* Until the second look is due, or nothing can come any more.  Both take about as long, so that as
 * much lies between what they find as between their begins. */
static int wait_for_second(struct run *r)
{
	uint64_t now = now_ns(), end = r->look_ns + r->o->diff_ns;
	int err = 0;

	say_looked(r, end > now ? end - now : 0);
	while (!err && !r->stop && now_ns() < end && !r->gone) {
		err = loop_wait_until(r->loop, now_ns() + TICK_NS);
		r->gone = process_gone(r->p);
	}
	return err;
}

static int second_look(struct run *r)
{
	int err = wait_for_second(r);

	if (!err && !r->gone)
		err = look(r);
	if (err == -ESRCH)
		r->gone = process_gone(r->p);
	if (!r->gone)
		return err ? say_failed(r, err) : 0;
	say("process %d has %s; the report is of the first look",
	    (int)target_pid(process_target(r->p)), r->gone);
	return 0;
}

static int check_class(uint64_t size)
{
	uint64_t below, above;

	if (!size || heap_is_class(size, &below, &above))
		return 0;
	say_error("--class %" PRIu64 ": Go has no size class of so many bytes; the next ones are of %"
		  PRIu64 " and %" PRIu64 " bytes", size, below, above);
	return -EINVAL;
}

static int all_looks(struct run *r)
{
	int err = process_open(&r->p, r->o->pid);

	if (err)
		return err;
	err = process_check(r->p);
	if (err == -EBADMSG)		/* told */
		return err;
	if (!err)
		err = heap_open(&r->heap, process_gomem(r->p), NULL);
	if (!err)
		err = look(r);
	if (err)
		return say_failed(r, err);
	return r->o->diff_ns ? second_look(r) : 0;
}

/* ---- the report ------------------------------------------------------------------------------ */

static int64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t own_peak(void)
{
	struct rusage ru;

	return getrusage(RUSAGE_SELF, &ru) ? UNKNOWN_U64 : (uint64_t)ru.ru_maxrss << 10;
}

static bool is_accepted(void *ctx, const struct heap_type *type)
{
	return type->name && suppress_type(ctx, type->name);
}

static int report(struct run *r)
{
	const struct heapmap *now = &r->looks[r->n_looks - 1];
	const struct heapmap *before = r->n_looks > 1 ? &r->looks[0] : NULL;
	struct heap_view view;
	struct findings f;
	int err;

	heapview_make(now, before, &view);
	if (r->suppress) {
		heapview_leave_out(&view, is_accepted, r->suppress);
		suppress_say_unused(r->suppress);
	}
	f = (struct findings){
		.version = GL_VERSION, .time_unix_ns = wall_ns(), .gone = r->gone,
		.attached_s = view.span.s, .gc_cycles = before ? now->n_cycles - before->n_cycles : 0,
		.suppressed_by = r->o->suppress, .memory = { .rss = UNKNOWN_U64 },
		.types = &view, .coverage = view.losses,
		.n_coverage = N_HEAP_LOSSES,
		.cost = { .budget_percent = NAN, .ns_per_hit = NAN, .look_s = NAN,
			  .own_cpu_percent = NAN, .own_rss = own_peak() },
	};
	process_describe(r->p, &f.target);
	if (!r->gone && process_memory(r->p, &f.memory))
		process_mappings(r->p, &f.memory);
	err = outputs_write(r->outputs, &f, r->o->top);
	heapview_fini(&view);
	return err;
}

static int heap(const struct opts *o)
{
	struct run r = { .o = o };
	int err = check_class(o->only_size);

	if (!err && o->suppress)
		err = suppress_read(&r.suppress, o->suppress);
	if (!err)
		err = open_loop(&r);
	if (!err)
		err = outputs_open(&r.outputs, o->outputs, o->n_outputs, o->force);
	if (!err)
		outputs_interrupt(r.outputs, interrupted, &r);
	if (!err)
		err = all_looks(&r);
	if (!err)
		err = report(&r);
	outputs_close(r.outputs);
	for (size_t i = 0; i < ARRAY_SIZE(r.looks); i++)
		heapmap_free(&r.looks[i]);
	suppress_free(r.suppress);
	heap_close(r.heap);
	process_close(r.p);
	loop_close(r.loop);
	if (err && err != -EPIPE)
		return EXIT_FAILED;
	return r.gone ? EXIT_GONE : EXIT_DONE;
}

const struct command cmd_heap = {
	.line = { "heap", CMD_HEAP, TAKES_PROCESS },
	.brief = "what lives in the heap, by Go type, and what holds it; no probes",
	.usage = "heap [OPTIONS] -p PID",
	.help = "Look at the heap of a running Go process from outside: what lives there by Go\n"
		"type, through which fields, maps, variables and stacks it is held, and which\n"
		"lines allocate it. Objects older than the look are in it. No probe is planted,\n"
		"nothing is stopped, nothing is written. With --diff two looks: what grew.\n"
		"Exit codes: 0 done; 1 usage, or no look was possible; 2 the process ended before\n"
		"the second look of --diff (the report is of the first).",
	.run = heap,
};
