// SPDX-License-Identifier: BSD-2-Clause
/*
 * census.c - the census of a process and nothing else, for the tests and for what it costs.
 *
 * usage: census PID probe|poll|marks|cycles	prints "ready", then answers commands by a line of
 *						JSON each
 *
 * probe: with the two probes on a mark phase, as a trace takes it; poll: without, by looking;
 * marks, cycles: the same two, and every cycle is kept.  Commands: "report", what a report says of
 * the classes, our processor time and what the hits have cost the target; "allocs", what was
 * allocated by now; "cycles", those since the last such command; "off" and "on": nothing is done in
 * between.  Ends with stdin.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "include/gobpfleak.h"
#include "user/base/json.h"
#include "user/base/util.h"
#include "user/go/golayout.h"
#include "user/gomem/census.h"
#include "user/gomem/census_poll.h"
#include "user/model.h"
#include "user/probe/plan.h"
#include "user/process.h"
#include "user/tally.h"
#include "user/target.h"
#include "user/tracer/tracer.h"

enum { IDLE_NS = 1000000000, MAX_CYCLES = 100000 };

struct watcher {
	struct process *p;
	struct tally *tally;
	struct tracer *tracer;		/* NULL: without probes */
	bool off;
	struct census_poll *poll;	/* NULL: the tally looks */
	struct census_past past;
	struct census census;
	struct census_cycle *cycles;
	size_t n_cycles;
};

/* ---- with probes ----------------------------------------------------------------------------- */

static void add_mark(struct watcher *w, const struct census_mark *mark)
{
	if (w->n_cycles < MAX_CYCLES && census_add(&w->census, mark, &w->cycles[w->n_cycles]))
		w->n_cycles++;
}

static void read_mark(struct watcher *w, const struct gl_gcstart *rec)
{
	struct census_mark mark = { .gen = rec->gen, .time_ns = rec->time_ns };

	if (!census_read(process_gomem(w->p), rec->heapstats, &w->past, &mark))
		add_mark(w, &mark);
}

static void on_record(void *ctx, const struct gl_header *h)
{
	const struct gl_gcstart *rec = (const struct gl_gcstart *)h;
	struct watcher *w = ctx;

	if (h->kind != GL_REC_GCSTART || !rec->counted)
		return;
	if (w->cycles)
		read_mark(w, rec);
	else
		tally_mark(w->tally, rec->gen, rec->time_ns, rec->heapstats);
}

static int attach(const struct watcher *w)
{
	const struct target *t = process_target(w->p);

	return tracer_attach(w->tracer, TRACER_COLLECTOR, target_exe_path(t), target_pid(t));
}

static int open_tracer(struct watcher *w)
{
	const struct target *t = process_target(w->p);
	const struct go_layout *lo = process_layout(w->p);
	uint64_t heapstats, bias = process_bias(w->p);
	struct tracer_probe probes[GL_MAX_PROBES];
	struct gl_config config = {
		.tgid = (uint32_t)target_pid(t), .sweepgen_addr = lo->sweepgen + bias,
		.g_goid_off = lo->g_goid,
	};
	struct plan plan;
	size_t len, n = 0;
	int err;

	if (!census_place(process_gomem(w->p), &heapstats, &len) || len > GL_HEAPSTATS_BYTES)
		return -EBADMSG;
	config.heapstats_addr = heapstats;
	config.heapstats_len = (uint32_t)len;
	err = plan_make(&plan, process_gobin(w->p), &(struct plan_wants){ .goroutines = true });
	if (err)
		return err;
	for (size_t i = 0; i < plan.n; i++) {
		const struct plan_probe *p = &plan.probes[i];

		if (p->wire.kind != GL_PROBE_GCSTART && p->wire.kind != GL_PROBE_GCEND)
			continue;
		probes[n] = (struct tracer_probe){
			.row = p->wire, .group = TRACER_COLLECTOR, .file_off = p->file_off,
			.addr = p->vaddr + bias,
		};
		probes[n].row.id = (uint16_t)n;
		n++;
	}
	err = tracer_open(&w->tracer, &config, probes, n, on_record, w);
	plan_fini(&plan);
	return err ? err : attach(w);
}

/* ---- without --------------------------------------------------------------------------------- */

static int look(struct watcher *w, uint64_t *next_ns)
{
	struct census_mark mark;
	int seen;

	if (w->poll)
		seen = census_poll_look(w->poll, now_ns(), &mark, next_ns);
	else
		seen = tally_look(w->tally, now_ns(), next_ns);
	if (seen > 0 && w->poll)
		add_mark(w, &mark);
	return seen < 0 ? seen : 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void put_numbers(struct json *j, const char *key, const uint64_t *v)
{
	open_level(j, key, '[');
	for (unsigned i = 0; i < CENSUS_CLASSES; i++)
		field_u64(j, NULL, v[i]);
	close_level(j, ']');
}

static void put_class(struct json *j, const struct heap_class *c)
{
	open_level(j, NULL, '{');
	field_u64(j, "size", c->size);
	field_u64(j, "live_objects", c->live_objects);
	field_u64(j, "alloc_objects", c->alloc_objects);
	field_double(j, "rate", c->rate.value);
	field_double(j, "low", c->rate.low);
	field_double(j, "high", c->rate.high);
	close_level(j, '}');
}

static void put_report(const struct watcher *w, struct json *j)
{
	struct tracer_cost cost = { 0 };
	struct heap_census c;
	struct timespec cpu;

	if (w->tracer)
		tracer_cost(w->tracer, &cost);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	tally_fill(w->tally, &c);
	field_u64(j, "cycles", c.n_cycles);
	field_u64(j, "missed", c.n_missed);
	field_double(j, "cpu_s", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	field_double(j, "hits_s", cost.total_ns / 1e9);
	field_double(j, "alloc_span_s", c.alloc_span_s);
	open_level(j, "classes", '[');
	for (size_t i = 0; i < c.n_classes; i++)
		put_class(j, &c.classes[i]);
	close_level(j, ']');
	free(c.classes);
}

static void put_allocs(const struct watcher *w, struct json *j)
{
	struct census_reading r;
	int err = census_allocs(process_gomem(w->p), &r);

	if (err) {
		field_string(j, "error", strerror(-err));
		return;
	}
	field_u64(j, "begin_ns", r.begin_ns);
	field_u64(j, "end_ns", r.end_ns);
	put_numbers(j, "alloc", r.counts.n_alloc);
	put_numbers(j, "above", r.above);
	field_u64(j, "large_bytes", r.counts.large_alloc_bytes);
	field_u64(j, "large_bytes_above", r.large_bytes_above);
	field_u64(j, "tiny", r.counts.n_tiny);
}

static void put_cycles(struct watcher *w, struct json *j)
{
	field_u64(j, "missed", w->census.n_missed);
	open_level(j, "cycles", '[');
	for (size_t i = 0; i < w->n_cycles; i++) {
		const struct census_cycle *c = &w->cycles[i];

		open_level(j, NULL, '{');
		field_u64(j, "time_ns", c->time_ns);
		put_numbers(j, "live", c->live);
		put_numbers(j, "below", c->below);
		put_numbers(j, "above", c->above);
		close_level(j, '}');
	}
	close_level(j, ']');
	w->n_cycles = 0;
}

static int turn(struct watcher *w, bool off)
{
	bool was = w->off;

	w->off = off;
	if (!w->tracer || off == was)
		return 0;
	if (off)
		tracer_detach(w->tracer, TRACER_COLLECTOR);
	return off ? 0 : attach(w);
}

static void answer(struct watcher *w, const char *command)
{
	struct json j = { .out = stdout };

	open_level(&j, NULL, '{');
	if (!strcmp(command, "report\n"))
		put_report(w, &j);
	else if (!strcmp(command, "allocs\n"))
		put_allocs(w, &j);
	else if (!strcmp(command, "cycles\n"))
		put_cycles(w, &j);
	else if (!strcmp(command, "off\n") || !strcmp(command, "on\n"))
		field_i64(&j, "error", turn(w, command[1] == 'f'));
	else
		field_string(&j, "error", "no such command");
	close_level(&j, '}');
	putchar('\n');
	fflush(stdout);
}

/* ---------------------------------------------------------------------------------------------- */

/* Each command is one write of one line.  False: the end of stdin. */
static bool serve(struct watcher *w)
{
	char line[64];
	ssize_t n = read(STDIN_FILENO, line, sizeof(line) - 1);

	if (n <= 0)
		return false;
	line[n] = 0;
	answer(w, line);
	return true;
}

static int run(struct watcher *w)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = w->tracer ? tracer_fd(w->tracer) : -1, .events = POLLIN },
	};
	uint64_t next = 0;
	int err = 0;

	while (!err) {
		uint64_t now = now_ns(), wait = next > now ? next - now : 0;
		struct timespec ts = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };

		if (ppoll(fds, ARRAY_SIZE(fds), &ts, NULL) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents) {
			if (!serve(w))
				return 0;
			next = 0;
		}
		if (w->tracer) {
			err = tracer_drain(w->tracer);
			next = now_ns() + IDLE_NS;
			err = err > 0 ? 0 : err;
		} else if (w->off) {
			next = now_ns() + IDLE_NS;
		} else if (now_ns() >= next) {
			err = look(w, &next);
		}
	}
	return err;
}

int main(int argc, char **argv)
{
	struct watcher w = { 0 };
	const char *mode = argc == 3 ? argv[2] : "";
	int err;

	prctl(PR_SET_TIMERSLACK, 1);
	if (argc != 3 || process_open(&w.p, atoi(argv[1])) || process_check(w.p))
		return 1;
	tally_new(&w.tally, process_gomem(w.p), now_ns());
	if (!strcmp(mode, "cycles"))
		census_poll_new(&w.poll, process_gomem(w.p));
	if (w.poll || !strcmp(mode, "marks"))
		w.cycles = xcalloc(MAX_CYCLES, sizeof(*w.cycles));
	err = !strcmp(mode, "probe") || !strcmp(mode, "marks") ? open_tracer(&w) : 0;
	if (!err) {
		puts("ready");
		fflush(stdout);
		err = run(&w);
	}
	if (err)
		fprintf(stderr, "census: %s\n", strerror(-err));
	tracer_close(w.tracer);
	census_poll_free(w.poll);
	tally_free(w.tally);
	process_close(w.p);
	free(w.cycles);
	return err ? 1 : 0;
}
