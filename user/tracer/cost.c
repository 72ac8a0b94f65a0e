// SPDX-License-Identifier: BSD-2-Clause
/*
 * cost.c - what one hit costs the target: the trap, measured on ourselves, and the run time of the
 * program, measured by the kernel.
 */
#include "user/tracer/cost.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "user/base/util.h"
#include "user/tracer/plant.h"

/* The same kind of instruction as in the target: one that the kernel emulates. */
#if defined(__x86_64__)
extern void calibration_point(void);
__asm__(".pushsection .text\n"
	"calibration_point:\n"
	"	jmp 1f\n"
	"1:	ret\n"
	".popsection\n");
#define HAVE_CALIBRATION_POINT 1
#else
static void calibration_point(void) {}
#define HAVE_CALIBRATION_POINT 0
#endif

enum { CALIBRATION_CALLS = 2000, STATS_RUNS = 10000 };
#define STATS_NS 10000000000ull

static double ns_per_call(void)
{
	uint64_t start = now_ns();

	for (int i = 0; i < CALIBRATION_CALLS; i++)
		calibration_point();
	return (double)(now_ns() - start) / CALIBRATION_CALLS;
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

/* The program returns early for us, who are not the target: what is left is the trap. */
static void calibrate(struct cost *c)
{
	int64_t off = HAVE_CALIBRATION_POINT ? own_file_off((uintptr_t)calibration_point) : -1;
	__u64 offset = off;
	struct plant p;
	double bare, probed;

	if (off < 0)
		return;
	bare = ns_per_call();
	if (!plant(&p, c->prog_fd, "/proc/self/exe", getpid(), &offset, 1)) {
		probed = ns_per_call();
		c->trap_ns = probed > bare ? probed - bare : 0;
	}
	plant_remove(&p);
}

/* Measuring makes every run of every BPF program some ns dearer, so it ends when there is
 * enough. */
static void measure_runs(struct cost *c)
{
	c->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	c->stats_end_ns = now_ns() + STATS_NS;
}

static struct bpf_prog_info run_stats(const struct cost *c)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(c->prog_fd, &info, &len))
		info.run_cnt = 0;
	return info;
}

void cost_init(struct cost *c)
{
	*c = (struct cost){ .prog_fd = -1, .stats_fd = -1, .trap_ns = NAN };
}

void cost_start(struct cost *c, int prog_fd)
{
	c->prog_fd = prog_fd;
	calibrate(c);
	measure_runs(c);
}

void cost_tick(struct cost *c)
{
	if (c->stats_fd >= 0 &&
	    (now_ns() >= c->stats_end_ns || run_stats(c).run_cnt >= STATS_RUNS))
		cost_stop(c);
}

void cost_stop(struct cost *c)
{
	if (c->stats_fd >= 0)
		close(c->stats_fd);
	c->stats_fd = -1;
}

double cost_ns_per_hit(const struct cost *c)
{
	struct bpf_prog_info info = run_stats(c);

	return info.run_cnt ? c->trap_ns + (double)info.run_time_ns / (double)info.run_cnt : NAN;
}
