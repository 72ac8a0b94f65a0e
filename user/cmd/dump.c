// SPDX-License-Identifier: BSD-2-Clause
/*
 * dump.c - one look at a process: memory, goroutines, and the runtime's own profile of the heap.
 */
#include "user/cmd/cmd.h"

#include <errno.h>
#include <string.h>

#include "user/base/limits.h"
#include "user/base/util.h"
#include "user/cmd/ends.h"
#include "user/findings.h"
#include "user/glance.h"
#include "user/loop.h"
#include "user/names.h"
#include "user/observation.h"
#include "user/output.h"
#include "user/process.h"
#include "user/sites.h"
#include "user/suppress.h"
#include "user/target.h"

struct run {
	const struct opts *o;
	struct loop *loop;
	struct outputs *outputs;
	struct process *p;
	struct sites *sites;
	struct suppress *suppress;
};

static bool interrupted(void *ctx)
{
	struct run *r = ctx;

	return loop_interrupted(r->loop);
}

static void on_end(void *ctx, int signo, bool from_terminal)
{
}

static int open_loop(struct run *r)
{
	const struct ends ends = { .on_end = on_end, .ctx = r };

	return ends_open(&r->loop, &ends);
}

static int say_failed(const struct run *r, int err)
{
	const struct target *t = process_target(r->p);

	if (err == -EINTR)
		say_error("told to end before the look was over: there is no report");
	else if (err == -EAGAIN)
		say_error("process %d has just been started and has no heap yet: try again",
			  (int)target_pid(t));
	else
		target_say_unreadable(t, err);
	return err;
}

static int look(struct run *r, struct observation **o)
{
	const struct glance_options opt = {
		.heap = r->o->heap, .goroutines = r->o->goroutines, .gc = r->o->gc,
		.memory_bytes = r->o->memory_bytes, .interrupted = interrupted, .ctx = r,
	};
	struct sites_ops names;
	int err = process_open(&r->p, r->o->pid);

	if (err)
		return err;
	names_of(r->p, opt.memory_bytes / 100 * TYPES_PERCENT, &names);
	sites_new(&r->sites, &names, opt.memory_bytes / 100 * SITES_PERCENT);
	err = glance(r->p, &opt, o);
	return err ? say_failed(r, err) : 0;
}

static int report(struct run *r, struct observation *o)
{
	struct findings *f;
	int err;

	o->suppress = r->suppress;
	o->filter = r->o->filter;
	f = findings_make(o, r->sites);
	err = outputs_write(r->outputs, f, r->o->top);
	if (err == -ENODATA)
		say_error("process %d: its runtime's memory profiler is off, as in every program "
			  "that does not ask for its own profile: there is nothing to write of its "
			  "heap; gobpfleak heap shows its types, gobpfleak trace what is allocated "
			  "from now on", o->target.pid);
	if (r->suppress)
		suppress_say_unused(r->suppress);
	findings_free(f);
	return err;
}

static int dump(const struct opts *o)
{
	struct run r = { .o = o };
	struct observation *seen = NULL;
	int err = o->suppress ? suppress_read(&r.suppress, o->suppress) : 0;

	if (!err)
		err = open_loop(&r);
	if (!err)
		err = outputs_open(&r.outputs, o->outputs, o->n_outputs, o->force);
	if (!err)
		outputs_interrupt(r.outputs, interrupted, &r);
	if (!err)
		err = look(&r, &seen);
	if (!err)
		err = report(&r, seen);
	observation_free(seen);
	outputs_close(r.outputs);
	sites_free(r.sites);
	suppress_free(r.suppress);
	process_close(r.p);
	loop_close(r.loop);
	return err && err != -EPIPE ? EXIT_FAILED : EXIT_DONE;
}

const struct command cmd_dump = {
	.line = { "dump", CMD_DUMP, TAKES_PROCESS },
	.brief = "one look: memory, goroutines, the runtime's own heap profile; no probes",
	.usage = "dump [OPTIONS] -p PID",
	.help = "Look at a running Go process once from outside: its memory, its goroutines by\n"
		"state and by what started them, with how long they have been blocked, and the\n"
		"runtime's own profile of the heap, where the program has it on (as with\n"
		"net/http/pprof). No probe is planted, nothing is stopped, nothing is written.\n"
		"Exit codes: 0 done; 1 usage, or no look was possible, or there was nothing to\n"
		"write.",
	.run = dump,
};
