// SPDX-License-Identifier: BSD-2-Clause
/*
 * trace.c - one process from attach to the final report: one epoll loop over the ring, a timer, the
 * signals and the process's pidfd.
 */
#include "user/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/findings.h"
#include "user/launch.h"
#include "user/model.h"
#include "user/names.h"
#include "user/observation.h"
#include "user/opts.h"
#include "user/output.h"
#include "user/probe/plan.h"
#include "user/probe/plan_text.h"
#include "user/process.h"
#include "user/report/report.h"
#include "user/sites.h"
#include "user/target.h"
#include "user/tracing.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_GONE = 2,
	TICK_NS = 20000000,		/* the ring is drained that often */
	GONE_CHECK_TICKS = 10,		/* an exec shows in /proc only: looked for that often */
};

enum { OUT_MAIN, OUT_PPROF, OUT_PPROF_GOROUTINES, OUT_JSON, N_OUTPUTS };

struct run {
	const struct opts *o;
	struct process *p;
	struct tracing *t;
	struct sites *sites;
	struct output *out[N_OUTPUTS];
	int epoll, timer, signals;
	uint64_t end_ns, next_report_ns;	/* 0: none */
	unsigned n_reports, ticks;
	bool stop;			/* the final report is due */
	int result;
};

/* ---- reports -------------------------------------------------------------------------------- */

struct rendering {
	const struct report_format *format;
	const struct findings *f;
	struct report_options opt;
};

static int render(FILE *out, void *ctx)
{
	const struct rendering *r = ctx;

	return r->format->write(out, r->f, &r->opt);
}

static int open_outputs(struct run *r)
{
	const char *const paths[N_OUTPUTS] = { r->o->output, r->o->pprof, r->o->pprof_goroutines,
					       r->o->json };
	int err = 0;

	for (int i = 0; i < N_OUTPUTS && !err; i++)
		if (i == OUT_MAIN || paths[i])
			err = output_open(&r->out[i], paths[i], r->o->force);
	return err;
}

static int report(struct run *r)
{
	const struct { const char *format, *value; } how[N_OUTPUTS] = {
		{ r->o->format->name,
		  r->o->format == report_find("folded") ? r->o->value : NULL },
		{ "pprof", "heap" }, { "pprof", "goroutine" }, { "json", NULL },
	};
	struct observation *o = tracing_observe(r->t);
	struct findings *f = findings_make(o, r->sites);
	int err = 0;

	if (r->n_reports++ && !r->o->output && r->o->format == report_find("text"))
		putchar('\n');		/* between two reports on a terminal */

	for (int i = 0; i < N_OUTPUTS; i++) {
		struct rendering x = { report_find(how[i].format), f, { r->o->top, how[i].value } };
		int e = r->out[i] ? output_write(r->out[i], render, &x) : 0;

		err = err ? err : e;
	}
	findings_free(f);
	observation_free(o);
	return err;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static int watch(struct run *r, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_loop(struct run *r)
{
	const struct itimerspec tick = { .it_interval.tv_nsec = TICK_NS,
					 .it_value.tv_nsec = TICK_NS };
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);	/* a closed pipe ends us quietly, with -EPIPE */
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r->epoll < 0 || r->timer < 0 || r->signals < 0 ||
	    timerfd_settime(r->timer, 0, &tick, NULL)) {
		say_error("no timer or signal descriptor: %s", strerror(errno));
		return -errno;
	}
	err = watch(r, r->timer);
	return err ? err : watch(r, r->signals);
}

/* A second signal leaves at once: the kernel removes the probes with us. */
static void on_signal(struct run *r)
{
	struct signalfd_siginfo si;
	sigset_t set;

	while (read(r->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGUSR1) {
			r->next_report_ns = now_ns();
			continue;
		}
		r->stop = true;
		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
	}
}

static void check_gone(struct run *r)
{
	const char *why = process_gone(r->p);

	if (!why)
		return;
	say("process %d has %s; the report tells what was seen before",
	    (int)target_pid(process_target(r->p)), why);
	r->stop = true;
	/* a command that was followed to its end did what it was started for */
	if (!r->o->command || r->o->duration_ns)
		r->result = EXIT_GONE;
}

static void on_tick(struct run *r)
{
	uint64_t now, expirations;

	if (read(r->timer, &expirations, sizeof(expirations)) < 0)
		return;
	now = now_ns();
	if (r->end_ns && now >= r->end_ns)
		r->stop = true;
	if (!r->stop && ++r->ticks % GONE_CHECK_TICKS == 0)
		check_gone(r);
}

static bool report_due(struct run *r)
{
	uint64_t now = now_ns();

	if (r->stop || !r->next_report_ns || now < r->next_report_ns)
		return false;
	while (r->next_report_ns && r->next_report_ns <= now)
		r->next_report_ns = r->o->interval_ns ? r->next_report_ns + r->o->interval_ns : 0;
	return true;
}

static int loop(struct run *r)
{
	struct epoll_event ev[8];
	int err = 0;

	while (!r->stop && !err) {
		int n = epoll_wait(r->epoll, ev, ARRAY_SIZE(ev), -1);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == r->signals)
				on_signal(r);
			else if (ev[i].data.fd == r->timer)
				on_tick(r);
			else if (ev[i].data.fd == target_pidfd(process_target(r->p)))
				check_gone(r);
		}
		if (r->stop)
			break;
		err = tracing_turn(r->t, false);
		if (!err && report_due(r)) {
			tracing_turn(r->t, true);
			err = report(r);
		}
	}
	return err;
}

/* ---- the command ---------------------------------------------------------------------------- */

static void new_stack(void *ctx, const uint64_t *pcs, size_t n, bool cut)
{
	struct run *r = ctx;

	sites_get(r->sites, pcs, n, SITE_FOLD | (cut ? SITE_CUT : 0));
}

static int open_process(struct run *r, pid_t pid)
{
	const struct tracing_options opt = {
		.heap = r->o->heap, .goroutines = r->o->goroutines,
		.memory_bytes = DEFAULT_MEMORY, .new_stack = new_stack, .ctx = r,
	};
	struct sites_ops names;
	int err = process_open(&r->p, pid);

	if (err)
		return err;
	names_of(r->p, &names);
	sites_new(&r->sites, &names, DEFAULT_MEMORY / 100 * SITES_PERCENT);
	return tracing_new(&r->t, r->p, &opt);
}

static int attach(struct run *r, pid_t pid)
{
	uint64_t start = now_ns();
	int err = open_process(r, pid);

	if (!err)
		err = tracing_attach(r->t);
	if (!err)
		err = watch(r, tracing_fd(r->t));
	if (!err)
		err = watch(r, target_pidfd(process_target(r->p)));
	if (err)
		return err;
	say_verbose("attached in %.0f ms, %zu probes", (double)(now_ns() - start) / 1e6,
		    tracing_plan(r->t)->n);
	if (r->o->duration_ns)
		r->end_ns = tracing_attach_ns(r->t) + r->o->duration_ns;
	if (r->o->interval_ns)
		r->next_report_ns = tracing_attach_ns(r->t) + r->o->interval_ns;
	if (r->o->interval_ns && r->o->count)	/* the last of them is the final one */
		r->end_ns = tracing_attach_ns(r->t) + r->o->count * r->o->interval_ns;
	return 0;
}

static int follow(struct run *r, pid_t pid)
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
	say("tracing pid %d (%s); Ctrl-C ends and reports", (int)pid, target_comm(process_target(r->p)));
	err = loop(r);
	if (!err)
		tracing_turn(r->t, true);
	tracing_detach(r->t);
	return err ? err : report(r);
}

static int dry_run(struct run *r, pid_t pid)
{
	int err = open_process(r, pid);

	if (!err)
		plan_text(stdout, tracing_plan(r->t), process_bias(r->p));
	if (r->o->command)
		launch_abort(pid);
	return err;
}

int trace(const struct opts *o)
{
	struct run r = { .o = o, .epoll = -1, .timer = -1, .signals = -1 };
	pid_t pid = o->pid;
	int err = open_outputs(&r);

	if (!err)
		err = open_loop(&r);
	if (!err && o->command)
		err = launch(&pid, o->command);
	if (!err)
		err = o->dry_run ? dry_run(&r, pid) : follow(&r, pid);
	if (err && err != -EPIPE)
		r.result = EXIT_FAILED;
	for (int i = 0; i < N_OUTPUTS; i++)
		output_close(r.out[i]);
	tracing_free(r.t);
	sites_free(r.sites);
	process_close(r.p);
	close(r.epoll);
	close(r.timer);
	close(r.signals);
	return r.result;
}
