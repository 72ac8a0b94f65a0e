// SPDX-License-Identifier: BSD-2-Clause
/*
 * cost.c - what hits cost the target.
 *
 * Two things can be measured without the target: what the trap costs, on ourselves, in a loop, and
 * the mean time that the program takes, by the kernel (bpf_enable_stats).  Their sum is right for a
 * target that does little besides, such as a loop that allocates.  In a service the way into the
 * kernel and out again is not in the caches when it is needed, and what the target needs has left
 * them meanwhile: there the sum is 5 to 30 % too low.
 *
 * So it is looked how often the target is found in a trap, 162 times a second on every processor
 * (found.c).  What is found, times the period, is the time in traps, but for their end: interrupts
 * are off there until the kernel has returned, so that the clock strikes behind it.  That part is
 * known from a loop, in which 0.76 of the time is found where 0.955 really goes (Linux 6.18, 2
 * processors of AMD Zen 3, virtual).
 *
 * What the caches cost the target itself, after the trap, is not found there.  By the processor
 * time that a process takes with and without probes, for as much work, it is a quarter of the excess
 * that the traps have over the sum: one that knows both was within 4 % for a service of HTTP and
 * JSON and for the node exporter, where the sum alone was 15 to 28 % too low.
 *
 * A few samples say little, so until there are many an excess is assumed that is common: 16, 16, 16,
 * 18, 20, 24 and 28 % in seven programs of Go 1.19 to 1.27 that made 30,000 to 400,000 hits a second
 * (the same machine).
 *
 * The clock costs as well: 200 interrupts a second and processor took 4 % of the throughput of a
 * program that hands a channel on 50,000 times a second (the same machine).  So it runs only while
 * hits take more than that is worth; below, the common excess is off by less than the budget.
 */
#include "user/tracer/cost.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/tracer/plant.h"

/* The same kinds of instructions as in the target: one that the kernel emulates, and one that it
 * has to step. */
#if defined(__x86_64__)
extern void calibration_point(void);
extern void calibration_ret(void);
__asm__(".pushsection .text\n"
	"calibration_point:\n"
	"	jmp 1f\n"
	"1:\n"
	"calibration_ret:\n"
	"	ret\n"
	".popsection\n");
#define HAVE_CALIBRATION_POINT 1
#else
static void calibration_point(void) {}
static void calibration_ret(void) {}
#define HAVE_CALIBRATION_POINT 0
#endif

enum {
	SLICES = 100, CALLS_PER_SLICE = 20,
	STATS_RECORDED = 5000,		/* hits whose runs are enough */
	STATS_OTHERS = 1000,		/* for each of them: too many, */
	STATS_AGAIN = 100,		/* until so many more were recorded */
};
#define STATS_NS 60000000000ull		/* or what there is by then */
#define LEAST_STATS_NS 1000000000ull	/* the first hits are dearer than others */
#define RUNS_NS 100000000ull		/* between two readings of them */

#define DROPPED_TO_TRAP 1.03		/* what sampling adds to a trap, see tests/bench */
#define COMMON_RUN_NS 500.0		/* of a hit that is recorded, */
#define COMMON_RUNS 100			/* as if so many had been measured */
#define OTHER_RUN_NS 40.0		/* the kernel's figure of a run that records nothing */
#define UNFOUND_OF_TRAP 0.185		/* the share of a trap in a loop that is not found */
#define CACHES_OF_EXCESS 0.25		/* see above */
#define COMMON_EXCESS 0.18		/* of traps over the sum, */
#define COMMON_SAMPLES 20		/* as if it had been found in so many samples */
#define LEAST_MULTIPLE 0.8		/* a loop is the least that there is, but for chance */
#define CLOCK_NS 1000000000ull		/* over which it is seen what hits take: */
#define CLOCK_ON 0.04			/* this part of a core, and the clock starts; */
#define CLOCK_OFF 0.02			/* and it stops */

static double thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/*
 * The lower quartile of short slices of processor time: neither what runs besides us nor what
 * interrupts us is in it.  With both processors taken by others, 40 calibrations differ by 8 %
 * around 690 ns; one long loop by the clock on the wall once took 7331.
 */
static double ns_per_call(void)
{
	double slices[SLICES];

	for (int i = 0; i < SLICES; i++) {
		double start = thread_cpu_ns();

		for (int k = 0; k < CALLS_PER_SLICE; k++)
			calibration_point();
		slices[i] = (thread_cpu_ns() - start) / CALLS_PER_SLICE;
	}
	qsort(slices, SLICES, sizeof(*slices), by_value);
	return slices[SLICES / 4];
}

/* File offset of an address of our own code; -1: not found. */
static int64_t own_file_off(uintptr_t addr)
{
	unsigned long start, end, off;
	int64_t found = -1;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && found < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx %*s %lx", &start, &end, &off) == 3 &&
		    addr >= start && addr < end)
			found = (int64_t)(addr - start + off);
	if (f)
		fclose(f);
	return found;
}

/* The program has no row for this place and returns: what is left is the trap. */
static double measure_trap(const struct cost *c, void (*point)(void))
{
	int64_t off = HAVE_CALIBRATION_POINT ? own_file_off((uintptr_t)point) : -1;
	__u64 offset = off;
	const struct place place = { "/proc/self/exe", getpid(), &offset, 1 };
	double bare, probed, trap = NAN;
	struct plant p;

	if (off < 0)
		return NAN;
	bare = ns_per_call();
	if (!plant(&p, c->setup.prog_fds[0], &place)) {
		probed = ns_per_call();
		trap = probed > bare ? probed - bare : 0;
	}
	plant_abandon(&p);
	return trap;
}

static void read_runs(const struct cost *c, uint64_t *n, uint64_t *ns)
{
	*n = *ns = 0;
	for (int i = 0; i < 2; i++) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (c->setup.prog_fds[i] < 0 ||
		    bpf_obj_get_info_by_fd(c->setup.prog_fds[i], &info, &len))
			continue;
		*n += info.run_cnt;
		*ns += info.run_time_ns;
	}
}

void cost_init(struct cost *c)
{
	*c = (struct cost){ .setup = { .prog_fds = { -1, -1 }, .found_fd = -1 }, .stats_fd = -1,
			    .stats_done = true, .trap_ns = NAN, .step_ns = NAN, .run_ns = NAN };
}

/* Measuring makes every run of every BPF program some 40 ns dearer, which is the twentieth of a hit
 * that is dropped; so it ends when there is enough, and pauses where hardly any is recorded.  If
 * the whole system measures, our own hits are in the figures. */
static void start_stats(struct cost *c, uint64_t recorded)
{
	read_runs(c, &c->stats_runs, &c->stats_run_ns);
	c->stats_recorded = recorded;
	c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	c->stats_done = c->stats_fd < 0;
	c->stats_begin_ns = now_ns();
}

static void stop_stats(struct cost *c)
{
	if (c->stats_fd >= 0)
		close(c->stats_fd);
	c->stats_fd = -1;
}

void cost_start(struct cost *c, const struct cost_setup *setup)
{
	c->setup = *setup;
	c->trap_ns = measure_trap(c, calibration_point);
	if (c->setup.stepped)
		c->step_ns = measure_trap(c, calibration_ret);
	start_stats(c, 0);
	c->clock_ns = now_ns();
}

void cost_second(struct cost *c, int prog_fd)
{
	c->setup.prog_fds[1] = prog_fd;
}

/* The runs that recorded something are those that take time; how many others there were. */
static uint64_t take_runs(struct cost *c, const struct cost_counts *now)
{
	const uint64_t recorded = now->recorded - c->stats_recorded;
	uint64_t n, ns;

	read_runs(c, &n, &ns);
	n -= c->stats_runs;
	ns -= c->stats_run_ns;
	if (n < recorded)
		return 0;
	if (recorded) {
		c->run_ns = ((double)ns - (double)(n - recorded) * OTHER_RUN_NS) / (double)recorded;
		c->n_runs = recorded;
	}
	if (c->run_ns < 0)
		c->run_ns = 0;
	return n - recorded;
}

static bool enough_stats(const struct cost *c, uint64_t recorded, uint64_t time)
{
	const uint64_t took = time - c->stats_begin_ns;

	return took >= STATS_NS || (recorded >= STATS_RECORDED && took >= LEAST_STATS_NS);
}

static void tick_stats(struct cost *c, const struct cost_counts *now, uint64_t time)
{
	const uint64_t recorded = now->recorded - c->stats_recorded;
	const bool first = recorded && isnan(c->run_ns);	/* at once: it may be the last, too */

	if (c->stats_done || (time < c->runs_next_ns && !first))
		return;
	c->runs_next_ns = time + RUNS_NS;
	if (c->stats_fd < 0) {
		if (recorded >= STATS_AGAIN || first)
			start_stats(c, now->recorded);
		return;
	}
	if (take_runs(c, now) >= STATS_OTHERS * (recorded + 1)) {
		stop_stats(c);
		c->stats_recorded = now->recorded;
	} else if (enough_stats(c, recorded, time)) {
		stop_stats(c);
		c->stats_done = true;
	}
}

/* 0 of what costs who knows what cost nothing. */
static double cost_of(uint64_t n, double price)
{
	return n ? (double)n * price : 0;
}

static double dropped_ns(const struct cost *c)
{
	return c->trap_ns * DROPPED_TO_TRAP;
}

/* A program that hardly allocates finds nothing of ours in the caches: the first hits took ten times
 * what those did that followed in a window. */
static double next_run_ns(const struct cost *c)
{
	return ((double)c->n_runs * c->run_ns + COMMON_RUNS * COMMON_RUN_NS) /
	       (double)(c->n_runs + COMMON_RUNS);
}

static double sum_of(const struct cost *c, const struct cost_counts *n)
{
	return cost_of(n->recorded, c->trap_ns + c->run_ns) + cost_of(n->others, dropped_ns(c)) +
	       cost_of(n->stepped, c->step_ns - c->trap_ns);
}

/* What there was while the clock ran. */
static struct cost_counts clocked(const struct cost *c, const struct cost_counts *now)
{
	struct cost_counts n = c->clocked;

	if (c->finding) {
		n.recorded += now->recorded - c->clock_from.recorded;
		n.others += now->others - c->clock_from.others;
		n.found += now->found - c->clock_from.found;
	}
	return n;
}

static void start_clock(struct cost *c, const struct cost_counts *now)
{
	c->clock_from = *now;
	c->finding = found_start(&c->found, c->setup.found_fd);
	if (!c->finding)
		c->setup.found_fd = -1;
}

static void stop_clock(struct cost *c, const struct cost_counts *now)
{
	c->clocked = clocked(c, now);
	c->finding = false;
	found_stop(&c->found);
}

/* Where the stepped instruction lies, the target is not found. */
static void tick_clock(struct cost *c, const struct cost_counts *now, uint64_t time)
{
	double sum, share;

	if (c->setup.stepped || c->setup.found_fd < 0 || time - c->clock_ns < CLOCK_NS)
		return;
	sum = sum_of(c, now);
	share = (sum - c->clock_sum) / (double)(time - c->clock_ns);	/* maybe NAN */
	c->clock_sum = sum;
	c->clock_ns = time;
	if (!c->finding && share > CLOCK_ON)
		start_clock(c, now);
	else if (c->finding && share < CLOCK_OFF)
		stop_clock(c, now);
}

void cost_tick(struct cost *c, const struct cost_counts *now)
{
	uint64_t time = now_ns();

	tick_stats(c, now, time);
	tick_clock(c, now, time);
}

void cost_stop(struct cost *c)
{
	stop_stats(c);
	c->stats_done = true;
	found_stop(&c->found);
}

/* What hits really cost, as a multiple of the sum. */
static double multiple_of(const struct cost *c, const struct cost_counts *now)
{
	const double assumed = COMMON_SAMPLES * (double)FOUND_PERIOD_NS;
	const struct cost_counts n = clocked(c, now);
	const double unfound = (double)(n.recorded + n.others) * UNFOUND_OF_TRAP * c->trap_ns;
	double in_traps = (double)n.found * FOUND_PERIOD_NS + unfound, sum = sum_of(c, &n), found;

	if (!(sum > 0))
		in_traps = sum = 0;
	found = (in_traps + assumed * (1 + COMMON_EXCESS)) / (sum + assumed);
	if (found > 1)
		return found + CACHES_OF_EXCESS * (found - 1);
	return found > LEAST_MULTIPLE ? found : LEAST_MULTIPLE;
}

void cost_get(const struct cost *c, const struct cost_counts *now, struct cost_prices *out)
{
	const double times = multiple_of(c, now);

	*out = (struct cost_prices){
		.recorded = times * (c->trap_ns + next_run_ns(c)), .dropped = times * dropped_ns(c),
		.unheard = times * c->trap_ns, .total_ns = times * sum_of(c, now),
	};
}
