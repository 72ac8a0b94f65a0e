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

#include "user/base/util.h"
#include "user/findings.h"
#include "user/launch.h"
#include "user/model.h"
#include "user/opts.h"
#include "user/output.h"
#include "user/probe/plan_text.h"
#include "user/report/report.h"
#include "user/session.h"
#include "user/target.h"
#include "user/tracer/tracer.h"

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
	struct session s;
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
	struct findings *f = findings_make(&r->s);
	int err = 0;

	if (r->n_reports++ && !r->o->output && r->o->format == report_find("text"))
		putchar('\n');		/* between two reports on a terminal */

	for (int i = 0; i < N_OUTPUTS; i++) {
		struct rendering x = { report_find(how[i].format), f, { r->o->top, how[i].value } };
		int e = r->out[i] ? output_write(r->out[i], render, &x) : 0;

		err = err ? err : e;
	}
	findings_free(f);
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
	const char *why = target_gone(r->s.target);

	if (!why)
		return;
	say("process %d has %s; the report tells what was seen before",
	    (int)target_pid(r->s.target), why);
	r->s.gone = r->stop = true;
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
			else if (ev[i].data.fd == target_pidfd(r->s.target))
				check_gone(r);
		}
		if (r->stop)
			break;
		err = session_update(&r->s, false);
		if (!err && report_due(r)) {
			session_update(&r->s, true);
			err = report(r);
		}
	}
	return err;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int attach(struct run *r, pid_t pid)
{
	uint64_t start = now_ns();
	int err = session_open(&r->s, pid, r->o->heap, r->o->goroutines);

	if (!err)
		err = session_attach(&r->s);
	if (!err)
		err = watch(r, tracer_fd(r->s.tracer));
	if (!err)
		err = watch(r, target_pidfd(r->s.target));
	if (err)
		return err;
	say_verbose("attached in %.0f ms, %zu probes", (double)(now_ns() - start) / 1e6,
		    r->s.plan.n);
	if (r->o->duration_ns)
		r->end_ns = r->s.attach_ns + r->o->duration_ns;
	if (r->o->interval_ns)
		r->next_report_ns = r->s.attach_ns + r->o->interval_ns;
	if (r->o->interval_ns && r->o->count)	/* the last of them is the final one */
		r->end_ns = r->s.attach_ns + r->o->count * r->o->interval_ns;
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
	say("tracing pid %d (%s); Ctrl-C ends and reports", (int)pid, target_comm(r->s.target));
	err = loop(r);
	if (!err)
		session_update(&r->s, true);
	session_detach(&r->s);
	return err ? err : report(r);
}

static int dry_run(struct run *r, pid_t pid)
{
	int err = session_open(&r->s, pid, r->o->heap, r->o->goroutines);

	if (!err)
		plan_text(stdout, &r->s.plan, r->s.bias);
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
	session_close(&r.s);
	close(r.epoll);
	close(r.timer);
	close(r.signals);
	return r.result;
}
