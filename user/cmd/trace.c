// SPDX-License-Identifier: BSD-2-Clause
/*
 * trace.c - one process from attach to the final report.
 */
#include "user/cmd/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/atlimit.h"
#include "user/base/limits.h"
#include "user/base/procself.h"
#include "user/base/util.h"
#include "user/cmd/ends.h"
#include "user/findings.h"
#include "user/launch.h"
#include "user/loop.h"
#include "user/memlimit.h"
#include "user/model.h"
#include "user/names.h"
#include "user/observation.h"
#include "user/opts.h"
#include "user/output.h"
#include "user/probe/plan.h"
#include "user/probe/plan_text.h"
#include "user/process.h"
#include "user/progress.h"
#include "user/report/report.h"
#include "user/sites.h"
#include "user/suppress.h"
#include "user/target.h"
#include "user/tracing.h"

enum {
	TICK_NS = 20000000,		/* the ring is drained that often at least */
	DRY_RUN_NS = 1000000000,	/* that a price is taken over; goroutines are counted by 16 */
};

struct run {
	const struct opts *o;
	struct process *p;
	struct tracing *t;
	struct sites *sites;
	struct suppress *suppress;
	struct outputs *outputs;
	struct loop *loop;
	uint64_t end_ns, next_report_ns;	/* 0: none */
	bool asked;			/* for a report in between */
	struct at_limit at_limit;
	struct progress progress;
	unsigned int n_failed;		/* reports that could not be written */
	bool leaks;			/* as the last report says */
	bool early;			/* it was too early for it to say so */
	bool counted;			/* so many collections have ended as -d asks for */
	bool stop;			/* the final report is due */
	bool was_gone;			/* the process, at the turn before */
	bool told_gone;			/* that it has ended, and the report says so */
	bool gone;			/* so it has, and was no command */
	const char *nothing;		/* why there may be nothing to write */
	int command_status;		/* of the command, if it has ended; else 0 */
};

/* What the report says of it, and the exit status with it. */
static void end_gone(struct run *r, const char *why)
{
	if (r->told_gone)
		return;
	r->told_gone = true;
	say("process %d has %s; the report tells what was seen before",
	    (int)target_pid(process_target(r->p)), why);
	r->stop = true;
	if (r->o->command && !strcmp(why, "exited"))
		r->command_status = launch_status(target_pid(process_target(r->p)));
	else
		r->gone = true;
}

/* ---- reports -------------------------------------------------------------------------------- */

/* runtime/mgc.go, gcTrigger.test: by time only if there was a collection before. */
#define NO_COLLECTION \
	"no collection has ended since the attach, so what is live is not known and there is " \
	"nothing to write: Go collects when the heap comes to its goal, and two minutes after the " \
	"last collection unless GOGC is off; trace for longer, or count what was allocated (-falloc)"

#define ONE_COLLECTION \
	"only one collection was seen to end since the attach, so what grows is not known and there is " \
	"nothing to write: trace for longer, for two collections at least (-d2gc)"

#define NOT_HEARD \
	"no allocation was listened to since the attach, so there is nothing to write: trace for " \
	"longer, or with a larger --budget"

static int report(struct run *r)
{
	struct observation *o = tracing_observe(r->t);
	struct findings *f;
	int err;

	clear_status();		/* they may have one terminal */
	if (o->gone)
		end_gone(r, o->gone);
	o->suppress = r->suppress;
	o->filter = r->o->filter;
	o->from_start = r->o->command;
	f = findings_make(o, r->sites);
	err = outputs_write(r->outputs, f, r->o->top);
	r->leaks = f->verdicts.known && f->verdicts.verdict == VERDICT_LEAK;
	r->early = f->verdicts.known && (f->verdicts.verdict == VERDICT_TOO_FEW ||
					 f->gc_cycles < f->verdicts.min_cycles ||
					 f->attached_s < f->verdicts.min_s);
	r->nothing = f->unheard ? NOT_HEARD : f->live_known ? ONE_COLLECTION : NO_COLLECTION;
	findings_free(f);
	observation_free(o);
	return err;
}

/* One that cannot be written is no reason to lose those that follow. */
static int interim_report(struct run *r)
{
	int err = report(r);

	if (err == -ENODATA)
		say("%s", r->nothing);
	else if (err && err != -EPIPE)
		r->n_failed++;
	return err == -EPIPE ? err : 0;
}

static int final_report(struct run *r)
{
	int err = report(r);

	if (err == -ENODATA)
		say_error("%s", r->nothing);
	if (r->suppress)
		suppress_say_unused(r->suppress);
	/* not hidden by -q: it says what the exit status means */
	if (!err && r->o->fail_on_leak && r->early && !r->leaks)
		say_error("--fail-on-leak: too early to call anything a leak, which does not say "
			  "that there is none: trace for longer (VERDICT says how long)");
	if (r->n_failed)
		say("%u of the reports before the final one could not be written", r->n_failed);
	return err;
}

/* --at-limit asks for one as SIGUSR1 does: what is known before the kernel ends the process. */
static void check_limit(struct run *r)
{
	struct at_limit *a = &r->at_limit;
	const int pid = (int)target_pid(process_target(r->p));
	struct memlimit m;

	if (!a->percent || now_ns() < a->next_ns)
		return;
	if (memlimit_read("", pid, &m)) {
		at_limit_unknown(a, now_ns());
		return;
	}
	if (!at_limit_passed(a, &m, now_ns()))
		return;
	say("memory at %.1f%% of the limit of the %s (%s of %s): this is the report of --at-limit",
	    at_limit_percent(&m), m.of, report_bytes(m.used).s, report_bytes(m.bytes).s);
	r->asked = true;
}

/* SIGUSR1 asks for one more; those of the interval come when they would have come. */
static bool report_due(struct run *r)
{
	uint64_t now = now_ns();
	bool asked = r->asked, due = r->next_report_ns && now >= r->next_report_ns;

	r->asked = false;
	if (due)
		r->next_report_ns = next_due(r->next_report_ns, r->o->interval_ns, now);
	return asked || due;
}

/* ---- what ends a trace ---------------------------------------------------------------------- */

static volatile sig_atomic_t told_to_end;	/* by a signal: the next one leaves at once, */
static volatile uint64_t told_ns;		/* if it is no echo of that */

/* The first signal after the end has come otherwise asks for what is being done. */
static void leave(int signo, bool from_terminal)
{
	if (!told_to_end) {
		told_ns = now_ns();
		told_to_end = true;
		return;
	}
	if (loop_is_echo(told_ns, from_terminal))
		return;
	outputs_abandon();
	signal(signo, SIG_DFL);
	raise(signo);
}

static void on_next(int signo, siginfo_t *si, void *context)
{
	leave(signo, si->si_code == SI_KERNEL);
}

/* The kernel removes the probes with us.  Not on SIGHUP: the kernel and the shell both send it when
 * a terminal closes. */
static void leave_on_next(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT };
	const struct sigaction at_once = { .sa_sigaction = on_next,
					    .sa_flags = SA_NODEFER | SA_RESTART | SA_SIGINFO };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], &at_once, NULL);
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_end(void *ctx, int signo, bool from_terminal)
{
	struct run *r = ctx;

	if (told_to_end) {
		if (signo != SIGHUP)
			leave(signo, from_terminal);
		return;
	}
	told_ns = now_ns();
	told_to_end = true;
	leave_on_next();
	/* The terminal has shown ^C there. */
	if (!clear_status() && from_terminal && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	/* Ctrl-C has reached the command as well, which ends as it sees fit. */
	if (r->o->command && from_terminal && signo != SIGHUP)
		say("waiting for the command to end; once more leaves at once");
	else
		r->stop = true;
}

static void on_ask(void *ctx, int signo, bool from_terminal)
{
	struct run *r = ctx;

	r->asked = true;
}

/* The final look and report do not end early: a signal that comes a second time, as SIGHUP does,
 * must not make them less than whole. */
static void end_in_peace(struct run *r)
{
	static const int none[] = { 0 };

	loop_interrupt_on(r->loop, none);
	loop_interrupt_at(r->loop, 0);
	leave_on_next();
}

static void check_gone(void *ctx)
{
	struct run *r = ctx;
	const char *why = r->stop ? NULL : process_gone(r->p);

	if (why)
		end_gone(r, why);
}

/* An exec does not show in a descriptor.  What does show is told by the next turn, together with the
 * signal that has ended a command and us, which must not look like an end by itself. */
static void check_exec(struct run *r)
{
	if (r->was_gone)
		check_gone(r);
	r->was_gone = process_gone(r->p);
}

/* Records that cannot wait: every turn of the loop takes what there is. */
static void on_turn(void *ctx)
{
}

static int open_loop(struct run *r)
{
	const struct ends ends = {
		.on_end = on_end, .on_ask = on_ask, .ctx = r,
	};

	return ends_open(&r->loop, &ends);
}

/* ---- the trace ------------------------------------------------------------------------------ */

/* The earlier of -d and COUNT; the last of COUNT reports is the final one. */
static uint64_t end_of(const struct opts *o, uint64_t start)
{
	uint64_t after = o->duration_ns, counted;

	if (o->count && o->interval_ns && !__builtin_mul_overflow(o->interval_ns, o->count,
								  &counted) &&
	    (!after || counted < after))
		after = counted;
	return after ? start + after : 0;
}

/* A stack is named soon after it was first seen: its binary may be overwritten when the process has
 * ended, and then it is too late. */
static void new_stack(void *ctx, const uint64_t *pcs, size_t n, bool cut)
{
	struct run *r = ctx;

	sites_get_probed(r->sites, pcs, n, cut);
}

static bool interrupted(void *ctx)
{
	struct run *r = ctx;

	return loop_interrupted(r->loop);
}

static int open_process(struct run *r, pid_t pid)
{
	const struct tracing_options opt = {
		.heap = r->o->heap, .goroutines = r->o->goroutines,
		.memory_bytes = r->o->memory_bytes, .interrupted = interrupted,
		.budget_percent = r->o->budget_percent, .source = r->o->source,
		.distance = r->o->distance, .min_cycles = r->o->min_cycles,
		.min_s = (double)r->o->min_time_ns / 1e9, .gc = r->o->gc,
		.older_ns = r->o->filter.older_ns, .older_cycles = r->o->filter.older_cycles,
		.new_stack = new_stack, .ctx = r,
	};
	struct sites_ops names;
	int err = process_open(&r->p, pid);

	if (err)
		return err;
	names_of(r->p, opt.memory_bytes / 100 * TYPES_PERCENT, &names);
	sites_new(&r->sites, &names, opt.memory_bytes / 100 * SITES_PERCENT);
	return tracing_new(&r->t, r->p, &opt);
}

static int attach(struct run *r, pid_t pid)
{
	uint64_t start = now_ns();
	int err = open_process(r, pid);

	if (!err)
		err = tracing_attach(r->t);
	if (err)
		return err;
	err = loop_add(r->loop, tracing_fd(r->t), on_turn, r);
	if (!err)
		err = loop_add(r->loop, target_pidfd(process_target(r->p)), check_gone, r);
	if (err) {
		say_error("process %d cannot be waited for: %s", (int)pid, strerror(-err));
		return err;
	}
	say_verbose("attached in %.0f ms, %zu probes", (double)(now_ns() - start) / 1e6,
		    tracing_plan(r->t)->n);
	r->end_ns = end_of(r->o, tracing_attach_ns(r->t));
	loop_interrupt_at(r->loop, r->end_ns);
	tracing_ends(r->t, r->end_ns);
	if (r->o->interval_ns)
		r->next_report_ns = tracing_attach_ns(r->t) + r->o->interval_ns;
	return 0;
}

/* -d in collections: when the last one comes nobody knew before, so that the last look at the heap
 * can only follow it. */
static void check_cycles(struct run *r)
{
	const uint64_t n = r->o->duration_cycles;
	uint64_t end_ns;

	if (r->counted && tracing_has_looked(r->t))
		r->stop = true;
	if (!n || r->stop || r->counted || tracing_cycles(r->t) < n)
		return;
	say_verbose("%" PRIu64 " collections have ended", tracing_cycles(r->t));
	r->counted = true;
	tracing_ends_soon(r->t, &end_ns);
	if (r->end_ns && r->end_ns < end_ns)
		tracing_ends(r->t, r->end_ns);
	else
		r->end_ns = end_ns;
	loop_interrupt_at(r->loop, r->end_ns);
}

/* A command that has just begun has no past to tell by. */
static void say_wait(const struct run *r)
{
	struct memory_account m = { 0 };
	char *text;

	if (r->o->command || !process_memory(r->p, &m))
		return;
	text = progress_wait(&m, target_age_s(process_target(r->p)), r->o->duration_cycles);
	if (text)
		say("collections are rare: %s", text);
	free(text);
}

static void say_begin(const struct run *r)
{
	const struct target *t = process_target(r->p);
	const uint64_t n = r->o->duration_cycles;

	if (n)
		say("tracing pid %d (%s) for %" PRIu64 " collection%s; Ctrl-C ends and reports",
		    (int)target_pid(t), target_comm(t), n, n == 1 ? "" : "s");
	else
		say("tracing pid %d (%s); Ctrl-C ends and reports", (int)target_pid(t),
		    target_comm(t));
	if (n)
		say_wait(r);
}

static void show_progress(struct run *r)
{
	struct tracing_status status;
	uint64_t now = now_ns();

	if (!progress_due(&r->progress, now))
		return;
	tracing_status(r->t, &status);
	progress_show(&r->progress, &status, now);
}

static int follow(struct run *r)
{
	int err = 0;

	/* Each collection of the target wakes us while it goes on. */
	procself_give_way();
	/* The terminal is the command's as well. */
	progress_begin(&r->progress, !r->o->command, r->end_ns, r->o->duration_cycles);

	while (!err && !r->stop) {
		err = loop_wait_until(r->loop, now_ns() + TICK_NS);
		if (r->end_ns && now_ns() >= r->end_ns)
			r->stop = true;
		if (!err && !r->stop)
			err = tracing_turn(r->t, false);
		check_cycles(r);
		check_exec(r);
		if (!err && !r->stop)
			check_limit(r);
		if (!err && !r->stop)
			show_progress(r);
		if (err || r->stop || loop_interrupted(r->loop) || !report_due(r))
			continue;
		err = tracing_turn(r->t, true);
		if (!err)
			err = interim_report(r);
	}
	return err;
}

static int trace_pid(struct run *r, pid_t pid)
{
	int err = attach(r, pid);

	if (r->o->command) {
		if (err)
			launch_abort(pid);
		else
			err = launch_continue(pid);
	}
	if (err)
		return err;
	say_begin(r);
	err = follow(r);
	clear_status();
	end_in_peace(r);
	if (!err)
		tracing_turn(r->t, true);
	tracing_detach(r->t);
	return err ? err : final_report(r);
}

static void put_heap_price(const struct opts *o, const struct budget_price *p,
			   const struct budget_choice *c)
{
	printf("every allocation: %.3g%% of one core (%.3g a second); ", p->heap, p->allocs);
	if (o->source == N_SOURCES)
		printf("with a budget of %g%% the source would be: %s\n", o->budget_percent,
		       source_names[c->heap]);
	else
		printf("whatever it costs the source would be: %s\n", source_names[c->heap]);
}

/* What following everything would take, and what would be done instead. */
static void put_price(struct run *r)
{
	struct budget_price p;
	struct budget_choice c;

	if (!tracing_price(r->t, DRY_RUN_NS, &p, &c)) {
		puts("what following everything would cost is not known: the runtime cannot be "
		     "read yet\n");
		return;
	}
	if (r->o->heap)
		put_heap_price(r->o, &p, &c);
	if (r->o->goroutines)
		printf("every goroutine: %.3g%% of one core (%.3g started a second); the source "
		       "would be: %s\n", p.goroutines, p.starts, source_names[c.goroutines]);
	puts("");
}

static int dry_run(struct run *r, pid_t pid)
{
	int err = open_process(r, pid);

	if (!err)
		put_price(r);
	if (!err) {
		plan_text(stdout, tracing_plan(r->t), process_bias(r->p));
		err = report_finish(stdout);
		if (err)
			say_error("stdout: the plan cannot be written: %s", strerror(-err));
	}
	if (r->o->command)
		launch_abort(pid);
	return err;
}

/* A command that has failed passes its exit code on, whatever else there is to say: a test that
 * fails must not turn green, nor into a leak. */
static int exit_status(const struct run *r, int err)
{
	if (r->command_status)
		return r->command_status;
	if (err && err != -EPIPE)
		return EXIT_FAILED;
	if (r->o->fail_on_leak && r->leaks)
		return EXIT_LEAK;
	if (r->gone)
		return EXIT_GONE;
	return r->o->fail_on_leak && r->early ? EXIT_EARLY : EXIT_DONE;
}

static int trace(const struct opts *o)
{
	struct run r = { .o = o, .at_limit.percent = o->at_limit };
	pid_t pid = o->pid;
	int err = o->suppress ? suppress_read(&r.suppress, o->suppress) : 0;

	if (!err)
		err = open_loop(&r);
	if (!err)
		err = outputs_open(&r.outputs, o->outputs, o->n_outputs, o->force);
	if (!err)
		outputs_interrupt(r.outputs, interrupted, &r);
	if (!err && o->command)
		err = launch(&pid, o->command);
	if (!err)
		err = o->dry_run ? dry_run(&r, pid) : trace_pid(&r, pid);
	outputs_close(r.outputs);
	tracing_free(r.t);
	sites_free(r.sites);
	suppress_free(r.suppress);
	process_close(r.p);
	loop_close(r.loop);
	return exit_status(&r, err);
}

const struct command cmd_trace = {
	.line = { "trace", CMD_TRACE, TAKES_PROCESS | TAKES_PROGRAM | TAKES_INTERVAL },
	.brief = "which call stacks hold live memory, and which start goroutines that stay",
	.usage = "[OPTIONS] -p PID [INTERVAL [COUNT]]\n"
		 "[OPTIONS] -- COMMAND [ARGUMENT...]",
	.help = "Trace the allocations and goroutines of a running Go process from outside: which\n"
		"call stacks hold live memory, and which go statements start goroutines that do\n"
		"not end. The final report comes on Ctrl-C, after -d, or when the process ends;\n"
		"SIGUSR1 asks for one in between. Exit codes: 0 done; 1 usage, could not attach,\n"
		"or the final report could not be written; 2 the process ended first (the report\n"
		"is still written); with --fail-on-leak 3 a leak, 4 too early to tell; its own\n"
		"with -- COMMAND, when that has ended.",
	.run = trace,
};
