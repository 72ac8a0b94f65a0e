// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_watching.c - watching.h: what is told of a process over days, whose collector and memory are
 * made up here.
 */
#include "user/watching.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "user/base/util.h"
#include "user/gomem/census.h"
#include "user/gomem/census_poll.h"
#include "user/gomem/gomem.h"
#include "user/heapview.h"
#include "user/memlimit.h"
#include "user/model.h"
#include "user/process.h"
#include "user/target.h"
#include "user/watched.h"

#define S 1000000000ull
#define HOUR (3600 * S)
#define START (1000 * S)

enum { CLASS = 5, OBJECT = 48, CYCLE_S = 240 };

/* ---- the process ----------------------------------------------------------------------------- */

static double (*live)(double hours);	/* objects of the class */
static double (*goroutines)(double hours);
static const char *gone;
static uint64_t now;
static int failure;			/* of a look at the collector */
static uint64_t last_alloc, last_live;
static uint32_t gen;
static double cycle_s = CYCLE_S, rarer = 1;	/* until the next collection, and each next one */

static double hours(uint64_t ns)
{
	return (double)(ns - START) / (double)HOUR;
}

void census_poll_new(struct census_poll **out, struct gomem *gm)
{
	*out = NULL;
}

void census_poll_free(struct census_poll *p) {}

/* A collection at each look; garbage besides. */
int census_poll_look(struct census_poll *p, uint64_t now_ns, struct census_mark *mark,
		     uint64_t *next_ns)
{
	*mark = (struct census_mark){ .gen = gen += 2, .time_ns = now_ns };
	mark->counts.n_free[CLASS] = last_alloc - last_live;
	last_live = (uint64_t)live(hours(now_ns));
	last_alloc += 1000000;
	mark->counts.n_alloc[CLASS] = last_alloc;
	*next_ns = now_ns + (uint64_t)(cycle_s * 1e9);
	cycle_s *= rarer;
	return failure ? failure : 1;
}

bool census_add(struct census *c, const struct census_mark *mark, struct census_cycle *out)
{
	bool whole = c->begun;

	*out = (struct census_cycle){ .gen = c->last.gen, .time_ns = c->last.time_ns };
	out->live[CLASS] = c->last.counts.n_alloc[CLASS] - mark->counts.n_free[CLASS];
	out->bytes = out->live[CLASS] * OBJECT;
	c->begun = true;
	c->last = *mark;
	return whole;
}

int census_read(struct gomem *gm, const uint8_t *raw, struct census_past *past,
		struct census_mark *mark)
{
	return -EAGAIN;
}

int census_allocs(struct gomem *gm, struct census_reading *out)
{
	return -EAGAIN;
}

int gomem_sweepgen(struct gomem *gm, uint32_t *out)
{
	*out = gen;
	return 0;
}

/* Processor time of ours is what readings of the table are said to take. */
static uint64_t cpu, reading_cpu;
static size_t n_readings;

int clock_gettime(clockid_t clock, struct timespec *out)
{
	*out = (struct timespec){ .tv_sec = (time_t)(cpu / S), .tv_nsec = (long)(cpu % S) };
	return 0;
}

/* Of one go statement, all older ones stay. */
int gomem_goroutines(struct gomem *gm, bool with_stacks, const struct goroutines_limits *limits,
		     struct goroutines *out)
{
	size_t n = (size_t)goroutines(hours(now));

	cpu += reading_cpu;
	n_readings++;
	*out = (struct goroutines){ .v = xcalloc(n, sizeof(*out->v)), .n = n };
	for (size_t i = 0; i < n; i++)
		out->v[i] = (struct goroutine){ .goid = i + 1, .gopc = 0x4010, .startpc = 0x4000,
						.state = i % 8 ? "chan send" : "running" };
	return 0;
}

void goroutines_free(struct goroutines *gs)
{
	free(gs->v);
}

struct gomem *process_gomem(const struct process *p) { return NULL; }
struct target *process_target(const struct process *p) { return NULL; }
pid_t target_pid(const struct target *t) { return 1; }
double target_age_s(const struct target *t) { return NAN; }
const char *process_gone(struct process *p) { return gone; }
int process_check(struct process *p) { return 0; }

void process_describe(const struct process *p, struct target_info *out)
{
	*out = (struct target_info){ .pid = 1 };
}

bool process_memory(struct process *p, struct memory_account *out)
{
	*out = (struct memory_account){ .known = true, .rss = 100 << 20,
					.live_heap = last_live * OBJECT };
	return true;
}

static bool mapped;

void process_mappings(struct process *p, struct memory_account *m)
{
	if (!mapped)
		return;
	m->mapped_known = true;
	m->not_resident = 7 << 20;
}

int memlimit_read(const char *root, pid_t pid, struct memlimit *out)
{
	return -ENOENT;
}

/* ---- what it does ---------------------------------------------------------------------------- */



/* It is watched for so long; when it was first called a leak, or NAN, and as what it ended. */
static double watch(double for_hours, enum verdict *last)
{
	const struct watching_options opt = { .min_cycles = 12, .min_s = 180,
					      .memory_bytes = 1 << 20 };
	struct watching *w;
	double leak = NAN;
	uint64_t next;

	last_alloc = last_live = gen = 0;
	now = START;
	watching_new(&w, NULL, &opt, now);
	while (hours(now) < for_hours) {
		if (watching_turn(w, now, &next) > 0) {
			*last = watching_told(w)->verdict;
			if (*last == VERDICT_LEAK && isnan(leak))
				leak = hours(now);
		}
		assert_true(next > now);
		now = next;
	}
	watching_free(w);
	return leak;
}

static double none(double h) { return 40; }
static double flat(double h) { return 400000; }
static double from_begin(double h) { return 400000 + 20000 * h; }
static double from_tenth_hour(double h) { return 400000 + (h > 10 ? 30000 * (h - 10) : 0); }
static double for_six_hours(double h) { return 400000 + 30000 * fmin(h, 6); }
/* As much again every eight hours; by chance a little more than before. */
static double by_shift(double h)
{
	return 400000 + 400000 * fmax(0, sin(h / 8 * 2 * M_PI)) + 1000 * sin(h / 3);
}

/* A heap that grows is collected ever more rarely; a leak of it is told after a dozen. */
static void test_rare(void **state)
{
	enum verdict last;

	live = from_begin;
	goroutines = none;
	cycle_s = 10;
	rarer = 1.4;
	assert_in_range((uint64_t)(watch(1, &last) * 60), 10, 59);
	cycle_s = 10;
	live = flat;
	assert_true(isnan(watch(1, &last)));
	cycle_s = CYCLE_S;
	rarer = 1;
}

/* A leak by the census is none once two looks know that it is a map's overflow buckets. */
static void test_known(void **state)
{
	const struct watching_options opt = { .min_cycles = 12, .min_s = 180,
					      .memory_bytes = 1 << 20 };
	struct heap_size size = { OBJECT, 9 };
	struct heap_type type = { .name = "map[int]int", .part = "buckets", .sizes = &size,
				  .n_sizes = 1 };
	struct heap_row row = { .type = &type, .before = &type };
	const struct heap_view view = { .rows = &row, .n_rows = 1 };
	struct watching *w;
	uint64_t next;

	row.amount.objects_per_s = (struct estimate){ 5, 4, 6, 0 };
	row.amount.bytes_per_s = (struct estimate){ 240, 192, 288, 0 };
	live = from_begin;			/* 267 bytes a second */
	goroutines = none;
	last_alloc = last_live = gen = 0;
	now = START;
	watching_new(&w, NULL, &opt, now);
	for (; hours(now) < 2; now = next)
		assert_true(watching_turn(w, now, &next) >= 0);
	watching_judge(w, now);
	assert_int_equal(watching_told(w)->verdict, VERDICT_LEAK);
	watching_know(w, &view);
	watching_judge(w, now);
	assert_int_equal(watching_told(w)->verdict, VERDICT_GROWING);
	watching_know(w, NULL);
	watching_judge(w, now);
	assert_int_equal(watching_told(w)->verdict, VERDICT_LEAK);
	watching_free(w);
}

static double goroutines_late(double h) { return 40 + (h > 10 ? 60 * (h - 10) : 0); }

static void test_days(void **state)
{
	enum verdict last;

	live = flat;
	goroutines = none;
	assert_true(isnan(watch(6, &last)));
	assert_int_equal(last, VERDICT_STEADY);
	live = from_begin;
	assert_in_range((uint64_t)(watch(4, &last) * 60), 12, 60);
	assert_int_equal(last, VERDICT_LEAK);
	live = from_tenth_hour;			/* seen within hours */
	assert_in_range((uint64_t)watch(14, &last), 10, 12);
	assert_int_equal(last, VERDICT_LEAK);
	live = for_six_hours;			/* and that it has come to an end */
	assert_true(watch(9, &last) < 1);
	assert_in_range(last, VERDICT_STEADY, VERDICT_PLATEAU);
}

/* What comes and goes is as large as it has been: but for the first time, which nobody can tell
 * from a leak. */
static void test_load(void **state)
{
	enum verdict last;
	double first;

	live = by_shift;
	goroutines = none;
	first = watch(8 * 4, &last);
	assert_true(isnan(first) || first < 3);
	assert_int_not_equal(last, VERDICT_LEAK);
}

static void test_goroutines(void **state)
{
	enum verdict last;

	live = flat;
	goroutines = goroutines_late;
	assert_in_range((uint64_t)watch(14, &last), 10, 12);
	assert_int_equal(last, VERDICT_LEAK);
}

static double goroutines_soon(double h) { return 40 + 3000 * h; }

/* A long table, of which each reading takes so much: a leak is seen soon all the same, and it is
 * read every few minutes. */
static void test_long_table(void **state)
{
	enum verdict last;
	size_t first;

	live = flat;
	goroutines = goroutines_soon;
	reading_cpu = 23 * S / 1000;		/* 32,000 goroutines */
	assert_in_range((uint64_t)(watch(1, &last) * 60), 2, 8);
	goroutines = none;
	reading_cpu = 72 * S / 1000;		/* a hundred thousand */
	n_readings = 0;
	watch(1, &last);
	first = n_readings;
	n_readings = 0;
	watch(2, &last);
	assert_in_range(n_readings - first, 20, 26);
	reading_cpu = 0;
}

/* What of Go's is not in RAM is told as it was when the mappings were read. */
static void test_mappings(void **state)
{
	const struct watching_options opt = { .min_cycles = 12, .min_s = 180,
					      .memory_bytes = 1 << 20 };
	struct watching *w;
	uint64_t next;

	live = flat;
	goroutines = none;
	mapped = true;
	now = START;
	watching_new(&w, NULL, &opt, now);
	for (; now < START + 300 * S; now = next)
		assert_true(watching_turn(w, now, &next) >= 0);
	assert_true(watching_told(w)->memory.mapped_known);
	mapped = false;
	for (; now < START + 600 * S; now = next)
		assert_true(watching_turn(w, now, &next) >= 0);
	assert_false(watching_told(w)->memory.mapped_known);
	assert_int_equal(watching_told(w)->memory.not_resident, 7 << 20);
	watching_free(w);
}

/* Without the census goroutines and memory are watched; an error that stays is the end, one that
 * does not is none. */
static void test_errors(void **state)
{
	const struct watching_options opt = { .min_cycles = 12, .min_s = 180,
					      .memory_bytes = 1 << 20 };
	enum verdict last;
	struct watching *w;
	uint64_t next;
	int err = 0;

	live = flat;
	goroutines = goroutines_late;
	failure = -ENOTSUP;
	assert_in_range((uint64_t)watch(14, &last), 10, 12);
	failure = -EFAULT;
	now = START;
	watching_new(&w, NULL, &opt, now);
	for (; !err && now < START + 1000 * S; now = next)
		err = watching_turn(w, now, &next) < 0 ? -EFAULT : 0;
	assert_int_equal(err, -EFAULT);
	assert_in_range(now, START + 50 * S, START + 70 * S);
	failure = 0;
	gone = "exited";
	now += 20 * S;
	assert_int_equal(watching_turn(w, now, &next), -ESRCH);
	watching_judge(w, now);
	assert_string_equal(watching_told(w)->gone, "exited");
	assert_true(watching_told(w)->memory.rss == 100 << 20);
	gone = NULL;
	watching_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days), cmocka_unit_test(test_load),
		cmocka_unit_test(test_rare), cmocka_unit_test(test_known),
		cmocka_unit_test(test_goroutines), cmocka_unit_test(test_long_table),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
